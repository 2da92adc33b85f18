"""The bridge to asyncio, on which asyncpg runs: the only module that knows trio-asyncio.

trio-asyncio has no types of its own; they are given here once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

import trio
import trio_asyncio

T = TypeVar("T")


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
            yield Bridge(loop)
    except BaseExceptionGroup as group:
        raise _alone(_alone(group)) from None


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
