"""`ringfence rerate`: stored calls merged and priced again, by the company described now."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    commands.add("rerate", "price stored calls again, by today's description", run, _arguments)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--since", metavar="ISO", help="calls begun then or later (all)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


async def run(args: Namespace, context: Context) -> int:
    """Reverse and charge anew whatever comes to something else; say how much that is."""
    from actors.ingest import Intake  # noqa: PLC0415 - `--help` must be quick
    from pbx.cucm.cdr import CucmRecords  # noqa: PLC0415 - as above
    from storage import company  # noqa: PLC0415 - as above
    from telephony.clock import read_instant  # noqa: PLC0415 - as above
    from telephony.money import plain  # noqa: PLC0415 - as above

    async with context.database() as database:
        known = await database.unit_of_work(company.company)
        if known is None:
            raise company.NoCompany("no company yet: run `ringfence apply FILE` first")
        since = read_instant(args.since, known.time_zone) if args.since else None
        done = await Intake(database, CucmRecords()).rerate(since)
    if args.json:
        context.print_json({"changed": done.changed, "difference": plain(done.difference)})
    else:
        context.say(
            f"{done.changed} calls changed, {plain(done.difference)} {known.currency} in all"
        )
    return 0
