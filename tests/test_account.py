"""A person's own page: how they read, where they are signed in, and how a session ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from fixtures_web import Browser, HeldClock, id_of
from quart_trio import QuartTrio

from actors.letters import write
from storage import audit, notifications, preferences, sessions
from storage.audit import AuditFilter
from storage.database import Connection, Database, StorageConflict
from storage.viewer import OPERATOR, Viewer
from web.context import token_hash
from web.devices import device
from words.formats import Reader
from words.language import LANGUAGES, language

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
async def two(app: QuartTrio) -> tuple[Browser, Browser]:
    """One person signed in with two browsers."""
    here, there = Browser(app, **{"User-Agent": FIREFOX}), Browser(app, **{"User-Agent": PHONE})
    await here.sign_in()
    await there.sign_in()
    await here.get("/account/")
    return here, there


def ends(browser: Browser) -> list[str]:
    """The addresses that end a session, in the page's order."""
    return re.findall(r'action="(/account/sessions/\d+/end)"', browser.page)


def clocks(browser: Browser) -> list[str]:
    """The instants of the list of sessions that are told by the clock."""
    found = re.findall(r"<dd><time[^>]*data-tip>([^<]*)</time>", browser.page)
    return [said for said in found if ":" in said]


async def change(database: Database, statement: str, *values: object) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute(statement, *values)

    await database.unit_of_work(work)


@pytest.mark.parametrize(
    ("header", "browser", "system"),
    [
        (FIREFOX, "Firefox", "Windows"),
        (PHONE, "Safari", "iPhone"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
            "Chrome",
            "Linux",
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like "
                "Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
            ),
            "Edge",
            "macOS",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome", "Android"),
        ("nobody knows", "", ""),
        ("", "", ""),
    ],
)
def test_a_browser_is_told_by_what_it_says_of_itself(
    header: str, browser: str, system: str
) -> None:
    assert device(header) == (browser, system)


async def test_sessions_are_listed_with_this_one_marked(two: tuple[Browser, Browser]) -> None:
    here, there = two
    assert "Firefox on Windows This session" in here.text
    assert "Safari on iPhone" in here.text
    assert here.text.count("This session") == 1
    await there.get("/account/")
    assert "Safari on iPhone This session" in there.text
    assert ends(here)[0] != ends(there)[0], "each has its own session first"


async def test_ending_the_other_session_leads_it_to_the_door_and_back(
    two: tuple[Browser, Browser],
) -> None:
    here, there = two
    answer = await here.submit(ends(here)[1])
    assert answer.headers["Location"].startswith("/account/?done=session")
    await here.get("/account/?done=session")
    assert "That session is ended." in here.text
    assert len(ends(here)) == 1
    answer = await there.get("/budget/history?action=lock")
    assert answer.headers["Location"] == "/login?next=/budget/history%3Faction%3Dlock"
    await there.get(answer.headers["Location"])
    assert "Your session was ended" in there.text
    answer = await there.sign_in(path=answer.headers["Location"])
    assert answer.headers["Location"] == "/budget/history?action=lock"


async def test_all_others_end_and_this_one_stays(
    two: tuple[Browser, Browser], app: QuartTrio
) -> None:
    here, there = two
    third = Browser(app)
    await third.sign_in()
    await here.submit("/account/sessions/end-others")
    assert (await here.get("/account/")).status_code == 200
    assert len(ends(here)) == 1
    assert "End all other sessions" not in here.text
    for gone in (there, third):
        assert (await gone.get("/")).status_code == 303


async def test_ending_this_session_is_signing_out(two: tuple[Browser, Browser]) -> None:
    here, _ = two
    answer = await here.submit(ends(here)[0])
    assert answer.headers["Location"] == "/login"
    assert (await here.get("/account/")).status_code == 303


async def test_anothers_session_is_not_there(two: tuple[Browser, Browser], app: QuartTrio) -> None:
    here, _ = two
    other = Browser(app)
    await other.sign_in("dweber")
    await other.get("/account/")
    assert len(ends(other)) == 1
    for path in (*ends(here), "/account/sessions/999999/end", f"/account/sessions/{2**70}/end"):
        await other.get("/account/")
        assert (await other.submit(path)).status_code == 404
    assert (await here.get("/")).status_code == 200


async def test_the_storage_keeps_to_whose_sessions_they_are(
    two: tuple[Browser, Browser], database: Database
) -> None:
    andrea, dieter = await id_of(database, "asonnino"), await id_of(database, "dweber")
    mine = await database.unit_of_work(sessions.listing, Viewer(andrea, "own"), andrea)
    assert len(mine) == 2
    for viewer in (Viewer(dieter, "own"), Viewer(dieter, "unit", "department", "Sales")):
        assert await database.unit_of_work(sessions.listing, viewer, andrea) == []
        assert await database.unit_of_work(sessions.end_by_id, viewer, mine[0].id) is None
        assert await database.unit_of_work(sessions.end_all, viewer, andrea) == 0
    ended = await database.unit_of_work(sessions.end_by_id, OPERATOR, mine[0].id)
    assert ended is not None
    assert ended.person_id == andrea
    assert await database.unit_of_work(sessions.end_all, OPERATOR, andrea) == 1


async def test_the_end_of_a_session_is_told_to_open_pages_and_to_the_log(
    two: tuple[Browser, Browser], database: Database, house: object
) -> None:
    here, _ = two
    bus = house.bus  # type: ignore[attr-defined]
    person = await id_of(database, "asonnino")
    async with bus.subscribe(lambda change: change.topic == "session") as changes:
        await here.submit("/account/sessions/end-others")
        async for change in changes:
            if change.topic == "session":
                break
        assert change.key == str(person)
    found = await database.unit_of_work(
        audit.listing, OPERATOR, AuditFilter(action="session_ended"), 1, 10
    )
    assert [(row.login, row.subject_id) for row in found.rows] == [("asonnino", person)]


async def test_a_gadget_sleeps_without_being_signed_out(
    two: tuple[Browser, Browser], clock: HeldClock, database: Database
) -> None:
    here, _ = two
    await change(database, "update session set kind = 'gadget', expires_at = now() + '30 days'")
    clock.now += timedelta(days=20)
    await here.get("/gadgets/none")
    assert "Andrea Sonnino" in here.text
    clock.now += timedelta(days=11)
    await here.get("/gadgets/none")
    assert "Andrea Sonnino" not in here.text


async def test_a_gadgets_session_opens_gadgets_alone(
    two: tuple[Browser, Browser], database: Database
) -> None:
    here, _ = two
    await change(database, "update session set kind = 'gadget'")
    for path in ("/", "/account/", "/analytics/", "/lock/"):
        answer = await here.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (61, "You were signed out after 60 minutes without use."),
        (60 * 13, "a session ends after some hours"),
    ],
)
async def test_the_door_says_why_a_session_is_over(
    browser: Browser, clock: HeldClock, minutes: int, said: str
) -> None:
    await browser.sign_in()
    clock.now += timedelta(minutes=minutes)
    await browser.get((await browser.get("/budget/")).headers["Location"])
    assert said in browser.text


async def test_the_door_says_that_an_account_is_switched_off(
    browser: Browser, database: Database
) -> None:
    await browser.sign_in()
    await change(database, "update person set disabled_at = now() where login = 'asonnino'")
    await browser.get((await browser.get("/budget/")).headers["Location"])
    assert "Your account is switched off" in browser.text


async def test_a_newcomer_is_told_nothing_at_the_door(browser: Browser) -> None:
    await browser.get("/login")
    assert "signed out" not in browser.text
    assert "ended" not in browser.text


async def test_after_a_form_the_door_leads_back_to_its_page(
    browser: Browser, clock: HeldClock
) -> None:
    await browser.sign_in()
    await browser.get("/account/")
    clock.now += timedelta(minutes=61)
    for referer, target in (
        ("http://portal.example/account/?done=saved", "/account/%3Fdone%3Dsaved"),
        ("http://evil.example/account/", "/"),
        ("http://portal.example//evil.example/", "/"),
        ("", "/"),
    ):
        answer = await browser.post(
            "/account/language", language="de", headers={"Referer": referer}
        )
        assert answer.headers["Location"] == f"/login?next={target}"


async def test_a_choice_made_in_one_browser_shows_in_the_other(
    two: tuple[Browser, Browser],
) -> None:
    here, there = two
    await here.submit("/account/reading", language="de", time_format="12")
    await there.get("/account/")
    assert '<html lang="de"' in there.page
    assert re.search(r'<option value="12" selected>', there.page)
    assert clocks(there)
    assert all(re.search(r"\d\s[AP]M", said) for said in clocks(there))
    await there.submit("/account/reading", language="", time_format="24")
    await here.get("/account/")
    assert clocks(here)
    assert not any(re.search(r"\d\s[AP]M", said) for said in clocks(here))


@pytest.mark.parametrize("form", [{"language": "xx"}, {"time_format": "13"}])
async def test_what_nobody_offers_is_refused(browser: Browser, form: dict[str, str]) -> None:
    await browser.sign_in()
    await browser.get("/account/")
    answer = await browser.submit("/account/reading", **{"language": "", "time_format": ""} | form)
    assert answer.status_code == 400


async def test_a_directory_person_is_told_where_their_password_is(
    browser: Browser, database: Database
) -> None:
    await browser.sign_in()
    await change(
        database,
        "update person set source = 'directory', password_hash = null, directory_language = 'it' "
        "where login = 'asonnino'",
    )
    await browser.get("/account/", **{"Accept-Language": "de"})
    assert '<html lang="it"' in browser.page
    assert re.search(r'<option value="">[^<]*Italiano', browser.page)
    assert 'action="/account/password"' not in browser.page


@pytest.mark.parametrize(
    ("chosen", "directory", "browser_asks", "site", "spoken"),
    [
        ("de", "it", "fr", "es", "de"),
        ("", "it", "fr", "es", "it"),
        ("", "it-IT, de;q=0.5", "fr", "es", "it"),
        ("", "pt", "fr-CH, en;q=0.5", "es", "fr"),
        ("", "", "pt", "es", "es"),
        ("", "", "", "", "en"),
    ],
)
async def test_the_language_is_chosen_in_order(
    browser: Browser,
    database: Database,
    chosen: str,
    directory: str,
    browser_asks: str,
    site: str,
    spoken: str,
) -> None:
    await browser.sign_in()
    await change(
        database,
        "update person set language = $1, directory_language = $2 where login = 'asonnino'",
        chosen,
        directory,
    )
    await change(database, "update site set language = $1", site)
    await browser.get("/account/", **{"Accept-Language": browser_asks})
    assert f'<html lang="{spoken}"' in browser.page


@pytest.mark.parametrize(
    ("browser_asks", "spoken"), [("", "pl"), ("pt-BR", "pl"), ("fr", "fr"), ("*", "pl")]
)
async def test_before_sign_in_the_first_site_speaks_to_strangers(
    app: QuartTrio, database: Database, browser_asks: str, spoken: str
) -> None:
    await change(
        database, "update site set language = case position when 0 then 'pl' else 'it' end"
    )
    browser = Browser(app, **{"Accept-Language": browser_asks})
    await browser.get("/login")
    first = await database.unit_of_work(_first_language)
    assert f'<html lang="{spoken if spoken != "pl" else first}"' in browser.page


async def _first_language(connection: Connection) -> str:
    return await connection.fetchval("select language from site order by position, id limit 1")


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_clock_of_12_or_24_hours_is_kept_in_every_language(code: str, clock: HeldClock) -> None:
    at = clock.now.replace(hour=20, minute=5, second=9)

    def reader(time_format: str) -> Reader:
        return Reader(language(code), "UTC", at, time_format)  # type: ignore[arg-type]

    for of in ("clock", "clock_seconds", "moment", "exact"):
        of_24, of_12 = (getattr(reader(hours), of)(at) for hours in ("24", "12"))
        assert re.search(r"\b20:05", of_24), (of, of_24)
        assert re.search(r"\b8:05", of_12), (of, of_12)
        assert "20:05" not in of_12, (of, of_12)
    assert "05:09" in reader("24").clock_seconds(at)
    assert reader("").clock(at) == reader("12" if code == "ar" else "24").clock(at)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "00:00:00"), (187, "00:03:07"), (86_399, "23:59:59"), (450_061, "125:01:01")],
)
def test_durations_are_hours_minutes_and_seconds(seconds: int, said: str, clock: HeldClock) -> None:
    assert Reader(language("ar"), "UTC", clock.now).duration(seconds) == said


def test_weeks_begin_where_the_reader_is(clock: HeldClock) -> None:
    assert Reader(language("de"), "UTC", clock.now).first_weekday == 0
    assert Reader(language("en", "en_US"), "UTC", clock.now).first_weekday == 6


def test_tokens_are_nowhere_in_what_lists_are_given() -> None:
    assert "token_hash" not in sessions.OpenSession._fields
    assert token_hash("x") != token_hash("y")


async def test_mails_speak_in_the_same_order(database: Database, company: object) -> None:
    person, now = await id_of(database, "dweber"), datetime.now(UTC)
    await change(database, "update site set language = 'pl'")
    await change(
        database,
        "update person set directory_language = 'fr-FR', language = '' where id = $1",
        person,
    )

    async def sent(connection: Connection) -> str:
        await connection.execute("delete from notification")
        await notifications.queue(
            connection,
            "k",
            "password_reset",
            {"link": "http://x", "minutes": "60"},
            person_ids=[person],
            channels=["mail"],
            account_id=None,
            now=now,
        )
        [one] = await notifications.pending(connection, now)
        return write(one).language

    assert await database.unit_of_work(sent) == "fr"
    await change(database, "update person set language = 'it' where id = $1", person)
    assert await database.unit_of_work(sent) == "it"
    await change(
        database, "update person set language = '', directory_language = 'pt' where id = $1", person
    )
    assert await database.unit_of_work(sent) == "pl"


async def test_a_preference_is_kept_changed_and_forgotten(
    database: Database, company: object
) -> None:
    andrea = Viewer(await id_of(database, "asonnino"), "own")
    dieter = Viewer(await id_of(database, "dweber"), "own")
    chosen = {"columns": ["number", "cost"], "rows": 50}
    await database.unit_of_work(preferences.put, andrea, "calls", {"rows": 10})
    await database.unit_of_work(preferences.put, andrea, "calls", chosen)
    assert await database.unit_of_work(preferences.get, andrea, "calls") == chosen
    assert await database.unit_of_work(preferences.get, dieter, "calls") is None
    await database.unit_of_work(preferences.put, andrea, "calls", None)
    assert await database.unit_of_work(preferences.get, andrea, "calls") is None
    await database.unit_of_work(preferences.put, OPERATOR, "calls", chosen)
    assert await database.unit_of_work(preferences.get, OPERATOR, "calls") is None


async def test_preferences_stay_small_and_few(database: Database, company: object) -> None:
    andrea = Viewer(await id_of(database, "asonnino"), "own")
    with pytest.raises(StorageConflict, match="larger"):
        await database.unit_of_work(preferences.put, andrea, "calls", "x" * 9_000)
    for number in range(preferences.MOST_NAMES):
        await database.unit_of_work(preferences.put, andrea, f"page-{number}", number)
    with pytest.raises(StorageConflict, match="already"):
        await database.unit_of_work(preferences.put, andrea, "one more", 1)
    await database.unit_of_work(preferences.put, andrea, "page-7", "changed")
    assert await database.unit_of_work(preferences.get, andrea, "page-7") == "changed"
