"""The frame: who is offered what, where one is, and what is said when something is wrong."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fixtures_web import SETTINGS, Browser

from actors.house import House
from storage.database import Connection, Database, StorageUnavailable
from storage.viewer import NotAllowed
from telephony.trail import current_trail
from web.app import create_app
from web.context import load_session
from web.portal import ADMINISTRATION, ANALYTICS, BUDGET, place_of


async def administrator(database: Database) -> None:
    """Make Andrea Sonnino an administrator."""

    async def write(connection: Connection) -> None:
        await connection.execute(
            "update person set role = 'administrator', scope = null where login = 'asonnino'"
        )

    await database.unit_of_work(write)


def navigation(page: str, name: str) -> list[tuple[str, str]]:
    """The links of one navigation, as addresses and words."""
    found = re.search(rf'<nav [^>]*aria-label="{name}".*?</nav>', page, flags=re.DOTALL)
    assert found, f"no navigation {name}"
    links = re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', found[0], flags=re.DOTALL)
    return [(href, re.sub(r"<[^>]+>", "", words).strip()) for href, words in links]


async def test_a_user_is_offered_what_they_may_use(browser: Browser) -> None:
    await browser.sign_in()
    await browser.get("/")
    assert navigation(browser.page, "Applications") == [
        ("/analytics/", "Call Analytics"),
        ("/budget/", "Budget Control"),
        ("/lock/", "Phone Lock"),
    ]
    assert "Administration" not in browser.text


async def test_call_analytics_has_its_pages_in_this_order(browser: Browser) -> None:
    await browser.sign_in()
    await browser.get("/analytics/")
    assert navigation(browser.page, "Call Analytics") == [
        ("/analytics/", "Home"),
        ("/analytics/dashboard", "Dashboard"),
        ("/analytics/reports", "Interactive Reports"),
        ("/analytics/scheduled-reports", "Scheduled Reports"),
        ("/analytics/alarms/new", "Create Alarm"),
        ("/analytics/alarms", "Scheduled Alarms"),
    ]


@pytest.mark.parametrize("demo", [False, True])
async def test_administration_is_for_administrators(
    house: House, database: Database, *, demo: bool
) -> None:
    browser = Browser(create_app(house, replace(SETTINGS, demo=demo)))
    await browser.sign_in()
    assert (await browser.get("/admin/style")).status_code == 403
    await administrator(database)
    assert (await browser.get("/admin/style")).status_code == 200
    titles = [words for _, words in navigation(browser.page, "Administration")]
    assert titles[:4] == ["State", "People", "Directory", "Audit log"]
    assert ("Style" in titles) is demo
    await browser.get("/")
    assert 'id="tile-administration"' in browser.page


@pytest.mark.parametrize(
    ("path", "application", "page", "mark"),
    [
        ("/analytics/", ANALYTICS, "/analytics/", "page"),
        ("/analytics/calls", ANALYTICS, "/analytics/", "true"),
        ("/analytics/calls/8.0", ANALYTICS, "/analytics/", "true"),
        ("/analytics/callers", ANALYTICS, None, ""),
        ("/analytics/alarms/new", ANALYTICS, "/analytics/alarms/new", "page"),
        ("/analytics/alarms", ANALYTICS, "/analytics/alarms", "page"),
        ("/analytics/alarms/7", ANALYTICS, "/analytics/alarms", "true"),
        ("/admin/people/5", ADMINISTRATION, "/admin/people", "true"),
        ("/admin/peoples", ADMINISTRATION, None, ""),
        ("/admin/elsewhere", ADMINISTRATION, None, ""),
        ("/budget/history", BUDGET, "/budget/history", "page"),
        ("/account/", None, None, ""),
    ],
)
def test_the_place_of_an_address(
    path: str, application: object, page: str | None, mark: str
) -> None:
    place = place_of(path, [ANALYTICS, BUDGET, ADMINISTRATION])
    assert place.application is application
    assert (place.page and place.page.path) == page
    if place.page:
        assert place.mark(place.page, path) == mark


async def test_a_failure_has_a_number_that_the_log_has_too(
    house: House,
) -> None:
    app = create_app(house, SETTINGS)
    followed: list[str] = []

    @app.get("/broken")
    async def broken() -> str:
        followed.append(current_trail()["request_id"])
        raise RuntimeError("broken")

    app.testing = False
    browser = Browser(app)
    assert (await browser.get("/broken")).status_code == 500
    assert followed
    assert f"Number of this request: {followed[0]}" in browser.text
    assert "tell your administrator the number below" in browser.text


async def test_what_storage_does_not_allow_is_a_403(house: House) -> None:
    app = create_app(house, SETTINGS)

    @app.get("/others")
    async def others() -> str:
        raise NotAllowed("not yours")

    browser = Browser(app)
    assert (await browser.get("/others")).status_code == 403
    assert "You may not open this page" in browser.text
    assert "not yours" not in browser.text


async def test_the_error_of_a_known_person_has_their_navigation(house: House) -> None:
    app = create_app(house, SETTINGS)
    asked: list[str] = []

    @app.get("/budget/away")
    async def away() -> str:

        await load_session()
        asked.append("page")
        raise StorageUnavailable("gone")

    browser = Browser(app)
    await browser.sign_in()
    answer = await browser.get("/budget/away")
    assert asked == ["page"]
    assert answer.status_code == 503
    assert ("/budget/", "My budgets") in navigation(browser.page, "Budget Control")
    assert "Try again" in browser.text


async def test_a_database_that_is_away_is_not_asked_by_the_error(house: House) -> None:
    class Away:
        free_connections = 0
        times = 0

        def within(self, _: float) -> Away:
            return self

        async def unit_of_work(self, *_: object, **__: object) -> object:
            Away.times += 1
            raise StorageUnavailable("gone")

    browser = Browser(create_app(replace(house, database=Away()), SETTINGS))  # type: ignore[arg-type]
    answer = await browser.get("/budget/", Cookie="ringfence=anything")
    assert (answer.status_code, Away.times) == (503, 1)


async def test_the_language_can_be_chosen_where_a_form_was_refused(browser: Browser) -> None:
    """The form is shown again at an address that takes forms alone; nobody is led to that."""
    await browser.sign_in()
    await browser.get("/account/")
    wrong = {"current": "no", "password": "a new secret of mine", "repeated": "another"}
    await browser.submit("/account/password", **wrong)
    assert browser.hidden("next") == "/account/"
    assert re.search(r'<input[^>]*name="current"[^>]* autofocus', browser.page)
    answer = await browser.get("/account/password")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/")


async def test_a_form_that_was_open_for_too_long_is_no_question_of_rights(browser: Browser) -> None:
    await browser.sign_in()
    await browser.get("/account/")
    assert (await browser.post("/account/language", csrf_token="of old")).status_code == 403
    assert "This page was open for too long" in browser.text
    await browser.get("/admin/audit")
    assert "Your account has no right" in browser.text


@pytest.mark.parametrize(
    ("path", "above"),
    [
        ("/admin/people/5/password", "/admin/people/5"),
        ("/admin/people/5/extensions/take", "/admin/people/5"),
        ("/admin/directory/sync", "/admin/directory"),
        ("/analytics/scheduled-reports/9/delete", "/analytics/scheduled-reports/9"),
        ("/logout", "/"),
    ],
)
async def test_an_address_that_takes_forms_alone_leads_to_the_page_above(
    browser: Browser, path: str, above: str
) -> None:
    await browser.sign_in()
    answer = await browser.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, above)
