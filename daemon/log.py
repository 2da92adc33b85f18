"""The log: one JSON object per line on standard error, an event's name with its fields.

    log.info("line locked", extra={"extension": "731"})

Called numbers are masked before they are written; the trail (`telephony.trail`) is added.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from telephony.clock import iso_z
from telephony.trail import current_trail

NUMBER_FIELDS = frozenset({"number", "called", "dialled", "e164", "digits"})
"""Fields that hold a called party's number."""

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = ("hypercorn.error", "hypercorn.access", "httpx", "httpcore", "zeep", "asyncio", "asyncpg")


class JsonLines(logging.Formatter):
    """Renders a record as one line of JSON. `mask_digits` last digits of a number become `x`."""

    def __init__(self, mask_digits: int) -> None:
        super().__init__()
        self._mask_digits = mask_digits

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON: `at level event logger`, the trail, then the event's own fields."""
        line: dict[str, object] = {
            "at": iso_z(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **current_trail(),
        }
        for name, value in vars(record).items():
            if name not in _OWN:
                line[name] = self._masked(name, value)
        if record.exc_info:
            line["error"] = _in_short(record.exc_info)
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)

    def _masked(self, name: str, value: object) -> object:
        return mask(str(value), self._mask_digits) if name in NUMBER_FIELDS else value


def mask(number: str, digits: int) -> str:
    """The number with its last `digits` digits hidden; other characters stay.

    >>> mask("+39 02 123456", 4)
    '+39 02 12xxxx'
    """
    kept: list[str] = []
    for character in reversed(number):
        hide = digits > 0 and character.isdigit()
        digits -= hide
        kept.append("x" if hide else character)
    return "".join(reversed(kept))


_Failure = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def _in_short(failure: _Failure) -> str:
    kind, error, _ = failure
    return f"{kind.__name__}: {error}" if kind is not None else ""


def set_up(level: str, mask_digits: int, stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream` (standard error) as JSON from now on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(mask_digits))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
