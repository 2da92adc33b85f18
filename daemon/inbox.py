"""Gives the inbox's watcher what the configuration says, and makes the folders it needs."""

from __future__ import annotations

from pathlib import Path

import trio

from actors.house import House
from actors.inbox import InboxSettings, InboxWatch
from actors.supervision import supervise
from daemon.config import InboxSection
from pbx.cucm.cdr import CucmRecords
from telephony.errors import RingfenceError


def make_folders(inbox: InboxSection) -> None:
    """Make the inbox and the archive where they are missing. Blocks for a moment."""
    for folder in (inbox.directory, inbox.archive_directory):
        try:
            Path(folder).mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise RingfenceError(f"the folder {folder} cannot be made: {error}") from error


async def watch(
    house: House,
    inbox: InboxSection,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take the files of the inbox until cancelled; `GaveUp` when that fails again and again."""
    await trio.to_thread.run_sync(make_folders, inbox)
    settings = InboxSettings(
        directory=Path(inbox.directory),
        archive=Path(inbox.archive_directory),
        keep_days=inbox.archive_keep_days,
        rescan_every_s=inbox.rescan_every_s,
        last_row_wait_s=inbox.last_row_wait_s,
    )
    watcher = InboxWatch(house.database, house.clock, CucmRecords(), settings)
    task_status.started()
    await supervise("inbox", watcher.run)
