"""People: who may sign in, what is theirs, and how they prove who they are.

A person is never deleted (what they spent stays theirs); `disabled` closes the door. Extensions
here are those a person owns *now*; who owned one at an earlier instant is asked of `company`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from asyncpg import Record

from storage.database import Connection, StorageConflict, notify
from storage.notifications import queue
from telephony.plant import ExtensionKey

Role = Literal["user", "supervisor", "administrator"]
Scope = Literal["department", "cost_centre", "office"]
TimeFormat = Literal["", "12", "24"]
Source = Literal["local", "directory"]
DisabledBy = Literal["administrator", "directory"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the company. `extensions` are the present ones, lowest number first.

    `language` is empty where the person never chose one; `password_hash` is None where no local
    password exists, so that nobody can sign in with one. What a directory owns (`source`) is
    changed there; `role_fixed` says that an administrator decided role and scope all the same.
    `masked_digits` is None where the site's rule holds, `time_format` empty where the language's
    does; `custom` are the ten free fields, in the order of their numbers.
    """

    id: int
    login: str
    first_name: str
    last_name: str
    email: str
    department: str
    cost_centre: str
    office: str
    site_id: int | None
    role: Role
    scope: Scope | None
    language: str
    disabled: bool
    extensions: tuple[ExtensionKey, ...]
    password_hash: str | None
    time_format: TimeFormat
    directory_language: str
    source: Source
    role_fixed: bool
    disabled_by: DisabledBy | None
    masked_digits: int | None
    custom: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """First and last name, or the login where neither is known."""
        return f"{self.first_name} {self.last_name}".strip() or self.login


_SELECT = """
select p.id, p.login, p.first_name, p.last_name, p.email, p.department, p.cost_centre, p.office,
       p.site_id, p.role, p.scope, p.language, p.disabled_at is not null as disabled,
       p.password_hash, p.time_format, p.directory_language, p.source, p.role_fixed,
       p.disabled_by, p.masked_digits, p.custom,
       coalesce((
           select array_agg(o.extension || '@' || o.partition
                            order by length(o.extension), o.extension, o.partition)
             from extension_owner o
            where o.person_id = p.id
              and (o.from_at is null or o.from_at <= now())
              and (o.until_at is null or o.until_at > now())
       ), '{}') as extensions
  from person p
"""


def _person(row: Record) -> Person:
    return Person(
        id=row["id"],
        login=row["login"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        email=row["email"],
        department=row["department"],
        cost_centre=row["cost_centre"],
        office=row["office"],
        site_id=row["site_id"],
        role=cast("Role", row["role"]),
        scope=cast("Scope | None", row["scope"]),
        language=row["language"],
        disabled=row["disabled"],
        extensions=tuple(ExtensionKey.parse(text) for text in row["extensions"]),
        password_hash=row["password_hash"],
        time_format=cast("TimeFormat", row["time_format"]),
        directory_language=row["directory_language"],
        source=cast("Source", row["source"]),
        role_fixed=row["role_fixed"],
        disabled_by=cast("DisabledBy | None", row["disabled_by"]),
        masked_digits=row["masked_digits"],
        custom=tuple(row["custom"]),
    )


async def by_id(connection: Connection, person_id: int) -> Person | None:
    """The person with this id, disabled or not."""
    row = await connection.fetchrow(_SELECT + "where p.id = $1", person_id)
    return _person(row) if row else None


async def by_login(connection: Connection, login: str) -> Person | None:
    """The person who signs in with this name, whatever its capitals; disabled people included."""
    row = await connection.fetchrow(_SELECT + "where lower(p.login) = lower($1)", login)
    return _person(row) if row else None


async def by_directory_key(connection: Connection, key: str) -> Person | None:
    """The person the directory's entry of this key is; disabled people included."""
    row = await connection.fetchrow(_SELECT + "where p.directory_key = $1", key)
    return _person(row) if row else None


async def by_extension(connection: Connection, key: ExtensionKey) -> Person | None:
    """Who owns this extension now. An ownership without partition fits any partition."""
    person_id: int | None = await connection.fetchval(
        """
        select person_id from extension_owner
         where extension = $1 and partition in ($2, '')
           and (from_at is null or from_at <= now())
           and (until_at is null or until_at > now())
         order by length(partition) desc limit 1
        """,
        key.number,
        key.partition,
    )
    return None if person_id is None else await by_id(connection, person_id)


async def listing(connection: Connection) -> list[Person]:
    """Everybody, by last name, first name, login."""
    rows = await connection.fetch(
        _SELECT + "order by lower(p.last_name), lower(p.first_name), lower(p.login)"
    )
    return [_person(row) for row in rows]


async def set_password(
    connection: Connection, person_id: int, password_hash: str, *, keep_session: bytes | None = None
) -> None:
    """Store a new password (argon2, encoded) and end every session but `keep_session`.

    Open reset links of the person die with the old password.
    """
    await connection.execute(
        "update person set password_hash = $2 where id = $1", person_id, password_hash
    )
    await connection.execute(
        "delete from session where person_id = $1 and token_hash is distinct from $2",
        person_id,
        keep_session,
    )
    await notify(connection, "session", person_id)
    await connection.execute("delete from password_reset where person_id = $1", person_id)


async def create_local(
    connection: Connection,
    login: str,
    *,
    role: Role = "user",
    scope: Scope | None = None,
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    extension: ExtensionKey | None = None,
    password_hash: str | None = None,
) -> int:
    """Add a local account and give it an extension from now on; its id.

    Raises `StorageConflict`, in words for a person, where the login or the extension is taken.
    """
    if await by_login(connection, login) is not None:
        raise StorageConflict(f"there is already an account {login}")
    person_id: int = await connection.fetchval(
        """
        insert into person
               (login, role, scope, first_name, last_name, email, password_hash, site_id)
        values ($1, $2, $3, $4, $5, $6, $7, (select id from site order by position, id limit 1))
        returning id
        """,
        login,
        role,
        scope,
        first_name,
        last_name,
        email,
        password_hash,
    )
    if extension is not None:
        await _give_extension(connection, person_id, extension)
    await notify(connection, "company", "-")
    return person_id


async def _give_extension(connection: Connection, person_id: int, key: ExtensionKey) -> None:
    owner = await by_extension(connection, key)
    if owner is not None:
        raise StorageConflict(f"extension {key} belongs to {owner.full_name} ({owner.login})")
    await connection.execute(
        """
        insert into extension_owner (extension, partition, person_id, from_at)
        values ($1, $2, $3, now())
        """,
        key.number,
        key.partition,
        person_id,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person sits: the IANA zone of the times they read, their site's emergency numbers.

    `language` is the site's, empty where it has none; `country` its ISO 3166-1 code.
    """

    time_zone: str
    emergency: tuple[str, ...]
    language: str = ""
    country: str = ""


async def place_of(connection: Connection, person: Person) -> Place:
    """The place of the person's site; without one the company's zone, and without that UTC."""
    row = await connection.fetchrow(
        """
        select coalesce(s.time_zone, (select time_zone from company), 'UTC') as time_zone,
               coalesce(s.emergency, '{}') as emergency, coalesce(s.language, '') as language,
               coalesce(s.country, '') as country
          from person p
          left join site s on s.id = coalesce(
               p.site_id, (select id from site order by position, id limit 1))
         where p.id = $1
        """,
        person.id,
    )
    if row is None:
        return Place("UTC", ())
    return Place(row["time_zone"], tuple(row["emergency"]), row["language"], row["country"])


async def first_language(connection: Connection) -> str:
    """The language of the first site, for whoever nobody knows yet; empty where it has none."""
    language: str | None = await connection.fetchval(
        "select language from site order by position, id limit 1"
    )
    return language or ""


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """A password asked to be made anew: whose, and until when the link works."""

    person_id: int
    expires_at: datetime


async def ask_reset(
    connection: Connection,
    login: str,
    token_hash: bytes,
    params: Mapping[str, str],
    *,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Store a reset link and queue its mail; False, silently, where the account takes none.

    The link is `params["link"]`. At most one link per person is open.
    """
    person = await by_login(connection, login)
    if person is None or person.disabled or not person.email or person.password_hash is None:
        return False
    await connection.execute("delete from password_reset where person_id = $1", person.id)
    await connection.execute(
        "insert into password_reset (token_hash, person_id, expires_at) values ($1, $2, $3)",
        token_hash,
        person.id,
        expires_at,
    )
    await queue(
        connection,
        f"password_reset:{token_hash.hex()}",
        "password_reset",
        params,
        person_ids=[person.id],
        channels=["mail"],
        account_id=None,
        now=now,
    )
    return True


async def reset_owner(
    connection: Connection, token_hash: bytes, now: datetime
) -> ResetRequest | None:
    """Whose reset link this is, where it still works at `now`."""
    row = await connection.fetchrow(
        """
        select r.person_id, r.expires_at from password_reset r join person p on p.id = r.person_id
         where r.token_hash = $1 and r.used_at is null and r.expires_at > $2
           and p.disabled_at is null
        """,
        token_hash,
        now,
    )
    return ResetRequest(row["person_id"], row["expires_at"]) if row else None


async def use_reset(
    connection: Connection, token_hash: bytes, password_hash: str, now: datetime
) -> bool:
    """Set the password behind a reset link, once; False where the link no longer works."""
    request = await reset_owner(connection, token_hash, now)
    if request is None:
        return False
    await set_password(connection, request.person_id, password_hash)
    return True
