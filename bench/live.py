"""Two thousand open pages: from a call stored to every page told, and what an open page costs."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import trio

from daemon.embedded import embedded_server
from storage import sessions
from storage.database import Connection, Database, notify_all, open_database
from storage.migrate import migrate
from web.context import token_hash

PAGES = 2_000
BAR_S = 1.0
ROUNDS = 20
OPENING_AT_ONCE = 100
ROOT = Path(__file__).parents[1]
COOKIE = "ringfence"


def run(pages: int = PAGES) -> dict[str, object]:
    """A daemon of its own with as many signed-in people, each with Home open."""
    wanted = pages + 200
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(wanted, 1024)), hard))
    folder = Path(tempfile.mkdtemp(prefix="ringfence-bench-"))
    try:
        return trio.run(_measure, folder, pages)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(folder: Path, pages: int) -> dict[str, object]:
    async with (
        embedded_server(folder / "data", say=lambda _: None) as dsn,
        open_database(dsn) as database,
    ):
        await database.unit_of_work(migrate)
        people = await database.unit_of_work(_people, pages)
        async with _daemon(folder) as (url, process), trio.open_nursery() as nursery:
            before = _memory_kib(process)
            hall = _Hall(url)
            began = time.perf_counter()
            await hall.open_all(nursery, pages)
            opened_s = time.perf_counter() - began
            memory = (_memory_kib(process) - before) / pages
            one = [await hall.told(database, [person]) for person in people[:ROUNDS]]
            everybody = await hall.told(database, people)
            page_s = await _page(url)
            nursery.cancel_scope.cancel()
    one.sort()
    return {
        "pages": pages,
        "all_open_s": round(opened_s, 2),
        "kib_a_page": round(memory, 1),
        "one_person_median_s": round(statistics.median(one), 4),
        "one_person_worst_s": round(one[-1], 4),
        "everybody_s": round(everybody, 3),
        "a_page_meanwhile_s": round(page_s, 4),
        "bar_s": BAR_S,
        "passed": one[-1] < BAR_S,
    }


async def _people(connection: Connection, pages: int) -> list[int]:
    """As many people, each with a session whose token is their number."""
    rows = await connection.fetch(
        """insert into person (login, first_name, last_name)
           select 'p' || n, 'First', 'Last' || n from generate_series(0, $1::int - 1) n
           returning id""",
        pages,
    )
    now = datetime.now(UTC)
    for number, row in enumerate(rows):
        await sessions.start(
            connection, row["id"], token_hash(str(number)), "csrf", now=now,
            expires_at=now + timedelta(hours=1),
        )  # fmt: skip
    return [row["id"] for row in rows]


@asynccontextmanager
async def _daemon(folder: Path) -> AsyncIterator[tuple[str, int]]:
    config = folder / "ringfence.toml"
    config.write_text("[web]\nport = 0\n")
    log = (folder / "log").open("w+")
    command = [sys.executable, "-m", "daemon.cli", "run", "--config", str(config)]
    process = subprocess.Popen(  # noqa: ASYNC220 - before anything is measured
        [*command, "--data", str(folder / "data")],
        stdout=log, stderr=log, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        with trio.fail_after(60):
            while '"url"' not in (text := (folder / "log").read_text()):  # noqa: ASYNC110
                await trio.sleep(0.1)
        yield text.split('"url": "', 1)[1].split('"', 1)[0], process.pid
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _memory_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:", 1)[1].split()[0])


class _Hall:
    """The open pages: each a socket that reads its stream."""

    def __init__(self, url: str) -> None:
        self._port = urlsplit(url).port or 80
        self._looks = 0
        self._changed = trio.Event()

    async def open_all(self, nursery: trio.Nursery, pages: int) -> None:
        limiter = trio.CapacityLimiter(OPENING_AT_ONCE)
        async with trio.open_nursery() as opening:
            for number in range(pages):
                opening.start_soon(self._open, nursery, number, limiter)

    async def _open(
        self, nursery: trio.Nursery, number: int, limiter: trio.CapacityLimiter
    ) -> None:
        async with limiter:
            await nursery.start(self._page, number)

    async def _page(
        self, number: int, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        request = f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        await stream.send_all(f"{request}Cookie: {COOKIE}={number}\r\n\r\n".encode())
        seen = b""
        while b"event: look" not in seen:
            seen += await stream.receive_some(65536)
            assert b" 200 " in seen[:40] or len(seen) < 40, seen[:200]
        task_status.started()
        while more := await stream.receive_some(65536):
            self._looks += more.count(b"event: look")
            self._changed.set()
        raise AssertionError("the stream ended")

    async def told(self, database: Database, people: list[int]) -> float:
        """How long from the change until each of these people's pages is told."""
        self._looks = 0
        began = time.perf_counter()
        await database.unit_of_work(notify_all, "calls", people)
        with trio.fail_after(60):
            while self._looks < len(people):
                self._changed = trio.Event()
                await self._changed.wait()
        return time.perf_counter() - began


async def _page(url: str) -> float:
    began = time.perf_counter()
    async with httpx.AsyncClient(cookies={COOKIE: "1"}) as client:
        answer = await client.get(f"{url}/analytics/")
    assert answer.status_code == 200, answer
    return time.perf_counter() - began
