"""Options come back from a link and from JSON as they were; what is wrong is said by its field."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.choosable import columns_of, groupings_of, restrictable
from reports.definition import Report
from reports.fields import DESTINATION_TYPES, FIELDS
from reports.option_fields import (
    BadOptions,
    any_of,
    from_json,
    link,
    list_text,
    parse,
    to_json,
)
from reports.option_reading import list_of
from reports.options import (
    NO_OPTIONS,
    Answer,
    CallType,
    GroupKind,
    Interval,
    LastDays,
    Options,
    Place,
    RelativePeriod,
    RestrictedGroup,
    Restriction,
    Traffic,
    Way,
)
from reports.restricting import COUNTRIES, choices_of, operators_of
from storage.facts.ask import Order

CALLS = Report(
    "call-list", "monitor", "Call List", "?", ("started_at", "number", "cost"),
    (Order("started_at", falling=True),), options=Options(period="this_month"),
)  # fmt: skip
COSTS = Report(
    "cost-by-department", "cost", "Group Cost By Department", "?", ("calls", "total_cost"),
    (Order("total_cost", falling=True),), by=("department",),
)  # fmt: skip
QUALITY = replace(COSTS, id="quality", columns=("average_mos",), subject="quality")
A_CALL = "0b8e8a0e-1111-4222-8333-123456789abc.1"


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def sent(query: str) -> list[tuple[str, str]]:
    return parse_qsl("options=1&" + query, keep_blank_values=True)


def read(query: str, report: Report = CALLS) -> Options:
    options, errors = parse(sent(query), report)
    assert errors == {}
    return options


# Round trips --------------------------------------------------------------------------------------

_words = (
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=200)
    .map(str.strip)
    .filter(bool)
)
_lists = st.lists(_words, min_size=1, max_size=6, unique=True).map(tuple)
_times = st.datetimes(local("1971-01-01"), local("2199-01-01")).map(
    lambda at: at.replace(microsecond=0)
)
_intervals = st.builds(
    lambda at, length: Interval(at, at + length),
    _times,
    st.timedeltas(timedelta(minutes=1), timedelta(days=300)).map(
        lambda length: timedelta(seconds=length // timedelta(seconds=1))
    ),
)
_periods = st.sampled_from(get_args(RelativePeriod)) | st.builds(LastDays, st.integers(1, 3660))
_groups = st.none() | st.builds(RestrictedGroup, st.sampled_from(get_args(GroupKind)), _lists)


def _some(values: Iterable[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=6, unique=True).map(tuple)


_places = (
    st.builds(Place, st.just("type"), _some(code for code, _ in DESTINATION_TYPES))
    | st.builds(Place, st.just("country"), _some(COUNTRIES))
    | st.builds(Place, st.just("area"), _lists)
)
_VALUES = {
    "text": _words, "phone": _words, "count": st.integers(0, 10**9 - 1).map(str),
    "seconds": st.integers(0, 10**9 - 1).map(str),
    "money": st.decimals(0, 10**6, places=6).map(lambda d: f"{d:f}"),
    "decimal": st.sampled_from(["0", "3.5", "4.123456"]), "percent": st.sampled_from(["5", "0.5"]),
    "instant": _times.map(lambda at: at.replace(second=0).isoformat(timespec="minutes")),
    "date": st.dates(local("1970-01-01").date(), local("2200-12-31").date()).map(str),
    "month": st.sampled_from(["1970-01", "2026-12"]), "hour": st.integers(0, 23).map(str),
    "weekday": st.integers(0, 6).map(str),
}  # fmt: skip


@st.composite
def _restrictions(draw: st.DrawFn, report: Report) -> tuple[Restriction, ...]:
    rows: list[Restriction] = []
    for number in range(draw(st.integers(0, 20))):
        field = draw(st.sampled_from(restrictable(report)))
        known = choices_of(field)
        value = draw(st.sampled_from(sorted(known)) if known else _VALUES[field.kind])
        joined = "and" if number == 0 else draw(st.sampled_from(["and", "or"]))
        operator = draw(st.sampled_from(operators_of(field)))
        rows.append(Restriction(joined, field.name, operator, value))  # type: ignore[arg-type]
    return tuple(rows)


@st.composite
def options_of(draw: st.DrawFn, report: Report) -> Options:
    columns = st.lists(
        st.sampled_from([f.name for f in columns_of(report)]), min_size=1, unique=True
    )
    groupings = [field.name for field in groupings_of(report)]
    by: st.SearchStrategy[tuple[str, ...] | None] = st.none()
    if groupings:
        by |= st.lists(st.sampled_from(groupings), min_size=1, max_size=3, unique=True).map(tuple)
    return Options(
        traffic=draw(st.none() | st.sampled_from(get_args(Traffic))),
        period=draw(st.none() | _periods | _intervals),
        groups=(draw(_groups), draw(_groups)),
        call_type=draw(st.none() | st.builds(
            CallType, st.sampled_from(get_args(Way)), st.sampled_from(get_args(Answer)))),
        place=draw(st.none() | _places),
        most=draw(st.none() | st.integers(1, 100_000)),
        restrictions=draw(_restrictions(report)),
        zone=draw(st.none() | st.sampled_from(["Europe/Rome", "America/New_York", "UTC"])),
        columns=draw(st.none() | columns.map(tuple)),
        by=draw(by),
        like=draw(st.none() | st.just(A_CALL)),
    )  # fmt: skip


_pairs = st.sampled_from([CALLS, COSTS, QUALITY]).flatmap(
    lambda report: st.tuples(st.just(report), options_of(report))
)


@given(_pairs)
def test_options_come_back_from_a_link(pair: tuple[Report, Options]) -> None:
    report, options = pair
    address = urlencode(link(options))
    assert parse(parse_qsl(address), report) == (options, {})


@given(_pairs)
def test_options_come_back_from_json(pair: tuple[Report, Options]) -> None:
    report, options = pair
    stored = json.loads(json.dumps(to_json(options)))
    assert from_json(stored, report) == options


@given(st.lists(_words, max_size=9, unique=True).map(tuple))
def test_lists_come_back_whatever_is_in_them(values: tuple[str, ...]) -> None:
    assert list_of(list_text(values)) == values


@given(st.text(max_size=60))
def test_any_text_is_a_list(text: str) -> None:
    values = list_of(text)
    assert len(set(values)) == len(values)
    assert all(value and value == value.strip() for value in values)


# What a link says ---------------------------------------------------------------------------------


def test_a_link_names_ticked_parts_alone() -> None:
    options = Options(
        traffic="external", groups=(None, RestrictedGroup("extension", ("211", "729")))
    )
    assert urlencode(link(options)) == (
        "options=1&on=traffic&traffic=external&on=group2&group2=extension&group2.values=211%3B+729"
    )
    assert link(NO_OPTIONS) == [("options", "1")]


def test_a_link_without_options_means_the_report_as_it_is() -> None:
    assert parse(parse_qsl("on=most&most=5&page=2"), CALLS) == (Options(period="this_month"), {})
    assert read("page=2") == NO_OPTIONS


def test_a_filter_without_its_tick_has_no_effect() -> None:
    whole = (
        "traffic=nonsense&period=between&from=x&until=&group1=department&group1.values=Sales"
        "&way=outgoing&answer=any&place=area&place.area=Roma&most=-4&zone=Mars"
        "&where.1.field=cost&where.1.operator=is&where.1.value=x&column=cost&by=number&like=no"
    )
    assert read(whole) == NO_OPTIONS
    assert read(whole + "&on=group1") == Options(
        groups=(RestrictedGroup("department", ("Sales",)), None)
    )


def test_the_list_of_the_guide_is_read() -> None:
    options = read("on=group1&group1=extension&group1.values=211;+729;731;;+211")
    assert options.groups[0] == RestrictedGroup("extension", ("211", "729", "731"))
    assert list_of('"Smith; Sons"; "the ""Box"""; plain "quotes"') == (
        "Smith; Sons", 'the "Box"', 'plain "quotes"',
    )  # fmt: skip


def test_the_example_of_the_guide_is_read() -> None:
    options = read(
        "on=where&where.1.field=number&where.1.operator=is&where.1.value=006599775544"
        "&where.2.joined=or&where.2.field=duration&where.2.operator=at_least&where.2.value=20"
    )
    assert options.restrictions == (
        Restriction("and", "number", "is", "006599775544"),
        Restriction("or", "duration", "at_least", "20"),
    )


def test_rows_count_by_their_numbers_and_empty_ones_not_at_all() -> None:
    rows = "".join(
        f"&where.{n}.joined=or&where.{n}.field={f}&where.{n}.operator=is&where.{n}.value={v}"
        for n, f, v in [(10, "extension", "731"), (2, "", ""), (3, "cost", "0,50")]
    )
    assert read("on=where" + rows).restrictions == (
        Restriction("and", "cost", "is", "0.50"), Restriction("or", "extension", "is", "731"),
    )  # fmt: skip


def test_an_interval_may_be_written_with_a_blank_or_without_a_time() -> None:
    expected = Interval(local("2021-02-01T00:00"), local("2021-02-24T09:30"))
    assert (
        read("on=period&period=between&from=2021-02-01&until=2021-02-24+09:30").period == expected
    )


def test_words_stand_for_codes_where_the_page_knows_them() -> None:
    words = {"nation": {"germania": "DE"}, "type": {"chiamata persa": "missed"}}
    query = (
        "on=place&place=country&place.country=Germania;+fr&on=where&where.1.field=type"
        "&where.1.operator=is&where.1.value=Chiamata+persa"
        "&where.2.joined=and&where.2.field=nation&where.2.operator=is_not&where.2.value=GERMANIA"
    )
    options, errors = parse(sent(query), CALLS, words)
    assert errors == {}
    assert options.place == Place("country", ("DE", "FR"))
    assert [row.value for row in options.restrictions] == ["missed", "DE"]


def row(letter: str, joined: str = "and") -> Restriction:
    return Restriction(joined, "person", "is", letter)  # type: ignore[arg-type]


def test_and_binds_before_or() -> None:
    a, b, c, d = row("a"), row("b"), row("c", "or"), row("d")
    assert any_of((a, b, c, d)) == ((a, b), (c, d))
    assert any_of((row("a", "or"),)) == ((row("a", "or"),),)
    assert any_of(()) == ()


# What is refused ----------------------------------------------------------------------------------


def a_row(field: str, operator: str, value: str) -> str:
    return f"on=where&where.1.field={field}&where.1.operator={operator}&where.1.value={value}"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("on=traffic&traffic=outside", "traffic"),
        ("on=traffic", "traffic"),
        ("on=period&period=next_week", "period"),
        ("on=period&period=last_days&days=0", "days"),
        ("on=period&period=last_days&days=3661", "days"),
        ("on=period&period=last_days&days=%C2%B2", "days"),
        ("on=period&period=between&from=2021-02-30&until=2021-03-01", "from"),
        ("on=period&period=between&from=2021-02-01&until=", "until"),
        ("on=period&period=between&from=2021-02-01&until=2021-02-01", "until"),
        ("on=period&period=between&from=0001-01-01&until=2021-02-01", "from"),
        ("on=period&period=between&from=2021-01-01T00:00Z&until=2021-02-01", "from"),
        ("on=group1&group1=planet&group1.values=Mars", "group1"),
        ("on=group2&group2=site&group2.values=;+;", "group2.values"),
        ("on=group1&group1=site&group1.values=" + "x" * 201, "group1.values"),
        ("on=group1&group1=site&group1.values=" + "x" * 200_000, "group1.values"),
        ("on=group1&group1=site&group1.values=" + ";".join(map(str, range(201))), "group1.values"),
        ("on=type&way=up&answer=any", "way"),
        ("on=type&way=any&answer=perhaps", "answer"),
        ("on=place&place=moon", "place"),
        ("on=place&place=type", "place.type"),
        ("on=place&place=type&place.type=far", "place.type"),
        ("on=place&place=country&place.country=Atlantis", "place.country"),
        ("on=place&place=area&place.area=", "place.area"),
        ("on=most&most=0", "most"),
        ("on=most&most=100001", "most"),
        ("on=most&most=ten", "most"),
        ("on=zone&zone=Europe/Atlantis", "zone"),
        ("on=zone&zone=Factory", "zone"),
        ("on=zone&zone=localtime", "zone"),
        ("on=zone&zone=../../etc/passwd", "zone"),
        ("on=where", "where"),
        (a_row("mos", "is", "4"), "where.1.field"),
        (a_row("total_cost", "is", "4"), "where.1.field"),
        (a_row("called_back_after", "is", "4"), "where.1.field"),
        (a_row("cost", "like", "4"), "where.1.operator"),
        (a_row("cost", "begins", "4"), "where.1.operator"),
        (a_row("type", "contains", "missed"), "where.1.operator"),
        (a_row("type", "is", "lost"), "where.1.value"),
        (a_row("nation", "is", "XX"), "where.1.value"),
        (a_row("person", "is", ""), "where.1.value"),
        (a_row("person", "is", "x" * 201), "where.1.value"),
        (a_row("duration", "is", "-1"), "where.1.value"),
        (a_row("duration", "is", "1.5"), "where.1.value"),
        (a_row("duration", "is", "%D9%A1"), "where.1.value"),
        (a_row("cost", "is", "1,000"), "where.1.value"),
        (a_row("cost", "is", "1e3"), "where.1.value"),
        (a_row("cost", "is", "NaN"), "where.1.value"),
        (a_row("date", "is", "31.03.2026"), "where.1.value"),
        (a_row("date", "is", "2026-02-29"), "where.1.value"),
        (a_row("month", "is", "2026-13"), "where.1.value"),
        (a_row("hour", "is", "24"), "where.1.value"),
        (a_row("weekday", "is", "7"), "where.1.value"),
        (a_row("started_at", "at_least", "yesterday"), "where.1.value"),
        ("on=columns", "column"),
        ("on=columns&column=cost&column=total_cost", "column"),
        ("on=by&by=department", "by"),
        ("on=like&like=42", "like"),
    ],
)
def test_a_bad_value_is_refused_beside_its_field(query: str, field: str) -> None:
    _, errors = parse(sent(query), CALLS)
    assert [*errors] == [field]
    assert errors[field].message % errors[field].values


@pytest.mark.parametrize("query", ["", "&by=", "&by=mos", "&by=calls", "".join(
    f"&by={name}" for name in ("department", "office", "site", "person"))])  # fmt: skip
def test_groupings_are_one_to_three_dimensions(query: str) -> None:
    assert [*parse(sent("on=by" + query), COSTS)[1]] == ["by"]
    assert read("on=by&by=office&by=&by=department&by=office", COSTS).by == ("office", "department")


def test_more_restrictions_than_twenty_are_refused() -> None:
    def rows(number: int) -> str:
        return "on=where&" + "&".join(
            f"where.{n}.joined=or&where.{n}.field=extension&where.{n}.operator=is&where.{n}.value={n}"
            for n in range(1, number + 1)
        )

    assert len(read(rows(20)).restrictions) == 20
    assert [*parse(sent(rows(21)), CALLS)[1]] == ["where"]


def test_everything_wrong_is_told_at_once_and_only_that() -> None:
    options, errors = parse(sent("on=traffic&traffic=x&on=most&most=7&on=zone&zone=x"), CALLS)
    assert {*errors} == {"traffic", "zone"}
    assert options == Options(most=7)


@pytest.mark.parametrize(
    "value",
    [
        None, [], "x", {}, {"version": 2}, {"version": "1"}, {"on": ["traffic"]},
        {"version": 1, "on": ["traffic"], "traffic": "external"},
        {"version": 1, "on": ["traffic"], "traffic": [1]},
        {"version": 1, "on": ["traffic"], "traffic": ["external"], "colour": ["red"]},
        {"version": 1, "traffic": ["external"]},
        {"version": 1, "on": ["traffic"], "traffic": ["external", "internal"]},
        {"version": 1, "on": ["traffic"], "traffic": ["outside"]},
        {"version": 1, "on": ["nonsense"]},
        {"version": 1, "on": ["by"], "by": ["department"]},
        {"version": 1, "on": ["most"], "most": ["007"]},
        {"version": 1, "options": ["1"]},
    ],
)  # fmt: skip
def test_json_that_is_not_ours_is_refused(value: object) -> None:
    with pytest.raises(BadOptions):
        from_json(value, CALLS)


def test_every_restrictable_field_has_operators_and_a_value_that_fits() -> None:
    for field in FIELDS.values():
        if field.role != "measure":
            assert operators_of(field)
            assert field.kind in _VALUES
