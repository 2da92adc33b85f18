"""Every public report says what rows as they are stored come to when they are added up by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from facts_compared import assert_same, document_of
from fixtures_facts import World

from reports.catalogue import REPORTS, VOICES
from reports.charts import ADDED_UP
from reports.definition import Report
from reports.document import Chart
from reports.option_fields import parse
from reports.options import Options
from storage.facts.ask import Order
from web.report_table import leads_of

EVERYBODY = ("root", "cmoreau", "turkish", "asonnino")
"""An administrator, supervisors of a department and of an office, a user."""


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_as_it_comes(world: World, report: str) -> None:
    for who in EVERYBODY:
        assert_same(world, world.question(who, REPORTS[report], REPORTS[report].options))


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_of_every_call_there_is(world: World, report: str) -> None:
    assert_same(world, world.question("dweber", REPORTS[report]))


# The document -------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [name for name in REPORTS if REPORTS[name].chart])
def test_a_chart_draws_what_the_table_says(world: World, report: str) -> None:
    """Its first groups in the chart's order; of a whole the rest together, and nothing lost."""
    asked = world.question("root", REPORTS[report])
    wanted = world.by_hand(asked)
    run, _ = world.ask(asked)
    document = document_of(world, asked, run)
    drawn = REPORTS[report].chart
    assert drawn is not None
    assert document.chart is not None
    for name, series in zip(drawn.measures, document.chart.series, strict=True):
        assert len(series.values) == len(document.chart.labels) <= drawn.most + 1
        figures = [group[name] or 0 for group in wanted.groups.values()]
        if asked.by[0] in {"hour", "weekday", "date", "month"}:
            there = [wanted.groups[key][name] for key in sorted(wanted.groups)]
            shown = [value for value in series.values if value]
            assert shown
            assert shown == [value for value in there if value][-len(shown) :]
            assert len(series.values) >= min(drawn.most, len(there))
        elif drawn.measures == (name,):
            falling = REPORTS[report].order[0] != Order(name)
            ordered = sorted(figures, reverse=falling)
            assert ordered[: drawn.most] == [*series.values[: drawn.most]]
        is_whole = document.chart.kind == "shares" or len(figures) <= drawn.most
        if name in ADDED_UP and document.chart.kind != "line" and is_whole:
            assert sum(series.values) == wanted.totals[name]
    many = f"the first {drawn.most} of {len(wanted.groups)}"
    is_cut = document.chart.kind == "bars" and len(wanted.groups) > drawn.most
    assert document.chart.title.endswith(many) is (is_cut and asked.by[0] not in {"hour", "date"})
    _assert_largest_first(REPORTS[report], document.chart, wanted.groups.values())


def _assert_largest_first(report: Report, chart: Chart, groups: Iterable[dict[str, Any]]) -> None:
    """Bars of several parts: those whose parts come to most are drawn."""
    drawn = report.chart
    whole = next((one.column for one in report.order if one.column in report.columns), "")
    if drawn is None or len(drawn.measures) == 1 or report.by[0] in {"hour", "weekday"}:
        return
    if any(sum(group[name] for name in drawn.measures) != group[whole] for group in groups):
        return  # calls inside the company have no part in it
    bars = [sum(parts) for parts in zip(*(one.values for one in chart.series), strict=True)]
    largest = sorted((group[whole] for group in groups), reverse=True)
    assert bars[: drawn.most] == largest[: drawn.most]


def test_a_part_of_the_groups_is_drawn_with_what_the_others_have(world: World) -> None:
    """The shares of the chart are those of the table, however few groups are listed."""
    asked = world.question("root", REPORTS["group-cost-by-department"], Options(most=2))
    run, rows = world.ask(asked)
    chart = document_of(world, asked, run).chart
    assert chart is not None
    assert len(rows) == 2
    assert chart.labels[2:] == ("Others",)
    assert sum(chart.series[0].values) == run.made.answer.totals["total_cost"]


@pytest.mark.parametrize("report", ["call-quality", "call-quality-by-date"])
def test_a_group_of_voices_leads_to_exactly_those(world: World, report: str) -> None:
    run, rows = world.ask(world.question("root", REPORTS[report]))
    lead, at = leads_of(run.made), run.made.answer.columns.index("reports")
    assert rows
    for row in rows:
        address = urlsplit(lead(row))
        assert address.path == f"/analytics/reports/{VOICES}"
        options, wrong = parse(parse_qsl(address.query, keep_blank_values=True), REPORTS[VOICES])
        assert not wrong
        _, voices = world.ask(world.question("root", REPORTS[VOICES], options))
        assert len(voices) == row.values[at]


def test_the_worst_voices_are_drawn(world: World) -> None:
    asked = world.question("root", REPORTS["call-quality"])
    run, rows = world.ask(asked)
    chart = document_of(world, asked, run).chart
    assert chart is not None
    at = run.made.answer.columns.index("average_mos")
    scores = [row.values[at] for row in rows if row.values[at] is not None]
    assert list(chart.series[0].values) == sorted(scores)[: len(chart.labels)]
    assert f"The smallest Average MOS: {chart.labels[0]}, {chart.series[0].values[0]}" in (
        chart.summary
    )


def test_a_chart_of_in_and_out_is_not_of_all_calls(world: World) -> None:
    """Internal calls have no place in it: its bars are shorter than the table's calls."""
    asked = world.question("root", REPORTS["group-by-department"])
    run, rows = world.ask(asked)
    chart = document_of(world, asked, run).chart
    assert chart is not None
    assert chart.title == "External calls by Department"
    by_calls = [row.values[0] for row in sorted(rows, key=lambda row: -int(row.values[1]))]
    assert [*chart.labels] == [str(name) or "Not given" for name in by_calls]


@pytest.mark.parametrize("report", REPORTS)
def test_a_document_has_every_row_and_the_totals(world: World, report: str) -> None:
    asked = world.question("cmoreau", REPORTS[report])
    wanted = world.by_hand(asked)
    run, rows = world.ask(asked)
    document = document_of(world, asked, run)
    assert len(document.rows) == len(rows) == len(wanted.listed or wanted.groups)
    assert [column.name for column in document.columns] == [*wanted.columns]
    in_list = {"duration": "total_duration", "cost": "total_cost"}

    def total(name: str) -> Any:
        if asked.by:
            return wanted.totals.get(name)
        return wanted.totals[in_list[name]] if name in in_list else None

    assert document.totals == tuple(total(name) for name in wanted.columns)
    assert str(wanted.calls) in document.totals_label
    assert all(len(row) == len(document.columns) for row in document.rows)


def test_codes_and_gaps_are_told_in_words(world: World) -> None:
    """No row of a report has an empty name, or a code that people do not know."""
    for by in (
        "type", "answer", "department", "person", "gateway", "nation", "area", "operator",
        "destination_type", "hunt_group", "extension", "number", "site", "custom_1",
    ):  # fmt: skip
        asked = world.question("root", REPORTS["group-by-department"], Options(by=(by,)))
        run, _ = world.ask(asked)
        names = [row[0] for row in document_of(world, asked, run).rows]
        assert all(isinstance(name, str) and name.strip() for name in names), by
        codes = {"type": "incoming", "answer": "unanswered", "nation": "IT"}
        assert codes.get(by, "mobile") not in names
    gateways = world.question("root", REPORTS["traffic-by-gateway"], Options())
    told = {row[0] for row in document_of(world, gateways, world.ask(gateways)[0]).rows}
    assert {"Internal calls", "Unknown gateway", "Milano"} <= told


def test_calls_with_several_rows_are_explained(world: World) -> None:
    once = world.question("root", REPORTS["group-by-department"])
    run, _ = world.ask(once)
    answer = run.made.answer
    note = f"{answer.calls} calls have {answer.sides} rows"
    assert any(note in one for one in document_of(world, once, run).notes)
    sides = world.question("root", REPORTS["group-by-department-and-extension"])
    notes = document_of(world, sides, world.ask(sides)[0]).notes
    assert any("counts at each" in one for one in notes)
