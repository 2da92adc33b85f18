"""Ten million calls of two years, made once and kept: what the portal's figures are taken on.

A company of 5,000 extensions in forty departments and five offices. The rows are made by the
database itself, indexes last; every choice is a hash of the call's number, so that each making
gives the same calls. DuckDB is given the same rows for the comparison.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import trio

from daemon.embedded import embedded_server
from storage import day_totals
from storage.database import Connection, Database, open_database
from storage.demo import wipe
from storage.migrate import migrate, migrations

CALLS = 10_000_000
PEOPLE = 5_000
DEPARTMENTS = 40
FIRST_AT, LAST_AT = datetime(2024, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 31, 15, tzinfo=UTC)
"""What the portal takes the time to be: near the end of a month full of calls."""

FOLDER = Path(__file__).with_name("results") / "data" / "ten-million"
CHUNK = 500_000
FIRST_EXTENSION = 20_000
COLUMNS = (
    "key, party, counted, direction, extension, person_id, unit_id, number, e164, started_at,"
    " duration_s, call_duration_s, ring_s, answered, cost, gateway_id, destination,"
    " destination_type"
)

COMPANY = f"""
insert into company (currency, time_zone) values ('EUR', 'Europe/Rome');
insert into site (name, country, area_code, time_zone, outside_prefix, position)
select name, 'IT', '02', 'Europe/Rome', '0', n
  from unnest(array['Milano','Roma','Torino','Napoli','Genova']) with ordinality s(name, n);
insert into gateway (device, name, site_id, kind, position)
select 'TRUNK-' || id, name, id, 'pstn', id from site;
insert into person (login, first_name, last_name, email, department, cost_centre, office, site_id)
select 'p' || n, 'First' || n, 'Last' || n, 'p' || n || '@example.com',
       'Department ' || n % {DEPARTMENTS}, 'CC-' || n % {DEPARTMENTS}, s.name, s.id
  from generate_series(1, {PEOPLE}) n join site s on s.position = 1 + n % 5;
insert into extension_owner (extension, person_id)
select ({FIRST_EXTENSION} + substr(login, 2)::int)::text, id from person;
update person set role = 'supervisor', scope = 'department' where login = 'p2';
update person set role = 'administrator' where login = 'p1';
"""

# A third of the calls is internal and has two rows, a third comes in, a third goes out; one in
# seven is not answered. Whoever takes part is chosen by two hashes of the call's number.
ROWS = f"""
insert into call (key, party, revision, counted, direction, extension, person_id, unit_id, payer,
    number, e164, originated_at, started_at, ended_at, ring_s, duration_s, call_duration_s,
    answered, cost, currency, gateway_id, site_id, destination, destination_type, cause)
select md5('call ' || made.n)::uuid, party, 1, party = 0, direction, p.extension, p.id, p.unit_id,
       case when cost > 0 then p.extension end,
       case direction when 'internal' then other.extension
                      when 'outgoing' then '0' || number else number end,
       case direction when 'internal' then '' else '+39' || number end,
       at, at + make_interval(secs => ring_s), at + make_interval(secs => ring_s + talk_s),
       ring_s, talk_s, talk_s, talk_s > 0, cost, 'EUR',
       case when direction <> 'internal' then p.site_id end, p.site_id,
       case when direction <> 'outgoing' then '' when mobile then 'Italy mobile' else 'Italy' end,
       case when direction <> 'outgoing' then '' when mobile then 'mobile' else 'national' end, 16
  from (select made.*, case when direction = 'outgoing' and talk_s > 0
                            then round((talk_s * 0.002)::numeric, 6) else 0 end as cost
          from (select n, h1, h2, h2 % 3 = 0 as mobile,
                       (array['internal', 'incoming', 'outgoing'])[1 + h1 % 3] as direction,
                       $3::timestamptz + make_interval(secs => n * {{step}}) as at,
                       3 + h2 % 20 as ring_s,
                       case when h2 % 7 = 0 then 0 else 5 + h1 % 600 end as talk_s,
                       case when h2 % 3 = 0 then '3' else '0' end
                           || lpad((h1 % 100000000)::text, 9, '2') as number
                  from (select n, abs(hashint8(n))::bigint as h1,
                               abs(hashint8(-n - 1))::bigint as h2
                          from generate_series($1::bigint, $2::bigint) n) hashed) made) made
  cross join lateral generate_series(0, case direction when 'internal' then 1 else 0 end) party
  join bench_person p
    on p.n = 1 + (case party when 0 then h1 / 7 else h2 / 7 end) % {PEOPLE}
  join bench_person other
    on other.n = 1 + (case party when 0 then h2 / 7 else h1 / 7 end) % {PEOPLE}
"""


@asynccontextmanager
async def ten_million(calls: int = CALLS) -> AsyncIterator[tuple[Database, str, Path]]:
    """The database with the calls, how it is reached, and the DuckDB file of the same rows."""
    folder = FOLDER if calls == CALLS else FOLDER.with_name(f"calls-{calls}")
    schema = hashlib.sha256("".join(step.sql for step in migrations()).encode()).hexdigest()
    made = {"schema": schema, "rows": hashlib.sha256(ROWS.encode()).hexdigest(), "calls": calls}
    stamp = folder / "made.json"
    if stamp.exists() and json.loads(stamp.read_text()) != made:
        stamp.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    async with (
        embedded_server(folder / "data", say=lambda _: None) as dsn,
        open_database(dsn) as database,
    ):
        if not stamp.exists():
            began = time.perf_counter()
            print(f"making {calls:,} calls, once ...", file=sys.stderr, flush=True)
            await _make(database, calls)
            await _give_duckdb(database, folder)
            print(f"made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            stamp.write_text(json.dumps(made))
        yield database, dsn, folder / "calls.duckdb"


async def _make(database: Database, calls: int) -> None:
    step = (LAST_AT - FIRST_AT).total_seconds() / calls
    await database.unit_of_work(wipe)
    await database.unit_of_work(migrate)
    indexes = await database.unit_of_work(_company_without_indexes)
    for start in range(0, calls, CHUNK):
        await database.unit_of_work(_chunk, start, min(calls, start + CHUNK) - 1, step)
    for index in indexes:
        await database.unit_of_work(_statement, index)
    await database.unit_of_work(_statement, "drop table bench_person")
    await database.unit_of_work(_statement, "analyze")
    day = FIRST_AT.date()
    while day < LAST_AT.date():
        await database.unit_of_work(day_totals.close, day)
        day += timedelta(days=1)


async def _company_without_indexes(connection: Connection) -> list[str]:
    await connection.execute(COMPANY)
    await connection.execute(
        """create table bench_person as
           select row_number() over (order by p.id) as n, p.id, p.unit_id, p.site_id, o.extension
             from person p join extension_owner o on o.person_id = p.id"""
    )
    rows = await connection.fetch(
        "select indexname, indexdef from pg_indexes where tablename = 'call'"
    )
    await connection.execute("alter table call drop constraint call_pkey")
    for row in rows:
        await connection.execute(f"drop index if exists {row['indexname']}")
    defined = [row["indexdef"] for row in rows if row["indexname"] != "call_pkey"]
    return ["alter table call add primary key (key, party)", *defined]


async def _chunk(connection: Connection, first: int, last: int, step: float) -> None:
    await connection.execute("set local synchronous_commit = off")
    await connection.execute(ROWS.replace("{step}", str(step)), first, last, FIRST_AT)


async def _statement(connection: Connection, text: str) -> None:
    await connection.execute("set local maintenance_work_mem = '1GB'")
    await connection.execute(text)


async def _give_duckdb(database: Database, folder: Path) -> None:
    async def out(connection: Connection, month: datetime) -> None:
        query = f"select {COLUMNS} from call where started_at >= $1 and started_at < $2"
        await connection.copy_from_query(
            query, month, _next_month(month), format="csv", header=True,
            output=str(folder / f"{month:%Y-%m}.csv"),
        )  # fmt: skip

    month = FIRST_AT
    while month < LAST_AT + timedelta(days=1):
        await database.unit_of_work(out, month)
        month = _next_month(month)
    await trio.to_thread.run_sync(_load, folder)


def _next_month(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def _load(folder: Path) -> None:
    texts = str(folder / "*.csv")
    (folder / "calls.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(folder / "calls.duckdb")) as duck:
        duck.execute(f"create table call as select * from read_csv('{texts}', header = true)")
    for text in folder.glob("*.csv"):
        text.unlink()
