"""The options of a report as a form: every filter with its tick, in place and without scripts."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from fixtures_web import Browser
from lxml import html
from quart import Response, render_template_string
from quart_trio import QuartTrio
from test_report_options import A_CALL, CALLS, COSTS, local

from reports.option_fields import PARTS, link, parse
from reports.options import (
    CallType,
    Interval,
    LastDays,
    Options,
    Place,
    RestrictedGroup,
    Restriction,
)
from storage.database import Connection, Database
from web.portal import signed_in_pages
from web.report_form import report_form, sent_pairs

PAGE = """{% extends "portal/analytics_page.html" %}
{% block title %}Options{% endblock %}
{% block styles %}{{ super() }}<link rel="stylesheet" href="{{ asset('reports.css') }}">{% endblock %}
{% block script %}{{ super() }}<script type="module" src="{{ asset('report_options.js') }}"></script>{% endblock %}
{% block main %}{% from "portal/parts/report_options.html" import report_options %}<h1>Options</h1>
{% call report_options(form, here, enter="1") %}<button class="button primary" name="run" value="1">Run Report</button>{% endcall %}
<pre id="query">{{ form.query }}</pre><pre id="can-run">{{ form.can_run }}</pre>{% endblock %}"""  # noqa: E501

REPORTS = {"calls": CALLS, "costs": COSTS}


@pytest.fixture
def app(app: QuartTrio) -> QuartTrio:
    """The portal with a page that has nothing but the form."""
    pages = signed_in_pages("sample_options")

    @pages.get("/sample/<name>")
    async def sample(name: str) -> Response:
        form = await report_form(REPORTS[name], await sent_pairs())
        words = await render_template_string(PAGE, form=form)
        return Response(words, 422 if form.errors else 200, mimetype="text/html")

    app.register_blueprint(pages)
    return app


async def opened(
    browser: Browser, query: str = "", name: str = "calls", login: str = "root"
) -> Any:
    """The page as somebody sees it who has just signed in."""
    await browser.sign_in(login)
    return await again(browser, query, name)


async def again(browser: Browser, query: str, name: str = "calls") -> Any:
    await browser.get(f"/sample/{name}?{query}")
    return html.fromstring(browser.page)


def form_of(tree: Any) -> Any:
    (form,) = tree.xpath("//form[@data-options]")
    return form


def filled(tree: Any, button: tuple[str, str] | None = None) -> list[tuple[str, str]]:
    """What a browser sends of the form, with the button that is pressed."""
    pairs = [(name, value) for name, value in form_of(tree).form_values() if value is not None]
    return pairs + ([button] if button else [])


def meant(tree: Any) -> Options:
    """The options of the short link the page names."""
    (query,) = tree.xpath("//pre[@id='query']/text()")
    options, errors = parse(parse_qsl(unescape(query)), CALLS)
    assert errors == {}
    return options


def can_run(tree: Any) -> bool:
    return tree.xpath("//pre[@id='can-run']/text()") == ["True"]


def errors(tree: Any) -> dict[str, str]:
    """What is wrong, by the name of the control it is tied to."""
    found: dict[str, str] = {}
    for said in tree.xpath("//*[contains(@class, 'field-error')]"):
        (control, *_) = tree.xpath(f"//*[contains(@aria-describedby, '{said.get('id')}')]") or [
            None
        ]
        name = said.get("id").removeprefix("field-").removesuffix("-error")
        assert control is not None or name in {"where", "column", "like"}, name
        found[name] = said.text_content()
    return found


WHOLE = Options(
    traffic="internal",
    period=Interval(local("2021-02-01"), local("2021-02-24")),
    groups=(
        RestrictedGroup("gateway", ("Milano",)),
        RestrictedGroup("extension", ("211", "729", "731")),
    ),
    call_type=CallType("incoming", "unanswered"),
    place=Place("country", ("DE", "FR")),
    most=7,
    restrictions=(
        Restriction("and", "number", "is", "006599775544"),
        Restriction("or", "duration", "at_least", "20"),
        Restriction("and", "type", "is_not", "missed"),
    ),
    zone="America/New_York",
    columns=("number", "started_at"),
    like=A_CALL,
)  # fmt: skip


async def test_a_form_that_is_sent_as_it_is_means_what_it_showed(browser: Browser) -> None:
    tree = await opened(browser, urlencode(link(WHOLE)))
    assert meant(tree) == WHOLE
    assert can_run(tree)
    tree = await again(browser, urlencode(filled(tree)))
    assert meant(tree) == WHOLE
    assert "Germany; France" in tree.xpath("//input[@name='place.country']/@value")
    assert "Missed call" in tree.xpath("//input[@name='where.3.value']/@value")


async def test_without_options_the_form_shows_the_reports_own(browser: Browser) -> None:
    tree = await opened(browser)
    assert tree.xpath("//input[@name='on'][@checked]/@value") == ["period"]
    assert meant(tree) == CALLS.options
    tree = await again(browser, "options=1")
    assert tree.xpath("//input[@name='on'][@checked]/@value") == []
    assert meant(tree) == Options()


async def test_every_filter_has_a_tick_and_names_its_controls(browser: Browser) -> None:
    tree = await opened(browser, f"options=1&like={A_CALL}&within=department:Sales")
    ticks = set(tree.xpath("//input[@name='on']/@value"))
    assert ticks == {*PARTS} - {"by"}
    for name in ticks:
        (named,) = tree.xpath(f"//fieldset[@aria-labelledby='option-{name}']")
        assert named.xpath(".//input | .//select")
    for control in form_of(tree).xpath(".//input[not(@type='hidden')] | .//select"):
        labelled = control.xpath("ancestor::label") or tree.xpath(
            f"//label[@for='{control.get('id')}']"
        )
        assert labelled, control.get("name")
    ids = tree.xpath("//form[@data-options]//*[not(ancestor::template)]/@id")
    assert len(ids) == len(set(ids))


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    browser: Browser,
) -> None:
    wrong = (
        "options=1&on=most&most=a+few&on=period&period=between&from=soon&until=2021-02-24T00:00"
        "&on=place&place=country&place.country=Atlantis;+DE&on=group1&group1=site&group1.values="
        "&on=where&where.1.field=cost&where.1.operator=begins&where.1.value=1,000"
        "&where.4.joined=or&where.4.field=&where.4.operator=is&where.4.value=x"
        "&group2=department&group2.values=<Sales>;&days=12"
    )
    tree = await opened(browser, wrong)
    assert errors(tree) == {
        "most": "Write a number from 1 to 100000.",
        "from": "Write a date and time like 2026-03-31T09:30.",
        "place.country": "There is no country “Atlantis”.",
        "group1.values": "Write at least one, with a semicolon between several.",
        "where.1.operator": "This does not go with the field: choose another.",
        "where.1.value": "Write a number like 20 or 0.50.",
        "where.4.field": "Choose one of the list.",
    }
    assert not can_run(tree)
    sent = {pair for pair in parse_qsl(wrong) if pair[0] != "place.country"}
    assert sent <= set(filled(tree))
    assert ("place.country", "Atlantis; Germany") in filled(tree)


async def test_rows_are_added_and_removed_without_scripts(browser: Browser) -> None:
    tree = await opened(browser, "options=1&on=most&most=x")
    tree = await again(browser, urlencode(filled(tree, ("more", "1"))))
    assert errors(tree) == {}  # nobody has asked to run it yet
    assert not can_run(tree)
    names = tree.xpath("//div[@data-row][not(ancestor::template)]//select[@data-field]/@name")
    assert names == ["where.1.field", "where.2.field"]
    form = form_of(tree)
    form.fields["where.2.field"] = "extension"
    form.fields["where.2.value"] = "731"
    form.fields["most"] = "5"
    tree = await again(browser, urlencode(filled(tree, ("run", "1"))))
    assert can_run(tree)
    assert meant(tree) == Options(
        most=5, restrictions=(Restriction("and", "extension", "is", "731"),)
    )
    tree = await again(browser, urlencode(filled(tree, ("remove", "2"))))
    assert "731" not in str(filled(tree))


async def test_no_more_than_twenty_rows_are_offered(browser: Browser) -> None:
    rows = "&".join(f"where.{n}.field=extension&where.{n}.value={n}" for n in range(1, 21))
    tree = await opened(browser, f"options=1&on=where&{rows}")
    assert tree.xpath("//button[@name='more'][@disabled]")


async def test_columns_are_moved_without_scripts(browser: Browser) -> None:
    tree = await opened(browser)
    shown = "//input[@name='column'][@checked]/@value"
    assert tree.xpath(shown) == ["started_at", "number", "cost"]
    tree = await again(browser, urlencode(filled(tree, ("up", "cost"))))
    assert tree.xpath(shown) == ["started_at", "cost", "number"]
    tree = await again(browser, urlencode(filled(tree, ("down", "started_at"))))
    tree = await again(browser, urlencode(filled(tree)))
    assert meant(tree).columns == ("cost", "started_at", "number")
    tree = await again(browser, urlencode(filled(tree, ("up", "cost"))))
    assert tree.xpath(shown)[0] == "cost"


async def test_groups_are_chosen_where_there_are_groups(browser: Browser) -> None:
    tree = await opened(browser, "", "costs")
    assert [one.value for one in tree.xpath("//select[@name='by']")] == ["department", "", ""]
    query = "options=1&on=by&by=office&by=department"
    tree = await again(browser, query, "costs")
    assert [one.value for one in tree.xpath("//select[@name='by']")] == ["office", "department", ""]
    tree = await again(browser, query)
    assert not tree.xpath("//select[@name='by']")


async def test_free_fields_are_offered_by_the_names_the_company_gave(
    browser: Browser, database: Database
) -> None:
    async def name_them(connection: Connection) -> None:
        await connection.execute("insert into custom_field (number, label) values (2, 'Project')")

    await database.unit_of_work(name_them)
    tree = await opened(browser)
    offered = {o.get("value"): o.text for o in tree.xpath("(//select[@data-field])[1]/option")}
    assert offered["custom_2"] == "Project"
    assert "custom_1" not in offered
    tree = await again(browser, "options=1&on=columns&column=custom_5")
    assert "Free field 5" in form_of(tree).text_content()


async def test_nobody_is_offered_names_out_of_their_scope(browser: Browser) -> None:
    tree = await opened(browser, login="cmoreau")
    lists = {one.get("id"): one.xpath("option/@value") for one in tree.xpath("//datalist")}
    assert lists["choices-department"] == ["Sales"]
    assert lists["choices-login"] == ["bkowalska", "cmoreau", "asonnino"]
    assert "Support" not in browser.page
    assert "dweber" not in browser.page


async def test_words_are_the_readers_and_understood_again(
    browser: Browser, database: Database
) -> None:
    async def german(connection: Connection) -> None:
        await connection.execute("update person set language = 'de' where login = 'root'")

    await database.unit_of_work(german)
    tree = await opened(browser, "options=1&on=place&place=country&place.country=DE;FR")
    assert "Deutschland; Frankreich" in tree.xpath("//input[@name='place.country']/@value")
    tree = await again(browser, urlencode(filled(tree)))
    assert meant(tree).place == Place("country", ("DE", "FR"))


async def test_the_zone_is_the_readers_unless_another_is_chosen(browser: Browser) -> None:
    tree = await opened(browser)
    (zones,) = tree.xpath("//select[@name='zone']")
    assert zones.value == "Europe/Rome"
    assert re.fullmatch(
        r"\(UTC\+0[12]:00\) Rome, Central European Time", zones.xpath("option[@selected]")[0].text
    )
    tree = await again(browser, "options=1&on=zone&zone=US/Eastern")
    assert tree.xpath("//select[@name='zone']")[0].value == "US/Eastern"


async def test_last_days_are_kept(browser: Browser) -> None:
    tree = await opened(browser, "options=1&on=period&period=last_days&days=45")
    assert meant(tree) == Options(period=LastDays(45))
    assert ("days", "45") in filled(tree)


async def test_the_page_keeps_to_its_content_policy(browser: Browser) -> None:
    await opened(browser, urlencode(link(WHOLE)))
    assert not re.search(r"<[^>]* (style|on\w+)=", browser.page)
    assert "<script>" not in browser.page
