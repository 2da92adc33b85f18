"""Interactive Reports: every report in two trees, and a preview of the one that is selected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quart import Response, abort, request

from reports.catalogue import CATEGORIES, NEW_CATEGORIES, REPORTS
from reports.chart_svg import is_drawable, picture
from reports.definition import Report
from reports.described import facts
from reports.document import Document
from reports.options import Options
from reports.sample import sample
from storage import company, people_admin, saved_reports
from storage.database import Connection
from storage.saved_reports import ReportDraft, SavedReport
from storage.viewer import Viewer
from web.context import house, is_background, page, reader, say, seer
from web.portal import signed_in_pages
from web.report_asked import PATH, SCHEDULE, Wanted, number_of, options_of
from web.report_saving import deleted
from web.report_table import Table, table_of
from words.formats import Reader
from words.language import N_

report_pages = signed_in_pages("reports")

FIRST = next(iter(REPORTS))
"""What is previewed until something is selected."""

DONE = {
    "saved": N_("Saved."),
    "restored": N_("The report is back."),
    "not-restored": N_("The report could not be brought back: you have one of its name."),
}


class Leaf(NamedTuple):
    """A report in a tree. `by` is whose it is, where it is somebody else's."""

    title: str
    question: str
    select: str
    execute: str
    options: str
    is_selected: bool
    by: str = ""


class Branch(NamedTuple):
    """A category and its reports."""

    title: str
    is_new: bool
    leaves: list[Leaf]


class Trees(NamedTuple):
    """What this viewer finds beside the catalogue, and what it takes to show it."""

    own: list[SavedReport]
    shared: list[SavedReport]
    deleted: ReportDraft | None
    currency: str
    labels: tuple[str, ...]


class Preview(NamedTuple):
    """The selected report, on a sample. `saved` is None for one of the catalogue."""

    title: str
    question: str
    description: str
    filters: Sequence[tuple[str, str]]
    document: Document
    table: Table
    chart: object
    report: Report
    saved: SavedReport | None
    is_lost: bool
    execute: str
    options: str
    edit: str
    schedule: str


async def _read(connection: Connection, viewer: Viewer) -> Trees:
    found = await company.company(connection)
    return Trees(
        own=await saved_reports.own(connection, viewer),
        shared=await saved_reports.shared(connection, viewer),
        deleted=await deleted(connection, viewer)
        if request.args.get("done") == "deleted"
        else None,
        currency=found.currency if found else "",
        labels=await people_admin.custom_labels(connection),
    )


@report_pages.get(PATH)
async def reports() -> Response:
    """The list of reports; where the page asks for the preview alone, that."""
    trees = await house().database.unit_of_work(_read, seer())
    report, saved = _selected(trees)
    shown = preview(report, saved, trees, reader())
    if is_background():
        return await page("portal/parts/report_preview.html", preview=shown)
    return await page(
        "portal/analytics_reports.html",
        preview=shown,
        public=_public(report if saved is None else None),
        personal=_personal(trees, saved),
        deleted=trees.deleted,
        done=say(DONE[key]) if (key := request.args.get("done", "")) in DONE else "",
    )


def _selected(trees: Trees) -> tuple[Report, SavedReport | None]:
    """The report the address selects; 404 where the viewer finds none."""
    if text := request.args.get("saved"):
        number = number_of(text)
        for one in (*trees.own, *trees.shared):
            if one.id == number and one.draft.report in REPORTS:
                return REPORTS[one.draft.report], one
        abort(404)
    report = REPORTS.get(request.args.get("report", FIRST))
    if report is None:
        abort(404)
    return report, None


# The trees ----------------------------------------------------------------------------------------


def _public(selected: Report | None) -> list[Branch]:
    branches: list[Branch] = []
    for number, (code, title) in enumerate(CATEGORIES, 1):
        leaves = [
            Leaf(
                say(one.title), say(one.question), f"{PATH}?report={one.id}", f"{PATH}/{one.id}",
                f"{PATH}/{one.id}/options", one == selected,
            )
            for one in REPORTS.values()
            if one.category == code
        ]  # fmt: skip
        branches.append(Branch(f"{number}-{say(title)}", code in NEW_CATEGORIES, leaves))
    return branches


def _personal(trees: Trees, selected: SavedReport | None) -> list[Branch]:
    """One's own by category, then what others share."""
    branches: list[Branch] = []
    for number, (code, title) in enumerate(CATEGORIES, 1):
        for saved, words in ((trees.own, ""), (trees.shared, say("shared with me"))):
            leaves = [
                _saved_leaf(one, selected)
                for one in saved
                if one.draft.category == code and one.draft.report in REPORTS
            ]
            if leaves:
                named = f"{number}-{say(title)}"
                shown = say("%(category)s, %(whose)s", category=named, whose=words)
                branches.append(Branch(shown if words else named, is_new=False, leaves=leaves))
    return branches


def _saved_leaf(one: SavedReport, selected: SavedReport | None) -> Leaf:
    draft = one.draft
    report = REPORTS[draft.report]
    below = f"{PATH}/{report.id}"
    return Leaf(
        draft.name,
        draft.description or say(report.question),
        f"{PATH}?saved={one.id}",
        f"{below}?saved={one.id}",
        f"{below}/options?saved={one.id}",
        selected is not None and one.id == selected.id,
        "" if one.is_own else one.owner,
    )


# The preview --------------------------------------------------------------------------------------


def preview(report: Report, saved: SavedReport | None, trees: Trees, by: Reader) -> Preview:
    """A report on invented figures, made by what makes the result."""
    known = options_of(saved, report) if saved else report.options
    options: Options = known or report.options
    made = sample(report, options, by, trees.currency, trees.labels)
    drawn = None
    if made.chart is not None and is_drawable(made.chart):
        drawn = picture(made.chart, by, trees.currency, "sample").narrow
    query = f"?saved={saved.id}" if saved else ""
    below = f"{PATH}/{report.id}"
    wanted = Wanted(report, options, saved)
    return Preview(
        title=saved.draft.name if saved else say(report.title),
        question=say(report.question),
        description=saved.draft.description if saved else "",
        filters=facts(report, options, None, by, trees.labels),
        document=made,
        table=table_of(made, by)._replace(totals=[]),
        chart=drawn,
        report=report,
        saved=saved,
        is_lost=saved is not None and known is None,
        execute=below + query,
        options=f"{below}/options{query}",
        edit=f"{below}/save{query}" if saved and saved.is_own else "",
        schedule=wanted.schedule if saved else f"{SCHEDULE}?report={report.id}",
    )
