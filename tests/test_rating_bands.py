"""Time bands: days, hours, holidays, midnight, and which of several rows applies."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_rating import SITE, a_rate, charged

from rating.bands import WEEKDAYS, BandError, ambiguous, moment, parse_band, public_holidays

ROME = ZoneInfo("Europe/Rome")
WEDNESDAY = date(2026, 11, 18)
FRIDAY = date(2026, 11, 20)
SATURDAY = date(2026, 11, 21)
SUNDAY = date(2026, 11, 22)
MONDAY = date(2026, 11, 23)
IMMACULATE = date(2026, 12, 8)  # a Tuesday, public holiday in Italy
CHRISTMAS = date(2026, 12, 25)  # a Friday
DAY_AFTER_HOLIDAYS = date(2026, 12, 27)  # the day after Saint Stephen's


def banded(days: str, from_time: str = "", to_time: str = "", per_minute: str = "1") -> object:
    return a_rate("39", per_minute, days=days, from_time=from_time, to_time=to_time)


def band_at(day: date, clock: str, *rows: object) -> str | None:
    """The band that prices a call at that wall time, None where it is unrated."""
    at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ROME)
    answers = {
        (charge.unrated, str(charge.band or "any"))
        for order in itertools.permutations(rows)
        for charge in [charged(*order, at=at)]  # type: ignore[arg-type]
    }
    assert len(answers) == 1, "the order of rows counts"
    unrated, band = answers.pop()
    return None if unrated else band


OFFICE = banded("Mon-Fri", "08:00", "18:30")
NIGHT = banded("Mon-Fri", "18:30", "08:00", "0.5")
WEEKEND = banded("Sat,Sun", per_minute="0.4")
HOLIDAY = banded("Hol", per_minute="0.3")


def test_the_band_at_connect_prices_the_whole_call() -> None:
    at = datetime(2026, 11, 18, 18, 29, 59, tzinfo=ROME)
    charge = charged(OFFICE, NIGHT, at=at, seconds=3600)  # type: ignore[arg-type]
    assert charge.cost == Decimal(60)


@pytest.mark.parametrize(
    ("day", "clock", "band"),
    [
        (WEDNESDAY, "07:59", "Mon-Fri 18:30-08:00"),
        (WEDNESDAY, "08:00", "Mon-Fri 08:00-18:30"),
        (WEDNESDAY, "18:29", "Mon-Fri 08:00-18:30"),
        (WEDNESDAY, "18:30", "Mon-Fri 18:30-08:00"),
        (SATURDAY, "07:00", "Sat,Sun"),  # both Friday's night and the weekend: the narrower
        (SUNDAY, "23:59", "Sat,Sun"),
        (MONDAY, "07:00", None),  # Sunday has no night row
        (IMMACULATE, "10:00", "Hol"),
        (CHRISTMAS, "10:00", "Hol"),
    ],
)
def test_days_and_hours(day: date, clock: str, band: str | None) -> None:
    assert band_at(day, clock, OFFICE, NIGHT, WEEKEND, HOLIDAY) == band


def test_a_band_past_midnight_belongs_to_the_day_it_starts_on() -> None:
    night = banded("Fri", "22:00", "06:00")
    assert band_at(SATURDAY, "05:59", night) == "Fri 22:00-06:00"
    assert band_at(SATURDAY, "06:00", night) is None
    assert band_at(FRIDAY, "05:00", night) is None
    sunday = banded("Sun", "22:00", "06:00")
    assert band_at(MONDAY, "05:59", sunday) == "Sun 22:00-06:00"


def test_a_holiday_is_its_weekday_where_no_row_says_otherwise() -> None:
    assert band_at(IMMACULATE, "10:00", OFFICE, WEEKEND) == "Mon-Fri 08:00-18:30"


def test_hours_of_a_holiday_row_count() -> None:
    morning = banded("Hol", "08:00", "12:00")
    assert band_at(IMMACULATE, "09:00", OFFICE, morning) == "Hol 08:00-12:00"
    assert band_at(IMMACULATE, "13:00", OFFICE, morning) == "Mon-Fri 08:00-18:30"


def test_a_holiday_s_night_lasts_into_the_next_day() -> None:
    night = banded("Hol", "20:00", "08:00")
    always = a_rate("39", "9")
    assert band_at(DAY_AFTER_HOLIDAYS, "07:00", night, always) == "Hol 20:00-08:00"
    assert band_at(DAY_AFTER_HOLIDAYS, "09:00", night, always) == "any"


def test_a_row_of_days_and_holidays() -> None:
    free_days = banded("Sat,Sun,Hol")
    assert band_at(IMMACULATE, "10:00", OFFICE, free_days) == "Sat,Sun,Hol"
    assert band_at(SATURDAY, "10:00", OFFICE, free_days) == "Sat,Sun,Hol"
    assert band_at(WEDNESDAY, "10:00", OFFICE, free_days) == "Mon-Fri 08:00-18:30"


def test_the_narrower_band_wins_and_any_time_comes_last() -> None:
    always = a_rate("39", "9")
    lunch = banded("", "12:00", "14:00")
    assert band_at(WEDNESDAY, "13:00", always, OFFICE, lunch) == "every day 12:00-14:00"
    assert band_at(WEDNESDAY, "15:00", always, OFFICE, lunch) == "Mon-Fri 08:00-18:30"
    assert band_at(SATURDAY, "15:00", always, OFFICE, lunch) == "any"


def test_no_band_is_unrated_though_a_shorter_prefix_would_fit() -> None:
    longer = a_rate("3902", "1", days="Sat", from_time="", to_time="")
    at = datetime(2026, 11, 18, 12, tzinfo=ROME)
    assert charged(a_rate("39"), longer, at=at).unrated


def test_the_hour_is_the_site_s_also_when_clocks_change() -> None:
    before = datetime(2026, 10, 25, 0, 30, tzinfo=ZoneInfo("UTC"))
    after = datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("UTC"))
    for at in (before, after):
        shown = moment(at, SITE.time_zone, SITE.country)
        assert (shown.weekday, shown.minute) == (6, 150)


def test_public_holidays_are_the_country_s_and_made_once_a_year() -> None:
    assert IMMACULATE in public_holidays("IT", 2026)
    assert IMMACULATE not in public_holidays("GB", 2026)
    assert public_holidays("IT", 2026) is public_holidays("IT", 2026)
    assert public_holidays("ZZ", 2026) == frozenset()


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ("Mon-Fri", "Mon-Fri"), ("mon,TUE, wed", "Mon-Wed"), ("Sat Sun", "Sat,Sun"), ("Hol", "Hol"),
        ("Sat-Mon", "Mon,Sat,Sun"), ("Sun,Hol,Sat", "Sat,Sun,Hol"), ("Sat/Sun", "Sat,Sun"),
    ],
)  # fmt: skip
def test_days_have_one_spelling(days: str, text: str) -> None:
    band = parse_band(days, "", "")
    assert band is not None
    assert band.days_text == text
    assert parse_band(band.days_text, band.from_text, band.to_text) == band


@pytest.mark.parametrize("columns", [("", "", ""), ("Mon-Sun", "", ""), ("", "00:00", "24:00")])
def test_always_is_no_band(columns: tuple[str, str, str]) -> None:
    assert parse_band(*columns) is None


@pytest.mark.parametrize(
    "columns",
    [("Funday", "", ""), ("Mon-", "25:00", "26:00"), ("", "08:00", ""), ("", "", "08:00"),
     ("", "8", "9"), ("", "24:00", "08:00"), ("", "24:30", "08:00"), ("Mon-Hol", "", "")],
)  # fmt: skip
def test_a_band_that_cannot_be_read_says_how_to_write_it(columns: tuple[str, str, str]) -> None:
    with pytest.raises(BandError):
        parse_band(*columns)


@pytest.mark.parametrize(
    ("one", "other", "doubtful"),
    [
        (("Mon,Tue", "", ""), ("Tue,Wed", "", ""), True),
        (("Mon", "08:00", "12:00"), ("Mon", "12:00", "16:00"), False),
        (("Mon", "08:00", "12:00"), ("Mon", "11:00", "15:00"), True),
        (("Mon", "08:00", "12:00"), ("Mon", "11:00", "16:00"), False),
        (("Sun", "22:00", "06:00"), ("Mon", "05:00", "13:00"), True),
        (("Sat,Hol", "", ""), ("Sun,Hol", "", ""), True),
        (("Sat,Hol", "", ""), ("Sun,Mon", "", ""), False),
        (("", "", ""), ("", "", ""), True),
        (("Sat", "", ""), ("", "", ""), False),
    ],
)
def test_equally_narrow_bands_that_overlap_are_doubtful(
    one: tuple[str, str, str], other: tuple[str, str, str], doubtful: bool
) -> None:
    assert ambiguous(parse_band(*one), parse_band(*other)) is doubtful
    assert ambiguous(parse_band(*other), parse_band(*one)) is doubtful


_CLOCK = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
_DAYS = st.lists(st.sampled_from([*WEEKDAYS, "Hol"]), min_size=1).map(",".join)


@given(_DAYS, _CLOCK, _CLOCK)
def test_what_a_band_says_of_itself_reads_back(days: str, start: str, end: str) -> None:
    band = parse_band(days, start, end)
    if band is not None:
        assert parse_band(band.days_text, band.from_text, band.to_text) == band
        assert 0 < band.to_minute - band.from_minute <= 24 * 60


@given(_CLOCK, _CLOCK, st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001
def test_a_band_and_its_complement_part_the_day(start: str, end: str, wall: datetime) -> None:
    if start == end:
        return
    at = moment(wall.replace(tzinfo=ROME), "Europe/Rome", "IT")
    band, rest = parse_band("", start, end), parse_band("", end, start)
    assert band is not None
    assert rest is not None
    assert band.covers_weekday(at) != rest.covers_weekday(at)
