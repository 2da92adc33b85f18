"""What people read when something is wrong: what happened, what is safe, what to do next."""

from __future__ import annotations

import logging
from typing import NamedTuple, cast

import trio
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError

from storage.database import StorageUnavailable
from storage.viewer import NotAllowed
from telephony.trail import current_trail
from web.context import go, is_background, load_session, page
from web.security import STALE
from web.way_back import nearest_page
from words.language import N_

_log = logging.getLogger(__name__)


class Explanation(NamedTuple):
    """A failure in plain words, translated where it is shown."""

    title: str
    what: str
    next: str
    icon: str = "warning"


_STALE = Explanation(
    N_("This page was open for too long"),
    N_("What it sent is not taken any more. Nothing was changed."),
    N_("Go back, load the page again and try once more."),
)
_EXPLAINED = {
    400: Explanation(
        N_("That request was not complete"),
        N_("Something was missing from what your browser sent. Nothing was changed."),
        N_("Go back, load the page again and try once more."),
    ),
    403: Explanation(
        N_("You may not open this page"),
        N_("Your account has no right to what is on this page."),
        N_("Start again from the menu, or ask your administrator for access."),
        "lock",
    ),
    404: Explanation(
        N_("There is no such page"),
        N_("The address may be mistyped, or what was here has moved."),
        N_("Start again from the menu."),
        "search",
    ),
    405: Explanation(
        N_("That does not work this way"),
        N_("This address does not take that kind of request. Nothing was changed."),
        N_("Start again from the menu."),
    ),
    413: Explanation(
        N_("That is too large"),
        N_("What your browser sent is larger than this page takes. Nothing was changed."),
        N_("Go back and send a smaller file, or the same in several parts."),
        "upload",
    ),
    429: Explanation(
        N_("Too many attempts"),
        N_("To keep accounts safe, no more attempts are taken for a while."),
        N_("Wait a few minutes, then try again."),
        "wait",
    ),
    500: Explanation(
        N_("Something went wrong on our side"),
        N_("The page could not be made. Your calls, budgets and locks are safe."),
        N_("Try again in a moment. If it happens again, tell your administrator the number below."),
    ),
    503: Explanation(
        N_("Not available for a moment"),
        N_("The database does not answer at the moment. Your calls, budgets and locks are safe."),
        N_("This page tries again by itself."),
        "database",
    ),
}


async def _who_looks(status: int) -> int:
    """Look up the session for the frame; the status, or 503 where the database does not answer."""
    try:
        await load_session()
    except (StorageUnavailable, trio.TooSlowError):
        return 503
    return status


async def _frame(status: int, explained: Explanation | None = None) -> Response:
    explained = explained or _EXPLAINED.get(status, _EXPLAINED[500 if status >= 500 else 400])
    response = await page(
        "errors/error.html",
        status=status,
        code=status,
        explained=explained,
        again=status >= 500 and request.method == "GET",
        number=current_trail().get("request_id", "") if status == 500 else "",
    )
    if status == 503:
        response.headers["Retry-After"] = "5"
        if request.method == "GET":
            response.headers["Refresh"] = "5"
    return response


async def _answer(
    status: int, explained: Explanation | None = None, *, ask: bool = True
) -> Response:
    """The page for a status; `ask` is False where the database has just not answered."""
    if is_background():
        return Response("", status=status, content_type="text/plain")
    known = await _who_looks(status) if ask else status
    return await _frame(known, explained if known == status else None)


async def _http(error: HTTPException) -> Response:
    if isinstance(error, InternalServerError):
        _log.error("page_failed", extra={"path": request.path}, exc_info=error.original_exception)
    if error.response is not None:
        return cast("Response", error.response)
    if error.code == 405 and request.method == "GET" and not is_background():
        return go(nearest_page())  # the address of a form that was answered, opened by itself
    response = await _answer(error.code or 500, _STALE if error.description == STALE else None)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After", "Location"}:
            response.headers[name] = value
    return response


async def _database_away(error: StorageUnavailable) -> Response:
    _log.warning("page_without_database", extra={"path": request.path, "reason": str(error)})
    return await _answer(503, ask=False)


async def _too_slow(_: trio.TooSlowError) -> Response:
    return await _answer(503, ask=False)


async def _not_allowed(_: NotAllowed) -> Response:
    return await _answer(403)


def register(app: Quart) -> None:
    """Put the explanations in place of Quart's own."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(StorageUnavailable, _database_away)
    app.register_error_handler(trio.TooSlowError, _too_slow)
    app.register_error_handler(NotAllowed, _not_allowed)
