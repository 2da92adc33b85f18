"""What people are told, by mail and on their phone: queued with the decision that caused it.

A notification is unique by its key, so a decision made twice tells once. Delivery is at least once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from storage.database import Connection, notify
from telephony.plant import ExtensionKey

Channel = Literal["mail", "phone"]


@dataclass(frozen=True, slots=True)
class Pending:
    """One notification that is due, with what its text and its way need.

    `address` is a mail address, empty for the phone channel. `language` is what the person chose,
    `directory_language` and `site_language` what counts where they did not; each may be empty.
    `time_zone` is the IANA zone in which the person reads times.
    """

    id: int
    key: str
    channel: Channel
    kind: str
    params: dict[str, str]
    address: str
    person_id: int | None
    person_name: str
    language: str
    time_zone: str
    extensions: tuple[ExtensionKey, ...]
    created_at: datetime
    attempt: int
    directory_language: str = ""
    site_language: str = ""


async def queue(
    connection: Connection,
    key: str,
    kind: str,
    params: Mapping[str, str],
    *,
    person_ids: Sequence[int],
    channels: Sequence[Channel],
    account_id: int | None,
    now: datetime,
) -> int:
    """Queue one notification per person and channel; how many were new.

    People without a mail address get no mail, people without an extension nothing on the phone,
    disabled people nothing at all.
    """
    made = await connection.fetch(
        """
        insert into notification
               (key, person_id, address, channel, kind, params, account_id, created_at,
                next_try_at)
        select $1::text || ':' || c.channel || ':' || p.id, p.id,
               case c.channel when 'mail' then p.email end, c.channel,
               $2::text, $3::jsonb, $6::int, $7::timestamptz, $7::timestamptz
          from person p cross join unnest($5::text[]) as c (channel)
         where p.id = any ($4::int[]) and p.disabled_at is null
           and case c.channel when 'mail' then p.email <> ''
               else exists (select from extension_owner o where o.person_id = p.id
                               and (o.from_at is null or o.from_at <= $7)
                               and (o.until_at is null or o.until_at > $7)) end
         order by p.id, c.channel
        on conflict (key) do nothing
        returning id
        """,
        key,
        kind,
        dict(params),
        list(person_ids),
        list(channels),
        account_id,
        now,
    )
    if made:
        await notify(connection, "notification", "-")
    return len(made)


async def pending(connection: Connection, now: datetime, limit: int = 50) -> list[Pending]:
    """Notifications due at `now`, the longest waiting first."""
    rows = await connection.fetch(
        """
        select n.id, n.key, n.channel, n.kind, n.params, n.address, n.person_id, n.created_at,
               n.attempt, coalesce(p.language, '') as language,
               coalesce(p.directory_language, '') as directory_language,
               coalesce(s.language, '') as site_language,
               coalesce(nullif(trim(p.first_name || ' ' || p.last_name), ''), p.login, '')
                   as person_name,
               coalesce(s.time_zone, (select time_zone from company), 'UTC') as time_zone,
               coalesce((select array_agg(o.extension || '@' || o.partition order by o.id)
                           from extension_owner o
                          where o.person_id = p.id
                            and (o.from_at is null or o.from_at <= $1)
                            and (o.until_at is null or o.until_at > $1)), '{}') as extensions
          from notification n
          left join person p on p.id = n.person_id
          left join site s on s.id = coalesce(
               p.site_id, (select id from site order by position, id limit 1))
         where n.state = 'pending' and n.next_try_at <= $1
         order by n.next_try_at, n.id limit $2
        """,
        now,
        limit,
    )
    return [
        Pending(
            id=row["id"],
            key=row["key"],
            channel=cast("Channel", row["channel"]),
            kind=row["kind"],
            params=row["params"],
            address=row["address"] or "",
            person_id=row["person_id"],
            person_name=row["person_name"],
            language=row["language"],
            time_zone=row["time_zone"],
            extensions=tuple(ExtensionKey.parse(text) for text in row["extensions"]),
            created_at=row["created_at"],
            attempt=row["attempt"],
            directory_language=row["directory_language"],
            site_language=row["site_language"],
        )
        for row in rows
    ]


async def next_due(connection: Connection, after: datetime) -> datetime | None:
    """When the next notification is due later than `after`; None where none waits."""
    found: datetime | None = await connection.fetchval(
        "select min(next_try_at) from notification where state = 'pending' and next_try_at > $1",
        after,
    )
    return found


async def mark_sent(connection: Connection, notification_id: int, now: datetime) -> None:
    """It was delivered. The history of its budget says so, with the channel and the address.

    A link that resets a password is forgotten: it was a secret.
    """
    row = await connection.fetchrow(
        """
        update notification set state = 'sent', sent_at = $2, error = null, params = params - 'link'
         where id = $1 and state <> 'sent'
        returning account_id, person_id, channel, kind, coalesce(address, '') as address
        """,
        notification_id,
        now,
    )
    if row is None or row["account_id"] is None:
        return
    await connection.execute(
        """
        insert into budget_history (account_id, person_id, at, action, details)
        select $1::int, $2::int, $3::timestamptz, 'notify_sent', jsonb_build_object(
                   'kind', $4::text, 'channel', $5::text, 'address', $6::text,
                   'to', coalesce(nullif(trim(p.first_name || ' ' || p.last_name), ''), p.login),
                   'extension', coalesce((select o.extension from extension_owner o
                                           where o.person_id = p.id and o.until_at is null
                                           order by o.id limit 1), ''))
          from person p where p.id = $2
        """,
        row["account_id"],
        row["person_id"],
        now,
        row["kind"],
        row["channel"],
        row["address"],
    )
    await notify(connection, "account", row["account_id"])


async def mark_failed(
    connection: Connection, notification_id: int, error: str, next_try_at: datetime | None
) -> None:
    """It was not delivered: try again at `next_try_at`, or never where that is None."""
    await connection.execute(
        """
        update notification
           set attempt = attempt + 1, error = $2, next_try_at = coalesce($3, next_try_at),
               state = case when $3::timestamptz is null then 'failed' else 'pending' end,
               params = case when $3::timestamptz is null then params - 'link' else params end
         where id = $1 and state = 'pending'
        """,
        notification_id,
        error,
        next_try_at,
    )
