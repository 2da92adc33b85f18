"""Pushes to phones: the right ones, with credentials, in a form that a phone accepts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from lab_parts import COMPANY, axl_of, inbox_in
from lxml import etree

from pbx.cucm import phone_xml
from pbx.cucm.phone import PhonePush, PhoneSettings, open_phones
from pbx.cucm.phone_xml import EXIT, ExecuteItem, InputItem, MenuItem
from pbx.cucm.ris import RisSettings, open_ris
from pbx.lab.http import Request, Response, listen, port_of, serve
from pbx.lab.lab import Lab, open_lab
from telephony.errors import PbxRefused, PbxUnavailable


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncGenerator[Lab]:
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path)) as running:
        yield running


@asynccontextmanager
async def phones_of(lab: Lab, **changes: object) -> AsyncGenerator[PhonePush]:
    who = lab.credentials
    settings = PhoneSettings(who.phone_username, who.phone_password, port=lab.phone_port)
    ris_settings = RisSettings(lab.ris_url, who.axl_username, who.axl_password)
    async with (
        axl_of(lab) as axl,
        open_ris(ris_settings) as ris,
        open_phones(replace(settings, **changes), axl, ris) as push,  # type: ignore[arg-type]
    ):
        yield push


async def test_a_text_is_shown_on_the_phones_of_the_line(lab: Lab) -> None:
    async with phones_of(lab) as push:
        assert await push.show("731", "PT-Internal", "Blocked", "Budget & <time> are up") == 1
    shown = lab.phone("731")
    assert shown is not None
    assert (shown["title"], shown["text"]) == ("Blocked", "Budget & <time> are up")
    other = lab.phone("733")
    assert other is not None
    assert other["pushes"] == 0


async def test_a_page_is_fetched_by_the_phone(lab: Lab) -> None:
    async with trio.open_nursery() as nursery:
        listener = await listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{port_of(listener)}/phone/message"
        async with phones_of(lab, page_url=url) as push:

            async def page(request: Request) -> Response:
                xml = push.page(request.path.rpartition("/")[2])
                return Response(200, xml) if xml else Response(404)

            nursery.start_soon(serve, [listener], page)
            assert await push.show("731", "PT-Internal", "Locked", "By your budget") == 1
            assert push.page("unknown") is None
        nursery.cancel_scope.cancel()
    shown = lab.phone("731")
    assert shown is not None
    assert (shown["kind"], shown["text"]) == ("CiscoIPPhoneText", "By your budget")


async def test_softphones_and_absent_phones_get_nothing(lab: Lab) -> None:
    async with phones_of(lab) as push:
        assert await push.show("732", "", "t", "x") == 1
        assert await push.show("999", "", "t", "x") == 0
        lab.ris.phones.clear()
        assert await push.show("733", "", "t", "x") == 0


async def test_wrong_credentials_are_refused_and_say_what_to_do(lab: Lab) -> None:
    async with phones_of(lab, password="wrong") as push:
        with pytest.raises(PbxRefused, match="controlled devices"):
            await push.show("731", "PT-Internal", "t", "x")
    assert lab.phones.by_device["SEP0000000002DB"].refused == 1
    assert lab.phones.by_device["SEP0000000002DB"].pushes == 0


async def test_a_phone_that_is_gone_is_looked_up_again(lab: Lab) -> None:
    async with phones_of(lab, timeout_s=1.0) as push:
        there = lab.ris.phones["SEP0000000002DB"]
        lab.ris.phones["SEP0000000002DB"] = there._replace(address="127.9.9.9")
        with pytest.raises(PbxUnavailable):
            await push.show("731", "PT-Internal", "t", "x")
        lab.ris.phones["SEP0000000002DB"] = there
        assert await push.show("731", "PT-Internal", "t", "x") == 1


@pytest.mark.parametrize(("mode", "error"), [("busy", PbxRefused), ("cut", PbxUnavailable)])
async def test_a_phone_that_does_not_take_it(lab: Lab, mode: str, error: type[Exception]) -> None:
    lab.phones.by_device["SEP0000000002DB"].mode = mode  # type: ignore[assignment]
    async with phones_of(lab) as push:
        with pytest.raises(error):
            await push.show("731", "PT-Internal", "t", "x")


async def test_one_push_at_a_time_to_each_phone(lab: Lab) -> None:
    async with phones_of(lab) as push, trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(push.show, "731", "PT-Internal", "t", str(number))
    phone = lab.phones.by_device["SEP0000000002DB"]
    assert phone.pushes == 5
    assert {screen["text"] for screen in phone.shown} == set("01234")


def names(xml: bytes) -> list[str]:
    return [child.tag for child in etree.fromstring(xml)]


def test_objects_have_their_elements_in_order() -> None:
    assert names(phone_xml.text("t", "p", "x")) == ["Title", "Prompt", "Text", "SoftKeyItem"]
    assert names(phone_xml.text("t", "", "x", ())) == ["Title", "Text"]
    menu = phone_xml.menu("t", "p", [MenuItem("a", "http://x/")] * 120, [EXIT])
    assert names(menu) == ["Title", "Prompt", *["MenuItem"] * 100, "SoftKeyItem"]
    form = phone_xml.form("t", "p", "http://x/?a=1&b=2", [InputItem("PIN", "pin", "NP")])
    assert names(form) == ["Title", "Prompt", "URL", "InputItem"]
    assert b"http://x/?a=1&amp;b=2" in form
    item = etree.fromstring(form)[-1]
    assert [c.tag for c in item] == [
        "DisplayName",
        "QueryStringParam",
        "DefaultValue",
        "InputFlags",
    ]


def test_what_is_too_long_is_cut_and_what_cannot_be_is_refused() -> None:
    text = etree.fromstring(phone_xml.text("T" * 50, "P" * 50, "x" * 5000))
    assert [len(text.findtext(name) or "") for name in ("Title", "Prompt", "Text")] == [
        32,
        32,
        4000,
    ]
    assert b"bell" in phone_xml.text("t", "", "be\x07ll\x00")
    for items in ([], [ExecuteItem("Init:Services")] * 4, [ExecuteItem("http://a/")] * 2):
        with pytest.raises(ValueError, match="phone executes"):
            phone_xml.execute(items)
    with pytest.raises(ValueError, match="256"):
        phone_xml.execute([ExecuteItem("http://a/" + "x" * 300)])
    with pytest.raises(ValueError, match="fields"):
        phone_xml.form("t", "p", "http://a/", [])


def test_execute_is_as_documented() -> None:
    root = etree.fromstring(phone_xml.execute([ExecuteItem("http://a/?x=1&y=2", 1)]))
    assert root.tag == "CiscoIPPhoneExecute"
    assert dict(root[0].attrib) == {"Priority": "1", "URL": "http://a/?x=1&y=2"}
