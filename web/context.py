"""What a request knows: the house it is served by, who looks, and in which language.

The session is looked up once per request and kept in Quart's `g`; a page without a session (the
sign-in form, an error) still has a reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from quart import Quart, Response, current_app, g, make_response, redirect, render_template, request

from storage import sessions
from storage.people import Person
from storage.sessions import Session
from web.formats import Reader
from web.language import LANGUAGES, choose
from web.settings import WebSettings

if TYPE_CHECKING:
    from actors.house import House

LANGUAGE_COOKIE = "ringfence-language"


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
            g.session = await house().database.unit_of_work(
                sessions.find,
                token_hash(token),
                now=house().clock(),
                idle=timedelta(minutes=settings().session_idle_minutes),
                seen=not is_background(),
            )
    return cast("Session | None", g.session)


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


def reader() -> Reader:
    """The language, zone and instant of this request, made once."""
    if "reader" not in g:
        session = session_if_loaded()
        chosen = [session.person.language] if session else []
        chosen.append(request.cookies.get(LANGUAGE_COOKIE, ""))
        if not session and request.args.get("lang", "") in LANGUAGES:
            chosen.insert(0, request.args["lang"])
        language = choose(chosen, list(request.accept_languages.values()))
        zone_name = session.place.time_zone if session else "UTC"
        g.reader = Reader(language, zone_name, house().clock())
    return cast("Reader", g.reader)


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
