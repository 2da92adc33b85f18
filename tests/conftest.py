"""One real PostgreSQL for the whole run, a fresh database for every test that asks for one."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import trio
from compiled_templates import compile_once
from hypothesis import settings

from daemon.embedded import embedded_server
from storage.database import Database, open_database
from storage.migrate import migrate
from storage.server import drop_database, ensure_database

# A busy machine is no fault of what is tested.
settings.register_profile("ringfence", deadline=None)
settings.load_profile("ringfence")
compile_once()

pytest_plugins = ["fixtures_company", "fixtures_slapd", "fixtures_web", "fixtures_directory"]

TEMPLATE = "ringfence_template"
WHOLE_PARTS = {"test_cli", "test_demo", "test_embedded", "test_run", "test_systemd"}
"""Modules that start whole processes; `make check` leaves them and every database out."""
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow whatever needs a database or a process of its own."""
    for item in items:
        needs_database = "postgres" in getattr(item, "fixturenames", ())
        if needs_database or Path(item.path).stem in WHOLE_PARTS:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped for want of something has failed.

    Save those marked `shared`, and what only root can try, who need not be there.
    """
    report = yield
    if os.environ.get("CI") and report.skipped and not item.get_closest_marker("shared"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if "root" in str(why):
            return report
        report.outcome, report.longrepr = "failed", f"skipped in CI: {why}"
    return report


@dataclass(frozen=True)
class TestServer:
    """The embedded PostgreSQL of this run, living in a thread of its own."""

    __test__ = False
    admin_dsn: str
    token: trio.lowlevel.TrioToken

    def dsn(self, database: str) -> str:
        return self.admin_dsn.replace("/ringfence?", f"/{database}?")

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run an async function in the server's thread, from any code outside it."""
        return trio.from_thread.run(function, *arguments, trio_token=self.token)

    def create(self, name: str, template: str = TEMPLATE) -> str:
        self.run(ensure_database, self.admin_dsn, name, template)
        return self.dsn(name)

    def drop(self, name: str) -> None:
        self.run(drop_database, self.admin_dsn, name)


def _hold_server(folder: Path, ready: Queue[TestServer | BaseException], stop: trio.Event) -> None:
    async def hold() -> None:
        async with embedded_server(folder / "data", fsync=False, say=lambda _: None) as dsn:
            server = TestServer(dsn, trio.lowlevel.current_trio_token())
            await ensure_database(dsn, TEMPLATE)
            async with open_database(server.dsn(TEMPLATE), max_size=1) as database:
                await database.unit_of_work(migrate)
            ready.put(server)
            await stop.wait()

    try:
        trio.run(hold)
    except BaseException as error:  # noqa: BLE001 - handed to the fixture that waits for it
        ready.put(error)


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """The embedded PostgreSQL, without fsync, with a migrated template database."""
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
def dsn(postgres: TestServer) -> Iterator[str]:
    """The address of a fresh, migrated database; also for processes a test starts."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    try:
        yield postgres.create(name)
    finally:
        postgres.drop(name)


@pytest.fixture
def empty_dsn(postgres: TestServer) -> Iterator[str]:
    """The address of a fresh database without any schema."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    try:
        yield postgres.create(name, "")
    finally:
        postgres.drop(name)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A fresh, migrated database, open."""
    async with open_database(dsn) as opened:
        yield opened


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of one's own, and not below pytest's.

    Every run of pytest closes that to other accounts as it begins, and the embedded server of
    another run, under root, is such an account.
    """
    folder = Path(tempfile.mkdtemp(prefix="ringfence-test-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference folder beside the checkout."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the reference folder ../shared beside the checkout is absent")
    return folder
