"""What a person chose for a page: columns, order, how many rows. Small, and nobody else's.

A preference says how somebody likes to see things and never what they may see: a page checks what
it reads here as it would check an address somebody typed.
"""

from __future__ import annotations

import json

from storage.database import Connection, StorageConflict
from storage.viewer import Viewer

MOST_BYTES = 8_192
MOST_NAMES = 200
"""Preferences one person may have: a page has a few, and makes no names of what it is sent."""


async def get(connection: Connection, viewer: Viewer, name: str) -> object:
    """What the viewer kept under this name, as JSON has it; None where nothing is kept."""
    return await connection.fetchval(
        "select value from preference where person_id = $1 and name = $2", viewer.person_id, name
    )


async def get_to_change(connection: Connection, viewer: Viewer, name: str) -> object:
    """As `get`, and whoever else would change it waits for the end of this transaction.

    Without it, of two changes made at once to one value, each beside what the other changed, the
    later would undo the earlier.
    """
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, $2))", name, viewer.person_id or 0
    )
    return await get(connection, viewer, name)


async def put(connection: Connection, viewer: Viewer, name: str, value: object) -> None:
    """Keep a JSON value under this name, None forgetting it; the machine itself keeps nothing.

    Raises `StorageConflict` where the value is too large to be a preference, or there are too many.
    """
    if viewer.person_id is None:
        return
    if value is None:
        await _forget(connection, viewer.person_id, name)
        return
    if len(json.dumps(value)) > MOST_BYTES:
        raise StorageConflict(f"the preference {name} is larger than {MOST_BYTES} bytes")
    kept = await connection.fetchval(
        """
        insert into preference (person_id, name, value)
        select $1, $2, $3
         where (select count(*) from preference where person_id = $1 and name <> $2) < $4
        on conflict (person_id, name) do update set value = excluded.value
        returning true
        """,
        viewer.person_id,
        name,
        value,
        MOST_NAMES,
    )
    if not kept:
        raise StorageConflict(f"there are already {MOST_NAMES} preferences")


async def _forget(connection: Connection, person_id: int, name: str) -> None:
    await connection.execute(
        "delete from preference where person_id = $1 and name = $2", person_id, name
    )
