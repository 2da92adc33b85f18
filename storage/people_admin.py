"""People as an administrator makes and changes them: one form, kept or refused as a whole.

Two administrators may have the same person open. Whoever saves second brings what the form showed
when it was opened; where the person differs from that by now, nothing is written and the
differences are told. Every change is in the audit log; whoever changes their department or such
is in the right budgets when the transaction ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from storage import people
from storage.audit import Event, record
from storage.budgets import hold_ledger_still, sync_members
from storage.database import Connection, StorageConflict, notify
from storage.people import Person, Role, Scope, TimeFormat
from storage.viewer import Viewer
from telephony.plant import ExtensionKey

CUSTOM_FIELDS = 10

OWNED_BY_DIRECTORY = frozenset(
    {"login", "first_name", "last_name", "email", "department", "cost_centre", "office"}
)
"""What a directory may say about a person, beside extension, language and the free fields."""

_MOVES = frozenset({"login", "department", "cost_centre", "site_id"})
"""What decides which budgets a person is in, and in which zone."""


class LoginTaken(StorageConflict):
    """Somebody else signs in with this name."""


class LastAdministrator(StorageConflict):
    """Afterwards no enabled administrator with a local password would be left."""


class NotOurs(StorageConflict):
    """The directory owns one of the changed fields; `fields` names them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"the directory says {', '.join(names)}: change it there")
        self.fields = names


class ChangedMeanwhile(StorageConflict):
    """Somebody changed the person since the form was opened; `now` is what is stored."""

    def __init__(self, now: Profile, names: tuple[str, ...], by: str, at: datetime | None) -> None:
        super().__init__(f"changed meanwhile: {', '.join(names)}")
        self.now, self.fields, self.by, self.at = now, names, by, at


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something: how far they may, and what the audit log calls them."""

    viewer: Viewer
    login: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What an administrator may set of a person, extensions and secrets apart."""

    login: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    department: str = ""
    cost_centre: str = ""
    office: str = ""
    site_id: int | None = None
    role: Role = "user"
    scope: Scope | None = None
    role_fixed: bool = False
    language: str = ""
    time_format: TimeFormat = ""
    masked_digits: int | None = None
    custom: tuple[str, ...] = ("",) * CUSTOM_FIELDS


_COLUMNS = tuple(field.name for field in fields(Profile))


def profile_of(person: Person) -> Profile:
    """What of a person can be set."""
    return Profile(**{name: getattr(person, name) for name in _COLUMNS})


def differing(before: Profile, after: Profile) -> tuple[str, ...]:
    """The names of the fields that differ, each free field under its own: `custom_3`."""
    names = [
        name
        for name in _COLUMNS
        if name != "custom" and getattr(before, name) != getattr(after, name)
    ]
    pairs = enumerate(zip(before.custom, after.custom, strict=True), 1)
    return (*names, *(f"custom_{number}" for number, (old, new) in pairs if old != new))


def value_of(profile: Profile, name: str) -> object:
    """The value of a field by the name that `differing` gives it."""
    if name.startswith("custom_"):
        return profile.custom[int(name.removeprefix("custom_")) - 1]
    return getattr(profile, name)


async def begin(connection: Connection, author: Author) -> None:
    """Take what changing people takes, before any row: one change at a time, the ledger still.

    Raises `NotAllowed` for anybody but an administrator.
    """
    author.viewer.require_administrator()
    await connection.execute("select pg_advisory_xact_lock(hashtext('ringfence apply'))")
    await hold_ledger_still(connection)


async def create(
    connection: Connection,
    author: Author,
    profile: Profile,
    now: datetime,
    *,
    extension: ExtensionKey | None = None,
    password_hash: str | None = None,
) -> int:
    """Add somebody, with an extension from `now` on where one is given; their id.

    Raises `LoginTaken`, or `StorageConflict` where the extension is somebody else's.
    """
    await begin(connection, author)
    await _login_free(connection, profile.login, None)
    person_id = await people.create_local(
        connection, profile.login, extension=extension, password_hash=password_hash
    )
    await _write(connection, person_id, profile, _COLUMNS)
    await sync_members(connection, now)
    details = {"role": profile.role} | ({"extension": str(extension)} if extension else {})
    await tell(connection, author, "person_created", person_id, details, now)
    return person_id


async def change(
    connection: Connection,
    author: Author,
    person_id: int,
    opened: Profile,
    wanted: Profile,
    now: datetime,
) -> tuple[str, ...]:
    """Make the person what `wanted` says; the fields that changed.

    `opened` is what the form showed. Raises `ChangedMeanwhile`, `LoginTaken`, `NotOurs`,
    `LastAdministrator`; nothing is written then.
    """
    await begin(connection, author)
    person = await existing(connection, person_id)
    stored = profile_of(person)
    if meanwhile := differing(opened, stored):
        by, at = await _last_change(connection, person_id)
        raise ChangedMeanwhile(stored, meanwhile, by, at)
    changed = differing(stored, wanted)
    if not changed:
        return ()
    await _may_change(connection, person, changed, wanted)
    doors = await open_doors(connection)
    await _rename_budgets(connection, stored.login, wanted.login)
    await _write(connection, person_id, wanted, changed)
    await keep_a_door(connection, doors)
    if _MOVES.intersection(changed):
        await sync_members(connection, now)
    await notify(connection, "company", "-")
    details = {
        name: before_after(value_of(stored, name), value_of(wanted, name)) for name in changed
    }
    await tell(connection, author, "person_changed", person_id, details, now)
    return changed


async def _may_change(
    connection: Connection, person: Person, changed: tuple[str, ...], wanted: Profile
) -> None:
    if "login" in changed:
        await _login_free(connection, wanted.login, person.id)
    if person.source != "directory":
        return
    owned = await owned_by_directory(connection)
    if not wanted.role_fixed:
        owned |= {"role", "scope"}
    if foreign := tuple(name for name in changed if name in owned):
        raise NotOurs(foreign)


async def _login_free(connection: Connection, login: str, own_id: int | None) -> None:
    other = await people.by_login(connection, login)
    if other is not None and other.id != own_id:
        raise LoginTaken(f"there is already an account {login}")


async def person(connection: Connection, viewer: Viewer, person_id: int) -> Person | None:
    """Everything known of a person; None where there is none."""
    viewer.require_administrator()
    return await people.by_id(connection, person_id)


async def owned_by_directory(connection: Connection) -> frozenset[str]:
    """The fields that the directory says of its people; none where no directory is set up.

    `extension` is among them where it gives extensions, `custom_3` where it fills that field.
    """
    row = await connection.fetchrow(
        """select coalesce(settings #> '{ask,attributes}', '{}') as said,
                  coalesce((settings #>> '{sync,sites_by_office}')::boolean, true) as sites
             from directory"""
    )
    if row is None:
        return frozenset()
    said: Mapping[str, Any] = row["said"]
    custom = enumerate(said.get("custom") or (), 1)
    return frozenset(
        {"login"}
        | {name for name in (*OWNED_BY_DIRECTORY, "extension") if said.get(name)}
        | {f"custom_{number}" for number, attribute in custom if attribute}
        | ({"site_id"} if row["sites"] and said.get("office") else frozenset[str]())
    )


async def _rename_budgets(connection: Connection, before: str, after: str) -> None:
    """A person's own budgets name them by login, and follow it."""
    if before != after:
        await connection.execute(
            """update budget set target_key = $2
                where target = 'person' and lower(target_key) = lower($1)""",
            before,
            after,
        )


async def _write(
    connection: Connection, person_id: int, profile: Profile, changed: tuple[str, ...]
) -> None:
    """Write the changed columns alone: some of them make everybody read the company anew."""
    names = [name for name in _COLUMNS if name in changed]
    if any(name.startswith("custom_") for name in changed):
        names.append("custom")
    sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, 2))
    values = [getattr(profile, name) for name in names]
    await connection.execute(f"update person set {sets} where id = $1", person_id, *values)  # noqa: S608 - our own names


# What others of this family use, too --------------------------------------------------------------


async def existing(connection: Connection, person_id: int) -> Person:
    """The person, their row locked. Raises `StorageConflict` where there is none of that id."""
    await connection.execute("select from person where id = $1 for no key update", person_id)
    person = await people.by_id(connection, person_id)
    if person is None:
        raise StorageConflict(f"there is no person {person_id}")
    return person


async def open_doors(connection: Connection) -> int:
    """How many enabled administrators can sign in with a local password."""
    return await connection.fetchval(
        """select count(*) from person where role = 'administrator' and disabled_at is null
              and password_hash is not null"""
    )


async def keep_a_door(connection: Connection, before: int) -> None:
    """Raise `LastAdministrator` where there was a door, and now nobody could come in to undo it."""
    if before and not await open_doors(connection):
        raise LastAdministrator("no administrator with a local password would be left")


async def tell(
    connection: Connection,
    author: Author,
    action: str,
    subject_id: int,
    details: Mapping[str, str],
    now: datetime,
) -> None:
    """Put what was done to somebody in the audit log, by the login they have now."""
    login: str = await connection.fetchval("select login from person where id = $1", subject_id)
    event = Event(
        action=action,
        person_id=author.viewer.person_id,
        login=author.login,
        subject_id=subject_id,
        subject=login,
        address=author.address,
        details=details,
    )
    await record(connection, event, now)


def before_after(before: object, after: object) -> str:
    """How the audit log writes a change."""
    return f"{_shown(before)} → {_shown(after)}"


def _shown(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


async def _last_change(connection: Connection, person_id: int) -> tuple[str, datetime | None]:
    row = await connection.fetchrow(
        """select login, at from audit where subject_id = $1
              and action = 'person_changed'
            order by at desc, id desc limit 1""",
        person_id,
    )
    return (row["login"], row["at"]) if row else ("", None)


# The names of the free fields ---------------------------------------------------------------------


async def custom_labels(connection: Connection) -> tuple[str, ...]:
    """What the company calls its ten free fields; empty where one is not in use."""
    rows = await connection.fetch("select number, label from custom_field")
    labels = {row["number"]: row["label"] for row in rows}
    return tuple(labels.get(number, "") for number in range(1, CUSTOM_FIELDS + 1))


async def set_custom_labels(
    connection: Connection, author: Author, labels: tuple[str, ...], now: datetime
) -> bool:
    """Name the free fields; an empty name puts one out of use and keeps what people have in it.

    Whether anything changed. Raises `NotAllowed` for anybody but an administrator.
    """
    await begin(connection, author)
    renamed = await name_custom_fields(connection, labels)
    if not renamed:
        return False
    changed = {f"custom_{number}": before_after(old, new) for number, old, new in renamed}
    event = Event(
        action="custom_fields_named",
        person_id=author.viewer.person_id,
        login=author.login,
        address=author.address,
        details=changed,
    )
    await record(connection, event, now)
    return True


async def name_custom_fields(
    connection: Connection, labels: tuple[str, ...] | None
) -> list[tuple[int, str, str]]:
    """Store ten names, in the order of their numbers; what changed: number, before, after.

    None leaves them as they are.
    """
    before = await custom_labels(connection)
    pairs = enumerate(zip(before, labels or before, strict=True), 1)
    renamed = [(number, old, new) for number, (old, new) in pairs if old != new]
    await connection.execute(
        "delete from custom_field where number = any($1)", [number for number, _, _ in renamed]
    )
    await connection.executemany(
        "insert into custom_field (number, label) values ($1, $2)",
        [(number, new) for number, _, new in renamed if new],
    )
    return renamed
