"""The demo's past: a year of call records, taken and lived through as the daemon would have.

Each file goes through the very intake the daemon uses, and after each the budgets live through its
days. So what the pages show of the past was written by the same code that writes the present.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from subprocess import PIPE
from typing import cast

import msgspec
import trio

from actors.ingest import Intake, Taken
from daemon.demo.company import price_lists, site_file
from daemon.demo.past import YEAR, Chunk, Past, Scale
from daemon.demo.progress import Progress
from daemon.site_apply import apply_file
from pbx.cucm.cdr import CucmRecords
from storage import demo
from storage.database import Database
from telephony.errors import RingfenceError


async def seed(database: Database, folder: Path, now: datetime, scale: Scale = YEAR) -> Taken:
    """Make the company in an empty database and give it its past; how many calls that were.

    Writes the site file and the price lists into `folder`, where they stay. Cancelled, it leaves a
    company that is not marked as whole: `storage.demo.wipe` it and begin again.
    """
    past = Past.until(now, scale)
    site = folder / "site.toml"
    await trio.to_thread.run_sync(_write_company, folder, now)
    first = folder / "site-before.toml"
    await trio.Path(first).write_text(site_file(now, daily=False))
    await apply_file(database, first, past.starts_at)
    await trio.Path(first).unlink()
    taken = await _take_all(database, folder, site, past, scale)
    await database.unit_of_work(demo.deliver, now)
    await database.unit_of_work(demo.forget_lines)
    await database.unit_of_work(demo.finish)
    return taken


def _write_company(folder: Path, now: datetime) -> None:
    for name, text in price_lists(now).items():
        (folder / name).write_text(text)
    (folder / "site.toml").write_text(site_file(now))


async def _take_all(
    database: Database, folder: Path, site: Path, past: Past, scale: Scale
) -> Taken:
    """Take and live through file after file; daily budgets begin where files hold single days."""
    progress = Progress("a year of calls")
    intake = Intake(database, CucmRecords())
    taken = Taken()
    whole_s = (past.now - past.starts_at).total_seconds()
    progress.to(0)
    async with aclosing(_chunks(folder, past, scale)) as chunks:
        async for chunk in chunks:
            if chunk.starts_at == past.daily_from:
                await apply_file(database, site, chunk.starts_at)
            path = Path(chunk.path)
            taken += await intake.take(path)
            await database.unit_of_work(
                demo.live_through, chunk.starts_at, chunk.last_end_at, chunk.ends_at
            )
            await trio.Path(path).unlink()
            if chunk.quality:
                await intake.take(Path(chunk.quality))
                await trio.Path(chunk.quality).unlink()
            progress.to((chunk.ends_at - past.starts_at).total_seconds() / whole_s)
    return taken


async def _chunks(folder: Path, past: Past, scale: Scale) -> AsyncGenerator[Chunk]:
    """The files as the second process announces them. Leaving ends it."""
    command = [sys.executable, "-m", "daemon.demo.past", str(folder), past.now.isoformat()]
    command += [str(scale.days), str(scale.calls)]
    process = await trio.lowlevel.open_process(command, stdout=PIPE)
    try:
        waiting = b""
        output = cast("trio.abc.ReceiveStream", process.stdout)
        while piece := await output.receive_some():
            *lines, waiting = (waiting + piece).split(b"\n")
            for line in lines:
                yield msgspec.json.decode(line, type=Chunk)
        if await process.wait():
            raise RingfenceError("the demo's call records could not be made; see above")
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
