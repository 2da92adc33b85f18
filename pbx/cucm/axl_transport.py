"""AXL's messages: zeep builds and reads them from our own WSDL, httpx carries them under Trio.

zeep never sees the network. Given an answer of its own fetching it would call a 503 an
AttributeError and a 401 a Fault; so status, faults and malformed answers are judged here first,
and only a sound answer is handed to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any, cast

import trio
import zeep
from zeep.exceptions import Error as ZeepError

from pbx.cucm.markup import (
    Element,
    first,
    is_element,
    local_name,
    parse,
    text_of,
    to_bytes,
)
from pbx.cucm.soap import Answer, HttpPort
from telephony.errors import (
    PbxError,
    PbxGone,
    PbxProtocolError,
    PbxRefused,
    PbxThrottled,
    PbxUnavailable,
)

Returned = Any
"""What zeep makes of an answer: text, an object with the answer's fields, or a list of them."""

_client, _settings = cast("Any", zeep.Client), cast("Any", zeep.Settings)
_GENERIC = "-1"
"""The axlcode of whatever went wrong inside, the database away for one: it passes."""
_NOT_FOUND = "5007"
"""The axlcode of *Item not valid: The specified ... was not found*."""
_THROTTLE_FAULTS = (
    "query request too large",
    "maximum axl memory allocation consumed",
)
_LINE_PARTS = frozenset(
    {"pattern", "usage", "routePartitionName", "shareLineAppearanceCssName", "associatedDevices"}
)


@dataclass(frozen=True, slots=True)
class AxlMessages:
    """Builds requests and reads answers by the WSDL. `load` blocks: call it in a thread."""

    client: Any

    @classmethod
    def load(cls) -> AxlMessages:
        """Read the WSDL that is part of this package."""
        with as_file(files("pbx.cucm").joinpath("axl.wsdl")) as path:
            return cls(_client(str(path), settings=_settings(strict=False)))

    def request(self, operation: str, arguments: dict[str, object]) -> bytes:
        """The SOAP envelope of a request; `PbxRefused` for text that XML cannot carry."""
        try:
            envelope = self.client.create_message(self.client.service, operation, **arguments)
        except ValueError as error:
            raise PbxRefused(f"{operation}: what was asked cannot be written: {error}") from error
        return to_bytes(envelope)

    def answer(self, operation: str, answer: Answer) -> Returned:
        """What an operation returned.

        Raises:
            PbxRefused: A fault; `code` is its axlcode.
            PbxThrottled: A fault that only asks for less, or for later.
            PbxProtocolError: Anything that is no answer to this operation.
        """
        envelope = parse(answer.body)
        if local_name(envelope) != "Envelope":
            raise PbxProtocolError(f"{operation}: the answer is no SOAP message")
        fault = first(envelope, "Fault")
        if fault is not None:
            raise fault_error(operation, fault)
        body = first(envelope, "Body")
        if body is None or len(body) != 1 or local_name(body[0]) != f"{operation}Response":
            raise PbxProtocolError(f"{operation}: the answer is one to something else")
        if first(body[0], "return") is None:
            raise PbxProtocolError(f"{operation}: the answer says nothing")
        _forget_unknown(body[0].iter("line"))
        return self._read(operation, envelope)

    def _read(self, operation: str, envelope: Element) -> Returned:
        binding = self.client.service._binding  # noqa: SLF001 - zeep has no public way to it
        try:
            return binding.get(operation).process_reply(envelope)
        except (ZeepError, TypeError, AttributeError, ValueError, LookupError) as error:
            raise PbxProtocolError(f"{operation}: the answer is malformed: {error}") from error


class AxlTransport:
    """Carries operations to AXL through one `HttpPort`."""

    def __init__(self, port: HttpPort, messages: AxlMessages) -> None:
        self._port = port
        self._messages = messages

    async def call(self, operation: str, **arguments: object) -> Returned:
        """Carry out one AXL operation and give what it returned.

        Raises: the four `PbxError`s. If cancelled, or where the answer is lost, the operation may
        or may not have been carried out.
        """
        return await self._port.post(
            operation,
            self._messages.request(operation, arguments),
            {
                "Content-Type": "text/xml; charset=utf-8",
                "SOAPAction": f'"CUCM:DB ver=14.0 {operation}"',
            },
            lambda answer: self._messages.answer(operation, answer),
        )

    async def query(self, sql: str) -> list[dict[str, str]]:
        """The rows of one SQL query; every value is text, NULL is empty text."""
        rows = cast("Iterable[object] | None", await self.call("executeSQLQuery", sql=sql))
        return [_columns(row) for row in rows or ()]


async def load_messages() -> AxlMessages:
    """Load the WSDL in a thread."""
    return await trio.to_thread.run_sync(AxlMessages.load)


def fault_error(operation: str, fault: Element) -> PbxError:
    """The error a SOAP fault stands for.

    Throttled where it asks for less, unavailable where it names no fault of the request, gone or
    refused otherwise.
    """
    message = text_of(first(fault, "axlmessage")) or text_of(first(fault, "message"))
    message = message or text_of(first(fault, "faultstring")) or "no reason given"
    code = text_of(first(fault, "axlcode")) or text_of(first(fault, "code")) or None
    if any(known in message.lower() for known in _THROTTLE_FAULTS):
        return PbxThrottled(f"{operation}: {message}")
    if code == _GENERIC:
        return PbxUnavailable(f"{operation}: {message}")
    kind = PbxGone if code == _NOT_FOUND else PbxRefused
    return kind(f"{operation}: {message}", code)


def _forget_unknown(lines: Iterable[Element]) -> None:
    """Drop what later versions add to a line: one unknown element would hide all that follow it."""
    for line in lines:
        for part in list(line):
            if local_name(part) not in _LINE_PARTS:
                line.remove(part)


def _columns(row: object) -> dict[str, str]:
    cells = cast("Iterable[Element]", row if isinstance(row, (list, tuple)) else [row])
    if not all(is_element(cell) for cell in cells):
        raise PbxProtocolError("executeSQLQuery: a row is not made of columns")
    return {local_name(cell).lower(): text_of(cell) for cell in cells}
