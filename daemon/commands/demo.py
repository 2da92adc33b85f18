"""`ringfence demo`: an invented company with a year of calls, a lab and the daemon, in one go."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli import Commands
    from daemon.context import Context

DEFAULT_PORT = 8080


def register(commands: Commands) -> None:
    """Add the command to the command line."""
    commands.add("demo", "try everything on an invented company", run, arguments=arguments)


def arguments(parser: ArgumentParser) -> None:
    """What may follow `ringfence demo`."""
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"where the portal listens on 127.0.0.1 (default {DEFAULT_PORT}; 0: any free port)",
    )
    parser.add_argument("--quiet", action="store_true", help="make no live calls of its own")


async def run(args: Namespace, context: Context) -> int:
    """Seed what is missing, start everything, and run until interrupted."""
    from daemon.demo.run import run_demo  # noqa: PLC0415 - `--help` must be quick

    await run_demo(context.data, context.clock, port=args.port, quiet=args.quiet)
    return 0
