"""Names of call-record files as Cisco UCM gives them.

`tag_clusterId_nodeId_datetime_sequence`, no extension, datetime in UTC to the minute (CDR Analysis
and Reporting guide). The cluster id may itself hold digits, dots, hyphens and underscores, so a
name is read from the right.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pbx.port import FileName, RecordKind

_NAME = re.compile(r"^(cdr|cmr)_(.+)_(\d{1,3})_(\d{12})_(\d{1,18})$", re.ASCII | re.IGNORECASE)


def parse_name(name: str) -> FileName | None:
    """Read a file name; None for one still being written (`_` in front) or not of this form."""
    found = _NAME.match(name)
    if found is None:
        return None
    kind, cluster, node, stamp, sequence = found.groups()
    try:
        written_at = datetime.strptime(stamp, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    lowered: RecordKind = "cdr" if kind.lower() == "cdr" else "cmr"
    return FileName(lowered, cluster, int(node), written_at, int(sequence))
