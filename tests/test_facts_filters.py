"""Every filter narrows a report to what meets it, alone and together with others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

import pytest
from facts_by_hand import Question, group_text, value_of
from facts_compared import assert_same, key_of
from fixtures_facts import NUMBERS, ZONES, World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.asking import value_text
from reports.catalogue import REPORTS
from reports.choosable import columns_of, groupings_of, restrictable
from reports.definition import Report
from reports.fields import DESTINATION_TYPES, FIELDS, Field
from reports.options import (
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
from reports.restricting import operators_of, problem, tidied

LIST, GROUPS, BILL = REPORTS["call-list"], REPORTS["group-by-department"], REPORTS["phone-bill"]
VOICE = REPORTS["call-quality"]
BRIEF = replace(LIST, columns=("started_at", "extension"))
"""Its rows are known by their ids: what else they show is for other tests."""
GROUP_FIELD: dict[str, str] = {"person": "login"}
OF_CASE = str.maketrans("ςσΣİı", "     ")


def other_case(text: str) -> str:
    """The text in the other case, where languages agree on what that is."""
    return text if text != text.translate(OF_CASE) else text.swapcase()


def values_of(world: World, name: str, report: Report = LIST) -> list[Any]:
    """Every value a field has in the books."""
    known = _KNOWN.setdefault((name, report.subject), [])
    if not known:
        voice = report.subject == "quality"
        rows = world.books.voice if voice else world.books.tables["call"]
        known += sorted(
            {value_of(world.books, row, name, "Europe/Rome") for row in rows} - {None},
        )
    return known


_KNOWN: dict[tuple[str, str], list[Any]] = {}


# Each alone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("traffic", get_args(Traffic))
def test_traffic(world: World, traffic: Traffic) -> None:
    for report, who in itertools.product((LIST, GROUPS), ("root", "cmoreau", "asonnino")):
        wanted = assert_same(world, world.question(who, report, Options(traffic=traffic)))
        assert wanted.sides


PERIODS = (
    *get_args(RelativePeriod), LastDays(1), LastDays(7), LastDays(90),
    Interval(datetime(2026, 3, 8, 1), datetime(2026, 3, 8, 4)),  # noqa: DTZ001 - of a zone
    Interval(datetime(2026, 1, 1), datetime(2026, 3, 31, 22, 30)),  # noqa: DTZ001
)  # fmt: skip


@pytest.mark.parametrize("period", PERIODS, ids=str)
def test_period(world: World, period: Any) -> None:
    """In whatever zone: a period's days are those of the report's."""
    for zone in ZONES[:3]:
        assert_same(world, world.question("root", BRIEF, Options(period=period, zone=zone)))
    sunday = world.question("root", BRIEF, Options(period=period))
    assert_same(world, replace(sunday, language="en_US", monday=6))


@pytest.mark.parametrize("kind", get_args(GroupKind))
def test_restricted_group(world: World, kind: GroupKind) -> None:
    """Any of several, in whatever case; the second group narrows the first."""
    there = [value for value in values_of(world, GROUP_FIELD.get(kind, kind)) if value]
    for value in there[:4]:
        one = RestrictedGroup(kind, (value,))
        assert assert_same(world, world.question("root", BRIEF, Options(groups=(one, None)))).sides
        other = RestrictedGroup(kind, (other_case(value), "none such"))
        assert_same(world, world.question("cmoreau", BRIEF, Options(groups=(None, other))))
    both = (RestrictedGroup(kind, tuple(there[:3])), RestrictedGroup(kind, tuple(there[2:5])))
    assert_same(world, world.question("root", GROUPS, Options(groups=both)))
    nothing = RestrictedGroup(kind, ("none such",))
    assert not assert_same(
        world, world.question("root", BRIEF, Options(groups=(nothing, None)))
    ).sides


def test_restricted_groups_of_two_kinds(world: World) -> None:
    for first, second in itertools.combinations(get_args(GroupKind), 2):
        groups = tuple(
            RestrictedGroup(kind, tuple(values_of(world, GROUP_FIELD.get(kind, kind))[:4]))
            for kind in (first, second)
        )
        options = Options(groups=(groups[0], groups[1]))
        assert_same(world, world.question("root", BILL, options))


@pytest.mark.parametrize("way", get_args(Way))
@pytest.mark.parametrize("answer", get_args(Answer))
def test_call_type(world: World, way: Way, answer: Answer) -> None:
    options = Options(call_type=CallType(way, answer))
    for report, who in ((BRIEF, "root"), (GROUPS, "root"), (GROUPS, "bkowalska")):
        assert assert_same(world, world.question(who, report, options)).sides


def _places(world: World) -> Iterator[Place]:
    for code, _ in DESTINATION_TYPES:
        yield Place("type", (code,))
    yield Place("type", ("mobile", "local"))
    for code in ("IT", "VA", "DE", "GB", "JE", "CA", "US", "JM", "KZ"):
        yield Place("country", (code,))
    yield Place("country", ("FR", "DE"))
    for area in values_of(world, "area"):
        yield Place("area", (area,))


def test_destination_or_origin(world: World) -> None:
    for place in _places(world):
        assert_same(world, world.question("root", BRIEF, Options(place=place)))
    assert_same(world, world.question("dweber", GROUPS, Options(place=Place("type", ("mobile",)))))


@pytest.mark.parametrize("most", [1, 17, 5000])
def test_maximum_number(world: World, most: int) -> None:
    for report, who in itertools.product(
        (LIST, BILL, REPORTS["longest-calls"], GROUPS, REPORTS["most-called-numbers"]),
        ("root", "cmoreau"),
    ):
        assert_same(world, world.question(who, report, Options(most=most)))


def _pieces(field: Field, value: Any, operator: str) -> str:
    """What somebody types to be compared with a value."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    if field.kind == "month":
        return text[:7]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if operator in {"begins", "contains", "lacks"}:
        return other_case(text[: max(1, len(text) // 2)])
    return other_case(text[-2:] if operator == "ends" else text)


@pytest.mark.parametrize("name", [field.name for field in restrictable(LIST)])
def test_restriction_of_calls(world: World, name: str) -> None:
    """Every operator of the field, with the first, a middle and the last value there is."""
    _restricted(world, BRIEF, FIELDS[name])


@pytest.mark.parametrize(
    "name",
    [field.name for field in restrictable(VOICE) if field.subject == "quality"],
)
def test_restriction_of_voice_reports(world: World, name: str) -> None:
    _restricted(world, VOICE, FIELDS[name])


def _restricted(world: World, report: Report, field: Field) -> None:
    values = values_of(world, field.name, report)
    picked = [value for value in values if value != ""]
    picked = [picked[0], picked[len(picked) // 2], picked[-1]] if picked else ["nothing"]
    for operator, value in zip(operators_of(field), itertools.cycle(picked), strict=False):
        typed = _pieces(field, value, operator)
        if field.choices or field.name == "nation":
            typed = str(value)
        assert problem(field, typed) is None, typed
        one = Restriction("and", field.name, operator, tidied(field, typed))
        assert_same(world, world.question("machine", report, Options(restrictions=(one,))))


@pytest.mark.parametrize(("number", "e164"), [row[:2] for row in NUMBERS if row[0]])
def test_a_whole_number(world: World, number: str, e164: str) -> None:
    """As dialled, in E.164 with + or 00, and with the signs people write in numbers."""
    world_wide = (e164, e164.replace("+", "00"), f"{e164[:3]} ({e164[3:6]}) {e164[6:]}")
    for typed in (number, *(world_wide if e164 else ())):
        one = Restriction("and", "number", "is", typed)
        found = assert_same(world, world.question("machine", BRIEF, Options(restrictions=(one,))))
        assert found.sides, typed
    other = Restriction("and", "number", "is_not", other_case(number))
    assert_same(world, world.question("machine", BRIEF, Options(restrictions=(other,))))


@pytest.mark.parametrize("joins", list(itertools.product(("and", "or"), repeat=3)), ids="-".join)
def test_and_binds_before_or(world: World, joins: tuple[Any, ...]) -> None:
    rows = (
        Restriction("and", "department", "is", "Sales"),
        Restriction(joins[0], "duration", "at_least", "60"),
        Restriction(joins[1], "number", "begins", "03"),
        Restriction(joins[2], "type", "is_not", "internal"),
    )
    assert_same(world, world.question("root", BRIEF, Options(restrictions=rows)))
    assert_same(world, world.question("bkowalska", GROUPS, Options(restrictions=rows)))


@pytest.mark.parametrize("zone", ZONES)
def test_zone(world: World, zone: str) -> None:
    """Days, months and hours are the zone's, whatever its clocks do."""
    options = Options(zone=zone)
    for by in ("date", "month", "weekday", "hour"):
        wanted = assert_same(world, world.question("root", GROUPS, replace(options, by=(by,))))
        assert len(wanted.groups) > 6
    columns = ("date", "month", "weekday", "hour", "started_at", "number")
    assert_same(world, world.question("root", LIST, replace(options, columns=columns)))
    busy = REPORTS["traffic-by-gateway"]
    assert_same(world, world.question("root", busy, options))
    assert_same(world, world.question("root", REPORTS["call-quality-by-date"], options))


@pytest.mark.parametrize("report", ["call-list", "group-by-department", "call-quality"])
def test_columns(world: World, report: str) -> None:
    """Every column there is, and each alone, in whatever order."""
    chosen = tuple(field.name for field in columns_of(REPORTS[report]))
    for columns in (chosen, chosen[::-1], *((name,) for name in chosen[::3])):
        asked = world.question("cmoreau", REPORTS[report], Options(columns=columns))
        assert assert_same(world, asked).columns[-len(columns) :] == columns


@pytest.mark.parametrize("name", [field.name for field in groupings_of(GROUPS)])
def test_grouping(world: World, name: str) -> None:
    for who, by in (("root", (name,)), ("bkowalska", (name, "site"))):
        if len(set(by)) == len(by):
            every = tuple(field.name for field in columns_of(GROUPS))
            options = Options(by=by, columns=every)
            assert_same(world, world.question(who, GROUPS, options))


@pytest.mark.parametrize("name", [field.name for field in groupings_of(VOICE)])
def test_grouping_of_voice_reports(world: World, name: str) -> None:
    every = tuple(field.name for field in columns_of(VOICE))
    assert_same(world, world.question("root", VOICE, Options(by=(name,), columns=every)))


# From a group to its calls ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [field.name for field in groupings_of(GROUPS)])
def test_a_group_leads_to_its_calls(world: World, name: str) -> None:
    _lead(world, world.question("root", GROUPS, Options(by=(name,))))


@pytest.mark.parametrize("name", ["department", "number", "extension"])
def test_a_supervisors_group_leads_to_its_calls(world: World, name: str) -> None:
    _lead(world, world.question("cmoreau", GROUPS, Options(by=(name,))))


def test_a_group_of_several_fields_leads_to_its_calls(world: World) -> None:
    _lead(world, world.question("root", GROUPS, Options(by=("department", "extension", "person"))))
    _lead(world, world.question("root", GROUPS, Options(by=("number", "gateway"))))
    _lead(world, world.question("root", GROUPS, Options(by=("custom_1", "custom_2"))))


def _lead(world: World, asked: Question) -> None:
    """Behind each group are exactly the rows its figures are made of, and they come to the same."""
    wanted = world.by_hand(asked)
    _, rows = world.ask(asked)
    some = rows if len(rows) < 5 else [rows[0], rows[1], rows[len(rows) // 2], rows[-1]]
    for row in some:
        within: list[tuple[str, str]] = []
        like = None
        for name, value in zip(asked.by, row.values, strict=False):
            if name == "number":
                like = row.keys["number"]
            elif name == "person":
                within.append((name, row.keys["person"]))
            else:
                assert value_text(name, value) == group_text(value, name)
                within.append((name, value_text(name, value)))
        narrowed = replace(asked.options, by=None, within=tuple(within), like=like)
        run, listed = world.ask(replace(asked, report=BRIEF, options=narrowed))
        key = key_of(world, asked, row)
        assert {one.call for one in listed} == {
            f"{one['key']}.{one['party']}" for one in wanted.members[key]
        }
        figures = wanted.groups[key]
        for measure in ("calls", "total_duration", "total_cost"):
            assert run.made.answer.totals[measure] == figures[measure], measure


# Together -----------------------------------------------------------------------------------------


WHO = ("root", "cmoreau", "bkowalska", "dweber", "asonnino", "arossi2")


def _seldom(wanted: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly nothing, so that what is left of all parts together is not nothing."""
    return st.one_of(st.none(), st.none(), st.none(), wanted)


def _some(values: Sequence[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True).map(tuple)


def _restrictions(world: World, report: Report) -> list[Restriction]:
    """Every operator of every field with a value or two."""
    found: list[Restriction] = []
    for field in restrictable(report):
        values = [value for value in values_of(world, field.name, report) if value != ""] or ["x"]
        chosen = bool(field.choices) or field.name == "nation"
        for operator, value in itertools.product(
            operators_of(field), values[:: len(values) // 2 + 1]
        ):
            typed = str(value) if chosen else _pieces(field, value, operator)
            if problem(field, typed) is None:  # a name of two lines cannot be typed
                found += [
                    Restriction(joined, field.name, operator, tidied(field, typed))
                    for joined in ("and", "or")
                ]
    return found


def _groups(world: World, report: Report) -> st.SearchStrategy[RestrictedGroup]:
    kinds = [kind for kind in get_args(GroupKind) if report.subject == "calls" or kind != "gateway"]
    known = {kind: values_of(world, GROUP_FIELD.get(kind, kind), report) for kind in kinds}
    return st.one_of([
        st.builds(RestrictedGroup, st.just(kind), _some([one for one in values if one], 4))
        for kind, values in known.items()
    ])  # fmt: skip


def _options(world: World, report: Report) -> st.SearchStrategy[Options]:
    calls = [f"{row['key']}.{row['party']}" for row in world.books.tables["call"]]
    groupings = [field.name for field in groupings_of(report)]
    group = _seldom(_groups(world, report))
    return st.builds(
        Options,
        traffic=_seldom(st.sampled_from(get_args(Traffic))),
        period=st.none() | st.sampled_from(PERIODS),
        groups=st.tuples(group, group),
        call_type=_seldom(
            st.builds(CallType, *map(st.sampled_from, (get_args(Way), get_args(Answer))))
        ),
        place=_seldom(st.sampled_from(list(_places(world)))),
        most=_seldom(st.integers(1, 40)),
        restrictions=st.lists(st.sampled_from(_restrictions(world, report)), max_size=3).map(tuple),
        zone=_seldom(st.sampled_from(ZONES)),
        columns=_seldom(_some([field.name for field in columns_of(report)], 6)),
        by=_seldom(_some(groupings, 3)) if groupings else st.none(),
        like=_seldom(st.sampled_from(calls)) if report.subject == "calls" else st.none(),
    )


def questions(world: World) -> st.SearchStrategy[Question]:
    """Every report with any options for any viewer."""
    if not _QUESTIONS:
        every = {report.id: _options(world, report) for report in REPORTS.values()}
        _QUESTIONS.append(
            st.sampled_from(list(REPORTS)).flatmap(
                lambda name: st.builds(
                    world.question, st.sampled_from(WHO), st.just(REPORTS[name]), every[name]
                )
            )
        )
    return _QUESTIONS[0]


_QUESTIONS: list[st.SearchStrategy[Question]] = []
QUICK = settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@QUICK
@given(data=st.data())
def test_filters_together(world: World, data: st.DataObject) -> None:
    assert_same(world, data.draw(questions(world)))


ADDED_UP = (
    "calls", "answered", "missed", "incoming", "outgoing", "total_cost", "total_duration",
    "called_back",
)  # fmt: skip


@QUICK
@given(data=st.data())
def test_groups_add_up_to_the_totals_and_to_the_list(world: World, data: st.DataObject) -> None:
    """Where each call counts once, groups, totals and the list of the same calls agree.

    Where it counts at each extension, the report counts the rows of the list.
    """
    asked = data.draw(questions(world).filter(lambda asked: asked.report.by))
    added = ADDED_UP if asked.report.subject == "calls" else ("reports",)
    options = replace(asked.options, columns=added, most=None)
    asked = replace(asked, options=options)
    run, rows = world.ask(asked)
    totals, width = run.made.answer.totals, len(asked.by)
    for number, name in enumerate(added):
        assert sum(row.values[width + number] for row in rows) == totals[name]
    if asked.report.subject == "quality":
        return
    listed = replace(asked, report=LIST, options=replace(options, by=None, columns=None))
    of_list = world.ask(listed)[0].made.answer
    assert totals["total_cost"] == of_list.totals["total_cost"]
    assert run.made.answer.sides == of_list.sides
    if asked.each_side:
        assert totals["calls"] == of_list.sides
    else:
        assert totals["calls"] == of_list.calls == of_list.totals["calls"]
        assert totals["total_duration"] == of_list.totals["total_duration"]


def test_what_reports_cost_is_what_the_books_hold(world: World) -> None:
    paid = sum(row["cost"] for row in world.books.tables["call"])
    assert paid > 0
    for report in REPORTS.values():
        if "total_cost" in report.columns:
            run, _ = world.ask(world.question("root", report))
            assert run.made.answer.totals["total_cost"] == paid
