"""Whose calls a page shows: one's own, or all that one may see. Never more than one may see."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

from storage.audit import Event
from storage.viewer import Viewer
from web.call_words import scope_words
from web.context import say
from web.trail import event
from words.language import N_

Whose = Literal["mine", "all"]


class Choice(NamedTuple):
    """One of the two, with the words the page shows and whether it is the present one."""

    whose: Whose
    words: str
    chosen: bool


def whose_of(asked: object, kept: object = None) -> Whose:
    """What was asked for, else what was kept, else everything one may see."""
    for value in (asked, kept):
        if value in ("mine", "all"):
            return value
    return "all"


def narrowed(viewer: Viewer, whose: Whose) -> Viewer:
    """The viewer of the calls that were chosen."""
    return viewer.only_own() if whose == "mine" else viewer


def choices(viewer: Viewer, whose: Whose) -> list[Choice]:
    """What a viewer may choose from; empty for whoever sees their own alone."""
    if viewer.breadth == "own":
        return []
    words: dict[Whose, str] = {"mine": say(N_("Mine")), "all": scope_words(viewer)}
    return [Choice(one, words[one], one == whose) for one in words]


def looked_at(viewer: Viewer, what: str, **details: str) -> Event | None:
    """What the audit log is told of a look at calls; nothing of a look at one's own."""
    if viewer.breadth == "own":
        return None
    scope = viewer.scope_value if viewer.breadth == "unit" else "everybody"
    given = {name: value for name, value in details.items() if value}
    about = ", ".join([scope, *(f"{name} {value}" for name, value in given.items())])
    return replace(event("calls_viewed", subject=f"{what}: {about}"), details=given)
