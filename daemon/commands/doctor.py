"""`ringfence doctor`: what is well, and what to do about the rest."""

from __future__ import annotations

import argparse

from daemon.cli import Commands
from daemon.context import Context


def register(commands: Commands) -> None:
    """Add the command."""
    commands.add("doctor", "look at everything and say what to do", run, arguments)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ringfence doctor`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


async def run(args: argparse.Namespace, context: Context) -> int:
    """Print a line for each finding; 1 where something is to be done."""
    from actors.findings import Finding  # noqa: PLC0415 - `--help` must be quick
    from daemon.doctor import examine  # noqa: PLC0415 - as above

    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if not args.json:
            context.say(str(finding))

    await examine(context, tell)
    if args.json:
        context.print_json(
            [{"what": f.key, "verdict": f.verdict, "text": f.english()} for f in findings]
        )
    return 1 if any(finding.verdict == "TODO" for finding in findings) else 0
