"""A company's directory over LDAP: Active Directory, OpenLDAP, 389 and their like.

Servers are asked in the order of the settings. One that failed is asked last for `FAILED_S`
seconds, so that a dead first server does not slow every sign-in down. Nothing blocks the caller's
loop: a conversation is a thread's, with a connection of its own, and ends by its own deadlines.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from directory import entries, groups
from directory.exchange import Exchange, Found
from directory.names import BadName, ServerName, escaped, server_name, typed_name
from directory.port import (
    AccountLocked,
    Directory,
    DirectoryError,
    DirectoryPerson,
    DirectoryRefused,
    DirectorySettings,
    DirectoryUnavailable,
    NotAdmitted,
    SignInRefused,
    Trouble,
)
from directory.settings_check import check_settings
from directory.wire import Address, Wire, trust
from telephony.clock import Clock, system_clock

FAILED_S = 60.0
"""How long a server that failed is asked after all others, in seconds."""

_THREADS = 16
_COUNTED = 100
"""How many entries a probe looks for."""

_PROPER_TO_ONE: frozenset[Trouble] = frozenset(
    {"tls", "certificate_expired", "certificate_name", "certificate_unknown", "starttls"}
)
"""Refusals that say something of one server: the next one may do."""

T = TypeVar("T")


def open_directory(settings: DirectorySettings, clock: Clock = system_clock) -> Directory:
    """The directory of these settings; connects to nothing yet. To be used in one Trio loop.

    Raises:
        DirectoryRefused: The settings cannot be right; `check_settings` says what is wrong.
    """
    problems = check_settings(settings)
    if problems:
        named = ", ".join(f"{problem.field} ({problem.code})" for problem in problems)
        raise DirectoryRefused(f"The directory's settings are not usable: {named}", "settings")
    return LdapDirectory(settings, clock)


class LdapDirectory:
    """Speaks LDAP. Get one from `open_directory`."""

    def __init__(self, settings: DirectorySettings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock
        self._servers = [server_name(server) for server in settings.servers]
        self._failed_at: dict[ServerName, float] = {}
        self._threads = trio.CapacityLimiter(_THREADS)
        self._lookups = trio.CapacityLimiter(_THREADS)
        self._context: ssl.SSLContext | None = None

    async def sign_in(self, name: str, password: str) -> DirectoryPerson:
        """See `Directory.sign_in`."""
        if not password.strip():
            raise SignInRefused("the password is empty")
        try:
            password.encode("utf-8")
            typed = typed_name(name)
        except (BadName, UnicodeEncodeError):
            raise SignInRefused("name or password is wrong") from None
        admit = self._by_upn if self._settings.sign_in == "upn" else self._by_search
        return await self._somewhere(partial(admit, typed, password))

    async def everybody(self) -> list[DirectoryPerson]:
        """See `Directory.everybody`."""
        return await self._somewhere(self._all, patient=True)

    async def probe(self) -> str:
        """See `Directory.probe`."""
        return await self._somewhere(self._looked_at)

    async def _somewhere(self, work: Callable[[Exchange], T], *, patient: bool = False) -> T:
        """Do this at the first server that can."""
        failures: list[tuple[ServerName, DirectoryError]] = []
        for server in self._in_order():
            try:
                done = await self._at(server, work, patient=patient)
            except (DirectoryUnavailable, DirectoryRefused) as error:
                if isinstance(error, DirectoryRefused) and error.trouble not in _PROPER_TO_ONE:
                    raise
                self._failed_at[server] = trio.current_time()
                failures.append((server, error))
            else:
                self._failed_at.pop(server, None)
                return done
        raise _together(failures)

    def _in_order(self) -> list[ServerName]:
        now = trio.current_time()

        def failed(server: ServerName) -> bool:
            return now - self._failed_at.get(server, float("-inf")) < FAILED_S

        return sorted(self._servers, key=failed)

    async def _at(self, server: ServerName, work: Callable[[Exchange], T], *, patient: bool) -> T:
        """Do this at one server, within the time-outs; cancelled, the thread is cut short."""
        settings = self._settings
        within_s = settings.connect_timeout_s + settings.answer_timeout_s
        wire = Wire(settings.connect_timeout_s)
        exchange = Exchange(settings, server, wire, patient=patient)
        try:
            with trio.move_on_after(float("inf") if patient else within_s):
                addresses = await self._addresses(exchange.server)
                return await trio.to_thread.run_sync(
                    partial(self._converse, exchange, addresses, work),
                    abandon_on_cancel=True,
                    limiter=self._threads,
                )
        finally:
            wire.cut()
        raise DirectoryUnavailable("no answer in time", "no_answer")

    async def _addresses(self, server: ServerName) -> list[Address]:
        lookup = partial(socket.getaddrinfo, server.host, server.port, type=socket.SOCK_STREAM)
        with trio.move_on_after(self._settings.connect_timeout_s):
            try:
                found = await trio.to_thread.run_sync(
                    lookup, abandon_on_cancel=True, limiter=self._lookups
                )
            except (OSError, UnicodeError):
                raise DirectoryUnavailable("its name has no address", "no_answer") from None
            return list(found)
        raise DirectoryUnavailable("its name is not found in time", "no_answer")

    def _converse(
        self, exchange: Exchange, addresses: list[Address], work: Callable[[Exchange], T]
    ) -> T:
        """In a thread: connect, do the work, close."""
        try:
            exchange.open(addresses, self._trusted())
            return work(exchange)
        finally:
            exchange.close()

    def _trusted(self) -> ssl.SSLContext | None:
        if self._settings.encryption == "none":
            return None
        if self._context is None:
            try:
                self._context = trust(self._settings.certificates)
            except (ValueError, OSError):
                raise DirectoryRefused("no certificates to trust can be read", "settings") from None
        return self._context

    def _by_search(self, name: str, password: str, talk: Exchange) -> DirectoryPerson:
        talk.bind_service()
        found = self._only(talk, f"({self._settings.attributes.login}={escaped(name)})")
        granted = groups.of_one(talk, self._settings, found, name)
        talk.bind_person(found.dn, password)
        return self._admitted(found, granted)

    def _by_upn(self, name: str, password: str, talk: Exchange) -> DirectoryPerson:
        account, at, domain = name.rpartition("@")
        suffix = self._settings.upn_suffix.strip().lstrip("@")
        upn = name if at else f"{name}@{suffix}"
        talk.bind_person(upn, password)
        only = f"(userPrincipalName={escaped(upn)})"
        if not at or domain.lower() == suffix.lower():
            login = escaped(account if at else name)
            only = f"(|{only}({self._settings.attributes.login}={login}))"
        found = self._only(talk, only)
        granted = groups.of_one(talk, self._settings, found, name)
        # Several names may lead to one account; the password must open the very entry we found.
        talk.bind_person(found.dn, password)
        return self._admitted(found, granted)

    def _only(self, talk: Exchange, only: str) -> Found:
        settings = self._settings
        everything = f"(&{settings.user_filter.strip()}{only})"
        found = talk.some(settings.base, everything, entries.wanted(settings.attributes), 2)
        if len(found) > 1:
            raise SignInRefused("more than one entry has this name")
        if not found:
            raise SignInRefused("name or password is wrong")
        return found[0]

    def _admitted(self, found: Found, granted: groups.Granted | None) -> DirectoryPerson:
        settings = self._settings
        if entries.closed(found, self._clock()):
            raise AccountLocked("the account is disabled or has expired")
        if granted is None:
            raise NotAdmitted("no group of this person gives a role")
        admitted = entries.person(
            found, settings.attributes, settings.extension_digits, granted, self._clock()
        )
        if not admitted.login:
            raise SignInRefused("the entry has no name to sign in with")
        return admitted

    def _all(self, talk: Exchange) -> list[DirectoryPerson]:
        settings = self._settings
        now = self._clock()
        talk.bind_service()
        roles = groups.of_all(talk, settings)
        people: list[DirectoryPerson] = []
        wanted = entries.wanted(settings.attributes)
        for found in talk.all(settings.base, settings.user_filter.strip(), wanted):
            login = entries.first_text(found, settings.attributes.login)
            granted = roles.of(found, login) if login else None
            if granted is not None:
                people.append(
                    entries.person(
                        found, settings.attributes, settings.extension_digits, granted, now
                    )
                )
        return people

    def _looked_at(self, talk: Exchange) -> str:
        settings = self._settings
        talk.bind_service()
        groups.check_present(talk, settings.groups)
        found = talk.some(settings.base, settings.user_filter.strip(), (), _COUNTED)
        if not found:
            raise DirectoryRefused(
                f"Nobody below {settings.base} passes the filter, or the service account may see "
                "nobody there",
                "nobody",
            )
        count = f"at least {_COUNTED}" if len(found) == _COUNTED else str(len(found))
        who = settings.bind_name or "anonymous"
        return (
            f"{talk.server}, {talk.protocol}, as {who}: {count} entries below {settings.base}, "
            f"{len(settings.groups)} groups found"
        )


def _together(failures: list[tuple[ServerName, DirectoryError]]) -> DirectoryError:
    """One error for all servers; a refusal first, for that is what somebody can mend."""
    text = "; ".join(f"{server}: {error}" for server, error in failures)
    refused = [error for _, error in failures if isinstance(error, DirectoryRefused)]
    if refused:
        return DirectoryRefused(text, refused[0].trouble)
    return DirectoryUnavailable(text, failures[0][1].trouble)
