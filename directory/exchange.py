"""One conversation with one server: bind and search, through ldap3, over a `Wire`.

ldap3 encodes and decodes here and does nothing else. Sockets, time-outs and TLS are ours: its own
wait anew for every byte, check host names with code that Python 3.12 took away (3.11 warns of it),
and follow references with the password of whoever asked.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, cast

from ldap3 import ANONYMOUS, BASE, DEREF_NEVER, NONE, SIMPLE, SUBTREE, SYNC, Connection, Server
from ldap3.core.exceptions import (
    LDAPCommunicationError,
    LDAPException,
    LDAPInvalidFilterError,
    LDAPResponseTimeoutError,
)
from ldap3.strategy.sync import SyncStrategy
from pyasn1.error import PyAsn1Error

from directory import refusals
from directory.names import ServerName
from directory.port import (
    DirectoryError,
    DirectoryRefused,
    DirectorySettings,
    DirectoryUnavailable,
    SignInRefused,
    Trouble,
)
from directory.wire import Address, Wire

MAX_ENTRIES = 500_000
"""More than any company has: a server that never comes to an end is stopped here."""

_START_TLS = "1.3.6.1.4.1.1466.20037"
_PAGES = "1.2.840.113556.1.4.319"
_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
_ASK_POLICY = [(_POLICY, False, None)]
_NONSENSE = (PyAsn1Error, LookupError, TypeError, ValueError, AttributeError)
"""What ldap3's decoder makes of bytes that are no LDAP."""

_CERTIFICATE: Mapping[int, tuple[Trouble, str]] = {
    10: ("certificate_expired", "its certificate has expired"),
    9: ("certificate_expired", "its certificate is not valid yet"),
    62: ("certificate_name", "its certificate is for another host name"),
    64: ("certificate_name", "its certificate is not for this IP address"),
    18: ("certificate_unknown", "it signed its certificate itself"),
    19: ("certificate_unknown", "its certificate comes from an authority that is not trusted"),
    20: ("certificate_unknown", "its certificate comes from an authority that is not trusted"),
    21: ("certificate_unknown", "its certificate comes from an authority that is not trusted"),
}
"""By OpenSSL's X509_V_ERR numbers."""

T = TypeVar("T")


class Found(NamedTuple):
    """One entry as the server gave it; names of attributes are in small letters."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]


class _Answer(NamedTuple):
    code: int
    text: str
    kind: str
    controls: Mapping[str, Any]
    found: list[Found]


class _OverWire(SyncStrategy):
    """ldap3's synchronous strategy, which finds its socket open."""

    def open(self, reset_usage: bool = True, read_server_info: bool = True) -> None:  # noqa: ARG002 - ldap3's signature
        self._outstanding: dict[int, Any] = {}
        self.connection.closed = False
        self._start_listen()

    def _start_listen(self) -> None:
        self.connection.listening = True


class Exchange:
    """A conversation with `server`; belongs to one thread. Close it.

    Once open, each answer has `answer_timeout_s` if `patient`, else all of them together.
    """

    def __init__(
        self, settings: DirectorySettings, server: ServerName, wire: Wire, *, patient: bool
    ) -> None:
        port = server.port or (636 if settings.encryption == "ldaps" else 389)
        self.server = ServerName(server.host, port)
        self.protocol = "not encrypted"
        self._settings = settings
        self._wire = wire
        self._patient = False
        self._will_be_patient = patient
        self._ldap: Any = Connection(
            Server(server.host, port, get_info=NONE, allowed_referral_hosts=[]),
            client_strategy=SYNC,
            auto_referrals=False,
            auto_range=False,
            check_names=False,
            read_only=True,
            return_empty_attributes=False,
            auto_escape=False,
        )
        self._install(_OverWire(self._ldap))

    def _install(self, strategy: Any) -> None:  # noqa: ANN401 - ldap3 has no types for these
        ldap = self._ldap
        ldap.strategy, ldap.socket = strategy, self._wire
        ldap.send, ldap.open, ldap.get_response = (
            strategy.send,
            strategy.open,
            strategy.get_response,
        )
        ldap.post_send_single_response = strategy.post_send_single_response
        ldap.post_send_search = strategy.post_send_search

    def open(self, addresses: Sequence[Address], context: ssl.SSLContext | None) -> None:
        """Connect, and speak TLS before anything else is said, unless the settings say "none".

        Raises:
            DirectoryUnavailable: Nobody answers there in time.
            DirectoryRefused: Who answers is not who we look for, or does not speak TLS.
        """
        self._translated(lambda: self._wire.connect(addresses))
        self._ldap.open()
        if context is not None:
            if self._settings.encryption == "starttls":
                self._start_tls()
            self.protocol = self._translated(lambda: self._wire.secure(context, self.server.host))
        self._wire.within(self._settings.answer_timeout_s)
        self._patient = self._will_be_patient

    def _start_tls(self) -> None:
        answer = self._ask(lambda: self._ldap.extended(_START_TLS))
        if answer.code != refusals.SUCCESS or answer.kind != "extendedResp":
            raise DirectoryRefused("it does not offer StartTLS; nothing was sent", "starttls")

    def close(self) -> None:
        """Say goodbye and close, whatever state it is in."""
        with contextlib.suppress(LDAPException, OSError, *_NONSENSE):
            self._ldap.unbind()
        self._wire.close()

    def bind_service(self) -> None:
        """Go on as the service account. Raises `DirectoryError`, never `SignInRefused`."""
        settings = self._settings
        if settings.bind_name and not settings.bind_password:
            raise DirectoryRefused("The service account has no password", "service_account")
        answer = self._bind(settings.bind_name, settings.bind_password)
        refused = refusals.to_service(answer.code, answer.text, _policy(answer), settings.bind_name)
        if refused is not None:
            raise refused

    def bind_person(self, name: str, password: str) -> None:
        """Go on as whoever has this name and password. Raises `DirectoryError`."""
        if not name or not password.strip():
            # A bind without one of them succeeds as nobody in particular (RFC 4513, 5.1.2).
            raise SignInRefused("name or password is empty")
        answer = self._bind(name, password)
        refused = refusals.to_person(answer.code, answer.text, _policy(answer))
        if refused is not None:
            raise refused

    def _bind(self, name: str, password: str) -> _Answer:
        ldap = self._ldap
        ldap.user, ldap.authentication = name or None, SIMPLE if name else ANONYMOUS
        # As bytes: ldap3 would prepare text as for SASL, and a server compares what it was sent.
        ldap.password = password.encode("utf-8") if name else None
        try:
            return self._ask(lambda: ldap.bind(read_server_info=False, controls=_ASK_POLICY))
        finally:
            ldap.password = None
            ldap.request = None

    def read(
        self, dn: str, attributes: Sequence[str], only: str = "(objectClass=*)"
    ) -> Found | None:
        """The entry of this name; None where it is not there, or `only` does not let it through."""
        answer = self._search(dn, only, attributes, scope=BASE)
        if answer.code == refusals.NO_SUCH_OBJECT:
            return None
        self._check(answer, dn)
        return next(iter(answer.found), None)

    def some(self, base: str, only: str, attributes: Sequence[str], at_most: int) -> list[Found]:
        """The first entries below `base` that `only` lets through. Raises `DirectoryError`."""
        answer = self._search(base, only, attributes, size_limit=at_most)
        if answer.code != refusals.SIZE_LIMIT:
            self._check(answer, base)
        return answer.found[:at_most]

    def all(self, base: str, only: str, attributes: Sequence[str]) -> Iterator[Found]:
        """Every entry below `base` that `only` lets through, a page at a time.

        Raises:
            DirectoryError: Possibly after some were given: those are not all then.
        """
        cookie: bytes = b""
        seen = 0
        while True:
            answer = self._search(
                base, only, attributes, paged_size=self._settings.page_size, paged_cookie=cookie
            )
            self._check(answer, base)
            seen += len(answer.found)
            if seen > MAX_ENTRIES:
                raise DirectoryRefused("The server gives entries without an end", "limit")
            yield from answer.found
            cookie = _cookie(answer)
            if not cookie:
                return

    def _check(self, answer: _Answer, base: str) -> None:
        refused = refusals.to_search(answer.code, answer.text, base)
        if refused is not None:
            raise refused

    def _search(
        self,
        base: str,
        only: str,
        attributes: Sequence[str],
        scope: Literal["BASE", "SUBTREE"] = SUBTREE,
        **more: Any,  # noqa: ANN401 - passed on to ldap3
    ) -> _Answer:
        def ask() -> object:
            return self._ldap.search(
                base,
                only,
                search_scope=scope,
                dereference_aliases=DEREF_NEVER,
                attributes=list(attributes) or ["1.1"],
                **more,
            )

        return self._ask(ask)

    def _ask(self, ask: Callable[[], object]) -> _Answer:
        """Ask with ldap3 and take its answer."""

        def answered() -> _Answer:
            if self._patient:
                self._wire.within(self._settings.answer_timeout_s)
            ask()
            return _answer(self._ldap)

        return self._translated(answered)

    def _translated(self, ask: Callable[[], T]) -> T:
        """Ask; whatever ldap3, ssl or the socket raise becomes an error of the port."""
        try:
            return ask()
        except DirectoryError:
            raise
        except LDAPInvalidFilterError:
            raise DirectoryRefused("The filter is no LDAP filter", "filter") from None
        except (LDAPException, OSError) as error:
            raise _broken(error) from None
        except _NONSENSE:
            raise DirectoryUnavailable("its answer is no LDAP", "broke_off") from None


def _answer(ldap: Any) -> _Answer:  # noqa: ANN401 - ldap3 has no types for these
    result = cast("dict[str, Any]", ldap.result)
    found = [
        Found(
            entry["dn"],
            {name.lower(): values or () for name, values in entry["raw_attributes"].items()},
        )
        for entry in ldap.response or ()
        if entry["type"] == "searchResEntry"
    ]
    return _Answer(
        int(result["result"]),
        str(result["message"] or ""),
        str(result["type"]),
        result.get("controls") or {},
        found,
    )


def _policy(answer: _Answer) -> int | None:
    control = answer.controls.get(_POLICY)
    return refusals.of_policy(control["value"] if control else None)


def _cookie(answer: _Answer) -> bytes:
    control = answer.controls.get(_PAGES)
    return bytes(control["value"]["cookie"] or b"") if control else b""


_BROKEN: Sequence[tuple[tuple[type[Exception], ...], type[DirectoryError], Trouble, str]] = (
    (
        (TimeoutError, LDAPResponseTimeoutError),
        DirectoryUnavailable,
        "no_answer",
        "no answer in time",
    ),
    (
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        DirectoryUnavailable,
        "broke_off",
        "it broke off; is this a port for TLS?",
    ),
    ((ssl.SSLError,), DirectoryRefused, "tls", "no TLS can be agreed upon with it"),
    ((ConnectionRefusedError,), DirectoryUnavailable, "no_answer", "nobody answers there"),
    ((OSError, LDAPCommunicationError), DirectoryUnavailable, "broke_off", "it broke off"),
)
"""What a connection that does not come about, or breaks, means: the first that fits."""


def _broken(error: Exception) -> DirectoryError:
    if isinstance(error, ssl.SSLCertVerificationError):
        trouble, said = _CERTIFICATE.get(
            error.verify_code, ("certificate_unknown", f"its certificate: {error.verify_message}")
        )
        return DirectoryRefused(said, trouble)
    for kinds, meaning, trouble, said in _BROKEN:
        if isinstance(error, kinds):
            return meaning(said, trouble)
    return DirectoryRefused("this cannot be said in LDAP")
