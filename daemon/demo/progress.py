"""A progress bar where somebody watches, a few plain lines where nobody does."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 40
STEP_PERCENT = 25


class Progress:
    """How far something of known length has come, told on standard error."""

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._watched = self._stream.isatty()
        self._told = -1

    def to(self, done: float) -> None:
        """Show that `done` of it, between 0 and 1, is there; each percentage is shown once."""
        percent = min(100, int(done * 100))
        step = percent if self._watched else percent // STEP_PERCENT * STEP_PERCENT
        if step <= self._told:
            return
        self._told = step
        if self._watched:
            self._draw(percent)
        else:
            self._stream.write(f"{self._what}: {step} %\n")
        self._stream.flush()

    def _draw(self, percent: int) -> None:
        bar = "#" * (WIDTH * percent // 100)
        end = "\n" if percent == 100 else ""
        self._stream.write(f"\r{self._what} [{bar:<{WIDTH}}] {percent:3} %{end}")
