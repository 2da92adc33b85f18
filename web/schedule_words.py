"""What a schedule is, does and has done, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reports.catalogue import REPORTS
from storage.report_schedule_types import (
    FileFormat,
    ListedSchedule,
    Schedule,
    ScheduleDraft,
    Unit,
    Verdict,
)
from web.context import reader, say
from words.language import N_

FORMATS: Mapping[FileFormat, str] = {"pdf": N_("PDF Acrobat"), "xlsx": N_("Excel")}
UNITS: Mapping[Unit, str] = {
    "minutes": N_("Minutes"),
    "days": N_("Days"),
    "weeks": N_("Weeks"),
    "months": N_("Months"),
}
ADDRESSES_NAMED = 2
"""Addresses that are named in a list; of the others only how many there are."""


_VERDICTS: Mapping[Verdict, tuple[str, str, str]] = {
    "": ("plain", "info", N_("Has not run yet")),
    "empty": ("plain", "info", N_("Empty, so not sent")),
    "failed": ("bad", "warning", N_("Failed")),
    "slow": ("bad", "warning", N_("Took longer than %(minutes)s minutes")),
    "owner_disabled": ("plain", "disable", N_("Stopped: the account was disabled")),
    "stopped": ("plain", "disable", N_("Stopped by %(by)s")),
}


class Standing(NamedTuple):
    """How a schedule fares: a kind of badge and its icon, the words, and why where it failed."""

    kind: str
    icon: str
    words: str
    why: str = ""


def every_words(every: int, unit: Unit) -> str:
    """How often: `Every 1 month`."""
    plural = reader().language.plural
    if unit == "minutes":
        return plural("Every %(num)d minute", "Every %(num)d minutes", every)
    if unit == "days":
        return plural("Every %(num)d day", "Every %(num)d days", every)
    if unit == "weeks":
        return plural("Every %(num)d week", "Every %(num)d weeks", every)
    return plural("Every %(num)d month", "Every %(num)d months", every)


def report_words(schedule: Schedule) -> str:
    """What the report is called: by the name somebody gave it, else by the catalogue's."""
    report = REPORTS.get(schedule.draft.report)
    return schedule.saved_name or (say(report.title) if report else schedule.draft.report)


def plan_words(draft: ScheduleDraft) -> str:
    """How often, as what, to whom: `Every 1 month, Excel to anna@example.com and 2 more`."""
    named = ", ".join(draft.addresses[:ADDRESSES_NAMED])
    more = len(draft.addresses) - ADDRESSES_NAMED
    if more > 0:
        named = reader().language.plural(
            "%(named)s and %(num)d more", "%(named)s and %(num)d more", more, named=named
        )
    return say(
        "%(every)s, %(format)s to %(addresses)s",
        every=every_words(draft.every, draft.unit),
        format=say(FORMATS[draft.format]),
        addresses=named,
    )


def standing(listed: ListedSchedule) -> Standing:
    """What came of the last run, and where its mails are."""
    if listed.schedule.asked_at is not None:
        return Standing("wait", "wait", say("Runs now"))
    if listed.verdict == "sent":
        return _delivered(listed)
    kind, icon, words = _VERDICTS[listed.verdict]
    values = {"minutes": "", "by": "", **listed.details}
    return Standing(kind, icon, say(words, **values), values.get("why", ""))


def _delivered(listed: ListedSchedule) -> Standing:
    plural, delivery = reader().language.plural, listed.delivery
    if delivery.failed:
        words = plural("%(num)d mail not delivered", "%(num)d mails not delivered", delivery.failed)
        return Standing("bad", "warning", words, delivery.error)
    if delivery.waiting and delivery.error:
        words = plural(
            "%(num)d mail not delivered yet: it is tried again",
            "%(num)d mails not delivered yet: they are tried again",
            delivery.waiting,
        )
        return Standing("warn", "wait", words, delivery.error)
    if delivery.waiting:
        return Standing("wait", "mail", say("On its way"))
    count = delivery.sent or int(listed.details.get("addresses", "0"))
    words = plural("Sent to %(num)d address", "Sent to %(num)d addresses", count)
    return Standing("good", "check", words)
