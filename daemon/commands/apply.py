"""`ringfence apply`: make the company what a site file says, and say what that changed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context
    from daemon.site_apply import Applied
    from daemon.site_file import SiteFileError


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    commands.add("apply", "make the company what a site file says", run, arguments=arguments)


def arguments(parser: ArgumentParser) -> None:
    """What may follow `ringfence apply`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the site file (TOML)")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change, change nothing"
    )
    parser.add_argument(
        "--prune", action="store_true", help="disable the people who are absent from the file"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


async def run(args: Namespace, context: Context) -> int:
    """Apply the file; 0 also where nothing was to do."""
    from daemon.site_apply import apply_file  # noqa: PLC0415 - `--help` must be quick
    from daemon.site_file import SiteFileError  # noqa: PLC0415 - as above

    async with context.database() as database:
        try:
            applied = await apply_file(
                database, args.file, context.clock(), prune=args.prune, dry_run=args.dry_run
            )
        except SiteFileError as error:
            return _refused(error, args.file, context)
    for warning in applied.warnings:
        context.warn(f"warning: {warning}")
    if args.json:
        context.print_json(_document(applied, dry_run=args.dry_run))
    else:
        _tell(applied, context, dry_run=args.dry_run)
    return 0


def _refused(error: SiteFileError, file: Path, context: Context) -> int:
    """One line per problem, since one edit shall be enough."""
    if len(error.problems) == 1:
        raise error
    for problem in error.problems:
        context.warn(f"  {problem}")
    context.warn(f"ringfence: {file}: {len(error.problems)} problems, nothing was applied")
    return 1


def _tell(applied: Applied, context: Context, *, dry_run: bool) -> None:
    for change in applied.changes:
        context.say(str(change))
    if not applied.changes:
        context.say("= nothing changed")
    elif dry_run:
        context.say("(a dry run: nothing was changed)")


def _document(applied: Applied, *, dry_run: bool) -> dict[str, object]:
    words = {"+": "added", "~": "changed", "-": "ended"}
    return {
        "changed": bool(applied.changes) and not dry_run,
        "dry_run": dry_run,
        "changes": [
            {"change": words[c.sign], "what": c.what, "name": c.name, "details": c.details}
            for c in applied.changes
        ],
        "warnings": list(applied.warnings),
    }
