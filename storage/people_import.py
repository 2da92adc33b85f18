"""A list of people, written as a whole or not at all, however long it is.

What each row means is decided before (see `web.people_plan`); here it is written with a few
statements for everybody. The file itself waits here between its preview and its confirmation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from storage.audit import Event, record
from storage.budgets import sync_members
from storage.copying import beside_the_loop, copy_rows
from storage.database import Connection, notify
from storage.people_admin import CUSTOM_FIELDS, Author, Profile, keep_a_door, open_doors
from storage.people_doors import disable_all
from storage.people_extensions import give_back
from storage.viewer import Viewer
from telephony.plant import ExtensionKey

_TEXTS = ("login", "first_name", "last_name", "email", "department", "cost_centre", "office")
_PLAIN = (*_TEXTS, "site_id", "role", "scope", "language", "time_format", "masked_digits")
_CUSTOM = tuple(f"custom_{number}" for number in range(1, CUSTOM_FIELDS + 1))

_TEMPORARY = f"""
create temporary table people_in (
    id integer, {", ".join(f"{name} text not null" for name in _TEXTS)},
    site_id integer, role text not null, scope text, language text not null,
    time_format text not null, masked_digits smallint,
    {", ".join(f"{name} text not null" for name in _CUSTOM)}
) on commit drop
"""


@dataclass(frozen=True, slots=True)
class Written:
    """One person as they shall be; `person_id` is None for somebody new.

    `disabled` is None where that stays. `changes` is what the audit log says of it. `takes` end
    and `gives` begin now; the first owner ever has an extension from the beginning of time.
    """

    person_id: int | None
    profile: Profile
    disabled: bool | None = None
    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    takes: tuple[ExtensionKey, ...] = ()
    gives: tuple[ExtensionKey, ...] = ()
    rewritten: bool = True


# Waiting ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that waits to be confirmed."""

    key: UUID
    name: str
    content: bytes


async def keep_upload(
    connection: Connection, viewer: Viewer, upload: Upload, now: datetime
) -> None:
    """Keep a file in place of the viewer's last one. Raises `NotAllowed` for non-administrators."""
    viewer.require_administrator()
    await connection.execute(
        "delete from people_upload where uploaded_at < $1::timestamptz - interval '1 day'", now
    )
    await connection.execute(
        """insert into people_upload (person_id, key, name, content, uploaded_at)
           values ($1, $2, $3, $4, $5)
           on conflict (person_id) do update
              set key = excluded.key, name = excluded.name, content = excluded.content,
                  uploaded_at = excluded.uploaded_at""",
        viewer.person_id,
        upload.key,
        upload.name[:200],
        upload.content,
        now,
    )


async def upload_of(connection: Connection, viewer: Viewer, key: UUID) -> Upload | None:
    """The viewer's own file of this key, where it still waits."""
    viewer.require_administrator()
    row = await connection.fetchrow(
        "select key, name, content from people_upload where person_id = $1 and key = $2",
        viewer.person_id,
        key,
    )
    return Upload(**dict(row)) if row else None


async def drop_upload(connection: Connection, viewer: Viewer) -> None:
    """Forget the viewer's file."""
    await connection.execute("delete from people_upload where person_id = $1", viewer.person_id)


# Writing ------------------------------------------------------------------------------------------


async def write(
    connection: Connection, author: Author, people: Sequence[Written], now: datetime, name: str
) -> None:
    """Write all of it; `name` is the file's. The caller has called `people_admin.begin`.

    Raises `LastAdministrator`, and `StorageConflict` where the list contradicts what is stored.
    """
    doors = await open_doors(connection)
    ids = await _write_people(connection, people)
    await _take(connection, people, now)
    await _write_doors(connection, people, ids, now)
    await _give(connection, people, ids, now)
    await keep_a_door(connection, doors)
    await sync_members(connection, now)
    await notify(connection, "company", "-")
    await _tell(connection, author, people, ids, now)
    new = sum(person.person_id is None for person in people)
    details = {"file": name, "created": str(new), "changed": str(len(people) - new)}
    whole = Event("people_imported", author.viewer.person_id, author.login, None, "",
                  author.address, details)  # fmt: skip
    await record(connection, whole, now)


async def _write_people(connection: Connection, people: Sequence[Written]) -> dict[str, int]:
    """Everybody's columns; the ids of all of them by login in lower case."""
    await connection.execute(_TEMPORARY)
    rows = await beside_the_loop(partial(_rows, people))
    await copy_rows(connection, "people_in", ("id", *_PLAIN, *_CUSTOM), rows)
    names = ", ".join(_PLAIN)
    values = ", ".join(f"i.{name}" for name in _PLAIN)
    custom = ", ".join(f"i.{name}" for name in _CUSTOM)
    await connection.execute(
        f"""update person p set ({names}, custom) = row({values}, array[{custom}])
              from people_in i where i.id = p.id"""  # noqa: S608 - our own names
    )
    new = await connection.fetch(
        f"""insert into person ({names}, custom)
            select {values}, array[{custom}] from people_in i where i.id is null
            returning id, login"""  # noqa: S608 - our own names
    )
    known = {p.profile.login.lower(): p.person_id for p in people if p.person_id is not None}
    return known | {row["login"].lower(): row["id"] for row in new}


def _rows(people: Sequence[Written]) -> list[tuple[object, ...]]:
    return [
        (
            person.person_id,
            *(getattr(person.profile, name) for name in _PLAIN),
            *person.profile.custom,
        )
        for person in people
        if person.rewritten
    ]


async def _take(connection: Connection, people: Sequence[Written], now: datetime) -> None:
    taken = [(key, person.person_id) for person in people for key in person.takes]
    await connection.execute(
        """update extension_owner o set until_at = $4
             from unnest($1::text[], $2::text[], $3::integer[]) as t (extension, partition, id)
            where o.extension = t.extension and o.partition = t.partition
              and o.person_id = t.id and o.until_at is null""",
        [key.number for key, _ in taken],
        [key.partition for key, _ in taken],
        [person_id for _, person_id in taken],
        now,
    )


async def _give(
    connection: Connection, people: Sequence[Written], ids: Mapping[str, int], now: datetime
) -> None:
    """As a site file does: the first owner has an extension for ever, a later one from now."""
    given = [(key, ids[person.profile.login.lower()]) for person in people for key in person.gives]
    await connection.execute(
        """insert into extension_owner (extension, partition, person_id, from_at)
           select t.extension, t.partition, t.id,
                  case when exists (select from extension_owner o where o.extension = t.extension
                                       and o.partition = t.partition) then $4::timestamptz end
             from unnest($1::text[], $2::text[], $3::integer[]) as t (extension, partition, id)""",
        [key.number for key, _ in given],
        [key.partition for key, _ in given],
        [person_id for _, person_id in given],
        now,
    )


async def _write_doors(
    connection: Connection, people: Sequence[Written], ids: Mapping[str, int], now: datetime
) -> None:
    closed = [ids[p.profile.login.lower()] for p in people if p.disabled]
    opened = [p for p in people if p.disabled is False and p.person_id is not None]
    await disable_all(connection, closed, now)
    for person in opened:
        await _enable(connection, person, now)


async def _enable(connection: Connection, person: Written, now: datetime) -> None:
    """Open a door; the extensions they had come back where the list says nothing of any."""
    disabled_at: datetime | None = await connection.fetchval(
        "select disabled_at from person where id = $1", person.person_id
    )
    await connection.execute(
        "update person set disabled_at = null, disabled_by = null where id = $1", person.person_id
    )
    if disabled_at is not None and person.person_id is not None and not person.gives:
        await give_back(connection, person.person_id, disabled_at, now)


# Telling ------------------------------------------------------------------------------------------


async def _tell(
    connection: Connection,
    author: Author,
    people: Sequence[Written],
    ids: Mapping[str, int],
    now: datetime,
) -> None:
    """One line of the audit log for everybody who was made, changed, disabled or enabled."""
    events = [
        (now, action, author.viewer.person_id, author.login, ids[person.profile.login.lower()],
         person.profile.login, author.address, json.dumps(details, ensure_ascii=False))
        for person in people
        for action, details in _actions(person)
    ]  # fmt: skip
    columns = ("at", "action", "person_id", "login", "subject_id", "subject", "address", "details")
    await copy_rows(connection, "audit", columns, events)


def _actions(person: Written) -> list[tuple[str, Mapping[str, str]]]:
    actions: list[tuple[str, Mapping[str, str]]] = []
    if person.person_id is None:
        actions.append(("person_created", person.changes))
    elif person.changes:
        actions.append(("person_changed", person.changes))
    if person.disabled is not None and (person.disabled or person.person_id is not None):
        actions.append(("person_disabled" if person.disabled else "person_enabled", {}))
    return actions
