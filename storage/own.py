"""What people change of themselves: how pages are written for them, and their password."""

from __future__ import annotations

from storage import people
from storage.database import Connection
from storage.people import TimeFormat
from storage.viewer import Viewer


async def set_language(connection: Connection, viewer: Viewer, language: str) -> None:
    """Remember the language chosen; empty means: as the directory says or the browser asks."""
    await connection.execute(
        "update person set language = $2 where id = $1", viewer.person_id, language
    )


async def set_time_format(connection: Connection, viewer: Viewer, time_format: TimeFormat) -> None:
    """Remember whether 12 or 24 hours are read; empty means: as the language does."""
    await connection.execute(
        "update person set time_format = $2 where id = $1", viewer.person_id, time_format
    )


async def set_password(
    connection: Connection, viewer: Viewer, password_hash: str, *, keep_session: bytes
) -> None:
    """Store one's new password; ends one's sessions but this one."""
    if viewer.person_id is not None:
        await people.set_password(
            connection, viewer.person_id, password_hash, keep_session=keep_session
        )
