"""The audit log: who signed in, who looked at or changed what is another's. Administrators only."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import cast
from urllib.parse import urlencode

from quart import Response, request
from quart.helpers import stream_with_context  # pyright: ignore[reportUnknownVariableType] - Quart leaves it open

from storage import audit
from storage.audit import AuditFilter, AuditRow, Cursor
from storage.viewer import Viewer
from web.audit_words import ACTIONS, action_words, details_of, details_text, subject_of
from web.context import house, part_or_page, reader, say, seer
from web.portal import administrator_pages
from web.trail import event
from words.cells import escaped
from words.formats import Reader, zone

audit_pages = administrator_pages("audit")

PATH = "/admin/audit"
EXPORT = "/admin/audit.csv"
PAGE_SIZE = 50
MOST_PAGES = audit.COUNTED_UP_TO // PAGE_SIZE
"""Whoever wants to see further back says until when."""

BATCH = 2_000
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9000, 12, 31)
FILTERS = ("from", "until", "who", "about", "action", "address", "text")


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # The first and the last days there are have no midnight in every zone.
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _midnight(text: str, days_later: int = 0) -> datetime | None:
    day = _day(text)
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days_later), time(), zone(reader().zone_name))


def chosen_filters() -> dict[str, str]:
    """The filters of the address that mean something, as they stand in it."""
    asked = {name: request.args.get(name, "").strip()[:200] for name in (*FILTERS, "sort")}
    for name in ("from", "until"):
        if _day(asked[name]) is None:
            asked[name] = ""
    asked["sort"] = "asc" if asked["sort"] == "asc" else ""
    return {name: value for name, value in asked.items() if value}


def audit_filter(chosen: dict[str, str]) -> AuditFilter:
    """The filters as the database understands them; days are the reader's own."""
    return AuditFilter(
        from_at=_midnight(chosen.get("from", "")),
        until_at=_midnight(chosen.get("until", ""), 1),
        who=chosen.get("who", ""),
        about=chosen.get("about", ""),
        action=chosen.get("action", ""),
        address=chosen.get("address", ""),
        text=chosen.get("text", ""),
        sort="asc" if "sort" in chosen else "desc",
    )


def filter_words(chosen: dict[str, str]) -> dict[str, str]:
    """Each filter as the reader says it; the order of the rows is no filter."""
    words = {name: value for name, value in chosen.items() if name != "sort"}
    for name in ("from", "until"):
        if day := _midnight(words.get(name, "")):
            words[name] = reader().short_day(day)
    if "action" in words:
        words["action"] = action_words(words["action"])
    return words


@dataclass(frozen=True, slots=True)
class AuditLinks:
    """Addresses of the log with one thing about it changed."""

    chosen: dict[str, str]

    def _to(self, filters: dict[str, str], path: str = PATH) -> str:
        return path + (f"?{urlencode(filters)}" if filters else "")

    def page(self, page: int) -> str:
        """The same filters, another page."""
        return self._to(self.chosen | ({"page": str(page)} if page > 1 else {}))

    def without(self, name: str) -> str:
        """The same filters but one."""
        return self._to({k: v for k, v in self.chosen.items() if k != name})

    def only(self, name: str, value: str) -> str:
        """The same filters and one more."""
        return self._to(self.chosen | {name: value})

    def other_order(self) -> str:
        """The same filters, the other way round."""
        rest = {k: v for k, v in self.chosen.items() if k != "sort"}
        return self._to(rest if "sort" in self.chosen else rest | {"sort": "asc"})

    def live(self, page: int) -> str:
        """Where the page fetches its table again."""
        more = {"page": str(page)} if page > 1 else {}
        return self._to(self.chosen | more | {"fragment": "1"})

    def export(self) -> str:
        """The same filters as a file."""
        return self._to(self.chosen, EXPORT)


def _page_asked() -> int:
    text = request.args.get("page", "1")
    return min(max(int(text), 1), MOST_PAGES) if text.isdecimal() and len(text) < 7 else 1


@audit_pages.get(PATH)
async def log() -> Response:
    """The events, filtered, sorted and paged by the address."""
    chosen, wanted_page = chosen_filters(), _page_asked()
    found = await house().database.unit_of_work(
        audit.listing, seer(), audit_filter(chosen), wanted_page, PAGE_SIZE
    )
    pages = max(1, -(-found.total // PAGE_SIZE))
    return await part_or_page(
        "portal/admin/audit_rows.html",
        "portal/admin/audit.html",
        found=found,
        pages=pages,
        current=min(wanted_page, pages),
        chosen=chosen,
        filters=filter_words(chosen),
        links=AuditLinks(chosen),
        actions=sorted(ACTIONS, key=lambda code: action_words(code).lower()),
        audit_action=action_words,
        audit_details=details_of,
        audit_subject=subject_of,
    )


@audit_pages.get(EXPORT)
async def export() -> Response:
    """Everything the filter finds as CSV; that it was taken away is itself in the log."""
    chosen = chosen_filters()
    wanted, viewer, now = audit_filter(chosen), seer(), house().clock()
    words = "; ".join(f"{name}: {value}" for name, value in chosen.items())
    told = event("audit_exported", filter=words) if words else event("audit_exported")
    await house().database.unit_of_work(audit.record, told, now)
    name = f"audit-{now:%Y-%m-%d}.csv"
    rows = cast("Callable[..., AsyncGenerator[bytes]]", stream_with_context(_csv))
    response = Response(
        rows(viewer, wanted, reader()),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
    response.timeout = None
    return response


async def _csv(viewer: Viewer, wanted: AuditFilter, person_reader: Reader) -> AsyncGenerator[bytes]:
    """The file, a batch at a time; the mark at its beginning tells spreadsheets it is UTF-8."""
    yield "\ufeff".encode() + _lines([_head()])
    local_zone, after = zone(person_reader.zone_name), None
    while True:
        rows = await house().database.unit_of_work(audit.following, viewer, wanted, after, BATCH)
        if rows:
            yield _lines([_cells(row, row.at.astimezone(local_zone)) for row in rows])
        if len(rows) < BATCH:
            return
        after = Cursor(rows[-1].at, rows[-1].id)


def _head() -> list[str]:
    return [
        say("Time"),
        say("Who"),
        say("User name"),
        say("Action"),
        say("About"),
        say("Address"),
        say("Details"),
    ]


def _cells(row: AuditRow, local: datetime) -> list[str]:
    return [
        local.isoformat(sep=" ", timespec="seconds"),
        row.name,
        row.login,
        action_words(row.action),
        subject_of(row),
        row.address,
        details_text(row),
    ]


def _lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([[escaped(cell) for cell in row] for row in rows])
    return text.getvalue().encode()
