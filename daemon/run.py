"""The composition root: everything that makes a daemon, put together and taken down in order.

    database > phone system > house (bus, actors) > inbox, portal

Going down: no more files and requests, then the actors finish what waits, then the ways outside
close, the database last. Whatever was not finished is found again in its row at the next start.
"""

from __future__ import annotations

import gc
import logging
import resource
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import trio

from actors.house import House, Outside, open_house
from daemon.config import Config, ReportsSection
from daemon.embedded import revive
from daemon.health import dump_tasks_on_signal, feed_watchdog, inbox_problem
from daemon.inbox import watch
from daemon.outside import open_outside
from daemon.probes import probes
from daemon.retention import forget_the_old
from daemon.serving import local_url, open_socket, serve_portal
from daemon.systemd_notify import Notifier
from storage.database import Database, StorageUnavailable
from storage.facts.engine import EngineSettings
from storage.figures import answers
from telephony.clock import Clock, system_clock
from telephony.errors import RingfenceError
from web.app import create_app
from web.ops import add_check
from web.settings import WebSettings
from web.state import set_probes

LOOPBACK = ("127.0.0.1", "::1", "localhost")
STOP_S = 5.0
"""How long requests and actors get once the daemon is told to stop."""

LOOK_AT_SERVER_EVERY_S = 2.0

OPEN_FILES = 65_536
"""Every open page holds a socket; the machine's usual limit of 1,024 would end at as many."""

_log = logging.getLogger("ringfence.daemon")


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that serves: its house and where its portal is reached."""

    house: House
    url: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a daemon is given beside its configuration and its database.

    `data` is the data folder whose embedded server is started again when it dies, None with a
    server of one's own. `outside` replaces what the configuration says about the world outside.
    """

    data: Path | None = None
    clock: Clock = system_clock
    environment: Mapping[str, str] | None = None
    outside: Outside | None = None
    demo: bool = False


async def run_daemon(
    config: Config,
    database: Database,
    around: Surroundings,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run until `stop` is set, then go down in order; at most some seconds later this returns.

    Once everything answers, `task_status` is told and, where systemd started us, systemd too.
    Raises, in a group, what makes it impossible to go on: a part that fails again and again.
    """
    allow_open_files()
    notifier = Notifier(around.environment or {})
    bound = open_socket(config.web)
    phones_reach = phone_url(config, local_url(config.web, bound), demo=around.demo)
    with bound, trio.CancelScope() as everything:
        async with open_outside(config, phones_reach) as configured:
            outside = replace(
                around.outside or configured,
                analytic=analytic(config.reports),
                keep_results=timedelta(days=config.reports.keep_results_days),
            )
            async with open_house(database, around.clock, outside) as house:
                known = replace(around, outside=outside)
                await _serve_house(
                    config, house, known, bound, stop, notifier, everything, task_status
                )
    _log.info("stopped", extra={"in_time": not everything.cancelled_caught})


async def _serve_house(
    config: Config,
    house: House,
    around: Surroundings,
    bound: socket.socket,
    stop: trio.Event,
    notifier: Notifier,
    everything: trio.CancelScope,
    task_status: trio.TaskStatus[Running],
) -> None:
    url = local_url(config.web, bound)
    settings = web_settings(config, url, demo=around.demo)
    app = create_app(house, settings)
    if around.outside is not None:
        looks = probes(config, settings, around.outside, house)
        set_probes(app, looks)
    inbox = Path(config.inbox.directory)
    add_check(app, "inbox", partial(inbox_problem, inbox))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed_watchdog, notifier, house.database)
        nursery.start_soon(dump_tasks_on_signal)
        if around.data is not None:
            nursery.start_soon(_keep_server, around.data, house.database)
        nursery.start_soon(forget_the_old, house, config.retention)
        async with trio.open_nursery() as service:
            taking = await service.start(_take_files, house, config)
            await service.start(serve_portal, app, config.web, bound, stop)
            gc.collect()
            gc.freeze()
            notifier.ready(f"serving {url}")
            _log.info("ready", extra={"url": url})
            task_status.started(Running(house, url))
            await stop.wait()
            _log.info("stopping")
            notifier.stopping()
            gc.unfreeze()  # the interpreter takes apart at its end what it can find
            everything.deadline = trio.current_time() + STOP_S
            taking.cancel()
        nursery.cancel_scope.cancel()


async def _take_files(
    house: House,
    config: Config,
    *,
    task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Watch the inbox until the scope this hands out is cancelled."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(watch, house, config.inbox)
            task_status.started(scope)


async def _keep_server(data: Path, database: Database) -> None:
    """Start the embedded server again whenever it is gone; for ever."""
    while True:
        await trio.sleep(LOOK_AT_SERVER_EVERY_S)
        try:
            await database.unit_of_work(answers)
        except StorageUnavailable as error:
            _log.warning("database away", extra={"why": str(error)})
            try:
                await revive(data, say=_log.warning)
            except RingfenceError as failure:
                _log.warning("database not started", extra={"why": str(failure)})


def analytic(settings: ReportsSection) -> EngineSettings:
    """Where the analytic copy lies, and what it may use."""
    return EngineSettings(Path(settings.directory), settings.memory_mib, settings.threads)


def phone_url(config: Config, url: str, *, demo: bool) -> str:
    """Where phones reach the portal, or nothing where only this machine does.

    The demo's phones are on this machine; real ones cannot fetch anything from a loopback address.
    """
    if config.web.public_url:
        return config.web.public_url.rstrip("/")
    return url if demo or config.web.host not in LOOPBACK else ""


def web_settings(config: Config, url: str, *, demo: bool = False) -> WebSettings:
    """The portal's settings; `url` is where it is reached when `web.public_url` says nothing."""
    public_url = (config.web.public_url or url).rstrip("/")
    return WebSettings(
        public_url=public_url,
        secure_cookies=public_url.startswith("https://"),
        behind_proxy=config.web.behind_proxy,
        session_idle_minutes=config.web.session_idle_minutes,
        session_life_hours=config.web.session_life_hours,
        gadget_session_life_days=config.web.gadget_session_life_days,
        keep_results_days=config.reports.keep_results_days,
        demo=demo,
    )


def allow_open_files(wanted: int = OPEN_FILES) -> None:
    """Take as many files and sockets as the machine lets this process have, up to `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        # A service that may not raise it has been given what it needs: LimitNOFILE.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def stop_on_signals(
    stop: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Set `stop` on SIGTERM or SIGINT; a second one changes nothing."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            stop.set()
