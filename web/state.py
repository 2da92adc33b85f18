"""The state of the daemon: what is well, what is not, and what to do. For administrators.

What the database knows is read for every page. What asks the mail server or the phone system is
done when somebody presses the button, within a deadline, and shown for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, cast

import trio
from babel.numbers import format_decimal
from quart import Quart, Response, current_app, request

from actors import state
from actors.findings import Bytes, Finding, Value, Words, size_words
from actors.looks import Look
from storage import audit
from storage.database import StorageError, StorageUnavailable
from storage.figures import Standing, read_standing
from web.context import go, house, part_or_page, reader, say, settings
from web.portal import administrator_pages
from web.trail import event
from words.language import N_

state_pages = administrator_pages("state")

SHOWN_FOR = timedelta(minutes=10)
"""How long what was found by looking stands before what is known without looking again."""

_STATE = "ringfence-state"


@dataclass(frozen=True, slots=True)
class Probes:
    """What the daemon, which knows the configuration, adds to what the database knows.

    `quick` are asked for every page and ask nobody outside this machine; `looks` do.
    """

    quick: tuple[Look, ...] = ()
    looks: tuple[Look, ...] = ()


class Looked(NamedTuple):
    """What was found the last time somebody had everything looked at."""

    at: datetime
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What the page knows beside the database: since when we run, the probes, the last look."""

    started_at: datetime
    probes: Probes = Probes()
    looked: Looked | None = None


def register(app: Quart, started_at: datetime) -> None:
    """Note since when this application runs."""
    app.extensions[_STATE] = Known(started_at)


def set_probes(app: Quart, probes: Probes) -> None:
    """Have the page look at what only the daemon can."""
    app.extensions[_STATE] = replace(_known_of(app), probes=probes)


def _known_of(app: Quart) -> Known:
    return cast("Known", app.extensions[_STATE])


def _known() -> Known:
    return cast("Known", current_app.extensions[_STATE])


async def _findings(known: Known, standing: Standing) -> list[Finding]:
    """Everything found, in the order of `ringfence doctor`; what was just looked at wins."""
    quick = [finding for probe in known.probes.quick for finding in await probe(standing)]
    if not known.probes.quick:
        quick = [state.inbox(standing)]
    found = [
        *(say_of(standing) for say_of in state.BEFORE),
        *quick,
        *(say_of(standing) for say_of in state.AFTER),
    ]
    looked = known.looked
    if looked is None or house().clock() - looked.at > SHOWN_FOR:
        return found
    return _with_looked(found, looked.findings)


def _with_looked(found: list[Finding], looked: Sequence[Finding]) -> list[Finding]:
    fresh = {finding.key: finding for finding in looked}
    kept = [fresh.pop(finding.key, finding) for finding in found]
    return [*kept, *fresh.values()]


class Live(NamedTuple):
    """What this process is doing at this moment."""

    actors: int
    pages: int


def _live() -> Live:
    at = house()
    registries = (at.locks, at.budgets, at.lines)
    actors = sum(registry.live for registry in registries if registry is not None)
    return Live(actors, at.bus.watchers)


_ORDER = {"TODO": 0, "OK": 1, "--": 2}


@state_pages.get("/admin/")
async def state_page() -> Response:
    """Every finding, what is to be done first."""
    known = _known()
    standing = await house().database.unit_of_work(read_standing)
    findings = await _findings(known, standing)
    looked = known.looked
    return await part_or_page(
        "portal/admin/state_findings.html",
        "portal/admin/state.html",
        findings=sorted(findings, key=lambda finding: _ORDER[finding.verdict]),
        to_do=sum(finding.verdict == "TODO" for finding in findings),
        standing=standing,
        looked_at=looked.at if looked and house().clock() - looked.at <= SHOWN_FOR else None,
        can_look=bool(known.probes.looks),
        started_at=known.started_at,
        live=_live(),
        version=settings().version,
        words_of=words_of,
        title_of=title_of,
        just_looked="looked" in request.args,
    )


@state_pages.post("/admin/look")
async def look() -> Response:
    """Look at everything outside now, all at once; each look has its own deadline."""
    at, known = house(), _known()
    standing = await at.database.unit_of_work(read_standing)
    found: list[list[Finding]] = [[] for _ in known.probes.looks]

    async def one(index: int, probe: Look) -> None:
        try:
            found[index] = await probe(standing)
        except (StorageUnavailable, StorageError):
            found[index] = []  # the page that follows says that the database is away

    async with trio.open_nursery() as nursery:
        for index, probe in enumerate(known.probes.looks):
            nursery.start_soon(one, index, probe)
    findings = tuple(finding for some in found for finding in some)
    app = current_app
    app.extensions[_STATE] = replace(_known(), looked=Looked(at.clock(), findings))
    await at.database.unit_of_work(audit.record, event("state_examined"), at.clock())
    return go("/admin/?looked=1")


_TITLES = {
    "SMTP": N_("Mail server"),
    "AXL": N_("Phone system"),
    "LDAP": N_("Company directory"),
}
"""What the page calls by its use and the command by its protocol."""

# Words --------------------------------------------------------------------------------------------


def words_of(words: Words | str) -> str:
    """What a finding says, in the reader's language, zone and figures."""
    if isinstance(words, str):
        return words
    said = reader().language.words.gettext(words.message)
    if not words.values:
        return said
    return said % {name: _value(value) for name, value in words.values.items()}


def title_of(finding: Finding) -> str:
    """What the finding is about, as a title."""
    words = say(_TITLES[finding.key]) if finding.key in _TITLES else words_of(finding.what)
    return words[:1].upper() + words[1:]


def _value(value: Value) -> str:
    if isinstance(value, Words):
        return words_of(value)
    # A name, a path, an instant keeps its own direction in a sentence of the other one.
    told = _told(value)
    return f"\u2068{told}\u2069" if reader().language.direction == "rtl" else told


def _told(value: str | int | datetime) -> str:
    if isinstance(value, Bytes):
        amount, _, unit = size_words(value).partition(" ")
        return f"{format_decimal(Decimal(amount), locale=reader().language.locale)} {unit}"
    if isinstance(value, datetime):
        return reader().moment(value)
    return reader().number(value) if isinstance(value, int) else value
