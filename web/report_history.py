"""What one has run: the list of it, and results as they were then."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import NamedTuple, cast, get_args

from quart import Response, abort

from reports.chart_svg import is_drawable, picture
from reports.described import facts
from reports.document import Document
from reports.errors import ExportError
from reports.export import MEDIA_TYPES, File, export
from reports.kept_documents import BadResult, unpack
from reports.shown import in_zone_of
from reports.zones import zone_label
from storage import people_admin, report_runs
from storage.database import Connection
from storage.report_runs import Run, RunPage
from storage.viewer import Viewer
from web.context import go, house, page, reader, say, seer, settings, viewer
from web.portal import signed_in_pages
from web.report_asked import PATH, Wanted, stored_options
from web.report_boxes import run_words
from web.report_files import download, no_file, tell_export
from web.report_results import FileFormat, cannot, elapsed_s, file_formats, page_number
from web.report_table import table_of
from words.language import N_

report_history_pages = signed_in_pages("report_history")

HISTORY = f"{PATH}/history"
ONE = f"{HISTORY}/<int(max=2147483647):run_id>"
PAGE_SIZE = 50
ROWS_SIZE = 200
"""Rows of a kept result on a page."""

FORMATS: dict[str, str] = {"page": N_("Page"), "xlsx": "Excel", "pdf": "PDF", "csv": "CSV"}


class Line(NamedTuple):
    """A run in words. `again` is the address that runs it again, empty where nothing does."""

    run: Run
    words: str
    filters: str
    took: str
    format: str
    again: str


async def _read(
    connection: Connection, viewer: Viewer, number: int
) -> tuple[RunPage, tuple[str, ...]]:
    now = house().clock()
    found = await report_runs.history(connection, viewer, now, number, PAGE_SIZE)
    return found, await people_admin.custom_labels(connection)


@report_history_pages.get(HISTORY)
async def history() -> Response:
    """The viewer's own runs, the newest first; above them what is under way."""
    number = page_number()
    found, labels = await house().database.unit_of_work(_read, seer(), number)
    pages = max(1, -(-found.total // PAGE_SIZE))
    if number > pages:
        return go(f"{HISTORY}?page={pages}")
    return await page(
        "portal/analytics_report_history.html",
        found=found,
        lines=[_line(run, labels) for run in found.rows],
        running=[
            (job, Wanted(job.asked.report, job.asked.options).to(run=job.token), elapsed_s(job))
            for job in house().report_jobs.running(seer())
        ],
        number=number,
        pages=pages,
        address=partial(_page_of, HISTORY),
        keep_days=settings().keep_results_days,
    )


def _page_of(path: str, number: int) -> str:
    return f"{path}?page={number}" if number > 1 else path


def _line(run: Run, labels: tuple[str, ...]) -> Line:
    known = stored_options(run.report, run.options)
    told = facts(known[0], known[1], None, reader(), labels) if known else ()
    return Line(
        run=run,
        words=run_words(run),
        filters="; ".join(f"{label}: {value}" for label, value in told),
        took=took_words(run),
        format=say(FORMATS[run.format]),
        again=Wanted(*known).to(saved=run.saved_id or "") if known else "",
    )


def took_words(run: Run) -> str:
    """How long it took, in seconds."""
    if run.took_ms < 1_000:
        return say("under 1 s")
    seconds = reader().duration(int(timedelta(milliseconds=run.took_ms).total_seconds()))
    return seconds if run.took_ms >= 60_000 else say("%(count)s s", count=run.took_ms // 1_000)


@report_history_pages.get(ONE)
async def kept(run_id: int) -> Response:
    """A result as it was; where it is no longer kept, the report is run again."""
    found = await house().database.unit_of_work(report_runs.result, seer(), run_id, house().clock())
    if found is None:
        return await _not_kept(run_id)
    if found.run.format != "page":
        return download(_file(found.run, found.content, found.run.format))
    document = _document(found.content)
    if document is None:
        return await _not_kept(run_id)
    rows, number = len(document.rows), page_number()
    pages = max(1, -(-rows // ROWS_SIZE))
    number = min(number, pages)
    local, whole = in_zone_of(document, reader()), table_of(document, reader())
    chart = document.chart
    drawn = picture(chart, local, document.currency, "kept") if chart else None
    first = (number - 1) * ROWS_SIZE
    known = stored_options(found.run.report, found.run.options)
    return await page(
        "portal/analytics_report_kept.html",
        run=found.run,
        document=document,
        table=whole._replace(lines=whole.lines[first : first + ROWS_SIZE]),
        drawn=drawn if chart and is_drawable(chart) else None,
        local=local,
        rows=rows,
        number=number,
        pages=pages,
        address=partial(_page_of, f"{HISTORY}/{run_id}"),
        formats=file_formats(rows),
        file=partial("{}/{}/export.{}".format, HISTORY, run_id),
        zone=zone_label(document.zone, document.made_at, reader()),
        again=Wanted(*known).to(saved=found.run.saved_id or "") if known else "",
    )


@report_history_pages.get(f"{ONE}/export.<file_format>")
async def kept_file(run_id: int, file_format: str) -> Response:
    """A kept result as Excel, PDF or CSV: the figures as they were, not new ones."""
    if file_format not in get_args(FileFormat):
        abort(404)
    found = await house().database.unit_of_work(report_runs.result, seer(), run_id, house().clock())
    if found is None or found.run.format != "page":
        return await _not_kept(run_id)
    document = _document(found.content)
    if document is None:
        return await _not_kept(run_id)
    try:
        file = await export(document, cast("FileFormat", file_format), reader(), viewer().id)
    except ExportError as error:
        return await cannot(None, no_file(error), run_words(found.run))
    told = "; ".join(f"{label}: {value}" for label, value in document.facts)
    await tell_export(run_words(found.run), found.run.report, len(document.rows), told, file_format)
    return download(file)


def _document(content: bytes) -> Document | None:
    """A kept result; None where it cannot be read, or shows what the viewer no longer sees."""
    try:
        kept = unpack(content)
    except BadResult:
        return None
    return kept.document if kept.is_for(seer()) else None


def _file(run: Run, content: bytes, file_format: FileFormat) -> File:
    """The file a schedule has made."""
    day = run.started_at.date().isoformat()
    return File(f"{run_words(run)}-{day}.{file_format}", MEDIA_TYPES[file_format], content)


async def _not_kept(run_id: int) -> Response:
    """Say that only the run is known; 404 for a run of nobody, or of somebody else."""
    run = await house().database.unit_of_work(report_runs.one, seer(), run_id, house().clock())
    if run is None:
        abort(404)
    known = stored_options(run.report, run.options)
    again = Wanted(*known).to(saved=run.saved_id or "") if known else ""
    return await page(
        "portal/analytics_report_gone.html", run=run, title=run_words(run), again=again
    )
