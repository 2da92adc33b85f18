"""One call in full, for whoever may see it: when it rang and ended, and why it cost what it cost.

What explains a price names the dialled digits again and again; none that is hidden in the list
leaves this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rating.trace import Trace
from storage.call_rows import CallFilter, CallId, question
from storage.database import Connection
from storage.seen_calls import SeenCall, one
from storage.traces import call_trace
from storage.viewer import Viewer

HIDDEN = "*"


@dataclass(frozen=True, slots=True)
class CallDetails:
    """A row of the list with what only its own page shows. Instants in UTC.

    `trace` has no digit of the number but those the list shows. `same` says whether it comes to the
    stored cost; it does not where the dial plan has changed since. `department`, `cost_centre` and
    `office` are those the person was in then.
    """

    call: SeenCall
    originated_at: datetime
    ended_at: datetime
    call_duration_s: int
    hunt_pilot: str
    queued_s: int
    department: str
    cost_centre: str
    office: str
    trace: Trace
    same: bool


async def details(connection: Connection, viewer: Viewer, call: CallId) -> CallDetails | None:
    """The call, where the viewer may see this row of it."""
    asked = await question(connection, viewer, CallFilter(id=call))
    seen = await one(connection, viewer, call)
    explained = await call_trace(connection, UUID(call.key))
    if asked is None or seen is None or explained is None:
        return None
    row = await connection.fetchrow(
        f"select c.*, u.department, u.cost_centre, u.office from ({asked.rows()}) c"  # noqa: S608 - our own text
        " left join unit u on u.id = c.unit_id",
        *asked.values,
    )
    if row is None:
        return None
    return CallDetails(
        call=seen,
        trace=_without_digits(explained.trace, seen.number),
        same=explained.same,
        department=row["department"] or "",
        cost_centre=row["cost_centre"] or "",
        office=row["office"] or "",
        **{
            name: row[name]
            for name in ("originated_at", "ended_at", "call_duration_s", "hunt_pilot", "queued_s")
        },
    )


def _without_digits(trace: Trace, shown: str) -> Trace:
    number = trace.number._replace(raw=shown, e164="", steps=(), rated_as="", dialled="")
    hidden = shown.count(HIDDEN)
    digits = trace.number.rated_as or trace.number.e164.removeprefix("+")
    prefix = trace.charge.prefix[: max(0, len(digits) - hidden)]
    prefix += HIDDEN * (len(trace.charge.prefix) - len(prefix))
    return trace._replace(number=number, candidates=(), charge=trace.charge._replace(prefix=prefix))
