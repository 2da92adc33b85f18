"""Starts a task again when it fails, later each time, and gives up when it fails too often.

Expected failures (the database away for a moment) are waited out and never counted. A phone system
that is down is no failure here at all: actors store when to try again.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable

import trio

from storage.database import StorageUnavailable
from telephony.errors import RingfenceError

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 60.0
FAILURES_ALLOWED = 5
WINDOW_S = 600.0

Jitter = Callable[[float], float]
"""Gives the delay to use instead of the one computed, so that many do not retry in step."""

_log = logging.getLogger("ringfence.supervision")
_random = random.SystemRandom()


class GaveUp(RingfenceError):
    """Failed more than five times in ten minutes; the cause is the last failure."""


def spread(delay_s: float) -> float:
    """Between three quarters and all of the delay, at random."""
    return _random.uniform(0.75, 1.0) * delay_s


def backoff_s(
    failures: int, first_s: float = FIRST_DELAY_S, longest_s: float = LONGEST_DELAY_S
) -> float:
    """How long to wait after this many failures in a row (1 or more): doubles up to the longest."""
    return min(longest_s, first_s * 2.0 ** min(failures - 1, 30))


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    jitter: Jitter = spread,
    failed: Callable[[Exception], None] | None = None,
) -> None:
    """Run until it returns; after an `Exception` run it again, 0.5 s later doubling to 60 s.

    `failed` hears of every failure at once, before the wait. Raises `GaveUp` after more than five
    failures in ten minutes. Cancellation, and a group that contains it, passes through.
    """
    recent: deque[float] = deque()
    streak = 0
    while True:
        started = trio.current_time()
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - the one place that keeps a task alive
            now = trio.current_time()
            streak = 1 if now - started > LONGEST_DELAY_S else streak + 1
            _log.warning("task failed", extra={"task": name, "streak": streak}, exc_info=error)
            if failed is not None:
                failed(error)
            if not isinstance(error, StorageUnavailable):
                _count(name, recent, now, error)
        else:
            return
        await trio.sleep(jitter(backoff_s(streak)))


def _count(name: str, recent: deque[float], now: float, error: Exception) -> None:
    recent.append(now)
    while recent[0] <= now - WINDOW_S:
        recent.popleft()
    if len(recent) > FAILURES_ALLOWED:
        raise GaveUp(f"{name} failed {len(recent)} times in ten minutes: {error}") from error
