"""The state of the daemon: the page says what `ringfence doctor` prints, in any language."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from fixtures_web import Browser, HeldClock
from quart_trio import QuartTrio

from actors import state
from actors.findings import Bytes, Finding, Words, english, plain, said, size_words
from actors.house import House
from storage.alarms import raise_alarm
from storage.database import Connection, Database, StorageUnavailable
from storage.figures import Standing, read_standing
from web.state import Probes, set_probes

NOON = datetime(2026, 3, 31, 10, tzinfo=UTC)


@pytest.fixture
async def rosa(browser: Browser) -> Browser:
    """The administrator, signed in."""
    await browser.sign_in("root")
    return browser


async def do(database: Database, *statements: str) -> None:
    async def work(connection: Connection) -> None:
        for statement in statements:
            await connection.execute(statement)

    await database.unit_of_work(work)


async def found(database: Database) -> Standing:
    return await database.unit_of_work(read_standing)


def verdicts(standing: Standing) -> dict[str, str]:
    return {one.key: one.verdict for one in (f(standing) for f in state.BEFORE + state.AFTER)}


@pytest.mark.parametrize(
    ("size", "said_as"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (12_400_000, "12.4 MB"),
        (1_020_000_000, "1.02 GB"),
    ],
)
def test_sizes_are_told_in_the_unit_that_goes_with_them(size: int, said_as: str) -> None:
    assert size_words(size) == said_as


def test_a_finding_is_one_line_of_english() -> None:
    finding = Finding(
        Words("missing files"),
        "TODO",
        plain(5),
        (said("see %(command)s", command="ringfence rejects"),),
        ("a", said("%(size)s", size=Bytes(1000)), said("at %(at)s", at=NOON)),
        count=5,
    )
    assert str(finding) == (
        "TODO  missing files: 5: a; 1 kB; at 2026-03-31T10:00:00Z; and 2 more; "
        "see ringfence rejects"
    )
    assert english(Words("100 % sure")) == "100 % sure"


async def test_a_company_in_order_has_nothing_to_do(database: Database, house: House) -> None:
    told = verdicts(await found(database))
    todo = {key for key, verdict in told.items() if verdict == "TODO"}
    assert todo == {"people"} or not todo
    assert told["LDAP"] == "--"


async def test_an_empty_database_says_what_to_do_first(database: Database) -> None:
    told = verdicts(await found(database))
    assert (told["people"], told["company"]) == ("TODO", "TODO")
    assert state.inbox(await found(database), "/inbox").verdict == "TODO"


TROUBLES = {
    "missing files": (
        (
            "insert into file_gap (cluster, node, kind, sequence) values ('Main', 1, 'cdr', 7),"
            " ('Main', 1, 'cdr', 8), ('Main', 2, 'cdr', 4)"
        ),
        (
            "TODO  missing files: 3: cdr Main node 1 7-8; cdr Main node 2 4; "
            "have Cisco UCM send them again"
        ),
    ),
    "locks": (
        "insert into hold (extension, kind) values ('731', 'user'), ('733', 'user')",
        (
            "TODO  locks: 2 wanted, 0 in place: 731; 733; "
            "a running daemon keeps trying: see ringfence status EXT"
        ),
    ),
    "LDAP": (
        (
            "insert into directory (settings) values ('{}');"
            "insert into directory_sync (started_at, done_at, outcome, reason) values "
            "('2026-03-31T10:00Z', '2026-03-31T10:00Z', 'failed', 'nobody answers')"
        ),
        "TODO  LDAP: the synchronisation of 2026-03-31T10:00:00Z was not done: nobody answers",
    ),
}


@pytest.mark.parametrize("what", TROUBLES)
async def test_each_trouble_is_told(database: Database, company: object, what: str) -> None:
    statement, line = TROUBLES[what]
    await do(database, statement)
    standing = await found(database)
    [finding] = [one for f in state.AFTER if (one := f(standing)).key == what]
    assert str(finding) == line


async def test_drift_names_its_extensions(database: Database, company: object) -> None:
    await do(database, "insert into line (extension, actual) values ('731', 'drift')")
    finding = state.locks(await found(database))
    assert str(finding) == "TODO  locks: 0 wanted, 0 in place: 731; 1 lines were changed by hand"


async def test_every_kind_of_alarm_has_words_and_an_unknown_one_its_name(
    database: Database, company: object
) -> None:
    for number, kind in enumerate((*state.ALARMS, "from_the_future")):
        params = {name: f"<{name}>" for name in ("why", "extension", "actor", "file")}
        await database.unit_of_work(raise_alarm, f"key:{number}", kind, params, NOON)
    await database.unit_of_work(raise_alarm, "key:old", "lock_refused", {}, NOON)
    standing = await found(database)
    finding = state.standing_alarms(standing)
    assert (finding.count, len(finding.named)) == (len(state.ALARMS) + 2, 3)
    assert english(finding.named[0]) == "lock_refused key:old, since 2026-03-31T10:00:00Z"
    assert english(finding.named[1]).startswith("from_the_future key:")


@pytest.mark.parametrize("login", ["asonnino", "cmoreau"])
async def test_others_are_refused(browser: Browser, login: str) -> None:
    await browser.sign_in(login)
    assert (await browser.get("/admin/")).status_code == 403
    await browser.get("/account/")
    assert (await browser.submit("/admin/look")).status_code == 403


async def test_the_page_shows_what_is_to_be_done_first(rosa: Browser, database: Database) -> None:
    await do(database, TROUBLES["locks"][0])
    await rosa.get("/admin/")
    titles = re.findall(r"<h2>(?:<a[^>]*>)?([^<]*)", rosa.page)
    assert titles.index("Locks") < titles.index("Database") < titles.index("Company directory")
    assert "2 wanted, 0 in place" in rosa.text
    assert "9.8.7" in rosa.text


async def test_the_part_is_the_part_alone(rosa: Browser) -> None:
    await rosa.get("/admin/?fragment=1")
    assert "<html" not in rosa.page
    assert "Database" in rosa.page


async def test_looking_now_shows_what_was_found_for_a_while(
    rosa: Browser, app: QuartTrio, clock: HeldClock
) -> None:
    async def quick(_: Standing) -> list[Finding]:
        return [Finding(state.AXL, "OK", plain("as known"))]

    async def slow(_: Standing) -> list[Finding]:
        return [
            Finding(state.AXL, "TODO", plain("it is on fire")),
            Finding(Words("lock of CSS"), "OK", plain("proved")),
        ]

    async def away(_: Standing) -> list[Finding]:
        raise StorageUnavailable("gone")

    set_probes(app, Probes((quick,), (slow, away)))
    await rosa.get("/admin/")
    assert "as known" in rosa.text
    assert "on fire" not in rosa.text
    answer = await rosa.submit("/admin/look")
    assert answer.headers["Location"] == "/admin/?looked=1"
    await rosa.get("/admin/")
    assert "it is on fire" in rosa.text
    assert "proved" in rosa.text
    assert "as known" not in rosa.text
    assert "Mail server and phone system were asked" in rosa.text
    clock.now += timedelta(minutes=11)
    await rosa.get("/admin/")
    assert "as known" in rosa.text
    assert "on fire" not in rosa.text


async def test_a_portal_without_the_daemon_has_no_button(rosa: Browser) -> None:
    await rosa.get("/admin/")
    assert 'action="/admin/look"' not in rosa.page


async def test_other_peoples_words_stay_data(rosa: Browser, database: Database) -> None:
    await do(
        database,
        "insert into alarm (key, kind, params) values ('k', 'lock_refused', "
        """'{"extension": "731", "why": "<script>%(x)s"}')""",
    )
    await rosa.get("/admin/")
    assert "<script>%" not in rosa.page
    assert "<script>%(x)s" in rosa.text
