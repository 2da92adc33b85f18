"""Live pages: a stream that says which part to fetch again, and nothing else.

The stream carries no data of anybody. What changed is looked up, with all its rules, when the
page fetches its part. A watcher hears of its own person's accounts and extensions, and of the calls
of those it may see. Which these are, and whether the session is still open, is asked again when the
company or the session changes: not by every stream at once, but so many in a second. An open stream
costs one task, one watcher on the bus and no connection to the database.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import trio
from quart import Response

from actors.bus import RESYNC, Bus, Change
from storage import budgets, sessions
from storage.database import Connection, StorageUnavailable
from storage.viewer import Viewer, people_seen
from web.context import house, settings, signed_in
from web.portal import signed_in_pages

live_pages = signed_in_pages("live")

BEAT_S = 15.0
"""A silent stream says this often that it is alive, to the page and to what lies between."""

RECHECK_S = 300.0
"""After so long the session is looked up again, whatever was heard."""

AT_MOST_EVERY_S = {"calls": 1.0, "state": 5.0}
"""However many calls end or lines change, a page is told of them at most this often."""

RENEWED_PER_S = 200
"""How many streams ask again in a second after something that concerns all of them."""

STREAMS_A_SESSION = 30
"""Pages one browser may hold open; more than anybody has, fewer than would hurt."""

RETRY_MS = 2000

_open: Counter[bytes] = Counter()

_PARTS = {
    "account": "budget history",
    "line": "lock budget history",
    "calls": "calls",
    "schedule": "schedules",
}
_STATE = frozenset({"alarm", "directory", "line", "notification"})
"""What the page about the daemon itself hangs on."""

_EVERYTHING = "all"
_RENEWING = {"company", "session", RESYNC.topic}


@dataclass(frozen=True, slots=True)
class Interest:
    """What one person's pages hang on: accounts, extensions and people, as the bus names them.

    `newest` is the newest account of anybody when this was asked: later ones may be theirs.
    `calls` are the people whose calls they see; None, for administrators: everybody's, those of no
    one, and how the daemon does.
    """

    accounts: frozenset[str]
    lines: frozenset[str]
    newest: int = 2**63
    person: str = ""
    calls: frozenset[str] | None = frozenset()

    def wants(self, change: Change) -> bool:
        """Whether a change concerns this person, or may."""
        if self.is_state(change):
            return True
        if change.topic == "account":
            return change.key in self.accounts or self.is_stale(change)
        if change.topic == "line":
            return self.has_line(change)
        if change.topic == "calls":
            return self.calls is None or change.key in self.calls
        if change.topic in {"session", "schedule"}:
            is_everybodys = change.topic == "schedule" and self.calls is None
            return is_everybodys or change.key == self.person
        return change.topic == "company"

    def has_line(self, change: Change) -> bool:
        """Whether it is the person's own line that changed."""
        return change.key in self.lines

    def is_state(self, change: Change) -> bool:
        """Whether the change is one of the daemon's state, for who may look at that."""
        return self.calls is None and change.topic in _STATE

    def is_stale(self, change: Change) -> bool:
        """Whether this interest is too old to judge the change or those after it."""
        if change.topic == "account":
            return change.key.isdecimal() and int(change.key) > self.newest
        return change.topic in _RENEWING


_UNKNOWN = Interest(frozenset(), frozenset())


class Watch:
    """One stream's interest, asked again by `ask`; that answers None once the session is over."""

    def __init__(self, ask: Callable[[], Awaitable[Interest | None]], interest: Interest) -> None:
        self._ask = ask
        self._interest = interest

    def wants(self, change: Change) -> bool:
        """What the bus asks for every change; never waits."""
        return self._interest.wants(change)

    def is_state(self, change: Change) -> bool:
        """Whether the page about the daemon's state is to be looked at again."""
        return self._interest.is_state(change)

    def is_own(self, change: Change) -> bool:
        """Whether a change of a line is one of the person's own lines."""
        return change.topic != "line" or self._interest.has_line(change)

    async def renew(self) -> bool:
        """Ask again; False where the session is over, True where nobody can say now."""
        return await self._asked() is not None

    async def concerns(self, change: Change) -> bool:
        """Whether the change, once it has come, is the person's; True where nobody can say now."""
        if not self._interest.is_stale(change):
            return True
        asked = await self._asked()
        return asked is _UNKNOWN or change.key in self._interest.accounts

    async def _asked(self) -> Interest | None:
        """What is known anew; `_UNKNOWN` where the database is away."""
        try:
            interest = await self._ask()
        except StorageUnavailable:
            return _UNKNOWN
        self._interest = interest or self._interest
        return interest


def event(name: str, data: str, number: int) -> str:
    """One event of the stream, as the standard writes it."""
    return f"id: {number}\nevent: {name}\ndata: {data}\n\n"


def parts_of(change: Change) -> str:
    """Which live parts of a page a change concerns."""
    return _EVERYTHING if change == RESYNC else _PARTS.get(change.topic, _EVERYTHING)


class Agenda:
    """What a stream has to do when: beat, look the session up again, tell of calls or state."""

    def __init__(self) -> None:
        self._at = {
            "beat": trio.current_time() + BEAT_S,
            "recheck": trio.current_time() + RECHECK_S,
        }
        self._told_at: dict[str, float] = {}

    @property
    def next_at(self) -> float:
        """When the next thing is due, on Trio's clock."""
        return min(self._at.values())

    def take(self) -> str:
        """What is due now, taken off; empty where nothing is yet. Beats and re-checks recur."""
        name = min(self._at, key=lambda name: self._at[name])
        if self._at[name] > trio.current_time():
            return ""
        del self._at[name]
        if name in AT_MOST_EVERY_S:
            self._told_at[name] = trio.current_time()
        elif name == "beat":
            self.spoken()
        elif name == "recheck":
            self._at["recheck"] = trio.current_time() + RECHECK_S
        return name

    def spoken(self) -> None:
        """Something was said: the next beat is that much later."""
        self._at["beat"] = trio.current_time() + BEAT_S

    def tell(self, part: str) -> None:
        """Tell of a part at once, or when the last time is long enough ago."""
        now = trio.current_time()
        told_at = self._told_at.get(part, now - AT_MOST_EVERY_S[part])
        self._at.setdefault(part, max(now, told_at + AT_MOST_EVERY_S[part]))

    def renew(self, within_s: float) -> None:
        """Ask everything again at some instant within so many seconds."""
        at = trio.current_time() + random.uniform(0, within_s)  # noqa: S311 - spreads work, no secret
        self._at["renew"] = min(at, self._at.get("renew", at))


async def stream(bus: Bus, watch: Watch) -> AsyncGenerator[str]:
    """Events until the session ends: `look` with the parts, `beat`, and at last `signed-out`.

    Closed by the server when the browser goes away; holds nothing but its place on the bus.
    """
    number, agenda = 0, Agenda()
    async with bus.subscribe(watch.wants) as changes:
        yield f"retry: {RETRY_MS}\n\n" + event("look", _EVERYTHING, number)
        while True:
            number += 1
            parts = ""
            change = None
            with trio.move_on_at(agenda.next_at):
                change = await anext(changes)
            if change is not None:
                parts = await _heard(change, bus, watch, agenda)
            elif (due := agenda.take()) in {"renew", "recheck"}:
                if not await watch.renew():
                    break
                parts = _EVERYTHING if due == "renew" else ""
            elif due in AT_MOST_EVERY_S:
                parts = due
            elif due == "beat":
                yield event("beat", "", number)
            if parts:
                agenda.spoken()
                yield event("look", parts, number)
    yield event("signed-out", "", number + 1)


async def _heard(change: Change, bus: Bus, watch: Watch, agenda: Agenda) -> str:
    """The parts to look at for a change now; empty where that is for later, or for nobody."""
    if change.topic == "calls":
        agenda.tell("calls")
        return ""
    if watch.is_state(change):
        agenda.tell("state")
        if change.topic != "line" or not watch.is_own(change):
            return ""
    if change.topic in _RENEWING:
        agenda.renew(0 if change.topic == "session" else bus.watchers / RENEWED_PER_S)
        return ""
    return parts_of(change) if await watch.concerns(change) else ""


async def _interest(
    connection: Connection, token_hash: bytes, now: datetime, idle: timedelta
) -> Interest | None:
    """What the person of this session may hear of; None where the session is over."""
    session = await sessions.find(connection, token_hash, now=now, idle=idle, seen=False)
    if session is None:
        return None
    viewer = Viewer.of(session.person)
    views = await budgets.for_person(connection, viewer, now)
    seen = await people_seen(connection, viewer)
    return Interest(
        frozenset(str(view.account_id) for view in views),
        frozenset(str(key) for key in session.person.extensions),
        max(await budgets.live_accounts(connection), default=0),
        str(session.person.id),
        None if viewer.breadth == "all" else frozenset(map(str, seen)),
    )


async def _counted(token_hash: bytes, events: AsyncGenerator[str]) -> AsyncGenerator[str]:
    """The same events; while they go on, the session has one more stream."""
    _open[token_hash] += 1
    try:
        async with aclosing(events):
            async for told in events:
                yield told
    finally:
        _open[token_hash] -= 1
        if not _open[token_hash]:
            del _open[token_hash]


@live_pages.get("/live")
async def live() -> Response:
    """The stream of the signed-in person."""
    at, token_hash = house(), signed_in().token_hash
    idle = timedelta(minutes=settings().session_idle_minutes)

    async def ask() -> Interest | None:
        return await at.database.unit_of_work(_interest, token_hash, at.clock(), idle)

    interest = await ask()
    if interest is None:
        return Response("", status=401, content_type="text/plain")
    if _open[token_hash] >= STREAMS_A_SESSION:
        return Response("", status=429, content_type="text/plain")
    response = Response(
        _counted(token_hash, stream(at.bus, Watch(ask, interest))),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    response.timeout = None
    return response
