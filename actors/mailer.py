"""Delivers what people are told: mails over SMTP, texts to the screens of their phones.

At least once: a notification is marked sent after it was, so a crash in between sends it again,
with the same Message-ID. What cannot be delivered now is tried again later, each time later, and
given up in the end; its row says why.
"""

from __future__ import annotations

import hashlib
import logging
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import partial
from typing import Literal

import trio

from actors.bus import Bus, Changes, seconds_until
from actors.letters import Letter, UnknownLetter, write
from actors.supervision import backoff_s
from pbx.port import PhoneScreen
from storage import notifications
from storage.database import Database
from storage.notifications import Pending
from telephony.clock import Clock
from telephony.errors import PbxError, PbxThrottled, PbxUnavailable

BATCH = 50
FIRST_RETRY_S = 30.0
LONGEST_RETRY_S = 3600.0
MAIL_LIFE = timedelta(days=2)
"""How long a mail is tried; a text on a phone is stale sooner."""
PHONE_LIFE = timedelta(minutes=10)
RESET_LIFE = timedelta(hours=1)
"""How long a link that resets a password is worth sending."""
PHONES_AT_ONCE = 8

_log = logging.getLogger("ringfence.mailer")


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail leaves the house. `timeout_s` is for each step of the conversation."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = "ringfence@localhost"
    username: str = ""
    password: str = ""
    timeout_s: float = 20.0
    verify_tls: bool = True
    default_language: str = "en"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery: sent where `error` is empty; `permanent` is not tried again."""

    error: str = ""
    permanent: bool = False
    retry_after_s: float = 0.0


SENT = Outcome()


class Mailer:
    """One task that empties the queue of notifications."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        bus: Bus,
        mail: MailSettings | None,
        screen: PhoneScreen | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._mail = mail
        self._screen = screen

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        async with self._bus.subscribe(lambda change: change.topic == "notification") as changes:
            while True:
                while await self.deliver_pending():
                    pass
                await self._sleep(changes)

    async def _sleep(self, changes: Changes) -> None:
        now = self._clock()
        next_at = await self._database.unit_of_work(notifications.next_due, now)
        await changes.wait_for("notification", seconds_until(next_at, now))

    async def deliver_pending(self) -> int:
        """Try what is due, one batch; how many that was. What is delivered is marked so at once."""
        now = self._clock()
        due = await self._database.unit_of_work(notifications.pending, now, BATCH)
        mails = [one for one in due if one.channel == "mail"]
        async with trio.open_nursery() as nursery:
            if mails:
                nursery.start_soon(self._deliver_mails, mails)
            limit = trio.CapacityLimiter(PHONES_AT_ONCE)
            for one in due:
                if one.channel == "phone":
                    nursery.start_soon(self._deliver_text, one, limit)
        return len(due)

    async def _deliver_mails(self, mails: Sequence[Pending]) -> None:
        if self._mail is None:
            outcomes = [Outcome("no mail server is configured")] * len(mails)
        else:
            send = partial(send_mails, self._mail, mails, self._clock())
            outcomes = await trio.to_thread.run_sync(send, abandon_on_cancel=True)
        for one, outcome in zip(mails, outcomes, strict=True):
            life = RESET_LIFE if one.kind == "password_reset" else MAIL_LIFE
            await self._settle(one, outcome, life)

    async def _deliver_text(self, one: Pending, limit: trio.CapacityLimiter) -> None:
        async with limit:
            await self._settle(one, await self._show(one), PHONE_LIFE)

    async def _show(self, one: Pending) -> Outcome:
        screen = self._screen
        if screen is None:
            return Outcome("no phone system is configured", permanent=True)
        default = self._mail.default_language if self._mail else "en"
        try:
            letter = await trio.to_thread.run_sync(partial(write, one, default))
            took = 0
            for key in one.extensions:
                took += await screen.show(key.number, key.partition, letter.subject, letter.phone)
        except PbxThrottled as error:
            return Outcome(str(error), retry_after_s=error.retry_after_s or 0.0)
        except PbxUnavailable as error:
            return Outcome(str(error))
        except (PbxError, UnknownLetter) as error:
            return Outcome(str(error), permanent=True)
        return SENT if took else Outcome("no registered phone took it", permanent=True)

    async def _settle(self, one: Pending, outcome: Outcome, life: timedelta) -> None:
        now = self._clock()
        if not outcome.error:
            await self._database.unit_of_work(notifications.mark_sent, one.id, now)
            return
        extra = {"notification": one.key, "channel": one.channel, "why": outcome.error}
        _log.warning("notification not delivered", extra=extra)
        delay_s = backoff_s(one.attempt + 1, FIRST_RETRY_S, LONGEST_RETRY_S)
        next_try_at = now + timedelta(seconds=max(delay_s, outcome.retry_after_s))
        given_up = outcome.permanent or next_try_at > one.created_at + life
        await self._database.unit_of_work(
            notifications.mark_failed, one.id, outcome.error, None if given_up else next_try_at
        )


# Mail, in a thread --------------------------------------------------------------------------------


def send_mails(settings: MailSettings, mails: Sequence[Pending], now: datetime) -> list[Outcome]:
    """Send mails over one connection, blocking; what became of each, in order. Never raises."""
    outcomes: list[Outcome] = []
    try:
        with connect(settings) as connection:
            for one in mails:
                outcomes.append(_send_one(connection, settings, one, now))  # noqa: PERF401 - those before a break count
    except (smtplib.SMTPException, OSError) as error:
        outcomes += [Outcome(why(settings, error))] * (len(mails) - len(outcomes))
    return outcomes


def try_connection(settings: MailSettings) -> str:
    """Connect and sign in as for sending, blocking: what is wrong, empty when nothing is."""
    try:
        with connect(settings):
            return ""
    except (smtplib.SMTPException, OSError) as error:
        return why(settings, error)


def connect(settings: MailSettings) -> smtplib.SMTP:
    """Connect and sign in, blocking. Raises `SMTPException`, `OSError`; `why` says them."""
    tls = ssl.create_default_context()
    if not settings.verify_tls:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if settings.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=settings.timeout_s, context=tls
        )
    else:
        connection = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
    try:
        if settings.security == "starttls":
            connection.starttls(context=tls)
        if settings.username:
            connection.login(settings.username, settings.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _send_one(
    connection: smtplib.SMTP, settings: MailSettings, one: Pending, now: datetime
) -> Outcome:
    try:
        message = compose(one, write(one, settings.default_language), settings.sender, now)
    except (UnknownLetter, ValueError, UnicodeError) as error:
        return Outcome(str(error), permanent=True)
    return send(connection, settings, message)


def send(connection: smtplib.SMTP, settings: MailSettings, message: EmailMessage) -> Outcome:
    """Send one mail, blocking, and say what the server answers.

    Raises `SMTPServerDisconnected`, `OSError` where the connection is of no use any more.
    """
    try:
        connection.send_message(message)
    except (ValueError, UnicodeError) as error:
        return Outcome(str(error), permanent=True)
    except smtplib.SMTPRecipientsRefused as refused:
        codes = [code for code, _ in refused.recipients.values()]
        to = message["To"].addresses[0].addr_spec
        return Outcome(f"{to} was refused", permanent=all(code >= 500 for code in codes))
    except smtplib.SMTPResponseException as error:
        connection.rset()
        return Outcome(why(settings, error), permanent=error.smtp_code >= 500)
    return SENT


def compose(one: Pending, letter: Letter, sender: str, now: datetime) -> EmailMessage:
    """The mail, plain text and HTML. Its Message-ID follows from the notification's key alone.

    Raises `ValueError` where an address is none.
    """
    message = EmailMessage()
    name, address = parseaddr(sender)
    message["From"] = addressed(name or "Ringfence", address)
    message["To"] = addressed(one.person_name, one.address)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(one.key, address)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    message["Content-Language"] = letter.language
    return message


def addressed(name: str, address: str) -> Address:
    """Somebody a mail is from or to. Raises `ValueError` where the address is none."""
    try:
        return Address(name, addr_spec=address)
    except (IndexError, MessageError) as error:  # so the library says that of some
        raise ValueError(f"{address!r} is no mail address") from error


def message_id(key: str, sender: str) -> str:
    """The same for the same notification, however often it is sent."""
    domain = sender.rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def why(settings: MailSettings, error: Exception) -> str:
    """What is wrong with the mail server, in one line of English."""
    return f"mail server {settings.host}:{settings.port}: {error or type(error).__name__}"
