"""Periods are whole local days in every zone, and those that follow each other leave no gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.options import Interval, LastDays, RelativePeriod
from reports.periods import instant, resolve


def local(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - what clocks show


ZONES = sorted(available_timezones() - {"localtime", "Factory"})
HALF_HOURS = ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]
zones = st.sampled_from(ZONES) | st.sampled_from(HALF_HOURS)
instants = st.datetimes(local(1975, 1, 1), local(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
weekdays = st.integers(0, 6)
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local_days(span: tuple[datetime, datetime], zone: str) -> tuple[str, str]:
    first, following = (at.astimezone(ZoneInfo(zone)) for at in span)
    assert (first.time(), following.time()) == (datetime.min.time(), datetime.min.time())
    return first.date().isoformat(), following.date().isoformat()


@pytest.mark.parametrize(
    ("period", "first_weekday", "first", "following"),
    [
        ("today", 0, "2026-11-20", "2026-11-21"),
        ("yesterday", 0, "2026-11-19", "2026-11-20"),
        ("this_week", 0, "2026-11-16", "2026-11-23"),
        ("this_week", 6, "2026-11-15", "2026-11-22"),
        ("this_week", 4, "2026-11-20", "2026-11-27"),
        ("last_week", 0, "2026-11-09", "2026-11-16"),
        ("last_week", 5, "2026-11-07", "2026-11-14"),
        ("this_month", 0, "2026-11-01", "2026-12-01"),
        ("last_month", 0, "2026-10-01", "2026-11-01"),
        ("this_quarter", 0, "2026-10-01", "2027-01-01"),
        ("last_quarter", 0, "2026-07-01", "2026-10-01"),
        ("this_year", 0, "2026-01-01", "2027-01-01"),
        ("last_year", 0, "2025-01-01", "2026-01-01"),
        (LastDays(1), 0, "2026-11-20", "2026-11-21"),
        (LastDays(7), 0, "2026-11-14", "2026-11-21"),
    ],
)
def test_days_of_each_period(
    period: RelativePeriod | LastDays, first_weekday: int, first: str, following: str
) -> None:
    span = resolve(period, "Europe/Rome", NOW, first_weekday)
    assert local_days(span, "Europe/Rome") == (first, following)


def test_the_year_turns_in_the_zone_and_not_in_utc() -> None:
    at = utc("2026-12-31T23:30")
    assert local_days(resolve("last_quarter", "Asia/Tokyo", at, 0), "Asia/Tokyo") == (
        "2026-10-01", "2027-01-01",
    )  # fmt: skip
    assert resolve("this_year", "UTC", at, 0) == (utc("2026-01-01"), utc("2027-01-01"))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29T12", 23), ("2026-10-25T12", 25)])
def test_days_are_as_long_as_the_clocks_make_them(day: str, hours: int) -> None:
    begin, end = resolve("today", "Europe/Rome", utc(f"{day}:00"), 0)
    assert end - begin == timedelta(hours=hours)


def test_an_interval_is_read_by_the_clocks_of_the_zone() -> None:
    february = Interval(local(2021, 2, 1), local(2021, 2, 24, 9, 30))
    assert resolve(february, "Asia/Kolkata", NOW, 0) == (
        utc("2021-01-31T18:30"), utc("2021-02-24T04:00"),
    )  # fmt: skip


def test_times_that_are_skipped_or_come_twice() -> None:
    rome = ZoneInfo("Europe/Rome")
    assert instant(local(2026, 3, 29, 2, 30), rome) == utc("2026-03-29T01:00")
    assert instant(local(2026, 3, 29, 3, 0), rome) == utc("2026-03-29T01:00")
    assert instant(local(2026, 10, 25, 2, 30), rome) == utc("2026-10-25T00:30")
    assert instant(local(2026, 10, 25, 3, 0), rome) == utc("2026-10-25T02:00")
    # All of 30 December 2011 was skipped in Samoa.
    assert instant(local(2011, 12, 30, 15), ZoneInfo("Pacific/Apia")) == utc("2011-12-30T10:00")


def test_a_date_that_comes_twice_stays_in_the_day_that_has_begun() -> None:
    # Clocks went from 00:01 of the 2nd back to 23:01 of the 1st.
    again = utc("2008-11-02T03:00")
    assert again.astimezone(ZoneInfo("America/St_Johns")).date() == date(2008, 11, 1)
    begin, end = resolve("today", "America/St_Johns", again, 0)
    assert begin <= again < end


@given(instants, zones, weekdays)
def test_periods_that_follow_each_other_leave_no_gap(
    now: datetime, zone: str, first_weekday: int
) -> None:
    def span(period: RelativePeriod | LastDays) -> tuple[datetime, datetime]:
        return resolve(period, zone, now, first_weekday)

    assert span("yesterday")[1] == span("today")[0]
    for unit in ("week", "month", "quarter", "year"):
        assert span(f"last_{unit}")[1] == span(f"this_{unit}")[0]  # type: ignore[arg-type]
    assert span(LastDays(2)) == (span("yesterday")[0], span("today")[1])
    assert span(LastDays(1)) == span("today")


@given(instants, zones, weekdays)
def test_now_lies_in_today_and_in_everything_around_it(
    now: datetime, zone: str, first_weekday: int
) -> None:
    for period in get_args(RelativePeriod):
        begin, end = resolve(period, zone, now, first_weekday)
        assert begin.tzinfo is UTC
        assert end.tzinfo is UTC
        assert begin <= end
        assert (begin <= now < end) is (period == "today" or period.startswith("this_"))


@given(
    st.lists(st.datetimes(local(1975, 1, 1), local(2100, 1, 1)), min_size=2, max_size=2),
    zones,
)
def test_a_later_local_time_is_never_an_earlier_instant(times: list[datetime], zone: str) -> None:
    earlier, later = sorted(one.replace(microsecond=0) for one in times)
    first, second = (instant(one, ZoneInfo(zone)) for one in (earlier, later))
    assert first <= second
    # And it is the first at which the clocks are so far.
    assert first.astimezone(ZoneInfo(zone)).replace(tzinfo=None) >= earlier


@given(st.datetimes(local(1975, 1, 1), local(2100, 1, 1)), zones)
def test_just_before_an_instant_the_clocks_were_not_so_far(shown: datetime, zone: str) -> None:
    shown = shown.replace(microsecond=0)
    before = instant(shown, ZoneInfo(zone)) - timedelta(seconds=1)
    assert before.astimezone(ZoneInfo(zone)).replace(tzinfo=None) < shown
