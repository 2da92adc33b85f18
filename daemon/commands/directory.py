"""`ringfence directory test` and `ringfence directory sync`: the directory without the portal.

Its settings are edited in the portal alone. Both work beside a running daemon.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.directory import DirectoryService
    from daemon.cli import Commands
    from daemon.context import Context
    from storage.database import Database
    from storage.directory_types import Planned, SyncPlan

_SHOWN = 20


def register(commands: Commands) -> None:
    """Add both commands."""
    commands.add("directory test", "ask the directory, as it is configured", test)
    commands.add("directory sync", "make the people what the directory says", sync, _sync_arguments)


def _sync_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preview", action="store_true", help="say what would change, no more")
    parser.add_argument(
        "--confirm", action="store_true", help="also where unusually many would be switched off"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def _service(context: Context, database: Database) -> DirectoryService:
    from actors.directory import DirectoryService  # noqa: PLC0415 - `--help` must be quick
    from daemon.outside import directory_access  # noqa: PLC0415 - as above

    return DirectoryService(database, context.clock, directory_access(context.config))


async def test(args: argparse.Namespace, context: Context) -> int:  # noqa: ARG001 - has none of its own
    """Print what was found; fails where the directory does not do what it must."""
    async with context.database() as database:
        context.say(await _service(context, database).probe())
    return 0


async def sync(args: argparse.Namespace, context: Context) -> int:
    """Compare, and unless it is a preview change; 1 where nothing was done that should be."""
    from storage.audit import Event  # noqa: PLC0415 - as above
    from web.directory_words import REASON_WORDS  # noqa: PLC0415 - as above

    async with context.database() as database:
        service = _service(context, database)
        if args.preview:
            preview = await service.preview()
            made, outcome, reason = preview.plan, "preview", preview.refusal
        else:
            doer = Event("sync_applied", login="ringfence directory sync")
            ran = await service.sync(doer, by_hand=args.confirm)
            made, outcome, reason = ran.plan, ran.outcome, ran.reason
    if args.json:
        context.print_json(document(made, outcome, reason))
    else:
        _tell(context, made, outcome)
    if reason:
        context.warn(REASON_WORDS.get(reason, reason))
        if reason == "too_many":
            context.warn("If it is right: ringfence directory sync --confirm")
    return 0 if outcome in {"done", "preview"} else 1


def document(made: SyncPlan, outcome: str, reason: str) -> dict[str, object]:
    """The JSON form: everybody concerned, by login, with what changes."""
    return {
        "outcome": outcome,
        "reason": reason,
        "seen": made.seen,
        "created": [_planned(one) for one in made.created],
        "changed": [_planned(one) for one in made.changed],
        "enabled": [_planned(one) for one in made.enabled],
        "disabled": [{"login": one.login, "name": one.name} for one in made.disabled],
        "problems": [problem._asdict() for problem in made.problems],
    }


def _planned(one: Planned) -> dict[str, object]:
    changes = {d.name: {"before": d.before, "after": d.after} for d in one.differences}
    return {"login": one.fields.login, "name": one.name, "changes": changes}


def _tell(context: Context, made: SyncPlan, outcome: str) -> None:
    from web.directory_words import problem_message  # noqa: PLC0415 - as above

    lines = [f"+ {one.fields.login}  {one.name}" for one in made.created]
    for sign, people in (("~", made.changed), ("^", made.enabled)):
        for one in people:
            changes = ", ".join(f"{d.name} {d.before!r} -> {d.after!r}" for d in one.differences)
            lines.append(f"{sign} {one.fields.login}  {changes}")
    lines += [f"- {one.login}  {one.name}" for one in made.disabled]
    for message, values in map(problem_message, made.problems):
        lines.append(f"! {message % values}")
    for line in lines[:_SHOWN]:
        context.say(line)
    if len(lines) > _SHOWN:
        context.say(f"and {len(lines) - _SHOWN} more; --json tells all")
    context.say(
        f"{outcome}: {made.seen} entries; added {len(made.created)}, changed {len(made.changed)}, "
        f"switched on again {len(made.enabled)}, switched off {len(made.disabled)}, "
        f"left alone {len(made.problems)}"
    )
