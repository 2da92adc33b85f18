"""One real PostgreSQL for the whole run, a fresh database for every test that asks for one."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import asyncpg
import pytest
import trio
from fixtures_company import COMPANY, FOUNDED_AT

from daemon.embedded import embedded_server
from storage.bridge import Bridge, open_asyncio
from storage.company_apply import apply
from storage.database import Connection, Database, open_database
from storage.migrate import migrate

TEMPLATE = "ringfence_template"
FOUNDED = "ringfence_founded"
"""The template of whoever asks for the small company: it is in there already."""
Step = Callable[[Connection], Awaitable[Any]]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class TestServer:
    """The embedded PostgreSQL of this run, living in a thread of its own."""

    __test__ = False
    admin_dsn: str
    token: trio.lowlevel.TrioToken
    asyncio_side: Bridge
    connection: asyncpg.Connection[asyncpg.Record]

    def dsn(self, database: str) -> str:
        return self.admin_dsn.replace("/ringfence?", f"/{database}?")

    async def execute(self, statement: str) -> None:
        """Run one statement on the server's own connection, outside any transaction."""
        await self.asyncio_side.run(partial(self.connection.execute, statement))

    async def found(self, name: str, template: str) -> None:
        """Make a database. Its files are copied, as the log has no use: there is no fsync."""
        await self.execute(f'create database "{name}" template "{template}" strategy file_copy')

    async def found_by(self, name: str, template: str, *steps: Step) -> None:
        """Make a database and take the steps in it."""
        await self.found(name, template)
        async with open_database(self.dsn(name), max_size=1) as database:
            for step in steps:
                await database.unit_of_work(step)

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run an async function in the server's thread, from any code outside it."""
        return trio.from_thread.run(function, *arguments, trio_token=self.token)

    def create(self, name: str, template: str = TEMPLATE) -> str:
        self.run(self.found, name, template)
        return self.dsn(name)

    def drop(self, name: str) -> None:
        self.run(self.execute, f'drop database if exists "{name}" with (force)')


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[TestServer]:
    """The server, and the connection on which databases are made and dropped."""
    async with (
        embedded_server(folder / "data", fsync=False, say=lambda _: None) as dsn,
        open_asyncio() as asyncio_side,
    ):
        ours = {"application_name": "ringfence"}  # or the server would wait for a stranger
        connection = await asyncio_side.run(partial(asyncpg.connect, dsn, server_settings=ours))
        try:
            yield TestServer(dsn, trio.lowlevel.current_trio_token(), asyncio_side, connection)
        finally:
            await asyncio_side.run(connection.close)


async def _apply_the_company(connection: Connection) -> None:
    await apply(connection, COMPANY, FOUNDED_AT)


def _hold_server(folder: Path, ready: Queue[TestServer | BaseException], stop: trio.Event) -> None:
    async def hold() -> None:
        async with _server(folder) as server:
            await server.found_by(TEMPLATE, "template1", migrate)
            await server.found_by(FOUNDED, TEMPLATE, _apply_the_company)
            ready.put(server)
            await stop.wait()

    try:
        trio.run(hold)
    except BaseException as error:  # noqa: BLE001 - handed to the fixture that waits for it
        ready.put(error)


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """The embedded PostgreSQL, without fsync, with its template databases."""
    folder = Path(tempfile.mkdtemp(prefix="ringfence-tests-"))
    ready: Queue[TestServer | BaseException] = Queue()
    stop = trio.Event()
    thread = threading.Thread(target=_hold_server, args=(folder, ready, stop), name="postgres")
    thread.start()
    server = ready.get()
    try:
        if isinstance(server, BaseException):
            raise server
        yield server
    finally:
        if isinstance(server, TestServer):
            server.token.run_sync_soon(stop.set)
        thread.join()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def dsn(postgres: TestServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh, migrated database; also for processes a test starts."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    template = FOUNDED if "company" in request.fixturenames else TEMPLATE
    try:
        yield postgres.create(name, template)
    finally:
        postgres.drop(name)


@pytest.fixture
def empty_dsn(postgres: TestServer) -> Iterator[str]:
    """The address of a fresh database without any schema."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    try:
        yield postgres.create(name, "template1")
    finally:
        postgres.drop(name)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A fresh, migrated database, open."""
    async with open_database(dsn) as opened:
        yield opened
