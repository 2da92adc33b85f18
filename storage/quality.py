"""Voice quality: the CMR rows of a call's legs.

A phone or gateway reports its own side at the end of a call; the report names the call and the leg
identifier of that side (the CDR's originating or destination leg).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from storage.database import Connection
from telephony.merge import SAME_CALL_S


class Quality(NamedTuple):
    """What one side of a call heard. `mos` is MLQK, 1 to 5, where the endpoint measured it."""

    device: str
    mos: Decimal | None
    jitter_ms: int
    latency_ms: int
    packets_lost: int
    packets_received: int


async def of_calls(
    connection: Connection, call_keys: Sequence[str]
) -> dict[str, tuple[Quality, ...]]:
    """The reports of each call's first leg and of the legs with its call id, by call key."""
    rows = await connection.fetch(
        """
        select distinct first.pkid::text as key, c.device, c.mos, c.jitter_ms, c.latency_ms,
               c.packets_lost, c.packets_received, c.pkid
        from leg first
        join leg l on l.pkid = first.pkid
            or (first.call_no <> 0 and l.call_no = first.call_no and l.node = first.node
                and l.cluster = first.cluster and abs(l.originated - first.originated) <= $2)
        join cmr c on c.call_identifier in (l.orig_leg, l.dest_leg) and c.call_identifier <> 0
            and c.call_no = l.call_no and c.node = l.node and c.cluster = l.cluster
            and abs(c.stamped - l.disconnected) <= $2
        where first.pkid = any($1::uuid[])
        order by key, c.device, c.pkid
        """,
        call_keys,
        SAME_CALL_S,
    )
    found: dict[str, tuple[Quality, ...]] = {}
    for row in rows:
        report = Quality(*tuple(row)[1:7])
        found[row["key"]] = (*found.get(row["key"], ()), report)
    return found
