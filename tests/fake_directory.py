"""A company's directory for tests: its entries, their passwords, and faults on demand."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from actors.directory import DirectoryAccess
from actors.sealing import Sealer
from directory.port import (
    AttributeNames,
    Directory,
    DirectoryError,
    DirectoryPerson,
    DirectorySettings,
    SignInRefused,
)
from directory.settings_check import check_settings

SERVICE_PASSWORD = "the service's own"
CUSTOM = ("title", "floor")


def an_entry(login: str, first: str, last: str, **more: Any) -> DirectoryPerson:
    """Somebody in the directory; the key follows from the first login, renamed or not."""
    fields: dict[str, Any] = {
        "key": uuid.uuid5(uuid.NAMESPACE_OID, login).hex,
        "dn": f"uid={login},dc=example,dc=com",
        "login": login,
        "first_name": first,
        "last_name": last,
        "email": f"{login}@example.com",
    }
    return DirectoryPerson(**(fields | more))


SETTINGS = DirectorySettings(
    servers=("dc1.example.com",),
    base="dc=example,dc=com",
    bind_name="cn=ringfence,dc=example,dc=com",
    attributes=AttributeNames(cost_centre="costCentre", custom=CUSTOM),
)


@dataclass
class FakeDirectory:
    """One directory whatever the settings; `error` is raised by everything until it is None.

    Every entry's password is its login and `!`, unless `passwords` says otherwise.
    """

    entries: dict[str, DirectoryPerson] = field(default_factory=dict[str, DirectoryPerson])
    passwords: dict[str, str] = field(default_factory=dict[str, str])
    error: DirectoryError | None = None
    refusals: dict[str, DirectoryError] = field(default_factory=dict[str, DirectoryError])
    opened: list[DirectorySettings] = field(default_factory=list[DirectorySettings])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    reads: int = 0
    takes_s: float = 0.0

    def put(self, *entries: DirectoryPerson) -> None:
        """Add entries, or replace those of the same key."""
        self.entries |= {entry.key: entry for entry in entries}

    def change(self, who: str, **more: Any) -> DirectoryPerson:
        """Change an entry by its login."""
        entry = next(entry for entry in self.entries.values() if entry.login == who)
        self.put(changed := replace(entry, **more))
        return changed

    def drop(self, *logins: str) -> None:
        """Take entries away."""
        self.entries = {k: e for k, e in self.entries.items() if e.login not in logins}

    def open(self, settings: DirectorySettings) -> Directory:
        """As `open_directory`."""
        self.opened.append(settings)
        return self

    async def _answer(self) -> None:
        await trio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error

    async def sign_in(self, name: str, password: str) -> DirectoryPerson:
        self.asked.append((name, password))
        assert password.strip(), "an empty password went out"
        await self._answer()
        if name in self.refusals:
            raise self.refusals[name]
        entry = next((e for e in self.entries.values() if e.login.lower() == name.lower()), None)
        if entry is None or self.passwords.get(entry.login, entry.login + "!") != password:
            raise SignInRefused("name or password is wrong")
        return entry

    async def everybody(self) -> list[DirectoryPerson]:
        self.reads += 1
        await self._answer()
        return list(self.entries.values())

    async def probe(self) -> str:
        await self._answer()
        return f"dc1.example.com:636, LDAPS: {len(self.entries)} entries"


class Keys:
    """Where a key lies: made when it is asked for, lost when a test takes it away."""

    def __init__(self) -> None:
        self.key: str | None = None

    def __call__(self, make: bool) -> str | None:
        if self.key is None and make:
            self.key = uuid.uuid4().hex * 2
        return self.key


def access(directory: FakeDirectory, keys: Keys | None = None) -> DirectoryAccess:
    """What a house is given of a fake directory."""
    return DirectoryAccess(directory.open, check_settings, Sealer(keys or Keys()))
