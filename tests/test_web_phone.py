"""What IP phones fetch after a push: the message behind its token, without a session."""

from __future__ import annotations

from dataclasses import replace

from fake_pbx import FakeScreen
from fixtures_web import SETTINGS, Browser

from actors.house import House
from daemon.config import Config, CucmSection, WebSection
from daemon.outside import phone_settings
from daemon.run import phone_url
from web.app import create_app


async def test_a_phone_fetches_its_message_and_nobody_elses(house: House) -> None:
    phone = Browser(create_app(replace(house, screen=FakeScreen()), SETTINGS))
    answer = await phone.get("/phone/message/known")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.headers["Expires"] == "-1"
    assert phone.page == "<CiscoIPPhoneText/>"
    assert (await phone.get("/phone/message/other")).status_code == 404


async def test_without_phones_there_is_nothing_to_fetch(house: House) -> None:
    phone = Browser(create_app(house, SETTINGS))
    assert (await phone.get("/phone/message/known")).status_code == 404


def test_phones_are_given_a_page_only_where_they_can_reach_it() -> None:
    def reach(web: WebSection, *, demo: bool = False) -> str:
        return phone_url(Config(web=web), "http://here:8080", demo=demo)

    assert reach(WebSection(public_url="https://calls.example.com/")) == "https://calls.example.com"
    assert reach(WebSection(host="0.0.0.0")) == "http://here:8080"
    assert reach(WebSection(host="127.0.0.1")) == ""
    assert reach(WebSection(host="127.0.0.1"), demo=True) == "http://here:8080"
    cucm = CucmSection(phone_username="push")
    assert phone_settings(cucm, "http://here:8080").page_url == "http://here:8080/phone/message"
    assert phone_settings(cucm, "").page_url == ""
