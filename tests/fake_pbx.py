"""A phone system for tests of locks: lines with rights, faults on demand, and a watchful eye.

It refuses nothing a real one would allow, but it notes in `wrongs` every write that must never
happen: a lock nobody proved or nobody wants, a release while somebody holds, rights that are not
exactly the ones the line had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import trio

from pbx.port import PbxLine, Proof
from telephony.errors import (
    PbxGone,
    PbxProtocolError,
    PbxRefused,
    PbxThrottled,
    PbxUnavailable,
)

LOCKS = {
    "CSS-National": "CSS-Lock",
    "CSS-World": "CSS-Lock-World",
    "": "CSS-Lock",
    "CSS-Odd": "CSS-Leaky",
}
"""Which rights lock which; lines with `CSS-Unmapped` have none."""

FAULTS = ("unavailable", "throttled", "refused", "protocol", "lost after", "lost before")


@dataclass
class FakePbx:
    """Implements `LineLocker`."""

    lines: dict[str, PbxLine] = field(default_factory=dict)
    faults: deque[str] = field(default_factory=deque)
    holds: Callable[[], bool] = lambda: True
    wrongs: list[str] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)
    proofs: int = 0
    delay_s: float = 0.0
    _proven: set[tuple[str, str]] = field(default_factory=set)
    _before: dict[str, str] = field(default_factory=dict)

    def add(self, extension: str, rights: str, partition: str = "PT") -> str:
        line_id = f"id-{extension}-{partition}"
        self.lines[line_id] = PbxLine(line_id, extension, partition, rights, ("SEP1",))
        return line_id

    def rights(self, line_id: str) -> str:
        return self.lines[line_id].rights

    def edit(self, line_id: str, rights: str) -> None:
        """Somebody changes the line by hand."""
        self.lines[line_id] = replace(self.lines[line_id], rights=rights)

    async def _answer(self) -> str:
        await trio.sleep(self.delay_s)
        fault = self.faults.popleft() if self.faults else ""
        if fault == "unavailable":
            raise PbxUnavailable("cannot be reached")
        if fault == "throttled":
            raise PbxThrottled("too many requests", 5.0)
        if fault == "refused":
            raise PbxRefused("not allowed", "5007")
        if fault == "protocol":
            raise PbxProtocolError("nonsense")
        return fault

    async def find_lines(self, extension: str, partition: str) -> Sequence[PbxLine]:
        await self._answer()
        return [
            line
            for line in self.lines.values()
            if line.extension == extension and partition in ("", line.partition)
        ]

    async def read_line(self, line_id: str) -> PbxLine:
        await self._answer()
        if line_id not in self.lines:
            raise PbxGone("the specified line was not found", "5007")
        return self.lines[line_id]

    async def read_rights(self, line_ids: Sequence[str]) -> Mapping[str, str]:
        await self._answer()
        return {key: self.lines[key].rights for key in line_ids if key in self.lines}

    def lock_rights(self, original: str) -> str | None:
        return LOCKS.get(original)

    def is_lock_rights(self, rights: str) -> bool:
        return rights in LOCKS.values()

    async def prove(
        self, line: PbxLine, rights: str, emergency: Sequence[str], outside: Sequence[str]
    ) -> Proof:
        await self._answer()
        self.proofs += 1
        assert emergency
        assert outside
        if rights == "CSS-Leaky":
            return Proof(holds=False, reason=f"{outside[0]} can still be dialled with {rights}")
        self._proven.add((line.line_id, rights))
        return Proof(holds=True)

    async def write_rights(self, line_id: str, rights: str) -> None:
        fault = await self._answer()
        self._watch(line_id, rights)
        self.writes.append((line_id, rights))
        if fault != "lost before":
            self.edit(line_id, rights)
        if fault:
            raise PbxUnavailable("the answer was lost")

    def _watch(self, line_id: str, rights: str) -> None:
        now = self.rights(line_id)
        if self.is_lock_rights(rights):
            if not self.holds():
                self.wrongs.append(f"locked {line_id} though nobody holds it")
            if (line_id, rights) not in self._proven:
                self.wrongs.append(f"locked {line_id} with {rights} without proof")
            if self.is_lock_rights(now) or LOCKS.get(now) != rights:
                self.wrongs.append(f"locked {line_id} from {now} with {rights}")
            self._before[line_id] = now
        else:
            if self.holds():
                self.wrongs.append(f"released {line_id} while somebody holds it")
            if not self.is_lock_rights(now) or rights != self._before.get(line_id):
                self.wrongs.append(f"gave {line_id} {rights!r} instead of what it had")

    async def version(self) -> str:
        await trio.lowlevel.checkpoint()
        return "fake"


@dataclass
class FakeScreen:
    """Implements `PhoneScreen`: remembers what it was shown."""

    shown: list[tuple[str, str, str]] = field(default_factory=list)
    phones: int = 1
    error: Exception | None = None

    async def show(self, extension: str, partition: str, title: str, text: str) -> int:  # noqa: ARG002 - the port's
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        self.shown.append((extension, title, text))
        return self.phones

    def page(self, token: str) -> bytes | None:
        return b"<CiscoIPPhoneText/>" if token == "known" else None
