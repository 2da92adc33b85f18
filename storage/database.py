"""The one door to PostgreSQL: `Database.unit_of_work`.

asyncpg speaks asyncio, the house speaks Trio. A whole unit of work runs on the asyncio side, in
one transaction, shielded: cancelling a Trio task in the middle neither loses a connection of the
pool nor leaves the outcome of a COMMIT unknown. The price is that a unit cannot be hurried, so
every statement has a time-out. No asyncpg exception leaves `storage`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import asyncpg
import trio
from asyncpg.pool import PoolConnectionProxy

from storage.bridge import Bridge, open_asyncio, shielded
from telephony.errors import RingfenceError

P = ParamSpec("P")
T = TypeVar("T")

if TYPE_CHECKING:
    Connection = PoolConnectionProxy[asyncpg.Record]
else:  # generic in its stubs alone
    Connection = PoolConnectionProxy
"""What every query function of `storage` takes first; valid inside its unit of work alone."""

CHANNEL = "ringfence"
"""The NOTIFY channel. A payload is `topic key` and only ever means *look again*."""

ACQUIRE_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 120.0


class StorageUnavailable(RingfenceError):
    """The database cannot be reached, gave no connection in time, or shuts down: try again."""


class StorageConflict(RingfenceError):
    """A constraint of the schema forbids the change."""


class StorageError(RingfenceError):
    """The database refused a statement: a bug, or a schema that is not ours."""


_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke in the middle of its protocol
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    ConnectionError,
    TimeoutError,
    OSError,
)


_PATIENCE = """
    select set_config('statement_timeout', $1, true),
           set_config('plan_cache_mode', 'force_custom_plan', true)
"""
"""For whoever waits. A plan made once for all values suits a day of one person and a year of all
equally badly; making one takes a millisecond."""


class Database:
    """A pool of connections. Made by `open_database`; closed when that block ends."""

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        asyncio_side: Bridge,
        patience_s: float | None = None,
    ) -> None:
        self._pool = pool
        self._asyncio = asyncio_side
        self._patience_s = patience_s

    def within(self, seconds: float) -> Database:
        """The same database for somebody who waits: no statement, no connection takes longer."""
        return Database(self._pool, self._asyncio, seconds)

    async def unit_of_work(
        self,
        work: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `work(connection, *args)` in one transaction and return what it returns.

        Commits when `work` returns, rolls back when it raises. Cancelled before it begins, nothing
        is done; cancelled later, the unit ends and its outcome is returned or raised all the same,
        so the caller always knows it: the cancellation takes effect at the next checkpoint. Raises
        `StorageUnavailable` (safe to try again: everything written is keyed), `StorageConflict`,
        `StorageError`, or whatever `work` itself raised.
        """
        await trio.lowlevel.checkpoint_if_cancelled()

        async def whole_unit() -> T:
            patience_s = self._patience_s or ACQUIRE_TIMEOUT_S
            async with (
                self._pool.acquire(timeout=patience_s) as connection,
                connection.transaction(),
            ):
                if self._patience_s is not None:
                    await connection.execute(_PATIENCE, str(int(self._patience_s * 1000)))
                return await work(connection, *args, **kwargs)

        with shielded():
            try:
                return await self._asyncio.run(whole_unit)
            except asyncpg.IntegrityConstraintViolationError as error:
                raise StorageConflict(str(error)) from error
            except _UNAVAILABLE as error:
                raise StorageUnavailable(f"database: {error or type(error).__name__}") from error
            except asyncpg.PostgresError as error:
                raise StorageError(f"database: {error}") from error

    @property
    def free_connections(self) -> int:
        """Connections of the pool nobody holds, for health checks and the cancellation hammer."""
        return self._pool.get_idle_size() + self._pool.get_max_size() - self._pool.get_size()

    async def listen(
        self,
        heard: Callable[[str], None],
        lost: Callable[[], None],
        began: Callable[[], None] | None = None,
    ) -> None:
        """Call `heard(payload)` for every notification until cancelled or the connection breaks.

        Calls `began()` once it listens: what is notified from then on is heard.

        Calls `lost()` when the connection ends or cannot be made: whatever was notified meanwhile
        is gone, so the caller looks at everything again. Raises `StorageUnavailable` then.
        """
        broken = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def on_close(_: object) -> None:
            token.run_sync_soon(broken.set)

        def on_payload(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            token.run_sync_soon(heard, str(payload))

        async def begin() -> Connection:
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
            try:
                connection.add_termination_listener(on_close)
                await connection.add_listener(CHANNEL, on_payload)
            except BaseException:
                await self._pool.release(connection)
                raise
            return connection

        async def end(connection: Connection) -> None:
            try:
                if not broken.is_set():  # a broken one has left the pool, and its proxy is dead
                    connection.remove_termination_listener(on_close)
                    await connection.remove_listener(CHANNEL, on_payload)
            finally:
                await self._pool.release(connection)

        try:
            with shielded():
                connection = await self._asyncio.run(begin)
            if began is not None:
                began()
            try:
                await broken.wait()
            finally:
                with shielded():
                    await self._asyncio.run(partial(end, connection))
        except _UNAVAILABLE as error:
            lost()
            raise StorageUnavailable(f"database: {error or type(error).__name__}") from error
        lost()
        raise StorageUnavailable("database: the listening connection was closed")


async def notify(connection: Connection, topic: str, key: object) -> None:
    """Say *look again* to whoever listens, once this transaction commits."""
    await connection.execute("select pg_notify($1, $2)", CHANNEL, f"{topic} {key}")


async def notify_all(connection: Connection, topic: str, keys: Iterable[object]) -> None:
    """`notify` for each key, in one round trip."""
    payloads = [f"{topic} {key}" for key in keys]
    if payloads:
        await connection.execute(
            "select pg_notify($1, p) from unnest($2::text[]) p", CHANNEL, payloads
        )


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
        )


@asynccontextmanager
async def open_database(dsn: str, *, max_size: int = 8) -> AsyncGenerator[Database]:
    """Open the asyncio loop and a pool on `dsn`. Entered first and left last.

    Raises `StorageUnavailable` when the server cannot be reached.
    """

    async def open_pool() -> asyncpg.Pool[asyncpg.Record]:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,  # asyncpg would restore a floor by itself, loudly, while the server is away
            max_size=max_size,
            init=_prepare,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=STATEMENT_TIMEOUT_S,
            max_inactive_connection_lifetime=300.0,
            server_settings={
                "application_name": "ringfence",
                "timezone": "UTC",
                "statement_timeout": str(int(STATEMENT_TIMEOUT_S * 1000)),
            },
        )
        try:
            async with pool.acquire(timeout=CONNECT_TIMEOUT_S):
                return pool
        except BaseException:
            pool.terminate()
            raise

    async def close_pool(pool: asyncpg.Pool[asyncpg.Record]) -> None:
        try:
            await asyncio.wait_for(pool.close(), 5)
        except (TimeoutError, *_UNAVAILABLE):
            pool.terminate()

    async with open_asyncio() as asyncio_side:
        try:
            pool = await asyncio_side.run(open_pool)
        except (asyncpg.PostgresError, *_UNAVAILABLE) as error:
            raise StorageUnavailable(f"database: {error or type(error).__name__}") from error
        try:
            yield Database(pool, asyncio_side)
        finally:
            with shielded():
                await asyncio_side.run(partial(close_pool, pool))
