"""The door of the portal: who comes in, who does not, and what they read then."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from fixtures_web import PASSWORD, SETTINGS, Browser, HeldClock, id_of
from quart_trio import QuartTrio

from actors.house import House
from storage.database import Connection, Database
from web.app import create_app
from web.security import local_path


def cookie(browser: Browser, name: str) -> str | None:
    return next((c.value for c in browser.client.cookie_jar if c.name == name), None)


async def test_the_sign_in_page_names_product_release_and_copyright(browser: Browser) -> None:
    answer = await browser.get("/login")
    assert answer.status_code == 200
    for words in ("Ringfence 9.8.7", "Copyright ©", "User name", "Password"):
        assert words in browser.text


async def test_name_and_password_lead_to_the_menu(browser: Browser) -> None:
    answer = await browser.sign_in("ASonnino")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    await browser.get("/")
    assert "Welcome Andrea Sonnino" in browser.text


async def test_one_goes_on_where_one_wanted_to(browser: Browser) -> None:
    away = await browser.get("/budget/history?action=lock")
    assert away.status_code == 303
    answer = await browser.sign_in(path=away.headers["Location"])
    assert answer.headers["Location"] == "/budget/history?action=lock"


async def test_what_no_database_takes_is_refused_not_failed_on(browser: Browser) -> None:
    assert (await browser.sign_in("asonn\0ino")).status_code == 400
    assert (await browser.get("/login?next=/%00")).status_code == 400


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\evil",
        "javascript:x",
        "",
        "/\n/x",
    ],
)
def test_nobody_is_sent_elsewhere(target: str) -> None:
    assert local_path(target) == "/"


async def test_next_is_not_followed_elsewhere(browser: Browser) -> None:
    await browser.get("/login")
    answer = await browser.submit(
        "/login", username="asonnino", password=PASSWORD, next="//evil.example/"
    )
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("asonnino", "wrong"),
        ("nobody", PASSWORD),
        ("asonnino", ""),
        ("", ""),
        ("a" * 5000, "b" * 5000),
    ],
)
async def test_wrong_name_and_wrong_password_read_the_same(
    browser: Browser, username: str, password: str
) -> None:
    answer = await browser.sign_in(username, password)
    assert answer.status_code == 401
    assert "User name or password is wrong." in browser.text
    assert cookie(browser, "ringfence") is None


async def test_an_account_without_a_password_takes_none(
    browser: Browser, database: Database
) -> None:
    async def forget(connection: Connection) -> None:
        await connection.execute("update person set password_hash = null where login = 'dweber'")

    await database.unit_of_work(forget)
    assert (await browser.sign_in("dweber")).status_code == 401


async def test_a_disabled_person_does_not_come_in(browser: Browser, database: Database) -> None:
    async def disable(connection: Connection) -> None:
        await connection.execute("update person set disabled_at = now() where login = 'dweber'")

    await database.unit_of_work(disable)
    assert (await browser.sign_in("dweber")).status_code == 401


async def test_after_ten_wrong_passwords_one_waits(browser: Browser, clock: HeldClock) -> None:
    for _ in range(10):
        assert (await browser.sign_in("asonnino", "wrong")).status_code == 401
    answer = await browser.sign_in("asonnino", PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert "Too many attempts. Please try again in 15 minutes." in browser.text
    clock.now += timedelta(seconds=int(answer.headers["Retry-After"]))
    assert (await browser.sign_in("asonnino", PASSWORD)).status_code == 303


async def test_a_form_without_its_cookies_secret_is_refused(browser: Browser) -> None:
    await browser.get("/login")
    answer = await browser.post(
        "/login", username="asonnino", password=PASSWORD, csrf_token="guessed"
    )
    assert answer.status_code == 400
    assert "Please sign in again" in browser.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
    ],
)
async def test_another_site_changes_nothing(browser: Browser, headers: dict[str, str]) -> None:
    await browser.get("/login")
    secret = browser.hidden("csrf_token")
    answer = await browser.post(
        "/login", headers=headers, username="asonnino", password=PASSWORD, csrf_token=secret
    )
    assert answer.status_code == 403


async def test_our_own_origin_is_ours(browser: Browser) -> None:
    await browser.get("/login")
    answer = await browser.post(
        "/login",
        headers={"Origin": "http://portal.example", "Sec-Fetch-Site": "same-origin"},
        username="asonnino",
        password=PASSWORD,
        csrf_token=browser.hidden("csrf_token"),
    )
    assert answer.status_code == 303


async def test_the_session_changes_its_token_at_every_sign_in(browser: Browser) -> None:
    await browser.sign_in()
    first = cookie(browser, "ringfence")
    await browser.get("/account/")
    await browser.submit("/logout")
    await browser.sign_in()
    assert first
    assert cookie(browser, "ringfence") not in {None, first}


async def test_the_database_holds_no_token(browser: Browser, database: Database) -> None:
    await browser.sign_in()
    token = cookie(browser, "ringfence")
    assert token

    async def dump(connection: Connection) -> str:
        return str(await connection.fetch("select * from session"))

    assert token not in await database.unit_of_work(dump)


async def test_signing_out_ends_the_session(app: QuartTrio, browser: Browser) -> None:
    await browser.sign_in()
    token = cookie(browser, "ringfence")
    await browser.get("/")
    answer = await browser.submit("/logout")
    assert answer.headers["Location"] == "/login"
    thief = Browser(app, Cookie=f"ringfence={token}")
    assert (await thief.get("/")).headers["Location"].startswith("/login")


async def test_a_link_signs_nobody_out(browser: Browser) -> None:
    await browser.sign_in()
    assert (await browser.get("/logout")).status_code == 303
    await browser.post("/logout", csrf_token="guessed")
    assert (await browser.get("/")).status_code == 200


async def test_cookies_are_for_this_host_alone(house: House) -> None:
    secure = replace(SETTINGS, public_url="https://portal.example", secure_cookies=True)
    browser = Browser(create_app(house, secure))
    answer = await browser.get("/login")
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    set_cookie = answer.headers["Set-Cookie"]
    assert set_cookie.startswith("__Host-ringfence-form=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(set_cookie.split("; "))


async def test_idle_and_old_sessions_lead_back_to_the_door(
    browser: Browser, clock: HeldClock
) -> None:
    await browser.sign_in()
    clock.now += timedelta(minutes=59)
    assert (await browser.get("/")).status_code == 200
    clock.now += timedelta(minutes=61)
    assert (await browser.get("/budget/")).headers["Location"] == "/login?next=/budget/"


async def test_every_answer_carries_the_rules(browser: Browser) -> None:
    for path in ("/login", "/nowhere", "/healthz"):
        headers = (await browser.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


async def test_pages_hold_no_inline_script_or_style(browser: Browser) -> None:
    await browser.sign_in()
    for path in ("/", "/budget/", "/budget/history", "/lock/", "/account/", "/nowhere"):
        await browser.get(path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", browser.page)


async def test_addresses_come_from_the_last_proxy(house: House, database: Database) -> None:
    app = create_app(house, replace(SETTINGS, behind_proxy=True))
    browser = Browser(app, **{"X-Forwarded-For": "6.6.6.6, 192.0.2.7"})
    await browser.sign_in("asonnino", "wrong")

    async def keys(connection: Connection) -> set[str]:
        rows = await connection.fetch("select key from sign_in_failure where key like 'address:%'")
        return {row["key"] for row in rows}

    assert await database.unit_of_work(keys) == {"address:192.0.2.7"}


# The password ------------------------------------------------------------------------------------


async def change(browser: Browser, current: str, new: str, again: str) -> int:
    await browser.get("/account/")
    answer = await browser.submit(
        "/account/password", current=current, password=new, repeated=again
    )
    return answer.status_code


async def test_a_password_is_changed_and_other_sessions_end(
    app: QuartTrio, browser: Browser
) -> None:
    other = Browser(app)
    await other.sign_in()
    await browser.sign_in()
    assert await change(browser, PASSWORD, "a new long password", "a new long password") == 303
    assert (await browser.get("/")).status_code == 200
    assert (await other.get("/")).status_code == 303
    assert (await other.sign_in(password=PASSWORD)).status_code == 401
    assert (await other.sign_in(password="a new long password")).status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "again", "words"),
    [
        ("wrong", "a new long password", "a new long password", "present password is wrong"),
        (PASSWORD, "short", "short", "8 to 256 characters"),
        (PASSWORD, "a new long password", "another password", "not the same"),
    ],
)
async def test_what_is_wrong_with_a_new_password_is_said(
    browser: Browser, current: str, new: str, again: str, words: str
) -> None:
    await browser.sign_in()
    assert await change(browser, current, new, again) == 422
    assert words in browser.text


async def link_of(database: Database, login: str) -> str:
    person_id = await id_of(database, login)

    async def read(connection: Connection) -> str:
        return await connection.fetchval(
            "select params ->> 'link' from notification where kind = 'password_reset' "
            "and person_id = $1 and channel = 'mail'",
            person_id,
        )

    return await database.unit_of_work(read)


async def test_a_forgotten_password_is_chosen_anew_by_mail(
    browser: Browser, database: Database
) -> None:
    await browser.get("/login/forgot")
    await browser.submit("/login/forgot", username="asonnino")
    assert "a link is on its way" in browser.text
    link = await link_of(database, "asonnino")
    assert link.startswith("http://portal.example/login/reset/")
    path = urlsplit(link).path
    await browser.get(path)
    answer = await browser.submit(
        path, password="a new long password", repeated="a new long password"
    )
    assert answer.status_code == 200
    assert "Your password is changed" in browser.text
    assert (await browser.get(path)).status_code == 410
    assert (await browser.sign_in(password="a new long password")).status_code == 303


async def test_a_link_is_old_after_an_hour(
    browser: Browser, database: Database, clock: HeldClock
) -> None:
    await browser.get("/login/forgot")
    await browser.submit("/login/forgot", username="asonnino")
    path = urlsplit(await link_of(database, "asonnino")).path
    clock.now += timedelta(minutes=61)
    assert (await browser.get(path)).status_code == 410
    assert "no longer works" in browser.text


async def test_asking_for_nobody_reads_the_same(browser: Browser) -> None:
    await browser.get("/login/forgot")
    answer = await browser.submit("/login/forgot", username="nobody")
    assert answer.status_code == 200
    assert "a link is on its way" in browser.text


async def test_a_guessed_link_is_refused(browser: Browser) -> None:
    assert (await browser.get("/login/reset/guessed")).status_code == 410
