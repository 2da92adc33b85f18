# ruff: noqa: ASYNC240 - a test looks at files where it stands
"""Backup and restore: everything, consistently, into another database; nothing by halves."""

from __future__ import annotations

import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.database import Connection, Database, StorageError, open_database
from storage.dump import NOT_THE_STATE, BackupError, read_manifest, restore_backup, write_backup
from storage.migrate import SchemaMismatch, check, migrate, schema_version
from telephony.errors import RingfenceError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def _fill(connection: Connection) -> None:
    await connection.execute(
        """
        insert into company (currency, time_zone) values ('EUR', 'Europe/Rome');
        insert into site (name, country, time_zone, emergency, position)
             values ('Milano', 'IT', 'Europe/Rome', '{112,118}', 0);
        insert into person (login, first_name, last_name, site_id)
             values ('ada', 'Ada', E'Tab\\there\\nand \\\\ there', 1), ('bob', 'Bob', '', 1);
        insert into alarm (key, kind, params) values ('a', 'test', '{"why": "ünïcode \\" quote"}');
        insert into notification (key, person_id, channel, kind) values ('n', 1, 'mail', 'test');
        delete from person where login = 'bob';
        """
    )


async def _everything(connection: Connection) -> dict[str, list[str]]:
    names = await connection.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind = 'r' and relname <> 'schema_version' order by 1"
    )
    return {
        row["relname"]: sorted(
            r[0] for r in await connection.fetch(f'select t::text from "{row["relname"]}" t')
        )
        for row in names
        if row["relname"] not in NOT_THE_STATE
    }


@pytest.fixture
async def backup(database: Database, tmp_path: Path) -> Path:
    await database.unit_of_work(_fill)
    file = tmp_path / "state.backup"
    await database.unit_of_work(write_backup, file, NOW)
    return file


async def test_what_was_backed_up_is_there_again(
    backup: Path, database: Database, empty_dsn: str
) -> None:
    before = await database.unit_of_work(_everything)
    assert before["person"]

    async def next_person(connection: Connection) -> int:
        return await connection.fetchval("insert into person (login) values ('eve') returning id")

    async with open_database(empty_dsn, max_size=1) as target:
        await target.unit_of_work(restore_backup, backup, force=False)
        await target.unit_of_work(check)
        assert await target.unit_of_work(_everything) == before
        assert await target.unit_of_work(next_person) == 2


async def test_a_backup_is_private_and_says_what_it_holds(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    manifest = read_manifest(backup)
    assert manifest.version == schema_version()
    assert manifest.made_at == "2026-03-01T12:00:00Z"
    assert manifest.tables["person"] == 1


async def test_a_backup_never_overwrites(backup: Path, database: Database) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupError, match="exists"):
        await database.unit_of_work(write_backup, backup, NOW)
    assert backup.read_bytes() == before


async def test_a_database_that_holds_something_is_replaced_only_by_force(
    backup: Path, dsn: str, database: Database
) -> None:
    async def change(connection: Connection) -> None:
        await connection.execute("update person set first_name = 'Eve'")

    await database.unit_of_work(change)
    with pytest.raises(BackupError, match="not empty"):
        await database.unit_of_work(restore_backup, backup, force=False)
    await database.unit_of_work(restore_backup, backup, force=True)
    assert "Ada" in (await database.unit_of_work(_everything))["person"][0]


async def test_a_running_daemon_forbids_a_restore(
    backup: Path, dsn: str, database: Database
) -> None:
    async with open_database(dsn, max_size=1):
        with pytest.raises(BackupError, match="connected"):
            await database.unit_of_work(restore_backup, backup, force=True)


async def test_a_damaged_backup_changes_nothing(backup: Path, database: Database) -> None:
    before = await database.unit_of_work(_everything)
    damaged = backup.with_name("damaged")
    damaged.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    with pytest.raises(BackupError, match="damaged"):
        await database.unit_of_work(restore_backup, damaged, force=True)
    assert await database.unit_of_work(_everything) == before


async def test_a_backup_that_cannot_be_filled_in_changes_nothing(
    backup: Path, database: Database
) -> None:
    before = await database.unit_of_work(_everything)
    wrong = backup.with_name("wrong")
    with zipfile.ZipFile(backup) as source, zipfile.ZipFile(wrong, "w") as target:
        for item in source.namelist():
            data = source.read(item)
            target.writestr(item, data + b"one\ttoo few\n" if item == "person.copy" else data)
    with pytest.raises((StorageError, RingfenceError)):
        await database.unit_of_work(restore_backup, wrong, force=True)
    assert await database.unit_of_work(_everything) == before


async def test_a_newer_backup_is_refused(backup: Path, database: Database) -> None:
    newer = backup.with_name("newer")
    with zipfile.ZipFile(backup) as source, zipfile.ZipFile(newer, "w") as target:
        for item in source.namelist():
            data = source.read(item)
            version = f'"schema_version": {schema_version()}'.encode()
            target.writestr(item, data.replace(version, b'"schema_version": 9999'))
    with pytest.raises(SchemaMismatch, match="newer"):
        await database.unit_of_work(restore_backup, newer, force=True)


async def test_the_daemon_refuses_a_newer_schema(database: Database) -> None:
    async def become_newer(connection: Connection) -> None:
        await connection.execute(
            "insert into schema_version (version, oldest_compatible, name) values (999, 999, 'x')"
        )

    await database.unit_of_work(become_newer)
    with pytest.raises(SchemaMismatch, match="newer"):
        await database.unit_of_work(check)
    with pytest.raises(SchemaMismatch, match="newer"):
        await database.unit_of_work(migrate)


async def test_a_newer_schema_we_can_still_work_on_is_accepted(database: Database) -> None:
    async def become_newer(connection: Connection) -> None:
        await connection.execute(
            "insert into schema_version (version, oldest_compatible, name) values (999, 1, 'x')"
        )

    await database.unit_of_work(become_newer)
    assert (await database.unit_of_work(check)).version == 999
    assert await database.unit_of_work(migrate) == []


async def test_an_older_schema_says_what_to_do(database: Database) -> None:
    async def become_older(connection: Connection) -> None:
        await connection.execute("delete from schema_version")

    await database.unit_of_work(become_older)
    with pytest.raises(SchemaMismatch, match="run ringfence migrate"):
        await database.unit_of_work(check)


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert await database.unit_of_work(migrate) == []
