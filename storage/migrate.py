"""The schema's versions: numbered SQL files, applied forward only, in order, under one mutex.

A file is `NNNN_name.sql`. A first line `-- oldest-compatible: N` says that programs knowing only
version N can still work on the schema it makes; without it, none older than itself can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from storage.database import Connection
from telephony.errors import RingfenceError

FOLDER = Path(__file__).parent / "migrations"
OLDEST_SERVER = 150_000
MUTEX_KEY = 0x52494E47464E4345
"""The advisory lock of whoever changes the schema; shared with no other program by its value."""

_FILE_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_COMPATIBLE = re.compile(r"^-- oldest-compatible: (\d+)$", re.MULTILINE)


class SchemaMismatch(RingfenceError):
    """The database's schema is not one this program can work on."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; `oldest_compatible` is the oldest version able to work after it."""

    version: int
    name: str
    oldest_compatible: int
    sql: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a database holds: version 0 is nothing at all."""

    version: int
    oldest_compatible: int


@cache
def migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Every step there is, in order; their numbers run from 1 without a gap."""
    found = sorted(
        (_read(path, match) for path in folder.iterdir() if (match := _FILE_NAME.match(path.name))),
        key=lambda step: step.version,
    )
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise SchemaMismatch(f"the migrations in {folder} are not numbered 1 to {len(found)}")
    return tuple(found)


def _read(path: Path, match: re.Match[str]) -> Migration:
    sql = path.read_text()
    version = int(match[1])
    compatible = _COMPATIBLE.search(sql)
    return Migration(version, match[2], int(compatible[1]) if compatible else version, sql)


def schema_version() -> int:
    """The version this program was written for."""
    return migrations()[-1].version


async def read_state(connection: Connection) -> SchemaState:
    """Which version the database has."""
    if await connection.fetchval("select to_regclass('schema_version')") is None:
        return SchemaState(0, 0)
    row = await connection.fetchrow(
        "select version, oldest_compatible from schema_version order by version desc limit 1"
    )
    return SchemaState(row["version"], row["oldest_compatible"]) if row else SchemaState(0, 0)


async def check(connection: Connection) -> SchemaState:
    """Raise `SchemaMismatch`, saying what to do, unless this program can work on the database."""
    await _check_server(connection)
    state = await read_state(connection)
    _refuse_newer(state)
    if state.version < schema_version():
        raise SchemaMismatch(
            f"the database has schema version {state.version} and this program needs"
            f" {schema_version()}: run ringfence migrate"
        )
    return state


async def migrate(connection: Connection, *, upto: int | None = None) -> list[Migration]:
    """Bring the schema up to date (or to version `upto`); the steps that were applied.

    All of them in the caller's one transaction, so a step that fails leaves nothing behind.
    Whoever comes at the same time waits and then finds nothing to do. Raises `SchemaMismatch`
    where the database is newer than this program.
    """
    await _check_server(connection)
    await connection.execute("select pg_advisory_xact_lock($1)", MUTEX_KEY)
    await connection.execute(
        "create table if not exists schema_version ("
        " version integer primary key, oldest_compatible integer not null, name text not null,"
        " applied_at timestamptz not null default now())"
    )
    state = await read_state(connection)
    _refuse_newer(state)
    pending = [
        step
        for step in migrations()
        if step.version > state.version and (upto is None or step.version <= upto)
    ]
    for step in pending:
        await connection.execute(step.sql)
        await connection.execute(
            "insert into schema_version (version, oldest_compatible, name) values ($1, $2, $3)",
            step.version,
            step.oldest_compatible,
            step.name,
        )
    return pending


def _refuse_newer(state: SchemaState) -> None:
    if state.version > schema_version() and state.oldest_compatible > schema_version():
        raise SchemaMismatch(
            f"the database has schema version {state.version}, newer than the"
            f" {schema_version()} this program knows: use a newer Ringfence"
        )


async def _check_server(connection: Connection) -> None:
    number = int(await connection.fetchval("select current_setting('server_version_num')"))
    if number < OLDEST_SERVER:
        raise SchemaMismatch(f"PostgreSQL {number // 10_000} is too old: 15 or newer is needed")
