"""Everybody of the company, found and turned over by administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode

from quart import Response, request

from storage import people_listing
from storage.database import Connection
from storage.people_listing import Choices, PeopleFilter, PeoplePage, Sort, State
from storage.viewer import Viewer
from web.context import house, part_or_page, say, seer
from web.person_fields import LABELS, ROLES
from web.portal import administrator_pages
from words.language import N_

people_pages = administrator_pages("people")

PAGE_SIZE = 50
SORTS: tuple[Sort, ...] = (
    "name",
    "login",
    "extension",
    "department",
    "cost_centre",
    "office",
    "role",
)
FILTERS = ("q", "role", "department", "cost_centre", "office", "site", "state", "source", "without")
STATES: Mapping[str, str] = {"enabled": N_("Enabled"), "disabled": N_("Disabled")}
SOURCES: Mapping[str, str] = {"local": N_("Made here"), "directory": N_("From the directory")}
WITHOUT: Mapping[str, str] = {"extension": N_("Without an extension")}
FILTER_LABELS: Mapping[str, str] = {
    **{name: LABELS[name] for name in ("role", "department", "cost_centre", "office", "site")},
    "q": N_("Search"),
    "state": N_("State"),
    "source": N_("Source"),
    "without": N_("Extension"),
}
_CHOICES: Mapping[str, Mapping[str, str]] = {
    "role": cast("Mapping[str, str]", ROLES),
    "state": STATES,
    "source": SOURCES,
    "without": WITHOUT,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: filters by name, order and page. Nonsense is left out."""

    filters: Mapping[str, str]
    sort: Sort
    descending: bool
    page: int

    @property
    def filter(self) -> PeopleFilter:
        """The filters as the database understands them."""
        found = self.filters
        return PeopleFilter(
            text=found.get("q", ""),
            role=found.get("role", ""),
            department=found.get("department", ""),
            cost_centre=found.get("cost_centre", ""),
            office=found.get("office", ""),
            site_id=int(found["site"]) if "site" in found else None,
            state=cast("State", found.get("state", "")),
            source=found.get("source", ""),
            without_extension="without" in found,
        )

    def _to(self, path: str, values: Mapping[str, str], page: int = 1) -> str:
        order = {} if self.sort == "name" else {"sort": self.sort}
        order |= {"dir": "desc"} if self.descending else {}
        query = {**values, **order} | ({"page": str(page)} if page > 1 else {})
        return path + (f"?{urlencode(query)}" if query else "")

    def at(self, page: int) -> str:
        """The same list, another page."""
        return self._to("/admin/people", self.filters, page)

    def live(self) -> str:
        """Where the page fetches its table again."""
        return self._to("/admin/people", {**self.filters, "fragment": "1"}, self.page)

    def csv(self) -> str:
        """The same list as a file."""
        return self._to("/admin/people.csv", self.filters)

    def without(self, name: str) -> str:
        """The same list, one filter less."""
        return self._to("/admin/people", {k: v for k, v in self.filters.items() if k != name})

    def by(self, sort: Sort) -> str:
        """The same list in this order, turned round where it is in it already."""
        descending = sort == self.sort and not self.descending
        return Asked(self.filters, sort, descending, 1).at(1)

    def sorted(self, sort: Sort) -> str:
        """How the list is sorted by this column, for `aria-sort`; empty where it is not."""
        if sort != self.sort:
            return ""
        return "descending" if self.descending else "ascending"


def asked() -> Asked:
    """What the address of this request asks for."""
    given = {name: request.args.get(name, "").strip()[:200] for name in FILTERS}
    for name, known in _CHOICES.items():
        if given[name] not in known:
            given[name] = ""
    if not (given["site"].isascii() and given["site"].isdigit() and len(given["site"]) < 9):
        given["site"] = ""
    sort, page = request.args.get("sort", ""), request.args.get("page", "")
    return Asked(
        {name: text for name, text in given.items() if text and "\0" not in text},
        sort if sort in SORTS else "name",
        request.args.get("dir") == "desc",
        max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def _words(found: Asked, sites: Mapping[int, str]) -> dict[str, str]:
    """Each filter as the reader says it."""
    words = dict(found.filters)
    for name, known in _CHOICES.items():
        if name in words:
            words[name] = say(known[words[name]])
    if "site" in words:
        words["site"] = sites.get(int(words["site"]), words["site"])
    return words


async def _read(
    connection: Connection, viewer: Viewer, wanted: Asked
) -> tuple[PeoplePage, Choices]:
    found = await people_listing.page_of(
        connection,
        viewer,
        wanted.filter,
        wanted.page,
        PAGE_SIZE,
        sort=wanted.sort,
        descending=wanted.descending,
    )
    return found, await people_listing.choices(connection, viewer)


@people_pages.get("/admin/people")
async def people_list() -> Response:
    """Everybody, filtered, sorted and paged by the address."""
    wanted = asked()
    found, choices = await house().database.unit_of_work(_read, seer(), wanted)
    pages = max(1, -(-found.total // PAGE_SIZE))
    return await part_or_page(
        "portal/admin/people_table.html",
        "portal/admin/people.html",
        found=found,
        asked=wanted,
        pages=pages,
        current=min(wanted.page, pages),
        choices=choices,
        filters=_words(wanted, choices.sites),
        labels={name: say(words) for name, words in FILTER_LABELS.items()},
        roles=ROLES,
        states=STATES,
        sources=SOURCES,
        imported=_imported(),
    )


def _imported() -> tuple[int, int] | None:
    """How many people a list made and changed, right after it was imported."""
    counts = [request.args.get(name, "") for name in ("created", "changed")]
    if all(text.isascii() and text.isdigit() and len(text) < 9 for text in counts):
        return int(counts[0]), int(counts[1])
    return None
