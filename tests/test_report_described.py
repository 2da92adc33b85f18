"""What was asked is said in the reader's words; zones are named by offset and city."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest
from test_report_options import A_CALL, CALLS, COSTS, local

from reports.described import choice_words, countries, facts, sentence, spoken, weekdays
from reports.fields import FIELDS
from reports.options import (
    NO_OPTIONS,
    CallType,
    Interval,
    LastDays,
    Options,
    Place,
    RestrictedGroup,
    Restriction,
)
from reports.periods import resolve
from reports.zones import zone_choices, zone_label
from words.formats import Reader
from words.language import LANGUAGES, language

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
READER = Reader(language("en"), "Europe/Rome", NOW)


def told(options: Options, reader: Reader = READER, custom: tuple[str, ...] = ()) -> dict[str, str]:
    zone = options.zone or reader.zone_name
    span = options.period and resolve(options.period, zone, NOW, reader.first_weekday)
    return dict(facts(CALLS, options, span, reader, custom))


WHOLE = Options(
    traffic="external",
    period="last_month",
    groups=(RestrictedGroup("department", ("Sales", "Marketing")), None),
    call_type=CallType("outgoing", "answered"),
    place=Place("type", ("international",)),
    most=10,
    restrictions=(
        Restriction("and", "number", "is", "006599775544"),
        Restriction("or", "duration", "at_least", "20"),
    ),
    zone="Europe/Rome",
    columns=("number",),
)


def test_every_ticked_part_is_said_and_nothing_else() -> None:
    assert facts(CALLS, NO_OPTIONS, None, READER) == ()
    assert told(WHOLE) == {
        "Traffic": "External calls",
        "Period": "1 October 2026 – 31 October 2026 (last month)",
        "Departments": "Sales, Marketing",
        "Call type": "Outgoing calls, answered",
        "Destination or origin": "International",
        "At most": "10",
        "Restrictions": "Number is 006599775544 or Duration at least 20 s",
        "Time zone": "(UTC+01:00) Rome, Central European Time",
    }


def test_a_mail_has_a_line_for_each() -> None:
    asked = facts(CALLS, Options(traffic="internal", most=5), None, READER)
    assert sentence(asked) == "Traffic: Internal calls\nAt most: 5"
    assert sentence(()) == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(period="today"), "20 November 2026 (today)"),
        (Options(period=LastDays(1)), "20 November 2026 (last 1 day)"),
        (Options(period=LastDays(7)), "14 November 2026 – 20 November 2026 (last 7 days)"),
        (Options(period="today", zone="Pacific/Auckland"), "20 November 2026 (today)"),
        (Options(period="yesterday", zone="Pacific/Kiritimati"), "19 November 2026 (yesterday)"),
        (
            Options(period=Interval(local("2021-02-01T00:00"), local("2021-02-24T09:30:05"))),
            "1 February 2021 00:00 – 24 February 2021 09:30:05",
        ),
    ],
)
def test_periods_name_their_first_and_last_day(options: Options, words: str) -> None:
    assert told(options)["Period"] == words


def test_a_period_whose_instants_are_not_known_is_named_alone() -> None:
    assert facts(CALLS, Options(period="last_week"), None, READER) == (("Period", "Last week"),)


@pytest.mark.parametrize(
    ("field", "operator", "value", "words"),
    [
        ("type", "is_not", "missed", "Type is not Missed call"),
        ("nation", "is", "DE", "Nation is Germany"),
        ("weekday", "at_most", "4", "Weekday at most Friday"),
        ("hour", "at_least", "8", "Hour at least 8"),
        ("date", "is", "2026-03-31", "Date is 31 March 2026"),
        ("month", "is", "2026-03", "Month is March 2026"),
        ("started_at", "more", "2026-03-31T09:30", "Date and time more than 31 March 2026 09:30"),
        ("cost", "more", "0.50", "Cost more than 0.50"),
        ("custom_2", "begins", "A%", "Project begins with A%"),
        ("custom_3", "lacks", "x", "Free field 3 does not contain x"),
    ],
)
def test_restrictions_are_said_with_their_values(
    field: str, operator: str, value: str, words: str
) -> None:
    one = Options(restrictions=(Restriction("and", field, operator, value),))
    assert told(one, custom=("", "Project"))["Restrictions"] == words


def test_what_binds_first_stands_in_brackets() -> None:
    def row(value: str, joined: str = "and") -> Restriction:
        return Restriction(joined, "extension", "is", value)  # type: ignore[arg-type]

    both = Options(restrictions=(row("1"), row("2")))
    assert told(both)["Restrictions"] == "Extension is 1 and Extension is 2"
    mixed = Options(restrictions=(row("1"), row("2"), row("3", "or")))
    assert told(mixed)["Restrictions"] == "(Extension is 1 and Extension is 2) or Extension is 3"


def test_groupings_places_and_the_chosen_call_are_said() -> None:
    options = Options(
        place=Place("country", ("DE", "FR")), by=("department", "weekday"), like=A_CALL
    )
    assert facts(COSTS, options, None, READER) == (
        ("Destination or origin", "Germany, France"),
        ("Number", "that of one chosen call"),
        ("Grouped by", "Department, Weekday"),
    )


def test_numbers_keep_their_direction_in_arabic_and_commas_are_its_own() -> None:
    arabic = replace(READER, language=language("ar"))
    options = Options(groups=(RestrictedGroup("extension", ("211", "729")), None))
    (_, value), *_ = facts(CALLS, options, None, arabic)
    assert value == "\u2066211\u2069، \u2066729\u2069"


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_everything(code: str) -> None:
    reader = replace(READER, language=language(code))
    assert all(label and value for label, value in facts(CALLS, WHOLE, None, reader))
    # No two words of a language mean different values.
    for name, words in spoken(reader).items():
        assert len(words) == len(choice_words(FIELDS[name], reader)), name


def test_words_of_the_reader_lead_to_codes() -> None:
    german = replace(READER, language=language("de"))
    assert spoken(german)["nation"]["frankreich"] == "FR"
    assert countries(german)["FR"] == "Frankreich"
    assert next(iter(weekdays(german).items())) == ("0", "Montag")
    assert spoken(READER)["type"]["missed call"] == "missed"


# Zones --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "at", "label"),
    [
        ("America/New_York", "en", NOW, "(UTC-05:00) New York, Eastern Time"),
        ("America/New_York", "en", NOW.replace(month=7), "(UTC-04:00) New York, Eastern Time"),
        ("Asia/Kathmandu", "en", NOW, "(UTC+05:45) Kathmandu, Nepal Time"),
        ("America/St_Johns", "en", NOW, "(UTC-03:30) St John’s, Newfoundland Time"),
        ("Europe/Rome", "de", NOW, "(UTC+01:00) Rom, Mitteleuropäische Zeit"),
        ("UTC", "fr", NOW, "(UTC+00:00) UTC"),
        ("Etc/GMT+5", "en", NOW, "(UTC-05:00) Etc/GMT+5"),
        ("Mars/Olympus", "en", NOW, "(UTC+00:00) Mars/Olympus"),
    ],
)
def test_zones_are_named_by_offset_and_city(name: str, code: str, at: datetime, label: str) -> None:
    assert zone_label(name, at, replace(READER, language=language(code))) == label


def test_zones_to_choose_from_are_few_known_and_in_order() -> None:
    found = zone_choices(NOW, READER)
    names, labels = zip(*found, strict=True)
    assert {*names} <= available_timezones()
    assert len({*labels}) == len(labels)
    assert labels[0].startswith("(UTC-11:00)")
    assert labels[-1].startswith("(UTC+14:00)")
    assert "Asia/Kolkata" in names
    assert "Asia/Calcutta" not in names
    assert "US/Eastern" not in names


def test_a_zone_chosen_before_stays_among_them() -> None:
    names = dict(zone_choices(NOW, READER, "Asia/Calcutta"))
    assert "Asia/Calcutta" in names
    assert "Asia/Kolkata" not in names  # the same place twice
    assert "US/Eastern" in dict(zone_choices(NOW, READER, "US/Eastern"))


@pytest.mark.parametrize(
    ("code", "together"),
    [
        ("de", ["Afghanistan", "Ägypten", "Ålandinseln", "Albanien"]),
        ("pl", ["Litwa", "Łotwa", "Luksemburg"]),
        ("fr", ["Égypte", "Émirats arabes unis", "Équateur", "Érythrée", "Espagne"]),
    ],
)
def test_countries_stand_where_the_alphabet_has_them(code: str, together: list[str]) -> None:
    names = list(countries(replace(READER, language=language(code))).values())
    assert [name for name in names if name in together] == together
    at = names.index(together[0])
    assert abs(names.index(together[-1]) - at) < 12
