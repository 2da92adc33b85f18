"""`ringfence rejects`: rows that could not be read, and another try at them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context


def register(commands: Commands) -> None:
    """Add `rejects` and `rejects retry`."""
    commands.add("rejects", "list call-record rows that were set aside", run, _arguments)
    commands.add("rejects retry", "read the rows set aside again", run_retry, _arguments)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


async def run(args: Namespace, context: Context) -> int:
    """Print file, line and reason of every row set aside."""
    from storage import files  # noqa: PLC0415 - `--help` must be quick

    async with context.database() as database:
        rows = await database.unit_of_work(files.rejects)
    if args.json:
        context.print_json([{"file": r.file, "line": r.line, "reason": r.reason} for r in rows])
        return 0
    for row in rows:
        context.say(f"{row.file} line {row.line}: {row.reason}")
    if not rows:
        context.say("no rows are set aside")
    return 0


async def run_retry(args: Namespace, context: Context) -> int:
    """Store what can be read now; say what is left."""
    from actors.ingest import Intake  # noqa: PLC0415 - `--help` must be quick
    from pbx.cucm.cdr import CucmRecords  # noqa: PLC0415 - as above
    from storage import files  # noqa: PLC0415 - as above

    async with context.database() as database:
        before = len(await database.unit_of_work(files.rejects))
        taken = await Intake(database, CucmRecords()).retry_rejects()
        left = len(await database.unit_of_work(files.rejects))
    counts = {"resolved": before - left, "legs": taken.legs, "cmr": taken.cmr, "left": left}
    if args.json:
        context.print_json(counts)
    else:
        context.say("{resolved} rows read after all, {left} still set aside".format(**counts))
    return 0
