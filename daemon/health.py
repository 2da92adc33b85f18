"""How the daemon itself fares: the watchdog, the task tree on demand, the inbox."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import trio

from daemon.systemd_notify import Notifier
from storage.database import Database, StorageError, StorageUnavailable
from storage.figures import answers

_log = logging.getLogger("ringfence.health")


async def feed_watchdog(notifier: Notifier, database: Database) -> None:
    """Tell systemd that we live, for as long as the database answers; for ever.

    A daemon that cannot reach its state does nothing useful: systemd may start it again.
    """
    every_s = notifier.watchdog_every_s
    if every_s is None:
        return
    while True:
        try:
            await database.unit_of_work(answers)
        except (StorageUnavailable, StorageError) as error:
            _log.warning("watchdog not fed", extra={"why": str(error)})
        else:
            notifier.alive()
        await trio.sleep(every_s)


async def dump_tasks_on_signal() -> None:
    """On SIGUSR1 write the tree of tasks, each with where it waits, to standard error."""
    with trio.open_signal_receiver(signal.SIGUSR1) as signals:
        async for _ in signals:
            sys.stderr.write("\n".join(task_tree()) + "\n")
            sys.stderr.flush()


def task_tree() -> list[str]:
    """Every task of the process, indented below the task whose nursery it lives in."""
    root = trio.lowlevel.current_root_task()
    return list(_branch(root, 0)) if root is not None else []


def _branch(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{task.name}  {_where(task)}"
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _branch(child, depth + 1)


def _where(task: trio.lowlevel.Task) -> str:
    """The innermost line of ours the task waits at."""
    ours = Path(__file__).resolve().parents[1]
    place = ""
    for frame, line in task.iter_await_frames():
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(ours) and ".venv" not in file.parts:
            place = f"{file.relative_to(ours)}:{line}"
    return place


async def inbox_problem(inbox: Path) -> str:
    """What is wrong with the inbox, in one line; empty when files can be taken from it."""
    return await trio.to_thread.run_sync(_look_at, inbox)


def _look_at(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"{folder} cannot be read and written by this account"
    return ""
