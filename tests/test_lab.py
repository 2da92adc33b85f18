"""The lab: what it promises on its control interface, and that it is no pushover."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from lab_parts import COMPANY, axl_of, inbox_in

from pbx.cucm.cdr import CucmRecords
from pbx.lab.http import listen, port_of
from pbx.lab.lab import Lab, live_calls, open_lab, run_lab
from pbx.lab.mail import MailCatcher
from telephony.legs import CmrRow, Leg

NOW = datetime(2026, 11, 20, 9, 30, 15, tzinfo=UTC)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncGenerator[Lab]:
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path), clock=lambda: NOW) as running:
        yield running


async def ask(lab: Lab, method: str, path: str, **body: object) -> tuple[int, Any]:
    async with httpx.AsyncClient(base_url=lab.control_url, trust_env=False) as client:
        answer = await client.request(method, path, json=body if method == "POST" else None)
        return answer.status_code, answer.json()


async def call(lab: Lab, caller: str, called: str, seconds: int = 60, **more: object) -> Any:
    status, answer = await ask(
        lab, "POST", "/calls", **{"from": caller, "to": called, "seconds": seconds, **more}
    )
    assert status == 200
    return answer


def legs_in(lab: Lab, name: str) -> list[Leg]:
    lines = (lab.inbox.folder / name).read_text().splitlines()
    layout = CucmRecords().read_layout(lines[0])
    legs = [layout.read(line) for line in lines[2:]]
    return [leg for leg in legs if isinstance(leg, Leg)]


async def test_a_call_out_becomes_a_file_in_the_inbox(lab: Lab) -> None:
    answer = await call(lab, "731", "0236123456", 65)
    assert answer == {"placed": True, "file": "cdr_LabCluster_01_202611200930_1"}
    (leg,) = legs_in(lab, answer["file"])
    assert (leg.calling, leg.calling_partition, leg.calling_user) == (
        "731",
        "PT-Internal",
        "asonnino",
    )
    assert (leg.final_called, leg.dest_device) == ("0236123456", "TRUNK-PSTN")
    assert leg.final_called_partition == "PT-PSTN-Milano"
    assert (leg.duration_s, leg.disconnected) == (65, int(NOW.timestamp()))
    assert leg.connected == leg.disconnected - 65
    assert not list(lab.inbox.folder.glob("_*"))


async def test_quality_comes_with_the_call(lab: Lab) -> None:
    await call(lab, "731", "0236123456", 65)
    (name,) = lab.inbox.folder.glob("cmr_*")
    lines = name.read_text().splitlines()
    layout = CucmRecords().read_layout(lines[0])
    (row,) = [layout.read(line) for line in lines[2:]]
    assert isinstance(row, CmrRow)
    assert (row.directory_number, row.duration_s, row.device) == ("731", 65, "SEP0000000002DB")
    assert row.mos is not None


async def test_a_locked_line_calls_colleagues_and_help_but_nobody_outside(lab: Lab) -> None:
    async with axl_of(lab) as axl:
        (line,) = await axl.find_lines("731", "PT-Internal")
        await axl.write_rights(line.line_id, "CSS-Locked")
    assert await ask(lab, "GET", "/lines/731") == (200, {"css": "CSS-Locked", "locked": True})
    refused = await call(lab, "731", "0236123456")
    assert refused["placed"] is False
    assert "CSS-Locked" in refused["reason"]
    assert not list(lab.inbox.folder.iterdir())
    for called in ("732", "112", "0112"):
        assert (await call(lab, "731", called))["placed"] is True
    assert (await call(lab, "+393471234567", "731"))["placed"] is True
    lab.set_line("731", "CSS-Unlocked-Milano")
    assert (await call(lab, "731", "0236123456"))["placed"] is True


async def test_a_line_without_rights_reaches_what_its_phone_does(lab: Lab) -> None:
    assert (await call(lab, "734", "732"))["placed"] is True
    assert (await call(lab, "734", "0236123456"))["placed"] is False


async def test_each_site_dials_by_its_own_prefix(lab: Lab) -> None:
    answer = await call(lab, "733", "90236123456")
    assert legs_in(lab, answer["file"])[0].dest_device == "TRUNK-ROMA"
    assert (await call(lab, "733", "0236123456"))["placed"] is False


async def test_an_extension_in_two_partitions_is_told_apart(lab: Lab) -> None:
    answer = await call(lab, "731@PT-Roma", "90236123456")
    assert legs_in(lab, answer["file"])[0].calling_partition == "PT-Roma"
    assert (await ask(lab, "GET", "/lines/731@PT-Roma"))[1]["css"] == "CSS-Unlocked-Roma"


async def test_nobody_answers_a_call_of_no_seconds(lab: Lab) -> None:
    answer = await call(lab, "731", "0236123456", 0)
    (leg,) = legs_in(lab, answer["file"])
    assert (leg.connected, leg.duration_s) == (0, 0)


async def test_an_outside_caller_of_no_extension_is_not_connected(lab: Lab) -> None:
    answer = await call(lab, "+393471234567", "888")
    assert answer["placed"] is False
    assert "888" in answer["reason"]


@pytest.mark.parametrize(
    ("way", "caller", "called", "via", "rows"),
    [
        ("forward", "+393471234567", "0236123456", "731", 1),
        ("transfer", "+393471234567", "732", "731", 3),
        ("transfer", "+393471234567", "0236123456", "731", 3),
        ("blind-transfer", "+393471234567", "0236123456", "731", 3),
        ("transfer-by-caller", "731", "0236123456", "732", 3),
        ("conference", "731", "0236123456", "732", 5),
        ("hunt", "+393471234567", "732", "799", 1),
        ("pickup", "+393471234567", "732", "731", 2),
    ],
)
async def test_scenarios(lab: Lab, way: str, caller: str, called: str, via: str, rows: int) -> None:
    answer = await call(lab, caller, called, 120, scenario=way, via=via)
    assert answer["placed"] is True, answer
    legs = legs_in(lab, answer["file"])
    assert len(legs) == rows
    assert max(leg.disconnected for leg in legs) == int(NOW.timestamp())


async def test_a_locked_line_hands_nobody_over_to_outside(lab: Lab) -> None:
    lab.set_line("731", "CSS-Locked")
    for way in ("transfer", "blind-transfer", "forward"):
        answer = await call(lab, "+393471234567", "0236123456", scenario=way, via="731")
        assert answer["placed"] is False
    answer = await call(lab, "731", "732", scenario="conference", via="0236123456")
    assert answer["placed"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"to": "1", "seconds": 1},
        {"from": "731", "to": "732", "seconds": -1},
        {"from": "731", "to": "732", "seconds": "many"},
        {"from": "731", "to": "732", "seconds": 1, "scenario": "dance"},
        {"from": "731", "to": "732", "seconds": 1, "scenario": "transfer"},
        {"from": ["731"], "to": "732", "seconds": 1},
    ],
)
async def test_nonsense_is_refused(lab: Lab, body: dict[str, object]) -> None:
    status, answer = await ask(lab, "POST", "/calls", **body)
    assert status == 400
    assert answer["error"]


async def test_faults_are_switched_on_and_off(lab: Lab) -> None:
    for fault in ("503", "slow", "cut", "fault", None):
        assert await ask(lab, "POST", "/faults", axl=fault) == (200, {"axl": fault})
        assert lab.axl.fault == fault
    assert (await ask(lab, "POST", "/faults", axl="flood"))[0] == 400
    assert (await ask(lab, "POST", "/faults"))[0] == 400


async def test_what_is_not_there_is_404(lab: Lab) -> None:
    for path in ("/lines/999", "/phones/999", "/nothing", "/mail/1"):
        assert (await ask(lab, "GET", path))[0] == 404
    assert (await ask(lab, "DELETE", "/calls"))[0] == 405
    assert (await ask(lab, "GET", "/"))[0] == 200
    async with httpx.AsyncClient(base_url=lab.control_url) as client:
        assert (await client.post("/calls", content=b"{nonsense")).status_code == 400
        assert (await client.post("/calls", content=b"[]")).status_code == 400


async def test_a_phone_that_shows_nothing(lab: Lab) -> None:
    status, shown = await ask(lab, "GET", "/phones/731")
    assert status == 200
    assert (shown["device"], shown["title"], shown["text"]) == ("SEP0000000002DB", "", "")


async def test_numbers_go_on_after_a_restart_and_locks_stay(tmp_path: Path) -> None:
    inbox = inbox_in(tmp_path)
    seen: set[str] = set()
    legs: list[Leg] = []
    for run in range(1, 4):
        async with open_lab(COMPANY, inbox=inbox, seed=7) as lab:
            answer = await call(lab, "732", "0236123456")
            assert answer["file"].endswith(f"_{run}")
            legs += legs_in(lab, answer["file"])
            async with axl_of(lab) as axl:
                (line,) = await axl.find_lines("731", "PT-Internal")
                assert line.rights == ("CSS-Unlocked-Milano" if run == 1 else "CSS-Locked")
                await axl.write_rights(line.line_id, "CSS-Locked")
            seen.add(lab.axl_url)
    for column in ("pkid", "call_no", "orig_leg", "dest_leg"):
        assert len({getattr(leg, column) for leg in legs}) == 3


async def test_run_lab_says_when_it_runs(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        lab: Lab = await nursery.start(run_lab, COMPANY, inbox_in(tmp_path))
        assert (await ask(lab, "GET", "/lines/732"))[0] == 200
        nursery.cancel_scope.cancel()


async def test_live_calls_keep_coming(lab: Lab) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(live_calls, lab, 60_000.0)
        with trio.fail_after(20):
            while len(list(lab.inbox.folder.glob("cdr_*"))) < 40:  # noqa: ASYNC110 - files make no event
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    files = list(lab.inbox.folder.glob("cdr_*"))
    legs = [leg for path in files for leg in legs_in(lab, path.name)]
    assert len({leg.pkid for leg in legs}) == len(legs)


async def test_nothing_listens_beyond_loopback() -> None:
    with pytest.raises(ValueError, match="loopback"):
        await listen("0.0.0.0", 0)


# Mail ---------------------------------------------------------------------------------------------


def letter() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Budget überschritten – 80 %"
    message["From"], message["To"] = "ringfence@example.com", "andrea@example.com"
    message.set_content("Lieber Andrea,\n.\nnoch 20,00 €\n")
    message.add_alternative("<p>noch 20,00 €</p>", subtype="html")
    return message


async def test_mail_is_kept_decoded(lab: Lab) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", lab.smtp_port, timeout=5) as smtp:
            smtp.send_message(letter())
            smtp.send_message(letter())

    await trio.to_thread.run_sync(send)
    status, mails = await ask(lab, "GET", "/mail")
    assert status == 200
    assert len(mails) == 2
    assert mails[0]["subject"] == "Budget überschritten – 80 %"
    assert mails[0]["to"] == ["andrea@example.com"]
    assert mails[0]["text"].splitlines() == ["Lieber Andrea,", ".", "noch 20,00 €"]
    assert "20,00 €" in mails[0]["html"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("mail-tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
        f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}",
        shell=True,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return key, cert


async def test_mail_with_starttls_and_a_password(certificate: tuple[Path, Path]) -> None:
    key, cert = certificate
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    catcher = MailCatcher(credentials=("who", "secret"), tls=tls)
    listener = await listen("127.0.0.1", 0)

    def send(password: str) -> None:
        with smtplib.SMTP("127.0.0.1", port_of(listener), timeout=5) as smtp:
            smtp.starttls(context=ssl.create_default_context(cafile=str(cert)))
            smtp.login("who", password)
            smtp.send_message(letter())

    def send_unknown() -> None:
        with smtplib.SMTP("127.0.0.1", port_of(listener), timeout=5) as smtp:
            smtp.send_message(letter())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(catcher.serve, listener)
        await trio.to_thread.run_sync(send, "secret")
        assert len(await catcher.arrived(1)) == 1
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await trio.to_thread.run_sync(send, "wrong")
        with pytest.raises(smtplib.SMTPException):
            await trio.to_thread.run_sync(send_unknown)
        catcher.credentials = None
        catcher.fault = "451 4.3.0 try later"
        with pytest.raises(smtplib.SMTPException):
            await trio.to_thread.run_sync(send_unknown)
        nursery.cancel_scope.cancel()
    assert len(catcher.messages) == 1
