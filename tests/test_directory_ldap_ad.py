"""The directory over LDAP against what Active Directory does its own way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_ad import DOMAIN, SUFFIX, FakeAd, serving

from directory.ldap import open_directory
from directory.port import (
    AccountLocked,
    Directory,
    DirectoryRefused,
    DirectorySettings,
    GroupRole,
    NotAdmitted,
    PasswordExpired,
    SignInRefused,
)

SERVICE = f"ringfence@{SUFFIX}"


@pytest.fixture
def domain() -> Iterator[FakeAd]:
    with serving(FakeAd()) as running:
        running.add(
            f"CN=Ringfence,OU=Services,{DOMAIN}",
            "service",
            sAMAccountName="ringfence",
            userPrincipalName=SERVICE,
        )
        running.person("anna", telephoneNumber="+39 02 6677 731", preferredLanguage="it-IT")
        yield running


def settings_of(domain: FakeAd, **more: Any) -> DirectorySettings:
    fields: dict[str, Any] = {
        "servers": (f"127.0.0.1:{domain.port}",),
        "base": DOMAIN,
        "encryption": "none",
        "bind_name": SERVICE,
        "bind_password": "service",
        "upn_suffix": SUFFIX,
    }
    return DirectorySettings(**(fields | more))


def opened(domain: FakeAd, **more: Any) -> Directory:
    return open_directory(settings_of(domain, **more))


@pytest.mark.parametrize("way", ["search", "upn"])
@pytest.mark.parametrize("typed", ["anna", "ANNA", "CORP\\anna"])
async def test_who_gets_in(domain: FakeAd, way: Any, typed: str) -> None:
    found = await opened(domain, sign_in=way, extension_digits=3).sign_in(typed, "anna's password")
    assert (found.login, found.extension, found.language) == ("anna", "731", "it")
    assert found.dn == f"CN=Anna,OU=Staff,{DOMAIN}"
    assert (
        uuid.UUID(found.key).bytes_le
        == domain.by_name("anna@" + SUFFIX).attributes[  # type: ignore[union-attr]
            "objectguid"
        ][0]
    )


async def test_by_upn_no_service_account_is_asked(domain: FakeAd) -> None:
    directory = opened(domain, sign_in="upn", bind_name="", bind_password="")
    await directory.sign_in(f"anna@{SUFFIX}", "anna's password")
    assert {name for name, _ in domain.binds} == {
        f"anna@{SUFFIX}",
        f"CN=Anna,OU=Staff,{DOMAIN}",
    }


async def test_a_name_with_an_at_is_taken_as_it_is(domain: FakeAd) -> None:
    domain.person("maria", userPrincipalName="Maria.Rossi@corp.test")
    directory = opened(domain, sign_in="upn")
    found = await directory.sign_in("maria.rossi@corp.test", "maria's password")
    assert found.login == "maria"
    assert (await directory.sign_in("maria", "maria's password")).login == "maria"


@pytest.mark.parametrize("way", ["search", "upn"])
@pytest.mark.parametrize("password", ["", "  "])
async def test_a_bind_without_a_password_is_never_sent(
    domain: FakeAd, way: Any, password: str
) -> None:
    with pytest.raises(SignInRefused):
        await opened(domain, sign_in=way).sign_in("anna", password)
    assert domain.binds == []


@pytest.mark.parametrize("name", ["*", "*)(sAMAccountName=*", "anna)(cn=*", f"*@{SUFFIX}", "\\2a"])
@pytest.mark.parametrize("way", ["search", "upn"])
async def test_no_name_is_a_filter(domain: FakeAd, way: Any, name: str) -> None:
    with pytest.raises(SignInRefused):
        await opened(domain, sign_in=way).sign_in(name, "anna's password")


async def test_a_namesake_of_another_domain_is_not_ours(domain: FakeAd) -> None:
    """The forest lets anna of the other domain in; our anna is somebody else."""
    domain.other_domain["anna@other.example"] = "hers"
    with pytest.raises(SignInRefused):
        await opened(domain, sign_in="upn").sign_in("anna@other.example", "hers")
    assert domain.binds == [("anna@other.example", "hers")]


async def test_the_password_must_open_the_entry_that_was_found(domain: FakeAd) -> None:
    """One account's explicit name is another's implicit one; the filter hides the first."""
    domain.person("bob", userPrincipalName="robert@corp.test")
    domain.add(
        f"CN=Mallory,OU=Staff,{DOMAIN}",
        "mallory's password",
        sAMAccountName="mallory",
        userPrincipalName=f"bob@{SUFFIX}",
    )
    directory = opened(domain, sign_in="upn")
    with pytest.raises(SignInRefused):
        await directory.sign_in("bob", "mallory's password")


@pytest.mark.parametrize("way", ["search", "upn"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("525", SignInRefused),
        ("52e", SignInRefused),
        ("530", AccountLocked),
        ("531", AccountLocked),
        ("532", PasswordExpired),
        ("533", AccountLocked),
        ("701", AccountLocked),
        ("773", PasswordExpired),
        ("775", AccountLocked),
    ],
)
async def test_why_a_bind_is_refused(
    domain: FakeAd, way: Any, code: str, kind: type[SignInRefused]
) -> None:
    domain.person("bruno", refusal=code)
    with pytest.raises(SignInRefused) as caught:
        await opened(domain, sign_in=way).sign_in("bruno", "bruno's password")
    assert type(caught.value) is kind


async def test_a_locked_service_account_is_our_trouble(domain: FakeAd) -> None:
    service = domain.by_name(SERVICE)
    assert service
    service.refusal = "775"
    directory = opened(domain)
    for ask in (lambda: directory.sign_in("anna", "anna's password"), directory.probe):
        with pytest.raises(DirectoryRefused, match="locked") as caught:
            await ask()
        assert caught.value.trouble == "service_account"


async def test_without_a_service_account_there_is_nothing_to_see(domain: FakeAd) -> None:
    with pytest.raises(DirectoryRefused) as caught:
        await opened(domain, bind_name="", bind_password="").everybody()
    assert caught.value.trouble == "service_account"


async def test_disabled_and_expired_accounts(domain: FakeAd) -> None:
    def ticks(days: int) -> int:
        moment = datetime.now(UTC) + timedelta(days=days)
        return (moment - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10

    domain.person("off", userAccountControl=514)
    domain.person("over", accountExpires=ticks(-1))
    domain.person("soon", accountExpires=ticks(+1))
    domain.person("ever", accountExpires=0x7FFFFFFFFFFFFFFF)
    domain.person("zero", accountExpires=0)
    directory = opened(domain)
    disabled = {person.login: person.disabled for person in await directory.everybody()}
    expected = {"anna": False, "off": True, "over": True}
    assert disabled == expected | {"soon": False, "ever": False, "zero": False}
    for login in ("off", "over"):
        with pytest.raises(AccountLocked):
            await directory.sign_in(login, f"{login}'s password")


async def test_a_filter_with_bits_is_passed_on(domain: FakeAd) -> None:
    domain.person("off", userAccountControl=514)
    wanted = "(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"
    directory = opened(domain, user_filter=wanted)
    assert [person.login for person in await directory.everybody()] == ["anna"]


async def test_more_people_than_one_page_holds(domain: FakeAd) -> None:
    for number in range(2500):
        domain.person(f"p{number}")
    for size in (500, 5000):
        people = await opened(domain, page_size=size).everybody()
        assert len({person.login for person in people}) == len(people) == 2501


@pytest.mark.parametrize("way", ["search", "upn"])
async def test_groups_in_groups(domain: FakeAd, way: Any) -> None:
    inner = domain.group("Inner (A, B)".replace(",", "\\,"), domain.person("carla").dn)
    middle = domain.group("Middle", inner)
    outer = domain.group("Outer", middle, domain.person("dario").dn)
    round_about = domain.group("Round", outer)
    domain.accounts[inner.lower()].attributes["member"].append(round_about.encode())
    directory = opened(
        domain,
        sign_in=way,
        groups=(GroupRole(outer, "supervisor", "office"),),
        default_role=None,
    )
    for login in ("carla", "dario"):
        found = await directory.sign_in(login, f"{login}'s password")
        assert (found.role, found.scope) == ("supervisor", "office")
    with pytest.raises(NotAdmitted):
        await directory.sign_in("anna", "anna's password")
    assert {person.login for person in await directory.everybody()} == {"carla", "dario"}


async def test_a_group_of_more_members_than_are_given_at_a_time(domain: FakeAd) -> None:
    """Where the server does not follow groups itself, every member is read."""
    domain.follows_chains = False
    members = [domain.person(f"p{number}").dn for number in range(3200)]
    large = domain.group("Large", *members[:-1])
    for account in domain.accounts.values():
        account.attributes.pop("memberof", None)
    directory = opened(domain, groups=(GroupRole(large, "administrator"),), page_size=1000)
    roles = {person.login: person.role for person in await directory.everybody()}
    assert {login for login, role in roles.items() if role == "user"} == {"anna", "p3199"}
    assert len(roles) == 3201
    assert domain.ranges == 3
    assert (await directory.sign_in("p7", "p7's password")).role == "administrator"
    assert (await directory.sign_in("p3199", "p3199's password")).role == "user"


async def test_references_are_not_followed(domain: FakeAd) -> None:
    with pytest.raises(DirectoryRefused, match="another server") as caught:
        await opened(domain, base="DC=elsewhere,DC=example").probe()
    assert caught.value.trouble == "base"


async def test_values_that_are_no_text(domain: FakeAd) -> None:
    domain.person("eva", mail=[b"\xff\xfe", b"eva@example.com"], department=b"\xc3", sn=" \t ")
    found = await opened(domain).sign_in("eva", "eva's password")
    assert (found.email, found.department, found.last_name) == ("eva@example.com", "", "")


async def test_contacts_without_a_login_are_left_out(domain: FakeAd) -> None:
    domain.add(
        f"CN=Contact,OU=Staff,{DOMAIN}", objectClass=["person", "user"], objectCategory="person"
    )
    assert [person.login for person in await opened(domain).everybody()] == ["anna"]
