"""The portal on ten million calls: pages as the server makes them, and lists beside DuckDB."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import duckdb
import trio
from quart.typing import TestClientProtocol

from actors.house import Outside, open_house
from bench.ten_million import CALLS, FIRST_EXTENSION, NOW, PEOPLE, ten_million
from storage import seen_calls, sessions
from storage.database import Connection, Database
from storage.seen_calls import CallFilter
from storage.viewer import OPERATOR
from web.app import create_app
from web.context import token_hash
from web.settings import WebSettings

PAGE_BAR_S = 0.100
LIST_BAR_S = 0.020
LONGEST = "/analytics/?top=200"
PAGES = 60
LISTS = 200
PEOPLE_LOOKING = {"administrator": "p1", "supervisor": "p2", "user": "p3"}
SHOWN = "extension, number, epoch_us(started_at), duration_s, cost, direction, answered"


def run(calls: int = CALLS) -> dict[str, object]:
    """Home as each role, and the last 200 calls of one extension after another."""
    return trio.run(_measure, calls)


async def _measure(calls: int) -> dict[str, object]:
    async with ten_million(calls) as (database, _, duck_file):
        pages = await _pages(database)
        ours = await _lists(database)
        theirs = await trio.to_thread.run_sync(_duckdb, duck_file)
    return {
        "calls": calls,
        "pages": pages,
        "page_bar_s": PAGE_BAR_S,
        "last_200_of_an_extension": {
            **ours,
            "duckdb": theirs,
            "times_faster": round(theirs["median_s"] / ours["median_s"], 1),
        },
        "list_bar_s": LIST_BAR_S,
        "passed": max(figures["p95_s"] for figures in pages.values()) < PAGE_BAR_S
        and ours["median_s"] < LIST_BAR_S,
    }


def _spread(waits: list[float]) -> dict[str, float]:
    waits.sort()
    at = {"p95_s": 0.95, "p99_s": 0.99}
    return {"median_s": round(statistics.median(waits), 4)} | {
        name: round(waits[min(len(waits) - 1, int(len(waits) * part))], 4)
        for name, part in at.items()
    }


async def _taken(times: int, once: Callable[[int], Awaitable[object]]) -> dict[str, float]:
    for number in range(3):
        await once(number)
    waits: list[float] = []
    for number in range(times):
        began = time.perf_counter()
        await once(number)
        waits.append(time.perf_counter() - began)
    return _spread(waits)


async def _pages(database: Database) -> dict[str, dict[str, float]]:
    settings = WebSettings(public_url="http://portal.example", secure_cookies=False)
    figures: dict[str, dict[str, float]] = {}
    async with open_house(database, lambda: NOW, Outside()) as house:
        await house.reports.copy.refresh()  # what a daemon does once, before its pages are judged
        app = create_app(house, settings)
        for role, login in PEOPLE_LOOKING.items():
            client = app.test_client()
            await signed_in(database, client, settings, login)
            for path in ("/analytics/?top=20", LONGEST, "/analytics/calls"):
                figures[f"{path} {role}"] = await _taken(PAGES, _get(client, path))
    return figures


def _get(client: TestClientProtocol, path: str) -> Callable[[int], Awaitable[object]]:
    async def get(_: int) -> None:
        answer = await client.get(path, headers={"Host": "portal.example"})
        assert answer.status_code == 200, (path, answer.status_code)

    return get


async def signed_in(
    database: Database, client: TestClientProtocol, settings: WebSettings, login: str
) -> None:
    """Give a client the session of somebody of the bench's company."""
    await database.unit_of_work(_sign_in, login)
    client.set_cookie("portal.example", settings.session_cookie, login)


async def _sign_in(connection: Connection, login: str) -> None:
    """A session whose token is the login: this portal is reached by nobody."""
    await connection.execute("delete from session where token_hash = $1", token_hash(login))
    person_id = await connection.fetchval("select id from person where login = $1", login)
    await sessions.start(
        connection, person_id, token_hash(login), "csrf", now=NOW,
        expires_at=NOW + timedelta(days=1),
    )  # fmt: skip


def _extension(number: int) -> str:
    return str(FIRST_EXTENSION + 1 + number * 37 % PEOPLE)


async def _lists(database: Database) -> dict[str, float]:
    async def once(number: int) -> None:
        wanted = CallFilter(extension=_extension(number))
        rows = await database.unit_of_work(seen_calls.last, OPERATOR, 200, wanted)
        assert rows

    return await _taken(LISTS, once)


def _duckdb(path: Path) -> dict[str, float]:
    question = f"select {SHOWN} from call where extension = ? order by started_at desc limit 200"
    waits: list[float] = []
    with duckdb.connect(str(path), read_only=True) as duck:
        for number in range(LISTS // 4):
            began = time.perf_counter()
            assert duck.execute(question, [int(_extension(number))]).fetchall()
            waits.append(time.perf_counter() - began)
    return _spread(waits)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
