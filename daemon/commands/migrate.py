"""`ringfence migrate`: brings the schema up to date."""

from __future__ import annotations

import argparse

from daemon.cli import Commands
from daemon.context import Context


def register(commands: Commands) -> None:
    """Add the command."""
    commands.add("migrate", "bring the database's schema up to date", run)


async def run(_args: argparse.Namespace, context: Context) -> int:
    """Apply what is missing and say what it was."""
    from storage.migrate import migrate, schema_version  # noqa: PLC0415 - `--help` must be quick

    async with context.database(checked=False) as database:
        applied = await database.unit_of_work(migrate)
    for step in applied:
        context.say(f"applied {step.version:04d} {step.name}")
    context.say(f"the schema is at version {schema_version()}")
    return 0
