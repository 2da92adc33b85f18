"""The list of reports as people use it: trees, preview, options, and reports they keep."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from fixtures_web import Browser
from quart_trio import QuartTrio
from report_pages import LIST, PATH, Result, opened, rows_of, some_calls, speaks, words

from reports.catalogue import CATEGORIES, REPORTS
from storage.database import Database
from storage.saved_reports import MOST_SAVED

FILTER = f"{PATH}/call-list/save?options=1&on=type&way=outgoing&answer=any"
FORM = {
    "name": "My calls out", "description": "What I called", "category": "cost",
    "shared_with": "nobody",
}  # fmt: skip


@pytest.fixture
async def user(app: QuartTrio, database: Database) -> Browser:
    await some_calls(database)
    return await speaks(app)


def leaves(browser: Browser, tree: str) -> dict[str, str]:
    """The reports of a tree, and where selecting each leads."""
    found = Result(browser.page).all(f"//section[@aria-labelledby='{tree}']//a[@data-select]")
    return {words(one): one.get("href") for one in found}


async def keep(browser: Browser, path: str = FILTER, **more: str) -> Any:
    """Fill the form in that keeps a report, and follow where it leads."""
    await browser.get(path)
    answer = await browser.submit(
        Result(browser.page).all("//main//form/@action")[0], **FORM | more
    )
    if answer.status_code == 303:
        await browser.get(answer.headers["Location"])
    return answer


async def saved(database: Database) -> list[Any]:
    return await rows_of(database, "select * from saved_report order by id")


# Trees and preview --------------------------------------------------------------------------------


async def test_every_report_is_in_the_tree_and_has_a_preview(user: Browser) -> None:
    await user.get(PATH)
    public = leaves(user, "public-reports")
    assert len(public) == len(REPORTS)
    for number, (_, title) in enumerate(CATEGORIES, 1):
        assert f"{number}-{title}" in user.text
    for name, address in public.items():
        page = await opened(user, f"{address}&fragment=1")
        assert "<html" not in user.page
        assert words(page.all("//*[@id='preview-title']")[0]) == name
        assert "Sample" in user.text
        assert page.all("//tbody/tr")


async def test_the_selected_report_is_marked_and_leads_on(user: Browser) -> None:
    page = await opened(user, f"{PATH}?report=group-by-department")
    assert [words(one) for one in page.all("//a[@aria-current='true'][@data-select]")] == [
        "Group By Department"
    ]
    assert len((await opened(user, page.link("Execute"))).rows) == 1
    page = await opened(user, f"{PATH}?report=group-by-department")
    await opened(user, page.link("Options"))
    assert "Run Report" in user.text


@pytest.mark.parametrize("query", ["report=no-such", "saved=1", "saved=x", "saved=99999999999"])
async def test_nothing_is_selected(user: Browser, query: str) -> None:
    assert (await user.get(f"{PATH}?{query}")).status_code == 404


# Options ------------------------------------------------------------------------------------------


async def test_options_lead_to_what_was_pressed(user: Browser) -> None:
    sent = "options=1&on=type&way=incoming&answer=any&do="
    for do, path in (
        ("run", f"{PATH}/call-list"),
        ("save", f"{PATH}/call-list/save"),
        ("mail", f"{PATH}/call-list/mail"),
        ("schedule", "/analytics/scheduled-reports/new"),
    ):
        answer = await user.get(f"{PATH}/call-list/options?{sent}{do}")
        assert answer.status_code == 303
        there = answer.headers["Location"]
        assert urlsplit(there).path == path
        assert "way=incoming" in there
        assert (await user.get(there)).status_code == 200
    shown = await opened(user, f"{PATH}/call-list?{sent}run")
    assert len(shown.rows) == 1
    assert len(shown.chips) == 1


async def test_wrong_options_are_said_in_the_form(user: Browser) -> None:
    answer = await user.get(f"{PATH}/call-list/options?options=1&on=most&most=many&do=run")
    assert answer.status_code == 422
    assert 'value="many"' in user.page
    assert 'aria-invalid="true"' in user.page


# Reports one keeps --------------------------------------------------------------------------------


async def test_a_report_is_kept_found_and_run(user: Browser, database: Database) -> None:
    assert (await keep(user)).status_code == 303
    assert "Saved." in user.text
    mine = leaves(user, "personal-reports")
    assert list(mine) == ["My calls out"]
    assert "2-Incoming" in user.text
    page = await opened(user, mine["My calls out"])
    assert "What I called" in user.text
    shown = await opened(user, page.link("Execute"))
    assert words(shown.all("//h1")[0]) == "My calls out"
    assert len(shown.rows) == 2
    await user.get(f"{PATH}/history")
    assert "My calls out" in user.text
    await user.get("/analytics/")
    assert "My calls out" in user.text
    told = await rows_of(database, "select action, subject from audit where action like 'report_%'")
    assert [(one["action"], one["subject"]) for one in told] == [("report_saved", "My calls out")]


async def test_a_changed_filter_is_no_longer_the_saved_report(
    user: Browser, database: Database
) -> None:
    await keep(user)
    ((kept),) = await saved(database)
    shown = await opened(user, f"{PATH}/call-list?saved={kept['id']}")
    (without,) = shown.chips.values()
    shown = await opened(user, without)
    assert words(shown.all("//h1")[0]) == "Call List"
    assert len(shown.rows) == 3


async def test_the_form_says_what_is_wrong(user: Browser, database: Database) -> None:
    await keep(user)
    for field, typed, said in (
        ("name", "   ", "Give the report a name."),
        ("name", "x" * 101, "Write at most 100 letters."),
        ("name", "MY CALLS OUT", "You have a report of this name already."),
        ("name", "My\x07calls", "It holds signs that cannot be written here."),
        ("description", "in\x07out", "It holds signs that cannot be written here."),
        ("description", "x" * 1001, "Write at most 1000 letters."),
        ("category", "secret", "Choose one of the list."),
        ("shared_with", "the world", "Choose one of the list."),
    ):
        answer = await keep(user, **{"name": "Another"} | {field: typed})
        assert answer.status_code == 422, field
        assert said in user.text.replace(",", "")
    assert len(await saved(database)) == 1


async def test_only_so_many_are_kept(user: Browser, database: Database) -> None:
    await rows_of(
        database,
        "insert into saved_report (person_id, report, category, name, description, options,"
        " created_at, changed_at) select p.id, 'call-list', 'monitor', 'r' || n, '', '{}', now(),"
        " now() from person p, generate_series(1, $1::int) n where p.login = 'asonnino'",
        MOST_SAVED,
    )
    assert (await keep(user)).status_code == 422
    assert f"You have {MOST_SAVED} reports already" in user.text


async def test_one_s_own_is_changed_or_kept_twice(user: Browser, database: Database) -> None:
    await keep(user)
    ((kept),) = await saved(database)
    path = f"{PATH}/call-list/save?saved={kept['id']}"
    await user.get(path)
    assert 'value="My calls out"' in user.page
    await keep(user, path, name="Renamed", shared_with="everybody")
    ((now),) = await saved(database)
    assert (now["id"], now["name"], now["shared_with"]) == (kept["id"], "Renamed", "everybody")
    assert now["options"] == kept["options"]
    await keep(user, path, name="Copy", as_new="1")
    assert [one["name"] for one in await saved(database)] == ["Renamed", "Copy"]


async def test_deleted_and_back(user: Browser, database: Database) -> None:
    await keep(user, shared_with="department")
    ((kept),) = await saved(database)
    answer = await user.submit(f"{PATH}/saved/{kept['id']}/delete")
    await user.get(answer.headers["Location"])
    assert await saved(database) == []
    assert "My calls out" in user.text
    assert leaves(user, "personal-reports") == {}
    answer = await user.submit(f"{PATH}/saved/restore")
    await user.get(answer.headers["Location"])
    assert "The report is back." in user.text
    ((back),) = await saved(database)
    for name in ("name", "description", "category", "options", "shared_with", "report"):
        assert back[name] == kept[name]
    assert (await user.submit(f"{PATH}/saved/restore")).status_code == 404
    assert (await user.submit(f"{PATH}/saved/{kept['id']}/delete")).status_code == 404


async def test_a_report_is_not_back_where_its_name_is_taken(
    user: Browser, database: Database
) -> None:
    await keep(user)
    ((kept),) = await saved(database)
    await user.submit(f"{PATH}/saved/{kept['id']}/delete")
    await keep(user)
    answer = await user.submit(f"{PATH}/saved/restore")
    await user.get(answer.headers["Location"])
    assert "could not be brought back" in user.text
    assert len(await saved(database)) == 1


@pytest.mark.parametrize(
    ("shared_with", "login", "finds"),
    [
        ("nobody", "bkowalska", False),
        ("department", "bkowalska", True),
        ("department", "dweber", False),
        ("office", "dweber", True),
        ("everybody", "fhaddad", True),
    ],
)
async def test_a_shared_report_shows_each_their_own(
    app: QuartTrio, user: Browser, database: Database, shared_with: str, login: str, finds: bool
) -> None:
    await keep(user, shared_with=shared_with)
    ((kept),) = await saved(database)
    address, form = f"{PATH}/call-list?saved={kept['id']}", {**FORM, "name": "Stolen"}
    other = await speaks(app, login)
    await other.get(PATH)
    assert ("My calls out" in leaves(other, "personal-reports")) is finds
    assert ("by Andrea Sonnino" in other.text) is finds
    assert (await other.get(address)).status_code == (200 if finds else 404)
    if finds:
        assert "731" not in {row.cells[1] for row in Result(other.page).rows}
    await other.get(PATH)
    assert (await other.submit(f"{PATH}/saved/{kept['id']}/delete")).status_code == 404
    await other.get("/account/")
    answer = await other.submit(f"{PATH}/call-list/save?saved={kept['id']}", **form)
    assert answer.status_code == (303 if finds else 404)
    ((first), *others) = await saved(database)
    assert first == kept, "a report of somebody else is kept as one's own, never changed"
    assert len(others) == int(finds)


async def test_a_link_that_was_sent_opens_without_the_name(
    app: QuartTrio, user: Browser, database: Database
) -> None:
    await keep(user)
    ((kept),) = await saved(database)
    shown = await opened(user, f"{PATH}/call-list?saved={kept['id']}")
    other = await speaks(app, "dweber")
    there = await opened(other, shown.headings["Duration"])
    assert "My calls out" not in other.page
    assert {row.cells[1] for row in there.rows} == {"741"}


async def test_filters_that_can_no_longer_be_read(user: Browser, database: Database) -> None:
    await keep(user)
    ((kept),) = await saved(database)
    await rows_of(database, "update saved_report set options = '{\"version\": 99}'")
    for path in ("", "/options", "/save"):
        await opened(user, f"{PATH}/call-list{path}?saved={kept['id']}")
        assert "can no longer be read" in user.text, path
    await opened(user, f"{PATH}?saved={kept['id']}")
    assert "can no longer be read" in user.text


async def test_a_name_is_only_text(user: Browser) -> None:
    await keep(user, name="<b>me</b> & you", description="<script>alert(1)</script>")
    assert "<b>me" not in user.page
    assert "<script>alert" not in user.page
    assert "<b>me</b> & you" in leaves(user, "personal-reports")


async def test_the_list_is_in_one_s_language(app: QuartTrio) -> None:
    browser = await speaks(app, "root", "ar")
    await opened(browser, PATH)
    assert 'dir="rtl"' in browser.page
    await opened(browser, LIST)
