"""The directory over LDAP, against a real slapd: who gets in, as whom, and who is there."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from fixtures_slapd import (
    BASE,
    LIMITED,
    MANY,
    PLAIN,
    SERVICE,
    SERVICE_PASSWORD,
    Slapd,
    group,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.ldap import open_directory
from directory.names import BadName, typed_name
from directory.port import (
    AccountLocked,
    Directory,
    DirectoryError,
    DirectoryPerson,
    DirectoryRefused,
    DirectorySettings,
    GroupRole,
    NotAdmitted,
    PasswordExpired,
    SignInRefused,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def directory(slapd: Slapd) -> Directory:
    return open_directory(slapd.settings())


async def sign_in(directory: Directory, uid: str) -> DirectoryPerson:
    return await directory.sign_in(uid, f"{uid}'s password")


async def refusal(directory: Directory, name: str, password: str) -> SignInRefused:
    """Why this name and password open nothing."""
    with pytest.raises(SignInRefused) as caught:
        await directory.sign_in(name, password)
    return caught.value


# Signing in --------------------------------------------------------------------------------------


async def test_a_person_is_what_the_entry_says(slapd: Slapd) -> None:
    found = await sign_in(open_directory(slapd.settings(extension_digits=3)), "anna")
    assert found.dn == f"uid=anna,ou=people,{BASE}"
    assert (found.login, found.first_name, found.last_name) == ("anna", "Anna", "Bianchi")
    assert (found.email, found.department, found.office) == ("anna@example.com", "Sales", "Milano")
    assert (found.extension, found.language) == ("731", "de")
    assert found.custom == ("Head of sales", "MI 1", *[""] * 8)
    assert (found.role, found.scope, found.disabled) == ("user", None, False)


@pytest.mark.parametrize(
    "typed", ["ANNA", "  anna ", "\u200eanna\u200f", "EXAMPLE\\anna", "example.com\\Anna"]
)
async def test_a_name_is_taken_as_people_write_it(directory: Directory, typed: str) -> None:
    assert (await directory.sign_in(typed, "anna's password")).login == "anna"


@pytest.mark.parametrize(
    ("uid", "first", "last"),
    [
        ("lukasz", "Łukasz", "Żółć"),
        ("layla", "ليلى", "حداد"),
        ("łucja", "Łucja", "Gęś"),
        ("سامي", "سامي", "نور"),
        ("o*o", "Star", "Name"),
        ("tom,r", "Comma", "Name"),
    ],
)
async def test_names_of_every_script_come_back_as_they_are(
    directory: Directory, uid: str, first: str, last: str
) -> None:
    found = await sign_in(directory, uid)
    assert (found.login, found.first_name, found.last_name) == (uid, first, last)


async def test_a_name_typed_in_pieces_is_the_composed_one(directory: Directory) -> None:
    await sign_in(directory, "łucja")
    with pytest.raises(SignInRefused):
        await directory.sign_in("lucja", "łucja's password")


async def test_wrong_password_and_unknown_name_say_the_same(directory: Directory) -> None:
    wrong = await refusal(directory, "layla", "not it")
    unknown = await refusal(directory, "nobody-of-that-name", "not it")
    assert type(wrong) is type(unknown) is SignInRefused
    assert str(wrong) == str(unknown)


@pytest.mark.parametrize("password", ["", " ", "\t\n", "\u3000"])
async def test_an_empty_password_is_refused_before_anything_is_sent(password: str) -> None:
    nowhere = open_directory(DirectorySettings(servers=("does-not-exist.invalid",), base=BASE))
    assert "empty" in str(await refusal(nowhere, "anna", password))


@pytest.mark.parametrize(
    "name",
    [
        *("*", "a*", "ann?", "*)(uid=*", "anna)(uid=*", "*)(uid=*))(|(uid=*", "anna)(cn=Anna*"),
        *(")(|(objectClass=*", "anna)(&)", "*)(userPassword=*", "!(uid=x)", "anna|", "ａｎｎａ*"),
        *("anna\\2a", "\\2a", "anna\\", "\\\\anna\\*", "EXAMPLE\\"),
        *("\0", "anna\0", "anna\0*", "anna\r\nuid: x", "\ud800", "", "  ", "\u200e", "a" * 300),
        f"uid=anna,ou=people,{BASE}",
    ],
)
async def test_no_name_is_a_filter(directory: Directory, name: str) -> None:
    await refusal(directory, name, "anna's password")


def test_nobody_but_the_one_named_gets_in(slapd: Slapd) -> None:
    """Whatever is typed: who is let in has that name."""
    pieces = st.sampled_from(
        [*"an*()\\|&!=, \0", "anna", "uid=", "\\2a", "objectClass", "łucja", "*"]
    )

    @given(st.lists(pieces, max_size=8).map("".join))
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    def check(name: str) -> None:
        async def attempt() -> DirectoryPerson | None:
            try:
                return await open_directory(slapd.settings()).sign_in(name, "anna's password")
            except SignInRefused:
                return None

        found = trio.run(attempt)
        try:
            meant = " ".join(typed_name(name).split()).casefold()
        except BadName:
            meant = ""
        assert (found.login if found else None) == ("anna" if meant == "anna" else None)

    check()


async def test_two_entries_of_one_login_let_nobody_in(directory: Directory) -> None:
    assert "more than one" in str(await refusal(directory, "twin", "twin's password"))


async def test_an_account_an_administrator_locked(directory: Directory) -> None:
    assert type(await refusal(directory, "locked", "locked's password")) is AccountLocked


async def test_too_many_wrong_passwords_lock_the_account(directory: Directory) -> None:
    await sign_in(directory, "tries")
    for _ in range(3):
        assert type(await refusal(directory, "tries", "not it")) is SignInRefused
    assert type(await refusal(directory, "tries", "tries's password")) is AccountLocked


@pytest.mark.parametrize("uid", ["aged", "reset"])
async def test_a_password_that_must_be_changed(directory: Directory, uid: str) -> None:
    assert type(await refusal(directory, uid, f"{uid}'s password")) is PasswordExpired


async def test_an_account_that_expired(directory: Directory) -> None:
    assert type(await refusal(directory, "left", "left's password")) is AccountLocked
    assert type(await refusal(directory, "left", "not it")) is SignInRefused


async def test_a_broken_value_is_passed_over(directory: Directory) -> None:
    found = await sign_in(directory, "broken")
    assert (found.last_name, found.email) == ("Rotto", "b@example.com")


async def test_a_renamed_entry_keeps_its_key(slapd: Slapd, directory: Directory) -> None:
    before = await sign_in(directory, "moving")
    with slapd.as_root() as ldap:
        assert ldap.modify_dn(before.dn, "uid=moved")
        try:
            after = await directory.sign_in("moved", "moving's password")
        finally:
            assert ldap.modify_dn(f"uid=moved,ou=people,{BASE}", "uid=moving")
    assert (before.login, after.login) == ("moving", "moved")
    assert before.key == after.key != ""
    assert before.dn != after.dn


async def test_the_filter_says_who_may_sign_in(slapd: Slapd) -> None:
    directory = open_directory(slapd.settings(user_filter="(&(objectClass=person)(l=Milano))"))
    await sign_in(directory, "anna")
    await refusal(directory, "layla", "layla's password")


async def test_a_password_is_in_no_error_and_no_log(
    slapd: Slapd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "unlikely-secret-7431"
    said: list[str] = []
    for more in (
        {},
        {"servers": ("localhost:1",)},
        {"bind_password": secret},
        {"certificates": ""},
        {"base": f"ou=nowhere,{BASE}"},
    ):
        wanted = slapd.settings(**more)
        said.append(repr(wanted))
        with pytest.raises(DirectoryError) as caught:
            await open_directory(wanted).sign_in("layla", secret)
        said += [repr(caught.value), str(caught.value), repr(caught.value.__context__)]
    assert not [line for line in (*said, caplog.text) if secret in line or SERVICE_PASSWORD in line]


# Our own account ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "trouble"),
    [
        ({"bind_password": "wrong"}, "service_account"),
        ({"bind_name": f"cn=nobody,{BASE}"}, "service_account"),
        ({"bind_name": "no name at all"}, "service_account"),
        ({"bind_name": "", "bind_password": ""}, "base"),
        ({"base": f"ou=nowhere,{BASE}"}, "base"),
        ({"base": "dc=elsewhere,dc=test"}, "base"),
    ],
)
async def test_what_is_wrong_with_our_settings_is_no_matter_of_the_person(
    slapd: Slapd, more: dict[str, Any], trouble: str
) -> None:
    directory = open_directory(slapd.settings(**more))
    for ask in (lambda: sign_in(directory, "anna"), directory.everybody, directory.probe):
        with pytest.raises(DirectoryRefused) as caught:
            await ask()
        assert caught.value.trouble == trouble


async def test_settings_that_cannot_be_right_are_not_tried(slapd: Slapd) -> None:
    with pytest.raises(DirectoryRefused, match="user_filter"):
        open_directory(slapd.settings(user_filter="(uid=*"))


# Everybody ---------------------------------------------------------------------------------------


async def test_everybody_is_there_page_by_page(slapd: Slapd) -> None:
    directory = open_directory(slapd.settings(base=PLAIN, bind_name="", bind_password=""))
    people = await directory.everybody()
    assert {person.login for person in people} == {f"p{number:05}" for number in range(MANY)}
    assert len({person.key for person in people}) == MANY


async def test_everybody_of_the_example(slapd: Slapd) -> None:
    people = await open_directory(slapd.settings()).everybody()
    by_login = {person.login: person for person in people}
    assert by_login["سامي"].last_name == "نور"
    assert by_login["broken"].email == "b@example.com"
    assert {login for login, person in by_login.items() if person.disabled} == {"locked", "left"}
    assert [person.login for person in people].count("twin") == 2


async def test_a_size_limit_gives_no_part_of_the_list(slapd: Slapd) -> None:
    limited = slapd.settings(base=PLAIN, bind_name=LIMITED, bind_password="limited")
    with pytest.raises(DirectoryRefused) as caught:
        await open_directory(limited).everybody()
    assert caught.value.trouble == "limit"
    assert "size limit" in str(caught.value)


# Groups ------------------------------------------------------------------------------------------


BY_MEMBER_OF = (
    GroupRole(group("staff"), "user"),
    GroupRole(group("heads").upper().replace(",", " , "), "supervisor", "department"),
    GroupRole(group("admins"), "administrator"),
)


async def test_roles_by_what_the_entry_says_of_its_groups(slapd: Slapd) -> None:
    directory = open_directory(slapd.settings(groups=BY_MEMBER_OF, default_role=None))
    assert (await sign_in(directory, "anna")).role == "administrator"
    lukasz = await sign_in(directory, "lukasz")
    assert (lukasz.role, lukasz.scope) == ("supervisor", "department")
    assert (await sign_in(directory, "layla")).role == "user"
    people = {person.login: person for person in await directory.everybody()}
    assert {login: person.role for login, person in people.items()} == {
        "anna": "administrator",
        "lukasz": "supervisor",
        "layla": "user",
    }
    assert people["lukasz"].scope == "department"


async def test_who_is_in_no_group_gets_in_only_where_there_is_a_role_for_everybody(
    slapd: Slapd,
) -> None:
    strict = open_directory(slapd.settings(groups=BY_MEMBER_OF, default_role=None))
    assert type(await refusal(strict, "o*o", "o*o's password")) is NotAdmitted
    assert type(await refusal(strict, "o*o", "not it")) is SignInRefused
    lenient = open_directory(slapd.settings(groups=BY_MEMBER_OF, default_role="user"))
    assert (await sign_in(lenient, "o*o")).role == "user"


async def test_roles_by_what_the_groups_say(slapd: Slapd) -> None:
    groups = f"ou=groups,{PLAIN}"
    directory = open_directory(
        slapd.settings(
            base=PLAIN,
            bind_name="",
            bind_password="",
            user_filter="(&(objectClass=inetOrgPerson)(uid=p0000*))",
            groups=(
                GroupRole(f"cn=posix,{groups}", "supervisor", "office"),
                GroupRole(f"cn=chiefs,{groups}", "administrator"),
                GroupRole(f"cn=unique,{groups}", "supervisor", "cost_centre"),
            ),
        )
    )
    expected = {
        "p00000": ("user", None),
        "p00001": ("administrator", None),
        "p00002": ("administrator", None),
        "p00003": ("supervisor", "cost_centre"),
        "p00004": ("supervisor", "office"),
        "p00005": ("user", None),
    }
    people = {p.login: (p.role, p.scope) for p in await directory.everybody()}
    assert {login: people[login] for login in expected} == expected
    for login, granted in expected.items():
        found = await sign_in(directory, login)
        assert (found.role, found.scope) == granted


async def test_a_group_that_is_not_there_takes_nobodys_rights_away(slapd: Slapd) -> None:
    groups = (*BY_MEMBER_OF, GroupRole(group("gone"), "administrator"))
    directory = open_directory(slapd.settings(groups=groups))
    for ask in (directory.everybody, directory.probe):
        with pytest.raises(DirectoryRefused, match="cn=gone") as caught:
            await ask()
        assert caught.value.trouble == "group"
    assert (await sign_in(directory, "layla")).role == "user"


# The probe ---------------------------------------------------------------------------------------


async def test_a_probe_says_what_it_found(slapd: Slapd) -> None:
    said = await open_directory(slapd.settings(groups=BY_MEMBER_OF)).probe()
    assert f"localhost:{slapd.tls_port}" in said
    assert "TLSv1.3" in said
    assert SERVICE in said
    assert f"16 entries below {BASE}" in said
    assert "3 groups" in said
    assert "\n" not in said


async def test_a_probe_does_not_count_to_the_end(slapd: Slapd) -> None:
    plain = slapd.settings(base=PLAIN, bind_name="", bind_password="", encryption="none")
    said = await open_directory(plain).probe()
    assert "at least 100" in said
    assert "not encrypted" in said
    assert "anonymous" in said


async def test_a_filter_nobody_passes_is_told(slapd: Slapd) -> None:
    with pytest.raises(DirectoryRefused) as caught:
        await open_directory(slapd.settings(user_filter="(uid=nobody)")).probe()
    assert caught.value.trouble == "nobody"
