"""The two actors of an extension: one keeps its holds, one makes the phone system agree with them.

They are apart so that whoever locks a phone is answered at once, however slow the phone system is.
The line's actor only ever compares rows with what it has just read from the phone system; whatever
happens between two steps, the next look finds its way from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from trio.lowlevel import checkpoint

from actors.messages import CheckLine, LookAgain, SetHold
from actors.proof import Proofs
from actors.supervision import backoff_s
from pbx.port import LineLocker, PbxLine
from storage import locks
from storage.database import Database
from storage.locks import LineState
from telephony.clock import Clock
from telephony.errors import (
    PbxError,
    PbxGone,
    PbxProtocolError,
    PbxThrottled,
    PbxUnavailable,
)
from telephony.plant import ExtensionKey

FIRST_REFUSED_S = 30.0
LONGEST_REFUSED_S = 600.0
FIRST_UNAVAILABLE_S = 1.0
LONGEST_UNAVAILABLE_S = 15.0
DRIFT_LOOK_S = 60.0

_log = logging.getLogger("ringfence.lock")


class LockActor:
    """Keeps the holds of one extension; everything else it passes on to the line's actor."""

    def __init__(
        self,
        key: ExtensionKey,
        database: Database,
        clock: Clock,
        tell_line: Callable[[ExtensionKey, object], bool],
    ) -> None:
        self._key = key
        self._database = database
        self._clock = clock
        self._tell_line = tell_line

    async def handle(self, message: object) -> object:
        """`SetHold` is stored and answered with the `LockView`; a look is passed on."""
        if isinstance(message, SetHold):
            view = await self._database.unit_of_work(
                locks.set_hold,
                self._key,
                message.kind,
                held=message.held,
                by=message.by,
                source=message.source,
                now=self._clock(),
            )
            self._tell_line(self._key, LookAgain())
            return view
        await checkpoint()
        self._tell_line(self._key, message)
        return None


class Refused(PbxError):
    """We decline to write, in words for an administrator: nothing improves by itself."""


class Drift(PbxError):
    """The line has neither our rights nor the ones it had: somebody changed it by hand."""


@dataclass(slots=True)
class LineActor:
    """Makes one line of the phone system agree with whether anybody holds its extension."""

    key: ExtensionKey
    database: Database
    clock: Clock
    locker: LineLocker | None
    proofs: Proofs
    _rounds: int = field(default=3, init=False)

    async def handle(self, message: object) -> None:
        """Look at the row and, where the line is not as wanted and due, at the phone system.

        `CheckLine` reads the phone system even where all seems well. Failures of the phone system
        are stored with when to try again; they are no failures of the actor.
        """
        if self.locker is None:
            await checkpoint()
            return
        check = isinstance(message, CheckLine)
        for _ in range(self._rounds):
            state = await self.database.unit_of_work(locks.line_state, self.key)
            if state.untouched:
                await self._forget_failure(state)
                return
            if not check and not self._is_due(state):
                return
            if not await self._work(self.locker, state):
                return
            check = False

    def _is_due(self, state: LineState) -> bool:
        if state.settled or state.actual == "drift":
            # What drifted is looked at by `CheckLine` every minute, unless its holds just went.
            return state.actual == "drift" and not state.wanted
        return state.next_try_at is None or state.next_try_at <= self.clock()

    async def _work(self, locker: LineLocker, state: LineState) -> bool:
        """One attempt; whether the row has changed, so that it is worth looking again."""
        line_id = state.line_id or ""
        try:
            line = await self._find(locker, state)
            line_id = line.line_id
            await self._agree(locker, state, line)
        except Drift as drift:
            await self._store_drift(line_id, drift)
            return False
        except PbxError as error:
            await self._store_failure(state, error)
            return False
        return True

    # Finding the line -----------------------------------------------------------------------------

    async def _find(self, locker: LineLocker, state: LineState) -> PbxLine:
        """The one line of this extension. Raises `Refused` where there is none, or several."""
        if state.line_id:
            line = await self._read_known(locker, state.line_id)
            if line is not None:
                return line
            await self.database.unit_of_work(locks.forget_line_id, self.key)
        touched = state.original_rights is not None
        partition = self.key.partition or (state.pbx_partition if touched else "")
        lines = await locker.find_lines(self.key.number, partition)
        if not lines:
            raise Refused(f"the phone system has no line {self.key}")
        if len(lines) > 1:
            places = ", ".join(sorted(line.partition or "<None>" for line in lines))
            raise Refused(
                f"extension {self.key} is in several partitions ({places}): "
                "name the partition with the person"
            )
        return await locker.read_line(lines[0].line_id)

    async def _read_known(self, locker: LineLocker, line_id: str) -> PbxLine | None:
        """The line we know, or None where it is gone or has another number now."""
        try:
            line = await locker.read_line(line_id)
        except PbxGone:
            return None
        return line if line.extension == self.key.number else None

    # Agreeing -------------------------------------------------------------------------------------

    async def _agree(self, locker: LineLocker, state: LineState, line: PbxLine) -> None:
        ours = state.lock_rights is not None and line.rights == state.lock_rights
        if ours and state.wanted:
            await self._store_locked(line)
        elif ours:
            await self._unlock(locker, state, line)
        elif state.wanted and state.actual in ("locked", "drift") and state.lock_rights is not None:
            raise Drift(
                f"line {self.key} is held but has the rights {_named(line.rights)} instead of "
                f"{_named(state.lock_rights)}; it was changed by hand. Give it "
                f"{_named(state.lock_rights)} again, or release the lock"
            )
        elif state.wanted:
            await self._lock(locker, line)
        else:
            await self._leave(locker, state, line)

    async def _leave(self, locker: LineLocker, state: LineState, line: PbxLine) -> None:
        """Nobody holds the line and it does not carry our lock: is it as it was?"""
        original = state.original_rights
        locks_it = locker.is_lock_rights(line.rights) and line.rights != original
        was_locked = state.actual in ("locked", "drift") and original is not None
        if locks_it or (was_locked and line.rights != original):
            should = (
                f"it had {_named(original)} before it was locked"
                if original is not None
                else "those lock it, though nobody holds it and its own are not known"
            )
            raise Drift(
                f"line {self.key} was changed by hand: it has the rights {_named(line.rights)}; "
                f"{should}. Nothing was written; give it the rights it should have"
            )
        await self.database.unit_of_work(
            locks.record_unlocked, self.key, line.line_id, self.clock()
        )

    async def _lock(self, locker: LineLocker, line: PbxLine) -> None:
        original = line.rights
        if locker.is_lock_rights(original):
            raise Drift(
                f"line {self.key} has the lock rights {_named(original)} already, and what it had "
                "before is not known: give it its own rights first"
            )
        rights = locker.lock_rights(original)
        if rights is None:
            raise Refused(
                f"no lock rights are configured for lines with the rights {_named(original)}"
            )
        plan = await self.database.unit_of_work(locks.dial_plan, self.key)
        proof = await self.proofs.prove(locker, line, rights, plan)
        if not proof.holds:
            raise Refused(f"line {self.key} is not locked: {proof.reason}")
        if await self._intend(line, original, rights, wanted=True):
            await self._write(locker, line, rights)
            await self._store_locked(line)

    async def _intend(self, line: PbxLine, original: str, rights: str, *, wanted: bool) -> bool:
        """Remember what is about to happen; False where the holds have changed their mind."""
        return await self.database.unit_of_work(
            locks.record_intent,
            self.key,
            line_id=line.line_id,
            pbx_partition=line.partition,
            original_rights=original,
            lock_rights=rights,
            wanted=wanted,
            now=self.clock(),
        )

    async def _unlock(self, locker: LineLocker, state: LineState, line: PbxLine) -> None:
        original = state.original_rights
        if original is None:
            raise Drift(f"line {self.key} is locked and what it had before is not known")
        if not await self._intend(line, original, line.rights, wanted=False):
            return
        await self._write(locker, line, original)
        await self.database.unit_of_work(
            locks.record_unlocked, self.key, line.line_id, self.clock()
        )
        _log.info("line unlocked", extra={"extension": str(self.key)})

    async def _write(self, locker: LineLocker, line: PbxLine, rights: str) -> None:
        """Write and read back: only what was read back counts, also where the answer was lost."""
        lost: PbxError | None = None
        try:
            await locker.write_rights(line.line_id, rights)
        except (PbxUnavailable, PbxProtocolError) as error:
            lost = error
        found = await locker.read_line(line.line_id)
        if found.rights == rights:
            return
        if found.rights == line.rights:
            raise lost or PbxUnavailable(
                f"the phone system took the rights of line {self.key} but does not have them yet"
            )
        raise Drift(
            f"line {self.key} was changed by hand while {_named(rights)} was written: it has "
            f"{_named(found.rights)}"
        )

    async def _store_locked(self, line: PbxLine) -> None:
        await self.database.unit_of_work(locks.record_locked, self.key, line.line_id, self.clock())
        _log.info("line locked", extra={"extension": str(self.key)})

    # Failing --------------------------------------------------------------------------------------

    async def _forget_failure(self, state: LineState) -> None:
        if state.error_kind is not None:
            await self.database.unit_of_work(locks.forget_failure, self.key, self.clock())

    async def _store_failure(self, state: LineState, error: PbxError) -> None:
        attempt = state.attempt + 1
        delay_s = backoff_s(attempt, FIRST_REFUSED_S, LONGEST_REFUSED_S)
        kind = "refused"
        if isinstance(error, (PbxUnavailable, PbxThrottled)):
            delay_s = backoff_s(attempt, FIRST_UNAVAILABLE_S, LONGEST_UNAVAILABLE_S)
            kind = "unavailable"
        if isinstance(error, PbxThrottled):
            delay_s = max(delay_s, error.retry_after_s or 0.0)
            kind = "throttled"
        now = self.clock()
        await self.database.unit_of_work(
            locks.record_failure,
            self.key,
            error=str(error),
            kind=kind,
            next_try_at=now + timedelta(seconds=delay_s),
            now=now,
        )

    async def _store_drift(self, line_id: str, drift: Drift) -> None:
        await self.database.unit_of_work(
            locks.record_drift, self.key, line_id, str(drift), self.clock()
        )


def _named(rights: str | None) -> str:
    return f"“{rights}”" if rights else "<None>"
