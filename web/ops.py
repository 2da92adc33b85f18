"""For machines that watch the daemon: `/healthz` and `/metrics`. Neither asks who looks.

Neither tells anything about a person, a call or a number.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from secrets import token_hex
from typing import cast

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.openmetrics.exposition import (
    CONTENT_TYPE_LATEST,
    generate_latest,  # pyright: ignore[reportUnknownVariableType]
)
from quart import Blueprint, Quart, Response, current_app, jsonify

from actors.house import House
from actors.metrics import REGISTRY
from storage.database import StorageError, StorageUnavailable
from storage.figures import Figures, answers, read_figures
from telephony.trail import follow
from web.context import house

ops = Blueprint("ops", __name__)

Check = Callable[[], Awaitable[str]]
"""Looks at one thing: empty when all is well, else what is wrong, in one line."""

_CHECKS = "ringfence-checks"

_STATE = {
    "files_missing": "Holes in the sequence numbers of call-record files.",
    "rejects_open": "Quarantined rows nobody has resolved.",
    "calls_unrated": "Calls no rate covers.",
    "alarms_standing": "Alarms raised and not cleared.",
    "locks_wanted": "Extensions that somebody holds locked.",
    "locks_actual": "Lines the phone system has locked.",
    "locks_differing": "Extensions whose wanted and actual lock disagree.",
    "drifted": "Lines somebody changed by hand while they were locked.",
    "notifications_pending": "Notifications not yet sent.",
    "notifications_failed": "Notifications given up.",
    "budgets_exhausted": "Open budget periods that are exhausted.",
}


def register(app: Quart, house: House) -> None:
    """Put the pages on the portal, with the check that the house itself gives."""

    async def database() -> str:
        # A pool with no connection to give in time is a database that does not answer.
        await house.database.unit_of_work(answers)
        return ""

    app.before_request(_follow_request)
    app.extensions[_CHECKS] = {"database": database}
    app.register_blueprint(ops)


async def _follow_request() -> None:
    """Let every log line of one request carry one id.

    Awaited, for a plain function would run in a thread and keep the id to itself.
    """
    follow(request_id=token_hex(6))


def add_check(app: Quart, name: str, check: Check) -> None:
    """Have `/healthz` look at one more thing."""
    _checks(app)[name] = check


def _checks(app: Quart) -> dict[str, Check]:
    return cast("dict[str, Check]", app.extensions[_CHECKS])


async def failing(app: Quart) -> dict[str, str]:
    """What is wrong, by check; empty when all is well."""
    found: dict[str, str] = {}
    for name, check in _checks(app).items():
        try:
            problem = await check()
        except (StorageUnavailable, StorageError, OSError) as error:
            problem = str(error) or type(error).__name__
        if problem:
            found[name] = problem
    return found


@ops.get("/healthz")
async def healthz() -> tuple[Response, int]:
    """200 while everything needed answers; 503 naming what does not."""
    problems = await failing(current_app)
    checks = {name: problems.get(name, "ok") for name in _checks(current_app)}
    return jsonify({"status": "failing" if problems else "ok", "checks": checks}), (
        503 if problems else 200
    )


@ops.get("/metrics")
async def metrics() -> Response:
    """Everything counted, as OpenMetrics; without the database, what the process itself knows."""
    try:
        figures = await house().database.unit_of_work(read_figures)
    except (StorageUnavailable, StorageError):
        figures = None
    text = _text(REGISTRY) if figures is None else _exposition(figures)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _text(registry: CollectorRegistry) -> bytes:
    return cast("bytes", generate_latest(registry))


def _exposition(figures: Figures) -> bytes:
    """The process's counters and the state's gauges as one document with one end."""
    state = CollectorRegistry()
    for name, words in _STATE.items():
        Gauge(f"ringfence_{name}", words, registry=state).set(getattr(figures, name))
    live = Gauge("ringfence_actors_live", "Actors at this moment.", ["kind"], registry=state)
    dropped = Gauge(
        "ringfence_hints_dropped", "Hints that found a full mailbox.", ["kind"], registry=state
    )
    for registry in (house().locks, house().budgets, house().lines):
        if registry is not None:
            live.labels(registry.name).set(registry.live)
            dropped.labels(registry.name).set(registry.dropped)
    watchers = Gauge("ringfence_watchers", "Pages that refresh by themselves.", registry=state)
    watchers.set(house().bus.watchers)
    prepared = Gauge(
        "ringfence_reports_prepared_ratio", "Calls that reports are asked of.", registry=state
    )
    prepared.set(house().reports.copy.percent / 100)
    ending = b"# EOF\n"
    return _text(REGISTRY).removesuffix(ending) + _text(state)
