"""The catalogue of reports: what guides promise is there, and all of it can be run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from actors.house import House
from actors.report_jobs import whole_document
from reports.asking import ask
from reports.catalogue import CATEGORIES, NEW_CATEGORIES, REPORTS
from reports.choosable import columns_of, groupings_of, restrictable
from reports.fields import FIELDS
from reports.option_fields import from_json, to_json
from reports.options import NO_OPTIONS, Options, Restriction
from reports.restricting import operators_of
from storage.facts.ask import Condition
from storage.facts.fields import BUSY, DERIVED, EXPRESSIONS, SHARES, SUMS
from storage.facts.meant import NotAskable
from storage.viewer import Viewer
from words.formats import Reader
from words.language import language

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
READER = Reader(language("en"), "Europe/Rome", NOW)
ADMINISTRATOR = Viewer(None, "all")


def test_the_four_categories() -> None:
    assert [title for _, title in CATEGORIES] == [
        "Call Monitor", "Incoming Call Analysis", "Cost Analysis", "Group Analysis",
    ]  # fmt: skip
    assert {"incoming"} == NEW_CATEGORIES
    assert {report.category for report in REPORTS.values()} == {name for name, _ in CATEGORIES}


def test_cost_analysis_has_exactly_its_ten_with_their_questions() -> None:
    cost = [report for report in REPORTS.values() if report.category == "cost"]
    what = (
        "Area", "Department", "Extension", "Operator", "Cost Centre", "Gateway", "Nation",
        "Number", "Destination Type",
    )  # fmt: skip
    assert [(report.title, report.question) for report in cost] == [
        ("Phone Bill", "What is the cost of the calls?"),
        *(
            (f"Group Cost By {one}", f"What is the cost distribution by {one.lower()}?")
            for one in what
        ),
    ]


@pytest.mark.parametrize(
    "title",
    ["Call List", "Unanswered calls", "Trend analysis", "Out Calls Group By Two Custom Fields",
     "Longest calls", "Most expensive calls", "Most called numbers", "Group By Department"],
)  # fmt: skip
def test_reports_the_guides_name(title: str) -> None:
    assert title in {report.title for report in REPORTS.values()}


def test_reports_are_known_by_ids_of_their_own() -> None:
    assert all(name == report.id for name, report in REPORTS.items())
    titles = [report.title for report in REPORTS.values()]
    assert len({*titles}) == len(titles)
    assert all(report.question.endswith("?") for report in REPORTS.values())


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_made_of_what_its_reader_may_choose(name: str) -> None:
    report = REPORTS[name]
    assert {*report.columns} <= {field.name for field in columns_of(report)}
    assert {*report.by} <= {field.name for field in groupings_of(report)}
    assert {order.column for order in report.order} <= {*report.columns, *report.by}
    assert len({*report.columns, *report.by}) == len(report.columns) + len(report.by)
    if report.chart is not None:
        assert {*report.chart.measures} <= {*report.columns}
    assert report.is_list == (not report.by)


@pytest.mark.parametrize("name", REPORTS)
def test_a_reports_own_options_can_be_kept(name: str) -> None:
    report = REPORTS[name]
    assert from_json(to_json(report.options), report) == report.options


def test_every_field_can_be_computed() -> None:
    for field in FIELDS.values():
        if field.role == "measure":
            assert field.name in {*SUMS, *DERIVED, *SHARES, *BUSY}
            continue
        subjects = [field.subject] if field.subject else ["calls", "quality"]
        assert all(field.name in EXPRESSIONS[subject] for subject in subjects), field.name


def test_every_operator_of_every_field_is_asked() -> None:
    """What the form offers, the question can say."""
    values = {
        "instant": "2026-03-01T10:00", "date": "2026-03-01", "month": "2026-03", "hour": "9",
        "weekday": "0", "text": "x", "phone": "1",
    }  # fmt: skip
    for report in (REPORTS["call-list"], REPORTS["call-quality"]):
        for field in restrictable(report):
            for operator in operators_of(field):
                row = Restriction("and", field.name, operator, values.get(field.kind, "1"))
                if field.choices or field.name == "nation":
                    row = row._replace(value=field.choices[0][0] if field.choices else "IT")
                asked = ask(report, Options(restrictions=(row,)), "UTC", None)
                assert [one.field for all_ in asked.any_of for one in all_] == [field.name]


async def test_every_report_runs_where_there_are_no_calls(house: House) -> None:
    for report in REPORTS.values():
        for options in (report.options, NO_OPTIONS):
            run = await house.reports.run(ADMINISTRATOR, report, options, READER)
            assert run.rows == 0
            whole = await whole_document(run, READER)
            assert not whole.rows
            assert whole.chart is None
            assert whole.totals is not None
            assert len(whole.columns) == len(whole.totals)
            assert whole.notes


async def test_every_report_runs_by_everything(house: House) -> None:
    for report in (REPORTS["group-by-department"], REPORTS["call-quality"]):
        columns = tuple(field.name for field in columns_of(report))
        for field in groupings_of(report):
            options = Options(by=(field.name,), columns=columns)
            assert (await house.reports.run(ADMINISTRATOR, report, options, READER)).rows == 0


async def test_what_there_is_not_cannot_be_asked(house: House) -> None:
    """No name of a field, a measure or an operator reaches the engine unknown."""
    known = ask(REPORTS["call-list"], NO_OPTIONS, "UTC", None)
    grouped = ask(REPORTS["group-by-department"], NO_OPTIONS, "UTC", None)
    nonsense = 'x" from call; drop table call; --'
    for asked in (
        replace(known, columns=(nonsense,)),
        replace(known, where=(Condition(nonsense, "is", "x"),)),
        replace(known, where=(Condition("duration", "among", 1),)),
        replace(grouped, by=(nonsense,)),
        replace(grouped, measures=(nonsense,)),
    ):
        with pytest.raises(NotAskable):
            await house.reports.answers.ask(ADMINISTRATOR, asked)
    run = await house.reports.run(ADMINISTRATOR, REPORTS["call-list"], NO_OPTIONS, READER)
    assert run.rows == 0
