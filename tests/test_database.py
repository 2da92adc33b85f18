"""The one door to PostgreSQL: nothing is lost, the outcome is known, whoever gives up waiting."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import weakref
from pathlib import Path

import asyncpg
import pytest
import trio

from daemon.embedded import embedded_server, revive
from storage.bridge import KEPT_TIMERS, open_asyncio
from storage.database import (
    Connection,
    Database,
    StorageConflict,
    StorageError,
    StorageUnavailable,
    notify,
    open_database,
)
from storage.server import postmaster_pid
from telephony.errors import RingfenceError


async def _one(connection: Connection) -> int:
    return await connection.fetchval("select 1")


async def _make_table(connection: Connection) -> None:
    await connection.execute("create table mark (n integer primary key)")


async def _mark(connection: Connection, n: int) -> int:
    await connection.execute("select 1")
    await connection.execute("insert into mark values ($1)", n)
    return n


async def _marks(connection: Connection) -> set[int]:
    return {row["n"] for row in await connection.fetch("select n from mark")}


async def test_a_unit_of_work_gives_what_it_returns(database: Database) -> None:
    assert await database.unit_of_work(_one) == 1


async def test_a_unit_that_raises_leaves_nothing_behind(database: Database) -> None:
    await database.unit_of_work(_make_table)

    async def fail(connection: Connection) -> None:
        await _mark(connection, 1)
        raise RingfenceError("changed my mind")

    with pytest.raises(RingfenceError, match="changed my mind"):
        await database.unit_of_work(fail)
    assert await database.unit_of_work(_marks) == set()


async def test_errors_are_the_houses_own(database: Database) -> None:
    await database.unit_of_work(_make_table)
    await database.unit_of_work(_mark, 1)
    with pytest.raises(StorageConflict):
        await database.unit_of_work(_mark, 1)

    async def nonsense(connection: Connection) -> None:
        await connection.execute("select nothing_of_the_kind")

    with pytest.raises(StorageError, match="nothing_of_the_kind"):
        await database.unit_of_work(nonsense)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_cancellation_hammer(dsn: str, seed: int) -> None:
    """A pool of 4, 1,500 random deadlines: no connection lost, every outcome known."""
    rng = random.Random(seed)
    done: set[int] = set()
    begun: set[int] = set()
    async with open_database(dsn, max_size=4) as database:
        await database.unit_of_work(_make_table)

        async def one_caller(numbers: list[int]) -> None:
            for n in numbers:
                with trio.move_on_after(rng.uniform(0.0001, 0.0025)):
                    await trio.lowlevel.checkpoint()
                    begun.add(n)
                    done.add(await database.unit_of_work(_mark, n))

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for caller in range(8):
                    nursery.start_soon(one_caller, list(range(caller, 1500, 8)))
        assert database.free_connections == 4
        assert await database.unit_of_work(_marks) == done
        assert len(begun - done) < len(begun) < 1500 + 1
        # The pool still serves four at a time.
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(database.unit_of_work, _one)


async def test_a_cancelled_caller_begins_nothing(database: Database) -> None:
    await database.unit_of_work(_make_table)
    with trio.CancelScope() as scope:
        scope.cancel()
        await database.unit_of_work(_mark, 1)
    assert scope.cancelled_caught
    assert await database.unit_of_work(_marks) == set()


async def test_a_unit_once_begun_ends_and_its_outcome_is_known(database: Database) -> None:
    await database.unit_of_work(_make_table)
    outcome = 0

    async def cancel_then_mark(connection: Connection) -> int:
        scope.cancel()
        return await _mark(connection, 7)

    with trio.CancelScope() as scope:
        outcome = await database.unit_of_work(cancel_then_mark)
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert outcome == 7
    assert await database.unit_of_work(_marks) == {7}


async def test_an_error_inside_the_block_comes_out_as_itself(dsn: str) -> None:
    with pytest.raises(RingfenceError, match="plainly"):
        async with open_database(dsn):
            raise RingfenceError("plainly")


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        async with open_database(f"postgresql://nobody@/none?host={tmp_path}"):
            pass


async def test_notifications_are_heard_after_the_commit_and_only_then(database: Database) -> None:
    heard, hear = trio.open_memory_channel[str](10)

    async def fail(connection: Connection) -> None:
        await notify(connection, "line", "not this")
        raise RingfenceError("rolled back")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.listen, heard.send_nowait, lambda: None)
        await _until_listening(database)
        with pytest.raises(RingfenceError):
            await database.unit_of_work(fail)
        await database.unit_of_work(notify, "account", 17)
        with trio.fail_after(10):
            assert await hear.receive() == "account 17"
        nursery.cancel_scope.cancel()
    with trio.fail_after(10):
        while database.free_connections != 8:  # noqa: ASYNC110 - a pool has no event for it
            await trio.sleep(0.01)
    assert hear.statistics().current_buffer_used == 0


async def test_a_broken_listener_says_that_something_may_be_lost(database: Database) -> None:
    lost = trio.Event()

    async def listen() -> None:
        with pytest.raises(StorageUnavailable):
            await database.listen(lambda _: None, lost.set)

    async def break_it(connection: Connection) -> None:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where query ilike 'listen%' and datname = current_database()"
        )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await _until_listening(database)
        await database.unit_of_work(break_it)
        with trio.fail_after(10):
            await lost.wait()
    assert await database.unit_of_work(_one) == 1


async def _until_listening(database: Database) -> None:
    async def listeners(connection: Connection) -> int:
        return await connection.fetchval(
            "select count(*) from pg_stat_activity"
            " where query ilike 'listen%' and state = 'idle' and datname = current_database()"
        )

    with trio.fail_after(10):
        while not await database.unit_of_work(listeners):  # noqa: ASYNC110 - nor has the server
            await trio.sleep(0.005)


async def _until_unavailable(database: Database) -> None:
    while True:
        try:
            await database.unit_of_work(_one)
        except StorageUnavailable:
            return


async def test_the_pool_outlives_a_server_that_is_killed_and_started_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with (
        embedded_server(data, say=lambda _: None) as dsn,
        open_database(dsn, max_size=3) as database,
    ):
        await database.unit_of_work(_make_table)
        async with trio.open_nursery() as nursery:
            for n in range(3):
                nursery.start_soon(database.unit_of_work, _mark, n)
        os.kill(await postmaster_pid(dsn), signal.SIGKILL)
        with trio.fail_after(20):
            await _until_unavailable(database)
        with pytest.raises(StorageUnavailable):
            await database.unit_of_work(_one)
        await revive(data, say=lambda _: None)
        assert await database.unit_of_work(_marks) == {0, 1, 2}
        async with trio.open_nursery() as nursery:
            for n in range(10, 16):
                nursery.start_soon(database.unit_of_work, _mark, n)
        assert database.free_connections == 3


async def test_time_outs_that_were_not_needed_are_forgotten() -> None:
    """A statement's time-out is minutes away; ten thousand statements may not leave as many."""
    gone_off: list[float] = []

    async def work() -> list[weakref.ref[asyncio.TimerHandle]]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_later(0.2, lambda: gone_off.append(loop.time() - began))
        known: list[weakref.ref[asyncio.TimerHandle]] = []
        for number in range(10_000):
            timer = loop.call_later(600 - number % 7, gone_off.append, 0.0)
            known.append(weakref.ref(timer))
            if number % 50 == 0:
                await asyncio.sleep(0)
            timer.cancel()
        await asyncio.sleep(0.4)
        return known

    async with open_asyncio() as side:
        known = await side.run(work)
        assert sum(ref() is not None for ref in known) <= 2 * KEPT_TIMERS
    assert len(gone_off) == 1, "what was not cancelled goes off, once"
    assert gone_off[0] >= 0.2


async def test_a_statement_that_takes_too_long_is_stopped(dsn: str) -> None:
    async with open_database(dsn, max_size=1) as database:

        async def sleep(connection: Connection) -> None:
            await connection.execute("set local statement_timeout = 50")
            await connection.execute("select pg_sleep(60)")

        with pytest.raises(StorageUnavailable):
            await database.unit_of_work(sleep)
        assert await database.unit_of_work(_one) == 1


def test_nothing_of_asyncpg_is_a_ringfence_error() -> None:
    assert not issubclass(asyncpg.PostgresError, RingfenceError)
