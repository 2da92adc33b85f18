"""Live pages: a stream that says which part to fetch again, and nothing else.

The stream carries no data of anybody. What changed is looked up, with all its rules, when the
page fetches its part. A watcher hears of its own person's accounts and extensions alone. An open
stream costs one task, one watcher on the bus and no connection to the database.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import trio
from quart import Response

from actors.bus import RESYNC, Bus, Change
from storage import budgets, sessions
from storage.database import StorageUnavailable
from storage.sessions import Session
from web.context import house, settings, signed_in
from web.portal import signed_in_pages

if TYPE_CHECKING:
    from actors.house import House

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
    """What one person's pages hang on: budget accounts and extensions, as the bus names them."""

    accounts: frozenset[str]
    lines: frozenset[str]

    def wants(self, change: Change) -> bool:
        """Whether a change concerns this person."""
        if change.topic == "account":
            return change.key in self.accounts
        if change.topic == "line":
            return change.key in self.lines
        return change.topic == "company"


def event(name: str, data: str, number: int) -> str:
    """One event of the stream, as the standard writes it."""
    return f"id: {number}\nevent: {name}\ndata: {data}\n\n"


def parts_of(change: Change) -> str:
    """Which live parts of a page a change concerns."""
    return _EVERYTHING if change == RESYNC else _PARTS.get(change.topic, _EVERYTHING)


async def stream(
    bus: Bus, interest: Interest, still_open: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[str]:
    """Events until the session ends: `look` with the parts, `beat`, and at last `signed-out`.

    `still_open` is awaited now and then and says whether the session is. Closed by the server when
    the browser goes away; holds nothing but its place on the bus.
    """
    number, silent = 0, 0
    async with bus.subscribe(interest.wants) as changes:
        yield f"retry: {RETRY_MS}\n\n" + event("look", _EVERYTHING, number)
        while True:
            number += 1
            change = None
            with trio.move_on_after(BEAT_S):
                change = await anext(changes)
            if change is not None:
                yield event("look", parts_of(change), number)
                continue
            silent += 1
            if silent % RECHECK_BEATS == 0 and not await still_open():
                break
            yield event("beat", "", number)
    yield event("signed-out", "", number + 1)


async def _interest(at: House, session: Session) -> Interest:
    person = session.person
    views = await at.database.unit_of_work(budgets.for_person, person.id, at.clock())
    return Interest(
        frozenset(str(view.account_id) for view in views),
        frozenset(str(key) for key in person.extensions),
    )


@live_pages.get("/live")
async def live() -> Response:
    """The stream of the signed-in person."""
    at, session = house(), signed_in()
    idle = timedelta(minutes=settings().session_idle_minutes)
    interest = await _interest(at, session)

    async def still_open() -> bool:
        try:
            found = await at.database.unit_of_work(
                sessions.find, session.token_hash, now=at.clock(), idle=idle, seen=False
            )
        except StorageUnavailable:
            return True
        return found is not None

    response = Response(
        stream(at.bus, interest, still_open),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    response.timeout = None
    return response
