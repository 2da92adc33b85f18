"""Making the company what its directory says: read, planned and written in one transaction.

Everything is written in a few statements however many people there are. Nobody is deleted: who is
gone is disabled, their sessions and extensions end, and what they spent stays theirs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from asyncpg import Record

from storage.budgets import hold_ledger_still, sync_members
from storage.database import Connection, notify, notify_all
from storage.directory_types import (
    Gone,
    KnownCompany,
    KnownOwner,
    KnownPerson,
    Planned,
    SyncPlan,
)
from telephony.plant import ExtensionKey

Planner = Callable[[KnownCompany], SyncPlan]
"""Pure: what to do about the company as it is. Runs in a thread, as what may refuse it does."""

_PERSON = """
select p.id, p.login, p.source, p.directory_key, p.first_name, p.last_name, p.email, p.department,
       p.cost_centre, p.office, p.site_id, p.directory_language, p.custom, p.role, p.scope,
       p.role_fixed, p.password_hash is not null as has_password,
       p.disabled_at is not null as disabled, p.disabled_by, p.directory_extension
  from person p
"""
_ABOUT = """
 where p.directory_key = $1 or lower(p.login) = lower($2)
    or p.id in (select person_id from extension_owner where extension = $3 and until_at is null)
 order by p.id
"""
_OWNER = """
select o.id, o.extension, o.partition, o.person_id from extension_owner o
 where o.until_at is null
"""


async def known(connection: Connection) -> KnownCompany:
    """The whole company, as a plan compares it."""
    people = await connection.fetch(_PERSON + "order by p.id")
    owners = await connection.fetch(_OWNER + "order by o.id")
    return await _company(connection, people, owners)


async def known_about(
    connection: Connection, directory_key: str, login: str, extension: str
) -> KnownCompany:
    """That part of the company one entry can be or collide with."""
    people = await connection.fetch(
        _PERSON + _ABOUT,
        directory_key,
        login,
        extension,
    )
    owners = await connection.fetch(
        _OWNER + "and (o.person_id = any($1::int[]) or o.extension = $2) order by o.id",
        [row["id"] for row in people],
        extension,
    )
    return await _company(connection, people, owners)


async def _company(
    connection: Connection, people: Sequence[Record], owners: Sequence[Record]
) -> KnownCompany:
    sites = await connection.fetch("select id, name from site order by position, id")
    administrators: int = await connection.fetchval(
        "select count(*) from person where role = 'administrator' and disabled_at is null"
    )
    return await asyncio.to_thread(_understood, people, owners, sites, administrators)


def _understood(
    people: Sequence[Record],
    owners: Sequence[Record],
    sites: Sequence[Record],
    administrators: int,
) -> KnownCompany:
    owned = [
        KnownOwner(row["id"], ExtensionKey(row["extension"], row["partition"]), row["person_id"])
        for row in owners
    ]
    theirs: dict[int, list[ExtensionKey]] = {}
    for owner in owned:
        theirs.setdefault(owner.person_id, []).append(owner.extension)
    return KnownCompany(
        people=tuple(_person(row, theirs.get(row["id"], ())) for row in people),
        owners=tuple(owned),
        sites={row["id"]: row["name"] for row in sites},
        first_site_id=sites[0]["id"] if sites else None,
        administrators=administrators,
    )


def _person(row: Record, extensions: Iterable[ExtensionKey]) -> KnownPerson:
    values: dict[str, Any] = dict(row)
    values["custom"] = tuple(row["custom"])
    return KnownPerson(**values, extensions=tuple(extensions))


async def carry_out(
    connection: Connection, planner: Planner, refusal: Callable[[SyncPlan], str], now: datetime
) -> tuple[SyncPlan, str]:
    """Plan about the company as it is now and do it, unless `refusal` gives a reason not to.

    The plan and the reason, empty where everything was done. Whoever else changes the whole company
    (a site file, another run) waits. Raises `StorageConflict` where somebody changed one of the
    same people meanwhile: nothing is done then, and trying again is safe.
    """
    await wait_for_others(connection)
    plan = await asyncio.to_thread(planner, await known(connection))
    reason = await asyncio.to_thread(refusal, plan)
    if plan and not reason:
        await write(connection, plan, now)
    return plan, reason


async def wait_for_others(connection: Connection) -> None:
    """Let nobody else change the whole company until this transaction ends."""
    await connection.execute("select pg_advisory_xact_lock(hashtext('ringfence apply'))")


async def write(
    connection: Connection, plan: SyncPlan, now: datetime, *, members: bool = True
) -> None:
    """Do what a plan says, in the caller's transaction; budgets follow.

    With `members` they do so in the same transaction, else when whoever listens hears of it: one
    person's first sign-in need not stop the postings of calls.
    """
    if members:
        await hold_ledger_still(connection)  # before any row is locked
    kept = (*plan.changed, *plan.enabled)
    await _close_extensions(connection, [*kept, *plan.disabled], now)
    await _disable(connection, plan.disabled, now)
    await _change(connection, kept)
    await _enable(connection, plan.enabled)
    await _create(connection, plan.created)
    await _open_extensions(connection, (*plan.created, *kept), now)
    if members:
        await sync_members(connection, now)
    await notify(connection, "company", "-")
    await notify(connection, "due", "-")


async def _rows(rows: Iterable[dict[str, Any]]) -> str:
    """Rows as one JSON text, made off the loop: there may be ten thousand."""
    return await asyncio.to_thread(json.dumps, list(rows))


async def _close_extensions(
    connection: Connection, people: Sequence[Planned | Gone], now: datetime
) -> None:
    ended = [row_id for person in people for row_id in person.closing]
    if ended:
        await connection.execute(
            "update extension_owner set until_at = $2 where id = any($1::int[])", ended, now
        )


async def _disable(connection: Connection, gone: Sequence[Gone], now: datetime) -> None:
    ids = [person.person_id for person in gone]
    if ids:
        await connection.execute(
            """
            update person set disabled_at = $2, disabled_by = 'directory'
             where id = any($1::int[]) and disabled_at is null
            """,
            ids,
            now,
        )
        await connection.execute("delete from session where person_id = any($1::int[])", ids)
        await notify_all(connection, "session", ids)
        await connection.execute("delete from password_reset where person_id = any($1::int[])", ids)


_COLUMNS = """
login text, directory_key text, first_name text, last_name text, email text, department text,
cost_centre text, office text, site_id int, directory_language text, custom text[], role text,
scope text, directory_extension text
"""
_NAMES = ", ".join(column.split()[0] for column in _COLUMNS.split(","))
_SETS = ", ".join(f"{name} = x.{name}" for name in _NAMES.split(", "))


async def _change(connection: Connection, people: Sequence[Planned]) -> None:
    if people:
        rows = await _rows({"id": one.person_id, **asdict(one.fields)} for one in people)
        await connection.execute(
            f"""
            update person p set source = 'directory', {_SETS}
              from jsonb_to_recordset($1::text::jsonb) as x (id int, {_COLUMNS})
             where p.id = x.id
            """,  # noqa: S608 - our names
            rows,
        )


async def _enable(connection: Connection, people: Sequence[Planned]) -> None:
    if people:
        await connection.execute(
            "update person set disabled_at = null, disabled_by = null where id = any($1::int[])",
            [one.person_id for one in people],
        )


async def _create(connection: Connection, people: Sequence[Planned]) -> None:
    if people:
        await connection.execute(
            f"""
            insert into person (source, {_NAMES})
            select 'directory', {_NAMES}
              from jsonb_to_recordset($1::text::jsonb) as x ({_COLUMNS})
            """,  # noqa: S608 - our names
            await _rows(asdict(one.fields) for one in people),
        )


async def _open_extensions(
    connection: Connection, people: Sequence[Planned], now: datetime
) -> None:
    """The first owner ever has an extension from the beginning of time, a later one from now."""
    rows = [
        {"extension": one.opening, "directory_key": one.fields.directory_key}
        for one in people
        if one.opening
    ]
    if rows:
        await connection.execute(
            """
            insert into extension_owner (extension, partition, person_id, from_at)
            select x.extension, '', p.id, case when exists (
                       select from extension_owner o where o.extension = x.extension
                          and o.partition = '') then $2::timestamptz end
              from jsonb_to_recordset($1::text::jsonb) as x (extension text, directory_key text)
              join person p on p.directory_key = x.directory_key
            """,
            await _rows(rows),
            now,
        )
