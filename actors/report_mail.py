"""Delivers mails with reports: each address its own mail, each once.

A mail is marked sent the moment a server has taken it, before the next one is tried, and a stop of
the daemon waits for that. What cannot be delivered now is tried again later, each time later, and
given up after two days; its row says why. Mails carry a Message-ID made of their key, so that one
that was sent twice after all, by a machine that lost its power in between, is known for the same.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import trio

from actors.bus import Bus, Changes, seconds_until
from actors.mailer import (
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    MAIL_LIFE,
    MailSettings,
    Outcome,
    addressed,
    connect,
    message_id,
    send,
    why,
)
from actors.supervision import backoff_s
from storage import report_mail
from storage.database import Database
from storage.report_mail import PendingMail, ReportFile
from telephony.clock import Clock
from telephony.errors import RingfenceError

BATCH = 50
DELIVERY_S = 300.0
"""The longest one mail may take, its file travelling slowly."""

GRACE_S = 15.0
"""How long a stop of the daemon waits for the mail that is just being sent."""

_log = logging.getLogger("ringfence.report_mail")


class ReportMailer:
    """One task that empties the queue of mails with reports."""

    def __init__(
        self, database: Database, clock: Clock, bus: Bus, mail: MailSettings | None
    ) -> None:
        self._database = database
        self._clock = clock
        self._bus = bus
        self._mail = mail

    async def run(self) -> None:
        """Work until cancelled. Raises `StorageUnavailable` where the database is away."""
        async with self._bus.subscribe(lambda change: change.topic == "report_mail") as changes:
            while True:
                while await self.deliver_pending():
                    pass
                await self._sleep(changes)

    async def _sleep(self, changes: Changes) -> None:
        now = self._clock()
        next_at = await self._database.unit_of_work(report_mail.next_due, now)
        await changes.wait_for("report_mail", seconds_until(next_at, now))

    async def deliver_pending(self) -> int:
        """Try what is due, one batch; how many that was."""
        await self._database.unit_of_work(report_mail.give_up_disabled)
        due = await self._database.unit_of_work(report_mail.pending, self._clock(), BATCH)
        if not due:
            return 0
        if self._mail is None:
            await self._settle_all(due, Outcome("no mail server is configured"))
            return len(due)
        line = _Line(self._mail)
        try:
            for number, one in enumerate(due):
                outcome = await self._deliver(line, one)
                if line.is_away:
                    await self._settle_all(due[number + 1 :], outcome)
                    break
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(line.close)
        return len(due)

    async def _deliver(self, line: _Line, one: PendingMail) -> Outcome:
        """Send one mail and mark it, whole even while the daemon is being stopped."""
        outcome, failure = Outcome("stopped"), None
        async with trio.open_nursery() as nursery:
            with trio.CancelScope(shield=True) as scope:
                nursery.start_soon(_hurry, scope)
                try:
                    outcome = await self._send(line, one)
                    await self._settle(one, outcome)
                except RingfenceError as error:
                    failure = error  # as it is, and not in a group
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return outcome

    async def _send(self, line: _Line, one: PendingMail) -> Outcome:
        file = None
        if one.file_id is not None:
            file = await self._database.unit_of_work(report_mail.file, one.file_id)
            if file is None:
                return Outcome("the file is gone", permanent=True)
        try:
            message = compose(one, file, line.settings.sender, self._clock())
        except (ValueError, UnicodeError) as error:
            return Outcome(str(error), permanent=True)
        return await line.send(message)

    async def _settle_all(self, mails: Sequence[PendingMail], outcome: Outcome) -> None:
        for one in mails:
            await self._settle(one, outcome)

    async def _settle(self, one: PendingMail, outcome: Outcome) -> None:
        now = self._clock()
        if not outcome.error:
            await self._database.unit_of_work(report_mail.mark_sent, one.id, now)
            return
        _log.warning("report not delivered", extra={"mail": one.id, "why": outcome.error})
        next_try_at = now + timedelta(
            seconds=backoff_s(one.attempt + 1, FIRST_RETRY_S, LONGEST_RETRY_S)
        )
        given_up = outcome.permanent or next_try_at > one.created_at + MAIL_LIFE
        await self._database.unit_of_work(
            report_mail.mark_failed, one.id, outcome.error, None if given_up else next_try_at
        )


async def _hurry(scope: trio.CancelScope) -> None:
    """Let what is shielded go on for a moment once everything around it is cancelled."""
    try:
        await trio.sleep_forever()
    finally:
        scope.deadline = trio.current_time() + GRACE_S


class _Line:
    """The connection to the mail server, for several mails; made anew after one that broke it."""

    def __init__(self, settings: MailSettings) -> None:
        self.settings = settings
        self.is_away = False
        self._connection: smtplib.SMTP | None = None

    async def send(self, message: EmailMessage) -> Outcome:
        """Send one mail; `is_away` is set where no connection can be had at all."""
        with trio.move_on_after(DELIVERY_S):
            return await trio.to_thread.run_sync(self._send, message, abandon_on_cancel=True)
        self._drop()
        return Outcome(why(self.settings, TimeoutError("too slow")))

    def _send(self, message: EmailMessage) -> Outcome:
        if self._connection is None:
            try:
                self._connection = connect(self.settings)
            except (smtplib.SMTPException, OSError) as error:
                self.is_away = True
                return Outcome(why(self.settings, error))
        try:
            return send(self._connection, self.settings, message)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Outcome(why(self.settings, error))

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Take leave, blocking; a server that does not answer is left alone."""
        if self._connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._connection.quit()
            self._drop()


def compose(one: PendingMail, file: ReportFile | None, sender: str, now: datetime) -> EmailMessage:
    """The mail with its file. Its Message-ID follows from its key alone.

    Raises `ValueError` where an address is none or the subject has more than one line.
    """
    message = EmailMessage()
    name, address = parseaddr(sender)
    message["From"] = addressed(name or "Ringfence", address)
    message["To"] = addressed("", one.address)
    with suppress(ValueError):  # a directory may hold what is none
        message["Reply-To"] = addressed("", one.reply_to)
    message["Subject"] = one.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(one.key, address)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(one.body.rstrip() + "\n")
    if file is not None:
        main, _, sub = file.media_type.partition("/")
        message.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
    message["Content-Language"] = one.language  # whatever else is set takes it off again
    return message
