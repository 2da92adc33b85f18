"""Looks at everything the daemon needs and says, for each, that it is well or what to do.

It changes nothing. What is not configured is said and is no fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import trio

from actors.house import Outside
from actors.mailer import try_connection
from actors.proof import Proofs
from daemon.config import Config
from daemon.context import Context
from daemon.health import inbox_problem
from daemon.outside import open_outside
from daemon.run import web_settings
from pbx.port import LineLocker, PbxLine
from storage import alarms, calls, company, files, locks, people
from storage.database import Connection, Database
from storage.figures import Figures, read_figures, unrated_numbers
from storage.migrate import check as check_schema
from telephony.clock import Clock, iso_z
from telephony.errors import PbxError, RingfenceError
from telephony.plant import ExtensionKey

EXTENSIONS_LOOKED_AT = 25
"""Lines read to find which calling search spaces the company uses; enough to meet each of them."""

PHONE_SYSTEM_TIMEOUT_S = 90.0
NAMED = 3
"""How many of many are named before the rest is counted."""

Verdict = Literal["OK", "TODO", "--"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `OK`, `TODO` with what to do, or `--` where it is not configured."""

    what: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<4}  {self.what}: {self.text}"


Tell = Callable[[Finding], None]


async def examine(context: Context, tell: Tell) -> None:
    """Look at one thing after the other, telling each; a database that is away ends it."""
    try:
        async with context.database(checked=not context.config.database.dsn) as database:
            await _examine_all(context.config, database, context.clock, tell)
    except RingfenceError as error:
        tell(Finding("database", "TODO", str(error)))


async def _examine_all(config: Config, database: Database, clock: Clock, tell: Tell) -> None:
    tell(await _database(database))
    figures = await database.unit_of_work(read_figures)
    tell(_people(figures))
    tell(await _company(database))
    tell(await _inbox(config, database))
    tell(_portal(config))
    try:
        async with open_outside(config) as outside:
            tell(await _mail(outside, figures))
            await _phone_system(outside, database, clock, tell)
    except PbxError as error:
        tell(Finding("AXL", "TODO", f"{error}; see [cucm]"))
    tell(Finding("LDAP", "--", "not configured"))
    tell(await _missing_files(database))
    tell(await _rejects(database, figures))
    tell(await _unrated(database, figures))
    tell(_locks(figures))
    tell(await _alarms(database))


async def _database(database: Database) -> Finding:
    async def facts(connection: Connection) -> tuple[str, str]:
        row = await connection.fetchrow(
            "select current_setting('server_version') as version,"
            " pg_size_pretty(pg_database_size(current_database())) as size"
        )
        return (row["version"], row["size"]) if row else ("", "")

    state = await database.unit_of_work(check_schema)
    version, size = await database.unit_of_work(facts)
    return Finding("database", "OK", f"PostgreSQL {version}, schema {state.version}, {size}")


def _people(figures: Figures) -> Finding:
    if figures.administrators:
        return Finding("people", "OK", f"{figures.people}, administrators {figures.administrators}")
    todo = "nobody can administer: ringfence user add LOGIN --role administrator"
    return Finding("people", "TODO", todo)


async def _company(database: Database) -> Finding:
    found = await database.unit_of_work(company.company)
    if found is None:
        return Finding("company", "TODO", "no site is known: ringfence apply FILE")
    return Finding("company", "OK", f"{found.currency}, {found.time_zone}")


async def _inbox(config: Config, database: Database) -> Finding:
    folder = Path(config.inbox.directory)
    if problem := await inbox_problem(folder):
        return Finding("inbox", "TODO", f"{problem}; the daemon makes it when it starts")
    totals = await database.unit_of_work(files.totals)
    if totals.last_file_at is None:
        return Finding("inbox", "TODO", f"{folder}: no file has come yet; is the phone system set?")
    text = f"{folder}: {totals.files} files, the last at {iso_z(totals.last_file_at)}"
    return Finding("inbox", "OK", text)


def _portal(config: Config) -> Finding:
    settings = web_settings(config, f"http://{config.web.host}:{config.web.port}")
    if settings.secure_cookies or config.web.host in ("127.0.0.1", "localhost", "::1"):
        return Finding("portal", "OK", settings.public_url)
    todo = f"{settings.public_url} is not encrypted: set web.tls_certificate_file or web.public_url"
    return Finding("portal", "TODO", todo)


async def _mail(outside: Outside, figures: Figures) -> Finding:
    if outside.mail is None:
        return Finding("SMTP", "--", "not configured; nobody is mailed")
    if problem := await trio.to_thread.run_sync(try_connection, outside.mail):
        return Finding("SMTP", "TODO", f"{problem}; see [mail]")
    if figures.notifications_failed:
        todo = f"{figures.notifications_failed} notifications were given up; see the log"
        return Finding("SMTP", "TODO", todo)
    text = f"{outside.mail.host}:{outside.mail.port}, {figures.notifications_pending} waiting"
    return Finding("SMTP", "OK", text)


async def _phone_system(outside: Outside, database: Database, clock: Clock, tell: Tell) -> None:
    if outside.locker is None:
        tell(Finding("AXL", "--", "not configured; nothing is locked"))
        return
    try:
        with trio.fail_after(PHONE_SYSTEM_TIMEOUT_S):
            tell(Finding("AXL", "OK", f"Cisco UCM {await outside.locker.version()}"))
            proofs = Proofs(clock, outside.sample_numbers)
            for key, line in await _looked_at_lines(outside.locker, database):
                tell(await _lock_rights(outside.locker, database, proofs, key, line))
    except (PbxError, trio.TooSlowError) as error:
        why = str(error) or "no answer in time"
        tell(Finding("AXL", "TODO", f"{why}; see [cucm]"))


async def _looked_at_lines(
    locker: LineLocker, database: Database
) -> list[tuple[ExtensionKey, PbxLine]]:
    """One line for each calling search space met at some of the people's extensions."""
    everybody = await database.unit_of_work(people.listing)
    keys = [key for person in everybody if not person.disabled for key in person.extensions]
    met: dict[str, tuple[ExtensionKey, PbxLine]] = {}
    step = max(1, len(keys) // EXTENSIONS_LOOKED_AT)
    for key in keys[::step][:EXTENSIONS_LOOKED_AT]:
        for line in await locker.find_lines(key.number, key.partition):
            if not locker.is_lock_rights(line.rights):
                met.setdefault(line.rights, (key, line))
    return [met[rights] for rights in sorted(met)]


async def _lock_rights(
    locker: LineLocker, database: Database, proofs: Proofs, key: ExtensionKey, line: PbxLine
) -> Finding:
    what = f"lock of {line.rights or 'lines without CSS'}"
    rights = locker.lock_rights(line.rights)
    if rights is None:
        return Finding(what, "TODO", "no lock CSS: set cucm.default_lock_css or cucm.lock_css")
    plan = await database.unit_of_work(locks.dial_plan, key)
    proof = await proofs.prove(locker, line, rights, plan)
    if not proof.holds:
        return Finding(what, "TODO", f"{rights}, shown at {key}: {proof.reason}")
    return Finding(what, "OK", f"{rights} reaches emergency numbers and nothing outside")


async def _missing_files(database: Database) -> Finding:
    gaps = await database.unit_of_work(files.gaps)
    if not gaps:
        return Finding("missing files", "OK", "none")
    count = sum(gap.last - gap.first + 1 for gap in gaps)
    names = [f"{gap.kind} {gap.cluster} node {gap.node} {_span(gap)}" for gap in gaps]
    return Finding("missing files", "TODO", f"{count}: {_some(names)}; have Cisco UCM send them")


def _span(gap: files.Gap) -> str:
    return str(gap.first) if gap.first == gap.last else f"{gap.first}-{gap.last}"


async def _rejects(database: Database, figures: Figures) -> Finding:
    if not figures.rejects_open:
        return Finding("rejected rows", "OK", "none")
    rows = await database.unit_of_work(files.rejects, NAMED)
    names = [f"{row.file} line {row.line}: {row.reason}" for row in rows]
    more = f"{figures.rejects_open}: {_some(names, figures.rejects_open)}; see ringfence rejects"
    return Finding("rejected rows", "TODO", more)


async def _unrated(database: Database, figures: Figures) -> Finding:
    if not figures.calls_unrated:
        return Finding("unrated calls", "OK", "none")
    numbers = await database.unit_of_work(unrated_numbers, NAMED)
    names = ", ".join(f"{found.number} ({found.calls})" for found in numbers)
    todo = f"{figures.calls_unrated} calls no rate covers, most to {names}; see ringfence rate"
    if trunks := await database.unit_of_work(calls.unknown_trunks):
        devices = ", ".join(f"{device} ({count})" for device, count in trunks)
        todo += f"; no [[gateway]] names {devices}: add it, apply, and run ringfence rerate"
    return Finding("unrated calls", "TODO", todo)


def _locks(figures: Figures) -> Finding:
    text = f"{figures.locks_wanted} wanted, {figures.locks_actual} in place"
    if figures.drifted:
        return Finding("locks", "TODO", f"{text}; {figures.drifted} lines were changed by hand")
    if figures.locks_differing:
        todo = f"{text}; a running daemon keeps trying: see ringfence status EXT"
        return Finding("locks", "TODO", todo)
    return Finding("locks", "OK", text)


async def _alarms(database: Database) -> Finding:
    standing = await database.unit_of_work(alarms.standing)
    if not standing:
        return Finding("alarms", "OK", "none")
    names = [f"{alarm.kind} {alarm.key} since {iso_z(alarm.raised_at)}" for alarm in standing]
    return Finding("alarms", "TODO", f"{len(standing)}: {_some(names)}")


def _some(names: list[str], count: int | None = None) -> str:
    rest = (count if count is not None else len(names)) - len(names[:NAMED])
    return "; ".join(names[:NAMED]) + (f"; and {rest} more" if rest > 0 else "")
