"""Old calls are forgotten, and every balance that is left can still be proved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

from actors.house import House
from daemon.retention import forget_once
from storage.database import Connection, Database
from storage.figures import read_figures
from storage.verify import verify

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


async def _a_call(connection: Connection, ended_at: datetime, person: int) -> None:
    key = await connection.fetchval("select gen_random_uuid()")
    await connection.execute(
        "insert into call (key, party, revision, counted, direction, extension, person_id, payer,"
        " number, originated_at, started_at, ended_at, ring_s, duration_s, call_duration_s,"
        " answered, cost, currency) values ($1, 0, 1, true, 'outgoing', '731', $3, '731', '02',"
        " $2, $2, $2, 0, 60, 60, true, 1, 'EUR')",
        key,
        ended_at,
        person,
    )
    await connection.execute(
        "insert into ledger (call_key, revision, kind, extension, person_id, amount, currency,"
        " ended_at) values ($1, 1, 'charge', '731', $3, 1, 'EUR', $2)",
        key,
        ended_at,
        person,
    )


async def _fill(connection: Connection) -> None:
    person = await connection.fetchval("insert into person (login) values ('ada') returning id")
    budget = await connection.fetchval(
        "insert into budget (target, target_key, amount, currency, period)"
        " values ('person', 'ada', 10, 'EUR', 'monthly') returning id"
    )
    account = await connection.fetchval(
        "insert into budget_account (budget_id, person_id, time_zone) values ($1, $2, 'UTC')"
        " returning id",
        budget,
        person,
    )
    for month in range(1, 7):
        starts_at = datetime(2026, month, 1, tzinfo=UTC)
        ends_at = datetime(2026, month + 1, 1, tzinfo=UTC)
        for day in (2, 20):
            if (ended_at := starts_at + timedelta(days=day)) < NOW:
                await _a_call(connection, ended_at, person)
        await connection.execute(
            "insert into budget_period (account_id, starts_at, ends_at, amount, spent, closed_at)"
            " values ($1, $2, $3, 10, $4, $5)",
            account,
            starts_at,
            ends_at,
            2 if month < 6 else 1,
            ends_at if month < 6 else None,
        )


async def _ends(connection: Connection) -> list[datetime]:
    return [
        row["ended_at"] for row in await connection.fetch("select ended_at from call order by 1")
    ]


async def test_a_period_goes_whole_or_not_at_all(database: Database) -> None:
    await database.unit_of_work(_fill)
    house = cast("House", SimpleNamespace(database=database, clock=lambda: NOW))
    # 75 days back is the first of April: a little before, March's period has ended, April's not.
    assert await forget_once(house, 60) == 6
    left = await database.unit_of_work(_ends)
    assert min(left) == datetime(2026, 4, 3, tzinfo=UTC)
    assert [d for d in (await database.unit_of_work(verify)).differences if "period" in d] == []
    assert await forget_once(house, 60) == 0


async def test_nothing_old_nothing_forgotten(database: Database) -> None:
    await database.unit_of_work(_fill)
    house = cast("House", SimpleNamespace(database=database, clock=lambda: NOW))
    before = await database.unit_of_work(_ends)
    assert await forget_once(house, 3650) == 0
    assert await database.unit_of_work(_ends) == before


async def test_the_figures_of_an_empty_house(database: Database) -> None:
    figures = await database.unit_of_work(read_figures)
    assert figures.locks_wanted == figures.locks_differing == figures.people == 0


async def test_the_figures_count_what_differs(database: Database) -> None:
    async def fill(connection: Connection) -> None:
        await connection.execute(
            "insert into hold (extension, kind, source) values ('1', 'user', ''),"
            " ('1', 'budget', '7'), ('2', 'admin', '');"
            "insert into line (extension, actual) values ('1', 'locked'), ('3', 'locked'),"
            " ('4', 'drift')"
        )

    await database.unit_of_work(fill)
    figures = await database.unit_of_work(read_figures)
    assert figures.locks_wanted == 2
    assert figures.locks_actual == 2
    assert figures.locks_differing == 2
    assert figures.drifted == 1
