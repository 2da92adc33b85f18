"""One report that is sent by itself: the form that makes it and changes it.

The report and its filters come along as its link has them: `new?report=call-list&options=1&on=...`,
or `new?saved=5`. A schedule that is changed keeps its own unless its address brings others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

from quart import Response, abort, request

from actors.report_schedules import PLACEHOLDER, recurrence_of
from reports.addresses import MOST_ADDRESSES
from reports.catalogue import REPORTS
from reports.definition import Report
from reports.described import facts
from reports.option_fields import BadOptions, from_json, parse
from reports.option_reading import Pairs
from reports.options import LastDays, Options, Period
from reports.pdf import PDF_ROWS
from reports.recurrence import next_after, upcoming
from reports.zones import zone_choices
from storage import people_admin, report_schedules, saved_reports
from storage.database import Connection
from storage.report_schedule_types import (
    MOST_SCHEDULES,
    Schedule,
    ScheduleDraft,
    TooManySchedules,
)
from web.context import fields, go, house, page, reader, seer, viewer
from web.portal import signed_in_pages
from web.schedule_form import (
    TIMES,
    What,
    fresh,
    recurrence,
    sent,
    shown,
    understand,
)
from web.schedule_words import FORMATS, UNITS
from web.scheduled_reports import ONE, PATH, about
from web.typed import Typed
from words.formats import Reader
from words.language import N_

schedule_pages = signed_in_pages("schedule")

SHOWN_RUNS = 3

_TOO_MANY = N_(
    "You have %(most)s schedules already, which is all one may have. Delete one you no longer need."
)


class Opened(NamedTuple):
    """A schedule that is being changed, None for a new one, and what it is to send."""

    schedule: Schedule | None
    what: What


async def _new(connection: Connection, given: Mapping[str, str], pairs: Pairs) -> Opened:
    """What a new schedule is to send; 404 where there is no such report for the viewer."""
    saved_id = given.get("saved", "")
    if not saved_id:
        return Opened(None, _what(given.get("report", ""), pairs))
    if not saved_id.isascii() or not saved_id.isdecimal() or len(saved_id) > 9:
        abort(404)
    saved = await saved_reports.one(connection, seer(), int(saved_id))
    if saved is None:
        abort(404)
    draft = saved.draft
    what = _what(draft.report, pairs, draft.options)
    return Opened(None, what._replace(saved_id=saved.id, saved_name=draft.name))


async def _known(connection: Connection, schedule_id: int, pairs: Pairs) -> Opened:
    """A schedule of the viewer's own; 404 where they have none of this id."""
    found = await report_schedules.one(connection, seer(), schedule_id)
    if found is None or found.person_id != viewer().id:
        abort(404)
    what = _what(found.draft.report, pairs, found.draft.options)
    named = what._replace(saved_id=found.draft.saved_id, saved_name=found.saved_name)
    return Opened(found, named)


def _what(report_id: str, pairs: Pairs, stored: Mapping[str, object] | None = None) -> What:
    """A report with the filters of the address, else the stored ones, else its own."""
    report = REPORTS.get(report_id)
    if report is None:
        abort(404)
    given = list(pairs)
    if stored is not None and ("options", "1") not in given:
        return _stored(report, stored)
    options, errors = parse(given, report)
    if errors:  # a link somebody has made by hand: the report's own page says what is wrong
        abort(400)
    return What(report, options)


def _stored(report: Report, stored: Mapping[str, object]) -> What:
    try:
        return What(report, from_json(dict(stored), report))
    except BadOptions:  # of another release; the page says so
        return What(report, report.options, is_lost=True)


async def _form_page(opened: Opened, form: Typed, status: int = 200) -> Response:
    labels = await house().database.unit_of_work(people_admin.custom_labels)
    return await page(
        "portal/analytics_schedule.html",
        status=status,
        schedule=opened.schedule,
        what=opened.what,
        filters=_filters(opened.what.report, opened.what.options, labels),
        form=form,
        action=f"{PATH}/{opened.schedule.id}" if opened.schedule else f"{PATH}/new",
        formats=FORMATS,
        pdf_rows=PDF_ROWS,
        is_open=_is_open(opened.what.options.period),
        units=UNITS,
        zones=zone_choices(house().clock(), reader(), form.get("zone")),
        placeholder=PLACEHOLDER,
        most_addresses=MOST_ADDRESSES,
        runs=_next_runs(form),
    )


def _filters(report: Report, options: Options, labels: tuple[str, ...]) -> object:
    return facts(report, options, None, reader(), labels)


def _is_open(period: Period | None) -> bool:
    """Whether a period is not over when a report of it is sent."""
    return isinstance(period, LastDays) or period in _OPEN


_OPEN = frozenset({"today", "this_week", "this_month", "this_quarter", "this_year"})


class NextRuns(NamedTuple):
    """The next occasions, and the reader with the times of their zone."""

    at: tuple[datetime, ...]
    local: Reader


def _next_runs(form: Typed) -> NextRuns:
    """When what stands in the form would run; never where that means nothing yet."""
    times = recurrence(Typed(form.texts))
    if times is None:
        return NextRuns((), reader())
    local = replace(reader(), zone_name=times.zone)
    return NextRuns(upcoming(times, house().clock(), SHOWN_RUNS), local)


@schedule_pages.get(f"{PATH}/next-runs")
async def next_runs() -> Response:
    """When what stands in the form would run: a part of its page."""
    form = Typed({name: request.args.get(name, "").strip() for name in TIMES})
    return await page("portal/parts/next_runs.html", runs=_next_runs(form))


@schedule_pages.get(f"{PATH}/new")
async def new() -> Response:
    """The form of a new schedule; without a report, the reports there are."""
    if not request.args.get("report") and not request.args.get("saved"):
        return go("/analytics/reports")
    pairs = list(request.args.items(multi=True))
    opened = await house().database.unit_of_work(_new, request.args, pairs)
    form = fresh(opened.what, viewer().email, house().clock())
    return await _form_page(opened, form)


@schedule_pages.post(f"{PATH}/new")
async def create() -> Response:
    """Make it, or only say when it would run."""
    given = await fields()
    opened = await house().database.unit_of_work(_new, given, _sent_query(given))
    form = sent(given)
    draft = await _understood(opened, form, given)
    if isinstance(draft, Response):
        return draft
    try:
        await _add(draft)
    except TooManySchedules:
        form.wrong("description", _TOO_MANY, most=MOST_SCHEDULES)
        return await _form_page(opened, form, 422)
    return go(f"{PATH}?done=created")


def _sent_query(given: Mapping[str, str]) -> list[tuple[str, str]]:
    return parse_qsl(given.get("query", ""), keep_blank_values=True)


async def _understood(
    opened: Opened, form: Typed, given: Mapping[str, str]
) -> ScheduleDraft | Response:
    """What was sent; the form again where that is only looked at, or something is wrong with it."""
    draft = understand(form, opened.what)
    if given.get("action") == "preview":
        return await _form_page(opened, form)
    return draft if draft is not None else await _form_page(opened, form, 422)


async def _add(draft: ScheduleDraft) -> None:
    now = house().clock()
    next_at = next_after(recurrence_of(draft), now)
    told = about("schedule_created", draft, viewer().id, **_details(draft))
    await house().database.unit_of_work(report_schedules.create, seer(), draft, next_at, told, now)


def _details(draft: ScheduleDraft) -> dict[str, str]:
    """What the audit log is told beside its description: to whom what goes from now on."""
    addresses = ", ".join(draft.addresses)
    return {"report": draft.report, "format": draft.format, "addresses": addresses}


@schedule_pages.get(ONE)
async def edit(schedule_id: int) -> Response:
    """The form of a schedule of the viewer's own."""
    pairs = list(request.args.items(multi=True))
    opened = await house().database.unit_of_work(_known, schedule_id, pairs)
    schedule = opened.schedule
    if schedule is None:
        abort(404)
    return await _form_page(opened, shown(schedule.draft))


@schedule_pages.post(ONE)
async def change(schedule_id: int) -> Response:
    """Change it, or only say when it would run."""
    given = await fields()
    opened = await house().database.unit_of_work(_known, schedule_id, _sent_query(given))
    draft = await _understood(opened, sent(given), given)
    if isinstance(draft, Response):
        return draft
    await _keep(schedule_id, draft)
    return go(f"{PATH}?done=saved")


async def _keep(schedule_id: int, draft: ScheduleDraft) -> None:
    now = house().clock()
    next_at = next_after(recurrence_of(draft), now)
    told = about("schedule_changed", draft, viewer().id, **_details(draft))
    kept = await house().database.unit_of_work(
        report_schedules.edit, seer(), schedule_id, draft, next_at, told, now
    )
    if not kept:
        abort(404)
