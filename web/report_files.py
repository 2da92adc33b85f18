"""A result taken away as a file or sent by mail: the very rows of the page, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args
from uuid import UUID, uuid4

from quart import Response, abort, request

from actors.report_jobs import Job, TooManyRunning, whole_document
from actors.report_schedules import filled, filled_line
from reports.addresses import (
    MOST_ADDRESSES,
    Addresses,
    WrongAddress,
    can_be_mailed,
    parse_addresses,
)
from reports.document import Document
from reports.errors import ExportError
from reports.export import File, export
from reports.running import Run
from storage import audit, report_mail
from storage.database import Connection
from storage.facts.kept import NoLongerKept
from storage.report_mail import (
    FROM_A_PAGE,
    MOST_AN_HOUR,
    Parcel,
    ReportFile,
    TooLarge,
    TooManyAnHour,
    TooManyWaiting,
)
from web.context import fields, go, house, page, reader, say, seer, settings, viewer
from web.portal import signed_in_pages
from web.report_asked import PATH, Wanted, job_named, read_wanted
from web.report_chips import filter_words
from web.report_results import (
    CannotShow,
    FileFormat,
    cannot,
    failed,
    file_formats,
    order_asked,
    too_many,
)
from web.schedule_form import ADDRESS_TROUBLES
from web.trail import event
from web.typed import Typed
from web.whose import looked_at
from words.language import N_

report_file_pages = signed_in_pages("report_files")

MOST_LETTERS, MOST_SUBJECT = 10_000, 300
MAILED: tuple[FileFormat, ...] = ("xlsx", "pdf")

# Reading a whole run ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Whole:
    """A run to its end and all it holds."""

    job: Job
    run: Run
    document: Document


async def read_whole(wanted: Wanted) -> Whole | Response:
    """All rows of the run the address names, else of one that is started; or why there are none.

    However long it takes: whoever asks for a file waits for it.
    """
    job = job_named(wanted)
    for attempt in range(2):
        job = job or _start(wanted)
        if job is None:
            return await too_many(wanted)
        await job.over.wait()
        if job.error is not None:
            house().report_jobs.forget(job)
            return await failed(wanted, job.error)
        if job.run is None:
            return go(wanted.to("/options", cancelled=1))
        try:
            order = order_asked(job.run)
            return Whole(job, job.run, await whole_document(job.run, reader(), order))
        except NoLongerKept:
            house().report_jobs.forget(job)
            if attempt:
                raise
            job = None
    raise AssertionError("two attempts end in an answer or an error")


def _start(wanted: Wanted) -> Job | None:
    try:
        jobs = house().report_jobs
        return jobs.start(seer(), wanted.asked, reader(), settings().keep_results_days)
    except TooManyRunning:
        return None


async def _wanted(report_id: str) -> Wanted:
    return await house().database.unit_of_work(read_wanted, seer(), report_id)


# A file -------------------------------------------------------------------------------------------


@report_file_pages.get(f"{PATH}/<report_id>/export.<file_format>")
async def export_file(report_id: str, file_format: str) -> Response:
    """The result as Excel, PDF or CSV."""
    if file_format not in get_args(FileFormat):
        abort(404)
    wanted = await _wanted(report_id)
    whole = await read_whole(wanted)
    if isinstance(whole, Response):
        return whole
    try:
        file = await export(whole.document, cast("FileFormat", file_format), reader(), viewer().id)
    except ExportError as error:
        return await cannot(wanted, no_file(error))
    subject, rows = wanted.name or wanted.report.id, whole.run.rows
    await tell_export(subject, wanted.report.id, rows, filter_words(whole.run.made), file_format)
    return download(file)


def no_file(error: ExportError) -> CannotShow:
    """Why there is no file."""
    return CannotShow(say("No file was made"), error.said(reader().language), 422)


def download(file: File) -> Response:
    """A file as an answer."""
    answer = Response(file.content, content_type=file.media_type)
    answer.headers["Content-Disposition"] = file.disposition
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def tell_export(
    subject: str, report_id: str, rows: int, filters: str, file_format: str
) -> None:
    """Remember that calls of others were taken away."""
    if looked_at(seer(), "report") is None:
        return
    told = event(
        "calls_exported", subject=subject, report=report_id, format=file_format, rows=str(rows),
        filter=filters,
    )  # fmt: skip
    await house().database.unit_of_work(audit.record, told, house().clock())


# Mail ---------------------------------------------------------------------------------------------


@report_file_pages.get(f"{PATH}/<report_id>/mail")
async def mail(report_id: str) -> Response:
    """The form that sends a result to several addresses."""
    wanted = await _wanted(report_id)
    title = wanted.name or say(wanted.report.title)
    form = Typed({
        "addresses": viewer().email, "format": "xlsx", "subject": title, "message": "",
        "once": uuid4().hex,
    })  # fmt: skip
    return await _mail_page(wanted, form)


async def _mail_page(wanted: Wanted, form: Typed, status: int = 200) -> Response:
    job = job_named(wanted)
    rows = job.run.rows if job and job.run else 0
    mailed = [one for one in file_formats(rows) if one.code in MAILED]
    return await page(
        "portal/analytics_report_mail.html",
        status=status,
        wanted=wanted,
        form=form,
        formats=[(one.code, one.words) for one in mailed if not one.why_not],
        left_out="; ".join(f"{one.words}: {one.why_not}" for one in mailed if one.why_not),
        most_addresses=MOST_ADDRESSES,
        run=job.run if job else None,
        action=_action(wanted),
        back=wanted.to(run=job.token if job else ""),
        title=wanted.name or say(wanted.report.title),
    )


def _action(wanted: Wanted) -> str:
    """Where the form is sent: the same address, the run and its order in it."""
    more = {name: request.args.get(name, "") for name in ("run", "sort", "order")}
    return wanted.to("/mail", **more)


@report_file_pages.post(f"{PATH}/<report_id>/mail")
async def send_mail(report_id: str) -> Response:
    """Send it: the file is made now, the mails go out by themselves."""
    wanted, given = await _wanted(report_id), await fields()
    names = ("addresses", "format", "subject", "message", "once")
    form = Typed({name: given.get(name, "").strip().replace("\r\n", "\n") for name in names})
    addresses = _check(form)
    if form.errors:
        return await _mail_page(wanted, form, 422)
    whole = await read_whole(wanted)
    if isinstance(whole, Response):
        return whole
    try:
        file_format = cast("FileFormat", form.get("format"))
        file = await export(whole.document, file_format, reader(), viewer().id)
        await house().database.unit_of_work(_queue, wanted, whole, form, addresses, file)
    except ExportError as error:
        form.errors["format"] = error.said(reader().language)
    except TooLarge:
        form.errors["format"] = say("This file is too large to be mailed. Narrow the report.")
    except TooManyWaiting:
        form.wrong(
            "addresses",
            N_("Too many of your mails still wait for the mail server. Try again later."),
        )
    except TooManyAnHour:
        form.wrong(
            "addresses",
            N_("Within an hour %(most)s mails can be sent. Wait, or schedule the report."),
            most=MOST_AN_HOUR,
        )
    if form.errors:
        return await _mail_page(wanted, form, 422)
    return go(wanted.to(run=whole.job.token, mailed=len(addresses)))


def _check(form: Typed) -> Sequence[str]:
    """The addresses; what is wrong with any field is said beside it."""
    found: Addresses = parse_addresses(form.get("addresses"))
    if found.wrong:
        form.errors["addresses"] = " ".join(_wrong(one) for one in found.wrong[:3])
    if form.get("format") not in MAILED:
        form.errors["format"] = say("Choose one of the list.")
    if len(form.get("subject")) > MOST_SUBJECT or not can_be_mailed(form.get("subject")):
        form.errors["subject"] = say(
            "Write one line of at most %(most)s letters.", most=MOST_SUBJECT
        )
    if len(form.get("message")) > MOST_LETTERS:
        form.errors["message"] = say("Write at most %(most)s letters.", most=MOST_LETTERS)
    elif not can_be_mailed(form.get("message"), lines=True):
        form.errors["message"] = say("It holds signs that cannot be written here.")
    try:
        UUID(form.get("once"))
    except ValueError:
        abort(400)
    return found.found


def _wrong(one: WrongAddress) -> str:
    return say(ADDRESS_TROUBLES[one.trouble], typed=one.typed, most=MOST_ADDRESSES)


async def _queue(
    connection: Connection,
    wanted: Wanted,
    whole: Whole,
    form: Typed,
    addresses: Sequence[str],
    file: File,
) -> None:
    """Queue the mails and remember to whom what goes, in one transaction."""
    told = filter_words(whole.run.made)
    now = house().clock()
    parcel = Parcel(
        key=f"{FROM_A_PAGE}{viewer().id}:{UUID(form.get('once')).hex}",
        addresses=addresses,
        subject=filled_line(form.get("subject"), told) or whole.document.title,
        body=filled(form.get("message"), told) or told,
        language=reader().language.code,
        file=ReportFile(*file),
    )
    if not await report_mail.queue(connection, seer(), parcel, now):
        return  # the form was sent twice
    sent = event(
        "report_mailed", subject=whole.document.title, report=wanted.report.id,
        format=form.get("format"), rows=str(whole.run.rows), addresses=", ".join(addresses),
        filter=told,
    )  # fmt: skip
    await audit.record(connection, sent, now)
