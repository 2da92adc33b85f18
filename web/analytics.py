"""Call Analytics: its home page, and the pages that lead to what it can do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import cast
from urllib.parse import urlencode

from quart import Response, request

from storage import audit, company, preferences, seen_calls
from storage.database import Connection
from storage.day_totals import NO_CALLS, Figures, Span
from storage.seen_calls import SeenCall
from storage.viewer import Viewer
from web.call_lines import call_lines
from web.context import house, is_background, page, part_or_page, reader, seer
from web.portal import signed_in_pages
from web.report_boxes import Boxes, read_boxes
from web.whose import Choice, Whose, choices, looked_at, narrowed, whose_of
from words.formats import Reader, zone

analytics_pages = signed_in_pages("analytics")

TOPS = (10, 20, 50, 100, 200)
USUAL_TOP = 20
KEPT_AS = "analytics-home"


def spans(now: datetime, zone_name: str) -> tuple[Span, Span]:
    """The month and the day that `now` lies in, in a zone; both to their end, as UTC instants."""
    today = now.astimezone(zone(zone_name)).date()
    first = today.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return (
        (midnight(first, zone_name), midnight(following, zone_name)),
        (midnight(today, zone_name), midnight(today + timedelta(days=1), zone_name)),
    )


def midnight(day: date, zone_name: str) -> datetime:
    """When a day begins in a zone, in UTC."""
    return datetime.combine(day, time(), zone(zone_name)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """What the home page shows. `month` and `today` are those of the default zone."""

    rows: list[SeenCall]
    month: Figures
    today: Figures
    currency: str
    zone_name: str
    top: int
    whose: Whose
    boxes: Boxes


async def read_home(connection: Connection, viewer: Viewer, now: datetime) -> Home:
    """Everything on the page in one look; what was chosen in the address is kept."""
    found = await company.company(connection)
    zone_name, currency = (found.time_zone, found.currency) if found else ("UTC", "")
    top, whose = await _chosen(connection, viewer)
    seen = narrowed(viewer, whose)
    month, today = spans(now, zone_name)
    if (event := looked_at(seen, "last calls")) is not None:
        await audit.looked(connection, viewer, event, now)
    earlier = await seen_calls.figures(connection, seen, (month[0], today[0]))
    figures = await seen_calls.figures(connection, seen, (today[0], month[1]))
    return Home(
        rows=await seen_calls.last(connection, seen, top),
        month=earlier.plus(figures),
        today=figures,
        currency=currency,
        zone_name=zone_name,
        top=top,
        whose=whose,
        boxes=await read_boxes(connection, viewer, now),
    )


async def _chosen(connection: Connection, viewer: Viewer) -> tuple[int, Whose]:
    stored = await preferences.get(connection, viewer, KEPT_AS)
    kept = cast("dict[str, object]", stored) if isinstance(stored, dict) else {}
    asked = request.args.get("top", "")
    top = next((n for n in TOPS if asked == str(n)), None)
    top = top or next((n for n in TOPS if kept.get("top") == n), USUAL_TOP)
    whose = whose_of(request.args.get("whose"), kept.get("whose"))
    chosen: dict[str, object] = {"top": top, "whose": whose}
    if chosen != kept and request.args and not is_background():
        await preferences.put(connection, viewer, KEPT_AS, chosen)
    return top, whose


@dataclass(frozen=True, slots=True)
class HomeLinks:
    """Addresses of the home page and of what its rows lead to."""

    top: int
    whose: Whose
    is_choice: bool

    def to(self, top: int | None = None, whose: Whose | None = None) -> str:
        """The page with another choice."""
        return "/analytics/?" + urlencode(self._values(top, whose))

    def of(self, whose: Whose) -> str:
        """The page with the calls of others."""
        return self.to(whose=whose)

    def live(self) -> str:
        """Where the page fetches itself again."""
        return "/analytics/?" + urlencode(self._values() | {"fragment": "1"})

    def _values(self, top: int | None = None, whose: Whose | None = None) -> dict[str, str]:
        values = {"top": str(top or self.top)}
        return values | ({"whose": whose or self.whose} if self.is_choice else {})

    def number(self, row: SeenCall) -> str:
        """All calls of this row's extension from and to its number."""
        values = {"extension": row.extension, "like": str(row.id)}
        return "/analytics/calls?" + urlencode(
            {k: v for k, v in values.items() if v} | self._mine()
        )

    def calls(self, **filters: str) -> str:
        """The list of calls, of the same people."""
        values = filters | self._mine()
        return "/analytics/calls" + (f"?{urlencode(values)}" if values else "")

    def _mine(self) -> dict[str, str]:
        return {"whose": "mine"} if self.is_choice and self.whose == "mine" else {}


def in_zone(name: str) -> Reader:
    """The reader, with the times of another zone."""
    return replace(reader(), zone_name=name)


@analytics_pages.get("/analytics/")
async def home() -> Response:
    """The last calls, this month's figures and the ways to reports."""
    viewer, at = seer(), house()
    found = await at.database.unit_of_work(read_home, viewer, at.clock())
    options: list[Choice] = choices(viewer, found.whose)
    links, local = HomeLinks(found.top, found.whose, bool(options)), in_zone(found.zone_name)
    return await part_or_page(
        "portal/parts/analytics_home.html",
        "portal/analytics.html",
        home=found,
        tops=TOPS,
        options=options,
        links=links,
        local=local,
        lines=call_lines(found.rows, local, links.number),
    )


async def _my_month(connection: Connection, viewer: Viewer, now: datetime) -> tuple[Figures, str]:
    found = await company.company(connection)
    if found is None:
        return NO_CALLS, ""
    month, _ = spans(now, found.time_zone)
    return await seen_calls.figures(connection, viewer.only_own(), month), found.currency


async def month_tile() -> tuple[str, str] | None:
    """What the month's own calls cost whoever looks, and how many there were; None without any."""
    figures, currency = await house().database.unit_of_work(_my_month, seer(), house().clock())
    if not figures.calls:
        return None
    words = reader().language.plural(
        "%(num)d call this month", "%(num)d calls this month", figures.calls
    )
    return reader().money(figures.cost, currency), words


@analytics_pages.get("/analytics/alarms/new")
async def new_alarm() -> Response:
    """What will be the page that makes an alarm."""
    return await page("portal/analytics_new_alarm.html")


@analytics_pages.get("/analytics/alarms")
async def alarms() -> Response:
    """What will be the list of alarms."""
    return await page("portal/analytics_alarms.html")
