"""Every public report, as data.

To add one, add a `Report` here: its `id` is for links and for ever, `columns` are names of
`reports.fields`, of facts for a list of calls, of measures for groups `by` something. Its texts go
through `scripts/messages` into every language. docs/reports.md shows one from beginning to end.
"""

from __future__ import annotations

from reports.definition import Category, ChartOf, Report
from reports.options import CallType, Options
from storage.facts.ask import Order
from words.language import N_

CATEGORIES: tuple[tuple[Category, str], ...] = (
    ("monitor", N_("Call Monitor")),
    ("incoming", N_("Incoming Call Analysis")),
    ("cost", N_("Cost Analysis")),
    ("group", N_("Group Analysis")),
)
"""In the order of the guides, which number them from 1."""

NEW_CATEGORIES: frozenset[Category] = frozenset({"incoming"})

VOICES = "call-quality-in-detail"
"""The list that groups of measured voices lead to."""

_MONTH = Options(period="this_month")
_OUTSIDE = Options(traffic="external", period="this_month")
_MISSED = Options(
    traffic="external", period="this_month", call_type=CallType("incoming", "unanswered")
)
_INCOMING = Options(traffic="external", period="this_month", call_type=CallType("incoming", "any"))
_OUTGOING = Options(traffic="external", period="this_month", call_type=CallType("outgoing", "any"))
_PAID = Options(traffic="external", period="this_month", call_type=CallType("outgoing", "answered"))

_NEWEST = (Order("started_at", falling=True),)
_DEAREST = (Order("total_cost", falling=True), Order("calls", falling=True))
_BUSIEST = (Order("calls", falling=True),)
_CALL = ("type", "extension", "person", "number", "started_at", "duration", "cost", "gateway")

_COST_COLUMNS = (
    "calls", "total_duration", "average_duration", "total_cost", "average_cost", "cost_share",
)  # fmt: skip
_ANSWER_COLUMNS = (
    "calls", "answered", "answered_share", "missed", "average_ring", "longest_ring",
    "average_duration",
)  # fmt: skip
_GROUP_COLUMNS = (
    "calls", "incoming", "outgoing", "missed", "total_duration", "average_duration", "total_cost",
)  # fmt: skip
_QUALITY_COLUMNS = (
    "reports", "average_mos", "worst_mos", "poor_share", "average_jitter", "worst_jitter",
    "average_latency", "total_loss",
)  # fmt: skip


def _cost(
    name: str, title: str, question: str, by: tuple[str, ...], *, each_side: bool = False
) -> Report:
    """What calls cost, by something; drawn as parts of the whole."""
    return Report(
        f"group-cost-by-{name}", "cost", title, question, _COST_COLUMNS, _DEAREST, by,
        ChartOf("shares", ("total_cost",)), _PAID, each_side,
    )  # fmt: skip


_MONITOR = (
    Report(
        "call-list", "monitor", N_("Call List"), N_("Which calls were there?"),
        _CALL, _NEWEST, options=_MONTH,
    ),
    Report(
        "unanswered-calls", "monitor", N_("Unanswered calls"),
        N_("Which calls were not answered?"),
        ("type", "extension", "person", "number", "started_at", "ring", "gateway"), _NEWEST,
        options=Options(
            traffic="external", period="this_month", call_type=CallType("any", "unanswered")
        ),
    ),
    Report(
        "longest-calls", "monitor", N_("Longest calls"), N_("Which calls took the longest?"),
        _CALL, (Order("duration", falling=True),),
        options=Options(traffic="external", period="this_month", most=100),
    ),
    Report(
        "most-expensive-calls", "monitor", N_("Most expensive calls"),
        N_("Which calls cost the most?"),
        ("cost", "extension", "person", "number", "area", "started_at", "duration", "gateway"),
        (Order("cost", falling=True),),
        options=Options(
            traffic="external", period="this_month",
            call_type=CallType("outgoing", "answered"), most=100,
        ),
    ),
    Report(
        "most-called-numbers", "monitor", N_("Most called numbers"),
        N_("Which numbers are called the most?"),
        ("calls", "answered", "total_duration", "total_cost"), _BUSIEST, ("number",),
        ChartOf("bars", ("calls",)), _OUTGOING,
    ),
)  # fmt: skip

_INCOMING_REPORTS = (
    Report(
        "incoming-by-hour", "incoming", N_("Incoming calls by hour"),
        N_("At what hours are we called, and do we answer?"),
        _ANSWER_COLUMNS, (Order("hour"),), ("hour",),
        ChartOf("bars", ("answered", "missed"), 24), _INCOMING,
    ),
    Report(
        "incoming-by-weekday", "incoming", N_("Incoming calls by weekday"),
        N_("On which days are we called, and do we answer?"),
        _ANSWER_COLUMNS, (Order("weekday"),), ("weekday",),
        ChartOf("bars", ("answered", "missed"), 7), _INCOMING,
    ),
    Report(
        "incoming-by-extension", "incoming", N_("Ring time and answers by extension"),
        N_("Who answers, and how soon?"),
        _ANSWER_COLUMNS, _BUSIEST, ("extension", "person"),
        ChartOf("bars", ("answered", "missed")), _INCOMING, each_side=True,
    ),
    Report(
        "incoming-by-department", "incoming", N_("Ring time and answers by department"),
        N_("Which departments answer, and how soon?"),
        _ANSWER_COLUMNS, _BUSIEST, ("department",),
        ChartOf("bars", ("answered", "missed")), _INCOMING,
    ),
    Report(
        "missed-calls", "incoming", N_("Missed calls and calls back"),
        N_("Which callers did we miss, and did we call them back within a day?"),
        ("extension", "person", "number", "started_at", "ring", "called_back_after"), _NEWEST,
        options=_MISSED,
    ),
    Report(
        "called-back-by-department", "incoming", N_("Missed and called back by department"),
        N_("How many of the calls we missed did we call back within a day?"),
        ("missed", "called_back", "not_called_back", "called_back_share", "average_ring"),
        (Order("missed", falling=True),), ("department",),
        ChartOf("bars", ("called_back", "not_called_back")), _MISSED,
    ),
    Report(
        "hunt-groups", "incoming", N_("Hunt groups and waiting time"),
        N_("How long do callers of a hunt group wait, and who is answered?"),
        ("calls", "answered", "answered_share", "average_queued", "longest_queued",
         "average_ring"),
        _BUSIEST, ("hunt_group",), ChartOf("bars", ("average_queued",)),
        Options(period="this_month", call_type=CallType("incoming", "any")),
    ),
)  # fmt: skip

_COST_REPORTS = (
    Report(
        "phone-bill", "cost", N_("Phone Bill"), N_("What is the cost of the calls?"),
        ("extension", "person", "number", "area", "started_at", "duration", "cost", "gateway"),
        _NEWEST, options=_PAID,
    ),
    _cost("area", N_("Group Cost By Area"), N_("What is the cost distribution by area?"),
          ("area",)),
    _cost("department", N_("Group Cost By Department"),
          N_("What is the cost distribution by department?"), ("department",)),
    _cost("extension", N_("Group Cost By Extension"),
          N_("What is the cost distribution by extension?"), ("extension", "person"),
          each_side=True),
    _cost("operator", N_("Group Cost By Operator"),
          N_("What is the cost distribution by operator?"), ("operator",)),
    _cost("cost-centre", N_("Group Cost By Cost Centre"),
          N_("What is the cost distribution by cost centre?"), ("cost_centre",)),
    _cost("gateway", N_("Group Cost By Gateway"),
          N_("What is the cost distribution by gateway?"), ("gateway",)),
    _cost("nation", N_("Group Cost By Nation"), N_("What is the cost distribution by nation?"),
          ("nation",)),
    _cost("number", N_("Group Cost By Number"), N_("What is the cost distribution by number?"),
          ("number",)),
    _cost("destination-type", N_("Group Cost By Destination Type"),
          N_("What is the cost distribution by destination type?"), ("destination_type",)),
)  # fmt: skip

_GROUP_REPORTS = (
    Report(
        "group-by-department", "group", N_("Group By Department"),
        N_("What did each department call?"), _GROUP_COLUMNS, _BUSIEST, ("department",),
        ChartOf("bars", ("incoming", "outgoing")), _OUTSIDE,
    ),
    Report(
        "group-by-cost-centre", "group", N_("Group By Cost Centre"),
        N_("What did each cost centre call?"), _GROUP_COLUMNS, _BUSIEST, ("cost_centre",),
        ChartOf("bars", ("incoming", "outgoing")), _OUTSIDE,
    ),
    Report(
        "group-by-department-and-extension", "group", N_("Group By Department and Extension"),
        N_("What did each extension call, department by department?"), _GROUP_COLUMNS,
        (Order("department"), Order("calls", falling=True)),
        ("department", "extension", "person"), ChartOf("bars", ("incoming", "outgoing")),
        _OUTSIDE, each_side=True,
    ),
    Report(
        "group-by-two-custom-fields", "group", N_("Out Calls Group By Two Custom Fields"),
        N_("What was called out, by two fields of your own?"), _COST_COLUMNS, _DEAREST,
        ("custom_1", "custom_2"), ChartOf("bars", ("total_cost",)), _PAID,
    ),
    Report(
        "trend-analysis", "group", N_("Trend analysis"), N_("How do calls and costs develop?"),
        ("calls", "answered_share", "total_duration", "average_duration", "total_cost",
         "average_cost"),
        (Order("month"),), ("month",), ChartOf("line", ("total_cost",), 60),
        Options(traffic="external", period="this_year"),
    ),
    Report(
        "traffic-by-gateway", "group", N_("Traffic by gateway with busy hour"),
        N_("How busy are the gateways, and when the most?"),
        ("calls", "incoming", "outgoing", "total_duration", "busy_hour", "busy_hour_calls",
         "busy_hour_erlang"),
        _BUSIEST, ("gateway",), ChartOf("bars", ("incoming", "outgoing")), _OUTSIDE,
    ),
    Report(
        "call-quality", "group", N_("Call quality by extension"),
        N_("Which phones have poor voice?"), _QUALITY_COLUMNS, (Order("average_mos"),),
        ("extension", "person"), ChartOf("bars", ("average_mos",)), _MONTH, each_side=True,
        subject="quality",
    ),
    Report(
        VOICES, "group", N_("Call quality in detail"), N_("How good was each voice?"),
        ("started_at", "extension", "person", "device", "mos", "jitter", "latency", "loss"),
        (Order("mos"),), options=_MONTH, subject="quality",
    ),
    Report(
        "call-quality-by-date", "group", N_("Call quality by date"),
        N_("On which days was the voice poor?"), _QUALITY_COLUMNS, (Order("date"),), ("date",),
        ChartOf("line", ("average_mos",), 60), _MONTH, each_side=True, subject="quality",
    ),
)  # fmt: skip

REPORTS: dict[str, Report] = {
    report.id: report for report in (*_MONITOR, *_INCOMING_REPORTS, *_COST_REPORTS, *_GROUP_REPORTS)
}
"""Every public report by its id, in the order they are listed."""
