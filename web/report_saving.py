"""Reports people keep: the options form, saving under a name, changing, sharing, deleting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import cast, get_args
from urllib.parse import urlencode

from quart import Response, abort, request

from reports.addresses import can_be_mailed
from reports.catalogue import CATEGORIES, REPORTS
from reports.definition import Report
from reports.option_fields import link, to_json
from storage import preferences, saved_reports
from storage.audit import Event
from storage.database import Connection, StorageConflict
from storage.saved_reports import (
    MOST_SAVED,
    NameTaken,
    ReportDraft,
    SavedReport,
    SharedWith,
    TooManySaved,
)
from storage.viewer import Viewer
from web.context import fields, go, house, page, say, seer, viewer
from web.portal import signed_in_pages
from web.report_asked import PATH, Wanted, options_of, read_wanted, report_of, saved_of
from web.report_form import report_form
from web.trail import event
from web.typed import Typed
from words.language import N_

report_saving_pages = signed_in_pages("report_saving")

SAVED = f"{PATH}/saved/<int(max=2147483647):saved_id>"
DELETED = "report-deleted"
"""Where the report deleted last waits for whoever wants it back."""

MOST_NAME, MOST_DESCRIPTION = 100, 1_000

SHARED: Mapping[SharedWith, str] = {
    "nobody": N_("Nobody: only I see it"),
    "department": N_("My department: %(name)s"),
    "cost_centre": N_("My cost centre: %(name)s"),
    "office": N_("My office: %(name)s"),
    "everybody": N_("Everybody"),
}


# Options ------------------------------------------------------------------------------------------


@report_saving_pages.get(f"{PATH}/<report_id>/options")
async def options(report_id: str) -> Response:
    """The options of a report, and what can be done with them."""
    report = report_of(report_id)
    saved = await house().database.unit_of_work(saved_of, seer(), report)
    pairs, is_lost = _pairs(report, saved)
    form = await report_form(report, pairs)
    target = _TARGETS.get(request.args.get("do", ""))
    if target is not None and form.can_run:
        return go(_there(target, Wanted(report, form.options, saved)))
    return await page(
        "portal/analytics_report_options.html",
        status=422 if form.errors else 200,
        report=report,
        saved=saved,
        form=form,
        is_lost=is_lost,
        title=saved.draft.name if saved else say(report.title),
    )


_TARGETS = {"run": "", "save": "/save", "mail": "/mail", "schedule": "schedule"}
"""What the buttons of the form do: where their page is, below the report's."""


def _there(target: str, wanted: Wanted) -> str:
    return wanted.schedule if target == "schedule" else wanted.to(target)


def _pairs(report: Report, saved: SavedReport | None) -> tuple[list[tuple[str, str]], bool]:
    """What fills the form: what was sent, else what was saved; whether that can not be read."""
    if "options" in request.args or saved is None:
        return list(request.args.items(multi=True)), False
    known = options_of(saved, report)
    return link(known or report.options), known is None


# Saving -------------------------------------------------------------------------------------------


def category_words() -> list[tuple[str, str]]:
    """The categories with their numbers, as the guides have them."""
    return [(code, f"{number}-{say(words)}") for number, (code, words) in enumerate(CATEGORIES, 1)]


def shared_words() -> list[tuple[str, str]]:
    """With whom the viewer may share: a department only where they are in one."""
    mine = viewer()
    names = {
        "department": mine.department, "cost_centre": mine.cost_centre, "office": mine.office,
    }  # fmt: skip
    return [
        (code, say(words, name=names[code]) if code in names else say(words))
        for code, words in SHARED.items()
        if names.get(code, "-")
    ]


@report_saving_pages.get(f"{PATH}/<report_id>/save")
async def save(report_id: str) -> Response:
    """The form that keeps a report under a name."""
    wanted = await house().database.unit_of_work(read_wanted, seer(), report_id)
    saved = wanted.saved
    texts = {"category": wanted.report.category, "shared_with": "nobody"}
    if saved is not None:
        draft = saved.draft
        texts = {"description": draft.description, "category": draft.category}
        texts["name"] = draft.name if saved.is_own else ""
        texts["shared_with"] = draft.shared_with if saved.is_own else "nobody"
    return await _save_page(wanted, Typed(texts))


async def _save_page(wanted: Wanted, form: Typed, status: int = 200) -> Response:
    is_own = wanted.saved is not None and wanted.saved.is_own
    return await page(
        "portal/analytics_report_save.html",
        status=status,
        wanted=wanted,
        form=form,
        own=wanted.saved if is_own else None,
        categories=category_words(),
        shared=shared_words(),
        most_name=MOST_NAME,
        most_description=MOST_DESCRIPTION,
        title=say(wanted.report.title),
    )


@report_saving_pages.post(f"{PATH}/<report_id>/save")
async def keep(report_id: str) -> Response:
    """Keep it, or change the one that is kept."""
    wanted = await house().database.unit_of_work(read_wanted, seer(), report_id)
    given = await fields()
    names = ("name", "description", "category", "shared_with", "as_new")
    form = Typed({name: given.get(name, "").strip().replace("\r\n", "\n") for name in names})
    draft = _draft(wanted, form)
    if draft is None:
        return await _save_page(wanted, form, 422)
    try:
        saved_id = await house().database.unit_of_work(_keep, wanted, form, draft)
    except NameTaken:
        form.errors["name"] = say("You have a report of this name already.")
    except TooManySaved:
        form.errors["name"] = say(
            "You have %(most)s reports already, which is all one may have.", most=MOST_SAVED
        )
    else:
        return go(f"{PATH}?saved={saved_id}&done=saved")
    return await _save_page(wanted, form, 422)


def _draft(wanted: Wanted, form: Typed) -> ReportDraft | None:
    """What was typed, where nothing is wrong with it."""
    name = re.sub(r"\s+", " ", form.get("name"))
    if not name:
        form.errors["name"] = say("Give the report a name.")
    elif len(name) > MOST_NAME:
        form.errors["name"] = say("Write at most %(most)s letters.", most=MOST_NAME)
    elif not can_be_mailed(name):
        form.errors["name"] = say("It holds signs that cannot be written here.")
    if len(form.get("description")) > MOST_DESCRIPTION:
        form.errors["description"] = say("Write at most %(most)s letters.", most=MOST_DESCRIPTION)
    elif not can_be_mailed(form.get("description"), lines=True):
        form.errors["description"] = say("It holds signs that cannot be written here.")
    if form.get("category") not in dict(CATEGORIES):
        form.errors["category"] = say("Choose one of the list.")
    if form.get("shared_with") not in dict(shared_words()):
        form.errors["shared_with"] = say("Choose one of the list.")
    if form.errors:
        return None
    return ReportDraft(
        report=wanted.report.id,
        category=form.get("category"),
        name=name,
        description=form.get("description"),
        options=to_json(wanted.options),
        shared_with=cast("SharedWith", form.get("shared_with")),
    )


async def _keep(connection: Connection, wanted: Wanted, form: Typed, draft: ReportDraft) -> int:
    """Change the viewer's own report, or make a new one; its id. Raises `StorageConflict`."""
    saved, now = wanted.saved, house().clock()
    if saved is None or not saved.is_own or form.get("as_new"):
        told = _told("report_saved", draft)
        return await saved_reports.create(connection, seer(), draft, told, now)
    told = _told("report_changed", draft)
    if not await saved_reports.edit(connection, seer(), saved.id, draft, told, now):
        abort(404)
    return saved.id


def _told(action: str, draft: ReportDraft) -> Event:
    return event(action, subject=draft.name, report=draft.report, shared_with=draft.shared_with)


# Deleting -----------------------------------------------------------------------------------------


@report_saving_pages.post(f"{SAVED}/delete")
async def delete(saved_id: int) -> Response:
    """Delete a report of the viewer's; what it was is kept until the next is deleted."""

    async def work(connection: Connection) -> None:
        found = await saved_reports.one(connection, seer(), saved_id)
        if found is None or not found.is_own:
            abort(404)
        draft, now = found.draft, house().clock()
        told = _told("report_deleted", draft)
        await saved_reports.delete(connection, seer(), saved_id, told, now)
        with suppress(StorageConflict):  # too long to be kept: then there is no way back
            await preferences.put(connection, seer(), DELETED, _as_json(draft))

    await house().database.unit_of_work(work)
    return go(f"{PATH}?done=deleted")


def _as_json(draft: ReportDraft) -> dict[str, object]:
    return {
        "report": draft.report, "category": draft.category, "name": draft.name,
        "description": draft.description, "options": dict(draft.options),
        "shared_with": draft.shared_with,
    }  # fmt: skip


async def deleted(connection: Connection, who: Viewer) -> ReportDraft | None:
    """The report the viewer deleted last, as long as it can be had back."""
    kept = await preferences.get(connection, who, DELETED)
    if not isinstance(kept, dict):
        return None
    given = cast("dict[str, object]", kept)
    texts = {name: str(given.get(name, "")) for name in ("report", "category", "name")}
    options, shared = given.get("options"), given.get("shared_with")
    if not isinstance(options, dict) or texts["report"] not in REPORTS or not texts["name"]:
        return None
    draft = ReportDraft(
        report=texts["report"],
        category=texts["category"],
        name=texts["name"],
        description=str(given.get("description", "")),
        options=cast("dict[str, object]", options),
    )
    return replace(draft, shared_with=shared) if shared in get_args(SharedWith) else draft


@report_saving_pages.post(f"{PATH}/saved/restore")
async def restore() -> Response:
    """Keep the report again that was deleted last."""

    async def work(connection: Connection) -> int:
        draft = await deleted(connection, seer())
        if draft is None:
            abort(404)
        now = house().clock()
        told = _told("report_saved", draft)
        number = await saved_reports.create(connection, seer(), draft, told, now)
        await preferences.put(connection, seer(), DELETED, None)
        return number

    try:
        number = await house().database.unit_of_work(work)
    except StorageConflict:
        return go(f"{PATH}?done=not-restored")
    return go(f"{PATH}?{urlencode({'saved': number, 'done': 'restored'})}")
