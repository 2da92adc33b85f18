"""The whole state of the books, free of what depends on when and in which order rows came."""

from __future__ import annotations

from typing import Any

from storage.database import Connection, Database

_QUESTIONS = {
    "legs": "select md5(string_agg(l::text, '|' order by pkid)), count(*) from leg l",
    "cmr": "select md5(string_agg(c::text, '|' order by pkid)), count(*) from cmr c",
    "calls": """select md5(string_agg((to_jsonb(c) - 'revision')::text, '|' order by key, party)),
                count(*), sum(cost) from call c""",
    "charges": """select md5(string_agg(row(call_key, extension, person_id, department,
                  cost_centre, amount, currency, ended_at)::text, '|' order by call_key)),
                  sum(amount) from (
                      select call_key, extension, person_id, department, cost_centre, currency,
                             ended_at, sum(amount) as amount from ledger
                      group by 1, 2, 3, 4, 5, 6, 7 having sum(amount) <> 0) standing""",
    "balances": """select md5(string_agg(row(account_id, starts_at, spent)::text, '|'
                   order by account_id, starts_at)), sum(spent) from budget_period""",
    "rejects": """select md5(string_agg(row(f.name, r.line, r.reason, r.raw)::text, '|'
                  order by f.name, f.sha256, r.line)), count(*)
                  from cdr_reject r join ingest_file f on f.id = r.file_id""",
    "files": """select md5(string_agg(row(name, sha256, lines_done, rows, rejected,
                done_at is not null)::text, '|' order by name, sha256)), count(*)
                from ingest_file""",
    "gaps": "select count(*) from file_gap where closed_at is null",
}


async def _state(connection: Connection) -> dict[str, Any]:
    return {name: tuple(await connection.fetchrow(sql) or ()) for name, sql in _QUESTIONS.items()}


async def state(database: Database) -> dict[str, Any]:
    """A digest of every table that calls end in; equal states give equal digests."""
    return await database.unit_of_work(_state)
