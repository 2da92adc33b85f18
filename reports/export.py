"""A report as a file somebody can take away: Excel, PDF or CSV, without holding anything else up.

Small ones are written in a thread; PDF and long ones in a process (`reports.worker`), which is
killed where nobody waits any longer.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from weakref import WeakValueDictionary

import trio

from reports.document import Document
from reports.errors import ExportFailed, NoLibraries, TookTooLong, TooLarge
from reports.pdf import PACKAGES, refuse_too_long
from reports.worker import LIBRARIES_MISSING, OUT_OF_MEMORY, WRITERS, Format, frames
from words.formats import Reader, zone

IN_A_THREAD = 2_000
"""The most rows written in a thread: half a second's work; starting a process takes as long."""

TIMEOUT_S = 120
_MOST_NAME = 80
_MOST_SAID = 4_000

MEDIA_TYPES: dict[Format, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
}

_ROOT = Path(__file__).resolve().parent.parent
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")
_log = logging.getLogger("ringfence.export")
_processes = trio.CapacityLimiter(1)
_turns = WeakValueDictionary[int, trio.CapacityLimiter]()
"""Each person stands in the line for a process once, however much they ask for."""

_threads = trio.CapacityLimiter(2)


class File(NamedTuple):
    """A file to be downloaded or mailed. `name` may have letters of any language."""

    name: str
    media_type: str
    content: bytes

    @property
    def disposition(self) -> str:
        """The `Content-Disposition` it is downloaded with; old browsers get an ASCII name."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip("-.")
        plain = plain if "." in plain else f"report.{plain}"
        return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(self.name, safe='')}"


async def export(document: Document, format_: Format, reader: Reader, whose: int) -> File:
    """Write the document as a file for a person. Raises `reports.errors.ExportError`.

    People take turns: one process at a time, whose memory a small machine can spare. Where
    this is cancelled, nothing goes on in a process; a thread ends by itself soon.
    """
    if format_ == "pdf":
        refuse_too_long(len(document.rows))
    is_small = format_ != "pdf" and len(document.rows) <= IN_A_THREAD
    if is_small:
        content = await _in_thread(document, format_, reader)
    else:
        turn = _turns.setdefault(whose, trio.CapacityLimiter(1))
        async with turn:
            content = await _in_process(document, format_, reader)
    return File(file_name(document, format_), MEDIA_TYPES[format_], content)


def file_name(document: Document, format_: Format) -> str:
    """The title and the day, without anything that a file system or a shell takes otherwise."""
    day = document.made_at.astimezone(zone(document.zone)).date().isoformat()
    title = re.sub(r"[\W_]+", "-", document.title).strip("-")[:_MOST_NAME].strip("-")
    return f"{title}-{day}.{format_}" if title else f"{day}.{format_}"


async def _in_thread(document: Document, format_: Format, reader: Reader) -> bytes:
    write = WRITERS[format_]
    return await trio.to_thread.run_sync(
        write, document, reader, abandon_on_cancel=True, limiter=_threads
    )


async def _in_process(document: Document, format_: Format, reader: Reader) -> bytes:
    async with _processes:
        with trio.move_on_after(TIMEOUT_S):
            code, content, said = await _run(frames(document, format_, reader))
            return _judged(code, content, said)
    raise TookTooLong(TIMEOUT_S)


def _judged(code: int, content: bytes, said: bytes) -> bytes:
    """The file, or why there is none."""
    if code == 0:
        return content
    if code == LIBRARIES_MISSING:
        raise NoLibraries(PACKAGES)
    reason = said[-_MOST_SAID:].decode(errors="replace").strip() or f"exit code {code}"
    # A library that is refused memory may say so in its own way, and may not survive it.
    if code == OUT_OF_MEMORY or "MemoryError" in reason or "std::bad_alloc" in reason:
        raise TooLarge
    _log.error("export failed", extra={"why": reason})
    raise ExportFailed(reason)


async def _run(batches: Iterable[bytes]) -> tuple[int, bytes, bytes]:
    """Run the worker on a job: its exit code, its file, and what it complained of."""
    content, said = bytearray(), bytearray()
    command = [sys.executable, "-m", "reports.worker"]
    start = partial(
        trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, check=False, deliver_cancel=_kill, cwd=_ROOT, env=_environment(),
    )  # fmt: skip
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(start)
        stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
        if stdin is None or stdout is None or stderr is None:  # it was asked to have them
            raise ExportFailed("no pipes")
        nursery.start_soon(_send, stdin, batches)
        nursery.start_soon(_receive, stdout, content)
        nursery.start_soon(_receive, stderr, said)
    return process.returncode or 0, bytes(content), bytes(said)


def _environment() -> dict[str, str]:
    """What the process is told of its surroundings: none of the daemon's secrets."""
    told = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return told | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


async def _kill(process: trio.Process) -> None:
    process.kill()


async def _send(stdin: trio.abc.SendStream, batches: Iterable[bytes]) -> None:
    async with stdin:
        try:
            for batch in batches:
                await stdin.send_all(batch)
        except trio.BrokenResourceError:
            return  # it has given up, and says why by its exit code


async def _receive(stream: trio.abc.ReceiveStream, into: bytearray) -> None:
    async with stream:
        async for piece in stream:
            into.extend(piece)
