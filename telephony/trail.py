"""What is being worked on right now: values that every log line written meanwhile carries.

Context variables, so that a task inherits them from whoever started it and nobody hands them
through. Whoever begins a piece of work sets what it is about; the log's formatter reads them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

NAMES = ("call_id", "user_id", "actor", "request_id", "file")
"""Everything a log line may be about."""

_trail: ContextVar[dict[str, str] | None] = ContextVar("ringfence_trail", default=None)


def current_trail() -> dict[str, str]:
    """What the present task is about; a copy."""
    return dict(_trail.get() or {})


def follow(**about: str) -> None:
    """Add to the trail of the present task until it ends, and of tasks it starts from now on.

    Raises `ValueError` for a name that is not one of `NAMES`.
    """
    for name in about:
        if name not in NAMES:
            raise ValueError(f"no log line is about {name}")
    _trail.set(current_trail() | about)


@contextmanager
def trail(**about: str) -> Generator[None]:
    """Add to the trail for the time of a block."""
    before = _trail.get()
    follow(**about)
    try:
        yield
    finally:
        _trail.set(before)
