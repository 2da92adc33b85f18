"""Sessions end when they must, and nobody tries passwords for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import trio

from storage import people, sessions
from storage.database import Connection, Database
from telephony.plant import Plant

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
WINDOW = timedelta(minutes=15)


async def open_session(database: Database, token: bytes = b"token") -> int:
    person = await database.unit_of_work(people.by_login, "asonnino")
    assert person is not None
    await database.unit_of_work(
        sessions.start, person.id, token, "secret", now=NOW, expires_at=NOW + 8 * HOUR
    )
    return person.id


async def found(database: Database, at: datetime, *, seen: bool = True) -> bool:
    session = await database.unit_of_work(sessions.find, b"token", now=at, idle=HOUR, seen=seen)
    return session is not None


async def test_a_session_knows_its_person_and_place(database: Database, company: Plant) -> None:
    await open_session(database)
    session = await database.unit_of_work(sessions.find, b"token", now=NOW, idle=HOUR)
    assert session is not None
    assert (session.person.login, session.csrf) == ("asonnino", "secret")
    assert session.place.time_zone == "Europe/Rome"


async def test_a_session_that_sleeps_too_long_is_over(database: Database, company: Plant) -> None:
    await open_session(database)
    assert await found(database, NOW + timedelta(minutes=59))
    assert await found(database, NOW + timedelta(minutes=118))
    assert not await found(database, NOW + timedelta(minutes=180))


async def test_a_page_that_refreshes_itself_keeps_nobody_awake(
    database: Database, company: Plant
) -> None:
    await open_session(database)
    assert await found(database, NOW + timedelta(minutes=59), seen=False)
    assert not await found(database, NOW + timedelta(minutes=61))


async def test_a_session_has_an_end_however_busy(database: Database, company: Plant) -> None:
    await open_session(database)
    for minutes in range(30, 480, 30):
        assert await found(database, NOW + timedelta(minutes=minutes))
    assert not await found(database, NOW + timedelta(minutes=480))


async def test_a_disabled_person_is_out_at_once(database: Database, company: Plant) -> None:
    person_id = await open_session(database)

    async def disable(connection: Connection) -> None:
        await connection.execute("update person set disabled_at = now() where id = $1", person_id)

    await database.unit_of_work(disable)
    assert not await found(database, NOW)


async def test_a_closed_session_is_gone(database: Database, company: Plant) -> None:
    await open_session(database)
    await database.unit_of_work(sessions.end, b"token")
    assert not await found(database, NOW)


async def attempt(database: Database, at: datetime = NOW) -> int:
    return await database.unit_of_work(
        sessions.admit, {"account:a": 3, "address:x": 5}, now=at, window=WINDOW
    )


async def test_attempts_run_out_and_come_back(database: Database) -> None:
    for minutes in range(3):
        assert await attempt(database, NOW + timedelta(minutes=minutes)) == 0
    at = NOW + timedelta(minutes=3)
    wait_s = await attempt(database, at)
    assert wait_s == 12 * 60
    assert await attempt(database, at + timedelta(seconds=wait_s - 1)) == 1
    assert await attempt(database, at + timedelta(seconds=wait_s)) == 0


async def test_a_right_password_clears_the_account_and_one_attempt_of_the_address(
    database: Database,
) -> None:
    for _ in range(3):
        await attempt(database)
    await database.unit_of_work(sessions.forgive, "account:a", "address:x")

    async def counted(connection: Connection, key: str) -> int:
        return await connection.fetchval("select count(*) from sign_in_failure where key = $1", key)

    assert await database.unit_of_work(counted, "account:a") == 0
    assert await database.unit_of_work(counted, "address:x") == 2


async def test_attempts_at_the_same_time_are_all_counted(database: Database) -> None:
    admitted: list[int] = []

    async def one() -> None:
        admitted.append(await attempt(database))

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(one)
    assert admitted.count(0) == 3


@pytest.mark.parametrize("address", ["address:x", "address:y"])
async def test_an_address_has_a_limit_of_its_own(database: Database, address: str) -> None:
    admit = partial(sessions.admit, now=NOW, window=WINDOW)
    for number in range(5):
        assert await database.unit_of_work(admit, {f"account:{number}": 3, "address:x": 5}) == 0
    wait_s = await database.unit_of_work(admit, {"account:new": 3, address: 5})
    assert bool(wait_s) is (address == "address:x")
