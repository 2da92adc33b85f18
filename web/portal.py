"""What every page for signed-in people has in common: the guard, and the navigation."""

from __future__ import annotations

from typing import NamedTuple

from quart import Blueprint, Response, abort

from storage.people import Person
from web.context import go, is_background, load_session, settings, signed_in
from web.endings import way_to_the_door
from web.security import refuse_unsigned_change
from words.language import N_


class Page(NamedTuple):
    """A place in the navigation; `title` is translated where it is shown.

    `leads_to` is where what lies below it is, if not under its own address.
    """

    path: str
    title: str
    leads_to: str = ""


class Application(NamedTuple):
    """One application of the menu with its pages."""

    path: str
    title: str
    icon: str
    pages: tuple[Page, ...]


ANALYTICS = Application(
    "/analytics/",
    N_("Call Analytics"),
    "chart",
    (
        Page("/analytics/", N_("Home"), "/analytics/calls"),
        Page("/analytics/dashboard", N_("Dashboard")),
        Page("/analytics/reports", N_("Interactive Reports")),
        Page("/analytics/scheduled-reports", N_("Scheduled Reports")),
        Page("/analytics/alarms/new", N_("Create Alarm")),
        Page("/analytics/alarms", N_("Scheduled Alarms")),
    ),
)
BUDGET = Application(
    "/budget/",
    N_("Budget Control"),
    "budget",
    (Page("/budget/", N_("My budgets")), Page("/budget/history", N_("History"))),
)
LOCK = Application("/lock/", N_("Phone Lock"), "lock", (Page("/lock/", N_("My phone")),))
ADMINISTRATION = Application(
    "/admin/",
    N_("Administration"),
    "administration",
    (
        Page("/admin/", N_("State")),
        Page("/admin/people", N_("People")),
        Page("/admin/directory", N_("Directory")),
        Page("/admin/audit", N_("Audit log")),
    ),
)
STYLE = Page("/admin/style", N_("Style"))
"""The components on one page: part of the navigation in the demo alone."""


class Place(NamedTuple):
    """Where a request is: in which application, on or below which of its pages."""

    application: Application | None
    page: Page | None

    def mark(self, page: Page, path: str) -> str:
        """`aria-current` of a page of the navigation: `page`, `true` below it, else empty."""
        if page != self.page:
            return ""
        return "page" if path == page.path else "true"


def _administration() -> Application:
    if not settings().demo:
        return ADMINISTRATION
    return ADMINISTRATION._replace(pages=(*ADMINISTRATION.pages, STYLE))


def is_administrator(person: Person) -> bool:
    """Whether this person may see everything there is to set."""
    return person.role == "administrator"


def applications(person: Person) -> list[Application]:
    """What this person may use: a phone can be locked by whoever has one."""
    found = [ANALYTICS, BUDGET]
    if person.extensions:
        found.append(LOCK)
    if is_administrator(person):
        found.append(_administration())
    return found


def place_of(path: str, known: list[Application]) -> Place:
    """The place of an address: the page with the longest address this one is at or below.

    An application's first page owns itself alone: `/admin/people/5` lies below People, and
    `/admin/elsewhere` below no page.
    """
    application = next((one for one in known if path.startswith(one.path)), None)
    if application is None:
        return Place(None, None)
    above = [
        page
        for page in application.pages
        if path == page.path
        or (page.leads_to and f"{path}/".startswith(f"{page.leads_to}/"))
        or (page.path != application.path and path.startswith(page.path.rstrip("/") + "/"))
    ]
    return Place(application, max(above, key=lambda page: len(page.path), default=None))


async def require_session() -> Response | None:
    """Send whoever is not signed in to the door, and back here afterwards."""
    if await load_session() is not None:
        await refuse_unsigned_change()
        return None
    if is_background():
        return Response("", status=401, content_type="text/plain")
    return go(way_to_the_door())


async def require_administrator() -> None:
    """Answer 403 to whoever is signed in and is no administrator."""
    if not is_administrator(signed_in().person):
        abort(403)


def signed_in_pages(name: str) -> Blueprint:
    """A blueprint no page of which opens without a session or changes without its secret."""
    blueprint = Blueprint(name, __name__)
    blueprint.before_request(require_session)
    return blueprint


def administrator_pages(name: str) -> Blueprint:
    """A blueprint for administrators: its pages answer 403 to everybody else."""
    blueprint = signed_in_pages(name)
    blueprint.before_request(require_administrator)
    return blueprint
