# ruff: noqa: E501 - a table
"""Budget periods follow the calendar of a zone, whatever its clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.periods import day_starts_at, period_of

ROME = ZoneInfo("Europe/Rome")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("instant", "period", "zone", "starts_at", "ends_at"),
    [
        # A month ends at local midnight, an hour earlier in UTC than the month before in summer.
        ("2026-11-20T10:00+01:00", "monthly", "Europe/Rome", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
        ("2026-10-31T23:59:59+01:00", "monthly", "Europe/Rome", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
        ("2026-11-01T00:00+01:00", "monthly", "Europe/Rome", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
        # Months of 28, 29 and 31 days, and over the year's end.
        ("2026-02-28T23:00+01:00", "monthly", "Europe/Rome", "2026-02-01T00:00+01:00", "2026-03-01T00:00+01:00"),
        ("2028-02-29T12:00+01:00", "monthly", "Europe/Rome", "2028-02-01T00:00+01:00", "2028-03-01T00:00+01:00"),
        ("2026-12-31T23:30+01:00", "monthly", "Europe/Rome", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        # Weeks begin on Monday; the one in which the clocks change has an hour more or less.
        ("2026-11-22T23:59+01:00", "weekly", "Europe/Rome", "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00"),
        ("2026-03-29T12:00+02:00", "weekly", "Europe/Rome", "2026-03-23T00:00+01:00", "2026-03-30T00:00+02:00"),
        # Days of 23 and 25 hours.
        ("2026-03-29T12:00+02:00", "daily", "Europe/Rome", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("2026-10-25T02:30+01:00", "daily", "Europe/Rome", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        # Midnight does not exist: the day begins at one.
        ("2026-04-24T12:00+03:00", "daily", "Africa/Cairo", "2026-04-24T01:00+03:00", "2026-04-25T00:00+03:00"),
        # Midnight comes twice: the day begins with the first.
        ("2026-11-01T12:00-05:00", "daily", "America/Havana", "2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00"),
        # The evening before comes twice.
        ("2026-10-30T12:00+02:00", "daily", "Africa/Cairo", "2026-10-30T00:00+02:00", "2026-10-31T00:00+02:00"),
        # A zone that is a quarter of an hour off, and one east of the date line.
        ("2026-11-20T00:00+05:45", "daily", "Asia/Kathmandu", "2026-11-20T00:00+05:45", "2026-11-21T00:00+05:45"),
        ("2026-11-20T10:00+00:00", "daily", "Pacific/Kiritimati", "2026-11-21T00:00+14:00", "2026-11-22T00:00+14:00"),
    ],
)  # fmt: skip
def test_a_period_is_that_of_the_local_calendar(
    instant: Any, period: Any, zone: str, starts_at: str, ends_at: str
) -> None:
    assert period_of(at(instant), period, ZoneInfo(zone)) == (at(starts_at), at(ends_at))


def test_a_day_that_a_zone_skipped_has_no_length() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert day_starts_at(date(2011, 12, 30), apia) == day_starts_at(date(2011, 12, 31), apia)


ZONES = [
    "Europe/Rome", "Africa/Cairo", "America/Havana", "America/St_Johns", "Australia/Lord_Howe",
    "Asia/Tehran", "Pacific/Apia", "America/Sao_Paulo", "Asia/Beirut", "UTC",
]  # fmt: skip


@given(
    instant=st.integers(473_385_600, 2_208_988_800).map(lambda s: datetime.fromtimestamp(s, UTC)),
    period=st.sampled_from(["daily", "weekly", "monthly"]),
    zone=st.sampled_from(ZONES),
)
def test_periods_contain_their_instants_and_leave_no_hole(
    instant: Any, period: Any, zone: str
) -> None:
    span = period_of(instant, period, ZoneInfo(zone))
    assert span.starts_at <= instant < span.ends_at
    following = period_of(span.ends_at, period, ZoneInfo(zone))
    assert following.starts_at == span.ends_at
    last = period_of(span.ends_at - timedelta(microseconds=1), period, ZoneInfo(zone))
    assert last == span
