"""`ringfence run`: the daemon."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from daemon.cli import Commands
from daemon.config import environment
from daemon.context import Context

CONNECTIONS = 12


def register(commands: Commands) -> None:
    """Add the command."""
    commands.add("run", "run the daemon until SIGTERM or Ctrl-C", run)


async def run(_args: argparse.Namespace, context: Context) -> int:
    """Run the daemon; 0 when it was told to stop."""
    import trio  # noqa: PLC0415 - `--help` must be quick

    from daemon.log import set_up  # noqa: PLC0415 - as above
    from daemon.mutex import only_daemon  # noqa: PLC0415 - as above
    from daemon.run import Surroundings, run_daemon, stop_on_signals  # noqa: PLC0415 - as above

    set_up(context.config.log.level, context.config.log.mask_digits)
    data = None if context.config.database.dsn else context.data
    alone = only_daemon(data) if data is not None else nullcontext()
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(stop_on_signals, stop)
        async with context.database(max_size=CONNECTIONS) as database, alone:
            around = Surroundings(
                data=data,
                clock=context.clock,
                environment=environment(),
            )
            await run_daemon(context.config, database, around, stop)
        nursery.cancel_scope.cancel()
    return 0
