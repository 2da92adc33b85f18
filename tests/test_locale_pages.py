"""Every page in every language: whole, turned the right way, and in one language only.

The pages are those the application has; a new one is covered by being there. A text that stands
in English in another language's page is either not translated or not marked for translation.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.support import NullTranslations
from fixtures_directory import Office
from fixtures_web import SETTINGS, Browser, budget_for
from quart_trio import QuartTrio
from test_locale import extracted
from werkzeug.routing import Rule

from actors import state
from actors.house import House
from storage import audit
from storage.alarms import raise_alarm
from storage.audit import Event
from storage.database import Connection, Database
from web.app import create_app
from web.audit_words import ACTIONS
from words.language import LANGUAGES, language

STATIC = Path(__file__).parents[1] / "web" / "static"
NO_PAGES = {"/live", "/healthz", "/metrics", "/analytics/scheduled-reports/next-runs"}
"""What answers GET and is read by machines, or is a part of a page."""

OTHERS = [code for code in LANGUAGES if code != "en"]
SPOKEN = (
    "aria-label",
    "title",
    "placeholder",
    "alt",
    "data-confirm",
    "data-confirm-yes",
    "data-text",
)
DATA = {"script", "style", "bdi", "code", "pre", "kbd"}
EMPTY = {"input", "br", "link", "meta", "img", "hr"}
NAMES = {"Menu"}
"""What something of the test's company is called: a gateway."""

LEAST_WORDS = 3
"""Texts of fewer words are compared whole; of these any part that long gives a page away."""


class Said(HTMLParser):
    """The texts of a page a person reads or hears, one by one; data is left out.

    Data is what stands in `bdi`, `code`, `pre` and `kbd`, and what names its own language.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if not self._skipped:
            self.texts += [value for name in SPOKEN if (value := given.get(name))]
        own_language = "lang" in given and tag != "html"
        opens = self._skipped or own_language or tag in DATA
        if opens and tag not in EMPTY:
            self._skipped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipped and tag == self._skipped[-1]:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if words and not self._skipped:
            self.texts.append(words)


def said_on(page: str) -> list[str]:
    """The texts of a page."""
    parser = Said()
    parser.feed(page)
    return parser.texts


def pages_of(app: QuartTrio) -> list[str]:
    """The addresses of all pages that need nothing in their address."""

    def is_page(rule: Rule) -> bool:
        return "GET" in (rule.methods or set()) and not rule.arguments

    found = {rule.rule for rule in app.url_map.iter_rules() if is_page(rule)}
    return sorted(path for path in found - NO_PAGES if not path.endswith((".csv", ".xlsx")))


def english_of(wanted: Catalog, code: str) -> tuple[set[str], set[str]]:
    """English that must not stand in a page of `code`: whole texts, and parts of sentences."""
    words = language(code).words
    whole, parts = set[str](), set[str]()
    for message in wanted:
        for text in (message.id,) if isinstance(message.id, str) else message.id:
            if not text:
                continue
            if text in NAMES or text in _said(words, message.id):
                continue
            translated = words.gettext(text) != text or words.ngettext(text, text, 5) != text
            may_be_the_same = translated is False and len(text.split()) < LEAST_WORDS
            if may_be_the_same:
                continue
            whole.add(text)
            for part in re.split(r"%\(\w+\)[sd]|\{\w+\}", text):
                if len(part.split()) >= LEAST_WORDS:
                    parts.add(" ".join(part.split()))
    same = _same_in(wanted, code)
    return whole - same, parts - same


def _said(words: NullTranslations, message: str | tuple[str, ...]) -> set[str]:
    """Every form in which the language says a message with plural forms."""
    if isinstance(message, str):
        return set()
    return {words.ngettext(message[0], message[1], number) for number in range(101)}


def _same_in(wanted: Catalog, code: str) -> set[str]:
    """Long texts that are the same in both languages on purpose."""
    words = language(code).words
    return {
        m.id
        for m in wanted
        if isinstance(m.id, str) and m.id in _catalogue_ids(code) and words.gettext(m.id) == m.id
    }


def _catalogue_ids(code: str) -> set[str]:
    catalogue = getattr(language(code).words, "_catalog", {})
    return {key for key in catalogue if isinstance(key, str)}


@pytest.fixture
async def eventful(office: Office, database: Database) -> QuartTrio:
    """A portal where something of everything has happened, so that pages have much to say."""
    await budget_for(database, "root", "100.00")

    async def happen(connection: Connection) -> None:
        now = datetime.now(UTC)
        for action in ACTIONS:
            await audit.record(connection, Event(action, login="x", details={"role": "user"}), now)
        params = dict.fromkeys(("why", "extension", "actor", "file"), "?")
        for kind in state.ALARMS:
            await raise_alarm(connection, kind, kind, params, now)
        await connection.execute("insert into hold (extension, kind) values ('799', 'user')")
        await connection.execute(
            "insert into file_gap (cluster, node, kind, sequence) values ('C', 1, 'cdr', 7)"
        )

    await database.unit_of_work(happen)
    return office.app


async def opened(app: QuartTrio, code: str) -> dict[str, str]:
    """Every page as the administrator reads it in a language, by address; the door, too."""
    browser, stranger = Browser(app), Browser(app, **{"Accept-Language": code})
    await browser.sign_in("root")
    await browser.get("/account/")
    await browser.submit("/account/language", language=code, next="/")
    found: dict[str, str] = {}
    for path in pages_of(app):
        reads = stranger if path.startswith("/login") else browser
        answer = await reads.get(path)
        if answer.mimetype == "text/html" and answer.status_code == 200:
            found[path] = reads.page
        else:
            assert answer.status_code in {200, 303}, (path, answer.status_code)
    await browser.get("/nowhere")
    return found | {"/nowhere": browser.page}


async def test_pages_are_found_by_themselves(app: QuartTrio) -> None:
    found = pages_of(app)
    assert {"/", "/login", "/account/", "/admin/", "/admin/audit", "/budget/history"} <= set(found)
    assert not any("<" in path or path.startswith("/static") for path in found)


def test_what_is_data_is_no_text() -> None:
    page = (
        '<html lang="de"><p title="Close it now">One <bdi>two three</bdi> four</p>'
        '<option lang="fr">Français</option><input placeholder="Find"><code>a <b>b</b></code>end'
    )
    assert said_on(page) == ["Close it now", "One", "four", "Find", "end"]


@pytest.mark.parametrize("code", OTHERS)
async def test_no_page_mixes_languages(eventful: QuartTrio, code: str) -> None:
    whole, parts = english_of(extracted(), code)
    mixed: dict[str, list[str]] = {}
    for path, page in (await opened(eventful, code)).items():
        assert f'<html lang="{code}"' in page, path
        for text in said_on(page):
            if text in whole or any(part in text for part in parts):
                mixed.setdefault(text, []).append(path)
    assert not mixed, f"English in pages in {code}: {mixed}"


@pytest.mark.parametrize("code", LANGUAGES)
async def test_every_page_is_turned_the_way_of_its_language(eventful: QuartTrio, code: str) -> None:
    direction = "rtl" if code == "ar" else "ltr"
    for path, page in (await opened(eventful, code)).items():
        assert f'<html lang="{code}" dir="{direction}">' in page, path
        assert not re.search(r"<[^>]+\sstyle=", page), f"{path}: a style of its own"


# What is turned for Arabic by itself --------------------------------------------------------------

PHYSICAL = re.compile(
    r"(?<![\w-])((?:margin|padding|border|inset|scroll-margin|scroll-padding)-(?:left|right)[\w-]*"
    r"|border-(?:top|bottom)-(?:left|right)-radius|left|right)\s*:"
    r"|(?<![\w-])(?:text-align|float|clear)\s*:\s*(?:left|right)\b"
)
REASONED: dict[tuple[str, str], str] = {}
"""Declarations that name a side of the screen and mean it: (sheet, declaration) and why."""


def physical(sheet: str) -> list[str]:
    """Declarations of a style sheet that would not turn with the language."""
    bare = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    return [found[0].strip() for found in PHYSICAL.finditer(bare)]


def test_a_side_of_the_screen_is_found() -> None:
    sheet = "a{margin-left:0;padding-inline-start:1px;text-align: right} b{left:0} /* left: 1 */"
    assert physical(sheet) == ["margin-left:", "text-align: right", "left:"]
    assert physical("a { transform: x; inset-inline-end: 0; text-align: start; float: none }") == []


def test_style_sheets_name_no_side_of_the_screen() -> None:
    sheets = sorted(STATIC.glob("**/*.css"))
    assert sheets
    for sheet in sheets:
        named = [one for one in physical(sheet.read_text()) if (sheet.name, one) not in REASONED]
        assert not named, f"{sheet.name}: {named}; use logical properties"


async def test_the_demo_shows_its_components_in_every_language(house: House) -> None:
    """The page of the components is the demo's alone; it opens as the others do."""
    from dataclasses import replace

    browser = Browser(create_app(house, replace(SETTINGS, demo=True)), **{"Accept-Language": "ar"})
    await browser.sign_in("root")
    answer = await browser.get("/admin/style")
    assert answer.status_code in {200, 303}
