"""The second half of reports by hand: rows that are meant become lists, groups, totals."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from facts_by_hand import (
    DAY_S,
    Books,
    Question,
    Row,
    in_scope,
    is_in_group,
    local,
    mean,
    meant,
    number_key,
    rounded,
    share,
    value_of,
)

from reports.fields import FIELDS
from storage.facts.ask import Order

Key = tuple[Any, ...]
_TIMELY = {"date", "month", "hour", "weekday"}


@dataclass
class Counted:
    """A row that is meant: whether it is the one its call counts by, whether we were called."""

    row: Row
    once: bool
    called: bool
    talk_s: int
    back_s: int | None = None


@dataclass
class Result:
    """What a report must say. `groups` by what tells them apart; `listed` in order."""

    columns: tuple[str, ...]
    sides: int
    calls: int
    totals: dict[str, Any]
    listed: list[tuple[Any, ...]]
    listed_rows: list[Row]
    groups: dict[Key, dict[str, Any]]
    shown: dict[Key, list[set[Any]]]
    members: dict[Key, list[Row]]


def by_hand(books: Books, asked: Question) -> Result:
    """Answer a question."""
    rows = meant(books, asked)
    wants_back = "called_back_after" in asked.columns or any(
        "called_back" in name for name in asked.columns
    )
    back = called_back(books, asked, rows) if wants_back else {}
    if not asked.by:
        return _list(books, asked, rows, back)
    counted = within_group(books, asked, count(asked, rows, back))
    whole = figures(counted, asked)
    members: dict[Key, list[Counted]] = defaultdict(list)
    for one in counted:
        members[group_of(books, one.row, asked)].append(one)
    groups = {
        key: figures(inside, asked, whole)
        for key, inside in members.items()
        if any(one.once for one in inside)
    }
    shown = {
        key: [
            {value_of(books, one.row, name, asked.zone) for one in inside} for name in asked.by
        ]
        for key, inside in members.items()
    }  # fmt: skip
    return Result(
        (*asked.by, *asked.columns), len(counted), sum(one.once for one in counted),
        {name: whole[name] for name in asked.columns}, [], [], groups, shown,
        {key: [one.row for one in inside if tells(one)] for key, inside in members.items()},
    )  # fmt: skip


def group_of(books: Books, row: Row, asked: Question) -> Key:
    """What tells a row's group from others: the number itself, the login, else what is shown."""

    def part(name: str) -> Any:
        if name == "number":
            return number_key(row)
        return value_of(books, row, "login" if name == "person" else name, asked.zone)

    return tuple(part(name) for name in asked.by)


def count(asked: Question, rows: Iterable[Row], back: dict[int, int]) -> list[Counted]:
    """Say of each row whether its call counts by it: by the first of its rows that are meant."""
    own = asked.each_side or asked.viewer.breadth == "own"
    rows = list(rows)
    if asked.report.subject == "quality":
        return [Counted(row, once=True, called=True, talk_s=0) for row in rows]
    of_call: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        of_call[row["key"]].append(row)
    found: list[Counted] = []
    for row in rows:
        sides = [row] if asked.each_side else of_call[row["key"]]
        first = min(sides, key=lambda one: (not one["counted"], one["party"]))
        called = row["direction"] == "incoming" or (
            row["direction"] == "internal" and any(one["party"] > 0 for one in sides)
        )
        talk_s = row["duration_s"] if own else row["call_duration_s"]
        found.append(Counted(row, row is first, called, talk_s, back.get(id(row))))
    return found


def tells(one: Counted) -> bool:
    """Whether a row has a part in its group's figures."""
    return one.once or bool(one.row.get("cost"))


def within_group(books: Books, asked: Question, counted: list[Counted]) -> list[Counted]:
    """What of the rows tells of the group the question is narrowed to; all where it is not."""
    options = asked.options
    if asked.report.subject == "quality" or (options.like is None and not options.within):
        return counted
    if options.most is not None and not asked.by:
        return counted
    return [one for one in counted if tells(one) and is_in_group(books, one.row, asked)]


def called_back(books: Books, asked: Question, rows: Iterable[Row]) -> dict[int, int]:
    """The missed calls whose number was called within a day by somebody seen, and how soon."""
    outgoing: dict[str, list[Row]] = defaultdict(list)
    for row in books.tables["call"]:
        if row["direction"] == "outgoing" and row["e164"] and in_scope(books, row, asked.viewer):
            outgoing[row["e164"]].append(row)
    found: dict[int, int] = {}
    for row in rows:
        if row["direction"] == "incoming" and not row["answered"] and row["e164"]:
            after = [
                int((other["started_at"] - row["started_at"]).total_seconds())
                for other in outgoing[row["e164"]]
            ]
            soon = [seconds for seconds in after if 0 <= seconds <= DAY_S]
            if soon:
                found[id(row)] = min(soon)
    return found


def _list(books: Books, asked: Question, rows: list[Row], back: dict[int, int]) -> Result:
    def value(row: Row, name: str) -> Any:
        if name == "called_back_after":
            return back.get(id(row))
        return value_of(books, row, name, asked.zone)

    if asked.report.subject == "calls":
        rows = sorted(rows, key=lambda row: (str(row["key"]), row["party"]))
    rows = sorted(rows, key=lambda row: value(row, "started_at"), reverse=True)
    for order in reversed(order_of(asked)):
        rows = in_order(
            rows, lambda row, name=order.column: rank(name, value(row, name)), order.falling
        )
    if asked.options.most is not None:
        rows = rows[: asked.options.most]
    counted = within_group(books, asked, count(asked, rows, back))
    rows = [one.row for one in counted]
    whole = figures(counted, asked)
    of_calls = ("calls", "total_duration", "total_cost")
    names = of_calls if asked.report.subject == "calls" else ("reports",)
    return Result(
        asked.columns, len(rows), sum(one.once for one in counted),
        {name: whole[name] for name in names},
        [tuple(value(row, name) for name in asked.columns) for row in rows], rows, {}, {}, {},
    )  # fmt: skip


def in_order(rows: list[Any], key: Any, falling: bool) -> list[Any]:
    """A stable sort in which what has no value comes last either way."""
    there = [row for row in rows if key(row) is not None]
    return [
        *sorted(there, key=key, reverse=falling),
        *(row for row in rows if key(row) is None),
    ]


NAMES = frozenset({
    "person", "login", "department", "cost_centre", "office", "site", "gateway", "operator", "area",
    "hunt_group", *(f"custom_{number}" for number in range(1, 11)),
})  # fmt: skip


def rank(column: str, value: Any) -> Any:
    """Where a value stands in its column: names by letters, then accents, small ones first."""
    if column not in NAMES or value is None:
        return value
    apart = unicodedata.normalize("NFD", value)
    letters = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return letters.casefold(), apart.casefold(), letters.swapcase()


def order_of(asked: Question) -> list[Order]:
    """The report's order as far as its columns are shown; else by time, else the largest first."""
    there = {*asked.columns, *asked.by}
    kept = [one for one in asked.report.order if one.column in there]
    if kept or not asked.by:
        return kept
    timely = [name for name in asked.by if FIELDS[name].kind in _TIMELY]
    return [Order(name) for name in timely] or [Order(asked.columns[0], falling=True)]


# Measures -----------------------------------------------------------------------------------------


def figures(
    inside: list[Counted], asked: Question, whole: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Every measure of a group; shares are of `whole`."""
    if asked.report.subject == "quality":
        return _voice([one.row for one in inside])
    once = [one for one in inside if one.once]
    answered = [one for one in once if one.row["answered"]]
    incoming = sum(one.row["direction"] == "incoming" for one in once)
    outgoing = sum(one.row["direction"] == "outgoing" for one in once)
    cost = sum((one.row["cost"] for one in inside), start=Decimal(0))
    talk_s = sum(one.talk_s for one in answered)
    from_outside = sum(
        one.row["direction"] == "incoming" and not one.row["answered"] for one in once
    )
    back = sum(one.back_s is not None for one in once)
    incoming_share = share(incoming, incoming + outgoing)
    of = whole or {"calls": len(once), "total_cost": cost}
    return {
        "calls": len(once),
        "calls_share": share(len(once), of["calls"]),
        "answered": len(answered),
        "answered_share": share(len(answered), len(once)),
        "unanswered": len(once) - len(answered),
        "missed": sum(one.called and not one.row["answered"] for one in once),
        "incoming": incoming,
        "incoming_share": incoming_share,
        "outgoing": outgoing,
        "outgoing_share": None if incoming_share is None else 100 - incoming_share,
        "total_cost": cost,
        "cost_share": share(cost, of["total_cost"]),
        "average_cost": rounded(cost / len(once), "0.000001") if once else Decimal(0),
        "total_duration": talk_s,
        "average_duration": mean(talk_s, len(answered), 0),
        "longest": max((one.talk_s for one in once), default=0),
        "average_ring": mean(sum(one.row["ring_s"] for one in once), len(once), 0),
        "longest_ring": max((one.row["ring_s"] for one in once), default=0),
        "average_queued": mean(sum(one.row["queued_s"] for one in once), len(once), 0),
        "longest_queued": max((one.row["queued_s"] for one in once), default=0),
        "called_back": back,
        "not_called_back": sum(
            one.called and not one.row["answered"] and one.back_s is None for one in once
        ),
        "called_back_share": share(back, from_outside),
        **_busy(once, asked.zone),
    }


def _busy(once: list[Counted], zone: str) -> dict[str, Any]:
    """The hour of the clock in which calls began that took the most time; the first of equals."""
    if not once:
        return {"busy_hour": None, "busy_hour_calls": None, "busy_hour_erlang": None}
    hours: dict[Any, list[Counted]] = defaultdict(list)
    for one in once:
        at = one.row["started_at"]
        there = local(one.row, zone)
        into = timedelta(minutes=there.minute, seconds=there.second)
        hours[at - into].append(one)
    load = {at: sum(one.talk_s for one in inside) for at, inside in hours.items()}
    busiest = min(hours, key=lambda at: (-load[at], -len(hours[at]), at))
    return {
        "busy_hour": busiest,
        "busy_hour_calls": len(hours[busiest]),
        "busy_hour_erlang": rounded(Decimal(load[busiest]) / 3600, "0.01"),
    }


def _voice(rows: list[Row]) -> dict[str, Any]:
    mos = [row["mos"] for row in rows if row["mos"] is not None]
    lost = sum(row["packets_lost"] for row in rows)
    return {
        "reports": len(rows),
        "average_mos": rounded(sum(mos, start=Decimal(0)) / len(mos), "0.01") if mos else None,
        "worst_mos": rounded(min(mos), "0.01") if mos else None,
        "poor_share": share(sum(one < Decimal("3.5") for one in mos), len(mos)),
        "average_jitter": mean(sum(row["jitter_ms"] for row in rows), len(rows), None),
        "worst_jitter": max((row["jitter_ms"] for row in rows), default=None),
        "average_latency": mean(sum(row["latency_ms"] for row in rows), len(rows), None),
        "total_loss": share(lost, lost + sum(row["packets_received"] for row in rows)),
    }
