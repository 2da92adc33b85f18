"""The portal while something it needs is slow: it says so in time, and goes on afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from fixtures_web import SETTINGS, Browser
from quart_trio import QuartTrio
from test_web_live import Listener

from actors.house import House
from storage.database import Connection, Database
from web import live
from web.app import create_app

IMPATIENT = replace(SETTINGS, database_patience_s=0.2)


@asynccontextmanager
async def held(database: Database, table: str) -> AsyncGenerator[None]:
    """Nobody else gets at the table: a database that is too busy to answer."""
    token = trio.lowlevel.current_trio_token()
    locked, done = trio.Event(), trio.Event()

    async def hold(connection: Connection) -> None:
        await connection.execute(f"lock table {table} in access exclusive mode")
        token.run_sync_soon(locked.set)
        while not done.is_set():
            await connection.execute("select pg_sleep(0.02)")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.unit_of_work, hold)
        await locked.wait()
        try:
            yield
        finally:
            done.set()


def impatient(house: House) -> QuartTrio:
    return create_app(house, IMPATIENT)


async def test_a_slow_database_is_said_and_not_waited_for(house: House, database: Database) -> None:
    browser = Browser(impatient(house))
    await browser.sign_in()
    async with held(database, "budget_period"):
        answer = await browser.get("/budget/")
        assert answer.status_code == 503
        assert answer.headers["Refresh"] == "5"
        assert "The database does not answer at the moment." in browser.text
        part = await browser.get("/budget/?fragment=1")
        assert part.status_code == 503
        assert not browser.page
    assert (await browser.get("/budget/")).status_code == 200


async def test_signing_in_while_the_database_is_slow_loses_nothing(
    house: House, database: Database
) -> None:
    browser = Browser(impatient(house))
    await browser.get("/login")
    form = {name: browser.hidden(name) for name in ("csrf_token", "next")}
    async with held(database, "session"):
        answer = await browser.post("/login", username="asonnino", password="correct horse", **form)
        assert answer.status_code == 503
    answer = await browser.post("/login", username="asonnino", password="correct horse", **form)
    assert answer.status_code == 303


async def test_one_browser_holds_so_many_pages_open_and_no_more(
    app: QuartTrio, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_A_SESSION", 1)
    await browser.sign_in()
    listener = Listener(app, browser)
    async with listener.listening():
        assert (await browser.get("/live")).status_code == 429
        other = Browser(app)
        await other.sign_in("bkowalska")
        async with Listener(app, other).listening():
            pass
    async with Listener(app, browser).listening():
        pass
