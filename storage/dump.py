"""The whole state in one file, and back: what `ringfence backup` and `restore` do.

A backup is a ZIP archive: `manifest.json` (format, schema version, rows of each table) and one
member per table in PostgreSQL's own COPY text format, all read in one repeatable-read snapshot
beside a running daemon. COPY text is the same for every server version, so a backup of an embedded
server goes into a server of one's own and the other way round. Restoring builds the schema of the
backup's version, fills it, and then migrates it, in one transaction: all of it or nothing.
"""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from storage.database import Connection
from storage.migrate import SchemaMismatch, migrate, read_state, schema_version
from telephony.clock import iso_z
from telephony.errors import RingfenceError

FORMAT = 1
CHUNK_BYTES = 1 << 20
COPY_TIMEOUT_S = 24 * 3600.0
MANIFEST = "manifest.json"
NOT_THE_STATE = frozenset({"fact_state", "fact_change"})
"""What a copy outside has of these books; a database that is restored is other books."""


class BackupError(RingfenceError):
    """The backup cannot be written, read or restored here."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `tables` gives the rows of each, in an order that restores."""

    made_at: str
    version: int
    tables: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(self.tables.values())


async def write_backup(connection: Connection, file: Path, now: datetime) -> Manifest:
    """Write everything to `file`, which must not exist; readable by its owner alone.

    Raises `BackupError` where the file cannot be written; what was begun is removed.
    """
    await connection.execute("set transaction isolation level repeatable read, read only")
    await connection.execute("set local statement_timeout = 0")
    state = await read_state(connection)
    if state.version == 0:
        raise BackupError("there is nothing to back up: the database has no schema")
    await asyncio.to_thread(_claim, file)
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            tables = {name: await _copy_out(connection, archive, name)
                      for name in await _ordered_tables(connection)
                      if name not in NOT_THE_STATE}  # fmt: skip
            manifest = Manifest(iso_z(now), state.version, tables)
            archive.writestr(MANIFEST, _encode(manifest))
    except BaseException as error:
        await asyncio.to_thread(file.unlink, missing_ok=True)
        if isinstance(error, OSError):
            raise BackupError(f"{file}: {error.strerror or error}") from error
        raise
    return manifest


def _claim(file: Path) -> None:
    try:
        file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror}") from error


async def restore_backup(connection: Connection, file: Path, *, force: bool) -> Manifest:
    """Make the database what the backup holds, brought up to this program's schema.

    A database that holds anything is refused unless `force`, and one that a daemon or another
    command is connected to always. Raises `BackupError`, `SchemaMismatch`.
    """
    manifest = await asyncio.to_thread(read_manifest, file)
    if manifest.version > schema_version():
        raise SchemaMismatch(
            f"{file} was made by a newer Ringfence (schema {manifest.version},"
            f" here {schema_version()})"
        )
    await connection.execute("set local statement_timeout = 0")
    await _refuse_occupied(connection, force=force)
    await _clear(connection)
    await migrate(connection, upto=manifest.version)
    with zipfile.ZipFile(file) as archive:
        for name in await _ordered_tables(connection):
            if name in manifest.tables:
                await _copy_in(connection, archive, name, manifest.tables[name])
    await _continue_identities(connection)
    await migrate(connection)
    return manifest


def read_manifest(file: Path) -> Manifest:
    """What the backup says of itself; checks that the archive is whole. Blocks."""
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
            raw = json.loads(archive.read(MANIFEST))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BackupError(f"{file} is no backup of Ringfence, or is damaged: {error}") from error
    if broken is not None:
        raise BackupError(f"{file} is damaged: {broken}")
    if raw.get("format") != FORMAT:
        raise BackupError(f"{file} has a format this program does not know")
    return Manifest(raw["made_at"], int(raw["schema_version"]), raw["tables"])


def _encode(manifest: Manifest) -> str:
    document = {
        "format": FORMAT,
        "made_at": manifest.made_at,
        "schema_version": manifest.version,
        "tables": dict(manifest.tables),
    }
    return json.dumps(document, indent=2)


async def _ordered_tables(connection: Connection) -> list[str]:
    """Our tables, each after the ones it refers to."""
    names = await connection.fetch(
        "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace"
        " and c.relkind = 'r' and c.relname <> 'schema_version'"
        " and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'e')"
        " order by 1"
    )
    references = await connection.fetch(
        "select distinct r.relname as child, p.relname as parent from pg_constraint k"
        " join pg_class r on r.oid = k.conrelid join pg_class p on p.oid = k.confrelid"
        " where k.contype = 'f' and r.oid <> p.oid"
    )
    return _sorted_by_reference(
        [row["relname"] for row in names], [(row["child"], row["parent"]) for row in references]
    )


def _sorted_by_reference(names: list[str], references: list[tuple[str, str]]) -> list[str]:
    placed: list[str] = []
    waiting = list(names)
    while waiting:
        free = [
            name
            for name in waiting
            if all(parent in placed for child, parent in references if child == name)
        ]
        if not free:
            raise BackupError(f"tables refer to one another in a circle: {', '.join(waiting)}")
        placed += free
        waiting = [name for name in waiting if name not in free]
    return placed


async def _columns(connection: Connection, table: str) -> list[str]:
    rows = await connection.fetch(
        "select column_name from information_schema.columns where table_schema = 'public'"
        " and table_name = $1 and is_generated = 'NEVER' order by column_name",
        table,
    )
    return [row["column_name"] for row in rows]


async def _copy_out(connection: Connection, archive: zipfile.ZipFile, table: str) -> int:
    columns = await _columns(connection, table)
    loop = asyncio.get_running_loop()
    with archive.open(f"{table}.copy", "w", force_zip64=True) as member:
        member.write(("\t".join(columns) + "\n").encode())

        async def write(data: bytes) -> None:
            await loop.run_in_executor(None, member.write, data)

        status = await connection.copy_from_table(
            table, columns=columns, output=cast("Any", write), timeout=COPY_TIMEOUT_S
        )
    return int(status.split()[-1])


async def _copy_in(
    connection: Connection, archive: zipfile.ZipFile, table: str, expected: int
) -> None:
    loop = asyncio.get_running_loop()
    with archive.open(f"{table}.copy") as member:
        columns = member.readline().decode().rstrip("\n").split("\t")

        async def chunks() -> AsyncGenerator[bytes]:
            while data := await loop.run_in_executor(None, member.read, CHUNK_BYTES):
                yield data

        # What a trigger would write is in the backup already.
        await connection.execute(f'alter table "{table}" disable trigger user')
        status = await connection.copy_to_table(
            table, columns=columns, source=chunks(), timeout=COPY_TIMEOUT_S
        )
        await connection.execute(f'alter table "{table}" enable trigger user')
    if int(status.split()[-1]) != expected:
        raise BackupError(f"{table}: {expected} rows in the backup, {status.split()[-1]} restored")


async def _refuse_occupied(connection: Connection, *, force: bool) -> None:
    others = await connection.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and application_name = 'ringfence'"
    )
    if others:
        raise BackupError("a daemon or another command is connected: stop it first")
    if force:
        return
    for table in await _ordered_tables(connection):
        if table in NOT_THE_STATE:
            continue
        if await connection.fetchval(f'select exists (select 1 from "{table}")'):  # noqa: S608 - a name from the catalogue
            raise BackupError(
                f"the database is not empty (there are rows in {table}):"
                " restore into an empty one, or use --force to replace everything"
            )


async def _clear(connection: Connection) -> None:
    """Drop everything that migrations have made: tables with their views, then functions."""
    tables = [*await _ordered_tables(connection), "schema_version"]
    quoted = ", ".join(f'"{name}"' for name in tables)
    await connection.execute(f"drop table if exists {quoted} cascade")
    functions = await connection.fetch(
        "select p.oid::regprocedure::text as name from pg_proc p"
        " where p.pronamespace = 'public'::regnamespace"
        " and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
    )
    for row in functions:
        await connection.execute(f"drop routine {row['name']} cascade")


async def _continue_identities(connection: Connection) -> None:
    """Let every identity column go on after the highest value restored."""
    rows = await connection.fetch(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and is_identity = 'YES'"
    )
    for row in rows:
        table, column = row["table_name"], row["column_name"]
        await connection.execute(
            f"select setval(pg_get_serial_sequence('\"{table}\"', '{column}'),"  # noqa: S608 - names from the catalogue
            f' (select coalesce(max("{column}"), 0) + 1 from "{table}"), false)'
        )
