"""Reports that are sent by themselves: the list of them, and what is done from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args
from urllib.parse import urlencode

from quart import Response, abort, request

from actors.report_schedules import recurrence_of
from reports.recurrence import next_after
from storage import report_schedules
from storage.audit import Event
from storage.database import Connection
from storage.report_schedule_types import (
    ListedSchedule,
    Schedule,
    ScheduleDraft,
    ScheduleFilter,
    Sorting,
)
from web.context import fields, go, house, part_or_page, reader, say, seer
from web.portal import signed_in_pages
from web.schedule_words import plan_words, report_words, standing
from web.trail import event
from words.formats import Reader
from words.language import N_

scheduled_report_pages = signed_in_pages("scheduled_reports")

PATH = "/analytics/scheduled-reports"
ONE = f"{PATH}/<int(max=2147483647):schedule_id>"
PAGE_SIZE = 50

DONE: Mapping[str, str] = {
    "created": N_("The report will be sent by itself from now on."),
    "saved": N_("Saved."),
    "deleted": N_("The schedule is deleted. Mails that still waited were withdrawn."),
    "stopped": N_("Stopped. It is sent no more until it is switched on again."),
    "activated": N_("Switched on. It is sent by itself again."),
    "asked": N_("It runs now. What comes of it is said below."),
}


# The list -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScheduleLinks:
    """Addresses of the list with one thing about it changed."""

    chosen: Mapping[str, str]

    def to(self, **changes: str) -> str:
        """The same list with other choices; an empty one is left out."""
        values = {k: v for k, v in {**self.chosen, **changes}.items() if v}
        return PATH + (f"?{urlencode(values)}" if values else "")

    def without(self, name: str) -> str:
        """The same list without a filter."""
        return self.to(**{name: ""})

    def page(self, number: int) -> str:
        """Another page of the same list."""
        return self.to(page=str(number) if number > 1 else "")

    def live(self, number: int) -> str:
        """Where the page fetches its table again."""
        return self.to(page=str(number) if number > 1 else "", fragment="1")

    def sorted(self, name: Sorting) -> str:
        """The same list sorted by a column, or the other way round where it is already."""
        falling = self.direction(name) == "ascending"
        return self.to(sort=name if name != "next" or falling else "", order="desc" * falling)

    def direction(self, name: Sorting) -> str:
        """How the list is sorted by a column; empty where it is not."""
        if self.chosen.get("sort", "next") != name:
            return ""
        return "descending" if self.chosen.get("order") else "ascending"


def chosen_filters() -> dict[str, str]:
    """What the address chooses, as far as it means something."""
    asked = {name: request.args.get(name, "").strip() for name in ("whose", "active", "sort")}
    found = {
        "whose": asked["whose"] if asked["whose"] == "mine" and seer().is_administrator else "",
        "active": asked["active"] if asked["active"] in {"yes", "no"} else "",
        "q": request.args.get("q", "").strip()[:200],
        "sort": asked["sort"] if asked["sort"] in get_args(Sorting)[1:] else "",
        "order": "desc" if request.args.get("order") == "desc" else "",
    }
    return {name: value for name, value in found.items() if value}


def _wanted(chosen: Mapping[str, str]) -> ScheduleFilter:
    return ScheduleFilter(
        only_own=chosen.get("whose") == "mine",
        active={"yes": True, "no": False}.get(chosen.get("active", "")),
        text=chosen.get("q", ""),
        sort=cast("Sorting", chosen.get("sort", "next")),
        falling="order" in chosen,
    )


def _filter_words(chosen: Mapping[str, str]) -> dict[str, str]:
    words = {name: chosen[name] for name in ("q",) if name in chosen}
    if "active" in chosen:
        words["active"] = say("Active") if chosen["active"] == "yes" else say("Stopped")
    return words


def _page_asked() -> int:
    text = request.args.get("page", "1")
    return max(int(text), 1) if text.isdecimal() and text.isascii() and len(text) < 6 else 1


@scheduled_report_pages.get(PATH)
async def scheduled_reports() -> Response:
    """The viewer's schedules, for administrators everybody's."""
    chosen, current = chosen_filters(), _page_asked()
    found = await house().database.unit_of_work(
        report_schedules.listing, seer(), _wanted(chosen), current, PAGE_SIZE
    )
    pages = max(1, -(-found.total // PAGE_SIZE))
    return await part_or_page(
        "portal/parts/schedules.html",
        "portal/analytics_scheduled.html",
        found=found,
        pages=pages,
        current=min(current, pages),
        chosen=chosen,
        filters=_filter_words(chosen),
        links=ScheduleLinks(chosen),
        done=say(DONE[key]) if (key := request.args.get("done", "")) in DONE else "",
        everybody=seer().is_administrator,
        report_words=report_words,
        plan_words=plan_words,
        standing=standing,
        local=_local,
    )


def _local(listed: ListedSchedule) -> Reader:
    """The reader, with the times of a schedule's own zone where it has another than theirs."""
    return replace(reader(), zone_name=listed.schedule.draft.zone)


# What is done with one ----------------------------------------------------------------------------


def about(action: str, draft: ScheduleDraft, owner_id: int, **details: str) -> Event:
    """What the audit log is told of a schedule; whose it is, is whom it is about."""
    told = {"schedule": draft.description, **details}
    return replace(event(action, None, "", **told), subject_id=owner_id)


async def _one(connection: Connection, schedule_id: int) -> Schedule:
    """The schedule as the viewer sees it; 404 where they see none of this id."""
    found = await report_schedules.one(connection, seer(), schedule_id)
    if found is None:
        abort(404)
    return found


@scheduled_report_pages.post(f"{ONE}/active")
async def switch(schedule_id: int) -> Response:
    """Stop it, or have it run again."""
    on, now = (await fields()).get("active") == "1", house().clock()

    async def change(connection: Connection) -> bool:
        found = await _one(connection, schedule_id)
        if not on:
            told = about("schedule_stopped", found.draft, found.person_id)
            return await report_schedules.deactivate(connection, seer(), found.id, told, now)
        next_at = next_after(recurrence_of(found.draft), now)
        told = about("schedule_activated", found.draft, found.person_id)
        return await report_schedules.activate(connection, seer(), found.id, next_at, told, now)

    if not await house().database.unit_of_work(change):
        abort(404)
    return go(f"{PATH}?done={'activated' if on else 'stopped'}")


@scheduled_report_pages.post(f"{ONE}/delete")
async def delete(schedule_id: int) -> Response:
    """Forget it, and the mails of it that still wait."""
    now = house().clock()

    async def forget(connection: Connection) -> None:
        found = await _one(connection, schedule_id)
        told = about("schedule_deleted", found.draft, found.person_id)
        await report_schedules.delete(connection, seer(), found.id, told, now)

    await house().database.unit_of_work(forget)
    return go(f"{PATH}?done=deleted")


@scheduled_report_pages.post(f"{ONE}/run")
async def run_now(schedule_id: int) -> Response:
    """Have it run at once."""
    now = house().clock()

    async def ask(connection: Connection) -> bool:
        found = await _one(connection, schedule_id)
        told = about(
            "schedule_run", found.draft, found.person_id, addresses=", ".join(found.draft.addresses)
        )
        return await report_schedules.run_now(connection, seer(), found.id, told, now)

    if not await house().database.unit_of_work(ask):
        abort(404)
    return go(f"{PATH}?done=asked")
