"""Intake: a million rows from one file into PostgreSQL, twice, beside COPY of the same rows."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import trio

from actors.ingest import Taken, import_files
from bench.company import a_company
from pbx.cucm.cdr import CucmRecords
from storage.copying import copy_rows
from storage.database import Connection, Database
from storage.verify import verify
from telephony.legs import Leg

ROWS = 1_000_000
BAR_S = 60.0
DATA = Path(__file__).with_name("results") / "data"


def run(rows: int = ROWS) -> dict[str, object]:
    """Import `rows` realistic rows twice; the second pass, under another name, changes nothing."""
    source = rows_file(rows)
    folder = Path(tempfile.mkdtemp(prefix="ringfence-bench-"))
    gc.set_threshold(50_000, 20, 50)  # as every command of the product does
    try:
        return trio.run(_measure, source, folder, rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rows_file(rows: int) -> Path:
    """The file, made once and kept: a year and more of the lab's traffic, 133 columns, quoted."""
    DATA.mkdir(parents=True, exist_ok=True)
    path = DATA / f"cdr_Bench_01_202601010000_{rows}"
    if not path.exists():
        print(f"making {rows:,} call-record rows, once ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "bench.make_rows", str(path), str(rows)], check=True)
    return path


async def _measure(source: Path, folder: Path, rows: int) -> dict[str, object]:
    again = folder / "cdr_Bench_02_202601010000_1"
    await trio.to_thread.run_sync(_copy_with_blank_line, source, again)
    async with a_company(folder) as (database, _):
        first, first_s = await _import(database, source)
        before = await database.unit_of_work(_counts)
        second, second_s = await _import(database, again)
        unchanged = before == await database.unit_of_work(_counts)
        copy_s = await _copy_alone(database)
        found = await database.unit_of_work(verify)
    assert first.legs == rows, first
    return {
        "rows": rows,
        "first_pass_s": round(first_s, 1),
        "rows_per_s": round(rows / first_s),
        "second_pass_s": round(second_s, 1),
        "second_pass": asdict(second),
        "second_pass_changed_nothing": unchanged and not second.legs and not second.calls,
        "copy_of_the_same_rows_s": round(copy_s, 1),
        "times_copy": round(first_s / copy_s, 2),
        "differences": len(found.differences),
        "bar_s": BAR_S,
        "passed": first_s < BAR_S and unchanged and not found.differences,
    }


async def _import(database: Database, path: Path) -> tuple[Taken, float]:
    began = time.perf_counter()
    taken, refused = await import_files(database, CucmRecords(), [path])
    assert not refused, refused
    return taken, time.perf_counter() - began


async def _counts(connection: Connection) -> str:
    row = await connection.fetchrow(
        """select (select count(*) from leg) legs, (select count(*) from call) calls,
                  (select count(*) from ledger) entries, (select sum(amount) from ledger) amount,
                  (select sum(spent) from budget_period) spent"""
    )
    return json.dumps(dict(row or {}), default=str)


async def _copy_alone(database: Database) -> float:
    """The rows that the intake wrote, by COPY into tables alike, indexes and all, and committed."""
    legs, calls, entries = await database.unit_of_work(_written)
    began = time.perf_counter()
    await database.unit_of_work(_write, legs, calls, entries)
    return time.perf_counter() - began


Rows = list[tuple[object, ...]]


async def _written(connection: Connection) -> tuple[Rows, Rows, Rows]:
    legs = await connection.fetch("select * from leg")
    for record in ("leg", "call", "ledger"):
        await connection.execute(f"create table copy_{record} (like {record} including all)")
    calls = await connection.fetch("select * from call")
    entries = await connection.fetch("select * from ledger")
    return [_plain(r) for r in legs], [_plain(r) for r in calls], [_plain(r) for r in entries]


def _plain(record: object) -> tuple[object, ...]:
    first, *rest = tuple(record)  # type: ignore[call-overload]
    return (first if isinstance(first, int) else str(first), *(_text(value) for value in rest))


def _text(value: object) -> object:
    return str(value) if type(value).__name__ == "UUID" else value


async def _write(connection: Connection, legs: Rows, calls: Rows, entries: Rows) -> None:
    for table, rows in (("leg", legs), ("call", calls), ("ledger", entries)):
        columns = await connection.fetch(
            """select attname::text from pg_attribute where attrelid = $1::regclass
               and attnum > 0 order by attnum""",
            f"copy_{table}",
        )
        names = [column["attname"] for column in columns]
        for at in range(0, len(rows), 10_000):
            await copy_rows(connection, f"copy_{table}", names, rows[at : at + 10_000])


def _copy_with_blank_line(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("ab") as file:
        file.write(b"\n")


assert Leg._fields[0] == "pkid"
