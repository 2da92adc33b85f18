"""`ringfence verify`: every balance worked out again from the ledger, charges from calls."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    commands.add("verify", "recompute balances and charges, and say what differs", run, _arguments)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


async def run(args: Namespace, context: Context) -> int:
    """Print the differences; 1 when there are any."""
    from storage.verify import verify  # noqa: PLC0415 - `--help` must be quick

    async with context.database() as database:
        found = await database.unit_of_work(verify)
    if args.json:
        context.print_json(
            {
                "calls": found.calls,
                "entries": found.entries,
                "periods": found.periods,
                "differences": list(found.differences),
            }
        )
    else:
        for difference in found.differences:
            context.say(difference)
        context.say(
            f"{found.calls} calls, {found.entries} ledger entries and {found.periods} budget "
            f"periods recomputed: {len(found.differences) or 'no'} differences"
        )
    return 1 if found.differences else 0
