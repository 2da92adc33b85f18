"""What a comparison of the company with its directory needs, and what comes of it.

The storage layer knows no LDAP: whoever plans turns entries into these records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from storage.people import Role, Scope
from telephony.plant import ExtensionKey

Source = Literal["local", "directory"]
Disabler = Literal["administrator", "directory"]


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody of the company, as a plan compares them. `extensions` are the present ones."""

    id: int
    login: str
    source: Source = "local"
    directory_key: str | None = None
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    department: str = ""
    cost_centre: str = ""
    office: str = ""
    site_id: int | None = None
    directory_language: str = ""
    custom: tuple[str, ...] = ("",) * 10
    role: Role = "user"
    scope: Scope | None = None
    role_fixed: bool = False
    has_password: bool = False
    disabled: bool = False
    disabled_by: Disabler | None = None
    directory_extension: str = ""
    extensions: tuple[ExtensionKey, ...] = ()

    @property
    def full_name(self) -> str:
        """First and last name, or the login where neither is known."""
        return f"{self.first_name} {self.last_name}".strip() or self.login


class KnownOwner(NamedTuple):
    """Who owns an extension now: the row of the ownership, and whose it is."""

    row_id: int
    extension: ExtensionKey
    person_id: int


@dataclass(frozen=True, slots=True)
class KnownCompany:
    """Everybody a plan may touch or collide with. `sites` are names by id, in their order.

    `administrators` counts the enabled ones, whoever of them is among `people`.
    """

    people: tuple[KnownPerson, ...]
    owners: tuple[KnownOwner, ...]
    sites: Mapping[int, str]
    first_site_id: int | None = None
    administrators: int = 0


@dataclass(frozen=True, slots=True)
class PersonFields:
    """What a person's row shall hold. Every value is written as it stands here."""

    login: str
    directory_key: str
    first_name: str
    last_name: str
    email: str
    department: str
    cost_centre: str
    office: str
    site_id: int | None
    directory_language: str
    custom: tuple[str, ...]
    role: Role
    scope: Scope | None
    directory_extension: str


class Difference(NamedTuple):
    """One field of a person, before and after; a text each."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What shall become of one person; `person_id` is None for a new one.

    `closing` are rows of ownership that end now, `opening` a number that begins.
    """

    person_id: int | None
    name: str
    fields: PersonFields
    differences: tuple[Difference, ...] = ()
    closing: tuple[int, ...] = ()
    opening: str = ""


class Gone(NamedTuple):
    """Somebody who is disabled; their extensions end with `closing`, rows of ownership.

    `closed` where the directory has the entry still and says itself that it is disabled.
    """

    person_id: int
    login: str
    name: str
    closing: tuple[int, ...] = ()
    closed: bool = False


class Problem(NamedTuple):
    """An entry, or a part of it, that was left alone. `kind` says why, `who` and `what` of whom."""

    kind: str
    who: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What has to happen so that the company is what the directory says.

    `changed` and `enabled` are disjoint: who comes back is enabled, with whatever else differs.
    `known` is how many enabled people of the directory there were before.
    """

    seen: int = 0
    known: int = 0
    created: tuple[Planned, ...] = ()
    changed: tuple[Planned, ...] = ()
    enabled: tuple[Planned, ...] = ()
    disabled: tuple[Gone, ...] = ()
    problems: tuple[Problem, ...] = ()
    leaves_no_administrator: bool = False

    def __bool__(self) -> bool:
        return bool(self.created or self.changed or self.enabled or self.disabled)
