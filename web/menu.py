"""The first page after signing in: the applications a person may use, and how things stand."""

from __future__ import annotations

from quart import Response

from web.context import part_or_page
from web.portal import signed_in_pages
from web.standing import card, my_standings, phone_cards

menu_pages = signed_in_pages("menu")


@menu_pages.get("/")
async def menu() -> Response:
    """One tile per application, with the one figure people come for."""
    stand = await my_standings()
    return await part_or_page(
        "portal/parts/menu.html",
        "portal/menu.html",
        cards=[card(view) for view in stand.budgets],
        phones=phone_cards(stand),
    )
