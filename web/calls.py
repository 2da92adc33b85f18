"""The list of calls, filtered by its address, and one call in full."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import cast
from urllib.parse import urlencode

from quart import Response, abort, request

from storage import audit, call_details, company, search, seen_calls
from storage.audit import Event
from storage.call_details import CallDetails
from storage.call_rows import CallFilter, CallId, CallType
from storage.database import Connection
from storage.search import FoundPerson
from storage.seen_calls import COUNTED_UP_TO, CallPage, SeenCall
from storage.viewer import Viewer
from web.analytics import in_zone, midnight
from web.budget import FIRST_DAY, LAST_DAY
from web.call_lines import call_lines
from web.call_words import (
    TYPES,
    amount,
    gateway_words,
    price_lines,
    price_sentence,
    rate_words,
    type_words,
)
from web.context import house, page, part_or_page, say, seer
from web.portal import signed_in_pages
from web.way_back import above_a_call
from web.whose import Whose, choices, looked_at, narrowed, whose_of
from words.language import N_

call_pages = signed_in_pages("calls")

PAGE_SIZE = 50
FIELDS = ("from", "until", "extension", "person", "like", "type", "gateway")
UNKNOWN_GATEWAY = "-"
"""How the address names outside calls over a gateway nobody has named."""

Texts = Mapping[str, str]


@dataclass
class Asked:
    """The filters of an address, what they mean, and what is wrong with them field by field."""

    texts: dict[str, str]
    wanted: CallFilter = field(default_factory=CallFilter)
    words: dict[str, str] = field(default_factory=dict[str, str])
    """Each filter in force as the reader says it."""
    errors: dict[str, str] = field(default_factory=dict[str, str])
    about: int | None = None
    """The person the calls are of, where one is asked for."""

    def refuse(self, name: str, words: str) -> None:
        """Say what is wrong with a field."""
        self.errors[name] = words

    def narrow(self, name: str, words: str, **values: object) -> None:
        """Take a filter in, as it is said."""
        self.words[name] = words
        self.wanted = replace(self.wanted, **values)


def _texts() -> dict[str, str]:
    asked = {name: request.args.get(name, "").strip()[:200] for name in FIELDS}
    return {name: value for name, value in asked.items() if value}


async def read_filters(connection: Connection, viewer: Viewer, zone_name: str) -> Asked:
    """The filters of the address as a query understands them; wrong ones are named, not dropped."""
    asked = Asked(_texts())
    _days(asked, zone_name)
    _extension(asked)
    _type(asked)
    _gateway(asked, await seen_calls.gateway_names(connection))
    if text := asked.texts.get("person"):
        _person(asked, await search.people_named(connection, viewer, text))
    if text := asked.texts.get("like"):
        known = CallId.parse(text)
        _number(asked, await seen_calls.one(connection, viewer, known) if known else None)
    return asked


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _days(asked: Asked, zone_name: str) -> None:
    found: dict[str, date] = {}
    for name, later in (("from", 0), ("until", 1)):
        if not (text := asked.texts.get(name)):
            continue
        day = _day(text)
        if day is None:
            asked.refuse(name, say(N_("Write a day like 2026-03-31.")))
            continue
        found[name] = day
        at = midnight(day + timedelta(days=later), zone_name)
        shown = in_zone(zone_name).short_day(midnight(day, zone_name))
        asked.narrow(name, shown, **{f"{name}_at": at})
    if len(found) == 2 and found["until"] < found["from"]:
        asked.refuse("until", say(N_("The last day lies before the first.")))


def _extension(asked: Asked) -> None:
    if text := asked.texts.get("extension"):
        if re.fullmatch(r"[\w+*#.\-]{1,50}", text):
            asked.narrow("extension", text, extension=text)
        else:
            asked.refuse("extension", say(N_("Write one extension, like 731.")))


def _type(asked: Asked) -> None:
    text = cast("CallType", asked.texts.get("type", ""))
    if text in TYPES:
        asked.narrow("type", say(TYPES[text]), type=text)
    elif text:
        asked.refuse("type", say(N_("Choose one of the list.")))


def _gateway(asked: Asked, names: list[str]) -> None:
    text = asked.texts.get("gateway", "")
    if text == UNKNOWN_GATEWAY:
        asked.narrow("gateway", say(N_("Unknown gateway")), gateway="")
    elif text in names:
        asked.narrow("gateway", text, gateway=text)
    elif text:
        asked.refuse("gateway", say(N_("Choose one of the list.")))


def _person(asked: Asked, found: tuple[FoundPerson, ...]) -> None:
    if len(found) == 1:
        asked.about = found[0].id
        asked.narrow("person", found[0].name, person_id=found[0].id)
    elif found:
        asked.refuse("person", say(N_("Several people are called that: write the user name.")))
    else:
        asked.refuse("person", say(N_("Nobody whose calls you may see is called that.")))


def _number(asked: Asked, row: SeenCall | None) -> None:
    if row is None:
        asked.refuse("like", say(N_("The call whose number was meant is no longer in your list.")))
    else:
        asked.narrow("like", row.number, like=row.id)


@dataclass(frozen=True, slots=True)
class CallLinks:
    """Addresses of the list with one thing about it changed."""

    texts: Texts
    whose: Whose
    is_choice: bool

    def _to(self, texts: Texts, number: int = 1, **more: str) -> str:
        values = dict(texts) | more
        if self.is_choice and self.whose == "mine":
            values.setdefault("whose", "mine")
        if values.get("whose") == "all":
            del values["whose"]
        if number > 1:
            values["page"] = str(number)
        return "/analytics/calls" + (f"?{urlencode(values)}" if values else "")

    def page(self, number: int) -> str:
        """The same filters, another page."""
        return self._to(self.texts, number)

    def without(self, name: str) -> str:
        """The same filters but one."""
        return self._to({k: v for k, v in self.texts.items() if k != name})

    def bare(self) -> str:
        """No filter at all."""
        return self._to({})

    def to(self, whose: Whose) -> str:
        """The same filters, the calls of others."""
        return self._to(self.texts, whose=whose)

    def live(self, number: int) -> str:
        """Where the page fetches its list again."""
        return self._to(self.texts, number, fragment="1")

    def number(self, row: SeenCall) -> str:
        """The same filters, and the number of this row alone."""
        more = {"like": str(row.id), "extension": row.extension}
        return self._to({**self.texts, **{k: v for k, v in more.items() if v}})


@dataclass(frozen=True, slots=True)
class Listed:
    """The list as the page shows it."""

    asked: Asked
    found: CallPage
    whose: Whose
    zone_name: str
    currency: str
    gateways: list[str]


async def read_calls(connection: Connection, viewer: Viewer) -> Listed:
    """The page of the list that the address asks for; no row where a filter is wrong."""
    known = await company.company(connection)
    zone_name, currency = (known.time_zone, known.currency) if known else ("UTC", "")
    whose = whose_of(request.args.get("whose"))
    seen = narrowed(viewer, whose)
    asked = await read_filters(connection, seen, zone_name)
    found = CallPage()
    if not asked.errors:
        text = request.args.get("page", "1")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 1
        found = await seen_calls.page(connection, seen, asked.wanted, number, PAGE_SIZE)
        await _tell(connection, seen, _look(seen, asked))
    gateways = await seen_calls.gateway_names(connection)
    return Listed(asked, found, whose, zone_name, currency, gateways)


def _look(viewer: Viewer, asked: Asked) -> Event | None:
    event = looked_at(viewer, "call list", **asked.words)
    return event and replace(event, subject_id=asked.about)


async def _tell(connection: Connection, viewer: Viewer, event: Event | None) -> None:
    if event is not None:
        await audit.looked(connection, viewer, event, house().clock())


def _pages(found: CallPage) -> int:
    return max(1, -(-min(found.total, COUNTED_UP_TO) // PAGE_SIZE))


@call_pages.get("/analytics/calls")
async def call_list() -> Response:
    """Calls, newest first, filtered and paged by the address."""
    viewer = seer()
    listed = await house().database.unit_of_work(read_calls, viewer)
    options = choices(viewer, listed.whose)
    links = CallLinks(listed.asked.texts, listed.whose, bool(options))
    local = in_zone(listed.zone_name)
    return await part_or_page(
        "portal/parts/analytics_calls.html",
        "portal/analytics_calls.html",
        status=422 if listed.asked.errors else 200,
        listed=listed,
        found=listed.found,
        pages=_pages(listed.found),
        links=links,
        options=options,
        types=[(code, say(words)) for code, words in TYPES.items()],
        gateways=_gateways(listed.gateways),
        day_types={name: _day_type(listed.asked, name) for name in ("from", "until")},
        breadth=viewer.breadth,
        counted_up_to=COUNTED_UP_TO,
        local=local,
        lines=call_lines(listed.found.rows, local, links.number),
    )


def _gateways(names: list[str]) -> list[tuple[str, str]]:
    named = [(name, name) for name in names]
    return [("", say(N_("All"))), *named, (UNKNOWN_GATEWAY, say(N_("Unknown gateway")))]


def _day_type(asked: Asked, name: str) -> str:
    """A field for days, unless it must show what is none."""
    text = asked.texts.get(name, "")
    return "text" if text and _day(text) is None else "date"


async def read_call(
    connection: Connection, viewer: Viewer, call: CallId
) -> tuple[CallDetails, str] | None:
    """One call with the default zone, where the viewer may see it; a look at another's is told."""
    found = await call_details.details(connection, viewer, call)
    if found is None:
        return None
    row = found.call
    named = {"extension": row.extension, "number": row.number}
    event = looked_at(viewer, "call", **named, call=str(row.id))
    if event is not None:
        await _tell(connection, viewer, replace(event, subject_id=row.person_id))
    known = await company.company(connection)
    return found, known.time_zone if known else "UTC"


@call_pages.get("/analytics/calls/<call_id>")
async def one_call(call_id: str) -> Response:
    """One call: whose, when, how long, and why it cost what it cost."""
    known = CallId.parse(call_id)
    read = known and await house().database.unit_of_work(read_call, seer(), known)
    if not read:
        abort(404)
    found, zone_name = read
    return await page(
        "portal/analytics_call.html",
        found=found,
        call=found.call,
        above=above_a_call(),
        trace=found.trace,
        local=in_zone(zone_name),
        at_site=in_zone(found.trace.zone),
        type_words=type_words,
        gateway_words=gateway_words,
        sentence=price_sentence(found.call, found.trace),
        lines=price_lines(found.trace),
        rate_words=rate_words,
        amount=amount,
        mine=found.call.person_id is not None and found.call.person_id == seer().person_id,
    )
