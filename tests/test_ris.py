"""Where phones are: only what RISPort says, asked seldom."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from lab_parts import COMPANY, inbox_in

from pbx.cucm.ris import RisPort, RisSettings, open_ris, registrations, selection
from pbx.cucm.soap import Answer
from pbx.cucm.throttle import Quota
from pbx.lab.lab import Lab, open_lab
from telephony.errors import PbxProtocolError, PbxRefused, PbxThrottled, PbxUnavailable

PHONE = "SEP0000000002DB"
SOFTPHONE = "CSFBCONTI"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncGenerator[Lab]:
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path)) as running:
        yield running


@asynccontextmanager
async def ris_of(lab: Lab, **changes: object) -> AsyncGenerator[RisPort]:
    settings = RisSettings(
        lab.ris_url, lab.credentials.axl_username, lab.credentials.axl_password, timeout_s=5
    )
    async with open_ris(replace(settings, **changes)) as ris:  # type: ignore[arg-type]
        yield ris


async def test_addresses_of_registered_phones_alone(lab: Lab) -> None:
    phones = lab.ris.phones
    phones["SEPAWAY"] = phones[PHONE]._replace(status="UnRegistered")
    phones["SEPCLOSED"] = phones[PHONE]._replace(httpd="No")
    async with ris_of(lab) as ris:
        found = await ris.addresses([PHONE, "SEPAWAY", "SEPCLOSED", "SEPUNKNOWN", SOFTPHONE])
    assert found == {PHONE: phones[PHONE].address}


async def test_names_go_in_one_request_and_answers_are_kept(lab: Lab) -> None:
    async with ris_of(lab) as ris:
        names = [PHONE, *(f"SEP{n:012X}" for n in range(900))]
        await ris.addresses(names)
        await ris.addresses(names)
        assert lab.ris.answered == 1
        ris.forget(PHONE)
        await ris.addresses([PHONE])
        assert lab.ris.answered == 2


async def test_the_clusters_allowance_used_up_by_others(lab: Lab) -> None:
    lab.ris.per_minute = 0
    async with ris_of(lab) as ris:
        with pytest.raises(PbxThrottled, match="Exceeded") as throttled:
            await ris.addresses([PHONE])
    assert throttled.value.retry_after_s == 60.0


async def test_we_keep_within_the_allowance_ourselves(lab: Lab) -> None:
    async with ris_of(lab, requests_per_minute=2) as ris:
        await ris.addresses(["SEP1"])
        await ris.addresses(["SEP2"])
        with pytest.raises(PbxThrottled):
            await ris.addresses(["SEP3"])
    assert lab.ris.answered == 2


async def test_the_quota_comes_back(autojump_clock: object) -> None:
    quota = Quota(2, 60)
    quota.take("x")
    await trio.sleep(30)
    quota.take("x")
    with pytest.raises(PbxThrottled) as throttled:
        quota.take("x")
    assert throttled.value.retry_after_s == pytest.approx(30)
    await trio.sleep(30)
    quota.take("x")


async def test_errors(lab: Lab) -> None:
    async with ris_of(lab, password="wrong") as ris:
        with pytest.raises(PbxRefused):
            await ris.addresses([PHONE])
    async with ris_of(lab, url="http://127.0.0.1:1/") as ris:
        with pytest.raises(PbxUnavailable):
            await ris.addresses([PHONE])


def answer(devices: str) -> Answer:
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        "<SelectCmDeviceResult><CmNodes><item><CmDevices>"
        f"{devices}</CmDevices></item></CmNodes></SelectCmDeviceResult></s:Body></s:Envelope>"
    )
    return Answer(200, {}, body.encode())


def device(address: str, stamp: int, status: str = "Registered", name: str = "SEP1") -> str:
    return (
        f"<item><Name>{name}</Name><Httpd>Yes</Httpd><Status>{status}</Status>"
        f"<TimeStamp>{stamp}</TimeStamp><IPAddress><item><IP>{address}</IP></item></IPAddress></item>"
    )


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (device("10.0.0.1", 1) + device("10.0.0.2", 2), {"SEP1": "10.0.0.2"}),
        (device("10.0.0.1", 3) + device("10.0.0.2", 2), {"SEP1": "10.0.0.1"}),
        (device("10.0.0.1", 1) + device("10.0.0.2", 2, "UnRegistered"), {"SEP1": "10.0.0.1"}),
        (device("evil.example/?", 1), {}),
        (device("0.0.0.0", 1) + device("224.0.0.1", 1, name="SEP2"), {}),
        (device("2001:db8::1", 1), {"SEP1": "2001:db8::1"}),
    ],
)
def test_the_newest_registration_with_a_real_address(
    devices: str, expected: dict[str, str]
) -> None:
    assert registrations(answer(devices)) == expected


def test_an_answer_to_something_else_is_no_answer() -> None:
    with pytest.raises(PbxProtocolError):
        registrations(Answer(200, {}, b"<a/>"))
    with pytest.raises(PbxProtocolError):
        registrations(Answer(200, {}, b"nothing"))


def test_the_request_names_every_device_once() -> None:
    body = selection(["SEP1", 'SEP"<2>']).decode()
    assert body.count("<soap:Item>") == 2
    assert 'SEP"&lt;2&gt;' in body
    assert "<soap:Status>Registered</soap:Status>" in body
