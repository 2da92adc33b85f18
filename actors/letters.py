"""Writes what people are told: a mail or the text on a phone, in the reader's language.

The words are in `templates/mail`, one file per kind of notification, each with the blocks
`subject`, `body` (paragraphs, an empty line between them) and `phone`. The layouts turn the same
paragraphs into plain text and into HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_currency, format_percent, get_currency_precision
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    select_autoescape,
)

from storage.notifications import Pending
from telephony.errors import RingfenceError
from telephony.money import ZERO
from words.language import DEFAULT, first_known, locale_for, translations_for

FOLDER = Path(__file__).resolve().parent.parent / "templates" / "mail"


class UnknownLetter(RingfenceError):
    """There are no words for this kind of notification."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A notification put into words. `html` is a whole document; `phone` is short plain text."""

    language: str
    subject: str
    text: str
    html: str
    phone: str


def write(notification: Pending, default_language: str = DEFAULT) -> Letter:
    """Put a notification into words. Reads files the first time: call it in a thread.

    Raises `UnknownLetter` where there is no template of its kind.
    """
    language = first_known(
        (
            notification.language,
            notification.directory_language,
            notification.site_language,
            default_language,
        )
    )
    environment = _environment(language)
    try:
        template = environment.get_template(f"{notification.kind}.jinja")
    except TemplateNotFound as error:
        raise UnknownLetter(f"no words for notifications of kind {notification.kind}") from error
    facts = _facts(notification, language)

    def block(name: str) -> str:
        return "".join(template.blocks[name](template.new_context(facts))).strip()

    paragraphs = [_one_line(part) for part in block("body").split("\n\n")]
    subject = _one_line(block("subject"))
    around = {
        "subject": subject,
        "paragraphs": [paragraph for paragraph in paragraphs if paragraph],
        "name": notification.person_name,
        "link": notification.params.get("link", ""),
        "language": language,
        "direction": locale_for(language).text_direction,
    }
    return Letter(
        language=language,
        subject=subject,
        text=environment.get_template("layout.txt").render(around).strip() + "\n",
        html=environment.get_template("layout.html").render(around).strip() + "\n",
        phone=_one_line(block("phone")) if "phone" in template.blocks else subject,
    )


def _one_line(text: str) -> str:
    """The text without the template's line breaks; spaces that must not break stay as they are."""
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ")


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(["html"]),  # words become plain text and are escaped there
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = translations_for(language)
    environment.install_gettext_callables(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - added by the extension
        words.gettext, words.ngettext, newstyle=True
    )
    return environment


def _facts(notification: Pending, language: str) -> dict[str, object]:
    """The notification's facts as the reader writes them."""
    params = notification.params
    facts: dict[str, object] = dict(params)
    currency = params.get("currency", "")
    for name in ("amount", "carried", "spent", "remaining", "carried_over"):
        if name in params:
            facts[name] = _money(max(ZERO, Decimal(params[name])), currency, language)
            facts[f"has_{name}"] = Decimal(params[name]) > 0
    if "amount" in params and "carried" in params:
        available = Decimal(params["amount"]) + Decimal(params["carried"])
        facts["available"] = _money(available, currency, language)
    if "percent" in params:
        facts["percent"] = format_percent(
            Decimal(params["percent"]) / 100, locale=locale_for(language)
        )
    if "ends_at" in params:
        facts["last_day"] = _last_day(params, language)
    facts["pot"] = params.get("target") not in (None, "person") and not params.get("each")
    facts["by"] = tuple(filter(None, params.get("by", "").split(",")))
    return facts


def _money(amount: Decimal, currency: str, language: str) -> str:
    step = Decimal(1).scaleb(-get_currency_precision(currency))
    shown = amount.quantize(step, rounding=ROUND_HALF_UP)
    return format_currency(shown, currency, locale=locale_for(language))


def _last_day(params: Mapping[str, str], language: str) -> str:
    """The last day of the period, in the zone the period was reckoned in."""
    ends_at = datetime.fromisoformat(params["ends_at"])
    last = (ends_at - timedelta(seconds=1)).astimezone(ZoneInfo(params["time_zone"]))
    return format_date(last.date(), "long", locale=locale_for(language))
