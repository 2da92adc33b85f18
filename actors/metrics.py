"""What the daemon counts while it works. `web.ops` shows it; nothing else reads it.

Counters begin at zero with the process, as Prometheus expects. What the database knows (missing
files, locks wanted and actual) is asked of it when somebody looks.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from telephony.clock import system_clock

REGISTRY = CollectorRegistry()
"""Everything counted in this process."""

FILES = Counter(
    "ringfence_files",
    "Call-record files taken, by outcome: taken, duplicate, refused.",
    ["outcome"],
    registry=REGISTRY,
)
ROWS = Counter("ringfence_rows", "CDR and CMR data rows read.", registry=REGISTRY)
LEGS = Counter("ringfence_legs", "CDR rows stored for the first time.", registry=REGISTRY)
CALLS = Counter("ringfence_calls", "Calls newly created.", registry=REGISTRY)
REJECTS = Counter("ringfence_rejects", "Rows quarantined.", registry=REGISTRY)
INGEST_LAG_S = Gauge(
    "ringfence_ingest_lag_seconds",
    "From the last change of the file taken last to its calls being stored.",
    registry=REGISTRY,
)
INGEST_LAST = Gauge(
    "ringfence_ingest_last_file_timestamp_seconds",
    "When the last file was taken, in seconds since 1970.",
    registry=REGISTRY,
)
PBX_LATENCY_S = Histogram(
    "ringfence_pbx_request_seconds",
    "Time for one request to the phone system.",
    ["interface", "operation"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
    registry=REGISTRY,
)
PBX_ERRORS = Counter(
    "ringfence_pbx_errors",
    "Requests to the phone system that failed, by how.",
    ["interface", "operation", "outcome"],
    registry=REGISTRY,
)


def count_file(
    outcome: str,
    *,
    rows: int = 0,
    legs: int = 0,
    calls: int = 0,
    rejected: int = 0,
    lag_s: float | None = None,
    at: float | None = None,
) -> None:
    """Count one file: `outcome` is taken, duplicate or refused; `at` is seconds since 1970."""
    FILES.labels(outcome).inc()
    ROWS.inc(rows)
    LEGS.inc(legs)
    CALLS.inc(calls)
    REJECTS.inc(rejected)
    if lag_s is not None:
        INGEST_LAG_S.set(max(0.0, lag_s))
    if at is not None:
        INGEST_LAST.set(at)


def count_pbx_request(interface: str, operation: str, seconds: float, outcome: str) -> None:
    """Count one request to the phone system; any outcome but `ok` is an error."""
    PBX_LATENCY_S.labels(interface, operation).observe(seconds)
    heard, now = heard_of(interface), system_clock()
    if outcome == "ok":
        _HEARD[interface] = heard._replace(answered_at=now)
        return
    PBX_ERRORS.labels(interface, operation, outcome).inc()
    _HEARD[interface] = heard._replace(failed_at=now, outcome=outcome)


class Heard(NamedTuple):
    """When an interface of the phone system last answered and last failed, and how it did."""

    answered_at: datetime | None = None
    failed_at: datetime | None = None
    outcome: str = ""


_HEARD: dict[str, Heard] = {}


def heard_of(interface: str) -> Heard:
    """What this process has heard of an interface (`axl`, `ris`) since it began."""
    return _HEARD.get(interface, Heard())
