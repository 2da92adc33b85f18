"""Live pages: who hears of what, when, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import trio
from call_rows import add_call
from fixtures_web import PASSWORD, Browser, HeldClock, budget_for, id_of, spend
from quart_trio import QuartTrio

from actors.bus import RESYNC, Bus, Change
from actors.house import House
from storage import locks
from storage.database import Connection, Database, notify
from telephony.plant import ExtensionKey
from web.live import (
    AT_MOST_EVERY_S,
    BEAT_S,
    RECHECK_S,
    RENEWED_PER_S,
    Interest,
    Watch,
    parts_of,
    stream,
)

MINE = Interest(frozenset({"7"}), frozenset({"731"}), newest=90, person="3", calls=frozenset({"3"}))


def watching(*interests: Interest | None) -> Watch:
    """A watch that begins with the first interest and is told the others when it asks again."""
    later = list(interests[1:] or interests)

    async def ask() -> Interest | None:
        await trio.lowlevel.checkpoint()
        return later.pop(0) if len(later) > 1 else later[0]

    first = interests[0]
    assert first is not None
    return Watch(ask, first)


async def test_a_stream_begins_with_a_look_at_everything() -> None:
    events = stream(Bus(), watching(MINE))
    assert await anext(events) == "retry: 2000\n\nid: 0\nevent: look\ndata: all\n\n"
    await events.aclose()


@pytest.mark.parametrize(
    ("change", "data"),
    [
        (Change("account", "7"), "budget history"),
        (Change("line", "731"), "lock budget history"),
        (Change("company", "-"), "all"),
        (Change("calls", "3"), "calls"),
        (RESYNC, "all"),
    ],
)
def test_a_change_names_the_parts_to_fetch_again(change: Change, data: str) -> None:
    assert parts_of(change) == data


@pytest.mark.parametrize(
    "change",
    [
        Change("account", "8"),
        Change("account", "91"),
        Change("line", "732"),
        Change("line", "731@PT-Other"),
        Change("calls", "1"),
        Change("calls", "0"),
        Change("session", "1"),
        Change("notification", "-"),
    ],
)
async def test_what_is_anothers_is_not_heard(change: Change) -> None:
    bus = Bus()
    events = stream(bus, watching(MINE))
    await anext(events)
    bus.publish(*change)
    bus.publish("line", "731")
    assert "data: lock budget history" in await anext(events)
    await events.aclose()


async def test_what_became_mine_meanwhile_is_heard() -> None:
    bus, more = Bus(), Interest(frozenset({"7", "91"}), frozenset({"731", "739"}), newest=91)
    events = stream(bus, watching(MINE, more))
    await anext(events)
    bus.publish("account", "91")
    assert "data: budget history" in await anext(events)
    bus.publish("line", "739")
    assert "data: lock budget history" in await anext(events)
    await events.aclose()


async def test_a_silent_stream_says_it_is_alive(autojump_clock: trio.testing.MockClock) -> None:
    events = stream(Bus(), watching(MINE))
    await anext(events)
    began = trio.current_time()
    assert "event: beat" in await anext(events)
    assert trio.current_time() - began == pytest.approx(BEAT_S)
    await events.aclose()


async def test_a_stream_ends_with_its_session(autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    heard = [event async for event in stream(Bus(), watching(MINE, None))]
    assert trio.current_time() - began == pytest.approx(RECHECK_S)
    assert "event: signed-out" in heard[-1]
    assert all("event: beat" in event for event in heard[1:-1])


@pytest.mark.parametrize("change", [Change("session", "3"), Change("company", "-"), RESYNC])
async def test_a_session_that_was_ended_closes_its_stream_within_seconds(
    autojump_clock: trio.testing.MockClock, change: Change
) -> None:
    bus, began = Bus(), trio.current_time()
    events = stream(bus, watching(MINE, None))
    await anext(events)
    bus.publish(*change)
    assert "event: signed-out" in await anext(events)
    assert trio.current_time() - began < 5
    await events.aclose()


async def test_after_a_change_of_the_company_the_scope_is_asked_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    wider = Interest(MINE.accounts, MINE.lines, 90, "3", frozenset({"3", "4"}))
    bus = Bus()
    events = stream(bus, watching(MINE, wider))
    await anext(events)
    bus.publish("company", "-")
    assert "data: all" in await anext(events)
    bus.publish("calls", "4")
    assert "data: calls" in await anext(events)
    await events.aclose()


async def test_an_administrator_hears_of_every_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bus = Bus()
    events = stream(bus, watching(Interest(frozenset(), frozenset(), calls=None)))
    await anext(events)
    for person in ("0", "17"):
        bus.publish("calls", person)
        assert "data: calls" in await anext(events)
    await events.aclose()


async def test_however_many_calls_end_a_page_looks_once_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bus, told = Bus(), list[float]()
    events = stream(bus, watching(Interest(frozenset(), frozenset(), calls=None)))
    await anext(events)

    async def listen() -> None:
        while len(told) < 4:
            assert "data: calls" in await anext(events)
            told.append(trio.current_time())

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        while len(told) < 4:
            for person in range(20):
                bus.publish("calls", str(person))
            await trio.sleep(0.05)
    await events.aclose()
    assert told[0] == pytest.approx(began, abs=0.1)
    assert all(
        later - earlier >= AT_MOST_EVERY_S["calls"] - 1e-6 for earlier, later in pairwise(told)
    )


async def test_a_burst_of_calls_delays_nothing_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bus = Bus()
    events = stream(bus, watching(MINE))
    await anext(events)
    bus.publish("calls", "3")
    assert "data: calls" in await anext(events)
    bus.publish("calls", "3")
    bus.publish("line", "731")
    assert "data: lock budget history" in await anext(events)
    assert "data: calls" in await anext(events)
    await events.aclose()


async def test_two_thousand_streams_do_not_ask_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bus, asked = Bus(), list[float]()

    async def ask() -> Interest:
        await trio.lowlevel.checkpoint()
        asked.append(trio.current_time())
        return MINE

    async def watch() -> None:
        events = stream(bus, Watch(ask, MINE))
        await anext(events)
        assert "data: all" in await anext(events)
        await events.aclose()

    async with trio.open_nursery() as nursery:
        for _ in range(2000):
            nursery.start_soon(watch)
        while bus.watchers < 2000:
            await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        bus.publish("company", "-")
    assert len(asked) == 2000
    assert max(asked) - began <= 2000 / RENEWED_PER_S
    busiest = max(sum(second <= at - began < second + 1 for at in asked) for second in range(10))
    assert busiest < 2 * RENEWED_PER_S


async def test_a_closed_stream_leaves_the_bus() -> None:
    bus = Bus()
    events = stream(bus, watching(MINE))
    await anext(events)
    assert bus.watchers == 1
    await events.aclose()
    assert bus.watchers == 0


async def test_two_thousand_streams_are_cheap(autojump_clock: trio.testing.MockClock) -> None:
    bus, told = Bus(), 0
    enough = trio.Event()

    async def watch(number: int) -> None:
        nonlocal told
        interest = Interest(frozenset({str(number)}), frozenset())
        events = stream(bus, watching(interest))
        await anext(events)
        while "event: beat" in (event := await anext(events)):
            pass
        told += event.count("data: budget history")
        await events.aclose()
        if told == 2000:
            enough.set()

    async with trio.open_nursery() as nursery:
        for number in range(2000):
            nursery.start_soon(watch, number)
        while bus.watchers < 2000:
            await trio.testing.wait_all_tasks_blocked()
        for number in range(2000):
            bus.publish("account", str(number))
        await enough.wait()
    assert bus.watchers == 0


# Through the portal ------------------------------------------------------------------------------


class Listener:
    """An open stream of a signed-in browser; Quart's own test client cannot leave one."""

    def __init__(self, app: QuartTrio, browser: Browser) -> None:
        token = next(c.value or "" for c in browser.client.cookie_jar if c.name == "ringfence")
        self.app = app
        self.heard = ""
        self.arrived = trio.Event()
        self.scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": "/live",
            "raw_path": b"/live",
            "query_string": b"",
            "root_path": "",
            "http_version": "1.1",
            "headers": [(b"host", b"portal.example"), (b"cookie", f"ringfence={token}".encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "extensions": {},
            "state": {},
        }

    async def receive(self) -> dict[str, object]:
        await trio.sleep_forever()
        return {}

    async def send(self, message: dict[str, object]) -> None:
        await trio.lowlevel.checkpoint()
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        self.heard += body.decode()
        self.arrived.set()

    async def until(self, words: str) -> None:
        with trio.fail_after(10):
            while words not in self.heard:
                self.arrived = trio.Event()
                await self.arrived.wait()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.app, self.scope, self.receive, self.send)
            await self.until("data: all")
            yield
            nursery.cancel_scope.cancel()


async def test_a_spent_cent_reaches_its_owners_page(
    app: QuartTrio, browser: Browser, database: Database, house: House
) -> None:
    await budget_for(database, "asonnino", "100.00")
    await browser.sign_in()
    listener = Listener(app, browser)
    async with listener.listening():
        account = await spend(database, "asonnino", "12.50")
        house.bus.publish("account", str(account))
        await listener.until("data: budget history")
    await browser.get("/budget/?fragment=1")
    assert browser.value("budget-current") == "€12.50"


async def test_a_lock_from_elsewhere_reaches_the_page(
    app: QuartTrio, browser: Browser, database: Database
) -> None:
    await browser.sign_in()
    listener = Listener(app, browser)
    async with listener.listening():
        await database.unit_of_work(
            locks.set_hold,
            ExtensionKey("731"),
            "admin",
            held=True,
            by=None,
            source="",
            now=datetime.now(UTC),
        )
        await listener.until("data: lock budget history")


async def test_without_a_session_nothing_is_live(app: QuartTrio, browser: Browser) -> None:
    for path in ("/live", "/budget/?fragment=1", "/lock/?fragment=1"):
        answer = await browser.get(path)
        assert answer.status_code == 401
        assert browser.page == ""


async def test_looking_live_is_no_sign_of_life(browser: Browser, clock: HeldClock) -> None:
    await browser.sign_in(password=PASSWORD)
    for _ in range(3):
        clock.now += timedelta(minutes=19)
        assert (await browser.get("/budget/?fragment=1")).status_code == 200
    clock.now += timedelta(minutes=19)
    assert (await browser.get("/budget/?fragment=1")).status_code == 401


@pytest.mark.parametrize(
    ("login", "heard"),
    [
        ("asonnino", {"731"}),
        ("cmoreau", {"731", "732"}),
        ("root", {"731", "732", "741", None}),
    ],
)
async def test_a_call_reaches_the_pages_that_may_show_it(
    app: QuartTrio,
    browser: Browser,
    database: Database,
    house: House,
    login: str,
    heard: set[str | None],
) -> None:
    await browser.sign_in(login)
    for extension in ("731", "732", "741", None):
        listener = Listener(app, browser)
        async with listener.listening():
            await database.unit_of_work(add_call, extension)
            # Both come over the same connection of the listener, so the later says it all.
            await database.unit_of_work(notify, "session", await id_of(database, login))
            while listener.heard.count("data: all") < 2:
                await trio.lowlevel.checkpoint()
            assert ("data: calls" in listener.heard) == (extension in heard)


async def test_who_is_disabled_hears_no_more(
    app: QuartTrio, browser: Browser, database: Database, house: House
) -> None:
    await browser.sign_in("cmoreau")
    listener = Listener(app, browser)

    async def disable(connection: Connection) -> None:
        await connection.execute("update person set disabled_at = now() where login = 'cmoreau'")
        await notify(connection, "company", "-")

    async with listener.listening():
        await database.unit_of_work(disable)
        await listener.until("event: signed-out")


async def test_who_becomes_a_user_hears_of_their_own_calls_alone(
    app: QuartTrio, browser: Browser, database: Database, house: House
) -> None:
    await browser.sign_in("cmoreau")
    listener = Listener(app, browser)

    async def demote(connection: Connection) -> None:
        await connection.execute("update person set role = 'user' where login = 'cmoreau'")
        await notify(connection, "company", "-")

    async with listener.listening():
        await database.unit_of_work(demote)
        while listener.heard.count("data: all") < 2:
            await trio.lowlevel.checkpoint()
        await database.unit_of_work(add_call, "731")
        await database.unit_of_work(add_call, "733")
        await listener.until("data: calls")
        assert listener.heard.count("data: calls") == 1
