"""Where the time of day comes from. Passed in, so that a test can hold it still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from telephony.errors import TelephonyError

EARLIEST_YEAR, LATEST_YEAR = 1970, 2200
"""What a person may mean by a date, with room for every zone on either side."""

Clock = Callable[[], datetime]
"""Gives the present instant as an aware datetime in UTC."""


def system_clock() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def read_instant(text: str, time_zone: str) -> datetime:
    """An ISO 8601 date or instant; without an offset it is in the IANA `time_zone`.

    Raises `TelephonyError` with what to write.
    """
    try:
        read = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        read = None
    if read is None or not EARLIEST_YEAR <= read.year <= LATEST_YEAR:
        raise TelephonyError(
            f"{text!r} is no instant: write 2026-01-31T09:30, or with Z or an offset"
        )
    return (read if read.tzinfo else read.replace(tzinfo=ZoneInfo(time_zone))).astimezone(UTC)


def iso_z(instant: datetime) -> str:
    """An aware instant as ISO 8601 in UTC with `Z`, as every JSON document carries it."""
    utc = instant.astimezone(UTC)
    timespec = "microseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=timespec).replace("+00:00", "Z")
