"""Mails with a report: what is to be sent to whom, each address by itself, each once.

A mail has a key made of the occasion and the address: queued twice it is one. Its file is kept
until nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from storage.database import Connection, StorageConflict, notify
from storage.viewer import Viewer

LARGEST_BYTES = 20_000_000
"""A larger file is taken by hardly any mail server, a third larger still as it travels."""

MOST_WAITING = 1_000
"""Mails of one person that may wait: a mail server that is away for long fills no disk."""


MOST_AN_HOUR = 300
"""Mails one person may send within an hour from a page; what is scheduled has limits of its own."""

FROM_A_PAGE = "page:"
"""What the key of such a mail begins with."""


class TooLarge(StorageConflict):
    """The file is too large to be mailed; nothing was queued."""


class TooManyWaiting(StorageConflict):
    """Too many mails of this person wait already; nothing was queued."""


class TooManyAnHour(StorageConflict):
    """This person has sent too many mails within the hour; nothing was queued."""


class ReportFile(NamedTuple):
    """A file to send: what it is called, its type such as `application/pdf`, its content."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """A mail with a report to several addresses, each of which gets one of its own.

    `key` names the occasion for ever: the same key queued again is the same mail. `file` is None
    where there is nothing to attach. `language` is a code, for the mail's head.
    """

    key: str
    addresses: Sequence[str]
    subject: str
    body: str
    language: str
    file: ReportFile | None = None
    schedule_id: int | None = None


@dataclass(frozen=True, slots=True)
class PendingMail:
    """One mail that is due. `reply_to` is whose report it is, empty where that is not known."""

    id: int
    key: str
    person_id: int
    file_id: int | None
    address: str
    reply_to: str
    subject: str
    body: str
    language: str
    created_at: datetime
    attempt: int


async def queue(connection: Connection, viewer: Viewer, parcel: Parcel, now: datetime) -> int:
    """Queue a mail for each address, in the viewer's name; how many were new.

    Raises `TooLarge`, `TooManyWaiting`, `TooManyAnHour`.
    """
    file = parcel.file
    if file is not None and len(file.content) > LARGEST_BYTES:
        raise TooLarge(f"the file is larger than {LARGEST_BYTES // 1_000_000} MB")
    waiting: int = await connection.fetchval(
        "select count(*) from report_mail where person_id = $1 and state = 'pending'",
        viewer.person_id,
    )
    if waiting + len(parcel.addresses) > MOST_WAITING:
        raise TooManyWaiting(f"{waiting} mails of this person wait already")
    file_id = await _keep(connection, file) if file else None
    made = await connection.fetch(
        """
        insert into report_mail (key, person_id, schedule_id, file_id, address, subject, body,
                                 language, created_at, next_try_at)
        select $1::text || ':' || lower(a), $2, $3, $4, a, $6, $7, $8, $9, $9
          from unnest($5::text[]) a
        on conflict (key) do nothing
        returning id
        """,
        parcel.key,
        viewer.person_id,
        parcel.schedule_id,
        file_id,
        list(parcel.addresses),
        parcel.subject,
        parcel.body,
        parcel.language,
        now,
    )
    if made:
        if parcel.key.startswith(FROM_A_PAGE):
            await _refuse_too_many(connection, viewer, now)
        await notify(connection, "report_mail", "-")
    elif file_id is not None:
        await connection.execute("delete from report_mail_file where id = $1", file_id)
    return len(made)


async def _refuse_too_many(connection: Connection, viewer: Viewer, now: datetime) -> None:
    """Give up what was just queued where it is too much; one form after the other."""
    await connection.execute("select from person where id = $1 for no key update", viewer.person_id)
    sent: int = await connection.fetchval(
        "select count(*) from report_mail"
        " where person_id = $1 and starts_with(key, $2) and created_at > $3",
        viewer.person_id,
        FROM_A_PAGE,
        now - timedelta(hours=1),
    )
    if sent > MOST_AN_HOUR:
        raise TooManyAnHour(f"{sent} mails of this person within the hour")


async def _keep(connection: Connection, file: ReportFile) -> int:
    file_id: int = await connection.fetchval(
        "insert into report_mail_file (name, media_type, content) values ($1, $2, $3) returning id",
        *file,
    )
    return file_id


async def pending(connection: Connection, now: datetime, limit: int = 50) -> list[PendingMail]:
    """Mails due at `now`, the longest waiting first, those with one file together."""
    rows = await connection.fetch(
        """
        select m.id, m.key, m.person_id, m.file_id, m.address, p.email, m.subject, m.body,
               m.language, m.created_at, m.attempt
          from report_mail m join person p on p.id = m.person_id
         where m.state = 'pending' and m.next_try_at <= $1
         order by m.next_try_at, m.file_id, m.id limit $2
        """,
        now,
        limit,
    )
    return [PendingMail(*row) for row in rows]


async def file(connection: Connection, file_id: int) -> ReportFile | None:
    """A file that waits; None where nobody waits for it any more."""
    row = await connection.fetchrow(
        "select name, media_type, content from report_mail_file where id = $1", file_id
    )
    return ReportFile(*row) if row else None


async def next_due(connection: Connection, after: datetime) -> datetime | None:
    """When the next mail is due later than `after`; None where none waits."""
    found: datetime | None = await connection.fetchval(
        "select min(next_try_at) from report_mail where state = 'pending' and next_try_at > $1",
        after,
    )
    return found


async def mark_sent(connection: Connection, mail_id: int, now: datetime) -> None:
    """A mail server has taken it."""
    row = await connection.fetchrow(
        """
        update report_mail set state = 'sent', sent_at = $2, error = ''
         where id = $1 and state <> 'sent' returning person_id, file_id
        """,
        mail_id,
        now,
    )
    if row is not None:
        await _tidy(connection, row["file_id"])
        await notify(connection, "schedule", row["person_id"])


async def mark_failed(
    connection: Connection, mail_id: int, error: str, next_try_at: datetime | None
) -> None:
    """It was not delivered: try again at `next_try_at`, or never where that is None."""
    row = await connection.fetchrow(
        """
        update report_mail
           set attempt = attempt + 1, error = $2, next_try_at = coalesce($3, next_try_at),
               state = case when $3::timestamptz is null then 'failed' else 'pending' end
         where id = $1 and state = 'pending' returning person_id, file_id, state
        """,
        mail_id,
        error[:500],
        next_try_at,
    )
    if row is None:
        return
    if row["state"] == "failed":
        await _tidy(connection, row["file_id"])
    await notify(connection, "schedule", row["person_id"])


async def give_up_disabled(connection: Connection) -> int:
    """Send nothing more in the name of whoever has been disabled; how many mails that were."""
    rows = await connection.fetch(
        """
        update report_mail m set state = 'failed', error = 'the account was disabled'
          from person p
         where p.id = m.person_id and p.disabled_at is not null and m.state = 'pending'
        returning m.file_id
        """
    )
    for file_id in {row["file_id"] for row in rows}:
        await _tidy(connection, file_id)
    return len(rows)


async def withdraw(connection: Connection, schedule_id: int) -> None:
    """Forget the mails of a schedule that still wait: whoever deletes it wants none of them."""
    rows = await connection.fetch(
        "delete from report_mail where schedule_id = $1 and state = 'pending' returning file_id",
        schedule_id,
    )
    for file_id in {row["file_id"] for row in rows}:
        await _tidy(connection, file_id)


async def _tidy(connection: Connection, file_id: int | None) -> None:
    """Forget a file nobody waits for."""
    await connection.execute(
        """
        delete from report_mail_file f
         where f.id = $1 and not exists (
               select from report_mail m where m.file_id = f.id and m.state = 'pending')
        """,
        file_id,
    )


async def forget(connection: Connection, before_at: datetime, most: int) -> int:
    """Remove at most `most` of the mails before `before_at` that wait no longer; how many."""
    rows = await connection.fetch(
        """
        delete from report_mail where id in (
            select id from report_mail where state <> 'pending' and created_at < $1
             order by created_at, id limit $2)
        returning id
        """,
        before_at,
        most,
    )
    return len(rows)
