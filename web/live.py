"""Live pages: a stream that says which part to fetch again, and nothing else.

The stream carries no data of anybody. What changed is looked up, with all its rules, when the
page fetches its part. A watcher hears of its own person's accounts and extensions alone; which
these are is asked again when the company changes or an account comes up that is newer than the
stream. An open stream costs one task, one watcher on the bus and no connection to the database.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import trio
from quart import Response

from actors.bus import RESYNC, Bus, Change
from storage import budgets, people, sessions
from storage.database import Connection, StorageUnavailable
from web.context import house, settings, signed_in
from web.portal import signed_in_pages

live_pages = signed_in_pages("live")

BEAT_S = 15.0
"""A silent stream says this often that it is alive, to the page and to what lies between."""

RECHECK_BEATS = 20
"""After so many beats the session is looked up again: five minutes."""

RETRY_MS = 2000

_PARTS = {"account": "budget history", "line": "lock budget history"}
_EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Interest:
    """What one person's pages hang on: budget accounts and extensions, as the bus names them.

    `newest` is the newest account of anybody when this was asked: later ones may be theirs.
    """

    accounts: frozenset[str]
    lines: frozenset[str]
    newest: int = 2**63

    def wants(self, change: Change) -> bool:
        """Whether a change concerns this person, or may."""
        if change.topic == "account":
            return change.key in self.accounts or self.is_stale(change)
        if change.topic == "line":
            return change.key in self.lines
        return change.topic == "company"

    def is_stale(self, change: Change) -> bool:
        """Whether this interest is too old to judge the change or those after it."""
        if change.topic == "account":
            return change.key.isdecimal() and int(change.key) > self.newest
        return change.topic != "line"


class Watch:
    """One stream's interest, asked again by `ask` when something shows that it is too old."""

    def __init__(self, ask: Callable[[], Awaitable[Interest]], interest: Interest) -> None:
        self._ask = ask
        self._interest = interest

    def wants(self, change: Change) -> bool:
        """What the bus asks for every change; never waits."""
        return self._interest.wants(change)

    async def concerns(self, change: Change) -> bool:
        """Whether the change, once it has come, is the person's; True where nobody can say now."""
        if not self._interest.is_stale(change):
            return True
        try:
            self._interest = await self._ask()
        except StorageUnavailable:
            return True
        return change.topic != "account" or change.key in self._interest.accounts


def event(name: str, data: str, number: int) -> str:
    """One event of the stream, as the standard writes it."""
    return f"id: {number}\nevent: {name}\ndata: {data}\n\n"


def parts_of(change: Change) -> str:
    """Which live parts of a page a change concerns."""
    return _EVERYTHING if change == RESYNC else _PARTS.get(change.topic, _EVERYTHING)


async def stream(
    bus: Bus, watch: Watch, still_open: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[str]:
    """Events until the session ends: `look` with the parts, `beat`, and at last `signed-out`.

    `still_open` is awaited now and then and says whether the session is. Closed by the server when
    the browser goes away; holds nothing but its place on the bus.
    """
    number, silent = 0, 0
    async with bus.subscribe(watch.wants) as changes:
        yield f"retry: {RETRY_MS}\n\n" + event("look", _EVERYTHING, number)
        while True:
            number += 1
            change = None
            with trio.move_on_after(BEAT_S):
                change = await anext(changes)
            if change is not None:
                if await watch.concerns(change):
                    yield event("look", parts_of(change), number)
                continue
            silent += 1
            if silent % RECHECK_BEATS == 0 and not await still_open():
                break
            yield event("beat", "", number)
    yield event("signed-out", "", number + 1)


async def _interest(connection: Connection, person_id: int, now: datetime) -> Interest:
    views = await budgets.for_person(connection, person_id, now)
    person = await people.by_id(connection, person_id)
    return Interest(
        frozenset(str(view.account_id) for view in views),
        frozenset(str(key) for key in person.extensions) if person else frozenset(),
        max(await budgets.live_accounts(connection), default=0),
    )


@live_pages.get("/live")
async def live() -> Response:
    """The stream of the signed-in person."""
    at, session = house(), signed_in()
    idle = timedelta(minutes=settings().session_idle_minutes)

    async def ask() -> Interest:
        return await at.database.unit_of_work(_interest, session.person.id, at.clock())

    async def still_open() -> bool:
        try:
            found = await at.database.unit_of_work(
                sessions.find, session.token_hash, now=at.clock(), idle=idle, seen=False
            )
        except StorageUnavailable:
            return True
        return found is not None

    response = Response(
        stream(at.bus, Watch(ask, await ask()), still_open),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    response.timeout = None
    return response
