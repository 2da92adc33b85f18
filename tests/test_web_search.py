"""Searching: who is found by whom, and that no hidden digit is found by trying."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from fixtures_web import Browser, id_of
from test_web_home import NOW, Add, add, at_home, change, clock, looks, rows

from storage import search
from storage.database import Database
from storage.search import fits

__all__ = ["add", "clock"]  # fixtures

SAMPLE = {"number": "00266771234", "e164": "+390266771234"}


def found(browser: Browser) -> list[str]:
    """The names of the results, in order."""
    names = re.findall(r'<a class="row-link"[^>]*>(.*?)</a>', browser.page, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", name)).strip() for name in names]


# People -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "text", "names"),
    [
        ("root", "sonnino", ["Sonnino Andrea"]),
        ("root", "ANDREA son", ["Sonnino Andrea"]),
        ("root", "dweber", ["Weber Dieter"]),
        ("root", "beata.kowalska@", ["Kowalska Beata"]),
        ("root", "support", ["Haddad Farid", "Weber Dieter"]),
        ("root", "support farid", ["Haddad Farid"]),
        ("cmoreau", "a", ["Kowalska Beata", "Moreau Camille", "Sonnino Andrea"]),
        ("cmoreau", "weber", []),
        ("asonnino", "weber", []),
        ("asonnino", "son", ["Sonnino Andrea"]),
        ("root", "nobody", []),
        ("root", "%", []),
        ("root", "a_dre", []),
    ],
)
async def test_people_are_found_within_the_scope(
    browser: Browser, login: str, text: str, names: list[str]
) -> None:
    await at_home(browser, login)
    await browser.client.get("/search")
    answer = await browser.client.get("/search", query_string={"q": text}, headers=browser.headers)
    browser.page = (await answer.get_data()).decode()
    assert found(browser) == names
    assert ("Nothing was found for" in browser.text) == (not names)


async def test_a_result_leads_where_one_may_go(browser: Browser, database: Database) -> None:
    await at_home(browser, "cmoreau", "/search?q=sonnino")
    assert '<a class="row-link" href="/analytics/calls?person=asonnino"' in browser.page
    number = await id_of(database, "asonnino")
    other = Browser(browser.client.app)  # type: ignore[arg-type]
    await at_home(other, "root", "/search?q=sonnino")
    assert f'<a class="row-link" href="/admin/people/{number}"' in other.page


async def test_an_extension_is_found_whole_or_by_its_beginning(browser: Browser, add: Add) -> None:
    await add("741")
    await at_home(browser, "root", "/search?q=74")
    assert "741" in found(browser)
    await browser.get("/search?q=741")
    link = re.findall(r'href="(/analytics/calls\?extension=741)"', browser.page)[0]
    await browser.get(link)
    assert [row[1] for row in rows(browser)] == ["741"]
    other = Browser(browser.client.app)  # type: ignore[arg-type]
    await at_home(other, "cmoreau", "/search?q=741")
    assert found(other) == []


async def test_an_empty_search_says_what_can_be_found(browser: Browser) -> None:
    await at_home(browser, "asonnino", "/search?q=%20")
    assert "What are you looking for?" in browser.text


async def test_what_was_typed_is_only_text(browser: Browser) -> None:
    await at_home(browser, "asonnino", "/search?q=%3Cscript%3E%22")
    assert "<script>&#34;" not in browser.page
    assert "&lt;script&gt;&#34;" in browser.page


# Numbers ------------------------------------------------------------------------------------------


async def test_a_number_is_found_by_the_digits_that_are_shown(browser: Browser, add: Add) -> None:
    first = await add(**SAMPLE)
    await add(direction="incoming", number="0266771234", e164="+390266771234", at=NOW)
    await at_home(browser, "asonnino")
    for text in ("026677", "6677", "02+6677", "02 66.77", "0266771234", "(02) 6677-1234"):
        await browser.client.get("/search")
        answer = await browser.client.get(
            "/search", query_string={"q": text}, headers=browser.headers
        )
        browser.page = (await answer.get_data()).decode()
        assert found(browser)[-1:] == ["026677****"], text
        assert "hidden digits are never compared" in browser.text
    assert "All calls you may see were looked through." in browser.text
    link = unescape(re.findall(r'href="(/analytics/calls\?like=[^"]*)"', browser.page)[0])
    assert first not in browser.text
    await browser.get(link)
    assert len(rows(browser)) == 2


async def test_one_number_in_several_forms_is_found_once_with_all_its_calls(
    browser: Browser, add: Add
) -> None:
    for number in ("03331234567", "3331234567", "00393331234567"):
        await add(number=number, e164="+393331234567")
    await at_home(browser, "asonnino")
    for text in ("333123", "%2B39333", "0039 333 123", "+39 333 1234567"):
        await browser.get(f"/search?q={text}")
        assert found(browser) == ["333123****"], text
        assert "3 calls" in browser.text


@pytest.mark.parametrize("hidden", ["1234", "9999", "0000"])
async def test_no_hidden_digit_is_found_out_by_trying(
    browser: Browser, add: Add, hidden: str
) -> None:
    """Whatever the last four digits are, the page is the same."""
    await add(number=f"0026677{hidden}", e164=f"+39026677{hidden}")
    await at_home(browser, "root")
    answers: list[list[str]] = []
    for text in (f"026677{hidden}", "0266771235", f"%2B39026677{hidden}", "00390266771235",
                 hidden, f"7{hidden}", f"77{hidden[:2]}", f"39026677{hidden[:2]}"):  # fmt: skip
        await browser.get(f"/search?q={text}")
        answers.append([name for name in found(browser) if "*" in name])
    assert answers == [["026677****"]] * 4 + [[]] * 4


@pytest.mark.parametrize(
    ("digits", "number", "fit"),
    [
        ("026677", "026677****", True),
        ("6677", "026677****", True),
        ("0266771", "026677****", False),
        ("0266771234", "026677****", True),
        ("02667712345", "026677****", False),
        ("4930", "+49301234****", True),
        ("004930", "+49301234****", True),
        ("112", "****", False),
        ("011", "01****", False),
    ],
)
async def test_only_what_is_shown_is_compared(digits: str, number: str, fit: bool) -> None:
    assert fits(digits, number) is fit


async def test_numbers_of_others_are_not_found(
    browser: Browser, add: Add, database: Database
) -> None:
    await add("741", **SAMPLE)
    await at_home(browser, "cmoreau", "/search?q=026677")
    assert found(browser) == []
    await add("732", **SAMPLE)
    await browser.get("/search?q=026677")
    assert found(browser) == ["026677****"]
    assert await looks(database) == [("cmoreau", "search: Sales, text 026677")]


async def test_how_far_back_was_looked_is_said(
    browser: Browser, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOKED_THROUGH", 2)
    for days in range(3):
        await add(number=f"002667{days}1234", e164=f"+3902667{days}1234", at=NOW - timedelta(days))
    await at_home(browser, "asonnino", "/search?q=02667")
    assert found(browser) == ["026670****", "026671****"]
    assert "back to April 26." in browser.text


async def test_a_disabled_person_is_marked(browser: Browser, database: Database) -> None:
    await change(database, "update person set disabled_at = now() where login = 'dweber'")
    await at_home(browser, "root", "/search?q=weber")
    assert "Disabled" in browser.text
