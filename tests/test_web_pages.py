"""My budgets, their history, my phone: what each person sees, and what nobody else can do."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import trio
from fixtures_web import SETTINGS, Browser, budget_for, id_of, spend
from quart_trio import QuartTrio

from actors.house import House
from actors.mailbox import ActorBusy
from actors.registry import Registry
from storage import locks
from storage.database import Connection, Database, StorageUnavailable
from storage.locks import LockView
from telephony.plant import ExtensionKey
from web.app import create_app
from words.formats import Reader
from words.language import LANGUAGES, language

MINE = ExtensionKey("731")


@pytest.fixture
async def andrea(browser: Browser, database: Database) -> Browser:
    """Andrea Sonnino with a monthly budget of 100.00, signed in."""
    await budget_for(database, "asonnino", "100.00")
    await browser.sign_in()
    return browser


async def held(database: Database, key: ExtensionKey = MINE) -> LockView:
    return await database.unit_of_work(locks.view, key)


async def place(database: Database, kind: str, by: int | None = None, source: str = "") -> None:
    await database.unit_of_work(
        locks.set_hold, MINE, kind, held=True, by=by, source=source, now=datetime.now(UTC)
    )


async def seen(database: Database, actual: str, error: str | None = None) -> None:
    """Have the phone system look as if it had answered so."""

    async def write(connection: Connection) -> None:
        await connection.execute(
            "insert into line (extension, actual, error) values ('731', $1, $2) "
            "on conflict (extension, partition) do update set actual = $1, error = $2",
            actual,
            error,
        )

    await database.unit_of_work(write)


# The menu and the frame --------------------------------------------------------------------------


async def test_the_menu_shows_what_one_may_use(andrea: Browser) -> None:
    await andrea.get("/")
    for words in ("Welcome Andrea Sonnino", "Budget Control", "Phone Lock", "€100.00"):
        assert words in andrea.text


async def test_without_an_extension_there_is_no_phone_to_lock(
    browser: Browser, database: Database
) -> None:
    async def take(connection: Connection) -> None:
        await connection.execute(
            "update extension_owner set until_at = now() - interval '1 day' where extension = '751'"
        )

    await database.unit_of_work(take)
    await browser.sign_in("fhaddad")
    await browser.get("/")
    assert "Phone Lock" not in browser.text
    await browser.get("/lock/")
    assert "You have no extension" in browser.text


async def test_the_current_place_is_marked(andrea: Browser) -> None:
    await andrea.get("/budget/history")
    assert re.search(r'href="/budget/" aria-current="true"', andrea.page)
    assert re.search(r'href="/budget/history" aria-current="page"', andrea.page)


@pytest.mark.parametrize("code", LANGUAGES)
async def test_each_language_is_whole_and_turned_the_right_way(andrea: Browser, code: str) -> None:
    await andrea.get("/account/")
    await andrea.submit("/account/language", language=code, next="/budget/")
    answer = await andrea.get("/budget/")
    direction = "rtl" if code == "ar" else "ltr"
    assert f'<html lang="{code}" dir="{direction}">' in andrea.page
    assert answer.headers["Content-Language"] == code
    words = language(code).words.gettext
    assert words("My budgets") in andrea.text
    assert words("Monthly") + " (100" in andrea.text
    if code != "en":
        assert "Remaining" not in andrea.text


async def test_the_browser_chooses_before_sign_in(app: QuartTrio) -> None:
    browser = Browser(app, **{"Accept-Language": "pl-PL,pl;q=0.9,en;q=0.5"})
    await browser.get("/login")
    assert "Zaloguj się" in browser.text


async def test_a_language_chosen_at_the_door_is_remembered(browser: Browser) -> None:
    await browser.get("/login?lang=ar")
    assert 'dir="rtl"' in browser.page
    await browser.get("/login")
    assert 'dir="rtl"' in browser.page


# My budgets --------------------------------------------------------------------------------------


async def test_a_budget_shows_its_fields(andrea: Browser, database: Database) -> None:
    await spend(database, "asonnino", "50.105")
    await andrea.get("/budget/")
    assert "Monthly (100.00)" in andrea.text
    assert andrea.value("budget-amount") == "€100.00"
    assert andrea.value("budget-current") == "€50.11"
    assert andrea.value("budget-remaining") == "€49.90"
    assert andrea.value("budget-period") == "Monthly"
    assert re.fullmatch(r"\d\d/\d\d/\d{4}", andrea.value("budget-until"))
    assert andrea.value("budget-phone") == "Unlocked"
    assert "You have €49.90 left until" in andrea.text
    assert "At 100% your phone is locked for outside calls" in andrea.text


async def test_a_warning_and_the_end_are_marked(andrea: Browser, database: Database) -> None:
    await spend(database, "asonnino", "80")
    await andrea.get("/budget/")
    assert "Past the 80% mark" in andrea.text
    account = await spend(database, "asonnino", "100")
    await seen(database, "locked")
    await andrea.get("/budget/")
    assert "This budget is used up until" in andrea.text
    assert "100% used" in andrea.text
    assert andrea.value("budget-phone") == "Locked"
    await andrea.get("/lock/")
    assert f'href="/budget/?budget={account}"' in andrea.page


async def test_not_quite_used_up_is_not_used_up(andrea: Browser, database: Database) -> None:
    await spend(database, "asonnino", "99.999999")
    await andrea.get("/budget/")
    assert "99% used" in andrea.text
    assert "used up until" not in andrea.text


async def test_each_budget_has_its_tab(andrea: Browser, database: Database) -> None:
    await budget_for(database, "Sales", "450", target="department", period="weekly", locks=False)
    await andrea.get("/budget/")
    assert "Monthly (100.00)" in andrea.text
    tab = re.search(r'href="(/budget/\?budget=\d+)"[^>]*>Weekly \(450\.00\)', andrea.page)
    assert tab
    await andrea.get(tab[1])
    assert "Department Sales" in andrea.text
    assert "Your phone stays open" in andrea.text


async def test_without_a_budget_the_page_says_so(browser: Browser) -> None:
    await browser.sign_in("bkowalska")
    await browser.get("/budget/")
    assert "You have no budget" in browser.text


async def test_nobody_sees_anothers_budget(browser: Browser, database: Database) -> None:
    await budget_for(database, "asonnino", "77.00")
    account = await spend(database, "asonnino", "1")
    await browser.sign_in("bkowalska")
    await browser.get(f"/budget/?budget={account}")
    assert "77.00" not in browser.page


def test_money_is_rounded_for_the_eye_alone() -> None:
    reader = Reader(language("de"), "Europe/Rome", datetime.now(UTC))
    assert reader.money(Decimal("1149.885"), "EUR") == "1.149,89\xa0€"
    assert reader.money(Decimal("-0.004"), "EUR") == "0,00\xa0€"
    assert reader.bare_money(Decimal(1500), "JPY") == "1.500"


# History -----------------------------------------------------------------------------------------


async def write_history(database: Database, login: str, rows: int) -> None:
    person_id = await id_of(database, login)

    async def write(connection: Connection) -> None:
        account = await connection.fetchval(
            "select id from budget_account where person_id = $1", person_id
        )
        await connection.execute("delete from budget_history where account_id = $1", account)
        start = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
        for number in range(rows):
            action, details = (
                ("end_period", {"spent": "5.390000", "assigned": "100.000000"})
                if number % 2
                else (
                    "notify_sent",
                    {
                        "kind": "phone_unlocked",
                        "channel": "mail",
                        "address": f"row{number}@example.com",
                        "to": "Andrea Sonnino",
                        "extension": "731",
                    },
                )
            )
            await connection.execute(
                "insert into budget_history (account_id, person_id, at, action, details) "
                "values ($1, $2, $3, $4, $5)",
                account,
                person_id,
                start + timedelta(days=number),
                action,
                details,
            )

    await database.unit_of_work(write)


def rows_of(browser: Browser) -> list[list[str]]:
    body = browser.page.partition('<tbody role="rowgroup">')[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr .*?</tr>", body, re.DOTALL)
    cells = [re.findall(r"<td.*?</td>", row, re.DOTALL) for row in rows]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


@pytest.fixture
async def told(andrea: Browser, database: Database) -> Browser:
    """Andrea with a history of 58 rows from 1 March on."""
    await write_history(database, "asonnino", 58)
    return andrea


async def test_history_has_its_columns_and_pages(told: Browser) -> None:
    await told.get("/budget/history")
    assert "58 items in 6 pages" in told.text
    rows = rows_of(told)
    assert len(rows) == 10
    assert rows[0] == [
        "27/04/2026 02:30",
        "User Andrea Sonnino (731)",
        "End period",
        "€5.39 (assigned €100.00)",
    ]
    assert rows[1][2:] == ["Notify sent", "Phone was unlocked, sent to [MAIL:row56@example.com]"]
    await told.get("/budget/history?page=6")
    assert len(rows_of(told)) == 8


async def test_history_sorts_by_time(told: Browser) -> None:
    await told.get("/budget/history?sort=asc")
    assert rows_of(told)[0][0] == "01/03/2026 01:30"
    assert 'aria-sort="ascending"' in told.page


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("from=2026-03-31&until=2026-03-31", "1 item in 1 page"),
        ("action=end_period", "29 items in 3 pages"),
        ("for=sonnino", "58 items in 6 pages"),
        ("for=kowalska", "0 items in 1 page"),
        ("details=row5", "4 items in 1 page"),
        ("action=end_period&from=2026-04-01", "14 items in 2 pages"),
        ("from=yesterday&page=-3&action=drop+table&sort=up", "58 items in 6 pages"),
        ("details=%25", "0 items in 1 page"),
        ("from=0001-01-01&until=9999-12-31", "58 items in 6 pages"),
    ],
)
async def test_history_is_filtered_by_its_address(told: Browser, query: str, total: str) -> None:
    await told.get(f"/budget/history?{query}")
    assert total in told.text


async def test_filters_can_be_removed_one_by_one(told: Browser) -> None:
    await told.get("/budget/history?action=end_period&details=5.39")
    assert 'href="/budget/history?details=5.39"' in told.page
    assert 'href="/budget/history?action=end_period"' in told.page


async def test_nobody_reads_anothers_history(told: Browser, app: QuartTrio) -> None:
    other = Browser(app)
    await other.sign_in("bkowalska")
    await other.get("/budget/history")
    assert "Nothing has happened yet" in other.text


async def test_a_part_is_the_part_alone(told: Browser) -> None:
    answer = await told.get("/budget/history?fragment=1")
    assert answer.status_code == 200
    assert "<html" not in told.page
    assert "58 items in 6 pages" in told.text


# My phone ----------------------------------------------------------------------------------------


async def test_one_button_locks_and_unlocks(andrea: Browser, database: Database) -> None:
    await andrea.get("/lock/")
    assert "Extension 731 Unlocked" in andrea.text
    assert "Locking does not clear your phone's list of calls." in andrea.text
    assert "112, 118" in andrea.text
    answer = await andrea.submit("/lock/", extension="731", held="1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/lock/")
    view = await held(database)
    assert [(hold.kind, hold.placed_by_name) for hold in view.holds] == [("user", "Andrea Sonnino")]
    await andrea.get("/lock/")
    assert "Locking… Waiting for the phone system" in andrea.text
    await seen(database, "locked")
    await andrea.get("/lock/")
    assert "Extension 731 Locked" in andrea.text
    await andrea.submit("/lock/", extension="731", held="0")
    assert not (await held(database)).locked
    await andrea.get("/lock/")
    assert "Unlocking… Waiting for the phone system" in andrea.text


async def test_the_answer_in_place_is_the_new_part(andrea: Browser) -> None:
    await andrea.get("/lock/")
    answer = await andrea.submit("/lock/?fragment=1", extension="731", held="1")
    assert answer.status_code == 200
    assert "<html" not in andrea.page
    assert "Unlock my phone" in andrea.text


async def test_what_others_hold_stays_held_and_is_explained(
    andrea: Browser, database: Database
) -> None:
    await place(database, "admin", await id_of(database, "root"))
    await place(database, "fraud")
    await andrea.get("/lock/")
    for words in ("Rosa Amato : only an administrator", "Unusual calls", "Lock it for myself too"):
        assert words in andrea.text
    await andrea.submit("/lock/", extension="731", held="1")
    await andrea.get("/lock/")
    await andrea.submit("/lock/", extension="731", held="0")
    assert {hold.kind for hold in (await held(database)).holds} == {"admin", "fraud"}


async def test_trouble_and_drift_are_told(andrea: Browser, database: Database) -> None:
    await place(database, "user")
    await seen(database, "unlocked", "AXL: 503 busy")
    await andrea.get("/lock/")
    assert "Not done yet; we keep trying." in andrea.text
    assert "AXL: 503 busy" in andrea.text
    await seen(database, "drift", "found CSS-Other")
    await andrea.get("/lock/")
    assert "Somebody changed this line on the phone system." in andrea.text


@pytest.mark.parametrize("extension", ["732", "731@PT-Other", "999", "731' or 1=1"])
async def test_nobody_locks_anothers_phone(
    andrea: Browser, database: Database, extension: str
) -> None:
    await andrea.get("/lock/")
    answer = await andrea.submit("/lock/", extension=extension, held="1")
    assert answer.status_code == 403
    assert not (await held(database, ExtensionKey.parse(extension))).locked


async def test_a_lock_needs_the_sessions_secret_and_a_post(
    andrea: Browser, database: Database
) -> None:
    await andrea.get("/lock/?held=1&extension=731")
    answer = await andrea.post("/lock/", extension="731", held="1", csrf_token="guessed")
    assert answer.status_code == 403
    await andrea.get("/lock/")
    assert (await andrea.submit("/lock/", held="maybe")).status_code == 400
    assert not (await held(database)).locked


async def test_a_busy_house_says_nothing_was_changed(house: House, database: Database) -> None:
    class Busy(Registry[ExtensionKey]):
        async def ask(self, *_: object, **__: object) -> object:
            raise ActorBusy("full")

    async with trio.open_nursery() as nursery:
        busy = Busy("lock", nursery, lambda _: None)  # type: ignore[arg-type]
        browser = Browser(create_app(replace(house, locks=busy), SETTINGS))
        await browser.sign_in()
        await browser.get("/lock/")
        answer = await browser.submit("/lock/", extension="731", held="1")
    assert answer.status_code == 503
    assert "Your phone was not changed" in browser.text


# When something is wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("get", "/nowhere", 404, "There is no such page"),
        ("post", "/", 405, "That does not work this way"),
        ("get", "/static/0/../../pyproject.toml", 404, "There is no such page"),
        ("get", "/static/0/nothing.css", 404, "There is no such page"),
    ],
)
async def test_errors_explain_themselves_in_the_frame(
    andrea: Browser, method: str, path: str, status: int, words: str
) -> None:
    answer = await (andrea.get(path) if method == "get" else andrea.post(path))
    assert answer.status_code == status
    assert words in andrea.text
    assert "Andrea Sonnino" in andrea.text


class Away:
    """A database that does not answer."""

    free_connections = 0

    def within(self, _: float) -> Away:
        return self

    async def unit_of_work(self, *_: object, **__: object) -> object:
        raise StorageUnavailable("database: gone")


async def test_a_database_that_is_away_is_said(house: House) -> None:
    browser = Browser(create_app(replace(house, database=Away()), SETTINGS))  # type: ignore[arg-type]
    for path in ("/", "/login", "/nowhere"):
        answer = await browser.get(path, Cookie="ringfence=anything")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "The database does not answer" in browser.text
        assert "gone" not in browser.text


async def test_a_failing_page_tells_no_secrets(house: House) -> None:
    app = create_app(house, SETTINGS)

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError("the secret is 4711")

    app.testing = False
    browser = Browser(app)
    answer = await browser.get("/broken")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in browser.text
    assert "4711" not in browser.page


async def test_assets_are_kept_for_a_year_at_an_address_of_their_release(browser: Browser) -> None:
    await browser.get("/login")
    found = re.search(r'href="(/static/\w+/tokens\.css)"', browser.page)
    assert found
    answer = await browser.get(found[1])
    assert answer.content_type == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]
    old = await browser.get(re.sub(r"/static/\w+/", "/static/old/", found[1]))
    assert old.headers["Cache-Control"] == "no-cache"


async def test_pages_are_not_kept_by_browsers(andrea: Browser) -> None:
    assert (await andrea.get("/budget/")).headers["Cache-Control"] == "no-store"
