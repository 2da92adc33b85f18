"""What people read when something is wrong: what happened, what is safe, what to do next."""

from __future__ import annotations

import logging
from typing import NamedTuple, cast

import trio
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError

from storage.database import StorageUnavailable
from web.context import is_background, load_session, page
from web.language import N_

_log = logging.getLogger(__name__)


class Explanation(NamedTuple):
    """A failure in plain words, translated where it is shown."""

    title: str
    what: str
    next: str


_EXPLAINED = {
    400: Explanation(
        N_("That request was not complete"),
        N_("Something was missing from what your browser sent. Nothing was changed."),
        N_("Go back, load the page again and try once more."),
    ),
    403: Explanation(
        N_("You may not open this page"),
        N_("Your account may not see this page, or the page was open for too long."),
        N_("Go back, load the page again and try once more. Ask your administrator for access."),
    ),
    404: Explanation(
        N_("There is no such page"),
        N_("The address may be mistyped, or what was here has moved."),
        N_("Start again from the menu."),
    ),
    405: Explanation(
        N_("That does not work this way"),
        N_("This address does not take that kind of request. Nothing was changed."),
        N_("Start again from the menu."),
    ),
    429: Explanation(
        N_("Too many attempts"),
        N_("To keep accounts safe, no more attempts are taken for a while."),
        N_("Wait a few minutes, then try again."),
    ),
    500: Explanation(
        N_("Something went wrong on our side"),
        N_("The page could not be made. Your calls, budgets and locks are safe."),
        N_("Try again in a moment. If it happens again, tell your administrator the time."),
    ),
    503: Explanation(
        N_("Not available for a moment"),
        N_("The database does not answer at the moment. Your calls, budgets and locks are safe."),
        N_("This page tries again by itself."),
    ),
}


async def _frame(status: int) -> Response:
    try:
        await load_session()
    except StorageUnavailable:
        status = 503
    explained = _EXPLAINED.get(status, _EXPLAINED[500 if status >= 500 else 400])
    response = await page("errors/error.html", status=status, code=status, explained=explained)
    if status == 503:
        response.headers["Retry-After"] = "5"
        response.headers["Refresh"] = "5"
    return response


async def _answer(status: int) -> Response:
    if is_background():
        return Response("", status=status, content_type="text/plain")
    return await _frame(status)


async def _http(error: HTTPException) -> Response:
    if isinstance(error, InternalServerError):
        _log.error("page_failed", extra={"path": request.path}, exc_info=error.original_exception)
    if error.response is not None:
        return cast("Response", error.response)
    response = await _answer(error.code or 500)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After", "Location"}:
            response.headers[name] = value
    return response


async def _database_away(error: StorageUnavailable) -> Response:
    _log.warning("page_without_database", extra={"path": request.path, "reason": str(error)})
    return await _answer(503)


async def _too_slow(_: trio.TooSlowError) -> Response:
    return await _answer(503)


def register(app: Quart) -> None:
    """Put the explanations in place of Quart's own."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(StorageUnavailable, _database_away)
    app.register_error_handler(trio.TooSlowError, _too_slow)
