"""Mails with reports: each address its own, each once, to a real mail server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from fixtures_mail import Catcher
from hypothesis import given
from hypothesis import strategies as st

from actors import report_mail as delivering
from actors.bus import Bus
from actors.mailer import MailSettings, message_id
from actors.report_mail import ReportMailer, compose
from reports.addresses import MOST_ADDRESSES, parse_addresses
from storage import people, report_mail
from storage.database import Connection, Database, StorageUnavailable
from storage.report_mail import (
    Parcel,
    PendingMail,
    ReportFile,
    TooLarge,
    TooManyAnHour,
    TooManyWaiting,
)
from storage.viewer import Viewer
from telephony.plant import Plant

NOW = datetime(2026, 11, 20, 11, tzinfo=UTC)
PDF = ReportFile("Lista chiamate – März.pdf", "application/pdf", b"%PDF-1.7 \x00\xff report")
TWO = ("john.smith@company.example", "Mary@company.example")


def parcel(**more: Any) -> Parcel:
    fields: dict[str, Any] = {
        "key": "schedule:1:2026-11-20T11:00:00Z",
        "addresses": TWO,
        "subject": "Anrufe für März",
        "body": "Guten Tag\n\nZeitraum: März\n",
        "language": "de",
        "file": PDF,
    }
    return Parcel(**(fields | more))


class Post:
    """The queue, and a mailer that empties it to a server that keeps what it gets."""

    def __init__(self, database: Database, catcher: Catcher) -> None:
        self.database = database
        self.now = NOW
        self.bus = Bus()
        self.settings: MailSettings | None = MailSettings(
            "127.0.0.1", catcher.port, "none", "Phones <phones@example.com>"
        )

    @property
    def mailer(self) -> ReportMailer:
        return ReportMailer(self.database, lambda: self.now, self.bus, self.settings)

    async def queue(self, login: str = "asonnino", **more: Any) -> int:
        person = await self.database.unit_of_work(people.by_login, login)
        assert person
        return await self.database.unit_of_work(
            report_mail.queue, Viewer.of(person), parcel(**more), self.now
        )

    async def rows(self, sql: str) -> list[Any]:
        async def work(connection: Connection) -> list[Any]:
            return [tuple(row) for row in await connection.fetch(sql)]

        return await self.database.unit_of_work(work)

    async def states(self) -> list[Any]:
        return await self.rows("select state, attempt, error from report_mail order by id")

    async def files(self) -> int:
        return len(await self.rows("select 1 from report_mail_file"))


@pytest.fixture
async def post(database: Database, company: Plant, catcher: Catcher) -> Post:
    return Post(database, catcher)


async def test_every_address_gets_a_mail_of_its_own_with_the_file(
    post: Post, catcher: Catcher
) -> None:
    assert await post.queue() == 2
    assert await post.mailer.deliver_pending() == 2
    assert await post.mailer.deliver_pending() == 0
    assert sorted(message["To"] for _, message in catcher.messages) == sorted(TWO)
    for _, message in catcher.messages:
        assert message["Subject"] == "Anrufe für März"
        assert message["From"] == "Phones <phones@example.com>"
        assert message["Reply-To"] == "andrea.sonnino@example.com"
        assert message["Content-Language"] == "de"
        assert message["Auto-Submitted"] == "auto-generated"
        text = message.get_body(("plain",)).get_content()
        assert text.replace("\r\n", "\n") == "Guten Tag\n\nZeitraum: März\n"
        [attached] = message.iter_attachments()
        assert attached.get_content_type() == "application/pdf"
        assert attached.get_filename() == PDF.name
        assert attached.get_content() == PDF.content
    ids = {message["Message-ID"] for _, message in catcher.messages}
    assert ids == {
        message_id(f"schedule:1:2026-11-20T11:00:00Z:{one.lower()}", "phones@example.com")
        for one in TWO
    }
    assert await post.files() == 0


async def test_the_same_occasion_is_queued_once(post: Post) -> None:
    assert await post.queue() == 2
    assert await post.queue(subject="Another") == 0
    assert await post.queue(addresses=(TWO[1].upper(), "third@company.example")) == 1
    assert await post.files() == 2
    assert await post.queue(key="schedule:1:2026-11-21T11:00:00Z") == 2


async def test_a_refused_address_is_given_up_and_the_others_get_theirs(
    post: Post, catcher: Catcher
) -> None:
    catcher.refusals = ["550 no such user", "451 later"]
    await post.queue(addresses=("a@b.example", "b@b.example", "c@b.example"))
    await post.mailer.deliver_pending()
    states = await post.states()
    assert [state for state, *_ in states] == ["failed", "pending", "sent"]
    assert states[0][2] == "a@b.example was refused"
    assert await post.files() == 1
    post.now += timedelta(minutes=1)
    await post.mailer.deliver_pending()
    assert [state for state, *_ in await post.states()] == ["failed", "sent", "sent"]
    assert [message["To"] for _, message in catcher.messages] == ["c@b.example", "b@b.example"]
    assert await post.files() == 0


async def test_a_server_that_is_away_is_tried_later_each_time_and_given_up(
    post: Post, catcher: Catcher
) -> None:
    settings = post.settings
    post.settings = MailSettings("127.0.0.1", 1, "none", "phones@example.com")
    await post.queue()
    tries, pauses = 0, []
    while (await post.states())[0][0] == "pending":
        await post.mailer.deliver_pending()
        tries += 1
        following = await post.database.unit_of_work(report_mail.next_due, post.now)
        pauses.append((following or post.now) - post.now)
        post.now = following or post.now
    assert pauses[:4] == [timedelta(seconds=30 * 2**n) for n in range(4)]
    assert max(pauses) == timedelta(hours=1)
    assert post.now - NOW > timedelta(hours=46)
    assert {state for state, *_ in await post.states()} == {"failed"}
    assert await post.files() == 0
    post.settings = settings
    assert await post.mailer.deliver_pending() == 0
    assert catcher.messages == []


async def test_without_a_mail_server_mails_wait(post: Post) -> None:
    post.settings = None
    await post.queue()
    await post.mailer.deliver_pending()
    assert await post.states() == [("pending", 1, "no mail server is configured")] * 2


async def test_a_mail_that_breaks_the_connection_keeps_no_other_from_going(
    post: Post, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = delivering.send

    def cut(connection: Any, settings: Any, message: Any) -> Any:
        if message["To"] == "a@b.example":
            connection.sock.close()
            raise OSError("connection reset")
        return real(connection, settings, message)

    monkeypatch.setattr(delivering, "send", cut)
    await post.queue(addresses=("a@b.example", "b@b.example"))
    await post.mailer.deliver_pending()
    assert [state for state, *_ in await post.states()] == ["pending", "sent"]


async def test_what_was_taken_is_marked_before_the_next_and_even_while_being_stopped(
    post: Post, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon is stopped while the first of two mails is on its way."""
    real = delivering.send
    token = trio.lowlevel.current_trio_token()
    scope = trio.CancelScope()

    def stop_meanwhile(connection: Any, settings: Any, message: Any) -> Any:
        trio.from_thread.run_sync(scope.cancel, trio_token=token)
        return real(connection, settings, message)

    monkeypatch.setattr(delivering, "send", stop_meanwhile)
    await post.queue()
    with scope:
        await post.mailer.deliver_pending()
    assert scope.cancelled_caught
    assert len(catcher.messages) == 1
    assert [state for state, *_ in await post.states()] == ["sent", "pending"]
    monkeypatch.setattr(delivering, "send", real)
    await post.mailer.deliver_pending()
    assert sorted(message["To"] for _, message in catcher.messages) == sorted(TWO)


async def test_a_database_that_goes_away_is_told_as_it_is(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: Any) -> None:
        raise StorageUnavailable("the server is gone")

    await post.queue()
    monkeypatch.setattr(report_mail, "mark_sent", dies)
    with pytest.raises(StorageUnavailable):
        await post.mailer.deliver_pending()


async def test_what_cannot_be_a_mail_is_given_up_at_once(post: Post, catcher: Catcher) -> None:
    """Pages refuse such a subject; the mail refuses it once more."""
    await post.queue(subject="One\r\nBcc: spy@evil.example")
    await post.mailer.deliver_pending()
    assert [state for state, *_ in await post.states()] == ["failed", "failed"]
    assert catcher.messages == []


@pytest.mark.parametrize(
    "address", ["a@b.example\nBcc: spy@evil.example", "nobody", "a b@c", "", "a@"]
)
def test_an_address_that_is_none_makes_no_mail(address: str) -> None:
    one = PendingMail(1, "k", 1, None, address, "", "s", "b", "en", NOW, 0)
    with pytest.raises(ValueError, match=r"address|line|Invalid|addr|local-part"):
        compose(one, None, "phones@example.com", NOW)


@pytest.mark.parametrize("reply_to", ["", "none", "a@", "a@b\nBcc: x@y.example", "@"])
def test_who_has_no_address_is_not_answered_to(reply_to: str) -> None:
    one = PendingMail(1, "k", 1, None, "a@b.example", reply_to, "s", "b", "en", NOW, 0)
    message = compose(one, None, "phones@example.com", NOW)
    assert message["Reply-To"] is None
    assert not message.is_multipart()


async def test_too_much_is_refused(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_mail, "LARGEST_BYTES", 5)
    with pytest.raises(TooLarge):
        await post.queue()
    monkeypatch.setattr(report_mail, "LARGEST_BYTES", 500)
    monkeypatch.setattr(report_mail, "MOST_WAITING", 3)
    await post.queue()
    with pytest.raises(TooManyWaiting):
        await post.queue(key="another")
    assert await post.queue("bkowalska", key="theirs") == 2
    await post.mailer.deliver_pending()
    assert await post.queue(key="another") == 2


async def test_one_person_sends_so_many_an_hour(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_mail, "MOST_AN_HOUR", 4)
    for key in ("page:one", "page:two"):
        assert await post.queue(key=key) == 2
        await post.mailer.deliver_pending()
    with pytest.raises(TooManyAnHour):
        await post.queue(key="page:three")
    assert len(await post.states()) == 4, "nothing is left of it"
    assert await post.queue(key="page:two") == 0, "a form sent twice does no harm"
    assert await post.queue("bkowalska", key="page:theirs") == 2
    assert await post.queue(key="schedule:1:on time") == 2
    post.now += timedelta(hours=1)
    assert await post.queue(key="page:three") == 2


async def test_forms_sent_at_once_are_counted_together(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_mail, "MOST_AN_HOUR", 4)
    refused: list[str] = []

    async def send(key: str) -> None:
        try:
            await post.queue(key=key)
        except TooManyAnHour:
            refused.append(key)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(send, f"page:{number}")
    assert len(refused) == 2
    assert len(await post.states()) == 4


async def test_old_mails_are_forgotten_and_waiting_ones_are_not(post: Post) -> None:
    await post.queue()
    await post.rows("update report_mail set state = 'sent' where address like 'john%' returning 1")
    later = NOW + timedelta(days=1)
    assert await post.database.unit_of_work(report_mail.forget, NOW, 10) == 0
    assert await post.database.unit_of_work(report_mail.forget, later, 10) == 1
    assert [state for state, *_ in await post.states()] == ["pending"]


async def test_the_mailer_wakes_for_what_is_queued(post: Post, catcher: Catcher) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(post.mailer.run)
        with trio.fail_after(20):
            while not post.bus.watchers:
                await trio.lowlevel.checkpoint()
            await post.queue()
            while len(catcher.messages) < 2:
                post.bus.publish("report_mail", "-")
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


# Addresses ----------------------------------------------------------------------------------------


def test_addresses_are_read_as_people_write_them() -> None:
    text = " john.smith@company.com;Mary <mary@x.example>, \n J.O'Neil+calls@sub.x.example ;; "
    assert parse_addresses(text) == (
        ("john.smith@company.com", "mary@x.example", "J.O'Neil+calls@sub.x.example"), (),
    )  # fmt: skip
    assert parse_addresses("a@b.c; A@B.C").found == ("a@b.c",)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", [("", "none")]),
        (" ; ", [("", "none")]),
        ("nobody", [("nobody", "bad")]),
        ("a@b; c@; @d; e@f@g", [("c@", "bad"), ("@d", "bad"), ("e@f@g", "bad")]),
        ("a b@c.example", [("a b@c.example", "bad")]),
        ("a@b..example; .a@b.example; a.@b.example; a@-b.example",
         [("a@b..example", "bad"), (".a@b.example", "bad"), ("a.@b.example", "bad"),
          ("a@-b.example", "bad")]),
        ("a@b.example\r\nBcc: spy@evil.example", [("Bcc: spy@evil.example", "bad")]),
        ("a@b.example\tx", [("a@b.example\tx", "bad")]),
        ("müller@b.example", [("müller@b.example", "letters")]),
        ("x" * 65 + "@b.example", [("x" * 65 + "@b.example", "bad")]),
        ('"a b"@c.example', [('"a b"@c.example', "bad")]),
    ],
)  # fmt: skip
def test_what_is_no_address_is_named(text: str, wrong: list[tuple[str, str]]) -> None:
    assert list(parse_addresses(text).wrong) == wrong


def test_there_may_be_fifty() -> None:
    def many(count: int) -> str:
        return "; ".join(f"a{number}@b.example" for number in range(count))

    assert parse_addresses(many(MOST_ADDRESSES)).wrong == ()
    assert parse_addresses(many(MOST_ADDRESSES + 1)).wrong == (("51", "too_many"),)


@given(st.text(alphabet=st.sampled_from("ab@.;,<> \r\n\t\x00é\"'(:-"), max_size=40))
def test_whatever_passes_is_one_word_that_makes_a_mail(text: str) -> None:
    for address in parse_addresses(text).found:
        assert address.isascii()
        assert not set(address) & set(' \t\r\n\x00<>;,"(:')
        one = PendingMail(1, "k", 1, None, address, "", "s", "b", "en", NOW, 0)
        assert compose(one, None, "p@example.com", NOW)["To"] == address
