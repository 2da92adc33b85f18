"""An import that is killed at random moments and begun again until it ends by itself."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROWS_A_BATCH = 400
"""Small batches, so that many transactions lie in the way of every kill."""

IMPORTER = """
import sys, trio
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from actors import ingest, reading
from pbx.cucm.cdr import CucmRecords
from storage.database import open_database
reading.BATCH_ROWS = int(sys.argv[4])
careless = sys.argv[5] == "careless"
if careless:
    import careless_intake
    careless_intake.forget_what_was_stored()

async def main():
    async with open_database(sys.argv[1], max_size=2) as database:
        paths = sorted(Path(sys.argv[2]).iterdir())
        print("begin", flush=True)
        await ingest.import_files(database, CucmRecords(), paths)

trio.run(main)
"""


@dataclass(frozen=True)
class Killed:
    """How the runs of one import ended."""

    kills: int
    runs: int


def import_with_kills(
    dsn: str, folder: Path, kills: int, rng: random.Random, *, careless: bool = False
) -> Killed:
    """Import every file of `folder`, killing the process with SIGKILL `kills` times on the way."""
    done = runs = 0
    pace = 1.0
    while True:
        runs += 1
        with _start(dsn, folder, careless=careless) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if done >= kills or runs > 3 * kills + 3:
                assert process.wait(300) == 0
                return Killed(done, runs)
            try:
                process.wait(rng.uniform(0.02, pace))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                done += 1
            else:
                # It ended before the kill: from here on only known files would be looked at.
                assert process.returncode == 0
                pace = max(0.1, pace / 2)


def _start(dsn: str, folder: Path, *, careless: bool) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            IMPORTER,
            dsn,
            str(folder),
            str(here),
            str(ROWS_A_BATCH),
            "careless" if careless else "careful",
        ],
        cwd=here.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
