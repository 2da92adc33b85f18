"""The engine beside PostgreSQL that reports are asked of: DuckDB, with the calls in columns.

It runs in threads, never on the Trio loop. What it holds is a copy and can be made anew at any
time; nothing is true because it is in here.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb
import trio

from storage.database import StorageError, StorageUnavailable

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection

AT_ONCE = 3
"""Questions worked on at the same time; each uses several threads of its own."""

PATIENCE_S = 30.0
FILE_NAME = "calls.duckdb"

_log = logging.getLogger("ringfence.facts")


class TooSlow(StorageUnavailable):
    """A question took longer than anybody waits; nothing was changed."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where the copy lies (None: in memory) and what it may use. `threads` 0: one a processor."""

    folder: Path | None = None
    memory_mib: int = 1024
    threads: int = 0


IN_MEMORY = EngineSettings()


class Engine:
    """A DuckDB database and the threads that use it. Made by `open_engine`."""

    def __init__(self, connection: Cursor, folder: Path | None) -> None:
        self._connection = connection
        self._limit = trio.CapacityLimiter(AT_ONCE)
        self.folder = folder

    async def work(
        self,
        work: Callable[[Cursor], T],
        *,
        patience_s: float | None = PATIENCE_S,
        limit: trio.CapacityLimiter | None = None,
    ) -> T:
        """Run `work(cursor)` in one transaction in a thread; commits when it returns.

        Cancelled, or out of patience, the statement is interrupted and nothing has happened.
        Raises `TooSlow`, `StorageError`.
        """
        cursor = self._connection.cursor()
        late = False

        def whole() -> tuple[T | None, Exception | None]:
            try:
                cursor.begin()
                made = work(cursor)
                cursor.commit()
            except Exception as error:  # noqa: BLE001 - handed over to the task that waits
                return None, error
            return made, None

        async def interrupt_when_over() -> None:
            nonlocal late
            try:
                await trio.sleep(patience_s if patience_s is not None else float("inf"))
                late = True
            finally:
                cursor.interrupt()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(interrupt_when_over)
                made, error = await trio.to_thread.run_sync(whole, limiter=limit or self._limit)
                nursery.cancel_scope.cancel()
        finally:
            cursor.close()
        if isinstance(error, duckdb.InterruptException):
            await trio.lowlevel.checkpoint_if_cancelled()
            raise TooSlow("the question takes too long: narrow it" if late else "interrupted")
        if isinstance(error, duckdb.Error):
            raise StorageError(f"analytic copy: {error}") from error
        if error is not None:
            raise error
        return made  # type: ignore[return-value] - whole() gives one or the other


def _connect(settings: EngineSettings) -> Cursor:
    name = ":memory:"
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{settings.memory_mib}MiB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "preserve_insertion_order": "false",
    }
    if settings.threads:
        config["threads"] = settings.threads
    if settings.folder is not None:
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.folder.chmod(0o700)
        for left in settings.folder.glob("*.csv"):
            left.unlink()
        config["temp_directory"] = str(settings.folder / "spill")
        name = str(settings.folder / FILE_NAME)
    try:
        return _readable(duckdb.connect(name, config=config))
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise StorageUnavailable(f"{name} is in use by another process") from error
        return _anew(name, config, error)
    except duckdb.Error as error:
        return _anew(name, config, error)


def _readable(connection: Cursor) -> Cursor:
    """The connection, where what it opened can be read. Raises `duckdb.Error`."""
    try:
        for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            connection.execute(f'select * from "{table}" limit 1').fetchall()
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _anew(
    name: str, config: dict[str, str | bool | int | float | list[str]], error: duckdb.Error
) -> Cursor:
    """A copy that cannot be read is thrown away: it is made again from the calls."""
    _log.warning("analytic copy made anew", extra={"why": str(error)})
    for path in (Path(name), Path(f"{name}.wal")):
        path.unlink(missing_ok=True)
    return duckdb.connect(name, config=config)


@asynccontextmanager
async def open_engine(settings: EngineSettings) -> AsyncGenerator[Engine]:
    """Open the copy's file for as long as the block lasts.

    Raises `StorageUnavailable` where another process has it open.
    """
    connection = await trio.to_thread.run_sync(_connect, settings)
    try:
        yield Engine(connection, settings.folder)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(connection.close)
