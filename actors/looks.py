"""Looks at the world outside: does the mail server take mail, does the phone system lock rightly.

It changes nothing. Every look has a deadline; what does not answer in time is a finding as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import trio

from actors import state
from actors.findings import Finding, Words, plain, said
from actors.house import Outside
from actors.mailer import try_connection
from actors.metrics import heard_of
from actors.proof import Proofs
from pbx.port import LineLocker, PbxLine
from storage import locks, people
from storage.database import Database
from storage.figures import Standing
from telephony.clock import Clock
from telephony.errors import PbxError
from telephony.plant import ExtensionKey
from words.language import N_

EXTENSIONS_LOOKED_AT = 25
"""Lines read to find which calling search spaces the company uses; enough to meet each of them."""

MAIL_TIMEOUT_S = 30.0
_limiter = trio.CapacityLimiter(2)

Look = Callable[[Standing], Awaitable[list[Finding]]]
"""Looks at one thing, given what the database knows; never raises what the world outside does."""

_SEE_CUCM = (said(N_("see %(section)s of the configuration"), section="[cucm]"),)


async def mail(outside: Outside, found: Standing) -> list[Finding]:
    """Whether the mail server lets us in."""
    settings = outside.mail
    if settings is None:
        return [state.mail(found, None)]
    problem = "no answer in time"
    with trio.move_on_after(MAIL_TIMEOUT_S):
        problem = await trio.to_thread.run_sync(
            try_connection, settings, abandon_on_cancel=True, limiter=_limiter
        )
    return [state.mail(found, f"{settings.host}:{settings.port}", problem)]


def mail_known(outside: Outside, found: Standing) -> list[Finding]:
    """The same without asking the server: what its queue says."""
    settings = outside.mail
    server = f"{settings.host}:{settings.port}" if settings else None
    return [state.mail(found, server)]


def phone_system_known(outside: Outside, found: Standing) -> list[Finding]:
    """What the daemon has heard of the phone system, without asking it now."""
    if outside.locker is None:
        return [_no_phone_system()]
    heard, read_at = heard_of("axl"), found.phone_system.read_at
    answered_at = max((at for at in (heard.answered_at, read_at) if at), default=None)
    if heard.failed_at and (answered_at is None or heard.failed_at > answered_at):
        text = said(N_("no answer at %(at)s: %(why)s"), at=heard.failed_at, why=heard.outcome)
        return [Finding(state.AXL, "TODO", text, (*_last(answered_at), *_SEE_CUCM))]
    if answered_at is None:
        return [Finding(state.AXL, "OK", Words(N_("configured; not asked for anything yet")))]
    return [Finding(state.AXL, "OK", said(N_("last answer at %(at)s"), at=answered_at))]


def _last(answered_at: datetime | None) -> tuple[Words, ...]:
    return (said(N_("last answer at %(at)s"), at=answered_at),) if answered_at else ()


def _no_phone_system() -> Finding:
    return Finding(state.AXL, "--", Words(N_("not configured; nothing is locked")))


def phone_system_trouble(why: Words) -> Finding:
    """The phone system did not do what it was asked, or cannot be asked as configured."""
    return Finding(state.AXL, "TODO", why, _SEE_CUCM)


class PhoneSystemLook:
    """Asks the phone system for its version, and proves the lock of each search space in use."""

    def __init__(
        self, outside: Outside, database: Database, clock: Clock, timeout_s: float
    ) -> None:
        self._outside = outside
        self._database = database
        self._proofs = Proofs(clock, outside.sample_numbers)
        self._timeout_s = timeout_s

    async def __call__(self, _: Standing) -> list[Finding]:
        """The findings, as many as came in time."""
        locker, found = self._outside.locker, list[Finding]()
        if locker is None:
            return [_no_phone_system()]
        try:
            with trio.fail_after(self._timeout_s):
                version = await locker.version()
                found.append(Finding(state.AXL, "OK", plain(f"Cisco UCM {version}")))
                for key, line in await self._lines(locker):
                    found.append(await self._lock_rights(locker, key, line))
        except PbxError as error:
            found.append(phone_system_trouble(plain(str(error))))
        except trio.TooSlowError:
            found.append(phone_system_trouble(Words(N_("no answer in time"))))
        return found

    async def _lines(self, locker: LineLocker) -> list[tuple[ExtensionKey, PbxLine]]:
        """One line for each calling search space met at some of the people's extensions."""
        everybody = await self._database.unit_of_work(people.listing)
        keys = [key for person in everybody if not person.disabled for key in person.extensions]
        met: dict[str, tuple[ExtensionKey, PbxLine]] = {}
        step = max(1, len(keys) // EXTENSIONS_LOOKED_AT)
        for key in keys[::step][:EXTENSIONS_LOOKED_AT]:
            for line in await locker.find_lines(key.number, key.partition):
                if not locker.is_lock_rights(line.rights):
                    met.setdefault(line.rights, (key, line))
        return [met[rights] for rights in sorted(met)]

    async def _lock_rights(self, locker: LineLocker, key: ExtensionKey, line: PbxLine) -> Finding:
        css = plain(line.rights) if line.rights else Words(N_("lines without CSS"))
        what = said(N_("lock of %(css)s"), css=css)
        rights = locker.lock_rights(line.rights)
        if rights is None:
            keys = "cucm.default_lock_css, cucm.lock_css"
            todo = said(N_("no lock CSS: set one of %(keys)s"), keys=keys)
            return Finding(what, "TODO", todo)
        plan = await self._database.unit_of_work(locks.dial_plan, key)
        proof = await self._proofs.prove(locker, line, rights, plan)
        if not proof.holds:
            text = said(
                N_("%(css)s, shown at %(extension)s: %(why)s"),
                css=rights,
                extension=str(key),
                why=proof.reason,
            )
            return Finding(what, "TODO", text)
        reaches = said(N_("%(css)s reaches emergency numbers and nothing outside"), css=rights)
        return Finding(what, "OK", reaches)
