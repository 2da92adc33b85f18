"""The thirteen widgets of the dashboard, as data: reports seen small.

A widget is a report of the catalogue with another title, grouping or period: the same definition,
filters and renderers. Its report keeps the catalogue's id, so that `whole` leads to the full report
with the very same options.

What the guides leave open is decided here. *Cost* is that of outgoing answered calls to the
outside; *status* tells answered from not answered calls, and areas are those called, since a call
that comes in has none. *Int. traffic* is internal traffic, of this month, counted at each of its
two extensions, because its bars are extensions; everywhere else an internal call counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from reports.catalogue import REPORTS
from reports.definition import ChartOf, Report
from reports.document import ChartKind
from reports.options import CallType, LastDays, Options, Period, RestrictedGroup
from storage.facts.ask import Order
from words.language import N_

Size = Literal["short", "tall"]
"""How much room a widget is given before anything is in it."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A report seen small. `id` stands in preferences for ever.

    A `personal` one shows the viewer's own calls, however far they may see. `usual` ones are on a
    dashboard nobody has arranged yet. `counts_rows` puts their number behind the title.
    """

    id: str
    report: Report
    size: Size = "short"
    personal: bool = False
    usual: bool = False
    counts_rows: bool = False

    def whole(self, login: str) -> Options:
        """What the full report is given to come to the same figures for the person who looks."""
        known, shown = REPORTS[self.report.id], self.report
        own = RestrictedGroup("person", (login,)) if self.personal else None
        return replace(
            shown.options,
            groups=(own, None),
            by=shown.by if shown.by != known.by else None,
            columns=shown.columns if shown.columns != known.columns else None,
        )


def _seen(
    report: str,
    title: str,
    question: str,
    options: Options,
    columns: tuple[str, ...],
    order: tuple[Order, ...],
    by: tuple[str, ...] = (),
    chart: ChartOf | None = None,
) -> Report:
    """A report of the catalogue, seen in another way."""
    return replace(
        REPORTS[report], title=title, question=question, options=options, columns=columns,
        order=order, by=by, chart=chart, each_side="extension" in by,
    )  # fmt: skip


_DEAREST = (Order("total_cost", falling=True), Order("calls", falling=True))
_BUSIEST = (Order("calls", falling=True),)
_COST = ("calls", "total_duration", "total_cost", "cost_share")
_STATUS = ("calls", "answered", "unanswered", "answered_share")
_TIMES = {"date": 31, "hour": 24}
_DRAWN: dict[ChartKind, int] = {"bars": 9, "shares": 6}


def _cost(
    title: str, question: str, period: Period, by: tuple[str, ...], kind: ChartKind
) -> Report:
    """What outgoing calls cost, by something: the dearest, or as time goes."""
    name = "-".join(by[:1]).replace("_", "-")
    known = f"group-cost-by-{name}"
    return _seen(
        known if known in REPORTS else "group-cost-by-department", title, question,
        Options(traffic="external", period=period, call_type=CallType("outgoing", "answered")),
        _COST, (Order(by[0]),) if by[0] in _TIMES else _DEAREST, by,
        ChartOf(kind, ("total_cost",), _TIMES.get(by[0], _DRAWN[kind])),
    )  # fmt: skip


def _status(title: str, question: str, by: str, call_type: CallType | None) -> Report:
    """Which of today's calls were answered, by something."""
    return _seen(
        "group-by-department", title, question,
        Options(traffic="external", period="today", call_type=call_type),
        _STATUS, _BUSIEST, (by,), ChartOf("bars", ("answered", "unanswered"), 8),
    )  # fmt: skip


WIDGETS: tuple[Widget, ...] = (
    Widget("week-cost-by-area", _cost(
        N_("This Week Top Costs by Area"), N_("Which areas did this week's calls cost the most?"),
        "this_week", ("area",), "bars",
    )),
    Widget("today-cost-by-destination", _cost(
        N_("Today Top % Costs by Destination"),
        N_("What share of today's costs has each type of destination?"),
        "today", ("destination_type",), "shares",
    )),
    Widget("week-cost-by-extension", _cost(
        N_("This Week Top Costs by Extension"), N_("Which extensions cost the most this week?"),
        "this_week", ("extension", "person"), "bars",
    )),
    Widget("week-cost-by-date", _cost(
        N_("This Week Top Costs by Date"), N_("What did the calls of each day of this week cost?"),
        "this_week", ("date",), "bars",
    )),
    Widget("today-cost-by-hour", _cost(
        N_("Today Costs by Hours"), N_("What did today's calls cost, hour by hour?"),
        "today", ("hour",), "bars",
    )),
    Widget("today-cost-by-department", _cost(
        N_("Today Top % Costs by Depart."),
        N_("What share of today's costs has each department?"),
        "today", ("department",), "shares",
    ), usual=True),
    Widget("today-cost-by-area", _cost(
        N_("Today Top % Costs by Area"), N_("What share of today's costs has each area?"),
        "today", ("area",), "shares",
    ), usual=True),
    Widget("internal-by-extension", _seen(
        "group-cost-by-extension", N_("Top 5 Int. traffic by tot.duration."),
        N_("Which five extensions spent the most time on internal calls this month?"),
        Options(traffic="internal", period="this_month", most=5),
        ("calls", "total_duration", "average_duration"),
        (Order("total_duration", falling=True), Order("calls", falling=True)),
        ("extension", "person"), ChartOf("bars", ("total_duration",), 5),
    )),
    Widget("my-last-30-days", _seen(
        "trend-analysis", N_("Last 30 Day Personal Traffic Analysis"),
        N_("How many calls did I have on each of the last 30 days, and what did they cost?"),
        Options(period=LastDays(30)), ("calls", "total_cost", "total_duration"),
        (Order("date", falling=True),), ("date",), ChartOf("bars", ("calls",), 31),
    ), personal=True, usual=True),
    Widget("today-status-by-department", _status(
        N_("Today Call Status by Department"),
        N_("How many of each department's outside calls were answered today?"),
        "department", None,
    ), usual=True),
    Widget("today-status-by-area", _status(
        N_("Today Call Status by Area"),
        N_("How many of the calls to each area were answered today?"),
        "area", CallType("outgoing", "any"),
    )),
    Widget("status-last-7-days", _seen(
        "group-by-department", N_("Call Status of last 7 days"),
        N_("How many outside calls were there on each of the last 7 days, and how did they go?"),
        Options(traffic="external", period=LastDays(7)),
        ("calls", "total_cost", "average_duration", "average_cost", "answered_share",
         "incoming_share", "outgoing_share"),
        (Order("date", falling=True),), ("date",),
    ), size="tall", counts_rows=True),
    Widget("last-calls", _seen(
        "call-list", N_("Last Calls Report"), N_("Which are the last ten calls?"),
        Options(period=LastDays(30), most=10),
        ("type", "extension", "number", "started_at", "duration", "cost"),
        (Order("started_at", falling=True),),
    ), size="tall"),
)  # fmt: skip
"""The thirteen, by the names and in the order of the guides."""

BY_ID = {widget.id: widget for widget in WIDGETS}
