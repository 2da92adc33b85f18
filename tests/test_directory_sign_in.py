"""Signing in with the password of one's computer: who comes in, and what is remembered of it."""

from __future__ import annotations

import pytest
import trio
from fake_directory import an_entry
from fixtures_directory import Office
from fixtures_web import PASSWORD, Browser

from directory.port import (
    AccountLocked,
    DirectoryRefused,
    DirectoryUnavailable,
    NotAdmitted,
    PasswordExpired,
)


@pytest.fixture
async def anna(office: Office) -> Browser:
    """The browser of somebody whom only the directory knows yet."""
    await office.configure()
    entry = an_entry("anna", "Anna", "Bianchi", extension="760", language="de")
    office.directory.put(entry)
    return office.browser()


async def trail(office: Office) -> list[tuple[str, str, str]]:
    rows = await office.rows("select action, login, details from audit order by id")
    return [
        (row["action"], row["login"], row["details"].get("reason", ""))
        for row in rows
        if row["action"].startswith("sign_")
    ]


async def test_the_first_sign_in_makes_the_person(anna: Browser, office: Office) -> None:
    assert (await anna.sign_in("Anna", "anna!")).status_code == 303
    row = await office.person("anna")
    assert (row["source"], row["password_hash"], row["role"]) == ("directory", None, "user")
    assert await office.extensions("anna") == ["760"]
    await anna.get("/")
    assert "Anna Bianchi" in anna.text
    assert await trail(office) == [("sign_in", "anna", "")]


async def test_later_ones_bring_the_person_up_to_date(anna: Browser, office: Office) -> None:
    await anna.sign_in("anna", "anna!")
    before = await office.person("anna")
    office.directory.change("anna", last_name="Rossi", extension="761")
    await office.browser().sign_in("anna", "anna!")
    row = await office.person("anna")
    assert (row["id"], row["last_name"]) == (before["id"], "Rossi")
    assert await office.extensions("anna") == ["761"]


async def test_a_wrong_password_reads_as_at_a_local_account(anna: Browser, office: Office) -> None:
    assert (await anna.sign_in("anna", "guess")).status_code == 401
    assert "User name or password is wrong." in anna.text
    assert await office.rows("select * from person where login = 'anna'") == []
    await anna.sign_in("bkowalska", "guess")
    assert await trail(office) == [
        ("sign_in_failed", "an…", "wrong"),
        ("sign_in_failed", "bkowalska", "wrong"),
    ]


@pytest.mark.parametrize(
    ("error", "words", "reason"),
    [
        (AccountLocked("locked"), "locked, disabled or expired", "locked"),
        (PasswordExpired("expired"), "has expired", "expired"),
        (NotAdmitted("no group"), "in none of the groups", "not_admitted"),
    ],
)
async def test_what_the_directory_says_of_an_account_is_said(
    anna: Browser, office: Office, error: Exception, words: str, reason: str
) -> None:
    office.directory.refusals["anna"] = error  # type: ignore[assignment]
    assert (await anna.sign_in("anna", "anna!")).status_code == 401
    assert words in anna.text
    assert (await trail(office))[-1][2] == reason


async def test_local_accounts_never_ask_the_directory(anna: Browser, office: Office) -> None:
    office.directory.error = DirectoryUnavailable("dc1: timed out", "no_answer")
    assert (await office.browser().sign_in("root", "guess")).status_code == 401
    assert (await office.browser().sign_in("root", PASSWORD)).status_code == 303
    assert office.directory.asked == []


@pytest.mark.parametrize("error", [DirectoryUnavailable("away"), DirectoryRefused("certificate")])
async def test_a_directory_that_is_away_is_said_and_nobodys_fault(
    anna: Browser, office: Office, error: Exception
) -> None:
    office.directory.error = error  # type: ignore[assignment]
    for _ in range(12):
        answer = await anna.sign_in("anna", "anna!")
        assert answer.status_code == 503
    assert "local accounts still work" in anna.text
    assert 'value="anna"' in anna.page
    office.directory.error = None
    assert (await anna.sign_in("anna", "anna!")).status_code == 303


@pytest.mark.parametrize("password", ["", "   "])
async def test_an_empty_password_never_goes_out(
    anna: Browser, office: Office, password: str
) -> None:
    assert (await anna.sign_in("anna", password)).status_code == 401
    assert office.directory.asked == []


async def test_guessing_ends_after_ten_tries(anna: Browser, office: Office) -> None:
    for _ in range(10):
        await anna.sign_in("anna", "guess")
    assert (await anna.sign_in("anna", "anna!")).status_code == 429
    assert len(office.directory.asked) == 10
    assert (await trail(office))[-1] == ("sign_in_failed", "an…", "too_many")
    await anna.sign_in("anna", "anna!")
    assert len(await trail(office)) == 11


async def test_who_is_switched_off_here_reads_so_after_the_right_password(
    anna: Browser, office: Office
) -> None:
    await anna.sign_in("anna", "anna!")
    await office.rows(
        "update person set disabled_at = now(), disabled_by = 'administrator' where login = 'anna'"
    )
    other = office.browser()
    assert (await other.sign_in("anna", "guess")).status_code == 401
    assert "switched off" not in other.text
    assert (await other.sign_in("anna", "anna!")).status_code == 401
    assert "Your account is switched off" in other.text


async def test_a_name_of_a_local_account_is_not_taken_over(anna: Browser, office: Office) -> None:
    """The directory lets somebody in under another spelling of a local account's name."""
    office.directory.put(an_entry("root", "Not", "Root", key="stranger"))
    office.directory.passwords["root"] = "theirs"
    await office.rows("update person set login = 'Root' where login = 'root'")
    assert (await anna.sign_in("root", "theirs")).status_code == 401
    assert office.directory.asked == []


async def test_without_a_directory_everything_is_local(office: Office) -> None:
    browser = office.browser()
    assert (await browser.sign_in("nobody", "guess")).status_code == 401
    assert (await browser.sign_in("root", PASSWORD)).status_code == 303
    assert office.directory.asked == []


async def test_a_hundred_people_come_at_eight_from_behind_one_address(office: Office) -> None:
    await office.configure()
    office.directory.takes_s = 0.01
    names = [f"p{n}" for n in range(100)]
    office.directory.put(*(an_entry(name, name, "Early") for name in names))
    seen: list[int] = []

    async def come(name: str) -> None:
        browser = office.browser()
        seen.append((await browser.sign_in(name, name + "!")).status_code)

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(come, name)
    assert seen == [303] * 100
    made = await office.rows("select count(*) as n from person where source = 'directory'")
    assert made == [{"n": 100}]


async def test_one_person_at_two_doors_at_once_is_one_person(anna: Browser, office: Office) -> None:
    async with trio.open_nursery() as nursery:
        for browser in (anna, office.browser(), office.browser()):
            nursery.start_soon(browser.sign_in, "anna", "anna!")
    made = await office.rows("select count(*) as n from person where source = 'directory'")
    assert made == [{"n": 1}]


async def test_a_gadget_is_signed_in_for_weeks(anna: Browser, office: Office) -> None:
    answer = await anna.sign_in("anna", "anna!", path="/login?next=/gadgets/lock")
    assert answer.headers["Location"] == "/gadgets/lock"
    row = (await office.rows("select kind, expires_at from session"))[0]
    assert (row["kind"], (row["expires_at"] - office.clock()).days) == ("gadget", 30)


async def test_leaving_is_remembered_with_the_address(anna: Browser, office: Office) -> None:
    await anna.sign_in("anna", "anna!")
    await anna.get("/account/")
    await anna.submit("/logout")
    assert await trail(office) == [("sign_in", "anna", ""), ("sign_out", "anna", "")]
    rows = await office.rows("select distinct address, details from audit where login = 'anna' "
                             "and action = 'sign_in'")  # fmt: skip
    assert rows[0]["details"] == {"kind": "portal", "source": "directory"}
