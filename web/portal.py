"""What every page for signed-in people has in common: the guard, and the navigation."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from quart import Blueprint, Response, request

from storage.people import Person
from web.context import go, is_background, load_session
from web.language import N_
from web.security import refuse_unsigned_change


class Page(NamedTuple):
    """A place in the navigation; `title` is translated where it is shown."""

    path: str
    title: str


class Application(NamedTuple):
    """One application of the menu with its pages."""

    path: str
    title: str
    icon: str
    pages: tuple[Page, ...]


BUDGET = Application(
    "/budget/",
    N_("Budget Control"),
    "budget",
    (Page("/budget/", N_("My budgets")), Page("/budget/history", N_("History"))),
)
LOCK = Application("/lock/", N_("Phone Lock"), "lock", (Page("/lock/", N_("My phone")),))


def applications(person: Person) -> list[Application]:
    """What this person may use: a phone can be locked by whoever has one."""
    return [BUDGET, LOCK] if person.extensions else [BUDGET]


async def require_session() -> Response | None:
    """Send whoever is not signed in to the door, and back here afterwards."""
    if await load_session() is not None:
        await refuse_unsigned_change()
        return None
    if is_background():
        return Response("", status=401, content_type="text/plain")
    target = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return go(f"/login?next={quote(target)}")


def signed_in_pages(name: str) -> Blueprint:
    """A blueprint no page of which opens without a session or changes without its secret."""
    blueprint = Blueprint(name, __name__)
    blueprint.before_request(require_session)
    return blueprint
