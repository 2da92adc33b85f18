"""My budgets and what happened to them: the pages of Budget Control."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from quart import Response, request

from storage import budgets
from storage.budgets import HistoryFilter
from web.context import house, part_or_page, reader, seer
from web.history_words import ACTIONS, action_words
from web.portal import signed_in_pages
from web.standing import card, my_standings, phone_cards
from words.formats import zone

budget_pages = signed_in_pages("budget")

PAGE_SIZE = 10
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9000, 12, 31)


@budget_pages.get("/budget/")
async def my_budgets() -> Response:
    """My budgets: one tab each, the chosen one in full."""
    stand = await my_standings()
    cards = [card(view) for view in stand.budgets]
    wanted = request.args.get("budget", "")
    chosen = next((c for c in cards if str(c.view.account_id) == wanted), None)
    chosen = chosen or next(iter(cards), None)
    return await part_or_page(
        "portal/parts/budget.html",
        "portal/budget.html",
        cards=cards,
        chosen=chosen,
        phones=phone_cards(stand),
    )


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # The first and the last days there are have no midnight in every zone.
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _midnight(day: date | None, days_later: int = 0) -> datetime | None:
    if day is None:
        return None
    local_zone = zone(reader().zone_name)
    return datetime.combine(day + timedelta(days=days_later), time(), local_zone)


FIELDS = ("from", "until", "for", "action", "details", "sort")


def chosen_filters() -> dict[str, str]:
    """The filters of the address that mean something, as they stand in it."""
    asked = {name: request.args.get(name, "").strip()[:200] for name in FIELDS}
    for name in ("from", "until"):
        if _day(asked[name]) is None:
            asked[name] = ""
    if asked["action"] not in ACTIONS:
        asked["action"] = ""
    asked["sort"] = "asc" if asked["sort"] == "asc" else ""
    return {name: value for name, value in asked.items() if value}


def filter_words(chosen: dict[str, str]) -> dict[str, str]:
    """Each filter as the reader says it; the order of the rows is no filter."""
    words = {name: value for name, value in chosen.items() if name != "sort"}
    for name in ("from", "until"):
        day = _midnight(_day(words.get(name, "")))
        if day is not None:
            words[name] = reader().short_day(day)
    if "action" in words:
        words["action"] = action_words(words["action"])
    return words


def history_filter(chosen: dict[str, str]) -> HistoryFilter:
    """The filters as the database understands them; days are the reader's own."""
    return HistoryFilter(
        from_at=_midnight(_day(chosen.get("from", ""))),
        until_at=_midnight(_day(chosen.get("until", "")), 1),
        budget_for=chosen.get("for", ""),
        action=chosen.get("action", ""),
        details=chosen.get("details", ""),
        sort="asc" if chosen.get("sort") else "desc",
    )


@dataclass(frozen=True, slots=True)
class HistoryLinks:
    """Addresses of the history with one thing about it changed."""

    chosen: dict[str, str]

    def _to(self, filters: dict[str, str], page: int = 1) -> str:
        values = filters | ({"page": str(page)} if page > 1 else {})
        return "/budget/history" + (f"?{urlencode(values)}" if values else "")

    def page(self, page: int) -> str:
        """The same filters, another page."""
        return self._to(self.chosen, page)

    def without(self, name: str) -> str:
        """The same filters but one."""
        return self._to({k: v for k, v in self.chosen.items() if k != name})

    def sorted(self, direction: str) -> str:
        """The same filters, oldest or newest first."""
        rest = {k: v for k, v in self.chosen.items() if k != "sort"}
        return self._to(rest | ({"sort": "asc"} if direction == "asc" else {}))

    def live(self, page: int) -> str:
        """Where the page fetches its table again."""
        return self._to(self.chosen | {"fragment": "1"}, page)


@budget_pages.get("/budget/history")
async def history() -> Response:
    """Everything that happened to my budgets, filtered, sorted and paged by the address."""
    chosen = chosen_filters()
    text = request.args.get("page", "1")
    wanted = int(text) if text.isdecimal() and len(text) < 7 else 1
    found = await house().database.unit_of_work(
        budgets.history, seer(), history_filter(chosen), max(wanted, 1), PAGE_SIZE
    )
    pages = max(1, -(-found.total // PAGE_SIZE))
    return await part_or_page(
        "portal/parts/history.html",
        "portal/history.html",
        found=found,
        pages=pages,
        current=min(max(wanted, 1), pages),
        chosen=chosen,
        filters=filter_words(chosen),
        links=HistoryLinks(chosen),
        actions=ACTIONS,
    )
