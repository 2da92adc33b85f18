"""One careful way to post XML to a server of the phone system and to read what comes back.

AXL, RISPort and the push to a phone all go through here, so that every failure of the network, of
TLS and of HTTP becomes one of our four errors before anything tries to make sense of a body, and
so that no answer can eat memory: each is bounded.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal, TypeVar

import httpx
import trio

from telephony.clock import Clock, system_clock
from telephony.errors import (
    PbxError,
    PbxProtocolError,
    PbxRefused,
    PbxThrottled,
    PbxUnavailable,
)

Read = TypeVar("Read")
Outcome = Literal["ok", "unavailable", "throttled", "refused", "protocol"]
OnRequest = Callable[[str, float, Outcome], None]
"""Told of every request: what was asked, how many seconds it took, how it ended."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Four times what AXL ever sends in one answer; more is no answer."""

_OUTCOMES: tuple[tuple[type[PbxError], Outcome], ...] = (
    (PbxUnavailable, "unavailable"),
    (PbxThrottled, "throttled"),
    (PbxRefused, "refused"),
)


def ignore_request(_operation: str, _seconds: float, _outcome: Outcome) -> None:
    """For those who keep no metrics."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is and who we are to it. The password shows in no `repr` and no log.

    `verify` False is for a lab alone; `ca_file` (PEM) is the certificate, or its issuer, to trust
    instead of the system's. `timeout_s` bounds each request from connect to last byte.
    """

    url: str
    username: str
    password: str = field(repr=False)
    verify: bool = True
    ca_file: Path | None = None
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer with its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def trust(verify: bool, ca_file: Path | None) -> ssl.SSLContext:
    """The TLS settings of one server. Blocks while it reads certificates: call it in a thread."""
    if not verify:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise PbxRefused(f"the CA file {ca_file} cannot be read: {error}") from error


class HttpPort:
    """Posts to one server, `max_concurrent` requests at most at a time, keeping session cookies."""

    def __init__(
        self,
        address: ServerAddress,
        client: httpx.AsyncClient,
        max_concurrent: int,
        on_request: OnRequest = ignore_request,
        clock: Clock = system_clock,
    ) -> None:
        self._address = address
        self._client = client
        self._places = trio.CapacityLimiter(max_concurrent)
        self._on_request = on_request
        self._clock = clock

    async def post(
        self,
        operation: str,
        body: bytes,
        headers: Mapping[str, str],
        read: Callable[[Answer], Read],
    ) -> Read:
        """Send `body`, give what `read` makes of the answer, and report how it went.

        Raises: the four `PbxError`s, `read`'s own included. If cancelled the request may or may
        not have been carried out.
        """
        async with self._places:
            began = time.perf_counter()
            outcome: Outcome = "unavailable"
            try:
                answer = await self._exchange(body, headers)
                refuse_status(answer, self._clock())
                result = read(answer)
                outcome = "ok"
            except PbxError as error:
                outcome = _outcome(error)
                raise
            finally:
                self._on_request(operation, time.perf_counter() - began, outcome)
            return result

    async def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        where = self._address.url
        try:
            with trio.fail_after(self._address.timeout_s):
                return await bounded_post(self._client, self._address.url, body, headers)
        except trio.TooSlowError as error:
            raise PbxUnavailable(
                f"{where} did not answer within {self._address.timeout_s:g} s"
            ) from error
        except httpx.InvalidURL as error:
            raise PbxRefused(f"{where} is no address: {error}") from error
        except httpx.TransportError as error:
            raise _transport_error(where, error) from error
        except httpx.HTTPError as error:
            raise PbxUnavailable(f"{where}: {error}") from error


async def bounded_post(
    client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    """POST and read the whole answer, up to `MAX_ANSWER_BYTES`; httpx's errors come through.

    Compression is declined, so that the bound is one on memory. An answer that goes on is broken
    off by cancelling: httpx's nested generators close cleanly no other way.
    """
    plain = {"Accept-Encoding": "identity", **headers}
    async with client.stream("POST", url, content=body, headers=plain) as response:
        parts: list[bytes] = []
        size = 0
        with trio.CancelScope() as too_long:
            async for part in response.aiter_raw():
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    too_long.cancel()
                else:
                    parts.append(part)
        if size > MAX_ANSWER_BYTES:
            raise PbxProtocolError(f"{url} sent more than {MAX_ANSWER_BYTES} bytes")
        return Answer(response.status_code, dict(response.headers), b"".join(parts))


def refuse_status(answer: Answer, now: datetime) -> None:
    """Raise what an HTTP status means; 200 and 500 (a SOAP fault) are left for the reader."""
    status = answer.status
    if status in (200, 500):
        return
    if status in (429, 503):
        message = f"the phone system asks to slow down (HTTP {status})"
        raise PbxThrottled(message, retry_after_s(answer.headers.get("retry-after", ""), now))
    if status in (502, 504):
        raise PbxUnavailable(f"a proxy before the phone system does not reach it (HTTP {status})")
    if status in _REFUSALS:
        raise PbxRefused(_REFUSALS[status], str(status))
    raise PbxProtocolError(f"the phone system answered with HTTP status {status}")


_REFUSALS = {
    401: "user name or password is wrong: check the application user in Cisco UCM",
    403: "the application user may not do this: add it to a group with the role"
    " 'Standard AXL API Access' ('Standard CCM Server Monitoring' for RISPort)",
    404: "there is no such service at this address: check the URL, and that the service"
    " ('Cisco AXL Web Service' for AXL) is activated on this server",
    599: "this version of Cisco UCM does not know schema 14.0",
}


def retry_after_s(text: str, now: datetime) -> float | None:
    """The seconds a Retry-After header asks for, given as seconds or as a date; else None."""
    text = text.strip()
    if text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


def _outcome(error: PbxError) -> Outcome:
    for kind, name in _OUTCOMES:
        if isinstance(error, kind):
            return name
    return "protocol"


def _transport_error(where: str, error: httpx.TransportError) -> PbxError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return PbxRefused(
                f"the certificate of {where} is not trusted ({cause.verify_message}):"
                " name its CA file, or the certificate itself, in the configuration"
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.UnsupportedProtocol):
        return PbxRefused(f"{where} is no http or https address")
    what = str(error) or type(error).__name__
    return PbxUnavailable(f"{where} is not reachable: {what}")
