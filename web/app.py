"""The portal as one ASGI application, made of its parts.

    daemon -> create_app(house, settings) -> hypercorn

Nothing here asks the database: that is done per request, through the house.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import StrictUndefined
from quart import request
from quart_trio import QuartTrio

from web.account import account_pages
from web.analytics import analytics_pages
from web.assets import asset, assets
from web.audit import audit_pages
from web.budget import budget_pages
from web.calls import call_pages
from web.context import attach, reader, session_if_loaded, settings
from web.dashboard import dashboard_pages
from web.directory import directory_pages
from web.entry import entry
from web.failures import register as register_failures
from web.history_words import action_words, details_words, owner_words, row_owner
from web.live import live_pages
from web.lock import lock_pages
from web.menu import menu_pages
from web.ops import register as register_operations
from web.people import people_pages
from web.people_fields import people_field_pages
from web.people_import import people_import_pages
from web.person import person_pages
from web.person_doors import person_door_pages
from web.phone import phone
from web.portal import applications, place_of
from web.report_files import report_file_pages
from web.report_history import report_history_pages
from web.report_results import report_result_pages
from web.report_saving import report_saving_pages
from web.reports import report_pages
from web.schedule import schedule_pages
from web.scheduled_reports import scheduled_report_pages
from web.search import search_pages
from web.security import dress, form_secret, refuse_foreign_change, refuse_unstorable
from web.settings import WebSettings
from web.state import register as register_state
from web.state import state_pages
from web.style import style_pages
from web.uploads import RoomyRequest
from web.way_back import nearest_page
from words.language import LANGUAGES

if TYPE_CHECKING:
    from actors.house import House

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

PAGES = (
    account_pages,
    analytics_pages,
    audit_pages,
    budget_pages,
    call_pages,
    dashboard_pages,
    directory_pages,
    live_pages,
    lock_pages,
    menu_pages,
    people_field_pages,
    people_import_pages,
    people_pages,
    person_door_pages,
    person_pages,
    report_file_pages,
    report_history_pages,
    report_pages,
    report_result_pages,
    report_saving_pages,
    schedule_pages,
    scheduled_report_pages,
    search_pages,
    state_pages,
    style_pages,
)
"""Every page for signed-in people."""

MAX_BODY_BYTES = 1_000_000
"""No form of the portal is larger, save where `web.uploads` expects a file."""


def _frame() -> dict[str, object]:
    """What every template may use."""
    session, person_reader = session_if_loaded(), reader()
    person = session.person if session else None
    known = applications(person) if person else []
    return {
        "reader": person_reader,
        "language": person_reader.language,
        "languages": LANGUAGES,
        "person": person,
        "place": session.place if session else None,
        "csrf_token": form_secret,
        "applications": known,
        "whereabouts": place_of(request.path, known),
        "asset": asset,
        "here": request.path,
        "address": nearest_page(),
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
    app.request_class = RoomyRequest
    attach(
        app, replace(house, database=house.database.within(settings.database_patience_s)), settings
    )
    _speak_languages(app)
    app.context_processor(_frame)
    app.before_request(refuse_foreign_change)
    app.before_request(refuse_unstorable)
    app.after_request(dress)
    register_failures(app)
    for blueprint in (assets, entry, phone, *PAGES):
        app.register_blueprint(blueprint)
    register_operations(app, house)
    register_state(app, house.clock())
    return app
