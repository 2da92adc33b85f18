"""Reads a large call-record file in a process of its own, so that two cores share the work.

Parsing is all arithmetic on text; in the same process it would wait for the very lock that merging
and pricing hold. Small files are read in a thread: starting a process takes longer than they do.

Batches come through a pipe as marshalled plain tuples, each behind its length. Started by
`batches_apart`; the process ends when its pipe is closed.
"""

from __future__ import annotations

import errno
import importlib
import marshal
import os
import struct
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any, cast

from actors.reading import batches
from pbx.port import RecordFormat
from storage.copying import as_text
from storage.files import Reject
from storage.intake import Batch
from telephony.legs import CmrRow, Leg

WORTH_A_PROCESS_BYTES = 16_000_000

_HEADER = struct.Struct("<Q")
_MARSHAL_VERSION = 2  # without back references, which cost more than they save here


def batches_apart(
    path: Path, records: RecordFormat, skip_lines: int
) -> Generator[Batch, None, None]:
    """What `reading.batches` gives, read in another process. Blocks; close it when done.

    Raises `OSError` where that process fails, which leaves everything to be done again.
    """
    kind = type(records)
    command = [sys.executable, "-m", __name__, f"{kind.__module__}:{kind.__qualname__}"]
    home = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    with subprocess.Popen(  # noqa: S603 - our own program
        [*command, str(path), str(skip_lines)], stdout=subprocess.PIPE, env={**os.environ, **home}
    ) as process:
        try:
            yield from _received(cast("IO[bytes]", process.stdout))
        finally:
            process.kill()


def _received(pipe: IO[bytes]) -> Iterator[Batch]:
    while True:
        size = pipe.read(_HEADER.size)
        if len(size) < _HEADER.size:
            raise OSError(errno.EIO, "the process that reads the file ended too soon")
        batch = _unpacked(marshal.loads(pipe.read(_HEADER.unpack(size)[0])))  # noqa: S302 - ours
        yield batch
        if batch.last:
            return


def _packed(batch: Batch) -> bytes:
    parts = (
        batch.lines_done,
        batch.rows,
        [tuple(leg) for leg in batch.legs],
        [tuple(row) for row in batch.cmr],
        [tuple(reject) for reject in batch.rejects],
        batch.last,
        as_text(batch.legs),
    )
    return marshal.dumps(parts, _MARSHAL_VERSION)


def _unpacked(parts: Any) -> Batch:  # noqa: ANN401 - what marshal gives back
    lines_done, rows, legs, cmr, rejects, last, leg_text = parts
    return Batch(
        lines_done,
        rows,
        [Leg._make(leg) for leg in legs],
        [CmrRow._make(row) for row in cmr],
        [Reject._make(reject) for reject in rejects],
        last,
        leg_text,
    )


def main(kind: str, path: str, skip_lines: str) -> None:
    """Write every batch to standard output."""
    module, _, name = kind.partition(":")
    records: RecordFormat = getattr(importlib.import_module(module), name)()
    file = Path(path)
    with file.open("rb") as opened:
        layout = records.read_layout(opened.readline().decode("utf-8", "replace").rstrip("\r\n"))
    for batch in batches(file, layout, records, int(skip_lines)):
        packed = _packed(batch)
        sys.stdout.buffer.write(_HEADER.pack(len(packed)) + packed)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
