"""Writes down what happened to a lock, and tells the person whose phone it is.

Only a change seen on the phone system is told, and only where somebody else caused it: who locks
their own phone knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.database import Connection, notify
from storage.notifications import queue
from telephony.plant import ExtensionKey


async def record_event(
    connection: Connection,
    key: ExtensionKey,
    action: str,
    now: datetime,
    *,
    kind: str = "",
    by: int | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write one line of the extension's lock history. `by` is a person, None for the house."""
    await connection.execute(
        """
        insert into lock_event (extension, partition, at, action, kind, person_id, details)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        *key,
        now,
        action,
        kind,
        by,
        details or {},
    )


async def tell_of_line(
    connection: Connection, key: ExtensionKey, *, locked: bool, event_id: int, now: datetime
) -> None:
    """Queue mail and phone text for the extension's owner; history rows for the budgets behind it.

    `event_id` is the lock event that recorded the change: it makes the notification's key.
    """
    causes = await (_holding(connection, key) if locked else _released(connection, key, event_id))
    kind = "phone_locked" if locked else "phone_unlocked"
    accounts = await _accounts(connection, [s for k, s in causes if k == "budget"])
    for account_id in accounts:
        await _write_history(connection, account_id, key, "lock" if locked else "unlock", now)
    told = sorted({k for k, _ in causes} - {"user"})
    owner = await _owner(connection, key)
    if not told or owner is None:
        return
    await queue(
        connection,
        f"line:{key}:{event_id}:{kind}",
        kind,
        {"extension": key.number, "by": ",".join(told)},
        person_ids=[owner],
        channels=("mail", "phone"),
        account_id=accounts[0] if accounts else None,
        now=now,
    )


async def _holding(connection: Connection, key: ExtensionKey) -> list[tuple[str, str]]:
    rows = await connection.fetch(
        "select kind, source from hold where extension = $1 and partition = $2", *key
    )
    return [(row["kind"], row["source"]) for row in rows]


async def _released(
    connection: Connection, key: ExtensionKey, event_id: int
) -> list[tuple[str, str]]:
    """The hold whose end let the line go: the last one released before this event."""
    rows = await connection.fetch(
        """
        select kind, details ->> 'source' as source from lock_event
         where extension = $1 and partition = $2 and action = 'release' and id < $3
         order by id desc limit 1
        """,
        *key,
        event_id,
    )
    return [(row["kind"], row["source"] or "") for row in rows]


async def _accounts(connection: Connection, sources: Sequence[str]) -> list[int]:
    """The accounts whose budgets hold: a hold's source is its account's id."""
    rows = await connection.fetch(
        "select id from budget_account where id::text = any ($1::text[]) order by id", sources
    )
    return [row["id"] for row in rows]


async def _owner(connection: Connection, key: ExtensionKey) -> int | None:
    found: int | None = await connection.fetchval(
        """
        select person_id from extension_owner
         where extension = $1 and partition in ($2, '') and until_at is null
         order by length(partition) desc limit 1
        """,
        *key,
    )
    return found


async def _write_history(
    connection: Connection, account_id: int, key: ExtensionKey, action: str, now: datetime
) -> None:
    await connection.execute(
        """
        insert into budget_history (account_id, person_id, at, action, details)
        select id, $5, $2, $3, $4 from budget_account where id = $1
        """,
        account_id,
        now,
        action,
        {"extension": key.number},
        await _owner(connection, key),
    )
    await notify(connection, "account", account_id)
