"""Which role the groups give: of somebody who signs in, and of everybody at once.

The server is asked whether somebody is a member, so that it compares the names its own way. Active
Directory follows groups in groups for us with its matching rule; elsewhere a membership counts
that the entry itself (`memberOf`) or the group names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from directory.exchange import Exchange, Found
from directory.names import escaped, same_or_text
from directory.port import (
    DirectoryRefused,
    DirectorySettings,
    GroupRole,
    Role,
    Scope,
)

_ACTIVE_DIRECTORY = {"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1851"}
"""LDAP_CAP_ACTIVE_DIRECTORY_OID, and that of its Lightweight Directory Services (MS-ADTS)."""

_IN_CHAIN = "1.2.840.113556.1.4.1941"
_MEMBERS = ("member", "uniqueMember", "memberUid")
_RIGHTS: Mapping[Role, int] = {"user": 0, "supervisor": 1, "administrator": 2}


class Granted(NamedTuple):
    """A role, with the scope of a supervisor."""

    role: Role
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class _Members:
    """Who is in a group: entries by their comparable names, and logins in small letters."""

    group: str
    granted: Granted
    names: frozenset[str]
    logins: frozenset[str] = frozenset()


def by_rights(groups: Sequence[GroupRole]) -> list[GroupRole]:
    """The groups, those that give most rights first, else in the order of the settings."""
    return sorted(groups, key=lambda group: -_RIGHTS[group.role])


def is_active_directory(talk: Exchange) -> bool:
    """Whether the server follows groups in groups for us."""
    root = talk.read("", ["supportedCapabilities"])
    if root is None:
        return False
    values = root.attributes.get("supportedcapabilities", ())
    return any(value.decode("ascii", "replace") in _ACTIVE_DIRECTORY for value in values)


def of_one(talk: Exchange, settings: DirectorySettings, found: Found, login: str) -> Granted | None:
    """The role of this entry; None where it has none and there is none for everybody.

    A group that is not there gives its role to nobody.
    """
    if settings.groups:
        named, chained = _named(found), is_active_directory(talk)
        for group in by_rights(settings.groups):
            if same_or_text(group.group) in named or _is_member(
                talk, group.group, found.dn, login, chained
            ):
                return Granted(group.role, group.scope)
    return Granted(settings.default_role) if settings.default_role else None


def _is_member(talk: Exchange, group: str, dn: str, login: str, chained: bool) -> bool:
    name = escaped(dn)
    if chained:
        return talk.read(dn, (), f"(memberOf:{_IN_CHAIN}:={escaped(group)})") is not None
    only = f"(|(member={name})(uniqueMember={name})(memberUid={escaped(login)}))"
    return talk.read(group, (), only) is not None


class Roles:
    """The roles of everybody, from what the groups say. Get them from `of_all`."""

    def __init__(self, groups: Sequence[_Members], default_role: Role | None) -> None:
        self._groups = groups
        self._default = Granted(default_role) if default_role else None

    def of(self, found: Found, login: str) -> Granted | None:
        """The role of this entry; None where it has none and there is none for everybody."""
        if not self._groups:
            return self._default
        named, own = _named(found), same_or_text(found.dn)
        for members in self._groups:
            if members.group in named or own in members.names or login.lower() in members.logins:
                return members.granted
        return self._default


def of_all(talk: Exchange, settings: DirectorySettings) -> Roles:
    """Ask for the members of every group that gives a role.

    Raises:
        DirectoryRefused: A group is not there: taking its members' rights away would be worse.
    """
    if not settings.groups:
        return Roles((), settings.default_role)
    check_present(talk, settings.groups)
    chained = is_active_directory(talk)
    read = [
        _in_chain(talk, settings, group) if chained else _listed(talk, group)
        for group in by_rights(settings.groups)
    ]
    return Roles(read, settings.default_role)


def check_present(talk: Exchange, groups: Sequence[GroupRole]) -> None:
    """Raises `DirectoryRefused` naming the groups that are not there."""
    missing = [group.group for group in groups if talk.read(group.group, ()) is None]
    if missing:
        raise DirectoryRefused(
            f"There is no group {'; '.join(missing)}, or the service account may not see it",
            "group",
        )


def _in_chain(talk: Exchange, settings: DirectorySettings, group: GroupRole) -> _Members:
    only = f"(&{settings.user_filter.strip()}(memberOf:{_IN_CHAIN}:={escaped(group.group)}))"
    names = frozenset(same_or_text(found.dn) for found in talk.all(settings.base, only, ()))
    return _Members(same_or_text(group.group), Granted(group.role, group.scope), names)


def _listed(talk: Exchange, group: GroupRole) -> _Members:
    names: set[str] = set()
    logins: set[str] = set()
    for attribute in _MEMBERS:
        for value in _values(talk, group.group, attribute):
            text = value.decode("utf-8", "replace")
            if attribute == "memberUid":
                logins.add(text.lower())
            else:
                # A unique member may carry a bit string after its name (RFC 4517, 3.3.21).
                names.add(same_or_text(text.partition("#'")[0]))
    return _Members(
        same_or_text(group.group),
        Granted(group.role, group.scope),
        frozenset(names),
        frozenset(logins),
    )


def _values(talk: Exchange, group: str, attribute: str) -> Iterator[bytes]:
    """All values of an attribute, of which Active Directory gives 1500 at a time."""
    asked = attribute
    while asked:
        found = talk.read(group, [asked])
        asked = ""
        if found is None:
            return
        for name, values in found.attributes.items():
            kind, _, reached = name.partition(";range=")
            if kind != attribute.lower():
                continue
            yield from values
            _, _, last = reached.partition("-")
            if last.isdigit() and values:
                asked = f"{attribute};range={int(last) + 1}-*"


def _named(found: Found) -> set[str]:
    return {_read(value) for value in found.attributes.get("memberof", ())}


@lru_cache(maxsize=4096)
def _read(name: bytes) -> str:
    """A group's name made comparable; the same few stand in everybody's entry."""
    return same_or_text(name.decode("utf-8", "replace"))
