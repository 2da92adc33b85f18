"""`ringfence demo` whole: the past, the lab, the daemon and its live calls, up and down in order.

The data folder is one like any other, with a configuration beside the data, so that every command
with the same `--data` works on the demo while it runs.
"""

from __future__ import annotations

import json
import socket
from functools import partial
from pathlib import Path

import trio

from daemon.config import environment, load_config
from daemon.context import Context
from daemon.demo.company import PASSWORD, SIGN_INS
from daemon.demo.history import seed
from daemon.demo.lab import lab_company
from daemon.demo.past import YEAR, Scale
from daemon.log import set_up
from daemon.mutex import only_daemon
from daemon.run import Running, Surroundings, run_daemon, stop_on_signals
from pbx.lab.company import CSS_LOCKED
from pbx.lab.lab import Lab, live_calls, open_lab
from storage import demo
from storage.database import Database
from storage.migrate import migrate
from telephony.clock import Clock
from telephony.errors import RingfenceError

CALLS_PER_MINUTE = 6.0
CONNECTIONS = 12
HOST = "127.0.0.1"


async def run_demo(
    data: Path, clock: Clock, *, port: int, quiet: bool, scale: Scale = YEAR
) -> None:
    """Run the demo on `data` until SIGTERM or Ctrl-C, then take everything down again.

    Raises `RingfenceError` where the port is taken, another demo runs on the folder, or the folder
    holds a company that is not the demo's.
    """
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(stop_on_signals, stop)
        port = free_port(port)
        await trio.Path(data).mkdir(parents=True, exist_ok=True)
        context = Context(load_config(None, data, {}), data, clock)
        async with context.database(max_size=CONNECTIONS) as database, only_daemon(data):
            if await _lived_through(database, context, scale, stop):
                await _serve(database, context, port, stop, quiet=quiet)
        nursery.cancel_scope.cancel()


def free_port(port: int) -> int:
    """The port, or a free one for 0; `RingfenceError` where somebody listens there already."""
    try:
        with socket.create_server((HOST, port)) as probe:
            return int(probe.getsockname()[1])
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise RingfenceError(f"port {port} on {HOST}: {why}; choose another with --port") from error


async def _lived_through(
    database: Database, context: Context, scale: Scale, stop: trio.Event
) -> bool:
    """See to it that the whole past is there; False where we were stopped meanwhile."""
    unfinished = context.data / "demo-unfinished"
    stage = await database.unit_of_work(demo.stage)
    if stage == "demo":
        return True
    if stage == "real":
        if not unfinished.exists():
            raise RingfenceError(
                f"{context.data} holds a company that is not the demo's: choose another with --data"
            )
        context.warn("the demo was interrupted while it was being made: beginning anew")
        await database.unit_of_work(demo.wipe)
        await database.unit_of_work(migrate)
    unfinished.touch()
    (context.data / "lab-state.json").unlink(missing_ok=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when, stop, nursery.cancel_scope)
        taken = await seed(database, context.data, context.clock(), scale)
        context.warn(f"{taken.calls} calls of {taken.legs} call records")
        unfinished.unlink()
        nursery.cancel_scope.cancel()
    return not stop.is_set()


async def _cancel_when(stop: trio.Event, scope: trio.CancelScope) -> None:
    await stop.wait()
    scope.cancel()


async def _serve(
    database: Database, context: Context, port: int, stop: trio.Event, *, quiet: bool
) -> None:
    """Lab and daemon until told to stop; the daemon goes down first."""
    inbox = context.data / "inbox"
    inbox.mkdir(exist_ok=True)
    async with (
        open_lab(lab_company(), inbox=inbox, clock=context.clock) as lab,
        trio.open_nursery() as around,
    ):
        file = context.data / "ringfence.toml"
        file.write_text(configuration(lab, port))
        config = load_config(file, context.data, environment())
        set_up(config.log.level, config.log.mask_digits)
        surroundings = Surroundings(data=context.data, clock=context.clock, demo=True)
        async with trio.open_nursery() as nursery:
            start = partial(run_daemon, config, database, surroundings, stop)
            _announce(context, await nursery.start(start), lab)
            if not quiet:
                around.start_soon(live_calls, lab, CALLS_PER_MINUTE)
        around.cancel_scope.cancel()


def _announce(context: Context, running: Running, lab: Lab) -> None:
    context.say(f"ready {running.url}")
    context.say(f"lab {lab.control_url}")
    for name in SIGN_INS:
        context.say(f"sign-in {name} {PASSWORD}")
    context.warn("Ctrl-C stops everything")


def configuration(lab: Lab, port: int) -> str:
    """The configuration of a daemon in the lab, as a TOML document."""
    who = lab.credentials
    sections: dict[str, dict[str, str | int]] = {
        "web": {"host": HOST, "port": port},
        "mail": {
            "host": HOST,
            "port": lab.smtp_port,
            "security": "none",
            "sender": "ringfence@example.com",
        },
        "cucm": {
            "axl_url": lab.axl_url,
            "ris_url": lab.ris_url,
            "username": who.axl_username,
            "password": who.axl_password,
            "default_lock_css": CSS_LOCKED,
            "phone_username": who.phone_username,
            "phone_password": who.phone_password,
            "phone_port": lab.phone_port,
        },
        "log": {"level": "warning"},
    }
    lines = ["# Written by `ringfence demo` at every start."]
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(v)}" for key, v in values.items())]
    return "\n".join([*lines, ""])
