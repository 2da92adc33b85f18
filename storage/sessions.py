"""Sign-ins: sessions on the server's side, and how often a password may be tried.

Of a session's token only the SHA-256 is stored, so that a copy of the database opens no session.
An attempt is counted before the password is looked at and taken back when it was right: many
attempts at once cannot slip through between the count and the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal, NamedTuple

from asyncpg import Record

from storage import people
from storage.database import Connection, notify
from storage.people import Person, Place
from storage.viewer import Viewer

SessionKind = Literal["portal", "gadget"]

SEEN_EVERY = timedelta(minutes=1)
"""A session's `seen_at` is written at most this often: reading a page seldom writes a row."""

KEEP_FAILURES = timedelta(days=1)

Ending = Literal["idle", "expired", "disabled", "ended"]
"""Why a session is over; `ended` where somebody ended it and no trace of it is left."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open session, whose it is and where they sit. `csrf` is what its every form carries."""

    id: int
    token_hash: bytes
    person: Person
    place: Place
    kind: SessionKind
    csrf: str
    created_at: datetime
    expires_at: datetime


class OpenSession(NamedTuple):
    """A sign-in as lists show it. `id` names it; its token is told nobody."""

    id: int
    person_id: int
    kind: SessionKind
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    user_agent: str


_ROW = "id, person_id, kind, created_at, seen_at, expires_at, address, user_agent"

_AWAKE = "(kind = 'gadget' or {idle}::interval is null or seen_at > {now} - {idle})"
"""Gadgets live in another portal all day long: they sleep without being signed out."""


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

    None where it was never there, ended, slept longer than `idle` (a gadget may), or its person is
    disabled.
    """
    row = await connection.fetchrow(
        f"""
        select s.id, s.person_id, s.kind, s.csrf, s.created_at, s.expires_at, s.seen_at
          from session s join person p on p.id = s.person_id
         where s.token_hash = $1 and s.expires_at > $2 and p.disabled_at is null
           and {_AWAKE.format(idle="$3", now="$2")}
        """,  # noqa: S608 - our own condition
        token_hash,
        now,
        idle,
    )
    person = await people.by_id(connection, row["person_id"]) if row else None
    if row is None or person is None:
        return None
    if seen and now - row["seen_at"] >= SEEN_EVERY:
        await connection.execute(
            "update session set seen_at = $2 where token_hash = $1", token_hash, now
        )
    return Session(
        id=row["id"],
        token_hash=token_hash,
        person=person,
        place=await people.place_of(connection, person),
        kind=row["kind"],
        csrf=row["csrf"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def why_over(connection: Connection, token_hash: bytes, now: datetime) -> Ending:
    """Why `find` does not give the session of this token, as far as anybody still knows."""
    row = await connection.fetchrow(
        """
        select s.expires_at, p.disabled_at is not null as disabled
          from session s join person p on p.id = s.person_id where s.token_hash = $1
        """,
        token_hash,
    )
    if row is None:
        return "ended"
    if row["disabled"]:
        return "disabled"
    return "expired" if row["expires_at"] <= now else "idle"


async def end(connection: Connection, token_hash: bytes) -> None:
    """Close a session; nothing happens where it is closed already."""
    await _ended(
        connection,
        await connection.fetch(
            "delete from session where token_hash = $1 returning person_id", token_hash
        ),
    )


async def listing(
    connection: Connection,
    viewer: Viewer,
    person_id: int,
    *,
    now: datetime | None = None,
    idle: timedelta | None = None,
) -> list[OpenSession]:
    """The open sessions of a person, used last first; none where the viewer may not see them.

    One's own are seen, by an administrator everybody's. `now` is the database's clock unless given;
    without `idle`, what has slept too long and was not swept out yet is listed as well.
    """
    rows = await connection.fetch(
        f"""
        select {_ROW} from session
         where person_id = $1 and ($2 or person_id = $3) and expires_at > coalesce($4, now())
           and {_AWAKE.format(idle="$5", now="coalesce($4, now())")}
         order by seen_at desc, id desc
        """,  # noqa: S608 - our own condition
        person_id,
        viewer.is_administrator,
        viewer.person_id,
        now,
        idle,
    )
    return [OpenSession(*row) for row in rows]


async def end_by_id(connection: Connection, viewer: Viewer, session_id: int) -> OpenSession | None:
    """Close the session of this number: one's own, or as an administrator anybody's.

    None where there is none such, or it is not the viewer's to end.
    """
    row = await connection.fetchrow(
        f"""
        delete from session where id = $1 and ($2 or person_id = $3) returning {_ROW}
        """,  # noqa: S608 - our own columns
        session_id,
        viewer.is_administrator,
        viewer.person_id,
    )
    if row is None:
        return None
    await _ended(connection, [row])
    return OpenSession(*row)


async def end_all(
    connection: Connection, viewer: Viewer, person_id: int, *, keep: bytes | None = None
) -> int:
    """Close every session of a person but the one whose token's hash is `keep`; how many.

    0 where they are not the viewer's to end.
    """
    rows = await connection.fetch(
        """
        delete from session
         where person_id = $1 and ($2 or person_id = $3) and token_hash is distinct from $4
        returning person_id
        """,
        person_id,
        viewer.is_administrator,
        viewer.person_id,
        keep,
    )
    await _ended(connection, rows)
    return len(rows)


async def _ended(connection: Connection, rows: Sequence[Record]) -> None:
    """Have the open pages of whoever lost a session look whether theirs is still open."""
    for person_id in {row["person_id"] for row in rows}:
        await notify(connection, "session", person_id)


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


async def take_back(connection: Connection, *keys: str) -> None:
    """Take back the last attempt of each key: nobody could look at the password."""
    for key in keys:
        await connection.execute(
            """
            delete from sign_in_failure where id = (
                select id from sign_in_failure where key = $1 order by at desc, id desc limit 1)
            """,
            key,
        )
