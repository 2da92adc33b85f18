"""Writes call-record files into an inbox as Cisco UCM delivers them, and never a number twice.

What must go on where it stopped (sequence numbers, call and leg ids, what lines may dial) is kept
in a small file beside the inbox, so that a second run of the demo on the same data neither repeats
an id nor finds its locked lines unlocked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import trio

from pbx.lab.cdr import CDR, CMR, Record
from pbx.lab.rows import Ids
from telephony.clock import Clock

_FIRST_LEG = 8_000_000
"""Half-way round: far from the legs of any history made up for the same cluster."""


@dataclass(slots=True)
class LabState:
    """What outlives the lab."""

    path: Path
    sequence: dict[str, int] = field(default_factory=lambda: {"cdr": 0, "cmr": 0})
    call_no: int = 1_000_000
    leg_no: int = _FIRST_LEG
    row_no: int = 0
    css: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def read(cls, path: Path) -> LabState:
        """The state that was kept, or a new one. Blocks."""
        state = cls(path)
        try:
            kept = cast("dict[str, Any]", json.loads(path.read_text()))
        except (OSError, ValueError):
            return state
        state.sequence.update(kept.get("sequence", {}))
        # As after a restart of the real thing, ids go on at the next thousand.
        state.call_no = (int(kept.get("call_no", state.call_no)) // 1000 + 1) * 1000
        state.leg_no = int(kept.get("leg_no", state.leg_no)) + 1000
        state.row_no = int(kept.get("row_no", 0)) + 1000
        state.css.update(kept.get("css", {}))
        return state

    def write(self) -> None:
        """Keep it, all or nothing. Blocks."""
        kept = {
            "sequence": self.sequence,
            "call_no": self.call_no,
            "leg_no": self.leg_no,
            "row_no": self.row_no,
            "css": self.css,
        }
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.write_text(json.dumps(kept))
        fresh.replace(self.path)


class Inbox:
    """Where the daemon waits for call records."""

    def __init__(self, folder: Path, state: LabState, ids: Ids, clock: Clock) -> None:
        self.folder = folder
        self.state = state
        self.ids = ids
        self._clock = clock
        self._mutex = trio.Lock()

    async def deliver(self, rows: Sequence[Record], quality: Sequence[Record] = ()) -> str:
        """Write a CDR file, and a CMR file where there is quality to report.

        Returns:
            The CDR file's name. If cancelled the files are there or not, each of them whole.
        """
        async with self._mutex:
            return await trio.to_thread.run_sync(self._deliver, rows, quality)

    async def keep(self) -> None:
        """Keep the state."""
        async with self._mutex:
            await trio.to_thread.run_sync(self.state.write)

    def _deliver(self, rows: Sequence[Record], quality: Sequence[Record]) -> str:
        name = self._name("cdr")
        quality_name = self._name("cmr") if quality else ""
        # Kept before the files appear: a number may be lost, but none is used twice.
        self.state.call_no, self.state.leg_no = self.ids.call_no, self.ids.leg_no
        self.state.row_no = self.ids.row_no
        self.state.write()
        if quality:
            self._appear(quality_name, CMR.file(quality))
        self._appear(name, CDR.file(rows))
        return name

    def _appear(self, name: str, content: bytes) -> None:
        unfinished = self.folder / f"_{name}"
        unfinished.write_bytes(content)
        unfinished.replace(self.folder / name)

    def _name(self, kind: str) -> str:
        self.state.sequence[kind] += 1
        stamp = self._clock().strftime("%Y%m%d%H%M")
        number = self.state.sequence[kind]
        return f"{kind}_{self.ids.cluster}_{self.ids.node:02d}_{stamp}_{number}"
