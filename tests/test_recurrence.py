"""Recurrences: against the calendar, by hand; against a plain count, by many examples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reports.recurrence import MOST_EVERY, Recurrence, instant_of, next_after, upcoming

ROME = "Europe/Rome"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


def at(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - a time on the wall


def local(instants: tuple[datetime, ...], zone: str) -> list[str]:
    return [f"{one.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for one in instants]


@pytest.mark.parametrize(
    ("starts", "every", "unit", "zone", "after", "expected"),
    [
        # The sample of the guides: 2021-03-31 17:30, every month. February has no 31st.
        (at(2021, 3, 31, 17, 30), 1, "months", ROME, utc(2021, 1, 1),
         ["2021-03-31 17:30", "2021-04-30 17:30", "2021-05-31 17:30", "2021-06-30 17:30"]),
        (at(2026, 1, 31, 8), 1, "months", ROME, utc(2026, 1, 31, 7),
         ["2026-02-28 08:00", "2026-03-31 08:00", "2026-04-30 08:00", "2026-05-31 08:00"]),
        (at(2024, 2, 29, 8), 12, "months", ROME, utc(2024, 3, 1),
         ["2025-02-28 08:00", "2026-02-28 08:00", "2027-02-28 08:00", "2028-02-29 08:00"]),
        # Clocks go forward at 02:00 on 29 March 2026: there is no 02:30 that day.
        (at(2026, 3, 28, 2, 30), 1, "days", ROME, utc(2026, 3, 27),
         ["2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30", "2026-03-31 02:30"]),
        # They go back at 03:00 on 25 October 2026: 02:30 comes twice, and counts once.
        (at(2026, 10, 24, 2, 30), 1, "days", ROME, utc(2026, 10, 23, 22),
         ["2026-10-24 02:30", "2026-10-25 02:30", "2026-10-26 02:30"]),
        (at(2026, 10, 18, 2, 30), 2, "weeks", ROME, utc(2026, 10, 18),
         ["2026-10-18 02:30", "2026-11-01 02:30", "2026-11-15 02:30"]),
        # Lord Howe changes its clocks by half an hour, at 02:00 on 4 October 2026.
        (at(2026, 10, 3, 2, 15), 1, "days", "Australia/Lord_Howe", utc(2026, 10, 1),
         ["2026-10-03 02:15", "2026-10-04 02:30", "2026-10-05 02:15"]),
        # Samoa had no 30 December 2011; what would be twice at once is once.
        (at(2011, 12, 29, 0, 0), 1, "days", "Pacific/Apia", utc(2011, 12, 29),
         ["2011-12-29 00:00", "2011-12-31 00:00", "2012-01-01 00:00"]),
        (at(2026, 5, 1, 9), 1, "days", "Asia/Kathmandu", utc(2026, 5, 1),
         ["2026-05-01 09:00", "2026-05-02 09:00"]),
    ],
)  # fmt: skip
def test_days_are_those_of_the_calendar(
    starts: Any, every: int, unit: Any, zone: str, after: Any, expected: list[str]
) -> None:
    found = upcoming(Recurrence(starts, zone, every, unit), after, len(expected))
    assert local(found, zone) == expected


def test_a_time_that_comes_twice_is_meant_the_first_time() -> None:
    assert instant_of(at(2026, 10, 25, 2, 30), ROME) == utc(2026, 10, 25, 0, 30)
    every_day = Recurrence(at(2026, 10, 24, 2, 30), ROME, 1, "days")
    assert next_after(every_day, utc(2026, 10, 25, 0, 30)) == utc(2026, 10, 26, 1, 30)


def test_minutes_pass_through_a_change_of_the_clocks() -> None:
    quarter = Recurrence(at(2026, 3, 29, 1, 40), ROME, 15, "minutes")
    found = upcoming(quarter, utc(2026, 3, 29, 0, 40), 4)
    assert local(found, ROME) == [
        "2026-03-29 01:55", "2026-03-29 03:10", "2026-03-29 03:25", "2026-03-29 03:40",
    ]  # fmt: skip


def test_before_the_start_comes_the_start_and_an_occasion_is_not_after_itself() -> None:
    daily = Recurrence(at(2026, 6, 1, 12), "UTC", 1, "days")
    assert next_after(daily, utc(1999, 1, 1)) == utc(2026, 6, 1, 12)
    assert next_after(daily, utc(2026, 6, 1, 12)) == utc(2026, 6, 2, 12)
    assert next_after(daily, utc(2026, 6, 1, 11, 59, 59)) == utc(2026, 6, 1, 12)


def test_a_start_long_ago_is_no_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts the occasions that are computed: a loop over minutes would take ten million."""
    from reports import recurrence

    asked = []
    real = recurrence._occasion

    def counting(*arguments: Any) -> datetime:
        asked.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(recurrence, "_occasion", counting)
    for every, unit in ((1, "minutes"), (7, "minutes"), (1, "days"), (3, "weeks"), (1, "months")):
        asked.clear()
        often = Recurrence(at(2001, 1, 31, 2, 30), ROME, every, unit)  # type: ignore[arg-type]
        assert next_after(often, utc(2026, 11, 20)) > utc(2026, 11, 20)
        assert len(asked) <= 5


# Against a plain count ----------------------------------------------------------------------------

ZONES = (
    "UTC", ROME, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
    "Africa/Casablanca", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Chatham", "America/St_Johns",
)  # fmt: skip


def in_minutes(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


moments = st.datetimes(at(2005, 1, 1), at(2035, 1, 1)).map(in_minutes)
recurrences = st.builds(
    Recurrence,
    moments,
    st.sampled_from(ZONES),
    st.integers(1, 60),
    st.sampled_from(("minutes", "days", "weeks", "months")),
)


def first_at_or_after(wall: datetime, zone: str) -> datetime:
    """The first instant at which the clocks of a zone have reached `wall`: minute by minute."""
    clocks = ZoneInfo(zone)
    instant = wall.replace(tzinfo=UTC) - timedelta(hours=16)
    # Whole days may be missing; hours are never added by more than three.
    while instant.astimezone(clocks).replace(tzinfo=None) < wall - timedelta(hours=4):
        instant += timedelta(minutes=30)
    while instant.astimezone(clocks).replace(tzinfo=None) < wall:
        instant += timedelta(minutes=1)
    return instant


def wall_of(recurrence: Recurrence, number: int) -> datetime:
    """The number-th occasion on the wall, by another way than the code's: a day at a time."""
    steps = recurrence.every * number
    if recurrence.unit != "months":
        return recurrence.starts_local + timedelta(
            days=steps * (7 if recurrence.unit == "weeks" else 1)
        )
    day = recurrence.starts_local.replace(day=1)
    for _ in range(steps):
        day = (day + timedelta(days=31)).replace(day=1)
    wanted = day + timedelta(days=recurrence.starts_local.day - 1)
    while wanted.month != day.month:
        wanted -= timedelta(days=1)
    return wanted


@given(recurrences)
@example(Recurrence(at(2011, 12, 28, 0, 0), "Pacific/Apia", 1, "days"))
@example(Recurrence(at(2026, 3, 27, 2, 30), ROME, 1, "days"))
@example(Recurrence(at(2026, 10, 23, 2, 30), ROME, 1, "days"))
@example(Recurrence(at(2024, 1, 31, 2, 30), "America/New_York", 1, "months"))
def test_no_occasion_is_skipped_doubled_or_late(recurrence: Recurrence) -> None:
    if recurrence.unit == "minutes":
        start = first_at_or_after(recurrence.starts_local, recurrence.zone)
        step = timedelta(minutes=recurrence.every)
        expected = [start + number * step for number in range(6)]
    else:
        walls = [wall_of(recurrence, number) for number in range(6)]
        expected = sorted({first_at_or_after(wall, recurrence.zone) for wall in walls})
    assert list(upcoming(recurrence, utc(2000, 1, 1), len(expected))) == expected
    one_by_one = [next_after(recurrence, utc(2000, 1, 1))]
    for _ in expected[1:]:
        one_by_one.append(next_after(recurrence, one_by_one[-1]))
    assert one_by_one == expected


@given(recurrences, moments)
def test_wherever_one_looks_from_it_is_the_same_row_of_occasions(
    recurrence: Recurrence, moment: datetime
) -> None:
    """What is next after an instant is next after every instant until then: none is skipped."""
    after = moment.replace(tzinfo=UTC)
    following = next_after(recurrence, after)
    assert following > after
    assert next_after(recurrence, following - timedelta(seconds=1)) == following
    between = after + (following - after) / 2
    assert next_after(recurrence, between) == following
    assert next_after(recurrence, following) > following


@given(
    moments, st.sampled_from(("minutes", "days", "weeks", "months")),
    st.integers(1, MOST_EVERY), st.sampled_from(ZONES),
)  # fmt: skip
def test_the_longest_repeat_is_within_the_calendar(
    starts: datetime, unit: Any, every: int, zone: str
) -> None:
    assert len(upcoming(Recurrence(starts, zone, every, unit), utc(2030, 1, 1), 3)) == 3


def test_a_zone_nobody_knows_is_utc() -> None:
    """A zone may leave the table between two releases; its schedules go on."""
    assert next_after(Recurrence(at(2026, 1, 1, 9), "Mars/Base", 1, "days"), utc(2026, 1, 1)) == (
        utc(2026, 1, 1, 9)
    )
