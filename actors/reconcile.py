"""Finds, every minute, what has been missed: the promise that losing every message loses nothing.

It decides nothing. It compares rows, and rows with the phone system, and tells the actor concerned
to look again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from actors.bus import RESYNC, Bus, Change, Changes
from actors.messages import CheckLine, LookAgain
from actors.registry import Registry
from pbx.port import LineLocker
from storage import budgets, locks
from storage.alarms import clear_alarm, clear_kind, raise_alarm
from storage.database import Database
from storage.locks import LineState
from telephony.clock import Clock
from telephony.errors import PbxError
from telephony.plant import ExtensionKey

EVERY_S = 60.0
CHUNK = 500
UNREACHABLE_AFTER = 5
"""Bulk reads in a row that fail before an alarm says that the phone system cannot be reached."""

UNREACHABLE = "pbx:unreachable"

_log = logging.getLogger("ringfence.reconcile")


class Reconciler:
    """One task; its rounds are at start, every minute, and whenever changes were missed."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        bus: Bus,
        line_holds: Registry[ExtensionKey],
        accounts: Registry[int],
        locker: LineLocker | None,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._locks = line_holds
        self._accounts = accounts
        self._locker = locker
        self._every_s = every_s
        self._failed_reads = 0

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        async with self._bus.subscribe(lambda change: change.topic == "company") as changes:
            await self._database.unit_of_work(locks.retry_refused)
            await self._database.unit_of_work(clear_kind, "quarantined", self._clock())
            await self._follow_people()
            while True:
                await self.round()
                await self._wait(changes)

    async def _wait(self, changes: Changes) -> None:
        """Until a minute has passed or changes were missed; who moved is followed at once."""
        with trio.move_on_after(self._every_s):
            while True:
                change: Change = await anext(changes)
                await self._follow_people()
                if change == RESYNC:
                    return

    async def _follow_people(self) -> None:
        """Give members their accounts, take those who left theirs, and align every hold."""
        now = self._clock()
        await self._database.unit_of_work(budgets.sync_members, now)
        for account_id in await self._database.unit_of_work(budgets.live_accounts):
            self._accounts.hint(account_id, LookAgain())

    async def round(self) -> None:
        """Look at everything once."""
        now = self._clock()
        for account_id in await self._database.unit_of_work(budgets.accounts_due, now):
            self._accounts.hint(account_id, LookAgain())
        states = await self._database.unit_of_work(locks.lines)
        for state in states:
            if state.actual == "drift" or (state.actual == "locked" and not state.line_id):
                self._locks.hint(state.key, CheckLine())
            elif not state.settled:
                self._locks.hint(state.key, LookAgain())
        if self._locker is not None:
            await self._compare(self._locker, [s for s in states if s.settled and s.line_id])

    async def _compare(self, locker: LineLocker, states: Sequence[LineState]) -> None:
        """Have those lines read whose rights are not what our rows say."""
        for start in range(0, len(states), CHUNK):
            part = {state.line_id or "": state for state in states[start : start + CHUNK]}
            try:
                rights = await locker.read_rights(list(part))
            except PbxError as error:
                await self._unreachable(error)
                return
            for line_id, state in part.items():
                if _differs(locker, state, rights.get(line_id)):
                    self._locks.hint(state.key, CheckLine())
        await self._reachable()

    async def _unreachable(self, error: PbxError) -> None:
        self._failed_reads += 1
        _log.warning("phone system not read", extra={"why": str(error)})
        if self._failed_reads == UNREACHABLE_AFTER:
            await self._database.unit_of_work(
                raise_alarm, UNREACHABLE, "pbx_unreachable", {"why": str(error)}, self._clock()
            )

    async def _reachable(self) -> None:
        if self._failed_reads:
            self._failed_reads = 0
            await self._database.unit_of_work(clear_alarm, UNREACHABLE, self._clock())


def _differs(locker: LineLocker, state: LineState, rights: str | None) -> bool:
    if state.actual == "locked":
        return rights != state.lock_rights
    return rights is not None and locker.is_lock_rights(rights)
