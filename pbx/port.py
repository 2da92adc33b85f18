"""What the rest of the house knows of a phone system: three Protocols and the errors they raise.

`rights` is an opaque text that says what a line may dial: on Cisco UCM the name of the line's
calling search space (empty where it has none). Whoever locks keeps the original text and puts
exactly that back. Errors are `telephony.errors.PbxError` and its subclasses, no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from telephony.legs import CmrRow, Leg

RecordKind = Literal["cdr", "cmr"]


@dataclass(frozen=True, slots=True)
class FileName:
    """What a call-record file's name says: kind, writer, when (UTC), number in that node's row."""

    kind: RecordKind
    cluster: str
    node: int
    written_at: datetime
    sequence: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of one call-record file are laid out. `header` is its first line, bare."""

    kind: RecordKind
    header: str
    read: Callable[[str], Leg | CmrRow]
    """One line, without its line end, as a record; raises `CdrRejected`."""


class RecordFormat(Protocol):
    """How a phone system writes its call records into files. Pure: it is given lines."""

    def parse_name(self, name: str) -> FileName | None:
        """Read a file name; None for one still being written, or not of this phone system."""
        ...

    def read_layout(self, line: str) -> Layout:
        """Understand a file's first line; raises `NotACallRecordFile`."""
        ...

    def is_heading(self, line: str) -> bool:
        """Whether the line after the header still is no row (the columns' types, say)."""
        ...


@dataclass(frozen=True, slots=True)
class PbxLine:
    """One line of the phone system as it stands now. `line_id` is the phone system's stable id."""

    line_id: str
    extension: str
    partition: str
    rights: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a line with lock rights still reaches emergency numbers and nothing outside.

    `reason` says in one sentence what failed; empty when `holds`.
    """

    holds: bool
    reason: str = ""


class LineLocker(Protocol):
    """Reads and writes what lines may dial. Every method raises `PbxError` subclasses only."""

    async def find_lines(self, extension: str, partition: str) -> Sequence[PbxLine]:
        """Every line with this number; an empty `partition` asks in all of them."""
        ...

    async def read_line(self, line_id: str) -> PbxLine:
        """The line as the phone system has it at this moment; `PbxGone` when it is not there."""
        ...

    async def read_rights(self, line_ids: Sequence[str]) -> Mapping[str, str]:
        """The rights of many lines in few requests; lines that are gone are absent."""
        ...

    def lock_rights(self, original: str) -> str | None:
        """Which rights lock a line whose own are `original`; None where none are configured."""
        ...

    def is_lock_rights(self, rights: str) -> bool:
        """Whether these are rights that lock, of whatever original."""
        ...

    async def prove(
        self, line: PbxLine, rights: str, emergency: Sequence[str], outside: Sequence[str]
    ) -> Proof:
        """Whether with `rights` each emergency number is reachable and no outside number is.

        Digits are given as a person would dial them at that line. Looks at the line's rights
        together with each of its devices' as the phone system combines them.
        """
        ...

    async def write_rights(self, line_id: str, rights: str) -> None:
        """Set the rights. A lost answer leaves the outcome open: read the line back."""
        ...

    async def version(self) -> str:
        """The phone system's version, for `doctor`; raises what is wrong otherwise."""
        ...


class PhoneScreen(Protocol):
    """Shows a message on the phones of an extension."""

    async def show(self, extension: str, partition: str, title: str, text: str) -> int:
        """Push a text to every registered phone with this line; how many took it.

        Addresses come from the phone system's own registration service and from nowhere else.
        """
        ...

    def page(self, token: str) -> bytes | None:
        """What a phone that was pushed a message comes to fetch, as XML; None when unknown."""
        ...
