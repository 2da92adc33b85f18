"""The thirteen widgets: their names, what each counts, and that the full report counts the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlencode

import pytest
from call_rows import add_call

from reports.asking import ask, span_of
from reports.catalogue import REPORTS
from reports.document import Document
from reports.fields import DESTINATION_TYPES
from reports.option_fields import link, parse
from reports.running import Reports
from reports.widgets import BY_ID, WIDGETS, Widget
from storage import people
from storage.database import Connection, Database
from storage.facts.copy import open_copy
from storage.viewer import Viewer
from telephony.plant import Plant
from words.formats import Reader
from words.language import language

NAMES = (
    "This Week Top Costs by Area",
    "Today Top % Costs by Destination",
    "This Week Top Costs by Extension",
    "This Week Top Costs by Date",
    "Today Costs by Hours",
    "Today Top % Costs by Depart.",
    "Today Top % Costs by Area",
    "Top 5 Int. traffic by tot.duration.",
    "Last 30 Day Personal Traffic Analysis",
    "Today Call Status by Department",
    "Today Call Status by Area",
    "Call Status of last 7 days",
    "Last Calls Report",
)
"""As the guides have them, in their order."""

NOW = datetime(2026, 3, 12, 15, 0, tzinfo=UTC)
"""A Thursday; 16:00 in Rome."""
TODAY = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 9, 30, tzinfo=UTC)
TYPES = dict(DESTINATION_TYPES)
READER = Reader(language("en"), "Europe/Rome", NOW)


def test_names_and_order() -> None:
    assert tuple(widget.report.title for widget in WIDGETS) == NAMES
    assert len(BY_ID) == 13


def test_the_sample_s_ticks_and_whose_they_are() -> None:
    assert [number for number, one in enumerate(WIDGETS, 1) if one.usual] == [6, 7, 9, 10]
    assert [number for number, one in enumerate(WIDGETS, 1) if one.personal] == [9]


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda one: one.id)
def test_the_full_report_asks_the_same(widget: Widget) -> None:
    """Its link is read without fault, and asks for the same calls, groups and columns."""
    report = REPORTS[widget.report.id]
    query = urlencode(link(widget.whole("asonnino")))
    options, errors = parse(parse_qsl(query), report)
    assert errors == {}
    span = span_of(options, "Europe/Rome", NOW, 0)
    whole = ask(report, options, "Europe/Rome", span)
    small = ask(widget.report, widget.report.options, "Europe/Rome", span)
    assert (whole.from_at, whole.until_at) == (small.from_at, small.until_at)
    assert (whole.by, whole.measures, whole.columns) == (small.by, small.measures, small.columns)
    assert (whole.each_side, whole.most) == (small.each_side, small.most)
    own = [one for one in whole.where if one.field == "login"]
    assert [one for one in whole.where if one not in own] == list(small.where)
    assert [one.value for one in own] == ([("asonnino",)] if widget.personal else [])


# What they count ----------------------------------------------------------------------------------


async def _calls(connection: Connection) -> None:
    paid = {"destination": "Milano", "destination_type": "local"}
    abroad = {"destination": "Germany", "destination_type": "international"}
    await add_call(connection, "731", at=TODAY, cost="1.50", seconds=120, values=paid)
    await add_call(connection, "741", at=TODAY, cost="4.50", seconds=300, values=abroad)
    await add_call(connection, "731", at=MONDAY, cost="2.00", seconds=60, values=abroad)
    await add_call(connection, "731", at=TODAY, seconds=0, values=paid)
    await add_call(connection, "732", at=TODAY, seconds=30, direction="incoming")
    await add_call(connection, "732", at=TODAY, seconds=0, direction="incoming")
    await add_call(connection, "731", at=TODAY, seconds=600, other="741")
    await add_call(connection, "751", at=TODAY - timedelta(days=40), cost="99", values=paid)


@pytest.fixture
async def reports(database: Database, company: Plant) -> AsyncIterator[Reports]:
    await database.unit_of_work(_calls)
    async with open_copy(database) as copy:
        made = Reports(copy, database, lambda: NOW)
        await made.answers.prepare()
        yield made


async def _viewer(database: Database, login: str) -> Viewer:
    person = await database.unit_of_work(people.by_login, login)
    assert person is not None
    return Viewer.of(person)


async def _look(reports: Reports, viewer: Viewer, name: str) -> Document:
    widget = BY_ID[name]
    seen = viewer.only_own() if widget.personal else viewer
    return (await reports.glances([(seen, widget.report, widget.report.options)], READER))[0]


def _rows(document: Document, *columns: str) -> list[tuple[object, ...]]:
    at = [[one.name for one in document.columns].index(name) for name in columns]
    return [tuple(row[index] for index in at) for row in document.rows]


async def test_costs(reports: Reports, database: Database) -> None:
    root = await _viewer(database, "root")
    week = await _look(reports, root, "week-cost-by-area")
    assert _rows(week, "area", "total_cost") == [
        ("Germany", Decimal("6.50")), ("Milano", Decimal("1.50"))
    ]  # fmt: skip
    today = await _look(reports, root, "today-cost-by-destination")
    assert _rows(today, "destination_type", "cost_share") == [
        (TYPES["international"], Decimal("75.0")), (TYPES["local"], Decimal("25.0"))
    ]  # fmt: skip
    people_ = await _look(reports, root, "week-cost-by-extension")
    assert _rows(people_, "extension", "total_cost") == [
        ("741", Decimal("4.50")), ("731", Decimal("3.50"))
    ]  # fmt: skip
    days = await _look(reports, root, "week-cost-by-date")
    assert _rows(days, "date", "total_cost") == [
        (MONDAY.date(), Decimal("2.00")), (TODAY.date(), Decimal("6.00"))
    ]  # fmt: skip
    assert days.chart is not None
    assert not any("2026" in label for label in days.chart.labels), "days of one year"
    hours = await _look(reports, root, "today-cost-by-hour")
    assert _rows(hours, "hour", "total_cost") == [(10, Decimal("6.00"))]
    assert hours.chart is not None
    assert len(hours.chart.labels) == 24
    departments = await _look(reports, root, "today-cost-by-department")
    assert _rows(departments, "department", "total_cost") == [
        ("Support", Decimal("4.50")), ("Sales", Decimal("1.50"))
    ]  # fmt: skip


async def test_internal_calls_count_at_each_extension_and_else_once(
    reports: Reports, database: Database
) -> None:
    root = await _viewer(database, "root")
    top = await _look(reports, root, "internal-by-extension")
    assert sorted(_rows(top, "extension", "calls", "total_duration")) == [
        ("731", 1, 600), ("741", 1, 600)
    ]  # fmt: skip
    assert top.totals is not None
    mine = await _look(reports, await _viewer(database, "asonnino"), "my-last-30-days")
    assert _rows(mine, "date", "calls", "total_cost") == [
        (TODAY.date(), 3, Decimal("1.50")), (MONDAY.date(), 1, Decimal("2.00"))
    ]  # fmt: skip


async def test_top_five_are_five(reports: Reports, database: Database) -> None:
    async def more(connection: Connection) -> None:
        for number in range(6):
            await add_call(
                connection, str(760 + number), at=TODAY, seconds=60 + number, other=str(770)
            )

    await database.unit_of_work(more)
    top = await _look(reports, await _viewer(database, "root"), "internal-by-extension")
    assert len(top.rows) == 5
    assert top.rows[0][0] in {"731", "741"}
    assert top.chart is not None
    assert len(top.chart.labels) == 5


async def test_status(reports: Reports, database: Database) -> None:
    root = await _viewer(database, "root")
    departments = await _look(reports, root, "today-status-by-department")
    assert _rows(departments, "department", "calls", "answered", "unanswered") == [
        ("Sales", 4, 2, 2), ("Support", 1, 1, 0)
    ]  # fmt: skip
    areas = await _look(reports, root, "today-status-by-area")
    assert _rows(areas, "area", "calls", "answered", "unanswered") == [
        ("Milano", 2, 1, 1), ("Germany", 1, 1, 0)
    ]  # fmt: skip


async def test_the_last_seven_days_split_to_a_hundred(reports: Reports, database: Database) -> None:
    found = await _look(reports, await _viewer(database, "root"), "status-last-7-days")
    assert [column.name for column in found.columns] == [
        "date", "calls", "total_cost", "average_duration", "average_cost", "answered_share",
        "incoming_share", "outgoing_share",
    ]  # fmt: skip
    assert _rows(found, "date", "calls", "answered_share") == [
        (TODAY.date(), 5, Decimal("60.0")), (MONDAY.date(), 1, Decimal("100.0"))
    ]  # fmt: skip
    for one, other in _rows(found, "incoming_share", "outgoing_share"):
        assert one + other == 100  # type: ignore[operator]


async def test_the_last_calls_are_ten_and_the_newest_first(
    reports: Reports, database: Database
) -> None:
    async def more(connection: Connection) -> None:
        for minute in range(12):
            await add_call(connection, "731", at=TODAY + timedelta(minutes=minute + 1))

    await database.unit_of_work(more)
    found = await _look(reports, await _viewer(database, "root"), "last-calls")
    at = [row[0] for row in _rows(found, "started_at")]
    assert at == [TODAY + timedelta(minutes=12 - number) for number in range(10)]


async def test_each_sees_their_own_scope(reports: Reports, database: Database) -> None:
    supervisor = await _look(
        reports, await _viewer(database, "cmoreau"), "today-cost-by-department"
    )
    assert _rows(supervisor, "department") == [("Sales",)]
    user = await _look(reports, await _viewer(database, "bkowalska"), "today-status-by-department")
    assert _rows(user, "department", "calls") == [("Sales", 2)]
    own = await _look(reports, await _viewer(database, "root"), "my-last-30-days")
    assert own.rows == []
