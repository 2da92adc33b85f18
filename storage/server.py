"""Questions to a PostgreSQL server as a whole, outside any pool.

The embedded server is recognised by connecting to it, never by a process number; these are the
connections that do so. Each function opens one connection and closes it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from storage.bridge import open_asyncio, shielded
from storage.database import StorageError, StorageUnavailable

T = TypeVar("T")

PROBE_TIMEOUT_S = 5.0
ADMIN_TIMEOUT_S = 60.0

if TYPE_CHECKING:
    _Raw = asyncpg.Connection[asyncpg.Record]
else:  # generic in its stubs alone
    _Raw = asyncpg.Connection


class Liveness(Enum):
    """What became of an attempt to connect."""

    ABSENT = "nobody listens"
    BUSY = "starting, stopping, recovering or full"
    ANSWERS = "answers"


async def _once(dsn: str, work: Callable[[_Raw], Awaitable[T]], timeout_s: float) -> T:
    """Run `work` on one connection of its own; asyncpg's errors come out as they are."""

    async def whole() -> T:
        connection = await asyncpg.connect(dsn, timeout=timeout_s, command_timeout=timeout_s)
        try:
            return await work(connection)
        finally:
            await connection.close(timeout=timeout_s)

    with shielded():
        async with open_asyncio() as asyncio_side:
            return await asyncio_side.run(whole)


async def data_directory(dsn: str) -> tuple[Liveness, str]:
    """Whether a server answers at `dsn`, and which data directory it works on.

    Raises `StorageUnavailable` where a server answers but does not let us in.
    """

    async def ask(connection: _Raw) -> str:
        return str(await connection.fetchval("select current_setting('data_directory')"))

    try:
        return Liveness.ANSWERS, await _once(dsn, ask, PROBE_TIMEOUT_S)
    except (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, TimeoutError):
        return Liveness.BUSY, ""
    except (asyncpg.AdminShutdownError, asyncpg.CrashShutdownError):
        return Liveness.BUSY, ""
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
        return Liveness.ABSENT, ""
    except asyncpg.PostgresError as error:
        raise StorageUnavailable(f"database: {error}") from error


async def strangers(dsn: str) -> int:
    """How many clients are connected that are not Ringfence: a person's psql, a backup tool."""

    async def ask(connection: _Raw) -> int:
        return await connection.fetchval(
            "select count(*) from pg_stat_activity where backend_type = 'client backend'"
            " and pid <> pg_backend_pid() and application_name <> 'ringfence'"
        )

    return await _administer(dsn, ask)


async def postmaster_pid(dsn: str) -> int:
    """The server's process number as the server itself reads it; needs a superuser's `dsn`."""

    async def ask(connection: _Raw) -> int:
        text = await connection.fetchval("select pg_read_file('postmaster.pid')")
        return int(str(text).split(maxsplit=1)[0])

    return await _administer(dsn, ask)


async def ensure_database(dsn: str, name: str, template: str = "") -> None:
    """Create the database `name` unless it is there; `dsn` names any other one of that server."""

    async def create(connection: _Raw) -> None:
        if await connection.fetchval("select 1 from pg_database where datname = $1", name):
            return
        quoted = '"{}"'.format(name.replace('"', '""'))
        suffix = ' template "{}"'.format(template.replace('"', '""')) if template else ""
        await connection.execute(f"create database {quoted}{suffix}")

    await _administer(dsn, create)


async def drop_database(dsn: str, name: str) -> None:
    """Drop the database `name`, whoever is connected to it."""

    async def drop(connection: _Raw) -> None:
        quoted = '"{}"'.format(name.replace('"', '""'))
        await connection.execute(f"drop database if exists {quoted} with (force)")

    await _administer(dsn, drop)


async def _administer(dsn: str, work: Callable[[_Raw], Awaitable[T]]) -> T:
    """`_once` with the house's errors."""
    try:
        return await _once(dsn, work, ADMIN_TIMEOUT_S)
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise StorageUnavailable(f"database: {error or type(error).__name__}") from error
    except asyncpg.PostgresError as error:
        raise StorageError(f"database: {error}") from error
