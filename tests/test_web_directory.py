"""The pages about the company's directory, as an administrator uses them."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest
from fake_directory import SERVICE_PASSWORD, an_entry
from fixtures_directory import Office
from fixtures_web import Browser

from actors.directory_settings import SyncSettings
from directory.port import DirectoryRefused, DirectoryUnavailable
from directory.settings_check import LIMITS
from web.directory_form import NUMBERS

PATH = "/admin/directory"
FORM = {
    "servers": "dc1.example.com\ndc2.example.com:1636",
    "encryption": "ldaps",
    "bind_name": "cn=ringfence,dc=example,dc=com",
    "bind_password": SERVICE_PASSWORD,
    "base": "dc=example,dc=com",
    "user_filter": "(objectClass=person)",
    "sign_in": "search",
    "attributes.login": "uid",
    "attributes.extension": "telephoneNumber",
    "groups.0.group": "cn=chiefs,dc=example,dc=com",
    "groups.0.grants": "supervisor.office",
    "default_role": "user",
    "extension_digits": "3",
    "connect_timeout_s": "5",
    "answer_timeout_s": "10",
    "page_size": "500",
    "every_hours": "4",
    "disable_at_most_percent": "20",
    "sites_by_office": "1",
}


@pytest.fixture
async def root(office: Office) -> Browser:
    """An administrator at the page."""
    browser = office.browser()
    await browser.sign_in("root")
    await browser.get(PATH)
    return browser


async def send(browser: Browser, **more: str) -> int:
    return (await browser.submit(PATH, **(FORM | more))).status_code


async def test_only_administrators_come_here(office: Office) -> None:
    browser = office.browser()
    await browser.sign_in("asonnino")
    for path in (PATH, f"{PATH}/preview", f"{PATH}/runs", f"{PATH}/runs/1"):
        assert (await browser.get(path)).status_code == 403


async def test_the_settings_are_stored_and_shown_but_never_the_password(
    root: Browser, office: Office
) -> None:
    assert await send(root) == 303
    await root.get(PATH)
    for shown in ("dc2.example.com:1636", "cn=chiefs,dc=example,dc=com", 'value="uid"'):
        assert shown in unescape(root.page)
    assert SERVICE_PASSWORD not in unescape(root.page)
    assert "A password is stored" in root.text
    row = (await office.rows("select * from directory"))[0]
    assert SERVICE_PASSWORD.encode() not in row["sealed_password"]
    assert SERVICE_PASSWORD not in str(row["settings"])
    assert row["next_sync_at"] > office.clock()
    connected = await office.service.connected()
    assert connected
    assert office.directory.opened[-1].bind_password == SERVICE_PASSWORD
    assert connected.config.ask.groups[0].scope == "office"
    told = await office.rows("select * from audit where action = 'directory_changed'")
    assert "servers" in told[0]["details"]["fields"]
    assert SERVICE_PASSWORD not in str(told)


async def test_an_empty_password_keeps_the_stored_one(root: Browser, office: Office) -> None:
    await send(root)
    await root.get(PATH)
    assert await send(root, bind_password="", base="ou=people,dc=example,dc=com") == 303
    assert await office.service.connected()
    opened = office.directory.opened[-1]
    assert (opened.bind_password, opened.base) == (SERVICE_PASSWORD, "ou=people,dc=example,dc=com")


@pytest.mark.parametrize(
    "changed",
    [
        {"servers": "evil.example.net"},
        {"encryption": "none"},
        {"bind_name": "cn=other,dc=example,dc=com"},
    ],
)
@pytest.mark.parametrize("action", ["save", "test"])
async def test_the_stored_password_goes_nowhere_else(
    root: Browser, office: Office, changed: dict[str, str], action: str
) -> None:
    await send(root)
    await root.get(PATH)
    opened = len(office.directory.opened)
    assert await send(root, bind_password="", action=action, **changed) == 422
    assert "enter it again" in root.text
    assert len(office.directory.opened) == opened


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"servers": ""}, "Please fill this in."),
        ({"servers": "not a host!"}, "is no server"),
        ({"base": "nonsense"}, "is no distinguished name"),
        ({"user_filter": "(uid=*"}, "no LDAP filter"),
        ({"certificates": "hello"}, "This is no certificate"),
        ({"bind_password": ""}, "needs its password"),
        ({"upn_suffix": "", "sign_in": "upn"}, "needs the suffix"),
        ({"attributes.login": "1+1"}, "is no attribute's name"),
        ({"groups.0.group": "chiefs"}, "“chiefs” is no distinguished name"),
        ({"extension_digits": "many"}, "whole number"),
        ({"answer_timeout_s": "0"}, "from 1 to 300"),
        ({"every_hours": "999"}, "from 0 to 168"),
        ({"encryption": "rot13"}, "choose one of these"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    root: Browser, office: Office, changed: dict[str, str], words: str
) -> None:
    assert await send(root, **changed) == 422
    assert words in root.text
    name = next(iter(changed))
    assert f'id="field-{name}-error"' in root.page
    assert await office.rows("select * from directory") == []
    assert "dc=example,dc=com" in root.page  # nothing typed is lost


def test_the_form_and_the_check_know_the_same_limits() -> None:
    assert {name: NUMBERS[name] for name in LIMITS} == dict(LIMITS)


async def test_settings_are_tried_before_they_are_saved(root: Browser, office: Office) -> None:
    office.directory.put(an_entry("anna", "Anna", "Bianchi"))
    assert await send(root, action="test") == 200
    assert "The directory answers" in root.text
    assert "1 entries" in root.text
    assert await office.rows("select * from directory") == []
    assert SERVICE_PASSWORD not in unescape(root.page)
    tested = root.hidden("tested")
    assert await send(root, bind_password="", tested=tested) == 303
    await office.service.connected()
    assert office.directory.opened[-1].bind_password == SERVICE_PASSWORD


async def test_a_tested_password_serves_those_settings_alone(root: Browser, office: Office) -> None:
    await send(root, action="test")
    tested = root.hidden("tested")
    assert await send(root, bind_password="", tested=tested, servers="evil.example.net") == 422
    assert await send(root, bind_password="", tested="forged") == 422


async def test_a_failed_try_says_what_to_do(root: Browser, office: Office) -> None:
    office.directory.error = DirectoryRefused("dc1: bind failed", "service_account")
    assert await send(root, action="test") == 422
    assert "refuses the service account" in root.text
    assert "dc1: bind failed" in root.text
    office.directory.error = DirectoryUnavailable("dc1: timed out", "no_answer")
    assert await send(root, action="test") == 422
    assert "No server answers" in root.text


async def test_a_restored_backup_asks_for_the_password_again(root: Browser, office: Office) -> None:
    await send(root)
    office.keys.key = None
    await root.get(PATH)
    assert "enter it again and save" in root.text
    assert await send(root, bind_password="") == 422
    assert "stored password cannot be opened" in root.text
    assert await send(root) == 303
    await root.get(PATH)
    assert "enter it again and save" not in root.text


async def test_a_preview_shows_and_changes_nothing(root: Browser, office: Office) -> None:
    await office.configure()
    office.directory.put(
        an_entry("anna", "Anna", "Bianchi", extension="760", department="Sales"),
        an_entry("asonnino", "Andrea", "Sonnino"),
    )
    await root.get(f"{PATH}/preview")
    assert "Anna Bianchi" in root.text
    assert "asonnino is a local account with a password" in root.text
    assert await office.rows("select * from person where source = 'directory'") == []


async def test_what_was_previewed_is_applied(root: Browser, office: Office) -> None:
    await office.configure()
    office.directory.put(an_entry("anna", "Anna", "Bianchi", extension="760"))
    await root.get(f"{PATH}/preview")
    answer = await root.submit(f"{PATH}/preview", digest=root.hidden("digest"))
    await root.get(answer.headers["Location"])
    assert "Done" in root.text
    assert (await office.person("anna"))["source"] == "directory"
    told = await office.rows("select * from audit where action = 'sync_applied'")
    assert (told[0]["login"], told[0]["details"]["created"]) == ("root", "1")
    await root.get(f"{PATH}/preview")
    assert "Everything is as the directory says" in root.text
    await root.get(f"{PATH}/runs")
    assert "Rosa Amato" in root.text


async def test_what_differs_from_the_preview_is_not_applied(root: Browser, office: Office) -> None:
    await office.configure()
    office.directory.put(an_entry("anna", "Anna", "Bianchi"))
    await root.get(f"{PATH}/preview")
    digest = root.hidden("digest")
    office.directory.put(an_entry("zoe", "Zoe", "Late"))
    answer = await root.submit(f"{PATH}/preview", digest=digest)
    await root.get(answer.headers["Location"])
    assert "something since the preview. Nothing was done" in root.text
    assert await office.rows("select * from person where source = 'directory'") == []


async def test_many_who_are_gone_wait_for_a_persons_word(root: Browser, office: Office) -> None:
    await office.configure()
    people = [an_entry(f"p{n}", f"P{n}", "Many") for n in range(10)]
    office.directory.put(*people)
    await root.get(f"{PATH}/preview")
    await root.submit(f"{PATH}/preview", digest=root.hidden("digest"))
    office.directory.drop(*(entry.login for entry in people[:6]))
    await root.get(f"{PATH}/preview")
    assert "6 people would be switched off" in root.text
    answer = await root.submit(f"{PATH}/preview", digest=root.hidden("digest"))
    await root.get(answer.headers["Location"])
    rows = await office.rows("select * from person where disabled_by = 'directory'")
    assert len(rows) == 6


async def test_a_preview_without_a_directory_says_so(root: Browser, office: Office) -> None:
    await root.get(f"{PATH}/preview")
    assert "No directory is configured" in root.text
    await office.configure()
    office.directory.error = DirectoryUnavailable("dc1: timed out", "no_answer")
    assert (await root.get(f"{PATH}/preview")).status_code == 503
    assert "No server answers" in root.text


async def test_a_run_that_is_asked_for_is_due_at_once(root: Browser, office: Office) -> None:
    await office.configure(sync=SyncSettings(every_hours=24))
    await root.get(PATH)
    answer = await root.submit(f"{PATH}/sync")
    assert answer.headers["Location"] == f"{PATH}/runs?done=asked"
    row = (await office.rows("select next_sync_at from directory"))[0]
    assert row["next_sync_at"] <= office.clock()
    told = await office.rows("select login from audit where action = 'sync_asked'")
    assert told == [{"login": "root"}]


async def test_the_directory_is_forgotten(root: Browser, office: Office) -> None:
    await office.configure()
    await root.get(PATH)
    assert (await root.submit(f"{PATH}/remove")).status_code == 303
    assert await office.rows("select * from directory") == []
    await root.get(f"{PATH}?done=removed")
    assert "The directory is forgotten" in root.text


async def test_forms_need_their_secret(root: Browser, office: Office) -> None:
    await office.configure()
    for path in (PATH, f"{PATH}/sync", f"{PATH}/preview", f"{PATH}/remove"):
        assert (await root.post(path, csrf_token="guessed", **FORM)).status_code == 403
    assert len(await office.rows("select * from directory")) == 1


async def test_texts_of_the_directory_are_shown_as_text(root: Browser, office: Office) -> None:
    await office.configure()
    entry = an_entry("anna", "<script>x</script>", "Bianchi")
    office.directory.put(entry, replace(entry, key="other", dn="<b>dn</b>"))
    await root.get(f"{PATH}/preview")
    assert "<script>x" not in root.page
    assert "<b>dn" not in root.page
