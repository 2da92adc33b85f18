"""The log: one JSON object per line, about something, with numbers masked."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from daemon.log import JsonLines, mask
from telephony.trail import current_trail, follow, trail


@pytest.fixture
def written() -> Iterator[Any]:
    """A logger, and what it has written as a list of objects."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(mask_digits=4))
    logger = logging.Logger("ringfence.test", logging.DEBUG)  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    return logger, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_with_its_fields(written: Any) -> None:
    logger, lines = written
    logger.info("line locked", extra={"extension": "731", "cost": 1.5})
    (line,) = lines()
    assert line["event"] == "line locked"
    assert line["level"] == "info"
    assert line["extension"] == "731"
    assert line["cost"] == 1.5
    assert line["at"].endswith("Z")


def test_called_numbers_are_masked_and_extensions_are_not(written: Any) -> None:
    logger, lines = written
    logger.info("rated", extra={"number": "+390212345678", "extension": "731731"})
    assert lines()[0]["number"] == "+39021234xxxx"
    assert lines()[0]["extension"] == "731731"


@pytest.mark.parametrize(
    ("number", "digits", "masked"),
    [
        ("0039 02 12", 4, "0039 xx xx"),
        ("12", 4, "xx"),
        ("", 4, ""),
        ("+39021", 0, "+39021"),
        ("sip:a12@b3", 2, "sip:a1x@bx"),
    ],
)
def test_masking(number: str, digits: int, masked: str) -> None:
    assert mask(number, digits) == masked


def test_a_failure_is_one_line(written: Any) -> None:
    logger, lines = written
    try:
        int("no such thing")
    except ValueError:
        logger.exception("failed")
    (line,) = lines()
    assert line["error"] == "ValueError: invalid literal for int() with base 10: 'no such thing'"
    assert "Traceback" in line["traceback"]


def test_a_line_is_about_what_is_being_worked_on(written: Any) -> None:
    logger, lines = written
    with trail(file="cdr_1", actor="lock 731"), trail(call_id="7"):
        logger.info("inside")
    logger.info("outside")
    inside, outside = lines()
    assert (inside["file"], inside["actor"], inside["call_id"]) == ("cdr_1", "lock 731", "7")
    assert "file" not in outside


def test_a_line_is_about_no_unknown_thing() -> None:
    with pytest.raises(ValueError, match="colour"):
        follow(colour="red")


async def test_a_task_inherits_the_trail_and_keeps_its_own() -> None:
    seen: list[dict[str, str]] = []

    async def child() -> None:
        follow(user_id="1")
        seen.append(current_trail())

    with trail(request_id="r"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
        assert seen == [{"request_id": "r", "user_id": "1"}]
        assert current_trail() == {"request_id": "r"}
