"""The company's directory at work: who signs in, what would change, and changing it.

The one object pages and the scheduler share. It opens the directory with what is stored, keeps it
open for as long as that stays the same, and never lets a run overlap another in this process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import trio

from actors.directory_plan import Rules, digest, plan
from actors.directory_settings import DirectoryConfig, read_config
from actors.sealing import SealBroken, Sealer
from actors.supervision import backoff_s
from directory.port import (
    AccountLocked,
    Directory,
    DirectoryError,
    DirectoryPerson,
    DirectoryRefused,
    DirectorySettings,
    DirectoryUnavailable,
    SignInRefused,
)
from storage import directory as stored
from storage import directory_sync, people
from storage.alarms import clear_alarm, raise_alarm
from storage.audit import Event, record
from storage.database import Connection, Database, StorageConflict
from storage.directory import Outcome
from storage.directory_types import KnownCompany, SyncPlan
from storage.people import Person
from storage.viewer import OPERATOR
from telephony.clock import Clock

SIGN_IN_DEADLINE_S = 30.0
FIRST_RETRY_S = 300.0
LONGEST_RETRY_S = 3600.0
ALARM_AFTER = 3
"""Runs in a row that fail before an alarm says so."""

ALARM = "directory"

_log = logging.getLogger("ringfence.directory")


class SettingsProblem(Protocol):
    """What is wrong with one setting, by its name; see `directory.settings_check`."""

    @property
    def field(self) -> str:
        """The setting's name."""
        ...

    @property
    def code(self) -> str:
        """What is wrong, as a code."""
        ...

    @property
    def value(self) -> str:
        """What it holds."""
        ...


@dataclass(frozen=True, slots=True)
class DirectoryAccess:
    """What the daemon gives: how a directory is opened, checked, and its password sealed."""

    open: Callable[[DirectorySettings], Directory]
    check: Callable[[DirectorySettings], Sequence[SettingsProblem]]
    sealer: Sealer


@dataclass(frozen=True, slots=True)
class Connected:
    """The directory of the stored settings, and when those were made."""

    config: DirectoryConfig
    directory: Directory
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would do now; `digest` names exactly this."""

    plan: SyncPlan
    digest: str
    refusal: str


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended. `reason` is empty, the error's text, or a code of `refusal`."""

    run_id: int
    outcome: Outcome
    plan: SyncPlan
    reason: str = ""


class NotConfigured(DirectoryRefused):
    """No directory is configured."""


class DisabledHere(SignInRefused):
    """The directory knows the person; their account here is switched off."""


class Unusable(SignInRefused):
    """The directory knows the person; here the name is a local account's, or nobody's to take."""


def refusal(config: DirectoryConfig, made: SyncPlan, *, by_hand: bool, expected: str = "") -> str:
    """Why a plan is not carried out, as a code; empty where it is.

    `expected` is the digest of the plan a person has confirmed (`by_hand`).
    """
    if expected and digest(made) != expected:
        return "changed"
    if made.known and not made.seen:
        return "empty"
    if made.leaves_no_administrator:
        return "no_administrator"
    if not by_hand and config.sync.is_too_many(len(made.disabled), made.known):
        return "too_many"
    return ""


class DirectoryService:
    """See the module. Every method may raise `StorageUnavailable`."""

    def __init__(self, database: Database, clock: Clock, access: DirectoryAccess) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._connected: Connected | None = None
        self._config: DirectoryConfig | None = None
        self._one_at_a_time = trio.Lock()
        self.asked_by: int | None = None

    # Settings --------------------------------------------------------------------------------

    def check(self, settings: DirectorySettings) -> Sequence[SettingsProblem]:
        """What is wrong with settings, before anything is asked."""
        return self._access.check(settings)

    async def seal(self, text: str) -> bytes:
        """Seal a secret for the database."""
        return await trio.to_thread.run_sync(self._access.sealer.seal, text)

    async def unseal(self, sealed: bytes, max_age_s: int | None = None) -> str:
        """Open a sealed secret. Raises `SealBroken`."""
        return await trio.to_thread.run_sync(self._access.sealer.open, sealed, max_age_s)

    async def connected(self) -> Connected | None:
        """The configured directory; None where there is none. Asks no server.

        Raises `DirectoryRefused` where what is stored cannot be used: the password is sealed with
        a key that is not here, or the settings are those of another version.
        """
        found = await self._database.unit_of_work(stored.load, OPERATOR)
        if found is None:
            self._connected = None
        elif self._connected is None or self._connected.changed_at != found.changed_at:
            config = self._config = read_config(found.settings)
            try:
                sealed = found.sealed_password
                password = await self.unseal(sealed) if sealed else ""
            except SealBroken as error:
                raise DirectoryRefused(f"enter its password again: {error}", "settings") from None
            opened = self._access.open(config.with_password(password))
            self._connected = Connected(config, opened, found.changed_at)
        return self._connected

    async def _required(self) -> Connected:
        connected = await self.connected()
        if connected is None:
            raise NotConfigured("no directory is configured", "settings")
        return connected

    async def probe(self, settings: DirectorySettings | None = None) -> str:
        """Try these settings, or the stored ones; what was found, in one line of English.

        Raises `DirectoryError`.
        """
        if settings is None:
            return await (await self._required()).directory.probe()
        return await self._access.open(settings).probe()

    # Signing in ------------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str) -> Person:
        """The person whose name and password these are, made or brought up to date from the entry.

        Raises `DirectoryError`; an empty password is refused and goes nowhere.
        """
        if not password.strip() or not name.strip():
            raise SignInRefused("the name or the password is empty")
        connected = await self._required()
        with trio.move_on_after(SIGN_IN_DEADLINE_S):
            entry = await connected.directory.sign_in(name, password)
            return await self._take_in(connected.config, entry)
        raise DirectoryUnavailable("no answer in time", "no_answer")

    async def _take_in(self, config: DirectoryConfig, entry: DirectoryPerson) -> Person:
        if entry.disabled:
            raise AccountLocked("the account is disabled")
        rules = _rules(config)

        def one(known: KnownCompany) -> SyncPlan:
            return plan(known, [entry], rules, complete=False)

        work = partial(_bring_up_to_date, entry=entry, one=one, now=self._clock())
        try:
            person = await self._database.unit_of_work(work)
        except StorageConflict:  # somebody made the same person at the same time
            person = await self._database.unit_of_work(work)
        if person is None:
            raise Unusable("the name is a local account's here")
        if person.disabled:
            raise DisabledHere("the account is switched off here")
        return person

    # Following -------------------------------------------------------------------------------

    async def preview(self) -> Preview:
        """What a run would do now; changes nothing. Raises `DirectoryError`."""
        connected = await self._required()
        found = await connected.directory.everybody()
        known = await self._database.unit_of_work(directory_sync.known)
        rules = _rules(connected.config)
        made = await trio.to_thread.run_sync(plan, known, found, rules)
        why = refusal(connected.config, made, by_hand=False)
        return Preview(made, await trio.to_thread.run_sync(digest, made), why)

    async def ask_sync(self, asked: Event) -> None:
        """Have a run begin at once, in the background; `asked` says who asks (`sync_asked`)."""
        self.asked_by = asked.person_id
        now = self._clock()

        async def note(connection: Connection) -> None:
            await stored.plan_next(connection, now)
            await record(connection, asked, now)

        await self._database.unit_of_work(note)

    async def sync(self, doer: Event, *, by_hand: bool = False, expected: str = "") -> Ran:
        """Read the directory and make the company what it says; how that ended.

        `doer` says who asks: its action is `sync_applied`. Whatever goes wrong at the directory is
        an outcome, not an error. Cancelled, nothing is changed, or everything.
        """
        async with self._one_at_a_time:
            start = partial(stored.start_run, asked_by=doer.person_id, now=self._clock())
            run_id = await self._database.unit_of_work(start)
            try:
                connected = await self._required()
                found = await connected.directory.everybody()
                decide = partial(refusal, connected.config, by_hand=by_hand, expected=expected)
                return await self._database.unit_of_work(
                    _follow, run_id, connected.config, found, decide, doer, self._clock()
                )
            except (DirectoryError, StorageConflict) as error:
                _log.warning("directory not followed", extra={"why": str(error)})
                return await self._database.unit_of_work(
                    _failed, run_id, self._config, str(error), doer, self._clock()
                )


def _rules(config: DirectoryConfig) -> Rules:
    return Rules.of(config.ask.attributes, sites_by_office=config.sync.sites_by_office)


async def _bring_up_to_date(
    connection: Connection,
    entry: DirectoryPerson,
    one: Callable[[KnownCompany], SyncPlan],
    now: datetime,
) -> Person | None:
    about = partial(directory_sync.known_about, connection, entry.key, entry.login, entry.extension)
    made = one(await about())
    if made:
        await directory_sync.wait_for_others(connection)
        made = one(await about())
        if made and not made.leaves_no_administrator:
            await directory_sync.write(connection, made, now, members=False)
            told = {"created": str(len(made.created)), "changed": str(len(made.changed))}
            event = Event("sync_applied", login=entry.login, details=told | {"by": "sign_in"})
            await record(connection, event, now)
    return await people.by_directory_key(connection, entry.key)


async def _follow(
    connection: Connection,
    run_id: int,
    config: DirectoryConfig,
    found: Sequence[DirectoryPerson],
    decide: Callable[[SyncPlan], str],
    doer: Event,
    now: datetime,
) -> Ran:
    """Plan, do, and note it, in one transaction."""
    rules = _rules(config)
    made, reason = await directory_sync.carry_out(
        connection, lambda known: plan(known, found, rules), decide, now
    )
    outcome: Outcome = "refused" if reason else "done"
    await stored.end_run(connection, run_id, outcome, now, plan=made, reason=reason)
    await stored.plan_next(connection, config.sync.next_at(now))
    if reason in {"", "changed"}:
        await clear_alarm(connection, ALARM, now)
    else:
        await raise_alarm(connection, ALARM, "directory_refused", {"why": reason}, now)
    if made and not reason:
        await record(connection, _told(doer, made), now)
    return Ran(run_id, outcome, made, reason)


def _told(doer: Event, made: SyncPlan) -> Event:
    counts = {
        "created": str(len(made.created)),
        "changed": str(len(made.changed)),
        "enabled": str(len(made.enabled)),
        "disabled": str(len(made.disabled)),
    }
    return Event("sync_applied", doer.person_id, doer.login, address=doer.address, details=counts)


async def _failed(
    connection: Connection,
    run_id: int,
    config: DirectoryConfig | None,
    why: str,
    doer: Event,
    now: datetime,
) -> Ran:
    """Note a failure, say when to try again, and raise the alarm after some of them."""
    await stored.end_run(connection, run_id, "failed", now, reason=why)
    failures = await stored.failures_in_a_row(connection)
    regular = config.sync.next_at(now) if config else None
    again = now + timedelta(seconds=backoff_s(failures, FIRST_RETRY_S, LONGEST_RETRY_S))
    await stored.plan_next(connection, min(again, regular) if regular else None)
    if doer.person_id is not None:
        await record(connection, replace(doer, action="sync_failed", details={"why": why}), now)
    if failures >= ALARM_AFTER:
        await raise_alarm(connection, ALARM, "directory_failed", {"why": why}, now)
    return Ran(run_id, "failed", SyncPlan(), why)
