"""Every component on one page, so that nobody invents a second button.

The samples are made up; the forms of the page change nothing.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from quart import Response, request

from web.context import page, reader
from web.portal import administrator_pages

style_pages = administrator_pages("style")

TOP = (10, 20, 50, 100, 200)


class Row(NamedTuple):
    """One line of the sample table."""

    direction: str
    name: str
    number: str
    talk_s: int
    cost: Decimal


_ROWS = (
    Row("outgoing", "Andrea Sonnino", "+44 20 7946 0000", 3725, Decimal("12.480000")),
    Row("incoming", "Rosa Amato", "+39 02 5550 0142", 64, Decimal(0)),
    Row("missed", "Karim Haddad", "+39 06 5550 0199", 0, Decimal(0)),
    Row("internal", "Zofia Wójcik", "742", 190, Decimal(0)),
)
_FILTERS = {"direction": "outgoing", "from": "2026-03-01"}
_SORTS = ("name", "cost")


def _top() -> int:
    asked = request.args.get("top", "")
    return int(asked) if asked in {str(number) for number in TOP} else TOP[0]


@style_pages.get("/admin/style")
async def style() -> Response:
    """The tokens and components, each as a page uses it."""
    sort = request.args.get("sort", "")
    return await page(
        "portal/style.html",
        rows=_ROWS,
        filters={k: v for k, v in _FILTERS.items() if k != request.args.get("without")},
        top=_top(),
        tops=TOP,
        sort=sort if sort in _SORTS else "cost",
        shown=[name for name in ("number", "talk", "cost") if f"column.{name}" in request.args]
        or ["number", "talk", "cost"],
        earlier=reader().now - timedelta(minutes=17),
    )
