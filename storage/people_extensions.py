"""Whose an extension is, and was: given and taken from an instant on, never rewritten.

What was called stays with whoever had the extension then. Whoever loses or gains one is followed
by budgets and locks at once, since the company is told to look again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage import people
from storage.database import Connection, StorageConflict, notify
from storage.people_admin import Author, begin, existing, owned_by_directory, tell
from telephony.plant import ExtensionKey


class ExtensionTaken(StorageConflict):
    """Somebody has the extension already: `owner_id` and `owner`, their name."""

    def __init__(self, key: ExtensionKey, owner_id: int, owner: str) -> None:
        super().__init__(f"extension {key} belongs to {owner}")
        self.key, self.owner_id, self.owner = key, owner_id, owner


class ToldByDirectory(StorageConflict):
    """The directory gives the person this extension, and would give it again."""


@dataclass(frozen=True, slots=True)
class Owned:
    """An extension a person has or had; None is without end, in either direction."""

    key: ExtensionKey
    from_at: datetime | None
    until_at: datetime | None


async def was_owner_of(connection: Connection, person_id: int) -> tuple[Owned, ...]:
    """Every extension a person has or had, the present ones first, then the latest."""
    rows = await connection.fetch(
        """select extension, partition, from_at, until_at from extension_owner
            where person_id = $1
            order by until_at desc nulls first, length(extension), extension, partition""",
        person_id,
    )
    return tuple(
        Owned(ExtensionKey(row["extension"], row["partition"]), row["from_at"], row["until_at"])
        for row in rows
    )


async def give(
    connection: Connection, author: Author, person_id: int, key: ExtensionKey, now: datetime
) -> bool:
    """Give somebody an extension from `now` on; False where it is theirs already.

    Raises `ExtensionTaken` where it is somebody else's, and `StorageConflict` where the person is
    disabled.
    """
    await begin(connection, author)
    person = await existing(connection, person_id)
    if person.disabled:
        raise StorageConflict(f"{person.login} is disabled")
    owner = await people.by_extension(connection, key)
    if owner is not None and owner.id == person_id and key in owner.extensions:
        return False
    if owner is not None and owner.id != person_id:
        raise ExtensionTaken(key, owner.id, owner.full_name)
    await open_all(connection, [(key, person_id)], now)
    await notify(connection, "company", "-")
    await tell(connection, author, "extension_given", person_id, {"extension": str(key)}, now)
    return True


async def take(
    connection: Connection, author: Author, person_id: int, key: ExtensionKey, now: datetime
) -> bool:
    """End somebody's having an extension; False where it was not theirs.

    Raises `ToldByDirectory` where their directory gives them this one.
    """
    await begin(connection, author)
    await existing(connection, person_id)
    if key.number and key.number == await told_extension(connection, person_id):
        raise ToldByDirectory(f"the directory gives them {key}: change it there")
    ended = await connection.fetchval(
        """update extension_owner set until_at = $4
            where extension = $1 and partition = $2 and person_id = $3 and until_at is null
            returning true""",
        key.number,
        key.partition,
        person_id,
        now,
    )
    if not ended:
        return False
    await notify(connection, "company", "-")
    await tell(connection, author, "extension_taken", person_id, {"extension": str(key)}, now)
    return True


async def told_extension(connection: Connection, person_id: int) -> str:
    """The extension the directory gives a person, empty where it gives none."""
    if "extension" not in await owned_by_directory(connection):
        return ""
    return await connection.fetchval(
        """select case when source = 'directory' then directory_extension else '' end
             from person where id = $1""",
        person_id,
    )


# Many at once; the caller tells the company -------------------------------------------------------


async def open_all(
    connection: Connection, owners: Sequence[tuple[ExtensionKey, int]], now: datetime
) -> None:
    """Give extensions that nobody has, from `now` on."""
    await connection.executemany(
        """insert into extension_owner (extension, partition, person_id, from_at)
           values ($1, $2, $3, $4)""",
        [(key.number, key.partition, person_id, now) for key, person_id in owners],
    )


async def release_all(connection: Connection, person_ids: Sequence[int], now: datetime) -> None:
    """End every present ownership of these people."""
    await connection.execute(
        """update extension_owner set until_at = $2
            where person_id = any($1::integer[]) and until_at is null""",
        list(person_ids),
        now,
    )


async def give_back(
    connection: Connection, person_id: int, lost_at: datetime, now: datetime
) -> list[ExtensionKey]:
    """Give somebody what they lost at exactly that instant and nobody has now."""
    rows = await connection.fetch(
        """
        select distinct o.extension, o.partition from extension_owner o
         where o.person_id = $1 and o.until_at = $2 and not exists (
               select from extension_owner n where n.extension = o.extension
                  and (n.partition = o.partition or n.partition = '') and n.until_at is null)
        """,
        person_id,
        lost_at,
    )
    keys = sorted(ExtensionKey(row["extension"], row["partition"]) for row in rows)
    await open_all(connection, [(key, person_id) for key in keys], now)
    return keys
