"""What people are told: in their language, at least once, and never for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import trio
from fake_pbx import FakeScreen
from fixtures_mail import Catcher

from actors.bus import Bus
from actors.letters import UnknownLetter, write
from actors.mailer import Mailer, MailSettings, compose, message_id
from storage import budgets, notifications
from storage.budgets import BudgetSpec, HistoryFilter
from storage.database import Connection, Database
from storage.notifications import Channel, Pending
from storage.viewer import Viewer
from telephony.errors import PbxThrottled
from telephony.plant import ExtensionKey, Plant

NOW = datetime(2026, 11, 20, 11, tzinfo=UTC)
BUDGET = {
    "amount": "100.000000",
    "carried": "0.000000",
    "spent": "1234.500000",
    "remaining": "-1134.500000",
    "carried_over": "0.000000",
    "currency": "EUR",
    "percent": "80",
    "period": "monthly",
    "starts_at": "2026-10-31T23:00:00Z",
    "ends_at": "2026-11-30T23:00:00Z",
    "time_zone": "Europe/Rome",
    "target": "person",
    "target_key": "asonnino",
    "each": "",
    "locks": "yes",
}
KINDS = {
    "budget_warning": BUDGET,
    "budget_exhausted": BUDGET,
    "end_period": BUDGET | {"carried_over": "4.610000"},
    "phone_locked": {"extension": "731", "by": "budget"},
    "phone_unlocked": {"extension": "731", "by": "budget"},
    "password_reset": {"link": "https://phones.example.com/login/reset/x?a=1&b=2", "minutes": "30"},
}


def pending(kind: Any = "phone_locked", **more: Any) -> Any:
    fields = {
        "id": 1,
        "key": "line:731:1:mail:1",
        "channel": "mail",
        "kind": kind,
        "params": KINDS[kind],
        "address": "andrea.sonnino@example.com",
        "person_id": 1,
        "person_name": "Andrea Sonnino",
        "language": "en",
        "time_zone": "Europe/Rome",
        "extensions": (ExtensionKey("731"),),
        "created_at": NOW,
        "attempt": 0,
    }
    return Pending(**(fields | more))


# Words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pl", "ar", "tlh"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["person", "department"])
def test_every_kind_has_words_in_every_language(kind: Any, language: str, target: str) -> None:
    params = KINDS[kind] | ({"target": target} if "target" in KINDS[kind] else {})
    letter = write(pending(kind, language=language, params=params))
    assert letter.subject
    assert letter.phone
    assert "Andrea Sonnino" in letter.text
    assert "{" not in letter.text
    assert "%(" not in letter.text + letter.subject + letter.phone
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in letter.html


def test_amounts_and_days_are_written_as_the_reader_writes_them() -> None:
    english = write(pending("budget_exhausted"))
    assert "€1,234.50 of €100.00" in english.text
    assert "30 November 2026" in english.text
    warning = write(pending("budget_warning"))  # one call went past the warning and the budget
    assert "You have €0.00 left" in warning.text
    italian = write(pending("budget_exhausted", language="it"))
    assert "1.234,50\xa0€" in italian.text
    assert "30 novembre 2026" in italian.text


def test_what_people_are_called_cannot_write_html() -> None:
    letter = write(pending(person_name="<script>alert(1)</script> & Co"))
    assert "<script>" not in letter.html
    assert "<script>alert(1)</script> & Co" in letter.text
    link = write(pending("password_reset"))
    assert 'href="https://phones.example.com/login/reset/x?a=1&amp;b=2"' in link.html
    assert "https://phones.example.com/login/reset/x?a=1&b=2" in link.text


def test_there_are_no_words_for_an_unknown_kind() -> None:
    with pytest.raises(UnknownLetter):
        write(replace(pending(), kind="no_such_kind"))


def test_the_message_id_follows_from_the_key_alone() -> None:
    one = compose(pending(), write(pending()), "Phones <phones@example.com>", NOW)
    two = compose(pending(), write(pending()), "phones@example.com", NOW + timedelta(hours=1))
    assert (
        one["Message-ID"] == two["Message-ID"] == message_id("line:731:1:mail:1", "x@example.com")
    )
    assert one["From"] == "Phones <phones@example.com>"
    assert one["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("address", ["not an\naddress", "", "a@", "@b", "a@b@c"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|line"):
        compose(pending(address=address), write(pending()), "a@example.com", NOW)


# Delivery -----------------------------------------------------------------------------------------


class Office:
    def __init__(self, database: Database, catcher: Catcher) -> None:
        self.database = database
        self.now = NOW
        self.screen = FakeScreen()
        self.settings = MailSettings("127.0.0.1", catcher.port, "none", "phones@example.com")

    def mailer(self) -> Any:
        return Mailer(self.database, lambda: self.now, Bus(), self.settings, self.screen)

    async def queue(
        self,
        key: str = "k",
        kind: str = "phone_locked",
        channels: tuple[Channel, ...] = ("mail",),
        login: str = "asonnino",
    ) -> Any:
        async def work(connection: Connection) -> Any:
            person = await connection.fetchval("select id from person where login = $1", login)
            return await notifications.queue(
                connection, key, kind, KINDS[kind],
                person_ids=[person], channels=channels, account_id=None, now=self.now,
            )  # fmt: skip

        return await self.database.unit_of_work(work)

    async def states(self) -> Any:
        async def ask(connection: Connection) -> Any:
            rows = await connection.fetch(
                "select channel, state, attempt, error from notification order by id"
            )
            return [tuple(row) for row in rows]

        return await self.database.unit_of_work(ask)


@pytest.fixture
async def office(database: Database, company: Plant, catcher: Catcher) -> Any:
    return Office(database, catcher)


async def test_a_notification_is_queued_once_and_delivered_on_both_channels(
    office: Office, catcher: Catcher
) -> None:
    assert await office.queue(channels=("mail", "phone")) == 2
    assert await office.queue(channels=("mail", "phone")) == 0
    assert await office.mailer().deliver_pending() == 2
    assert await office.mailer().deliver_pending() == 0
    [(_, message)] = catcher.messages
    assert message["To"] == "Andrea Sonnino <andrea.sonnino@example.com>"
    assert message.get_content_type() == "multipart/alternative"
    assert message["Content-Language"] == "it"
    assert [shown[0] for shown in office.screen.shown] == ["731"]
    assert {state for _, state, *_ in await office.states()} == {"sent"}


async def test_the_server_is_signed_in_to(office: Office, catcher: Catcher) -> None:
    office.settings = MailSettings(
        "127.0.0.1", catcher.port, "none", "p@example.com", "ringfence", "secret"
    )
    await office.queue()
    await office.mailer().deliver_pending()
    assert [authenticated for authenticated, _ in catcher.messages] == [True]
    office.settings = MailSettings(
        "127.0.0.1", catcher.port, "none", "p@example.com", "ringfence", "wrong"
    )
    await office.queue("k2")
    await office.mailer().deliver_pending()
    [_, (_, state, attempt, error)] = await office.states()
    assert (state, attempt) == ("pending", 1)
    assert "535" in error


async def test_a_server_without_starttls_is_not_spoken_to_in_clear(
    office: Office, catcher: Catcher
) -> None:
    office.settings = MailSettings("127.0.0.1", catcher.port, "starttls", "p@example.com")
    await office.queue()
    await office.mailer().deliver_pending()
    assert catcher.messages == []
    assert [state for _, state, *_ in await office.states()] == ["pending"]


async def test_a_server_that_is_away_is_tried_later_and_given_up_after_two_days(
    office: Office, catcher: Catcher
) -> None:
    port = catcher.port
    office.settings = MailSettings("127.0.0.1", 1, "none", "p@example.com")
    await office.queue()
    tries = 0
    while (await office.states())[0][1] == "pending":
        await office.mailer().deliver_pending()
        tries += 1
        following = await office.database.unit_of_work(notifications.next_due, office.now)
        office.now = following or office.now
    assert tries > 40
    assert office.now - NOW > timedelta(hours=46)
    await office.queue("k2")
    office.settings = MailSettings("127.0.0.1", port, "none", "p@example.com")
    await office.mailer().deliver_pending()
    assert len(catcher.messages) == 1


async def test_a_refused_recipient_is_given_up_and_the_others_get_theirs(
    office: Office, catcher: Catcher
) -> None:
    catcher.refusals = ["550 no such user", "451 later"]
    for number, login in enumerate(("asonnino", "bkowalska", "cmoreau")):
        await office.queue(f"k{number}", login=login)
    await office.mailer().deliver_pending()
    assert [state for _, state, *_ in await office.states()] == ["failed", "pending", "sent"]
    office.now += timedelta(minutes=1)
    await office.mailer().deliver_pending()
    assert [state for _, state, *_ in await office.states()] == ["failed", "sent", "sent"]


async def test_without_a_mail_server_mail_waits_for_two_days(office: Office) -> None:
    office.settings = None
    await office.queue()
    await office.mailer().deliver_pending()
    [(_, state, _, error)] = await office.states()
    assert (state, error) == ("pending", "no mail server is configured")
    office.now += timedelta(days=3)
    await office.mailer().deliver_pending()
    assert [state for _, state, *_ in await office.states()] == ["failed"]


async def test_a_phone_that_is_off_is_not_asked_for_ever(office: Office) -> None:
    office.screen.phones = 0
    await office.queue(channels=("phone",))
    await office.mailer().deliver_pending()
    assert (await office.states())[0][1] == "failed"


async def test_a_busy_registration_service_is_asked_again_when_it_says(office: Office) -> None:
    office.screen.error = PbxThrottled("rate", 60.0)
    await office.queue(channels=("phone",))
    await office.mailer().deliver_pending()
    following = await office.database.unit_of_work(notifications.next_due, office.now)
    assert following == NOW + timedelta(seconds=60)
    office.now, office.screen.error = following, None
    await office.mailer().deliver_pending()
    assert (await office.states())[0][1] == "sent"


async def test_people_without_an_address_and_disabled_people_get_nothing(office: Office) -> None:
    async def change(connection: Connection) -> None:
        await connection.execute("update person set email = '' where login = 'asonnino'")
        await connection.execute("update person set disabled_at = now() where login = 'bkowalska'")

    await office.database.unit_of_work(change)
    assert await office.queue("a", channels=("mail", "phone")) == 1
    assert await office.queue("b", channels=("mail", "phone"), login="bkowalska") == 0


async def test_a_reset_link_is_forgotten_once_it_was_sent(office: Office, catcher: Catcher) -> None:
    await office.queue(kind="password_reset")
    await office.mailer().deliver_pending()
    assert "login/reset" in catcher.messages[0][1].get_body(("plain",)).get_content()
    params = await office.database.unit_of_work(
        lambda connection: connection.fetchval("select params from notification")
    )
    assert "link" not in params


async def test_the_history_says_to_whom_and_how_a_budget_told(
    office: Office, catcher: Catcher
) -> None:
    spec = BudgetSpec("person", "asonnino", Decimal(0), "monthly")
    change = await office.database.unit_of_work(budgets.set_budget, spec, office.now)
    assert change.created
    [account] = await office.database.unit_of_work(budgets.live_accounts)
    await office.database.unit_of_work(budgets.evaluate, account, office.now)
    await office.mailer().deliver_pending()
    page = await office.database.unit_of_work(
        budgets.history, Viewer(1, "own"), HistoryFilter(action="notify_sent"), 1
    )
    [row] = page.rows
    assert row.details == {
        "kind": "budget_exhausted",
        "channel": "mail",
        "address": "andrea.sonnino@example.com",
        "to": "Andrea Sonnino",
        "extension": "731",
    }


async def test_the_mailer_wakes_for_what_is_queued_and_for_what_is_due(
    office: Office, catcher: Catcher
) -> None:
    bus = Bus()
    mailer = Mailer(office.database, lambda: office.now, bus, office.settings, office.screen)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mailer.run)
        with trio.fail_after(20):
            while not bus.watchers:
                await trio.lowlevel.checkpoint()
            await office.queue()
            while not catcher.messages:
                bus.publish("notification", "-")
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
