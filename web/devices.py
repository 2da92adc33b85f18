"""Which browser on which machine a session is used with, in words a person recognises theirs by.

Browsers name each other in what they send, for old servers' sake: the order below is from the one
that names itself last to the one everybody names. Nothing is decided by what is read here.
"""

from __future__ import annotations

from typing import NamedTuple

from web.context import say

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Jabber", "Cisco Jabber"),
    ("Webex", "Cisco Webex"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


class Device(NamedTuple):
    """A browser and its system, by their own names; empty where they do not say."""

    browser: str
    system: str


def device(user_agent: str) -> Device:
    """What a `User-Agent` header says of itself."""
    return Device(
        next((name for sign, name in _BROWSERS if sign in user_agent), ""),
        next((name for sign, name in _SYSTEMS if sign in user_agent), ""),
    )


def device_words(user_agent: str) -> str:
    """The same in the reader's words: `Firefox on Windows`."""
    found = device(user_agent)
    if found.browser and found.system:
        return say("%(browser)s on %(system)s", browser=found.browser, system=found.system)
    return found.browser or found.system or say("Unknown browser")
