"""Up to when call records have come in, and which of their files are missing."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage import files
from storage.database import Connection
from storage.files import Gap


class Completeness(NamedTuple):
    """`until_at`: everything that happened before has come, as far as anybody can tell.

    None before the first file. `gaps` are files that the numbering of others says exist.
    """

    until_at: datetime | None
    gaps: tuple[Gap, ...]


async def completeness(connection: Connection) -> Completeness:
    """How complete the calls are: until the last file, or until a file began to be missed."""
    last_at = await connection.fetchval("select max(done_at) from ingest_file")
    gaps = tuple(await files.gaps(connection))
    missed_at = min((gap.noticed_at for gap in gaps), default=None)
    if last_at is None or missed_at is None:
        return Completeness(last_at, gaps)
    return Completeness(min(last_at, missed_at), gaps)
