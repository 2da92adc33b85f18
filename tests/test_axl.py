"""The AXL adapter against a phone system that behaves, and one that does not."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from lab_parts import COMPANY, axl_of, inbox_in, settings_for

from pbx.cucm.axl import AxlSettings, open_axl
from pbx.cucm.soap import retry_after_s
from pbx.lab.http import Request, Response, listen, port_of, serve
from pbx.lab.lab import Lab, open_lab
from telephony.clock import system_clock
from telephony.errors import (
    PbxError,
    PbxProtocolError,
    PbxRefused,
    PbxThrottled,
    PbxUnavailable,
)

GONE = "{00000000-0000-4000-8000-000000000000}"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncGenerator[Lab]:
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path)) as running:
        yield running


async def test_finds_a_line_with_its_rights_and_its_phones(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("732", "")
    assert (line.extension, line.partition) == ("732", "PT-Internal")
    assert line.rights == "CSS-Unlocked-Milano"
    assert line.devices == ("CSFBCONTI", "SEP0000000002DC")


async def test_a_number_in_two_partitions_is_two_lines(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        assert {line.partition for line in await axl.find_lines("731", "")} == {
            "PT-Internal",
            "PT-Roma",
        }
        (roma,) = await axl.find_lines("731", "PT-Roma")
        assert roma.rights == "CSS-Unlocked-Roma"
        assert not await axl.find_lines("999", "")


async def test_a_number_with_a_plus_is_found_as_it_is_stored(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("+390612345", "")
    assert line.extension == "+390612345"


async def test_locks_and_puts_back_exactly_what_was_there(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("731", "PT-Internal")
        lock = axl.lock_rights(line.rights)
        assert lock == "CSS-Locked"
        await axl.write_rights(line.line_id, lock)
        assert lab.line("731") == {"css": "CSS-Locked", "locked": True}
        assert (await axl.read_line(line.line_id)).rights == "CSS-Locked"
        await axl.write_rights(line.line_id, line.rights)
    assert lab.line("731") == {"css": "CSS-Unlocked-Milano", "locked": False}


async def test_a_line_that_had_no_rights_gets_none_back(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("734", "")
        assert line.rights == ""
        await axl.write_rights(line.line_id, "CSS-Locked")
        await axl.write_rights(line.line_id, "")
        assert (await axl.read_line(line.line_id)).rights == ""
    operation, body = lab.axl.requests[-2]
    assert operation == "updateLine"
    assert b"<shareLineAppearanceCssName></shareLineAppearanceCssName>" in body or (
        b"<shareLineAppearanceCssName/>" in body
    )


async def test_a_change_by_hand_is_seen(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("731", "PT-Internal")
        lab.set_line("731", "CSS-Leaky")
        assert (await axl.read_line(line.line_id)).rights == "CSS-Leaky"
        assert await axl.read_rights([line.line_id, GONE]) == {line.line_id: "CSS-Leaky"}


async def test_rights_of_many_lines_come_in_few_requests(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("734", "")
        ids = [f"{{{n:08X}-0000-4000-8000-000000000000}}" for n in range(1200)]
        before = len(lab.axl.requests)
        assert await axl.read_rights([*ids, line.line_id]) == {line.line_id: ""}
        assert [name for name, _ in lab.axl.requests[before:]] == ["executeSQLQuery"] * 3
        assert await axl.read_rights([]) == {}


async def test_lock_rights_by_mapping_with_a_default(lab: Lab) -> None:
    mapping = {"CSS-Boss": "CSS-Boss-Locked", "CSS-Door": ""}
    async with axl_of(lab, lock_css=mapping) as axl:
        assert axl.lock_rights("CSS-Boss") == "CSS-Boss-Locked"
        assert axl.lock_rights("CSS-Any") == "CSS-Locked"
        assert axl.lock_rights("CSS-Door") is None
        assert axl.is_lock_rights("CSS-Boss-Locked")
        assert axl.is_lock_rights("CSS-Locked")
        assert not axl.is_lock_rights("CSS-Any")
        assert not axl.is_lock_rights("")
    async with axl_of(lab, default_lock_css="") as axl:
        assert axl.lock_rights("CSS-Any") is None


async def test_version(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        assert (await axl.version()).startswith("14.")


async def test_the_session_cookie_is_kept(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        await axl.version()
        await axl.version()
    assert lab.axl.cookies == ["", "JSESSIONIDSSO=lab"]


async def test_a_line_that_is_gone_is_refused_with_its_code(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        for attempt in (axl.read_line(GONE), axl.write_rights(GONE, "CSS-Locked")):
            with pytest.raises(PbxRefused, match="not found") as refused:
                await attempt
            assert refused.value.code == "5007"


async def test_rights_that_do_not_exist_are_refused_and_change_nothing(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("731", "PT-Internal")
        with pytest.raises(PbxRefused, match="CallingSearchSpace"):
            await axl.write_rights(line.line_id, "CSS-Nowhere")
        assert (await axl.read_line(line.line_id)).rights == line.rights


@pytest.mark.parametrize("text", ["731' or '1'='1", "", "73%", "731\n"])
async def test_what_is_no_number_is_not_sent(lab: Lab, text: str) -> None:
    async with axl_of(lab) as axl:
        with pytest.raises(PbxRefused):
            await axl.find_lines(text, "")
        with pytest.raises(PbxRefused):
            await axl.read_line(text)
    assert not lab.axl.requests


async def test_a_wrong_password_says_what_to_do(lab: Lab) -> None:
    async with axl_of(lab, password="wrong") as axl:
        with pytest.raises(PbxRefused, match="application user"):
            await axl.version()


async def test_503_means_wait(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        lab.set_axl_fault("503")
        with pytest.raises(PbxThrottled):
            await axl.version()
        lab.set_axl_fault(None)
        assert await axl.version()


async def test_slow_means_unavailable(lab: Lab) -> None:
    async with axl_of(lab, timeout_s=0.2) as axl:
        lab.set_axl_fault("slow")
        with pytest.raises(PbxUnavailable, match=r"0\.2 s"):
            await axl.version()


async def test_a_broken_answer_leaves_the_outcome_open(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("731", "PT-Internal")
        lab.set_axl_fault("cut")
        with pytest.raises(PbxUnavailable):
            await axl.write_rights(line.line_id, "CSS-Locked")
        lab.set_axl_fault(None)
        assert (await axl.read_line(line.line_id)).rights == "CSS-Locked"


async def test_a_fault_of_the_phone_system_itself_passes(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        lab.set_axl_fault("fault")
        with pytest.raises(PbxUnavailable, match="database"):
            await axl.version()


async def test_nobody_there_is_unavailable(lab: Lab) -> None:
    async with axl_of(lab, url="https://127.0.0.1:1/axl/") as axl:
        with pytest.raises(PbxUnavailable):
            await axl.version()


async def test_no_more_at_once_than_allowed(lab: Lab) -> None:
    reached, go = trio.Event(), trio.Event()
    waiting = 0

    async def gate() -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            reached.set()
        await go.wait()

    async with axl_of(lab, max_concurrent=2) as axl, trio.open_nursery() as nursery:
        lab.axl.gate = gate
        for _ in range(8):
            nursery.start_soon(axl.version)
        await reached.wait()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert waiting == 2
        go.set()
    assert lab.axl.at_once == 2
    assert waiting == 8


async def test_every_request_is_reported(lab: Lab) -> None:
    seen: list[tuple[str, str]] = []

    def report(operation: str, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        seen.append((operation, outcome))

    async with open_axl(settings_for(lab), on_request=report) as axl:
        await axl.version()
        lab.set_axl_fault("503")
        with pytest.raises(PbxThrottled):
            await axl.version()
        lab.set_axl_fault("fault")
        with pytest.raises(PbxUnavailable):
            await axl.version()
        lab.set_axl_fault("cut")
        with pytest.raises(PbxUnavailable):
            await axl.version()
    assert [outcome for _, outcome in seen] == ["ok", "throttled", "unavailable", "unavailable"]
    assert {operation for operation, _ in seen} == {"getCCMVersion"}


def test_passwords_do_not_show() -> None:
    settings = AxlSettings("https://cucm.invalid:8443/axl", "ringfence", "s3cret")
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(settings.address())
    assert settings.address().url.endswith("/axl/")


# A phone system that sends what it should not ----------------------------------------------------

ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    "{}</soapenv:Body></soapenv:Envelope>"
)
LINE = (
    '<ns:getLineResponse xmlns:ns="http://www.cisco.com/AXL/API/14.0"><return>'
    '<line uuid="{{1}}">{}</line></return></ns:getLineResponse>'
)
FAULT = (
    "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>{0}</faultstring><detail>"
    "<axlError><axlcode>{1}</axlcode><axlmessage>{0}</axlmessage></axlError></detail></soapenv:Fault>"
)


@asynccontextmanager
async def answering(response: Response) -> AsyncGenerator[AxlSettings]:
    async def handle(_request: Request) -> Response:
        return response

    listener = await listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{port_of(listener)}/axl/"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, [listener], handle)
        yield AxlSettings(url, "u", "p", timeout_s=5)
        nursery.cancel_scope.cancel()


def body(inner: str) -> bytes:
    return ENVELOPE.format(inner).encode()


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'
FILE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (Response(403), PbxRefused, "Standard AXL API Access"),
        (Response(404), PbxRefused, "Cisco AXL Web Service"),
        (Response(599), PbxRefused, "14.0"),
        (Response(503, b"<html>", headers={"retry-after": "17"}), PbxThrottled, "slow down"),
        (Response(429), PbxThrottled, "429"),
        (Response(502), PbxUnavailable, "502"),
        (Response(302, headers={"location": "http://127.0.0.1:1/"}), PbxProtocolError, "302"),
        (Response(500, b"<html><p>oops</html>"), PbxProtocolError, "XML"),
        (Response(200, b""), PbxProtocolError, "XML"),
        (Response(200, b"<html/>"), PbxProtocolError, "no SOAP"),
        (Response(200, BOMB), PbxProtocolError, "document type"),
        (Response(200, FILE), PbxProtocolError, "document type"),
        (Response(200, body("<other/>")), PbxProtocolError, "something else"),
        (Response(200, body(LINE.format("")[:60])), PbxProtocolError, "XML"),
        (
            Response(200, body(LINE.format("<pattern>1</pattern>"))),
            PbxProtocolError,
            "search space",
        ),
        (Response(200, body(LINE.format(""))), PbxProtocolError, "described"),
        (
            Response(
                200,
                body(LINE.format("<shareLineAppearanceCssName/><pattern>1</pattern>")),
            ),
            PbxProtocolError,
            "described",
        ),
        (
            Response(500, body(FAULT.format("Maximum AXL Memory Allocation Consumed.", -1))),
            PbxThrottled,
            "Memory",
        ),
        (
            Response(500, body(FAULT.format("Query request too large. Total rows", -1))),
            PbxThrottled,
            "large",
        ),
        (Response(500, body(FAULT.format("Item not valid", 5003))), PbxRefused, "not valid"),
    ],
)
async def test_every_odd_answer_is_one_of_our_errors(
    response: Response, error: type[PbxError], words: str
) -> None:
    async with answering(response) as settings, open_axl(settings) as axl:
        with pytest.raises(error, match=words) as raised:
            await axl.read_line(GONE)
    assert type(raised.value) is error
    if isinstance(raised.value, PbxThrottled) and response.headers:
        assert raised.value.retry_after_s == 17.0


async def test_what_a_newer_version_adds_to_a_line_hides_nothing() -> None:
    extra = (
        "<novelty>x</novelty><pattern>731</pattern><other/><routePartitionName>PT</routePartitionName>"
        '<shareLineAppearanceCssName uuid="{2}">CSS</shareLineAppearanceCssName><more>1</more>'
    )
    line = LINE.format(extra).replace("{1}", GONE)
    async with answering(Response(200, body(line))) as settings, open_axl(settings) as axl:
        found = await axl.read_line(GONE)
    assert (found.rights, found.partition, found.devices) == ("CSS", "PT", ())


async def test_an_endless_answer_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx.cucm.soap.MAX_ANSWER_BYTES", 1000)
    async with answering(Response(200, b"x" * 5000)) as settings, open_axl(settings) as axl:
        with pytest.raises(PbxProtocolError, match="1000 bytes"):
            await axl.version()


def test_retry_after_by_date_and_by_seconds() -> None:
    now = system_clock()
    assert retry_after_s("120", now) == 120.0
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT", now) == 0.0
    assert retry_after_s("soon", now) is None


# TLS ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]  # noqa: RUF005
        + ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return key, cert


async def test_a_certificate_nobody_vouches_for_is_refused(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    key, cert = certificate
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path), tls=tls) as lab:
        assert lab.axl_url.startswith("https://")
        async with axl_of(lab) as axl:
            with pytest.raises(PbxRefused, match="CA file"):
                await axl.version()
        async with axl_of(lab, ca_file=cert) as axl:
            assert await axl.version()
        async with axl_of(lab, verify=False) as axl:
            assert await axl.version()


async def test_a_ca_file_that_is_none_is_named(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(PbxRefused, match=r"nothing\.pem"):
        async with axl_of(lab, ca_file=tmp_path / "nothing.pem"):
            pass


async def test_a_cancelled_request_frees_its_place(lab: Lab) -> None:
    async with axl_of(lab, max_concurrent=1) as axl:
        lab.set_axl_fault("slow")
        with trio.move_on_after(0.1):
            await axl.version()
        lab.set_axl_fault(None)
        assert await axl.version()
