"""A report's result: run when its address is opened, read page by page from the rows of that run.

A run that takes longer than a moment goes on without the page, which shows how long it has taken
and gives way to the result.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple, get_args

import trio
from quart import Response, abort, request

from actors.report_jobs import Job, TooManyRunning
from reports.chart_svg import Picture, is_drawable, picture
from reports.document import Document
from reports.documents import document, title_of
from reports.guessing import MOST_NUMBERS, TooManyNumbers
from reports.pdf import PDF_ROWS
from reports.running import Run
from reports.shown import in_zone_of
from reports.zones import zone_label
from storage import audit, preferences
from storage.database import Connection
from storage.facts.ask import Order
from storage.facts.copy import NotReady
from storage.facts.engine import TooSlow
from storage.facts.kept import NoLongerKept
from storage.facts.meant import NotAskable
from storage.viewer import Viewer
from web.context import go, house, is_background, page, reader, say, seer, settings
from web.portal import signed_in_pages
from web.report_asked import PATH, Wanted, job_named, read_wanted
from web.report_chips import chips, filter_words, unknown_groups
from web.report_table import Table, group_words, leads_of, sorted_by, table_of
from web.way_back import above_a_report
from web.whose import looked_at

report_result_pages = signed_in_pages("report_results")

PATIENCE_S = 1.5
"""How long a page waits for its run before it says that the run goes on."""

SIZES = (50, 100, 200)
KEPT_AS = "report-results"
TRY_AGAIN_S = 3

FileFormat = Literal["xlsx", "pdf", "csv"]


class CannotShow(NamedTuple):
    """Why there is no result, in words: a title, what happened and what to do."""

    title: str
    what: str
    status: int


# Running ------------------------------------------------------------------------------------------


async def start(wanted: Wanted) -> Job:
    """Run it, and wait a moment. Raises `TooManyRunning`."""
    jobs = house().report_jobs
    job = jobs.start(seer(), wanted.asked, reader(), settings().keep_results_days)
    await wait(job)
    return job


async def wait(job: Job) -> None:
    """Wait a moment for a run."""
    with trio.move_on_after(PATIENCE_S):
        await job.over.wait()


async def read_all(connection: Connection, viewer: Viewer, report_id: str) -> tuple[Wanted, int]:
    """What the address asks for, and how many rows a page of this person has."""
    wanted = await read_wanted(connection, viewer, report_id)
    kept = await preferences.get(connection, viewer, KEPT_AS)
    asked = request.args.get("size", "")
    size = next((n for n in SIZES if asked == str(n)), None)
    if size is not None and size != kept:
        await preferences.put(connection, viewer, KEPT_AS, size)
    return wanted, size or next((n for n in SIZES if n == kept), SIZES[0])


@report_result_pages.get(f"{PATH}/<report_id>")
async def result(report_id: str) -> Response:
    """The result of a report: of the run the address names, else of one that it starts."""
    wanted, size = await house().database.unit_of_work(read_all, seer(), report_id)
    job = job_named(wanted)
    is_anew = bool(request.args.get("run")) and job is None
    try:
        if job is None:
            job = await start(wanted)
        else:
            await wait(job)
    except TooManyRunning:
        return await too_many(wanted)
    answer = await _answer(wanted, job, size, is_anew=is_anew)
    return answer or await _once_more(wanted, job, size)


async def _once_more(wanted: Wanted, job: Job, size: int) -> Response:
    """The rows of a finished run are gone: run it again, once."""
    house().report_jobs.forget(job)
    try:
        anew = await start(wanted)
    except TooManyRunning:
        return await too_many(wanted)
    answer = await _answer(wanted, anew, size, is_anew=True)
    if answer is None:
        abort(503)
    return answer


async def _answer(wanted: Wanted, job: Job, size: int, *, is_anew: bool) -> Response | None:
    """The page for a run as it stands; None where its rows are no longer kept."""
    if not job.is_over:
        return await _waiting(wanted, job)
    if job.error is not None:
        house().report_jobs.forget(job)  # the same address may do better
        return await failed(wanted, job.error)
    if job.run is None:  # cancelled, perhaps on another page
        return go(wanted.to("/options", cancelled=1))
    try:
        shown = await _shown(wanted, job, job.run, size)
    except NoLongerKept:
        return None
    await _tell(wanted, job.run)
    named = partial(unknown_groups, run=job.run)
    return await page(
        "portal/analytics_report.html",
        unknown=await house().database.unit_of_work(named, seer()),
        wanted=wanted,
        above=above_a_report(wanted.report.id),
        shown=shown,
        sizes=SIZES,
        is_anew=is_anew,
        chips=list(chips(wanted, job.run.made)),
        local=in_zone_of(shown.document, reader()),
        zone=zone_label(shown.document.zone, shown.document.made_at, reader()),
        group=partial(group_words, job.run.made),
        formats=file_formats(job.run.rows),
    )


class Offered(NamedTuple):
    """A format a result can be taken away in; `why_not` says why this one cannot, else empty."""

    code: FileFormat
    words: str
    why_not: str = ""


def file_formats(rows: int = 0) -> list[Offered]:
    """The formats a result of so many rows can be taken away in."""
    words: dict[FileFormat, str] = {"xlsx": say("Excel"), "pdf": say("PDF"), "csv": say("CSV")}
    too_long = ""
    if rows > PDF_ROWS:
        too_long = say("at most %(most)s rows", most=reader().number(PDF_ROWS))
    return [
        Offered(code, words[code], too_long if code == "pdf" else "")
        for code in get_args(FileFormat)
    ]


async def _tell(wanted: Wanted, run: Run) -> None:
    """Remember that somebody looked at what is another's."""
    told = looked_at(seer(), "report", report=wanted.report.id, filter=filter_words(run.made))
    if told is not None:
        now = house().clock()
        await house().database.unit_of_work(audit.looked, seer(), told, now)


# Waiting ------------------------------------------------------------------------------------------


async def _waiting(wanted: Wanted, job: Job) -> Response:
    return await page(
        "portal/analytics_report_wait.html",
        wanted=wanted,
        job=job,
        again=wanted.to(run=job.token, **_kept("page", "sort", "order")),
        elapsed=elapsed_s(job),
        title=wanted.name or say(wanted.report.title),
    )


def _kept(*names: str) -> dict[str, str]:
    """What the address says beside report and run."""
    return {name: request.args.get(name, "") for name in names}


def elapsed_s(job: Job) -> int:
    """How long a run has taken up to now."""
    return max(0, int((house().clock() - job.started_at).total_seconds()))


def _job_of(token: str) -> Job:
    job = house().report_jobs.find(token, seer())
    if job is None:
        abort(404)
    return job


@report_result_pages.get(f"{PATH}/runs/<token>")
async def standing(token: str) -> Response:
    """How a run stands, for the page that waits for it."""
    job = house().report_jobs.find(token, seer())
    over = job is None or job.is_over
    told = {"over": over, "elapsed": reader().duration(elapsed_s(job)) if job else ""}
    answer = Response(json.dumps(told), content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@report_result_pages.post(f"{PATH}/runs/<token>/cancel")
async def cancel(token: str) -> Response:
    """End a run that nobody wants any more."""
    job = _job_of(token)
    house().report_jobs.cancel(job)
    asked = job.asked
    saved = asked.saved_id or ""
    return go(Wanted(asked.report, asked.options).to("/options", cancelled=1, saved=saved))


# What keeps a result from being shown -------------------------------------------------------------


async def failed(wanted: Wanted, error: Exception) -> Response:
    """The page that says why a run has no result. Raises what is no news of the run itself."""
    if isinstance(error, TooSlow):
        why = CannotShow(
            say("This report takes too long"),
            say(
                "It was stopped, so that nobody else has to wait. Choose a shorter period or "
                "fewer groups, then run it again."
            ),
            503,
        )
    elif isinstance(error, NotAskable):
        why = CannotShow(
            say("This cannot be asked of calls"),
            say("One of its fields does not go with this report. Look at its options."),
            422,
        )
    elif isinstance(error, TooManyNumbers):
        why = CannotShow(
            say("Too many numbers at once"),
            say(
                "Within an hour a report can be asked for %(most)s whole numbers. Wait, or look "
                "for their beginnings.",
                most=MOST_NUMBERS,
            ),
            429,
        )
    else:
        raise error
    return await cannot(wanted, why)


async def too_many(wanted: Wanted) -> Response:
    """The page of whoever has as many reports running as one may."""
    words = say(
        "You have as many reports running as one may. Wait for one of them, or cancel one in the "
        "history of your reports."
    )
    return await cannot(wanted, CannotShow(say("Too many reports at once"), words, 429))


async def cannot(wanted: Wanted | None, why: CannotShow, title: str = "") -> Response:
    """The page that says why there is nothing to show, or no file."""
    return await page(
        "portal/analytics_report_failed.html",
        status=why.status,
        wanted=wanted,
        why=why,
        title=title or (wanted and (wanted.name or say(wanted.report.title))),
    )


@report_result_pages.app_errorhandler(NotReady)
async def being_prepared(error: NotReady) -> Response:
    """The analytic copy is being made for the first time: the page comes back by itself."""
    if is_background():
        return Response("", status=503, content_type="text/plain")
    answer = await page("portal/analytics_report_preparing.html", status=503, percent=error.percent)
    answer.headers["Retry-After"] = str(TRY_AGAIN_S)
    if request.method == "GET":
        answer.headers["Refresh"] = str(TRY_AGAIN_S)
    return answer


# The result ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """One page of a result, and the addresses around it."""

    wanted: Wanted
    job: Job
    run: Run
    document: Document
    table: Table
    drawn: Picture | None
    number: int
    size: int
    order: tuple[Order, ...]

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.run.rows // self.size))

    def page(self, number: int, size: int | None = None) -> str:
        """Another page of the same rows."""
        return self.wanted.to(
            run=self.job.token, page=number if number > 1 else "", size=size or "", **self._order()
        )

    def sized(self, size: int) -> str:
        """The same rows, more or fewer of them on a page."""
        return self.page(1, size)

    def file(self, file_format: FileFormat) -> str:
        """The same rows, in the same order, as a file."""
        return self.wanted.to(f"/export.{file_format}", run=self.job.token, **self._order())

    @property
    def mail(self) -> str:
        """The same rows, in the same order, by mail."""
        return self.wanted.to("/mail", run=self.job.token, **self._order())

    @property
    def headline(self) -> list[tuple[str, str]]:
        """The totals in words, where no column of the table holds them."""
        if not self.run.made.report.is_list or not self.table.totals:
            return []
        pairs = zip(self.table.headings, self.table.totals[-1].cells, strict=True)
        return [(one.label, words) for one, words in pairs if one.is_figure and words]

    def _order(self) -> dict[str, str]:
        if not self.order:
            return {}
        return {"sort": self.order[0].column, "order": "desc" if self.order[0].falling else "asc"}


def order_asked(run: Run) -> tuple[Order, ...]:
    """The order the address asks for; empty for the report's own."""
    column = request.args.get("sort", "")
    if column not in run.made.answer.columns:
        return ()
    return (Order(column, falling=request.args.get("order") == "desc"),)


def page_number() -> int:
    """The page the address asks for, counted from 1."""
    text = request.args.get("page", "1")
    return max(int(text), 1) if text.isascii() and text.isdecimal() and len(text) < 6 else 1


async def _shown(wanted: Wanted, job: Job, run: Run, size: int) -> Shown:
    """The page of the result that the address asks for. Raises `NoLongerKept`."""
    order, local = order_asked(run), reader()
    number = min(page_number(), max(1, -(-run.rows // size)))
    rows = await run.page(order, (number - 1) * size, size)
    chart = await run.chart(local)
    told = replace(document(run.made, rows, local), chart=chart, title=title_of(run.made, local))
    drawn = None
    if chart is not None and is_drawable(chart):
        drawn = picture(chart, in_zone_of(told, local), run.made.currency, "result")
    table = _sorting(wanted, job, run, order, table_of(told, local, rows, leads_of(run.made)))
    return Shown(wanted, job, run, told, table, drawn, number, size, order)


def _sorting(wanted: Wanted, job: Job, run: Run, order: tuple[Order, ...], table: Table) -> Table:
    def address(column: str, falling: bool) -> str:
        return wanted.to(run=job.token, sort=column, order="desc" if falling else "asc")

    first = next(iter(order or run.made.ask.order), None)
    direction = "descending" if first and first.falling else "ascending"
    return sorted_by(table, first.column if first else "", direction, address)
