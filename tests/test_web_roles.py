"""Nobody gets at what is another's: every address as every role, with the ids of others' things.

An address that `ROUTES` does not know fails the first test: whoever adds a page says here whose it
is. The second half reads the code: whatever `web` asks `storage` about people is asked with a
`Viewer`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

import pytest
from fixtures_directory import Office
from fixtures_web import Browser, id_of
from quart_trio import QuartTrio

from storage import sessions
from storage.database import Connection, Database
from web.context import token_hash

Whose = Literal["open", "signed-in", "administrator", "object"]


class Route(NamedTuple):
    """Whose an address is. `asked` are the queries that name others' things; `form` what is sent.

    "open": anybody's. "signed-in": everybody's own. "administrator": 403 for others. "object":
    404, or 403 whether or not it exists, for whoever may not see the object.
    """

    whose: Whose
    asked: tuple[str, ...] = ("",)
    form: dict[str, str] | None = None


OTHERS_CALLS = ("?whose=all", "?extension=741", "?person={person}", "?like={call}", "?page=2")
SCHEDULE = {
    "report": "call-list", "description": "Stolen", "addresses": "spy@evil.example",
    "format": "pdf", "start_date": "2026-01-01", "start_time": "09:00", "every": "1",
    "unit": "days", "zone": "UTC",
}  # fmt: skip
MAIL = {
    "addresses": "spy@evil.example", "format": "xlsx", "subject": "Stolen",
    "once": "0" * 32,
}  # fmt: skip
ASKED = (
    "",
    "?saved={saved}",
    "?options=1&saved={saved}",
    "?options=1&on=like&like={call}",
    "?options=1&on=group1&group1=extension&group1.values=741",
    "?options=1&run={token}",
)
"""Reports as others keep them, of the calls of others."""

ROUTES: dict[str, Route] = {
    "GET /": Route("signed-in"),
    "GET /account/": Route("signed-in"),
    "POST /account/language": Route("signed-in", form={"language": "de"}),
    "POST /account/password": Route(
        "signed-in", form={"current": "wrong", "password": "x" * 12, "repeated": "x" * 12}
    ),
    "POST /account/reading": Route("signed-in", form={"time_format": "24"}),
    "POST /account/sessions/<session>/end": Route("object", form={}),
    "POST /account/sessions/end-others": Route("signed-in", form={}),
    "GET /admin/": Route("administrator"),
    "GET /admin/audit": Route("administrator"),
    "GET /admin/audit.csv": Route("administrator"),
    "GET /admin/directory": Route("administrator"),
    "POST /admin/directory": Route("administrator", form={"servers": "evil.example"}),
    "GET /admin/directory/preview": Route("administrator"),
    "POST /admin/directory/preview": Route("administrator", form={"plan": "x"}),
    "POST /admin/directory/remove": Route("administrator", form={}),
    "GET /admin/directory/runs": Route("administrator"),
    "GET /admin/directory/runs/<run>": Route("administrator"),
    "POST /admin/directory/sync": Route("administrator", form={}),
    "POST /admin/look": Route("administrator", form={}),
    "GET /admin/people": Route("administrator", ("", "?q=Weber")),
    "GET /admin/people.csv": Route("administrator"),
    "GET /admin/people/<person>": Route("administrator"),
    "POST /admin/people/<person>": Route("administrator", form={"role": "administrator"}),
    "GET /admin/people/<person>/disable": Route("administrator"),
    "POST /admin/people/<person>/disable": Route("administrator", form={}),
    "POST /admin/people/<person>/enable": Route("administrator", form={}),
    "POST /admin/people/<person>/extensions": Route("administrator", form={"extension": "731"}),
    "POST /admin/people/<person>/extensions/take": Route(
        "administrator", form={"extension": "741"}
    ),
    "POST /admin/people/<person>/password": Route(
        "administrator", form={"password": "x" * 12, "repeated": "x" * 12}
    ),
    "POST /admin/people/<person>/password/clear": Route("administrator", form={}),
    "POST /admin/people/<person>/password/link": Route("administrator", form={}),
    "POST /admin/people/<person>/pin": Route("administrator", form={"pin": "4711"}),
    "POST /admin/people/<person>/pin/clear": Route("administrator", form={}),
    "POST /admin/people/<person>/sessions": Route("administrator", form={}),
    "GET /admin/people/fields": Route("administrator"),
    "POST /admin/people/fields": Route("administrator", form={"custom_1": "Car"}),
    "GET /admin/people/import": Route("administrator"),
    "POST /admin/people/import": Route("administrator", form={}),
    "GET /admin/people/import/<key>": Route("administrator"),
    "POST /admin/people/import/<key>": Route("administrator", form={}),
    "GET /admin/people/new": Route("administrator"),
    "POST /admin/people/new": Route("administrator", form={"login": "evil"}),
    "GET /admin/style": Route("administrator"),
    "GET /analytics/": Route("signed-in", ("", *OTHERS_CALLS)),
    "GET /analytics/alarms": Route("signed-in"),
    "GET /analytics/alarms/new": Route("signed-in"),
    "GET /analytics/calls": Route("signed-in", ("", *OTHERS_CALLS)),
    "GET /analytics/calls/<call_id>": Route("object"),
    "GET /analytics/dashboard": Route("signed-in", ("", "?fragment=1")),
    "POST /analytics/dashboard": Route("signed-in", form={"close": "my-last-30-days"}),
    "GET /analytics/reports": Route("signed-in", ("", "?report=calls-by-person")),
    "GET /analytics/reports/<report>": Route("signed-in", ASKED),
    "GET /analytics/reports/<report>/export.<file_format>": Route("signed-in", ASKED),
    "GET /analytics/reports/<report>/mail": Route("signed-in", ASKED),
    "POST /analytics/reports/<report>/mail": Route("signed-in", form=MAIL),
    "GET /analytics/reports/<report>/options": Route("signed-in", ASKED),
    "GET /analytics/reports/<report>/save": Route("signed-in", ASKED),
    "POST /analytics/reports/<report>/save": Route("signed-in", form={"name": "Mine"}),
    "GET /analytics/reports/history": Route("signed-in"),
    "GET /analytics/reports/history/<run>": Route("object"),
    "GET /analytics/reports/history/<run>/export.<file_format>": Route("object"),
    "GET /analytics/reports/runs/<token>": Route("signed-in"),
    "POST /analytics/reports/runs/<token>/cancel": Route("object", form={}),
    "POST /analytics/reports/saved/<saved>/delete": Route("object", form={}),
    "POST /analytics/reports/saved/restore": Route("signed-in", form={}),
    "GET /analytics/scheduled-reports": Route("signed-in", ("", "?whose=all", "?q=Weber")),
    "GET /analytics/scheduled-reports/<schedule>": Route("object"),
    "POST /analytics/scheduled-reports/<schedule>": Route("object", form=SCHEDULE),
    "POST /analytics/scheduled-reports/<schedule>/active": Route("object", form={"active": "0"}),
    "POST /analytics/scheduled-reports/<schedule>/delete": Route("object", form={}),
    "POST /analytics/scheduled-reports/<schedule>/run": Route("object", form={}),
    "GET /analytics/scheduled-reports/new": Route(
        "signed-in", ("?report=call-list", "?saved={saved}")
    ),
    "POST /analytics/scheduled-reports/new": Route("signed-in", form=SCHEDULE),
    "GET /analytics/scheduled-reports/next-runs": Route("signed-in"),
    "GET /budget/": Route("signed-in"),
    "GET /budget/history": Route("signed-in", ("", "?for=Weber")),
    "GET /healthz": Route("open"),
    "GET /live": Route("signed-in"),
    "GET /lock/": Route("signed-in"),
    "POST /lock/": Route("object", form={"extension": "741", "held": "1"}),
    "GET /login": Route("open"),
    "POST /login": Route("open", form={"username": "x", "password": "y"}),
    "GET /login/forgot": Route("open"),
    "POST /login/forgot": Route("open", form={"username": "dweber"}),
    "GET /login/reset/<token>": Route("open"),
    "POST /login/reset/<token>": Route("open", form={"password": "x" * 12, "repeated": "x" * 12}),
    "POST /logout": Route("signed-in", form={}),
    "GET /metrics": Route("open"),
    "GET /phone/message/<token>": Route("open"),
    "GET /search": Route("signed-in", ("?q=Weber", "?q=741", "?q=dweber", "?q=0288", "?q=")),
    "GET /static/<digest>/<name>": Route("open"),
}
"""Every address of the portal by its method."""

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
ENDS = {"GET /live", "POST /logout", "POST /account/sessions/end-others"}
"""Streams for ever, or ends the very session that is being tested with; tested by themselves."""

SPACE = UUID("8a3c2c52-6a0e-4b52-bb2f-1f51ad6d6a10")
MARKS = {
    "asonnino": ("Sonnino", "asonnino", "02110731"),
    "bkowalska": ("Kowalska", "bkowalska", "02220732"),
    "dweber": ("Weber", "dweber", "02880741"),
    "fhaddad": ("Haddad", "fhaddad", "02990751"),
}
"""What shows that a page tells of somebody: their name, login, and the number they called."""

SEEN_BY = {
    "asonnino": {"asonnino"},
    "cmoreau": {"asonnino", "bkowalska"},
}
"""Whose things a user and the supervisor of Sales may see."""


@dataclass(frozen=True)
class Others:
    """The ids of what belongs to somebody of another department."""

    person: int
    session: int
    call: str
    run: int
    saved: int
    schedule: int
    result: int

    def path(self, rule: str) -> str:
        for name, value in {
            "<person>": str(self.person),
            "<session>": str(self.session),
            "<call_id>": self.call,
            "/reports/history/<run>": f"/reports/history/{self.result}",
            "<run>": str(self.run),
            "<schedule>": str(self.schedule),
            "<saved>": str(self.saved),
            "<report>": "call-list",
            "<file_format>": "csv",
            "<key>": str(uuid5(SPACE, "upload")),
            "<token>": "t" * 43,
            "<digest>": "d",
            "<name>": "app.js",
        }.items():
            rule = rule.replace(name, value)
        return rule.format(person=self.person, call=self.call, saved=self.saved, token="t" * 32)


def rules(app: QuartTrio) -> set[str]:
    """The routes of the application, converters left out: `GET /admin/people/<person>`."""
    found: set[str] = set()
    for rule in app.url_map.iter_rules():
        path = "/".join(_plain(part) for part in str(rule.rule).split("/"))
        found |= {f"{method} {path}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    return found


def _plain(part: str) -> str:
    if not part.startswith("<"):
        return part
    name = part.strip("<>").rpartition(":")[2]
    return f"<{name if name == 'call_id' else name.removesuffix('_id')}>"


async def _call(connection: Connection, login: str, number: str) -> str:
    """A call of somebody to a number of their own; its id in addresses."""
    key = uuid5(SPACE, login)
    at = datetime.now(UTC) - timedelta(minutes=5)
    await connection.execute(
        """
        insert into call (key, party, revision, counted, direction, extension, person_id, unit_id,
               payer, number, e164, originated_at, started_at, ended_at, ring_s, duration_s,
               call_duration_s, answered, cost, currency, gateway_id, site_id)
        select $1, 0, 1, true, 'outgoing', o.extension, p.id, p.unit_id, o.extension,
               '0' || $3 || '0000', '+39' || $3 || '0000', $4, $4, $4, 5, 60, 60, true, 0.06, 'EUR',
               (select min(id) from gateway), p.site_id
          from person p join extension_owner o on o.person_id = p.id where p.login = $2
        """,
        key,
        login,
        number,
        at,
    )
    return f"{key}.0"


@pytest.fixture
def app(office: Office) -> QuartTrio:
    """The portal of a company that has everything, a directory too."""
    return office.app


@pytest.fixture
async def others(office: Office, database: Database) -> Others:
    """A call for everybody; the ids of those of Support."""

    async def work(connection: Connection) -> Others:
        calls = {login: await _call(connection, login, marks[2]) for login, marks in MARKS.items()}
        weber = await connection.fetchval("select id from person where login = 'dweber'")
        now = datetime.now(UTC)
        hashed = token_hash("of somebody else")
        await sessions.start(
            connection, weber, hashed, "c", now=now, expires_at=now + timedelta(hours=1)
        )
        session = await connection.fetchval("select id from session where token_hash = $1", hashed)
        run = await connection.fetchval(
            "insert into directory_sync (started_at, outcome, reason)"
            " values (now(), 'failed', 'Weber') returning id"
        )
        result = await connection.fetchval(
            "insert into report_run (person_id, report, name, options, started_at, took_ms, rows,"
            " result) values ($1, 'call-list', 'Weber', '{}', now(), 1, 1, 'Weber') returning id",
            weber,
        )
        saved = await connection.fetchval(
            "insert into saved_report (person_id, report, category, name, options, created_at,"
            " changed_at) values ($1, 'call-list', 'monitor', 'Weber', '{}', now(), now())"
            " returning id",
            weber,
        )
        schedule = await connection.fetchval(
            "insert into report_schedule (person_id, report, options, description, addresses,"
            " format, starts_local, zone, every, unit, next_at, created_at)"
            " values ($1, 'call-list', '{\"version\": 1}', 'Weber', '{dweber@example.com}', 'pdf',"
            " '2026-01-01', 'UTC', 1, 'days', '2100-01-01', now()) returning id",
            weber,
        )
        return Others(weber, session, calls["dweber"], run, saved, schedule, result)

    return await database.unit_of_work(work)


async def _state(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Everything a change could change, of others."""
    parts = {
        "person": "select * from person order by id",
        "session": "select token_hash, person_id, expires_at from session s join person p"
        " on p.id = s.person_id where p.login = 'dweber' order by 1",
        "owner": "select * from extension_owner order by id",
        "hold": "select * from hold order by 1, 2, 3, 4",
        "directory": "select * from directory",
        "fields": "select * from custom_field order by 1",
        "runs": "select * from directory_sync order by id",
        "reset": "select * from password_reset order by 1",
        "saved": "select * from saved_report order by 1",
        "schedules": "select * from report_schedule order by 1",
        "history": "select * from report_run where person_id ="
        " (select id from person where login = 'dweber') order by 1",
    }
    return {
        name: [tuple(row) for row in await connection.fetch(query)] for name, query in parts.items()
    }


async def test_every_address_is_known_here(app: QuartTrio) -> None:
    assert rules(app) == set(ROUTES)


@pytest.mark.parametrize("login", [None, *SEEN_BY])
async def test_nothing_of_another_is_read(
    app: QuartTrio, others: Others, login: str | None
) -> None:
    browser = Browser(app)
    if login:
        assert (await browser.sign_in(login)).status_code == 303
    seen = SEEN_BY.get(login or "", set())
    hidden = [mark for name, marks in MARKS.items() if name not in seen for mark in marks]
    for rule, route in ROUTES.items():
        method, _, path = rule.partition(" ")
        if method != "GET" or rule in ENDS:
            continue
        for query in route.asked:
            address = others.path(path + query)
            answer = await browser.get(address)
            _check_status(route, login, address, answer.status_code)
            shown = browser.page.replace(address, "").replace(query.partition("=")[2] or "\0", "")
            told = [mark for mark in hidden if mark in shown]
            assert not told, f"{login} reads {told} at {address}"


def _check_status(route: Route, login: str | None, address: str, status: int) -> None:
    where = f"{login or 'nobody'} at {address}: {status}"
    if route.whose == "open":
        assert status < 500, where
    elif login is None:
        assert status in {303, 401}, where
    elif route.whose == "administrator":
        assert status == 403, where
    elif route.whose == "object":
        assert status in {403, 404}, where
    else:
        assert status in {200, 404, 422}, where


@pytest.mark.parametrize("login", [None, *SEEN_BY])
async def test_nothing_of_another_is_changed(
    app: QuartTrio, others: Others, database: Database, login: str | None
) -> None:
    browser = Browser(app)
    if login:
        await browser.sign_in(login)
        await browser.get("/account/")
    else:
        await browser.get("/login")
    secret = browser.hidden("csrf_token")
    for rule, route in ROUTES.items():
        method, _, path = rule.partition(" ")
        if method not in UNSAFE or rule in ENDS or route.whose in {"open", "signed-in"}:
            continue
        before = await database.unit_of_work(_state)
        answer = await browser.post(others.path(path), csrf_token=secret, **(route.form or {}))
        _check_status(route, login, f"{rule}", answer.status_code)
        assert await database.unit_of_work(_state) == before, f"{login} changed it: {rule}"


async def test_an_administrator_does_read_it(app: QuartTrio, others: Others) -> None:
    """The marks are where the test above does not find them: it can fail."""
    browser = Browser(app)
    await browser.sign_in("root")
    for path, marks in {
        "/admin/people": ("Weber", "dweber"),
        "/admin/people/<person>": ("Weber", "dweber"),
        "/analytics/calls": ("Weber", "02880741"[:8]),
        "/analytics/calls/<call_id>": ("Weber",),
        "/analytics/": ("Haddad",),
        "/search?q=Weber": ("Dieter",),
        "/admin/directory/runs/<run>": ("Weber",),
        "/analytics/scheduled-reports": ("Weber", "dweber"),
    }.items():
        answer = await browser.get(others.path(path))
        assert answer.status_code == 200, path
        assert all(mark in browser.page for mark in marks), path


async def test_a_supervisor_reads_the_department(app: QuartTrio, others: Others) -> None:
    browser = Browser(app)
    await browser.sign_in("cmoreau")
    await browser.get("/analytics/calls")
    assert "Sonnino" in browser.page
    assert "Kowalska" in browser.page


# What the code asks -------------------------------------------------------------------------------

ROOT = Path(__file__).parents[1]
VIEWERS = {"Viewer", "Author"}
"""What says who looks: a viewer, or who changes something, which has one."""

WITHOUT_VIEWER = {
    "audit.record": "adds to the log, reads nothing",
    "budget_accounts.live_accounts": "numbers of accounts, nobody's",
    "company.company": "the company's currency and zone",
    "figures.answers": "whether the database answers",
    "figures.read_figures": "counts for machines, nobody's",
    "figures.read_standing": "counts for the state of the daemon, nobody's",
    "people.ask_reset": "before sign-in: answers the same whoever asks",
    "people.by_login": "the sign-in itself",
    "people.first_language": "the first site's language",
    "people.reset_owner": "whoever has the link of a mail",
    "people.use_reset": "whoever has the link of a mail",
    "people_admin.custom_labels": "what the company calls its free fields",
    "people_admin.owned_by_directory": "which fields the directory fills",
    "people_listing.sites": "the names of the sites",
    "seen_calls.gateway_names": "the names of the gateways",
    "sessions.admit": "counts attempts",
    "sessions.end": "of the token that is shown",
    "sessions.find": "of the token that is shown",
    "sessions.forgive": "counts attempts",
    "sessions.start": "the sign-in itself",
    "sessions.take_back": "counts attempts",
    "sessions.why_over": "of the token that is shown",
}
"""What needs no viewer, and why."""


def _storage_functions() -> dict[tuple[str, str], bool]:
    """Every query function of `storage`, and whether it takes a viewer."""
    found: dict[tuple[str, str], bool] = {}
    for path in (ROOT / "storage").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.args.args[:1]:
                arguments = [*node.args.args, *node.args.kwonlyargs]
                if arguments[0].arg == "connection":
                    said = {ast.unparse(a.annotation) for a in arguments if a.annotation}
                    found[path.stem, node.name] = bool(said & VIEWERS)
    return found


def _asked_by_web() -> set[tuple[str, str]]:
    """Module and name of everything that `web` takes from `storage`."""
    asked: set[tuple[str, str]] = set()
    for path in (ROOT / "web").glob("*.py"):
        tree = ast.parse(path.read_text())
        modules: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "storage":
                modules |= {alias.asname or alias.name: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("storage."):
                asked |= {(str(node.module).split(".")[1], alias.name) for alias in node.names}
        asked |= {
            (modules[node.value.id], node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        }
    return asked


def test_whatever_is_asked_about_people_is_asked_by_somebody() -> None:
    functions = _storage_functions()
    by_name: dict[str, list[tuple[str, str]]] = {}
    for module, name in functions:
        by_name.setdefault(name, []).append((module, name))
    asked = {
        key
        for module, name in _asked_by_web()
        for key in ([(module, name)] if (module, name) in functions else by_name.get(name, []))
    }
    blind = {".".join(key) for key in asked if not functions[key]}
    assert blind - set(WITHOUT_VIEWER) == set()
    assert set(WITHOUT_VIEWER) <= blind, "no longer needed here"


async def test_a_removed_person_is_out_at_once(
    app: QuartTrio, others: Others, database: Database
) -> None:
    theirs, root = Browser(app), Browser(app)
    await theirs.sign_in("asonnino")
    assert (await theirs.get("/analytics/")).status_code == 200
    await root.sign_in("root")
    asonnino = await id_of(database, "asonnino")
    await root.get(f"/admin/people/{asonnino}/disable")
    assert (await root.submit(f"/admin/people/{asonnino}/disable")).status_code == 303
    answer = await theirs.get("/analytics/")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")
    assert (await theirs.get("/live")).status_code == 401
