"""The seven catalogues: complete, sure of themselves, and with the same placeholders everywhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from web.language import LANGUAGES, choose, language

ROOT = Path(__file__).parents[1]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def catalogue(code: str) -> Catalog:
    path = ROOT / "locale" / code / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=code)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What code and templates say today, extracted as scripts/messages does."""
    script = (ROOT / "scripts" / "messages").read_text()
    options = re.findall(r"--keywords (\S+)", script)
    target = tmp_path_factory.mktemp("messages") / "messages.pot"
    command = [".venv/bin/pybabel", "--quiet", "extract", "--mapping", "babel.cfg"]
    command += [part for keyword in options for part in ("--keywords", keyword)]
    subprocess.run([*command, "--output", str(target), "."], cwd=ROOT, check=True, timeout=60)
    with target.open("rb") as file:
        return read_po(file)


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_text_is_said_in_every_language(code: str, wanted: Catalog) -> None:
    known = catalogue(code)
    lacking = []
    for message in wanted:
        found = known.get(message.id) if message.id else message
        if found is None or (message.id and (found.fuzzy or not all(forms(found)))):
            lacking.append(message.id)
    assert not lacking, f"run scripts/messages, then translate into {code}: {lacking}"


@pytest.mark.parametrize("code", LANGUAGES)
def test_placeholders_are_the_same_in_every_language(code: str) -> None:
    for message in catalogue(code):
        if not message.id:
            continue
        english = message.id if isinstance(message.id, str) else message.id[1]
        for said in forms(message):
            assert placeholders(said) == placeholders(english), (code, message.id, said)


@pytest.mark.parametrize("code", LANGUAGES)
def test_there_are_as_many_plural_forms_as_the_language_has(code: str) -> None:
    known = catalogue(code)
    assert known.num_plurals == {"pl": 3, "ar": 6}.get(code, 2)
    for message in known:
        if isinstance(message.id, tuple):
            assert len(forms(message)) == known.num_plurals


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_a_language_is_not_english_left_standing(code: str) -> None:
    long = [m for m in catalogue(code) if isinstance(m.id, str) and len(m.id) > 25]
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
