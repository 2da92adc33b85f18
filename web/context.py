"""What a request knows: the house it is served by, who looks, and in which language.

The session is looked up once per request and kept in Quart's `g`; a page without a session (the
sign-in form, an error) still has a reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from quart import Quart, Response, current_app, g, make_response, redirect, render_template, request

from storage import people, sessions
from storage.database import Connection, StorageUnavailable
from storage.people import Person
from storage.sessions import Ending, Session
from storage.viewer import Viewer
from web.settings import WebSettings
from words.formats import Reader
from words.language import LANGUAGES, asks_for_ours, choose

if TYPE_CHECKING:
    from actors.house import House

LANGUAGE_COOKIE = "ringfence-language"

GADGET_PATHS = ("/gadgets/", "/live", "/logout", "/static/")
"""All that a gadget's session opens: it lives for weeks in a window that nobody closes."""


@dataclass(frozen=True, slots=True)
class Served:
    """What an application was made with."""

    house: House
    settings: WebSettings


def attach(app: Quart, house: House, settings: WebSettings) -> None:
    """Give an application its house and settings; done once, when it is made."""
    app.extensions["ringfence"] = Served(house, settings)


def _served() -> Served:
    return cast("Served", current_app.extensions["ringfence"])


def house() -> House:
    """The house this request is served by."""
    return _served().house


def settings() -> WebSettings:
    """The portal's settings."""
    return _served().settings


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def is_background() -> bool:
    """Whether the page itself asks, not the person: such a request keeps no session awake."""
    return request.path == "/live" or "fragment" in request.args


def client_address() -> str:
    """Where the request comes from; behind a proxy of ours, what that proxy has seen."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if settings().behind_proxy and forwarded:
        return forwarded.rsplit(",", 1)[-1].strip()
    return request.remote_addr or ""


async def load_session() -> Session | None:
    """The session of this request's cookie, or None. Raises `StorageUnavailable`."""
    if "session" not in g:
        token = request.cookies.get(settings().session_cookie, "")
        g.session = None
        if token:
            found = await house().database.unit_of_work(_look_up, token_hash(token))
            g.session, g.ending = found
            if g.session is not None and g.session.kind == "gadget" and not _is_for_gadgets():
                g.session = None
        if g.session is None:
            await _learn_site_language()
    return cast("Session | None", g.session)


def _is_for_gadgets() -> bool:
    return request.path.startswith(GADGET_PATHS)


async def _look_up(
    connection: Connection, hashed: bytes
) -> tuple[Session, None] | tuple[None, Ending]:
    now, idle = house().clock(), timedelta(minutes=settings().session_idle_minutes)
    session = await sessions.find(connection, hashed, now=now, idle=idle, seen=not is_background())
    if session is not None:
        return session, None
    return None, await sessions.why_over(connection, hashed, now)


async def _learn_site_language() -> None:
    """Ask for the first site's language where this browser asks for none of ours."""
    cookie = request.cookies.get(LANGUAGE_COOKIE, "")
    if cookie in LANGUAGES or asks_for_ours(request.accept_languages.values()):
        return
    with suppress(StorageUnavailable):  # the page says it in English then
        g.site_language = await house().database.unit_of_work(people.first_language)


def session_ending() -> Ending | None:
    """Why the session this browser still remembers is over; None where it remembers none."""
    return cast("Ending | None", g.get("ending"))


def session_if_loaded() -> Session | None:
    """The session, without asking the database: None where nobody has looked yet."""
    return cast("Session | None", g.get("session"))


def signed_in() -> Session:
    """The session of a request that cannot come here without one."""
    session = session_if_loaded()
    if session is None:
        raise RuntimeError("a page for signed-in people was reached without a session")
    return session


def viewer() -> Person:
    """Who looks at a page for signed-in people."""
    return signed_in().person


def seer() -> Viewer:
    """How far whoever looks may see; what every query of people's data is given."""
    return Viewer.of(viewer())


def reader() -> Reader:
    """The language, zone, clock and instant of this request, made once.

    The language is the one the person chose, else the directory's, else what this browser was told
    at the door or asks for, else that of their site.
    """
    if "reader" not in g:
        session = session_if_loaded()
        g.reader = _reader_of(session) if session else _stranger()
    return cast("Reader", g.reader)


def _reader_of(session: Session) -> Reader:
    person, place = session.person, session.place
    chosen = (person.language, person.directory_language, *_of_this_browser())
    language = choose(chosen, request.accept_languages.values(), place.language)
    return Reader(language, place.time_zone, house().clock(), person.time_format)


def _stranger() -> Reader:
    chosen = (request.args.get("lang", ""), *_of_this_browser())
    site = str(g.get("site_language", ""))
    language = choose(chosen, request.accept_languages.values(), site)
    return Reader(language, "UTC", house().clock())


def _of_this_browser() -> tuple[str, ...]:
    return (request.cookies.get(LANGUAGE_COOKIE, ""),)


def say(message: str, **values: object) -> str:
    """The message in the reader's language; the catalogues know it under `_` as well."""
    return reader().language.text(message, **values)


async def fields() -> Mapping[str, str]:
    """The fields of the form this request sends; empty where it sends none."""
    return cast("Mapping[str, str]", await request.form)  # pyright: ignore[reportUnknownMemberType] - Quart leaves it open


async def page(template: str, *, status: int = 200, **values: object) -> Response:
    """An answer made of a template; the frame's own values are added by the application."""
    return cast("Response", await make_response(await render_template(template, **values), status))


async def part_or_page(
    part: str, template: str, *, status: int = 200, **values: object
) -> Response:
    """The whole page, or where the page asks for its live part again, that part alone."""
    return await page(part if "fragment" in request.args else template, status=status, **values)


def go(path: str) -> Response:
    """Send the browser to a path of ours, by GET."""
    return cast("Response", redirect(path, 303))
