"""The audit log: who may read it, what its filters find, what leaves it, and what is forgotten."""

from __future__ import annotations

import ast
import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fixtures_web import Browser, id_of

from actors.house import House
from daemon.retention import forget_events
from storage import audit
from storage.audit import AuditFilter, AuditRow, Event
from storage.database import Connection, Database
from storage.viewer import OPERATOR, NotAllowed, Viewer
from web.audit_words import ACTIONS
from words.language import language

ROOT = Path(__file__).parents[1]
DAY = datetime(2026, 3, 30, 22, 30, tzinfo=UTC)
"""Half past midnight on 31 March in Rome."""


@pytest.fixture
async def rosa(browser: Browser) -> Browser:
    """The administrator, signed in."""
    await browser.sign_in("root")
    return browser


async def happen(database: Database, *events: Event, at: datetime = DAY) -> None:
    """Put events in the log, a minute apart."""

    async def work(connection: Connection) -> None:
        for number, event in enumerate(events):
            await audit.record(connection, event, at + timedelta(minutes=number))

    await database.unit_of_work(work)


async def found(database: Database, **wanted: object) -> list[AuditRow]:
    page = await database.unit_of_work(
        audit.listing,
        OPERATOR,
        AuditFilter(**wanted),
        1,
        100,  # type: ignore[arg-type]
    )
    assert page.total == len(page.rows)
    return page.rows


@pytest.fixture
async def three(database: Database, company: object) -> int:
    """A look at Beata's calls, a sign-in that was refused, a change of the directory."""
    andrea, beata = await id_of(database, "asonnino"), await id_of(database, "bkowalska")
    await happen(
        database,
        Event("calls_viewed", andrea, "asonnino", beata, "bkowalska", "10.1.2.3"),
        Event("sign_in_failed", None, "Mallory%", address="192.0.2.9", details={"why": "wrong"}),
        Event(
            "directory_changed", andrea, "asonnino", None, "ldap.example.com", "10.1.2.30",
            {"base": "dc=Müller, dc=example"},
        ),
    )  # fmt: skip
    return andrea


@pytest.mark.parametrize(
    ("wanted", "actions"),
    [
        ({}, ["directory_changed", "sign_in_failed", "calls_viewed"]),
        ({"sort": "asc"}, ["calls_viewed", "sign_in_failed", "directory_changed"]),
        ({"who": "sonnino"}, ["directory_changed", "calls_viewed"]),
        ({"who": "Sonnino Andrea"}, ["directory_changed", "calls_viewed"]),
        ({"who": "mallory%"}, ["sign_in_failed"]),
        ({"who": "%"}, []),
        ({"about": "kowalska"}, ["calls_viewed"]),
        ({"about": "LDAP"}, ["directory_changed"]),
        ({"action": "sign_in_failed"}, ["sign_in_failed"]),
        ({"address": "10.1.2.3"}, ["directory_changed", "calls_viewed"]),
        ({"address": "10_"}, []),
        ({"text": "ldap exam"}, ["directory_changed"]),
        ({"text": "müll"}, ["directory_changed"]),
        ({"text": "';:* & |!("}, ["directory_changed", "sign_in_failed", "calls_viewed"]),
        ({"text": "xample"}, []),
        ({"from_at": DAY + timedelta(minutes=1)}, ["directory_changed", "sign_in_failed"]),
        ({"until_at": DAY + timedelta(minutes=1)}, ["calls_viewed"]),
        ({"who": "asonnino", "action": "calls_viewed", "address": "10."}, ["calls_viewed"]),
    ],
)
async def test_every_filter_finds_its_own(
    database: Database, three: int, wanted: dict[str, object], actions: list[str]
) -> None:
    assert [row.action for row in await found(database, **wanted)] == actions


async def test_names_are_todays_and_logins_those_of_then(database: Database, three: int) -> None:
    async def rename(connection: Connection) -> None:
        await connection.execute(
            "update person set login = 'andrea', last_name = 'Rossi' where id = $1", three
        )

    await database.unit_of_work(rename)
    [row] = await found(database, action="calls_viewed")
    assert (row.name, row.login) == ("Andrea Rossi", "asonnino")
    assert row.subject == "Beata Kowalska"


@pytest.mark.parametrize("breadth", ["own", "unit"])
async def test_nobody_but_administrators_reads_it(database: Database, breadth: str) -> None:
    viewer = Viewer(1, breadth, "department", "Sales")  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        await database.unit_of_work(audit.listing, viewer, AuditFilter(), 1, 10)
    with pytest.raises(NotAllowed):
        await database.unit_of_work(audit.following, viewer, AuditFilter(), None, 10)


@pytest.mark.parametrize("login", ["asonnino", "cmoreau"])
@pytest.mark.parametrize("path", ["/admin/audit", "/admin/audit.csv"])
async def test_others_are_refused_the_page(browser: Browser, login: str, path: str) -> None:
    await browser.sign_in(login)
    assert (await browser.get(path)).status_code == 403


async def test_the_page_shows_words_and_chips(rosa: Browser, three: int) -> None:
    await rosa.get("/admin/audit?from=2026-03-31&until=2026-03-31&who=sonnino&action=calls_viewed")
    assert "1 item in 1 page" in rosa.text
    assert "31/03/2026 00:30:00 Andrea Sonnino asonnino Calls looked at Beata Kowalska" in rosa.text
    assert 'href="/admin/audit?from=2026-03-31&amp;until=2026-03-31&amp;action=calls_viewed"' in (
        rosa.page
    )
    assert "Remove the filter Action: Calls looked at" in rosa.page
    await rosa.get("/admin/audit?from=2026-04-01&until=2026-04-01")
    assert "Nothing matches these filters" in rosa.text


async def test_days_are_the_readers_own(rosa: Browser, three: int) -> None:
    await rosa.get("/admin/audit?until=2026-03-30")
    assert "Nothing matches these filters" in rosa.text


async def test_an_action_nobody_knows_is_shown_as_it_is(rosa: Browser, database: Database) -> None:
    await happen(database, Event("<moon_landed>", login="neil", details={"<b>": "<i>one</i>"}))
    await rosa.get("/admin/audit?action=%3Cmoon_landed%3E")
    assert "<moon_landed>" in rosa.text
    assert "<moon" not in rosa.page
    assert "<i>one" not in rosa.page


@pytest.mark.parametrize(
    "query", ["page=-1", "page=99999999", "page=x", "from=yesterday", "sort=up", "until=9999-12-31"]
)
async def test_an_address_that_means_nothing_is_no_fault(rosa: Browser, query: str) -> None:
    assert (await rosa.get(f"/admin/audit?{query}")).status_code == 200


async def test_pages_are_of_fifty_and_turn(rosa: Browser, database: Database) -> None:
    await happen(database, *(Event("tested", login=f"nr{number:03}") for number in range(120)))
    await rosa.get("/admin/audit?action=tested&page=3")
    assert "120 items in 3 pages" in rosa.text
    assert rosa.page.count('<tr role="row">') == 21
    assert "nr000" in rosa.text
    assert "nr020" not in rosa.text
    await rosa.get("/admin/audit?action=tested&sort=asc")
    assert "nr000" in rosa.text
    assert "nr050" not in rosa.text


def sheet(browser: Browser) -> list[list[str]]:
    return list(csv.reader(io.StringIO(browser.page.removeprefix("\ufeff"))))


async def test_the_export_is_the_filter_and_is_told_itself(
    rosa: Browser, three: int, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.audit.BATCH", 2)
    formula = '=HYPERLINK("http://evil.example")'
    await happen(database, *(Event("calls_viewed", login=formula) for _ in range(4)))
    answer = await rosa.get("/admin/audit.csv?action=calls_viewed&sort=asc")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    head, *rows = sheet(rosa)
    assert head == ["Time", "Who", "User name", "Action", "About", "Address", "Details"]
    assert sorted(row[2] for row in rows) == ["'" + formula] * 4 + ["asonnino"]
    assert {row[3] for row in rows} == {"Calls looked at"}
    assert rows[0][0] == "2026-03-31 00:30:00+02:00"
    [told] = await found(database, action="audit_exported")
    assert told.login == "root"
    assert told.details == {"filter": "action: calls_viewed; sort: asc"}


async def test_the_same_instant_twice_is_exported_twice(
    rosa: Browser, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.audit.BATCH", 3)
    for number in range(8):
        await happen(database, Event("tested", login=f"nr{number}"))
    for order in ("", "&sort=asc"):
        await rosa.get(f"/admin/audit.csv?action=tested{order}")
        logins = [row[2] for row in sheet(rosa)[1:]]
        assert sorted(logins) == [f"nr{number}" for number in range(8)]
        assert (logins[0] == "nr0") is bool(order)


async def test_old_events_are_forgotten_and_no_others(
    database: Database, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.retention.BATCH", 2)
    now = house.clock()
    for days in (0, 9, 11, 12, 13):
        await happen(database, Event("tested", login=str(days)), at=now - timedelta(days=days))
    assert await forget_events(house, 10) == 3
    assert [row.login for row in await found(database, action="tested")] == ["0", "9"]


INDEXED = {
    "audit_at": {},
    "audit_action": {"action": "rare"},
    "audit_person": {"who": "asonnino"},
    "audit_words": {"text": "needle"},
    "audit_address": {"address": "10.99"},
}


@pytest.mark.parametrize("index", INDEXED)
async def test_a_long_log_is_read_by_its_indexes(
    database: Database, company: object, index: str
) -> None:
    async def plan(connection: Connection) -> str:
        await connection.execute(
            """
            insert into audit (at, action, login, subject, address)
            select now() - n * interval '1 minute', 'common', 'x' || n, 'straw ' || n,
                   '10.1.' || n % 250 || '.' || n % 199
              from generate_series(1, 60000) n
            """
        )
        await connection.execute("analyze audit")
        seen: list[str] = []

        class Explaining:
            async def fetch(self, query: str, *values: object) -> list[object]:
                if "from audit a" in query:
                    explained = await connection.fetch("explain " + query, *values)
                    seen.extend(row[0] for row in explained)
                    return []
                return await connection.fetch(query, *values)  # type: ignore[return-value]

            async def fetchval(self, query: str, *values: object) -> object:
                return await connection.fetchval(query, *values)

        wanted = AuditFilter(**INDEXED[index])
        await audit.following(Explaining(), OPERATOR, wanted, None, 50)  # type: ignore[arg-type]
        return "\n".join(seen)

    shown = await database.unit_of_work(plan)
    assert index in shown, shown
    assert "Seq Scan on audit" not in shown, shown


EVENTS_OF_STREAMS = {"look", "beat"}


def told_actions() -> set[str]:
    """Every action that code of ours tells the log, as it stands in the source."""
    found: set[str] = set()
    for folder in ("actors", "daemon", "storage", "web"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    found.update(_action_of(node))
    return found


def _action_of(call: ast.Call) -> set[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = (
        [word.value for word in call.keywords if word.arg == "action"] if name == "Event" else []
    )
    place = {"Event": 0, "event": 0, "tell": 2, "signed": 0}.get(name)
    if place is not None and len(call.args) > place:
        given.append(call.args[place])
    said = [one.value for one in given if isinstance(one, ast.Constant)]
    return {one for one in said if isinstance(one, str) and one.replace("_", "").isalpha()}


def test_every_action_our_code_tells_has_words() -> None:
    told = told_actions() - EVENTS_OF_STREAMS
    assert {"sign_in", "calls_viewed", "person_changed", "audit_exported"} <= told
    assert told <= ACTIONS.keys(), sorted(told - ACTIONS.keys())


async def test_looks_are_told_in_the_readers_language(rosa: Browser, database: Database) -> None:
    details = {"text": "0552", "filter": "Sales"}
    about = "search: everybody, text 0552, filter Sales"
    await happen(database, Event("calls_viewed", subject=about, details=details))
    about, details = "report: Sales, filter x", {"report": "unanswered-calls", "filter": "x"}
    await happen(database, Event("calls_viewed", subject=about, details=details))
    await happen(database, Event("calls_exported", subject="unanswered-calls"))
    await rosa.get("/admin/audit")
    await rosa.post("/account/language", csrf_token=rosa.hidden("csrf_token"), language="de")
    await rosa.get("/admin/audit")
    assert "Suche: Alle" in rosa.text
    assert "Text: 0552" in rosa.text
    assert "Filter: Sales" in rosa.text
    assert "Bericht: Sales" in rosa.text
    assert rosa.text.count(language("de").text("Unanswered calls")) == 2
    for english in ("everybody", "search", "text 0552", "unanswered-calls"):
        assert english not in rosa.text
