"""A report that is sent by itself: what was decided about it, when it runs, how it fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from asyncpg import Record

from storage.database import StorageConflict

FileFormat = Literal["pdf", "xlsx"]
Unit = Literal["minutes", "days", "weeks", "months"]
Verdict = Literal["", "sent", "empty", "failed", "slow", "owner_disabled", "stopped"]
"""What came of the last time; empty where it never ran. `stopped`: by an administrator."""

Sorting = Literal["next", "last", "description", "user"]

MOST_SCHEDULES = 100
"""Schedules one person may have."""


class TooManySchedules(StorageConflict):
    """The person has as many schedules as one may; nothing was changed."""


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """What a person decides about a schedule. `options` are as `reports` writes them.

    `starts_local` is a time without offset in the IANA `zone`; `saved_id` the personal report it
    was made of. Subject and body are the person's words, `[[FILTER]]` standing for the filters.
    """

    report: str
    options: Mapping[str, Any]
    description: str
    subject: str
    body: str
    addresses: tuple[str, ...]
    format: FileFormat
    skip_empty: bool
    starts_local: datetime
    zone: str
    every: int
    unit: Unit
    saved_id: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule. `next_at` is None where it never runs by itself again.

    `asked_at` is when somebody wanted it run at once, until it was. `saved_name` is what the
    personal report behind it is called today, empty where there is none.
    """

    id: int
    person_id: int
    draft: ScheduleDraft
    active: bool
    next_at: datetime | None
    asked_at: datetime | None
    last_at: datetime | None
    saved_name: str

    @property
    def occasion_at(self) -> datetime | None:
        """The instant that names the run which is due, the same however often it is tried."""
        return self.asked_at or (self.next_at if self.active else None)


class Delivery(NamedTuple):
    """The mails of the last run: how many wait, were sent, were given up; the last error."""

    waiting: int
    sent: int
    failed: int
    error: str


@dataclass(frozen=True, slots=True)
class ListedSchedule:
    """A schedule in a list: whose it is, whether it is the viewer's own, how it fares."""

    schedule: Schedule
    owner: str
    is_own: bool
    verdict: Verdict
    details: Mapping[str, str]
    delivery: Delivery


class SchedulePage(NamedTuple):
    """One page of schedules, and how many there are."""

    rows: list[ListedSchedule]
    total: int


@dataclass(frozen=True, slots=True)
class ScheduleFilter:
    """Which schedules, and in which order. `text` is a part of the description or the address."""

    only_own: bool = False
    active: bool | None = None
    text: str = ""
    sort: Sorting = "next"
    falling: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a run, when the next one is, and whether the schedule goes on."""

    verdict: Verdict
    next_at: datetime | None
    details: Mapping[str, str] = field(default_factory=dict[str, str])
    goes_on: bool = True


COLUMNS = """
    r.id, r.person_id, r.report, r.saved_id, r.options, r.description, r.subject, r.body,
    r.addresses, r.format, r.skip_empty, r.starts_local, r.zone, r.every, r.unit, r.active,
    r.next_at, r.asked_at, r.last_at,
    coalesce((select s.name from saved_report s where s.id = r.saved_id), '') as saved_name
"""
"""What `schedule_of` reads, of the alias `r`."""


def schedule_of(row: Record) -> Schedule:
    """The schedule a row with these columns is."""
    draft = ScheduleDraft(
        report=row["report"],
        options=row["options"],
        description=row["description"],
        subject=row["subject"],
        body=row["body"],
        addresses=tuple(row["addresses"]),
        format=cast("FileFormat", row["format"]),
        skip_empty=row["skip_empty"],
        starts_local=row["starts_local"],
        zone=row["zone"],
        every=row["every"],
        unit=cast("Unit", row["unit"]),
        saved_id=row["saved_id"],
    )
    return Schedule(
        id=row["id"],
        person_id=row["person_id"],
        draft=draft,
        active=row["active"],
        next_at=row["next_at"],
        asked_at=row["asked_at"],
        last_at=row["last_at"],
        saved_name=row["saved_name"],
    )
