"""The form of a schedule: what it shows, what it means, what is wrong with it.

A field is named like what it decides. The report and its filters are no fields: they come along as
the query of the report's link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, cast
from urllib.parse import urlencode

from reports.addresses import MOST_ADDRESSES, Trouble, can_be_mailed, parse_addresses
from reports.definition import Report
from reports.option_fields import link, to_json
from reports.options import Options
from reports.recurrence import MOST_EVERY, Recurrence
from reports.zones import known_zones
from storage.report_schedule_types import FileFormat, ScheduleDraft, Unit
from telephony.clock import EARLIEST_YEAR, LATEST_YEAR
from web.context import reader, say
from web.schedule_words import FORMATS, UNITS
from web.typed import Typed
from words.formats import zone
from words.language import N_

FIELDS = (
    "description", "subject", "body", "addresses", "format", "skip_empty", "start_date",
    "start_time", "every", "unit", "zone",
)  # fmt: skip
TIMES = ("start_date", "start_time", "every", "unit", "zone")
"""What says when a schedule runs."""

MOST_DESCRIPTION = 200
MOST_SUBJECT = 300
MOST_BODY = 10_000
LEAST_MINUTES = 5

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:00)?")

ADDRESS_TROUBLES: Mapping[Trouble, str] = {
    "none": N_("Write at least one address."),
    "bad": N_("“%(typed)s” is no mail address."),
    "letters": N_("“%(typed)s” has letters that mail servers do not take."),
    "too_many": N_("These are %(typed)s addresses; there may be %(most)s at most."),
}


class What(NamedTuple):
    """What is to be sent: a report with its filters, and the personal report it comes from.

    `is_lost` where the filters that were kept cannot be read any more; these are the report's own.
    """

    report: Report
    options: Options
    saved_id: int | None = None
    saved_name: str = ""
    is_lost: bool = False

    @property
    def title(self) -> str:
        """What it is called, in the reader's language."""
        return self.saved_name or say(self.report.title)

    @property
    def query(self) -> str:
        """Its filters as the query of a link."""
        return urlencode(link(self.options))


def fresh(what: What, address: str, now: datetime) -> Typed:
    """The form of a new schedule: monthly from the next full hour, to whoever makes it."""
    local = now.astimezone(zone(reader().zone_name)) + timedelta(hours=1)
    return Typed(
        {
            "description": what.title,
            "body": "[[FILTER]]",
            "addresses": address,
            "format": "xlsx" if what.report.is_list else "pdf",
            "skip_empty": "1",
            "start_date": local.date().isoformat(),
            "start_time": f"{local:%H}:00",
            "every": "1",
            "unit": "months",
            "zone": reader().zone_name,
        }
    )


def shown(draft: ScheduleDraft) -> Typed:
    """The form of a schedule there is."""
    return Typed(
        {
            "description": draft.description,
            "subject": draft.subject,
            "body": draft.body,
            "addresses": "; ".join(draft.addresses),
            "format": draft.format,
            "skip_empty": "1" if draft.skip_empty else "",
            "start_date": draft.starts_local.date().isoformat(),
            "start_time": f"{draft.starts_local:%H:%M}",
            "every": str(draft.every),
            "unit": draft.unit,
            "zone": draft.zone,
        }
    )


def sent(given: Mapping[str, str]) -> Typed:
    """The form as it was sent."""
    texts = {name: given.get(name, "").strip() for name in FIELDS}
    texts["body"] = given.get("body", "").replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return Typed(texts)


def understand(form: Typed, what: What) -> ScheduleDraft | None:
    """What the form means; None where something is wrong, which `form.errors` then says."""
    _check_texts(form)
    addresses = _addresses(form)
    if form.get("format") not in FORMATS:
        form.wrong("format", N_("Choose one of these."))
    times = recurrence(form)
    if form.errors or times is None:
        return None
    return ScheduleDraft(
        report=what.report.id,
        options=to_json(what.options),
        description=form.get("description"),
        subject=form.get("subject"),
        body=form.get("body"),
        addresses=addresses,
        format=cast("FileFormat", form.get("format")),
        skip_empty=bool(form.get("skip_empty")),
        starts_local=times.starts_local,
        zone=times.zone,
        every=times.every,
        unit=times.unit,
        saved_id=what.saved_id,
    )


def _check_texts(form: Typed) -> None:
    if not form.get("description"):
        form.wrong("description", N_("Please fill this in."))
    for name, most in (
        ("description", MOST_DESCRIPTION),
        ("subject", MOST_SUBJECT),
        ("body", MOST_BODY),
    ):
        if len(form.get(name)) > most:
            form.wrong(name, N_("It may have %(most)s letters at most."), most=most)
        signs = form.get(name)
        if not can_be_mailed(signs, lines=name == "body"):
            form.wrong(name, N_("It holds signs that cannot be written here."))


def _addresses(form: Typed) -> tuple[str, ...]:
    found, wrong = parse_addresses(form.get("addresses"))
    said = [
        say(ADDRESS_TROUBLES[one.trouble], typed=one.typed, most=MOST_ADDRESSES) for one in wrong
    ]
    if said:
        form.errors["addresses"] = " ".join(said[:5])
    return found


def recurrence(form: Typed) -> Recurrence | None:
    """When it runs; None where something about that is wrong, which `form.errors` then says."""
    day, at = _day(form), _time(form)
    every, unit = _every(form), form.get("unit")
    if unit not in UNITS:
        form.wrong("unit", N_("Choose one of these."))
    if form.get("zone") not in known_zones():
        form.wrong("zone", N_("Choose one of these."))
    if day is None or at is None or every is None or any(name in form.errors for name in TIMES):
        return None
    starts_local = datetime.combine(day, at)
    return Recurrence(starts_local, form.get("zone"), every, cast("Unit", unit))


def _day(form: Typed) -> date | None:
    text = form.get("start_date")
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        form.wrong("start_date", N_("Write a day like 2026-03-31."))
        return None
    return day


def _time(form: Typed) -> time | None:
    text = form.get("start_time")
    if not _TIME.fullmatch(text):
        form.wrong("start_time", N_("Write a time like 17:30."))
        return None
    return time.fromisoformat(text)


def _every(form: Typed) -> int | None:
    text = form.get("every")
    least = LEAST_MINUTES if form.get("unit") == "minutes" else 1
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not least <= number <= MOST_EVERY:
        words = N_("Write a number from %(least)s to %(most)s.")
        form.wrong("every", words, least=least, most=MOST_EVERY)
        return None
    return number
