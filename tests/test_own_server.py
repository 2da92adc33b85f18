"""A PostgreSQL of one's own: Debian's, the oldest version that is promised to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.embedded import EmbeddedServer
from daemon.ground import Ground, open_folder, prepare
from daemon.mutex import FileMutex
from storage.database import Connection, Database, open_database
from storage.dump import restore_backup, write_backup
from storage.migrate import check, migrate

DEBIAN = Path("/usr/lib/postgresql/15/bin")


def _quiet(_text: str) -> None:
    pass


def _ground(place: Path) -> Ground:
    """The ground of a server that runs Debian's programs instead of our own."""
    folder = open_folder(place)
    return replace(prepare(folder, _quiet), programs=DEBIAN)


@pytest.fixture
async def debian(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database on Debian's PostgreSQL 15."""
    if not (DEBIAN / "postgres").exists():
        pytest.skip("Debian's postgresql-15 is not installed")
    ground = _ground(tmp_path / "data")
    server = EmbeddedServer(ground, fsync=False)
    await server.ensure_running()
    try:
        async with open_database(ground.dsn()) as database:
            yield database
    finally:
        await server.leave(FileMutex(ground.lease))


async def test_the_schema_can_be_made_there(debian: Database) -> None:
    async def version(connection: Connection) -> str:
        return await connection.fetchval("select current_setting('server_version')")

    assert (await debian.unit_of_work(version)).startswith("15.")
    assert await debian.unit_of_work(migrate)
    await debian.unit_of_work(check)


async def test_a_backup_goes_from_there_to_the_embedded_server_and_back(
    debian: Database, database: Database, tmp_path: Path
) -> None:
    async def fill(connection: Connection) -> None:
        await connection.execute("insert into person (login) values ('ada'), ('bob')")

    async def logins(connection: Connection) -> list[str]:
        rows = await connection.fetch("select login from person order by id")
        return [row["login"] for row in rows]

    await debian.unit_of_work(migrate)
    await debian.unit_of_work(fill)
    there, back = tmp_path / "there", tmp_path / "back"
    await debian.unit_of_work(write_backup, there, datetime.now(UTC))
    await database.unit_of_work(restore_backup, there, force=False)
    assert await database.unit_of_work(logins) == ["ada", "bob"]
    await database.unit_of_work(write_backup, back, datetime.now(UTC))
    await debian.unit_of_work(restore_backup, back, force=True)
    assert await debian.unit_of_work(logins) == ["ada", "bob"]
