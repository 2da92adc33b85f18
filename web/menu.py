"""The first page after signing in: the applications a person may use, and how things stand."""

from __future__ import annotations

from quart import Response

from web.analytics import month_tile
from web.context import part_or_page, viewer
from web.portal import is_administrator, signed_in_pages
from web.standing import card, my_standings, phone_cards

menu_pages = signed_in_pages("menu")


@menu_pages.get("/")
async def menu() -> Response:
    """One tile per application, with the one figure people come for.

    `analytics` is what this month's calls cost whoever looks, as a figure and its words, or None:
    then the tile says in words what is behind it.
    """
    stand = await my_standings()
    return await part_or_page(
        "portal/parts/menu.html",
        "portal/menu.html",
        analytics=await month_tile(),
        cards=[card(view) for view in stand.budgets],
        phones=phone_cards(stand),
        administrates=is_administrator(viewer()),
    )
