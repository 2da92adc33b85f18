"""Totals by day: whatever is open or closed, a figure is what a naive recount says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest
import trio
from asyncpg import Record
from call_rows import AT, add_call
from cdr_text import write
from test_ingest import a_leg, books_of, take

from actors.day_totals import DayTotals
from actors.house import House
from daemon.retention import forget_once
from storage import day_totals, people, seen_calls
from storage.database import Connection, Database
from storage.day_totals import Figures, Span
from storage.viewer import Viewer, units_of
from telephony.plant import Plant
from web.analytics import spans

LOGINS = ("root", "cmoreau", "asonnino")
ZONES = (
    "UTC", "Europe/Rome", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns",
    "Australia/Lord_Howe", "Pacific/Apia", "America/New_York",
)  # fmt: skip
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
"""Before the clocks change in Europe, and after they did in America."""


async def all_rows(connection: Connection) -> list[Record]:
    return list(await connection.fetch("select * from call"))


async def viewer_of(connection: Connection, login: str) -> tuple[Viewer, list[int]]:
    person = await people.by_login(connection, login)
    assert person is not None
    viewer = Viewer.of(person)
    return viewer, await units_of(connection, viewer)


def recounted(rows: list[Record], viewer: Viewer, units: list[int], span: Span) -> Figures:
    """The figures, counted in the simplest way there is."""
    calls: dict[object, list[Record]] = {}
    for row in rows:
        own = row["person_id"] == viewer.person_id
        seen = viewer.breadth == "all" or own or row["unit_id"] in units
        if seen and span[0] <= row["started_at"] < span[1]:
            calls.setdefault(row["key"], []).append(row)
    figures = Figures()
    for sides in calls.values():
        answered = any(side["answered"] for side in sides)
        called = any(
            side["direction"] == "incoming" or (side["direction"] == "internal" and side["party"])
            for side in sides
        )
        talk = "duration_s" if viewer.breadth == "own" else "call_duration_s"
        figures = figures.plus(
            Figures(
                1,
                int(answered),
                int(called and not answered),
                sum((side["cost"] for side in sides), Decimal(0)),
                max(side[talk] for side in sides) if answered else 0,
                max(side["ring_s"] for side in sides),
            )
        )
    return figures


async def compare(connection: Connection, chosen: list[Span]) -> None:
    rows = await all_rows(connection)
    for login in LOGINS:
        viewer, units = await viewer_of(connection, login)
        for span in chosen:
            figures = await seen_calls.figures(connection, viewer, span)
            assert figures == recounted(rows, viewer, units, span), (login, span)


class Churn:
    """Does at random what happens to calls and to days."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.random = Random(seed)
        self.keys: list[str] = []

    def instant(self) -> datetime:
        return FIRST + timedelta(seconds=self.random.randrange(14 * 86_400))

    async def add(self, connection: Connection) -> None:
        random = self.random
        inside = random.random() < 0.4
        extension, other = random.sample(["731", "732", "733", "741", "751", "799"], 2)
        self.keys.append(
            await add_call(
                connection,
                extension if random.random() < 0.9 or inside else None,
                direction=random.choice(["incoming", "outgoing"]),
                at=self.instant(),
                seconds=random.choice([0, 0, 1, 59, 3600]),
                ring_s=random.randrange(30),
                cost=str(Decimal(random.randrange(10_000_000)) / 1_000_000),
                other=other if inside else None,
            )
        )

    async def change(self, connection: Connection) -> None:
        """What a late leg does: the old rows go, others come, on another day perhaps."""
        if not self.keys:
            return
        key = self.keys.pop(self.random.randrange(len(self.keys)))
        rows = await connection.fetch("delete from call where key = $1 returning started_at", key)
        await day_totals.reopen(connection, {row["started_at"] for row in rows})
        await self.add(connection)

    async def close(self, connection: Connection) -> None:
        days = await day_totals.open_days(connection, date(2027, 1, 1))
        if days:
            await day_totals.close(connection, self.random.choice(days))

    def span(self) -> Span:
        """A day or a month in some zone, or anything at all."""
        random, at = self.random, self.instant()
        if random.random() < 0.3:
            return at, at + timedelta(seconds=random.randrange(6 * 86_400))
        month, today = spans(at, random.choice(ZONES))
        return random.choice([month, today])

    async def step(self) -> None:
        work: Callable[[Connection], Awaitable[None]] = self.random.choices(
            [self.add, self.change, self.close], [5, 2, 4]
        )[0]
        await self.database.unit_of_work(work)


@pytest.mark.parametrize("seed", range(4))
async def test_figures_are_what_a_recount_says(
    database: Database, company: Plant, seed: int
) -> None:
    churn = Churn(database, seed)
    for _ in range(12):
        for _ in range(12):
            await churn.step()
        await database.unit_of_work(compare, [churn.span() for _ in range(6)])
    house = cast("House", SimpleNamespace(database=database, clock=lambda: FIRST))
    for days in (-4, -9):
        assert await forget_once(house, days)
        await database.unit_of_work(compare, [churn.span() for _ in range(12)])
        await DayTotals(database, lambda: datetime(2027, 1, 1, tzinfo=UTC)).round()


@pytest.mark.parametrize("zone_name", ZONES)
async def test_every_month_and_day_of_a_zone(
    database: Database, company: Plant, zone_name: str
) -> None:
    """Calls a second before and at each midnight fall on the right side of it."""
    month, _ = spans(FIRST, zone_name)

    async def fill(connection: Connection) -> None:
        at = month[0]
        while at <= month[1]:
            today = spans(at + timedelta(hours=12), zone_name)[1]
            for edge in (today[0] - timedelta(seconds=1), today[0]):
                await add_call(connection, "731", at=edge, cost="1")
            at = today[1]

    await database.unit_of_work(fill)
    closed = await DayTotals(
        database, lambda: datetime(2027, 1, 1, tzinfo=UTC), quiet=timedelta()
    ).round()
    assert closed >= 31
    viewer, _ = await database.unit_of_work(viewer_of, "root")
    figures = await database.unit_of_work(seen_calls.figures, viewer, month)
    assert figures.calls == 62
    day = spans(FIRST, zone_name)[1]
    assert (await database.unit_of_work(seen_calls.figures, viewer, day)).calls == 2
    await database.unit_of_work(compare, [month, day])


@pytest.mark.parametrize(
    ("now", "zone_name", "hours"),
    [
        (datetime(2026, 3, 29, 12, tzinfo=UTC), "Europe/Rome", 23),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), "Europe/Rome", 25),
        (datetime(2026, 4, 4, 20, tzinfo=UTC), "Australia/Lord_Howe", 24.5),
        (datetime(2026, 7, 1, 20, tzinfo=UTC), "Asia/Kathmandu", 24),
    ],
)
async def test_a_day_is_as_long_as_its_zone_says(
    now: datetime, zone_name: str, hours: float
) -> None:
    month, today = spans(now, zone_name)
    assert today[1] - today[0] == timedelta(hours=hours)
    assert today[0] <= now < today[1]
    assert month[0] <= today[0] < today[1] <= month[1]


# Days are closed while calls are stored -------------------------------------------------------


DAY: Span = (AT.replace(hour=0, minute=0), AT.replace(hour=0, minute=0) + timedelta(days=1))


async def waiting(connection: Connection) -> None:
    """Until another transaction waits for this one."""
    while not await connection.fetchval("select count(*) from pg_locks where not granted"):
        pass


async def company_calls(database: Database) -> int:
    return (await database.unit_of_work(day_totals.company_figures, DAY)).calls


async def together(database: Database, *works: Callable[[Connection], Awaitable[None]]) -> None:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for work in works:
                nursery.start_soon(database.unit_of_work, work)


async def test_closing_waits_for_a_batch_that_is_being_stored(
    database: Database, company: Plant
) -> None:
    await database.unit_of_work(add_call)
    stored = asyncio.Event()

    async def batch(connection: Connection) -> None:
        await add_call(connection)
        stored.set()
        await waiting(connection)

    async def closing(connection: Connection) -> None:
        await stored.wait()
        await day_totals.close(connection, AT.date())

    await together(database, batch, closing)
    assert await company_calls(database) == 2
    assert await database.unit_of_work(day_totals.open_days, date(2027, 1, 1)) == []


async def test_a_batch_after_a_closing_opens_the_day_again(
    database: Database, company: Plant
) -> None:
    await database.unit_of_work(add_call)
    closed = asyncio.Event()

    async def closing(connection: Connection) -> None:
        await day_totals.close(connection, AT.date())
        closed.set()
        await waiting(connection)

    async def batch(connection: Connection) -> None:
        await closed.wait()
        await add_call(connection)

    await together(database, closing, batch)
    assert await company_calls(database) == 2
    assert await database.unit_of_work(day_totals.open_days, date(2027, 1, 1)) == [AT.date()]


async def test_a_closing_that_does_not_see_a_batch_leaves_the_day_open(
    database: Database, company: Plant
) -> None:
    await database.unit_of_work(add_call)
    await database.unit_of_work(day_totals.close, AT.date())
    stored, closed = asyncio.Event(), asyncio.Event()

    async def batch(connection: Connection) -> None:
        await add_call(connection)
        stored.set()
        await closed.wait()

    async def closing(connection: Connection) -> None:
        await stored.wait()
        await day_totals.close(connection, AT.date())
        closed.set()

    await together(database, batch, closing)
    assert await company_calls(database) == 2


# The task ---------------------------------------------------------------------------------------


async def test_days_before_today_are_closed_and_today_is_not(
    database: Database, company: Plant
) -> None:
    for days in (0, 1, 40):
        await database.unit_of_work(add_call, at=AT - timedelta(days=days))
    task = DayTotals(database, lambda: AT, quiet=timedelta())
    assert await task.round() == 2
    assert await task.round() == 0
    assert await database.unit_of_work(day_totals.open_days, date(2027, 1, 1)) == [AT.date()]


async def test_a_day_that_still_changes_is_left_alone(database: Database, company: Plant) -> None:
    await database.unit_of_work(add_call, at=AT - timedelta(days=1))
    assert await DayTotals(database, lambda: AT, quiet=timedelta(hours=1)).round() == 0


async def test_the_task_closes_days_by_itself(database: Database, company: Plant) -> None:
    await database.unit_of_work(add_call)
    task = DayTotals(database, lambda: AT + timedelta(days=2), every_s=0.01, quiet=timedelta())
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task.run)
            for day in (1, 2):
                await database.unit_of_work(add_call, at=AT - timedelta(days=day))
                while await database.unit_of_work(day_totals.open_days, date(2027, 1, 1)):
                    await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    span = (DAY[0] - timedelta(days=5), DAY[1])
    assert (await database.unit_of_work(day_totals.company_figures, span)).calls == 3


async def test_a_late_leg_changes_a_closed_day(database: Database, tmp_path: Path) -> None:
    """By the very intake: a transfer's second leg comes after the day was closed."""
    books = await books_of(database)
    first = a_leg(1)
    await take(books, write(tmp_path, [first], sequence=1))
    day = datetime.fromtimestamp(first.originated, UTC).date()
    await books.unit_of_work(day_totals.close, day)
    span = (
        datetime.combine(day, datetime.min.time(), UTC),
        datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC),
    )
    before = await books.unit_of_work(day_totals.company_figures, span)
    assert (before.calls, before.talk_s) == (1, 60)
    late = a_leg(2, call_no=first.call_no, orig_leg=first.orig_leg)
    await take(books, write(tmp_path, [late], sequence=2))
    assert await books.unit_of_work(day_totals.open_days, date(2099, 1, 1)) == [day]
    await books.unit_of_work(compare, [span])
    await books.unit_of_work(day_totals.close, day)
    await books.unit_of_work(compare, [span])
    after = await books.unit_of_work(day_totals.company_figures, span)
    assert after != before
