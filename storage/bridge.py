"""The bridge to asyncio, on which asyncpg runs: the only module that knows trio-asyncio.

trio-asyncio has no types of its own; they are given here once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from heapq import heapify
from typing import Any, TypeVar, cast

import trio
import trio_asyncio

T = TypeVar("T")

KEPT_TIMERS = 100
"""As many cancelled timers are no burden."""


class Bridge:
    """One asyncio loop running under Trio. Made by `open_asyncio`."""

    def __init__(self, loop: object) -> None:
        self._loop = loop

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await an asyncio-flavoured function from Trio, on this loop and no other.

        Where loops are nested the innermost is current; a pool must meet the one it was made on.
        """
        current = _current_loop()
        before = current.set(self._loop)
        try:
            wrapped = trio_asyncio.aio_as_trio(work)  # pyright: ignore[reportUnknownMemberType]
            return cast("T", await wrapped())
        finally:
            current.reset(before)


def _current_loop() -> ContextVar[object]:
    return cast("ContextVar[object]", trio_asyncio.current_loop)


@asynccontextmanager
async def open_asyncio() -> AsyncGenerator[Bridge]:
    """Open an asyncio loop for the time of a block.

    trio-asyncio opens two nurseries, so whatever the block raises arrives in two groups of one;
    they are taken off again, for a `RingfenceError` to be caught as what it is.
    """
    try:
        async with trio_asyncio.open_loop() as loop:  # pyright: ignore[reportUnknownMemberType]
            _forget_cancelled_timers(loop)
            yield Bridge(loop)
    except BaseExceptionGroup as group:
        raise _alone(_alone(group)) from None


def _forget_cancelled_timers(loop: Any) -> None:  # noqa: ANN401 - trio-asyncio has no types
    """Take cancelled timers out of the loop's heap once they are half of it, as asyncio does.

    trio-asyncio leaves them there until they would have gone off. Every statement has a time-out
    of minutes and COPY one for every piece it is given: by the hundred thousand they hold memory,
    and the collector stands still for half a second to look through them.
    """
    timers = cast("list[asyncio.TimerHandle]", loop._timers)  # noqa: SLF001 - has no other door
    cancelled = 0

    def on_cancel(_: asyncio.TimerHandle) -> None:
        nonlocal cancelled
        cancelled += 1
        if cancelled >= KEPT_TIMERS and 2 * cancelled >= len(timers):
            timers[:] = [timer for timer in timers if not timer.cancelled()]
            heapify(timers)
            cancelled = 0

    loop._timer_handle_cancelled = on_cancel  # noqa: SLF001 - as asyncio's timers call it


def _alone(error: BaseException) -> BaseException:
    """What a group of one holds; anything else as it is."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return group.exceptions[0] if len(group.exceptions) == 1 else group
    return error


@contextmanager
def shielded() -> Generator[None]:
    """A block that cancellation waits for."""
    with trio.CancelScope(shield=True):
        yield
