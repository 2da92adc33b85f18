"""Opening and closing somebody's door: passwords, PINs, sessions, disabling and enabling.

Disabling closes everything at once and loses nothing: what was called and spent stays, and
enabling gives back the extensions that nobody has taken meanwhile. The last enabled administrator
with a local password keeps their door, whatever is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage import people, sessions
from storage.budgets import sync_members
from storage.database import Connection, StorageConflict, notify, notify_all
from storage.notifications import queue
from storage.people_admin import Author, begin, existing, keep_a_door, open_doors, tell
from storage.people_extensions import (
    Owned,
    give_back,
    release_all,
    told_extension,
    was_owner_of,
)
from storage.sessions import OpenSession
from storage.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of a person beside their profile."""

    created_at: datetime
    disabled_at: datetime | None
    has_pin: bool
    site: str
    extensions: tuple[Owned, ...]
    told_extension: str
    sessions: tuple[OpenSession, ...]
    budgets: int


async def around(
    connection: Connection, viewer: Viewer, person_id: int, now: datetime, idle: timedelta
) -> Around | None:
    """What belongs to a person; None where there is none of that id.

    `budgets` counts the running ones they have a share of; a session that slept longer than `idle`
    is none. Raises `NotAllowed` for anybody but an
    administrator.
    """
    viewer.require_administrator()
    row = await connection.fetchrow(
        """
        select p.created_at, p.disabled_at, p.pin_hash is not null as has_pin,
               coalesce(s.name, '') as site,
               (select count(*) from budget_account a
                 where a.person_id = p.id and a.closed_at is null) as budgets
          from person p left join site s on s.id = p.site_id where p.id = $1
        """,
        person_id,
    )
    if row is None:
        return None
    return Around(
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        has_pin=row["has_pin"],
        site=row["site"],
        extensions=await was_owner_of(connection, person_id),
        told_extension=await told_extension(connection, person_id),
        sessions=tuple(await sessions.listing(connection, viewer, person_id, now=now, idle=idle)),
        budgets=row["budgets"],
    )


# In and out ---------------------------------------------------------------------------------------


async def disable(connection: Connection, author: Author, person_id: int, now: datetime) -> bool:
    """Close the door: sessions, open links, budgets and extensions end now; False where closed.

    Raises `LastAdministrator`; nothing is changed then.
    """
    await begin(connection, author)
    person = await existing(connection, person_id)
    if person.disabled:
        return False
    doors = await open_doors(connection)
    await disable_all(connection, [person_id], now)
    await keep_a_door(connection, doors)
    await sync_members(connection, now)
    await notify(connection, "company", "-")
    lost = {"extension": ", ".join(str(key) for key in person.extensions)}
    await tell(
        connection, author, "person_disabled", person_id, lost if lost["extension"] else {}, now
    )
    return True


async def disable_all(connection: Connection, person_ids: list[int], now: datetime) -> None:
    """Close these doors; budgets and the audit log are the caller's."""
    await connection.execute(
        """update person set disabled_at = $2, disabled_by = 'administrator'
            where id = any($1::integer[]) and disabled_at is null""",
        person_ids,
        now,
    )
    for table in ("session", "password_reset"):
        await connection.execute(
            f"delete from {table} where person_id = any($1::integer[])",  # noqa: S608 - our names
            person_ids,
        )
    await release_all(connection, person_ids, now)
    await notify_all(connection, "session", person_ids)


async def enable(connection: Connection, author: Author, person_id: int, now: datetime) -> bool:
    """Open the door again, with the extensions they lost by it and nobody has; False where open."""
    await begin(connection, author)
    person = await existing(connection, person_id)
    if not person.disabled:
        return False
    disabled_at: datetime = await connection.fetchval(
        "select disabled_at from person where id = $1", person_id
    )
    await connection.execute(
        "update person set disabled_at = null, disabled_by = null where id = $1", person_id
    )
    given = await give_back(connection, person_id, disabled_at, now)
    await sync_members(connection, now)
    await notify(connection, "company", "-")
    details = {"extension": ", ".join(str(key) for key in given)} if given else {}
    await tell(connection, author, "person_enabled", person_id, details, now)
    return True


async def end_sessions(
    connection: Connection,
    author: Author,
    person_id: int,
    now: datetime,
    *,
    session_id: int | None = None,
    keep: bytes | None = None,
) -> int:
    """End one session of a person, or all but the one of the token hash `keep`; how many ended."""
    viewer = author.viewer
    viewer.require_administrator()
    if session_id is None:
        count = await sessions.end_all(connection, viewer, person_id, keep=keep)
    else:
        count = int(await sessions.end_by_id(connection, viewer, session_id) is not None)
    if count:
        await tell(connection, author, "sessions_ended", person_id, {"count": str(count)}, now)
    return count


# What proves who they are -------------------------------------------------------------------------


async def set_password(
    connection: Connection,
    author: Author,
    person_id: int,
    password_hash: str,
    now: datetime,
    *,
    keep_session: bytes | None = None,
) -> None:
    """Give a local password; every session but `keep_session` ends, and every open link."""
    await begin(connection, author)
    await existing(connection, person_id)
    await people.set_password(connection, person_id, password_hash, keep_session=keep_session)
    await tell(connection, author, "password_set", person_id, {}, now)


async def clear_password(
    connection: Connection, author: Author, person_id: int, now: datetime
) -> bool:
    """Take the local password away, with sessions and open links; False where there was none.

    Raises `LastAdministrator`; nothing is changed then.
    """
    await begin(connection, author)
    person = await existing(connection, person_id)
    if person.password_hash is None:
        return False
    doors = await open_doors(connection)
    await connection.execute("update person set password_hash = null where id = $1", person_id)
    for table in ("session", "password_reset"):
        await connection.execute(
            f"delete from {table} where person_id = $1",  # noqa: S608 - our names
            person_id,
        )
    await keep_a_door(connection, doors)
    await notify(connection, "session", person_id)
    await tell(connection, author, "password_cleared", person_id, {}, now)
    return True


async def set_pin(
    connection: Connection, author: Author, person_id: int, pin_hash: str | None, now: datetime
) -> None:
    """Give a PIN by its hash, or take it away."""
    await begin(connection, author)
    await existing(connection, person_id)
    await connection.execute("update person set pin_hash = $2 where id = $1", person_id, pin_hash)
    action = "pin_cleared" if pin_hash is None else "pin_set"
    await tell(connection, author, action, person_id, {}, now)


async def send_link(
    connection: Connection,
    author: Author,
    person_id: int,
    token_hash: bytes,
    params: Mapping[str, str],
    *,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Mail a link by which the person chooses a local password, whether they have one or not.

    The link is `params["link"]`; an older one stops working. Raises `StorageConflict`, in words,
    where they are disabled or have no mail address.
    """
    await begin(connection, author)
    person = await existing(connection, person_id)
    if person.disabled or not person.email:
        raise StorageConflict(f"{person.login} is disabled or has no mail address")
    await connection.execute("delete from password_reset where person_id = $1", person_id)
    await connection.execute(
        "insert into password_reset (token_hash, person_id, expires_at) values ($1, $2, $3)",
        token_hash,
        person_id,
        expires_at,
    )
    await queue(
        connection,
        f"password_reset:{token_hash.hex()}",
        "password_reset",
        params,
        person_ids=[person_id],
        channels=["mail"],
        account_id=None,
        now=now,
    )
    await tell(connection, author, "password_link_sent", person_id, {}, now)
