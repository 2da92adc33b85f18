"""What the phone system has, and what it had before us: the row `line`, found again after a crash.

Everything between what is wanted (somebody holds) and what was last seen is work for the line's
actor. What is about to be written is stored here first, and only what was read back is `actual`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

from asyncpg import Record

from storage.alarms import clear_alarm, raise_alarm
from storage.database import Connection, StorageError, notify
from storage.lock_notices import record_event, tell_of_line
from telephony.plant import ExtensionKey

Actual = Literal["unknown", "unlocked", "locked", "drift"]


@dataclass(frozen=True, slots=True)
class LineState:
    """What the actor of a line decides from. `next_try_at` None means at once."""

    key: ExtensionKey
    wanted: bool
    actual: Actual
    line_id: str | None
    pbx_partition: str
    original_rights: str | None
    lock_rights: str | None
    attempt: int
    next_try_at: datetime | None
    error_kind: str | None

    @property
    def settled(self) -> bool:
        """Whether the phone system already has what is wanted, as far as we know."""
        return self.actual == ("locked" if self.wanted else "unlocked")

    @property
    def untouched(self) -> bool:
        """Whether nobody holds the line and we never set out to write to it."""
        return not self.wanted and self.actual == "unknown" and self.original_rights is None


class DialPlan(NamedTuple):
    """How the people at a line dial: its site's emergency numbers, outside prefix and country."""

    site: str
    country: str
    outside_prefix: str
    emergency: tuple[str, ...]


_STATES = """
select k.extension, k.partition, coalesce(l.actual, 'unknown') as actual, l.line_id,
       coalesce(l.pbx_partition, '') as pbx_partition, l.original_rights, l.lock_rights,
       coalesce(l.attempt, 0) as attempt, l.next_try_at, l.error_kind,
       exists (select from hold h
                where (h.extension, h.partition) = (k.extension, k.partition)) as wanted
  from {keys} left join line l using (extension, partition)
"""
_ONE = _STATES.format(keys="(select $1::text as extension, $2::text as partition) k")
_ALL = _STATES.format(
    keys="(select extension, partition from hold union select extension, partition from line) k"
)


def _state(row: Record | None) -> LineState:
    if row is None:
        raise StorageError("a query that always gives a row gave none")
    return LineState(
        key=ExtensionKey(row["extension"], row["partition"]),
        wanted=row["wanted"],
        actual=cast("Actual", row["actual"]),
        line_id=row["line_id"],
        pbx_partition=row["pbx_partition"],
        original_rights=row["original_rights"],
        lock_rights=row["lock_rights"],
        attempt=row["attempt"],
        next_try_at=row["next_try_at"],
        error_kind=row["error_kind"],
    )


async def line_state(connection: Connection, key: ExtensionKey) -> LineState:
    """What the line's actor decides from; a line never seen is `unknown`."""
    return _state(await connection.fetchrow(_ONE, *key))


async def lines(connection: Connection) -> list[LineState]:
    """Every line that is held or was ever looked at."""
    return [_state(row) for row in await connection.fetch(_ALL)]


async def dial_plan(connection: Connection, key: ExtensionKey) -> DialPlan | None:
    """How the owner of the extension dials; without an owner the company's first site."""
    row = await connection.fetchrow(
        """
        select s.name, s.country, s.outside_prefix, s.emergency from site s
         order by s.id = (select p.site_id
                            from extension_owner o join person p on p.id = o.person_id
                           where o.extension = $1 and o.partition in ($2, '')
                             and o.until_at is null
                           order by length(o.partition) desc limit 1) desc nulls last,
                  s.position, s.id
         limit 1
        """,
        *key,
    )
    return DialPlan(row[0], row[1], row[2], tuple(row[3])) if row else None


async def record_intent(
    connection: Connection,
    key: ExtensionKey,
    *,
    line_id: str,
    pbx_partition: str,
    original_rights: str,
    lock_rights: str,
    wanted: bool,
    now: datetime,
) -> bool:
    """Remember, before anything is written, what the line had and what locks it.

    False, and nothing is remembered, where the holds no longer want what is about to be written.
    """
    if (await line_state(connection, key)).wanted != wanted:
        return False
    await _upsert(
        connection,
        key,
        actual="unknown",
        line_id=line_id,
        pbx_partition=pbx_partition,
        original_rights=original_rights,
        lock_rights=lock_rights,
        changed_at=now,
    )
    return True


async def record_locked(
    connection: Connection, key: ExtensionKey, line_id: str, now: datetime
) -> None:
    """The phone system was read and has the lock rights. People are told where that is new."""
    await _record_actual(connection, key, "locked", now, line_id=line_id)


async def record_unlocked(
    connection: Connection, key: ExtensionKey, line_id: str, now: datetime
) -> None:
    """The phone system was read and the line is as it was before us: nothing to remember."""
    await _record_actual(
        connection, key, "unlocked", now, line_id=line_id, original_rights=None, lock_rights=None
    )


async def _record_actual(
    connection: Connection, key: ExtensionKey, actual: Actual, now: datetime, **memory: str | None
) -> None:
    last = await _last_seen(connection, key)
    await _wake_waiting(connection, now)
    await _upsert(
        connection,
        key,
        actual=actual,
        attempt=0,
        next_try_at=None,
        error=None,
        error_kind=None,
        checked_at=now,
        changed_at=now,
        **memory,
    )
    await clear_alarm(connection, alarm_key(key), now)
    if last != actual and (last, actual) != ("", "unlocked"):
        event_id = await connection.fetchval(
            """
            insert into lock_event (extension, partition, at, action)
            values ($1, $2, $3, $4) returning id
            """,
            *key,
            now,
            actual,
        )
        await tell_of_line(connection, key, locked=actual == "locked", event_id=event_id, now=now)
    await notify(connection, "line", key)


async def _last_seen(connection: Connection, key: ExtensionKey) -> str:
    found: str | None = await connection.fetchval(
        """
        select action from lock_event
         where extension = $1 and partition = $2 and action in ('locked', 'unlocked')
         order by id desc limit 1
        """,
        *key,
    )
    return found or ""


async def _wake_waiting(connection: Connection, now: datetime) -> None:
    """The phone system answers: lines that wait for it to come back need not wait longer."""
    woken = await connection.fetchval(
        """
        with waiting as (
            select extension, partition from line
            where error_kind in ('unavailable', 'throttled') and next_try_at > $1
            for update skip locked
        ), woken as (
            update line l set next_try_at = $1 from waiting w
            where l.extension = w.extension and l.partition = w.partition returning 1
        )
        select count(*) from woken
        """,
        now,
    )
    if woken:
        await notify(connection, "due", "-")


async def record_failure(
    connection: Connection,
    key: ExtensionKey,
    *,
    error: str,
    kind: Literal["unavailable", "throttled", "refused"],
    next_try_at: datetime,
    now: datetime,
) -> None:
    """The phone system does not have what is wanted yet: why, and when to try again.

    A refusal raises an alarm: trying again changes nothing until somebody does something.
    """
    await _upsert(connection, key, error=error, error_kind=kind, next_try_at=next_try_at)
    await connection.execute(
        "update line set attempt = attempt + 1 where extension = $1 and partition = $2", *key
    )
    if kind == "refused":
        await raise_alarm(
            connection, alarm_key(key), "lock_refused", {"extension": str(key), "why": error}, now
        )
    await notify(connection, "due", "-")
    await notify(connection, "line", key)


async def record_drift(
    connection: Connection, key: ExtensionKey, line_id: str, error: str, now: datetime
) -> None:
    """Somebody changed the line by hand: touch nothing, raise an alarm, look again every minute."""
    before = await line_state(connection, key)
    await _upsert(
        connection,
        key,
        actual="drift",
        line_id=line_id,
        error=error,
        error_kind="drift",
        next_try_at=None,
        checked_at=now,
    )
    await raise_alarm(
        connection, alarm_key(key), "line_drift", {"extension": str(key), "why": error}, now
    )
    if before.actual != "drift":
        await record_event(connection, key, "drift", now, details={"why": error})
        await notify(connection, "line", key)


async def forget_failure(connection: Connection, key: ExtensionKey, now: datetime) -> None:
    """Nobody wants anything of a line we never wrote to any more: nothing is wrong with it."""
    await _upsert(connection, key, attempt=0, next_try_at=None, error=None, error_kind=None)
    await clear_alarm(connection, alarm_key(key), now)
    await notify(connection, "line", key)


async def forget_line_id(connection: Connection, key: ExtensionKey) -> None:
    """The line behind the extension is gone from the phone system: find it anew next time."""
    await connection.execute(
        "update line set line_id = null where extension = $1 and partition = $2", *key
    )


async def retry_refused(connection: Connection) -> None:
    """Let every line that was refused be tried at once: the configuration may have changed."""
    await connection.execute("update line set next_try_at = null where next_try_at is not null")


async def next_try(connection: Connection, after: datetime) -> datetime | None:
    """When the next line is due later than `after`."""
    found: datetime | None = await connection.fetchval(
        "select min(next_try_at) from line where next_try_at > $1", after
    )
    return found


def alarm_key(key: ExtensionKey) -> str:
    """The key of the one alarm a line can have."""
    return f"line:{key}"


async def _upsert(connection: Connection, key: ExtensionKey, **columns: object) -> None:
    """Write some columns of a line's row, making the row where there is none."""
    names = ", ".join(columns)
    marks = ", ".join(f"${index}" for index in range(3, 3 + len(columns)))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns)
    await connection.execute(
        f"insert into line (extension, partition, {names}) values ($1, $2, {marks}) "  # noqa: S608 - our own column names
        f"on conflict (extension, partition) do update set {changes}",
        *key,
        *columns.values(),
    )
