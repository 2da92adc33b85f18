"""Whom the entries of a directory are here: cleaned, each once, matched by key or login.

Pure, and the first half of a plan (see `actors.directory_plan`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from directory.port import CUSTOM_FIELDS, AttributeNames, DirectoryPerson
from storage.directory_types import KnownCompany, KnownOwner, KnownPerson, Problem
from words.language import LANGUAGES

LONGEST_TEXT = 400
LONGEST_LOGIN = 200
PLAIN = ("first_name", "last_name", "email", "department", "cost_centre", "office")
"""The fields that are copied as they are."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

ProblemKind = Literal[
    "no_login", "twice", "local_account", "login_taken", "extension_taken", "extension_unusable"
]


@dataclass(frozen=True, slots=True)
class Rules:
    """What of an entry counts. `said` are the fields the directory has an attribute for.

    `custom_said` tells it of each custom field; `sites_by_office` gives people the site that is
    called like their office.
    """

    said: frozenset[str]
    custom_said: tuple[bool, ...]
    sites_by_office: bool = True

    @classmethod
    def of(cls, names: AttributeNames, *, sites_by_office: bool = True) -> Rules:
        """The rules that go with the names of the attributes."""
        told = {name for name in (*PLAIN, "extension", "language") if getattr(names, name)}
        custom = [bool(name) for name in names.custom[:CUSTOM_FIELDS]]
        custom += [False] * (CUSTOM_FIELDS - len(custom))
        return cls(frozenset(told), tuple(custom), sites_by_office)


@dataclass(slots=True)
class Match:
    """An entry, whom it is here, and what becomes of their extensions."""

    entry: DirectoryPerson
    person: KnownPerson | None
    login: str
    closing: tuple[int, ...] = ()
    opening: str = ""
    told_extension: str = ""

    @property
    def name(self) -> str:
        """First and last name of the entry, or its login."""
        return f"{self.entry.first_name} {self.entry.last_name}".strip() or self.entry.login

    @property
    def returns(self) -> bool:
        """Whether this is somebody the directory had lost, and has again."""
        return bool(self.person and self.person.disabled and self.person.disabled_by == "directory")

    @property
    def stays_out(self) -> bool:
        """Whether an administrator has closed the account here: it is kept up to date, no more."""
        return bool(self.person and self.person.disabled and not self.returns)


@dataclass(slots=True)
class Work:
    """One plan in the making: what it compares with, and what it found wrong."""

    known: KnownCompany
    rules: Rules
    problems: list[Problem] = field(default_factory=list[Problem])
    owned: dict[int, list[KnownOwner]] = field(default_factory=dict[int, list[KnownOwner]])
    site_ids: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        for owner in self.known.owners:
            self.owned.setdefault(owner.person_id, []).append(owner)
        for site_id, name in self.known.sites.items():
            self.site_ids.setdefault(name.lower(), site_id)

    def extensions_of(self, person: KnownPerson | None) -> list[KnownOwner]:
        """The extensions somebody has now."""
        return self.owned.get(person.id, []) if person else []

    def problem(self, kind: ProblemKind, who: str, what: str = "") -> None:
        """Note that an entry, or a part of it, is left alone."""
        self.problems.append(Problem(kind, who, what))


def _text(text: str, longest: int = LONGEST_TEXT) -> str:
    return _CONTROL.sub(" ", text).strip()[:longest]


def clean(entry: DirectoryPerson) -> DirectoryPerson:
    """The entry with every text as a row can hold it: one line, not too long."""
    custom = [_text(value) for value in entry.custom[:CUSTOM_FIELDS]]
    texts = {name: _text(getattr(entry, name)) for name in PLAIN}
    return replace(
        entry,
        **texts,
        login=_text(entry.login, LONGEST_LOGIN),
        extension=re.sub(r"[\s().\-/]+", "", _text(entry.extension)),
        language=_language(entry.language),
        custom=tuple(custom + [""] * (CUSTOM_FIELDS - len(custom))),
    )


def _language(text: str) -> str:
    """The code of a language of ours out of `de-CH, en;q=0.5`; empty where it is none."""
    code = re.split(r"[-_,;\s]", text.strip().lower(), maxsplit=1)[0]
    return code if code in LANGUAGES else ""


def usable(work: Work, found: Sequence[DirectoryPerson]) -> list[DirectoryPerson]:
    """The entries that can be somebody, each key and each login once, by login.

    Of two with the same login the one counts that has it here already, else one that is somebody.
    """
    logins = {p.directory_key: p.login.lower() for p in work.known.people if p.directory_key}

    def rank(entry: DirectoryPerson) -> tuple[bool, bool, str]:
        login = logins.get(entry.key)
        return login != entry.login.lower(), login is None, entry.dn

    seen: set[str] = set()
    usable: list[DirectoryPerson] = []
    for entry in sorted(map(clean, found), key=rank):
        login = entry.login.lower()
        if not login or not entry.key:
            work.problem("no_login", entry.dn)
        elif seen & {f"login {login}", f"key {entry.key}"}:
            work.problem("twice", entry.login, entry.dn)
        else:
            usable.append(entry)
            seen |= {f"login {login}", f"key {entry.key}"}
    return sorted(usable, key=lambda entry: entry.login.lower())


def _is_lasting(key: str | None) -> bool:
    """Whether a key names one entry for ever; a distinguished name changes when it is renamed.

    An entry with another such key is another person, though they be called the same: whoever left
    and whoever came after them, or two of two domains.
    """
    return bool(key) and "=" not in str(key)


def match_entries(work: Work, found: Sequence[DirectoryPerson]) -> tuple[list[Match], set[int]]:
    """Whom each entry is here; and the ids of those whose account the directory has closed."""
    by_key = {person.directory_key: person for person in work.known.people if person.directory_key}
    by_login = {person.login.lower(): person for person in work.known.people}
    keys = {entry.key for entry in found}
    matches: list[Match] = []
    closed: set[int] = set()
    for entry in found:
        named = by_login.get(entry.login.lower())
        person, login = by_key.get(entry.key), entry.login
        if person is not None and named not in {None, person}:
            work.problem("login_taken", person.login, entry.login)
            login = person.login
        elif person is None and named is not None:
            if named.source == "local" and named.has_password:
                work.problem("local_account", entry.login, entry.dn)
                continue
            if named.directory_key in keys or _is_lasting(named.directory_key):
                work.problem("login_taken", entry.dn, entry.login)
                continue
            person = named
        if not entry.disabled:
            matches.append(Match(entry, person, login))
        elif person is not None and person.source == "directory":
            closed.add(person.id)
    return matches, closed
