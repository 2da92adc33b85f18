"""What is wrong with a directory's settings, found without asking any server.

The page that edits them says it in the reader's language; here a problem is a code and a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, cast, get_args

from ldap3.core.exceptions import LDAPException
from ldap3.operation.search import compile_filter, parse_filter  # pyright: ignore[reportUnknownVariableType]
from pyasn1.error import PyAsn1Error

from directory.names import BadName, canonical, is_attribute, is_domain, server_name
from directory.port import (
    CUSTOM_FIELDS,
    AttributeNames,
    DirectorySettings,
    Encryption,
    GroupRole,
    Role,
    Scope,
    SignIn,
)
from directory.wire import trust

Code = Literal[
    "missing",
    "bad_server",
    "twice",
    "bad_name",
    "bad_filter",
    "bad_attribute",
    "bad_certificates",
    "bad_choice",
    "no_suffix",
    "bad_suffix",
    "no_password",
    "too_many",
    "out_of_range",
    "scope_missing",
    "scope_unused",
]
"""missing: must be filled in. bad_server: not host, host:port or [IPv6]:port. twice: there already.
bad_name: no distinguished name. bad_filter: no LDAP filter in one pair of brackets. bad_attribute:
no attribute's name. bad_certificates: no PEM certificate. bad_choice: none of the choices.
no_suffix: sign-in by name@suffix needs the suffix. bad_suffix: not a domain's name. no_password: a
service account needs its password. too_many: more than ten custom fields. out_of_range: see
`LIMITS`. scope_missing: a supervisor needs a scope. scope_unused: others have none."""

LIMITS = {
    "extension_digits": (0, 20),
    "connect_timeout_s": (1, 60),
    "answer_timeout_s": (1, 300),
    "page_size": (10, 5000),
}
"""Least and most of each number."""


_NONSENSE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What ldap3's parser falls over, beside what it refuses."""


class Problem(NamedTuple):
    """What is wrong with one setting.

    `field` is its name, as `groups.0.group` for a part of a list; `value` is what it holds, never
    a password.
    """

    field: str
    code: Code
    value: str = ""


def check_settings(settings: DirectorySettings) -> list[Problem]:
    """Everything that is wrong; empty: a server can be asked."""
    return [
        *_servers(settings.servers),
        *_name("base", settings.base),
        *_choices(settings),
        *_certificates(settings.certificates),
        *_account(settings),
        *_suffix(settings),
        *_filter(settings.user_filter),
        *_attributes(settings.attributes),
        *_groups(settings.groups),
        *_numbers(settings),
    ]


def _servers(servers: tuple[str, ...]) -> Iterator[Problem]:
    if not servers:
        yield Problem("servers", "missing")
    seen: set[tuple[str, int]] = set()
    for number, text in enumerate(servers):
        try:
            name = server_name(text)
        except BadName:
            yield Problem(f"servers.{number}", "bad_server", text)
            continue
        if (name.host.lower(), name.port) in seen:
            yield Problem(f"servers.{number}", "twice", text)
        seen.add((name.host.lower(), name.port))


def _name(field: str, dn: str) -> Iterator[Problem]:
    if not dn.strip():
        yield Problem(field, "missing")
        return
    try:
        canonical(dn)
    except BadName:
        yield Problem(field, "bad_name", dn)


def _choices(settings: DirectorySettings) -> Iterator[Problem]:
    if settings.encryption not in get_args(Encryption):
        yield Problem("encryption", "bad_choice", settings.encryption)
    if settings.sign_in not in get_args(SignIn):
        yield Problem("sign_in", "bad_choice", settings.sign_in)
    if settings.default_role not in {None, *get_args(Role)}:
        yield Problem("default_role", "bad_choice", str(settings.default_role))


def _certificates(certificates: str) -> Iterator[Problem]:
    if not certificates.strip():
        return
    try:
        trust(certificates)
    except ValueError:
        yield Problem("certificates", "bad_certificates")


def _account(settings: DirectorySettings) -> Iterator[Problem]:
    """Active Directory's account may be `name@domain` instead of a distinguished name."""
    if settings.bind_name and not settings.bind_password.strip():
        yield Problem("bind_password", "no_password")
    if settings.bind_password and not settings.bind_name.strip():
        yield Problem("bind_name", "missing")
    if "=" in settings.bind_name and "@" not in settings.bind_name:
        yield from _name("bind_name", settings.bind_name)


def _suffix(settings: DirectorySettings) -> Iterator[Problem]:
    suffix = settings.upn_suffix.strip().removeprefix("@")
    if not suffix:
        if settings.sign_in == "upn":
            yield Problem("upn_suffix", "no_suffix")
        return
    if not is_domain(suffix):
        yield Problem("upn_suffix", "bad_suffix", settings.upn_suffix)


def _filter(text: str) -> Iterator[Problem]:
    if not text.strip():
        yield Problem("user_filter", "missing")
    elif not _is_filter(text.strip()):
        yield Problem("user_filter", "bad_filter", text)


def _is_filter(text: str) -> bool:
    """Whether it is one filter, so that it stays one inside of another."""
    if "\0" in text or not _is_one(text):
        return False
    try:
        parsed = cast(
            "Any",
            parse_filter(
                text,
                schema=None,
                auto_escape=False,
                auto_encode=False,
                validator=None,
                check_names=False,
            ),
        )
        compile_filter(parsed.elements[0])
    except (LDAPException, PyAsn1Error, *_NONSENSE):
        return False
    return True


def _is_one(text: str) -> bool:
    """Whether the first bracket is closed by the last one and by no other."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth <= 0 and position < len(text) - 1:
            return False
    return depth == 0


def _attributes(names: AttributeNames) -> Iterator[Problem]:
    if not names.login:
        yield Problem("attributes.login", "missing")
    if len(names.custom) > CUSTOM_FIELDS:
        yield Problem("attributes.custom", "too_many", str(len(names.custom)))
    named = {
        "login": names.login,
        "first_name": names.first_name,
        "last_name": names.last_name,
        "email": names.email,
        "department": names.department,
        "cost_centre": names.cost_centre,
        "office": names.office,
        "extension": names.extension,
        "language": names.language,
    } | {f"custom.{number}": name for number, name in enumerate(names.custom)}
    for field, name in named.items():
        if name and not is_attribute(name):
            yield Problem(f"attributes.{field}", "bad_attribute", name)


def _groups(groups: tuple[GroupRole, ...]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, group in enumerate(groups):
        field = f"groups.{number}"
        wrong = list(_name(f"{field}.group", group.group))
        yield from wrong
        if not wrong and canonical(group.group) in seen:
            yield Problem(f"{field}.group", "twice", group.group)
        if not wrong:
            seen.add(canonical(group.group))
        yield from _granted(field, group)


def _granted(field: str, group: GroupRole) -> Iterator[Problem]:
    if group.role not in get_args(Role):
        yield Problem(f"{field}.role", "bad_choice", group.role)
    if group.scope not in {None, *get_args(Scope)}:
        yield Problem(f"{field}.scope", "bad_choice", str(group.scope))
    elif group.role == "supervisor" and group.scope is None:
        yield Problem(f"{field}.scope", "scope_missing")
    elif group.role != "supervisor" and group.scope is not None:
        yield Problem(f"{field}.scope", "scope_unused", group.scope)


def _numbers(settings: DirectorySettings) -> Iterator[Problem]:
    values = {
        "extension_digits": settings.extension_digits,
        "connect_timeout_s": settings.connect_timeout_s,
        "answer_timeout_s": settings.answer_timeout_s,
        "page_size": settings.page_size,
    }
    for field, (least, most) in LIMITS.items():
        if not least <= values[field] <= most:
            yield Problem(field, "out_of_range", str(values[field]))
