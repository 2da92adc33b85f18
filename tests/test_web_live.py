"""Live pages: who hears of what, when, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trio
from fixtures_web import PASSWORD, Browser, HeldClock, budget_for, spend
from quart_trio import QuartTrio

from actors.bus import RESYNC, Bus, Change
from actors.house import House
from storage import locks
from storage.database import Database
from telephony.plant import ExtensionKey
from web.live import BEAT_S, RECHECK_BEATS, Interest, Watch, parts_of, stream

MINE = Interest(frozenset({"7"}), frozenset({"731"}), newest=90)


def watching(*interests: Interest) -> Watch:
    """A watch that begins with the first interest and is told the others when it asks again."""
    later = list(interests[1:] or interests)

    async def ask() -> Interest:
        await trio.lowlevel.checkpoint()
        return later.pop(0) if len(later) > 1 else later[0]

    return Watch(ask, interests[0])


async def for_ever() -> bool:
    await trio.lowlevel.checkpoint()
    return True


async def test_a_stream_begins_with_a_look_at_everything() -> None:
    events = stream(Bus(), watching(MINE), for_ever)
    assert await anext(events) == "retry: 2000\n\nid: 0\nevent: look\ndata: all\n\n"
    await events.aclose()


@pytest.mark.parametrize(
    ("change", "data"),
    [
        (Change("account", "7"), "budget history"),
        (Change("line", "731"), "lock budget history"),
        (Change("company", "-"), "all"),
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
        Change("notification", "-"),
    ],
)
async def test_what_is_anothers_is_not_heard(change: Change) -> None:
    bus = Bus()
    events = stream(bus, watching(MINE), for_ever)
    await anext(events)
    bus.publish(*change)
    bus.publish("line", "731")
    assert "data: lock budget history" in await anext(events)
    await events.aclose()


async def test_what_became_mine_meanwhile_is_heard() -> None:
    bus, more = Bus(), Interest(frozenset({"7", "91"}), frozenset({"731", "739"}), newest=91)
    events = stream(bus, watching(MINE, more), for_ever)
    await anext(events)
    bus.publish("account", "91")
    assert "data: budget history" in await anext(events)
    bus.publish("line", "739")
    assert "data: lock budget history" in await anext(events)
    await events.aclose()


async def test_a_silent_stream_says_it_is_alive(autojump_clock: trio.testing.MockClock) -> None:
    events = stream(Bus(), watching(MINE), for_ever)
    await anext(events)
    began = trio.current_time()
    assert "event: beat" in await anext(events)
    assert trio.current_time() - began == pytest.approx(BEAT_S)
    await events.aclose()


async def test_a_stream_ends_with_its_session(autojump_clock: trio.testing.MockClock) -> None:
    async def over() -> bool:
        await trio.lowlevel.checkpoint()
        return False

    heard = [event async for event in stream(Bus(), watching(MINE), over)]
    assert len(heard) == 1 + RECHECK_BEATS
    assert "event: signed-out" in heard[-1]


async def test_a_closed_stream_leaves_the_bus() -> None:
    bus = Bus()
    events = stream(bus, watching(MINE), for_ever)
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
        events = stream(bus, watching(interest), for_ever)
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
