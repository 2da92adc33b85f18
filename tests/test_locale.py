"""The seven catalogues: complete, sure of themselves, and with the same placeholders everywhere.

How whole pages read in each language is tested in test_locale_pages.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from gettext import c2py  # type: ignore[attr-defined]
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from words.formats import Reader
from words.language import LANGUAGES, choose, first_known, language

ROOT = Path(__file__).parents[1]
WALLS = (
    "actors", "daemon", "directory", "pbx", "rating", "reports", "storage", "telephony", "web",
    "words",
)  # fmt: skip
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def catalogue(code: str) -> Catalog:
    path = ROOT / "locale" / code / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=code)


@cache
def extracted() -> Catalog:
    """What code and templates say today, extracted as scripts/messages does."""
    script = (ROOT / "scripts" / "messages").read_text()
    options = re.findall(r"--keywords (\S+)", script)
    command = [".venv/bin/pybabel", "--quiet", "extract", "--mapping", "babel.cfg"]
    command += [part for keyword in options for part in ("--keywords", keyword)]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "messages.pot"
        subprocess.run([*command, "--output", str(target), "."], cwd=ROOT, check=True, timeout=60)
        with target.open("rb") as file:
            return read_po(file)


@pytest.fixture
def wanted() -> Catalog:
    """The same, for a test."""
    return extracted()


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def test_texts_are_looked_for_wherever_they_are_marked() -> None:
    mapped = re.findall(r"^\[python: (.+)\]$", (ROOT / "babel.cfg").read_text(), re.MULTILINE)
    found = {path for one in mapped for path in ROOT.glob(one.replace("**.py", "**/*.py"))}
    product = [path for wall in WALLS for path in (ROOT / wall).rglob("*.py")]
    assert len(product) > 200
    assert [path for path in product if "N_(" in path.read_text() and path not in found] == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_text_is_said_in_every_language(code: str, wanted: Catalog) -> None:
    known = catalogue(code)
    lacking = []
    for message in wanted:
        found = known.get(message.id) if message.id else message
        if found is None or (message.id and (found.fuzzy or not all(forms(found)))):
            lacking.append(message.id)
    assert not lacking, f"run scripts/messages, then translate into {code}: {lacking}"


@cache
def exact_forms(code: str) -> set[int]:
    """The plural forms that stand for one number alone, which they may say as a word."""
    rule = c2py(catalogue(code).plural_expr)
    picked = [rule(number) for number in range(1_000)]
    return {form for form in picked if picked.count(form) == 1}


@pytest.mark.parametrize("code", LANGUAGES)
def test_placeholders_are_the_same_in_every_language(code: str) -> None:
    for message in catalogue(code):
        if not message.id:
            continue
        english = message.id if isinstance(message.id, str) else message.id[1]
        spared = {"%(num)d"} if isinstance(message.id, tuple) else set[str]()
        for number, said in enumerate(forms(message)):
            missing = placeholders(english) - placeholders(said)
            extra = placeholders(said) - placeholders(english)
            may_lack = spared if number in exact_forms(code) else set[str]()
            assert not extra, (code, message.id, said)
            assert missing <= may_lack, (code, message.id, said)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_translation_can_be_filled_in(code: str) -> None:
    """A stray per cent sign is found here and not by whoever opens the page."""
    for message in catalogue(code):
        if not message.id:
            continue
        for said in forms(message):
            values = dict.fromkeys(re.findall(r"%\((\w+)\)", said), 7)
            if values:
                assert said % values, (code, message.id)


@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_is_translated_that_nobody_says(code: str, wanted: Catalog) -> None:
    """What is left over from texts that were changed stands in nobody's way, but is not kept."""
    asked = {message.id for message in wanted if message.id}
    left = [message.id for message in catalogue(code) if message.id and message.id not in asked]
    assert not left, f"run scripts/messages: {left}"


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_sentence_stays_a_sentence(code: str) -> None:
    """A translation ends as its English does, in the marks of its own script."""
    marks = {".": ".", ":": ":", "?": "?؟", "…": "…"}
    for message in catalogue(code):
        if not isinstance(message.id, str) or not message.id or not message.string:
            continue
        ends = marks.get(message.id[-1])
        if ends:
            assert str(message.string).rstrip()[-1] in ends, (code, message.id, message.string)


@pytest.mark.parametrize("code", LANGUAGES)
def test_there_are_as_many_plural_forms_as_the_language_has(code: str) -> None:
    known = catalogue(code)
    assert known.num_plurals == {"pl": 3, "ar": 6}.get(code, 2)
    for message in known:
        if isinstance(message.id, tuple):
            assert len(forms(message)) == known.num_plurals


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_a_language_is_not_english_left_standing(code: str) -> None:
    long = [
        m for m in catalogue(code) if isinstance(m.id, str) and len(PLACEHOLDER.sub("", m.id)) > 25
    ]
    assert [m.id for m in long if m.string == m.id] == []


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 pozycji"), (1, "1 pozycja"), (3, "3 pozycje"), (5, "5 pozycji"), (22, "22 pozycje")],
)
def test_polish_counts_as_poles_do(number: int, said: str) -> None:
    assert language("pl").plural("%(num)d item", "%(num)d items", number) == said


@pytest.mark.parametrize(
    ("number", "said"), [(2, "2 عنصران"), (7, "7 عناصر"), (58, "58 عنصرًا"), (100, "100 عنصر")]
)
def test_arabic_counts_as_arabs_do(number: int, said: str) -> None:
    assert language("ar").plural("%(num)d item", "%(num)d items", number) == said


@pytest.mark.parametrize(
    ("chosen", "accepted", "code", "locale"),
    [
        (["it"], ["de-CH", "en"], "it", "it"),
        ([""], ["de-CH", "en"], "de", "de_CH"),
        ([""], ["pt-BR", "fr"], "fr", "fr"),
        ([], [], "en", "en_GB"),
        ([], ["en-US"], "en", "en_US"),
        (["xx"], ["*", "not a tag"], "en", "en_GB"),
    ],
)
def test_the_person_chooses_then_the_browser_then_english(
    chosen: list[str], accepted: list[str], code: str, locale: str
) -> None:
    found = choose(chosen, accepted)
    assert (found.code, str(found.locale)) == (code, locale)


def test_arabic_is_written_from_right_to_left() -> None:
    assert [code for code in LANGUAGES if language(code).direction == "rtl"] == ["ar"]


@pytest.mark.parametrize(
    ("codes", "spoken"),
    [
        (("de", "it", "fr"), "de"),
        (("", "it", "fr"), "it"),
        (("", "IT-it, de;q=0.5", "fr"), "it"),
        (("", "pt_BR", "fr"), "fr"),
        (("", "english", "deutsch"), "en"),
        (("tlh", "", "xx"), "en"),
        ((), "en"),
    ],
)
def test_a_letter_speaks_as_the_person_the_directory_or_the_site_does(
    codes: tuple[str, ...], spoken: str
) -> None:
    assert first_known(codes) == spoken


@pytest.mark.parametrize(
    ("code", "money", "number", "day", "short_day", "percent"),
    [
        ("en", "€12,345.50", "1,234,567", "31 March", "31/03/2026", "80%"),
        ("de", "12.345,50 €", "1.234.567", "31. März", "31.03.2026", "80 %"),
        ("fr", "12 345,50 €", "1 234 567", "31 mars", "31/03/2026", "80 %"),
        ("es", "12.345,50 €", "1.234.567", "31 de marzo", "31/3/2026", "80 %"),
        ("it", "12.345,50 €", "1.234.567", "31 marzo", "31/03/2026", "80%"),
        ("pl", "12 345,50 zł", "1 234 567", "31 marca", "31.03.2026", "80%"),
        ("ar", "12,345.50 €", "1,234,567", "31 مارس", "31/3/2026", "80%"),
    ],
)
def test_figures_and_days_are_written_as_the_language_writes_them(
    code: str, money: str, number: str, day: str, short_day: str, percent: str
) -> None:
    at = datetime(2026, 3, 31, 10, tzinfo=UTC)
    reader = Reader(language(code), "Europe/Rome", at)
    currency = "PLN" if code == "pl" else "EUR"

    def bare(text: str) -> str:
        return re.sub(r"[\u200e\u200f\u061c]", "", re.sub(r"[\u00a0\u202f]", " ", text))

    assert bare(reader.money(Decimal("12345.5"), currency)) == money
    assert bare(reader.number(1_234_567)) == number
    assert bare(reader.day(at)) == day
    assert bare(reader.short_day(at)) == short_day
    assert bare(reader.percent(80)) == percent


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_number_has_a_form_in_every_language(code: str) -> None:
    spoken = language(code)
    for number in (0, 1, 2, 3, 5, 11, 21, 22, 25, 100, 101, 1_000_000):
        said = spoken.plural("%(num)d item", "%(num)d items", number)
        assert said.startswith(str(number)), (code, number, said)
        assert len(said.split()) == 2, (code, number, said)
