"""Searching what one may see: people, extensions, and numbers by the digits that are shown."""

from __future__ import annotations

from urllib.parse import urlencode

from quart import Response, request

from storage import audit, company, search
from storage.audit import Event
from storage.database import Connection
from storage.search import FEWEST_DIGITS, LOOKED_THROUGH, Found
from storage.viewer import Viewer
from web.analytics import in_zone
from web.context import house, page, seer
from web.portal import signed_in_pages
from web.whose import looked_at

search_pages = signed_in_pages("search")

LONGEST = 200


async def _search(connection: Connection, viewer: Viewer, text: str) -> tuple[Found, str]:
    found = await search.search(connection, viewer, text)
    event: Event | None = looked_at(viewer, "search", text=text)
    if event is not None and found.numbers:
        await audit.looked(connection, viewer, event, house().clock())
    known = await company.company(connection)
    return found, known.time_zone if known else "UTC"


def calls_link(**filters: str) -> str:
    """The list of calls with these filters."""
    return "/analytics/calls?" + urlencode(filters)


@search_pages.get("/search")
async def results() -> Response:
    """What fits the words of the address, as far as whoever looks may see it."""
    text, viewer = request.args.get("q", "").strip()[:LONGEST], seer()
    found, zone_name = await house().database.unit_of_work(_search, viewer, text)
    local = in_zone(zone_name)
    # The list behind a number reaches as far back as was looked, not through years of calls.
    back = {"from": local.iso_day(found.since)} if found.since else dict[str, str]()
    return await page(
        "portal/search.html",
        back=back,
        text=text,
        found=found,
        is_number=len(search.digits_of(text)) >= FEWEST_DIGITS,
        looked_through=LOOKED_THROUGH,
        local=local,
        viewer=viewer,
        calls_link=calls_link,
    )
