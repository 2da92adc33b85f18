"""The XML objects of Cisco IP phones, with their elements in the order and length a phone accepts.

A phone shows nothing at all when an element is unknown, out of order or too long, so no page
writes these by hand. Source: Cisco Unified IP Phone Services Application Development Notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pbx.cucm.markup import Element, add, new, to_bytes

MAX_TITLE = 32
MAX_TEXT = 4000
MAX_NAME = 64
MAX_MENU_ITEMS = 100
MAX_INPUT_ITEMS = 5
MAX_EXECUTE_ITEMS = 3
MAX_URL = 256


class SoftKey(NamedTuple):
    """A softkey: its label, what it does (`SoftKey:Exit` or a URL), its position from 1."""

    name: str
    url: str
    position: int


class MenuItem(NamedTuple):
    """An entry of a menu and where it leads."""

    name: str
    url: str


class InputItem(NamedTuple):
    """A field of a form. `flags`: `N` digits, `A` text, with `P` masked."""

    name: str
    parameter: str
    flags: str = "A"
    default: str = ""


class ExecuteItem(NamedTuple):
    """Something for the phone to do: at once (0), when idle (1), only if idle (2)."""

    url: str
    priority: int = 0


EXIT = SoftKey("Exit", "SoftKey:Exit", 1)


def text(title: str, prompt: str, body: str, keys: Sequence[SoftKey] = (EXIT,)) -> bytes:
    """A page of text; what is too long for a phone is cut, with an ellipsis."""
    root = _head("CiscoIPPhoneText", title, prompt)
    add(root, "Text", _cut(body, MAX_TEXT))
    return _finish(root, keys)


def menu(title: str, prompt: str, items: Sequence[MenuItem], keys: Sequence[SoftKey] = ()) -> bytes:
    """A menu of at most a hundred entries; more are left out."""
    root = _head("CiscoIPPhoneMenu", title, prompt)
    for item in items[:MAX_MENU_ITEMS]:
        entry = add(root, "MenuItem")
        add(entry, "Name", _cut(item.name, MAX_NAME))
        add(entry, "URL", item.url)
    return _finish(root, keys)


def form(
    title: str, prompt: str, url: str, items: Sequence[InputItem], keys: Sequence[SoftKey] = ()
) -> bytes:
    """A form of at most five fields that the phone sends to `url` by GET."""
    if not 1 <= len(items) <= MAX_INPUT_ITEMS:
        raise ValueError(f"a phone's form has 1 to {MAX_INPUT_ITEMS} fields, not {len(items)}")
    root = _head("CiscoIPPhoneInput", title, prompt)
    add(root, "URL", url)
    for item in items:
        entry = add(root, "InputItem")
        add(entry, "DisplayName", _cut(item.name, MAX_TITLE))
        add(entry, "QueryStringParam", item.parameter)
        add(entry, "DefaultValue", item.default)
        add(entry, "InputFlags", item.flags)
    return _finish(root, keys)


def execute(items: Sequence[ExecuteItem]) -> bytes:
    """What a push carries: at most three things to do, at most one of them a page to fetch."""
    if not 1 <= len(items) <= MAX_EXECUTE_ITEMS:
        raise ValueError(f"a phone executes 1 to {MAX_EXECUTE_ITEMS} items, not {len(items)}")
    if sum(item.url.lower().startswith("http") for item in items) > 1:
        raise ValueError("a phone executes one page at most")
    root = new("CiscoIPPhoneExecute")
    for item in items:
        if len(item.url) > MAX_URL:
            raise ValueError(f"a phone takes no URL longer than {MAX_URL} characters")
        entry = add(root, "ExecuteItem")
        entry.set("Priority", str(item.priority))
        entry.set("URL", item.url)
    return to_bytes(root)


def _head(kind: str, title: str, prompt: str) -> Element:
    root = new(kind)
    add(root, "Title", _cut(title, MAX_TITLE))
    if prompt:
        add(root, "Prompt", _cut(prompt, MAX_TITLE))
    return root


def _finish(root: Element, keys: Sequence[SoftKey]) -> bytes:
    for key in keys:
        entry = add(root, "SoftKeyItem")
        add(entry, "Name", key.name)
        add(entry, "URL", key.url)
        add(entry, "Position", str(key.position))
    return to_bytes(root)


def _cut(words: str, length: int) -> str:
    return words if len(words) <= length else f"{words[: length - 1]}\u2026"
