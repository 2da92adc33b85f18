"""Keeps within a quota that other programs share, instead of finding out by being refused."""

from __future__ import annotations

from collections import deque

import trio

from telephony.errors import PbxThrottled


class Quota:
    """At most `limit` requests within any `per_s` seconds; the next is refused, not delayed."""

    def __init__(self, limit: int, per_s: float) -> None:
        self._limit = limit
        self._per_s = per_s
        self._taken: deque[float] = deque()

    def take(self, what: str) -> None:
        """Count one request.

        Raises:
            PbxThrottled: The quota is used up; `retry_after_s` says for how long.
        """
        now = trio.current_time()
        while self._taken and now - self._taken[0] >= self._per_s:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            wait = self._per_s - (now - self._taken[0])
            raise PbxThrottled(
                f"{what}: {self._limit} requests in {self._per_s:g} s are used up", wait
            )
        self._taken.append(now)
