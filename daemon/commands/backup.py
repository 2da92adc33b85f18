"""`ringfence backup` and `ringfence restore`: the whole state in one file, and back."""

from __future__ import annotations

import argparse
from pathlib import Path

from daemon.cli import Commands, existing_file
from daemon.context import Context


def register(commands: Commands) -> None:
    """Add both commands."""
    commands.add("backup", "write the whole state to one file", backup, _backup_arguments)
    commands.add("restore", "make the state what a backup holds", restore, _restore_arguments)


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="where to write; must not exist")


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=existing_file, metavar="FILE", help="a backup")
    parser.add_argument(
        "--force", action="store_true", help="replace everything the database holds now"
    )


async def backup(args: argparse.Namespace, context: Context) -> int:
    """Write the backup beside whatever else is running."""
    from storage.dump import write_backup  # noqa: PLC0415 - `--help` must be quick

    async with context.database() as database:
        manifest = await database.unit_of_work(write_backup, args.file, context.clock())
    context.say(f"{args.file}: {manifest.rows} rows, schema version {manifest.version}")
    return 0


async def restore(args: argparse.Namespace, context: Context) -> int:
    """Restore, all or nothing; nothing else may be connected."""
    from storage.dump import restore_backup  # noqa: PLC0415 - `--help` must be quick

    async with context.database(checked=False, max_size=1) as database:
        manifest = await database.unit_of_work(restore_backup, args.file, force=args.force)
    context.say(f"restored {manifest.rows} rows of {manifest.made_at}")
    return 0
