"""Calls as one viewer may see them: whose they are kept to, and outside numbers masked.

A call belongs to who owned its extension when it was made, and to the department, cost centre and
office that person was in. Numbers leave this module masked; nothing a page is given has the hidden
digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from asyncpg import Record

from storage.call_rows import CallFilter, CallId, CallType, question
from storage.database import Connection
from storage.day_totals import NO_CALLS, ONCE, Figures, Span, company_figures
from storage.viewer import Viewer
from telephony.calls import Direction
from telephony.privacy import mask, masked_digits, national

COUNTED_UP_TO = 10_000
"""Matches of a filter are counted no further: beyond this a page says *more than*."""


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A row of a list of calls. `number` is masked; `gateway` is None for an internal call.

    `name` is the last and first name of who had the extension then. `cost` in `currency`.
    """

    id: CallId
    type: CallType
    direction: Direction
    answered: bool
    extension: str
    person_id: int | None
    name: str
    number: str
    started_at: datetime
    duration_s: int
    ring_s: int
    cost: Decimal
    currency: str
    gateway: str | None
    destination: str
    unrated: bool

    @property
    def is_internal(self) -> bool:
        """Whether the number is one of the company's own, which is never masked."""
        return self.direction == "internal"


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of calls, newest first. `total` rows in all, at most `COUNTED_UP_TO` and one.

    `figures` are those of the rows counted, each call once.
    """

    rows: tuple[SeenCall, ...] = ()
    total: int = 0
    number: int = 1
    figures: Figures = NO_CALLS

    @property
    def is_more(self) -> bool:
        """Whether there are more matches than were counted."""
        return self.total > COUNTED_UP_TO


SHOWN = """
select c.key::text as key, c.party, c.direction, c.answered, c.extension, c.person_id,
       p.first_name, p.last_name, p.login, c.number, c.e164, c.started_at, c.duration_s, c.ring_s,
       c.cost, c.currency, g.name as gateway, c.destination, c.unrated,
       coalesce(p.masked_digits, mine.masked_digits, s.masked_digits) as masked,
       coalesce(mine.country, s.country) as masked_country, s.country
  from ({calls}) c
  left join gateway g on g.id = c.gateway_id
  left join person p on p.id = c.person_id
  left join site mine on mine.id = p.site_id
  left join site s on s.id = coalesce(
       c.site_id, (select id from site order by position, id limit 1))
 order by c.started_at desc, c.key, c.party
"""
"""Rows of `call`, given as `{calls}`, with what is needed to show them; newest first."""

_COUNTED = """
  with counted as materialized (
       select c.key, c.party, c.direction, c.answered, c.cost, c.duration_s, c.call_duration_s,
              c.ring_s
         from ({calls}) c)
select (select count(*) from counted), once.* from ({once}) once
"""


def shown_number(row: Record) -> str:
    """An outside number as a page may show it; `row` has what `SHOWN` selects of it."""
    return mask(national(row["number"], row["e164"], row["country"] or ""), _hidden(row))


def shown_abroad(row: Record) -> str:
    """The same number as it is written abroad, masked alike; empty where it has no such form."""
    return mask(row["e164"], _hidden(row))


def _hidden(row: Record) -> int:
    if row["masked"] is None:
        return masked_digits(row["masked_country"] or row["country"] or "")
    return int(row["masked"])


def _seen(row: Record) -> SeenCall:
    values: dict[str, Any] = dict(row)
    internal = row["direction"] == "internal"
    name = f"{row['last_name'] or ''} {row['first_name'] or ''}".strip() or row["login"] or ""
    missed = not internal and not row["answered"]
    kept = ("direction", "answered", "person_id", "started_at", "duration_s", "ring_s", "cost")
    return SeenCall(
        id=CallId(row["key"], row["party"]),
        type="missed" if missed else values["direction"],
        extension=row["extension"] or "",
        name=name,
        number=row["number"] if internal else shown_number(row),
        gateway=None if internal else row["gateway"] or "",
        currency=row["currency"],
        destination=row["destination"],
        unrated=row["unrated"],
        **{key: values[key] for key in kept},
    )


async def last(
    connection: Connection, viewer: Viewer, limit: int, wanted: CallFilter | None = None
) -> list[SeenCall]:
    """The newest calls a viewer sees; an internal call has a row for each side that is seen."""
    asked = await question(connection, viewer, wanted)
    if asked is None:
        return []
    query = SHOWN.format(calls=asked.rows(f"limit ${asked.add(limit)}"))
    return [_seen(row) for row in await connection.fetch(query, *asked.values)]


async def page(
    connection: Connection, viewer: Viewer, wanted: CallFilter, number: int, size: int
) -> CallPage:
    """One page of the calls a filter means, newest first.

    `number` counts from 1; one beyond the last page means the last.
    """
    asked = await question(connection, viewer, wanted)
    if asked is None:
        return CallPage()
    once = ONCE.format(talk=_talk(viewer), calls="counted")
    counted = _COUNTED.format(calls=asked.rows(f"limit {COUNTED_UP_TO + 1}"), once=once)
    row = await connection.fetchrow(counted, *asked.values)
    total, counts = (row[0], Figures(*row[1:])) if row else (0, NO_CALLS)
    number = max(1, min(number, -(-min(total, COUNTED_UP_TO) // size)))
    upto = asked.rows(f"limit {min(number * size, COUNTED_UP_TO)}")
    cut = f"select c.* from ({upto}) c order by c.started_at desc, c.key, c.party offset {(number - 1) * size}"  # noqa: S608, E501
    rows = await connection.fetch(SHOWN.format(calls=cut), *asked.values)
    return CallPage(tuple(_seen(row) for row in rows), total, number, counts)


async def one(connection: Connection, viewer: Viewer, call: CallId) -> SeenCall | None:
    """One row, where the viewer may see it."""
    return next(iter(await last(connection, viewer, 1, CallFilter(id=call))), None)


async def figures(connection: Connection, viewer: Viewer, span: Span) -> Figures:
    """The calls a viewer sees that started within `span`, each counted once.

    The conversation of one's own calls is one's own share of them; of others', the whole call's.
    """
    if viewer.breadth == "all":
        return await company_figures(connection, span)
    asked = await question(connection, viewer, CallFilter(span[0], span[1]))
    if asked is None:
        return NO_CALLS
    row = await connection.fetchrow(
        ONCE.format(talk=_talk(viewer), calls=f"({asked.rows()})"), *asked.values
    )
    return Figures(*row) if row else NO_CALLS


def _talk(viewer: Viewer) -> str:
    return "c.duration_s" if viewer.breadth == "own" else "c.call_duration_s"


async def gateway_names(connection: Connection) -> list[str]:
    """What people read of the gateways, each name once."""
    rows = await connection.fetch("select name from gateway group by name order by lower(name)")
    return [row["name"] for row in rows]
