"""What the whole company did day by day, made once, so that nobody adds up a month of calls.

Totals are those of UTC days and count a call once. Whoever stores or changes calls reopens their
days in the same transaction; a day that is open is added up from its calls, so a figure is exact at
every instant, whether or not anybody has closed its days. Days are closed when they have passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from storage.database import Connection
from telephony.money import ZERO

Span = tuple[datetime, datetime]
"""From an instant, included, to another, excluded."""


class Figures(NamedTuple):
    """Calls in figures, each call once; money in the company's currency, seconds in all.

    `missed` are calls to us that nobody answered; `talk_s` is the conversation of the answered
    ones, `ring_s` how long all of them rang.
    """

    calls: int = 0
    answered: int = 0
    missed: int = 0
    cost: Decimal = ZERO
    talk_s: int = 0
    ring_s: int = 0

    def plus(self, other: Figures) -> Figures:
        """Both together."""
        return Figures(
            self.calls + other.calls,
            self.answered + other.answered,
            self.missed + other.missed,
            self.cost + other.cost,
            self.talk_s + other.talk_s,
            self.ring_s + other.ring_s,
        )

    @property
    def unreached(self) -> int:
        """Calls of ours that nobody answered."""
        return self.calls - self.answered - self.missed

    @property
    def average_talk_s(self) -> int:
        """The mean conversation of an answered call, rounded half up; 0 without any."""
        return (2 * self.talk_s + self.answered) // (2 * self.answered) if self.answered else 0

    @property
    def average_ring_s(self) -> int:
        """How long a call rang on average, rounded half up; 0 without any."""
        return (2 * self.ring_s + self.calls) // (2 * self.calls) if self.calls else 0


NO_CALLS = Figures()

ONCE = """
    select count(*), count(*) filter (where answered),
           count(*) filter (where called and not answered),
           coalesce(sum(cost), 0), coalesce(sum(talk_s) filter (where answered), 0)::bigint,
           coalesce(sum(ring_s), 0)::bigint
      from (select bool_or(c.answered) as answered,
                   bool_or(c.direction = 'incoming' or (c.direction = 'internal' and c.party > 0))
                       as called,
                   sum(c.cost) as cost, max({talk}) as talk_s, max(c.ring_s) as ring_s
              from {calls} c group by c.key) once
"""
"""Figures of rows of `call`, each call once; `{talk}` is its conversation, `{calls}` the rows."""


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


async def reopen(connection: Connection, instants: Iterable[datetime]) -> None:
    """Say that calls which started at these instants have changed."""
    # Updating a mark that is there keeps whoever closes the day waiting for this transaction.
    await connection.execute(
        """
        insert into day_open (day) select unnest($1::date[])
        on conflict (day) do update set changed_at = excluded.changed_at
        """,
        sorted({_day(at) for at in instants}),
    )


async def open_days(
    connection: Connection, before: date, *, quiet: timedelta = timedelta()
) -> list[date]:
    """Days before this one that wait to be closed, the latest first.

    With `quiet` only those nobody has reopened for so long.
    """
    rows = await connection.fetch(
        "select day from day_open where day < $1 and changed_at <= now() - $2::interval"
        " order by day desc",
        before,
        quiet,
    )
    return [row["day"] for row in rows]


async def close(connection: Connection, day: date) -> None:
    """Make a day's totals anew. A transaction of its own: it holds the day while it adds up."""
    await connection.execute("delete from day_open where day = $1", day)
    await connection.execute("delete from day_total where day = $1", day)
    figures = await _added_up(connection, [(_midnight(day), _midnight(day + timedelta(days=1)))])
    if figures.calls:
        await connection.execute(
            "insert into day_total values ($1, $2, $3, $4, $5, $6, $7)", day, *figures
        )


async def company_figures(connection: Connection, span: Span) -> Figures:
    """Everybody's calls that started within `span`, whatever days are closed."""
    from_at, until_at = span
    first = _day(from_at) + timedelta(days=from_at > _midnight(_day(from_at)))
    rows = await connection.fetch(
        """
        select t.* from day_total t
         where t.day >= $1 and t.day < $2
           and not exists (select from day_open o where o.day = t.day)
         order by t.day
        """,
        first,
        _day(until_at),
    )
    closed = [row["day"] for row in rows]
    figures = await _added_up(connection, _between(span, closed))
    for row in rows:
        figures = figures.plus(Figures(*list(row.values())[1:]))
    return figures


def _between(span: Span, closed: Sequence[date]) -> list[Span]:
    """What of `span` lies outside the closed days, in order."""
    spans: list[Span] = []
    at, until_at = span
    for day in closed:
        if at < _midnight(day):
            spans.append((at, _midnight(day)))
        at = _midnight(day + timedelta(days=1))
    return [*spans, (at, until_at)] if at < until_at else spans


_SPANS = """(select c.* from unnest($1::timestamptz[], $2::timestamptz[]) s(from_at, until_at)
             join call c on c.started_at >= s.from_at and c.started_at < s.until_at)"""


# Of everybody's calls every row is there, so the one that is counted says it all: the rows agree
# on whether it was answered. Nothing is sorted by call, which would take twice as long.
_COUNTED = f"""
    select count(*) filter (where c.counted), count(*) filter (where c.counted and c.answered),
           count(*) filter (where not c.answered
                              and (c.direction = 'incoming' and c.counted
                                   or c.direction = 'internal' and c.party = 1)),
           coalesce(sum(c.cost), 0),
           coalesce(sum(c.call_duration_s) filter (where c.counted and c.answered), 0)::bigint,
           coalesce(sum(c.ring_s) filter (where c.counted), 0)::bigint
      from {_SPANS} c
"""  # noqa: S608 - our own text


async def _added_up(connection: Connection, spans: Sequence[Span]) -> Figures:
    row = await connection.fetchrow(
        _COUNTED,
        [span[0] for span in spans],
        [span[1] for span in spans],
    )
    return Figures(*row) if row else Figures()
