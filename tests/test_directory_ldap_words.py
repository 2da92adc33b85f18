"""LDAP's words without a server: filters, names, what answers mean, and what settings may say."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.search import parse_filter
from ldap3.protocol.convert import prepare_filter_for_sending

from directory import entries, refusals
from directory.exchange import Found
from directory.names import BadName, canonical, escaped, same_or_text, server_name, typed_name
from directory.port import (
    AccountLocked,
    AttributeNames,
    DirectoryRefused,
    DirectorySettings,
    DirectoryUnavailable,
    GroupRole,
    PasswordExpired,
    SignInRefused,
)
from directory.settings_check import check_settings

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
AWKWARD = st.text(st.sampled_from('ab*()\\|&!=\0 ,+;"#<>żا2'), max_size=20)
ACCEPT = "comment: AcceptSecurityContext error"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


# Filters -----------------------------------------------------------------------------------------


@given(ANY_TEXT | AWKWARD)
def test_an_escaped_name_is_one_comparison_with_itself(value: str) -> None:
    root: Any = parse_filter(
        f"(&(objectClass=person)(uid={escaped(value)}x))",
        None,
        False,
        False,
        None,
        False,
    )
    both = root.elements[0].elements
    assert len(both) == 2
    assert both[1].assertion["attr"] == "uid"
    assert prepare_filter_for_sending(both[1].assertion["value"]) == f"{value}x".encode()


@given(ANY_TEXT | AWKWARD)
def test_nothing_special_is_left_in_an_escaped_name(value: str) -> None:
    left = escaped(value)
    assert not set(left) & set("*()\0= ")
    assert (
        bytes.fromhex(
            "".join(
                part[:2] + part[2:].encode().hex() if number else part.encode().hex()
                for number, part in enumerate(left.split("\\"))
            )
        )
        == value.encode()
    )


@given(ANY_TEXT | AWKWARD)
def test_a_typed_name_has_no_control_characters(name: str) -> None:
    try:
        typed = typed_name(name)
    except BadName:
        return
    assert 0 < len(typed) <= 256
    assert typed.strip() == typed
    assert "\\" not in typed
    assert "\0" not in typed


# Distinguished names -----------------------------------------------------------------------------


def _written(value: str) -> str:
    """A value as RFC 4514 has it written, every special character escaped."""
    text = "".join("\\" + c if c in '\\,+"<>;=#' else c for c in value).replace("\0", "\\00")
    stripped = text.strip(" ")
    start = len(text) - len(text.lstrip(" "))
    return "\\20" * start + stripped + "\\20" * (len(text) - start - len(stripped))


NAMES = st.lists(
    st.tuples(st.sampled_from(["cn", "OU", "dc", "2.5.4.3"]), ANY_TEXT | AWKWARD),
    min_size=1,
    max_size=4,
)


@given(NAMES)
def test_two_spellings_of_a_name_are_one(parts: list[tuple[str, str]]) -> None:
    tight = ",".join(f"{kind}={_written(value)}" for kind, value in parts)
    hexed = " , ".join(
        f"{kind.upper()} = " + "".join(f"\\{byte:02X}" for byte in value.encode())
        for kind, value in parts
    )
    assert canonical(tight) == canonical(hexed)
    assert canonical(canonical(tight)) == canonical(tight)


@given(NAMES, NAMES)
def test_two_names_are_two(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    def meant(parts: list[tuple[str, str]]) -> list[str]:
        return [canonical(f"{kind}={_written(value)}") for kind, value in parts]

    def whole(parts: list[tuple[str, str]]) -> str:
        return canonical(",".join(f"{kind}={_written(value)}" for kind, value in parts))

    assert (whole(one) == whole(other)) == (meant(one) == meant(other))


@given(AWKWARD)
def test_any_text_is_a_name_or_is_not(text: str) -> None:
    try:
        canonical(text)
    except BadName:
        assert same_or_text(text) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=Anna,DC=Example,DC=com", "cn=anna, dc=example , dc=COM"),
        ("cn=A  B,dc=x", "cn=a b,dc=x"),
        ("cn=a+sn=b,dc=x", "SN=B+CN=A,dc=x"),
        ('cn="a,b",dc=x', "cn=a\\,b,dc=x"),
        ("cn=Straße;dc=x", "cn=STRASSE,dc=x"),
        ("cn=\\C5\\81ucja", "cn=łucja"),
        ("", "   "),
    ],
)
def test_names_that_mean_the_same(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    "text",
    ["anna", "cn", "=x", "cn=a,", "cn=a,,dc=x", "cn=a\\", "cn=a\\x", 'cn="a', "cn=<a>", "cn=\\ff"],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(BadName):
        canonical(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("dc1.example.com", "dc1.example.com", 0),
        (" dc1:3269 ", "dc1", 3269),
        ("192.0.2.1:636", "192.0.2.1", 636),
        ("[2001:db8::1]:636", "2001:db8::1", 636),
        ("2001:db8::1", "2001:db8::1", 0),
    ],
)
def test_where_servers_are(text: str, host: str, port: int) -> None:
    assert server_name(text) == (host, port)
    assert server_name(str(server_name(text))) == (host, port)


# What answers mean -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (f"80090308: LdapErr: DSID-0C09044E, {ACCEPT}, data 775, v2580", AccountLocked),
        (f"80090308: LdapErr: DSID-0C09044E, {ACCEPT}, data 533, v4563\0", AccountLocked),
        ("... AcceptSecurityContext error, DATA 532, V4563", PasswordExpired),
        ("data 773", PasswordExpired),
        ("data 00000701, v1", AccountLocked),
        ("... data 52E, v1", SignInRefused),
        ("... data 525, v1", SignInRefused),
        ("... data 57, v1", SignInRefused),
        ("metadata 775", SignInRefused),
        ("", SignInRefused),
    ],
)
def test_the_codes_of_active_directory(said: str, kind: type[SignInRefused]) -> None:
    assert type(refusals.to_person(49, said, None)) is kind


@given(
    st.integers(0, 120),
    ANY_TEXT | st.from_regex(r"data [0-9a-f]{1,9}"),
    st.integers(0, 9) | st.none(),
)
def test_no_answer_but_success_lets_anybody_in(code: int, said: str, policy: int | None) -> None:
    refused = refusals.to_person(code, said, policy)
    assert (refused is None) == (code == 0 and policy not in {1, 2})
    ours = refusals.to_service(code, said, policy, "cn=us")
    assert not isinstance(ours, SignInRefused)
    if code:
        assert isinstance(ours, (DirectoryRefused, DirectoryUnavailable))
        assert "\n" not in str(ours)


@given(st.binary(max_size=12) | st.none())
def test_any_control_of_a_password_policy_can_be_read(control: bytes | None) -> None:
    found = refusals.of_policy(control)
    assert found is None or 0 <= found <= 255


@pytest.mark.parametrize(
    ("control", "error"),
    [
        ("3000", None),
        ("3003810101", 1),
        ("3003810100", 0),
        ("3005a003800164", None),
        ("3008a003810102810102", 2),
        ("30", None),
        ("308103810101", None),
    ],
)
def test_the_control_of_a_password_policy(control: str, error: int | None) -> None:
    assert refusals.of_policy(bytes.fromhex(control)) == error


# Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("de-CH", "de"),
        ("DE", "de"),
        ("pt-BR, it;q=0.8, fr;q=0.9", "fr"),
        ("en;q=0, ar", "ar"),
        ("zh", ""),
        ("", ""),
        ("pl_PL", "pl"),
        ("es;q=x, it;q=0.1", "it"),
    ],
)
def test_the_language_asked_for_first(text: str, language: str) -> None:
    assert entries.language(text) == language


@pytest.mark.parametrize(
    ("text", "digits", "extension"),
    [
        ("+39 02 6677 731", 3, "731"),
        ("+39 02 6677 731", 0, "39026677731"),
        ("(731)", 4, "731"),
        ("٧٣١", 3, "731"),
        ("no number", 3, ""),
        ("731²", 3, "731"),
    ],
)
def test_the_extension_of_a_number(text: str, digits: int, extension: str) -> None:
    assert entries.extension(text, digits) == extension


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        (
            {"objectguid": [bytes(range(16))], "entryuuid": [b"x"]},
            "03020100-0504-0706-0809-0a0b0c0d0e0f",
        ),
        ({"objectguid": [b"short"], "entryuuid": [b"A1-B2"]}, "a1-b2"),
        ({"nsuniqueid": [b"CE8EF50E-1DD111B2"]}, "ce8ef50e-1dd111b2"),
        ({}, "cn=anna,dc=x"),
    ],
)
def test_the_key_that_stays(attributes: dict[str, list[bytes]], key: str) -> None:
    assert entries.key(Found("CN=Anna, DC=X", attributes)) == key


@pytest.mark.parametrize(
    ("name", "value", "closed"),
    [
        ("nsAccountLock", b"TRUE", True),
        ("nsAccountLock", b"false", False),
        ("pwdAccountLockedTime", b"000001010000Z", True),
        ("pwdAccountLockedTime", b"20260228120000Z", False),
        ("userAccountControl", b"66050", True),
        ("userAccountControl", b"66048", False),
        ("userAccountControl", b"many", False),
        ("shadowExpire", b"20513", True),
        ("shadowExpire", b"20514", False),
        ("shadowExpire", b"-1", False),
    ],
)
def test_what_closes_an_account(name: str, value: bytes, closed: bool) -> None:
    assert entries.closed(Found("cn=x", {name.lower(): [value]}), NOW) is closed


# Settings ----------------------------------------------------------------------------------------


GOOD = DirectorySettings(
    servers=("dc1.example.com", "dc2.example.com:3269", "[2001:db8::1]:636"),
    base="DC=example,DC=com",
    bind_name="svc@example.com",
    bind_password="secret",
    groups=(
        GroupRole("CN=Admins,DC=example,DC=com", "administrator"),
        GroupRole("CN=Heads,DC=example,DC=com", "supervisor", "department"),
    ),
)


def test_good_settings_have_no_problem() -> None:
    assert check_settings(GOOD) == []
    assert check_settings(DirectorySettings(servers=("dc1",), base="dc=x")) == []


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"servers": ()}, "servers", "missing"),
        ({"servers": ("",)}, "servers.0", "bad_server"),
        ({"servers": ("dc1", "ldaps://dc2")}, "servers.1", "bad_server"),
        ({"servers": ("dc1:70000",)}, "servers.0", "bad_server"),
        ({"servers": ("dc1:x",)}, "servers.0", "bad_server"),
        ({"servers": ("dc 1",)}, "servers.0", "bad_server"),
        ({"servers": ("dc1", "DC1")}, "servers.1", "twice"),
        ({"base": " "}, "base", "missing"),
        ({"base": "example.com"}, "base", "bad_name"),
        ({"encryption": "ssl"}, "encryption", "bad_choice"),
        ({"sign_in": "kerberos"}, "sign_in", "bad_choice"),
        ({"default_role": "king"}, "default_role", "bad_choice"),
        ({"certificates": "not PEM"}, "certificates", "bad_certificates"),
        (
            {"certificates": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
            "certificates",
            "bad_certificates",
        ),
        ({"bind_password": ""}, "bind_password", "no_password"),
        ({"bind_name": ""}, "bind_name", "missing"),
        ({"bind_name": "cn=x,,"}, "bind_name", "bad_name"),
        ({"sign_in": "upn"}, "upn_suffix", "no_suffix"),
        ({"upn_suffix": "a b"}, "upn_suffix", "bad_suffix"),
        ({"user_filter": ""}, "user_filter", "missing"),
        ({"user_filter": "uid=*"}, "user_filter", "bad_filter"),
        ({"user_filter": "(uid=*"}, "user_filter", "bad_filter"),
        ({"user_filter": "(a=b)(c=d)"}, "user_filter", "bad_filter"),
        ({"user_filter": "(a=b))(|(c=d)"}, "user_filter", "bad_filter"),
        ({"user_filter": "(uid)"}, "user_filter", "bad_filter"),
        ({"user_filter": "(!)"}, "user_filter", "bad_filter"),
        ({"user_filter": "()"}, "user_filter", "bad_filter"),
        ({"user_filter": "(!" * 5000 + "(a=b)" + ")" * 5000}, "user_filter", "bad_filter"),
        ({"user_filter": "(uid=\0)"}, "user_filter", "bad_filter"),
        ({"attributes": AttributeNames(login="")}, "attributes.login", "missing"),
        ({"attributes": AttributeNames(email="e mail")}, "attributes.email", "bad_attribute"),
        ({"attributes": AttributeNames(login="uid)(x")}, "attributes.login", "bad_attribute"),
        ({"attributes": AttributeNames(custom=("a=",))}, "attributes.custom.0", "bad_attribute"),
        ({"attributes": AttributeNames(custom=("a",) * 11)}, "attributes.custom", "too_many"),
        ({"groups": (GroupRole("", "user"),)}, "groups.0.group", "missing"),
        ({"groups": (GroupRole("Admins", "user"),)}, "groups.0.group", "bad_name"),
        (
            {"groups": (GroupRole("cn=a,dc=x", "user"), GroupRole("CN=A, DC=x", "user"))},
            "groups.1.group",
            "twice",
        ),
        ({"groups": (GroupRole("cn=a", "supervisor"),)}, "groups.0.scope", "scope_missing"),
        ({"groups": (GroupRole("cn=a", "user", "office"),)}, "groups.0.scope", "scope_unused"),
        ({"extension_digits": -1}, "extension_digits", "out_of_range"),
        ({"connect_timeout_s": 0}, "connect_timeout_s", "out_of_range"),
        ({"answer_timeout_s": 301}, "answer_timeout_s", "out_of_range"),
        ({"page_size": 0}, "page_size", "out_of_range"),
    ],
)
def test_what_is_wrong_with_settings(change: dict[str, Any], field: str, code: str) -> None:
    problems = check_settings(dataclasses.replace(GOOD, **change))
    assert [(problem.field, problem.code) for problem in problems] == [(field, code)]
    assert "secret" not in repr(problems)


@pytest.mark.parametrize(
    "text",
    [
        "(uid=*)",
        "(&(objectCategory=person)(objectClass=user))",
        "(&(a=b)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
        "(|(a=b)(c=d*e*f)(g>=1)(h~=i))",
        "(cn=a\\28b\\29)",
        " (uid=*) ",
    ],
)
def test_filters_that_are_fine(text: str) -> None:
    assert check_settings(dataclasses.replace(GOOD, user_filter=text)) == []


@given(AWKWARD)
def test_any_text_is_a_filter_or_is_not(text: str) -> None:
    check_settings(dataclasses.replace(GOOD, user_filter=text))


def test_a_password_is_in_no_repr() -> None:
    assert "secret" not in repr(GOOD)
