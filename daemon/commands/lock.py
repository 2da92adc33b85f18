"""`ringfence lock EXT`, `unlock EXT` and `status EXT`.

Locking from here places or releases the administrator's hold alone. A running daemon hears of it
through the database and acts within a second; otherwise it acts when it starts.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context
    from storage.database import Database
    from storage.locks import LockView
    from telephony.plant import ExtensionKey


def register(commands: Commands) -> None:
    """Add the commands about locks."""
    commands.add("lock", "lock an extension (the administrator's hold)", partial(_set, True), _one)
    commands.add("unlock", "release the administrator's hold", partial(_set, False), _one)
    commands.add("status", "whether an extension is locked, and by whom", status, _status)


def _one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("extension", metavar="EXT", help="such as 731, or 731@PT-Milano")


def _status(parser: argparse.ArgumentParser) -> None:
    _one(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


async def _find(database: Database, text: str) -> ExtensionKey:
    from storage import locks  # noqa: PLC0415 - `--help` must be quick
    from telephony.errors import UnknownNumber  # noqa: PLC0415 - as above

    found = await database.unit_of_work(locks.known, text)
    if not found:
        raise UnknownNumber(f"nobody has the extension {text}")
    if len(found) > 1:
        names = ", ".join(str(key) for key in found)
        raise UnknownNumber(f"{text} could be any of {names}: name the partition")
    return next(iter(found))


async def _set(held: bool, args: argparse.Namespace, context: Context) -> int:
    from storage import locks  # noqa: PLC0415 - as above

    async with context.database() as database:
        key = await _find(database, args.extension)
        view = await database.unit_of_work(
            locks.set_hold, key, "admin", held=held, by=None, source="", now=context.clock()
        )
    context.say(_sentence(view))
    return 0


async def status(args: argparse.Namespace, context: Context) -> int:
    """Print an extension's state: `extension locked holds`, and what the phone system has."""
    from storage import locks  # noqa: PLC0415 - as above

    async with context.database() as database:
        key = await _find(database, args.extension)
        view = await database.unit_of_work(locks.view, key)
    if args.json:
        context.print_json(document(view))
    else:
        context.say(_sentence(view))
    return 0


def document(view: LockView) -> dict[str, object]:
    """The JSON form; `holds` names every kind of hold once."""
    return {
        "extension": view.extension.number,
        "partition": view.extension.partition,
        "locked": view.locked,
        "holds": list(dict.fromkeys(hold.kind for hold in view.holds)),
        "actual": view.actual,
        "error": view.error,
    }


def _sentence(view: LockView) -> str:
    kinds = ", ".join(dict.fromkeys(hold.kind for hold in view.holds))
    wanted = f"locked by {kinds}" if view.locked else "unlocked"
    if view.actual == ("locked" if view.locked else "unlocked"):
        return f"{view.extension} is {wanted}"
    why = f": {view.error}" if view.error else ""
    return f"{view.extension} is {wanted}; the phone system's state is {view.actual}{why}"
