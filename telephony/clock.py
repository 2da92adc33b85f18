"""Where the time of day comes from. Passed in, so that a test can hold it still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present instant as an aware datetime in UTC."""


def system_clock() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def iso_z(instant: datetime) -> str:
    """An aware instant as ISO 8601 in UTC with `Z`, as every JSON document carries it."""
    utc = instant.astimezone(UTC)
    timespec = "microseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=timespec).replace("+00:00", "Z")
