"""`ringfence import`: call-record files taken once, by the very path the daemon takes them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context

COUNTS = ("files", "duplicate_files", "rows", "legs", "calls", "rejected", "cmr")


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    commands.add("import", "take call-record files once, leaving them in place", run, arguments)


def arguments(parser: ArgumentParser) -> None:
    """What may follow `ringfence import`."""
    parser.add_argument("file", nargs="+", type=Path, metavar="FILE", help="a CDR or CMR file")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


async def run(args: Namespace, context: Context) -> int:
    """Take the files; 1 when any of them was refused, each with a line that names it."""
    from actors.ingest import import_files  # noqa: PLC0415 - `--help` must be quick
    from pbx.cucm.cdr import CucmRecords  # noqa: PLC0415 - as above
    from storage.company import company  # noqa: PLC0415 - as above

    async with context.database() as database:
        if await database.unit_of_work(company) is None:
            context.warn(
                "no company yet, so nothing is priced: run `ringfence apply FILE`, then "
                "`ringfence rerate`"
            )
        taken, refused = await import_files(database, CucmRecords(), args.file)
    for line in refused:
        context.warn(f"ringfence: {line}")
    counts = {name: getattr(taken, name) for name in COUNTS}
    if args.json:
        context.print_json(counts)
    else:
        context.say(
            "{rows} rows of {files} files ({duplicate_files} known already): {legs} new legs, "
            "{calls} new calls, {cmr} new quality rows, {rejected} rows set aside".format(**counts)
        )
        if taken.rejected:
            context.say("see them with `ringfence rejects`")
    return 1 if refused else 0
