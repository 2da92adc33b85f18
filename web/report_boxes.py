"""What the home page says of reports: the most used, one's own, and what was run last."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from reports.catalogue import REPORTS
from storage import report_runs, saved_reports
from storage.database import Connection
from storage.report_runs import Run
from storage.viewer import Viewer
from web.context import say
from web.report_asked import PATH

MOST = 5
USUAL = (
    "call-list", "unanswered-calls", "group-by-department", "group-by-cost-centre",
    "group-by-department-and-extension",
)  # fmt: skip
"""What the guides list: these fill the box until somebody uses others more."""


class Box(NamedTuple):
    """A line of a box: words, and where they lead."""

    words: str
    href: str
    at: datetime | None = None


class Boxes(NamedTuple):
    """The three boxes of the home page."""

    public: list[Box]
    personal: list[Box]
    history: list[Box]


async def read_boxes(connection: Connection, viewer: Viewer, now: datetime) -> Boxes:
    """What is in them for a viewer."""
    used = await report_runs.most_used(connection, viewer, now, MOST)
    public = [one.report for one in used.public if one.report in REPORTS]
    named = list(dict.fromkeys([*public, *USUAL]))[:MOST]
    personal = {one.saved_id: (one.name, one.report) for one in used.personal}
    if len(personal) < MOST:
        for one in await saved_reports.own(connection, viewer):
            personal.setdefault(one.id, (one.draft.name, one.draft.report))
    last = await report_runs.history(connection, viewer, now, 1, MOST)
    return Boxes(
        public=[Box(say(REPORTS[name].title), f"{PATH}/{name}") for name in named],
        personal=[
            Box(name, f"{PATH}/{report}?saved={number}")
            for number, (name, report) in list(personal.items())[:MOST]
        ],
        history=[
            Box(run_words(run), f"{PATH}/history/{run.id}", run.started_at) for run in last.rows
        ],
    )


def run_words(run: Run) -> str:
    """What a run was of: the name somebody gave it then, else the catalogue's."""
    if run.name:
        return run.name
    report = REPORTS.get(run.report)
    return say(report.title) if report else run.report
