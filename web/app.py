"""The portal as one ASGI application, made of its parts.

    daemon -> create_app(house, settings) -> hypercorn

Nothing here asks the database: that is done per request, through the house.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import StrictUndefined
from quart import request
from quart_trio import QuartTrio

from web.account import account_pages
from web.assets import asset, assets
from web.budget import budget_pages
from web.context import attach, reader, session_if_loaded, settings
from web.entry import entry
from web.failures import register as register_failures
from web.history_words import action_words, details_words, owner_words, row_owner
from web.language import LANGUAGES
from web.live import live_pages
from web.lock import lock_pages
from web.menu import menu_pages
from web.ops import register as register_operations
from web.phone import phone
from web.portal import applications
from web.security import dress, form_secret, refuse_foreign_change, refuse_unstorable
from web.settings import WebSettings

if TYPE_CHECKING:
    from actors.house import House

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

PAGES = (account_pages, budget_pages, live_pages, lock_pages, menu_pages)
"""Every page for signed-in people."""

MAX_BODY_BYTES = 1_000_000
"""No form of the portal is larger."""


def _frame() -> dict[str, object]:
    """What every template may use."""
    session, person_reader = session_if_loaded(), reader()
    person = session.person if session else None
    return {
        "reader": person_reader,
        "language": person_reader.language,
        "languages": LANGUAGES,
        "person": person,
        "place": session.place if session else None,
        "csrf_token": form_secret,
        "applications": applications(person) if person else [],
        "asset": asset,
        "here": request.path,
        "address": request.full_path.rstrip("?"),
        "settings": settings(),
        "action_words": action_words,
        "details_words": details_words,
        "owner_words": owner_words,
        "row_owner": row_owner,
    }


def _gettext(message: str) -> str:
    return reader().language.words.gettext(message)


def _ngettext(one: str, many: str, number: int) -> str:
    return reader().language.words.ngettext(one, many, number)


def _speak_languages(app: QuartTrio) -> None:
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # given by the extension
        _gettext,
        _ngettext,
        newstyle=True,
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def create_app(house: House, settings: WebSettings) -> QuartTrio:
    """The portal for this house, ready to be served."""
    app = QuartTrio(__name__, static_folder=None, template_folder=str(TEMPLATES))
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    attach(app, house, settings)
    _speak_languages(app)
    app.context_processor(_frame)
    app.before_request(refuse_foreign_change)
    app.before_request(refuse_unstorable)
    app.after_request(dress)
    register_failures(app)
    for blueprint in (assets, entry, phone, *PAGES):
        app.register_blueprint(blueprint)
    register_operations(app, house)
    return app
