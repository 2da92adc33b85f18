"""What the adapter sends, checked against the vendor's real schema where that is at hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from lab_parts import COMPANY, axl_of, inbox_in
from lxml import etree

from pbx.lab.lab import open_lab

SHARED = Path(__file__).parents[2] / "shared" / "axl"
AXL = "{http://www.cisco.com/AXL/API/14.0}"


@pytest.fixture(scope="module")
def schema() -> Any:
    if not (SHARED / "AXLSoap.xsd").exists():
        pytest.skip("the vendor's AXL schema is not beside the checkout (../shared/axl)")
    return etree.XMLSchema(etree.parse(str(SHARED / "AXLSoap.xsd")))


def requests_of(envelope: bytes) -> Any:
    return etree.fromstring(envelope)[-1][0]


@pytest.mark.shared
async def test_every_request_is_valid_by_the_real_schema(schema: Any, tmp_path: Path) -> None:
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path)) as lab, axl_of(lab) as axl:
        await axl.version()
        (line,) = await axl.find_lines("731", "PT-Internal")
        await axl.find_lines("+390612345", "")
        await axl.read_rights([line.line_id])
        await axl.prove(line, "CSS-Locked", ["112"], ["0236123456"])
        await axl.write_rights(line.line_id, "CSS-Locked")
        await axl.write_rights(line.line_id, "")
        sent = [body for _, body in lab.axl.requests]
    assert {requests_of(body).tag.removeprefix(AXL) for body in sent} == {
        "getLine",
        "listLine",
        "updateLine",
        "executeSQLQuery",
        "getCCMVersion",
    }
    for body in sent:
        request = requests_of(body)
        assert schema.validate(request), (etree.tostring(request), schema.error_log)


@pytest.mark.shared
async def test_the_real_schema_would_notice_a_wrong_element(schema: Any, tmp_path: Path) -> None:
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path)) as lab, axl_of(lab) as axl:
        (line,) = await axl.find_lines("731", "PT-Internal")
        await axl.write_rights(line.line_id, "CSS-Locked")
        good = requests_of(lab.axl.requests[-1][1])
    assert schema.validate(good)
    wrong = copy.deepcopy(good)
    etree.SubElement(wrong, "callingSearchSpaceName").text = "CSS-Locked"
    assert not schema.validate(wrong)
    turned = copy.deepcopy(good)
    turned.insert(0, turned[-1])
    assert not schema.validate(turned)


@pytest.mark.parametrize(
    "wrong",
    [
        "<uuid>{ID}</uuid><callingSearchSpaceName>CSS-Locked</callingSearchSpaceName>",
        "<shareLineAppearanceCssName>CSS-Locked</shareLineAppearanceCssName><uuid>{ID}</uuid>",
        "<uuid>{ID}</uuid><pattern>731</pattern>",
    ],
)
async def test_the_lab_refuses_what_the_real_schema_refuses(tmp_path: Path, wrong: str) -> None:
    import httpx

    async with open_lab(COMPANY, inbox=inbox_in(tmp_path)) as lab:
        async with axl_of(lab) as axl:
            (line,) = await axl.find_lines("731", "PT-Internal")
        inner = wrong.replace("{ID}", line.line_id)
        envelope = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            f'<a:updateLine xmlns:a="http://www.cisco.com/AXL/API/14.0">{inner}</a:updateLine>'
            "</s:Body></s:Envelope>"
        )
        who = (lab.credentials.axl_username, lab.credentials.axl_password)
        async with httpx.AsyncClient(auth=who) as client:
            answer = await client.post(lab.axl_url, content=envelope)
        assert answer.status_code == 500
        assert "Invalid content" in answer.text
        assert lab.line("731") == {"css": "CSS-Unlocked-Milano", "locked": False}
