"""Sign-ins: sessions on the server's side, and how often a password may be tried.

Of a session's token only the SHA-256 is stored, so that a copy of the database opens no session.
An attempt is counted before the password is looked at and taken back when it was right: many
attempts at once cannot slip through between the count and the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from storage import people
from storage.database import Connection
from storage.people import Person, Place

SessionKind = Literal["portal", "gadget"]

SEEN_EVERY = timedelta(minutes=1)
"""A session's `seen_at` is written at most this often: reading a page seldom writes a row."""

KEEP_FAILURES = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session, whose it is and where they sit. `csrf` is what its every form carries."""

    token_hash: bytes
    person: Person
    place: Place
    kind: SessionKind
    csrf: str
    created_at: datetime
    expires_at: datetime


async def start(
    connection: Connection,
    person_id: int,
    token_hash: bytes,
    csrf: str,
    *,
    now: datetime,
    expires_at: datetime,
    kind: SessionKind = "portal",
    address: str = "",
    user_agent: str = "",
) -> None:
    """Open a session, and sweep out sessions and failures that are past their time."""
    await connection.execute("delete from session where expires_at <= $1", now)
    await connection.execute("delete from sign_in_failure where at <= $1", now - KEEP_FAILURES)
    await connection.execute(
        """
        insert into session (token_hash, person_id, kind, csrf, created_at, seen_at, expires_at,
                             address, user_agent)
        values ($1, $2, $3, $4, $5, $5, $6, $7, $8)
        """,
        token_hash,
        person_id,
        kind,
        csrf,
        now,
        expires_at,
        address,
        user_agent[:200],
    )


async def find(
    connection: Connection,
    token_hash: bytes,
    *,
    now: datetime,
    idle: timedelta,
    seen: bool = True,
) -> Session | None:
    """The open session of this token; `seen` marks it as used, which a page's own refresh is not.

    None where it was never there, ended, slept longer than `idle`, or its person is disabled.
    """
    row = await connection.fetchrow(
        """
        select s.person_id, s.kind, s.csrf, s.created_at, s.expires_at, s.seen_at
          from session s join person p on p.id = s.person_id
         where s.token_hash = $1 and s.expires_at > $2 and s.seen_at > $3 and p.disabled_at is null
        """,
        token_hash,
        now,
        now - idle,
    )
    person = await people.by_id(connection, row["person_id"]) if row else None
    if row is None or person is None:
        return None
    if seen and now - row["seen_at"] >= SEEN_EVERY:
        await connection.execute(
            "update session set seen_at = $2 where token_hash = $1", token_hash, now
        )
    return Session(
        token_hash=token_hash,
        person=person,
        place=await people.place_of(connection, person),
        kind=row["kind"],
        csrf=row["csrf"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def end(connection: Connection, token_hash: bytes) -> None:
    """Close a session; nothing happens where it is closed already."""
    await connection.execute("delete from session where token_hash = $1", token_hash)


async def admit(
    connection: Connection, limits: Mapping[str, int], *, now: datetime, window: timedelta
) -> int:
    """Count one attempt against every key, or say in how many seconds to come back.

    `limits` gives for each key how many attempts `window` allows. 0 means admitted and counted;
    a refused attempt is not counted, so that trying on does not lengthen the wait.
    """
    waits: list[int] = []
    for key, limit in sorted(limits.items()):
        await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 731))", key)
        full_at: datetime | None = await connection.fetchval(
            """
            select at from sign_in_failure where key = $1 and at > $2
             order by at desc offset $3 limit 1
            """,
            key,
            now - window,
            limit - 1,
        )
        if full_at is not None:
            waits.append(ceil((full_at + window - now).total_seconds()))
    if waits:
        return max(waits)
    await connection.executemany(
        "insert into sign_in_failure (key, at) values ($1, $2)", [(key, now) for key in limits]
    )
    return 0


async def forgive(connection: Connection, account_key: str, address_key: str) -> None:
    """Take back what a right password clears: the account's attempts and the address's last."""
    await connection.execute("delete from sign_in_failure where key = $1", account_key)
    await connection.execute(
        """
        delete from sign_in_failure where id = (
            select id from sign_in_failure where key = $1 order by at desc, id desc limit 1)
        """,
        address_key,
    )
