"""A site file is read strictly: every problem at once, each with its place and what to write."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.site_file import SiteFile, SiteFileError, load
from storage.company import Company, Known
from telephony.plant import ExtensionKey

EXAMPLE = """
currency = "EUR"

[[site]]
name = "Milano"
country = "IT"
area_code = "02"
time_zone = "Europe/Rome"
outside_prefix = "0"
emergency = ["112", "118"]

[[gateway]]
device = "TRUNK-PSTN"
name = "Milano"
site = "Milano"
kind = "pstn"
tariff = "carrier-2026"

[[tariff]]
name = "carrier-2026"
file = "carrier-2026.csv"
currency = "EUR"
valid_from = 2026-01-01T00:00:00Z

[[person]]
login = "asonnino"
first_name = "Andrea"
last_name = "Sonnino"
email = "andrea.sonnino@example.com"
extension = "731"
department = "Sales"
cost_centre = "CC-10"
office = "Milano"
role = "user"
language = "it"
pin = "4711"

[[budget]]
person = "asonnino"
amount = "100.00"
period = "monthly"
carry_over = false
warn_at_percent = [80]
lock = true
"""

PRICES = """\
prefix,destination,type,connect_fee,price_per_minute,initial_s,increment_s,free_s,minimum_charge
39,Italy,national,0,0.02,60,1,0,0
"""

FULL = Known(
    company=Company("EUR", "Europe/Rome", demo=False),
    sites=frozenset({"Milano"}),
    tariffs=frozenset({"carrier-2026"}),
    logins=frozenset({"asonnino"}),
    departments=frozenset({"Sales"}),
    cost_centres=frozenset({"CC-10"}),
)


def read(folder: Path, text: str, known: Known | None = None) -> SiteFile:
    (folder / "carrier-2026.csv").write_text(PRICES)
    path = folder / "site.toml"
    path.write_text(text)
    return load(path, known or Known())


def problems(folder: Path, text: str, known: Known | None = None) -> tuple[str, ...]:
    with pytest.raises(SiteFileError) as refused:
        read(folder, text, known)
    return refused.value.problems


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    site_file = read(tmp_path, EXAMPLE)
    wanted = site_file.wanted
    assert (wanted.currency, wanted.time_zone) == ("EUR", None)
    assert wanted.sites[0].emergency == ("112", "118")
    assert wanted.people[0].extension == ExtensionKey("731")
    assert wanted.budgets[0].amount == Decimal("100.00")
    assert wanted.tariffs[0].valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert len(wanted.tariffs[0].rates) == 1
    assert site_file.warnings == ()


def test_the_portals_keys_are_read(tmp_path: Path) -> None:
    text = EXAMPLE.replace('currency = "EUR"', 'currency = "EUR"\ncustom_fields = ["Vehicle"]', 1)
    text = text.replace('area_code = "02"', 'language = "it"\nmasked_digits = 3')
    text = text.replace('role = "user"', 'masked_digits = 0\ncustom_1 = "MI 731"\ncustom_10 = ""')
    wanted = read(tmp_path, text).wanted
    assert wanted.custom_fields == ("Vehicle", *("",) * 9)
    assert (wanted.sites[0].language, wanted.sites[0].masked_digits) == ("it", 3)
    assert wanted.people[0].masked_digits == 0
    assert wanted.people[0].custom == ("MI 731", *(None,) * 8, "")


def test_secrets_are_beside_the_company_and_never_shown(tmp_path: Path) -> None:
    site_file = read(tmp_path, EXAMPLE)
    assert site_file.secrets["asonnino"].pin == "4711"
    assert "4711" not in repr(site_file)


def test_the_price_list_is_looked_for_beside_the_site_file(tmp_path: Path) -> None:
    text = EXAMPLE.replace("carrier-2026.csv", "prices/ours.csv")
    [problem] = problems(tmp_path, text)
    assert "[[tariff]] 1 (carrier-2026): cannot read prices/ours.csv" in problem
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "ours.csv").write_text(PRICES)
    assert read(tmp_path, text).wanted.tariffs


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("outside_prefix =", "outsideprefix =", "unknown key `outsideprefix`: did you mean `outs"),
        ('currency = "EUR"\n\n[[site]]', "[[site]]", '`currency` is missing: write currency = "E'),
        ('currency = "EUR"\n\n', 'currency = "LIRE"\n\n', "ISO 4217"),
        ('country = "IT"', 'country = "ITA"', '[[site]] 1 (Milano): `country` must be ISO 3166-1'),
        ('time_zone = "Europe/Rome"', 'time_zone = "Milan"', 'no time zone is called "Milan"'),
        ('"112", "118"', '"112", "one"', 'emergency number "one" is not digits'),
        ('["112", "118"]', "112", 'must be a list of texts, ["112"], not 112'),
        ('site = "Milano"', 'site = "Roma"', 'no site is called "Roma" (there is: Milano)'),
        ('tariff = "carrier-2026"', 'tariff = "x"', 'no tariff is called "x"'),
        ('kind = "pstn"', 'kind = "fax"', '`kind` must be one of "pstn", "voicemail"'),
        ('currency = "EUR"\nvalid', 'currency = "USD"\nvalid', "must be the company's, EUR, not"),
        ("2026-01-01T00:00:00Z", '"soon"', "`valid_from` must be an instant"),
        ('extension = "731"', "extension = 731", "`extension` must be text in quotes"),
        ('extension = "731"', 'extension = "seven"', "no number that can be dialled"),
        ('login = "asonnino"', 'login = "a sonnino"', "`login` must be one word"),
        ('email = "andrea.', 'email = "nowhere" # ', "is no address"),
        ('language = "it"', 'language = "la"', "`language` must be one of en, de, fr"),
        ('pin = "4711"', 'pin = "47"', "`pin` must be 4 to 20 digits"),
        ('role = "user"', 'role = "supervisor"', "a supervisor needs scope"),
        ('role = "user"', "masked_digits = 21", "`masked_digits` must be between 0 and 20"),
        ('role = "user"', 'masked_digits = "3"', '`masked_digits` must be a whole number, 3, not'),
        ('role = "user"', "custom_1 = 3", "`custom_1` must be text in quotes"),
        ('role = "user"', 'custom_11 = "x"', "unknown key `custom_11`"),
        ('"Sonnino"', '"Son\\u0000nino"', "(asonnino): `last_name` holds a NUL character"),
        ('"112", "118"', '"112", "\\u0000"', "(Milano): `emergency` holds a NUL character"),
        ('area_code = "02"', 'language = "la"', "[[site]] 1 (Milano): `language` must be one of"),
        ('area_code = "02"', "masked_digits = -1", "`masked_digits` must be between 0 and 20"),
        ('"EUR"\n\n', '"EUR"\ncustom_fields = ["a", "", "A"]\n\n', "the same custom field as"),
        ('"EUR"\n\n', '"EUR"\ncustom_fields = "Floor"\n\n', "`custom_fields` must be a list of te"),
        ('"EUR"\n\n', f'"EUR"\ncustom_fields = {list("abcdefghijk")}\n\n', "names 11"),
        ('role = "user"', 'role = "user"\nscope = "office"', "`scope` is a supervisor's"),
        ('person = "asonnino"\n', 'person = "nobody"\n', 'nobody has the login "nobody"'),
        ('person = "asonnino"\n', "", "say for whom by exactly one of"),
        ('person = "asonnino"\n', 'person = "asonnino"\neach = true\n', "`each` is for a departm"),
        ('amount = "100.00"', "amount = 100.00", "`amount` must be text in quotes"),
        ('amount = "100.00"', 'amount = "-1"', '`amount` must be like "100.00", not "-1"'),
        ('period = "monthly"', 'period = "yearly"', "`period` must be one of"),
        ("[80]", "[0, 80]", "between 1 and 100"),
        ("lock = true", 'lock = "yes"', '`lock` must be true or false, not "yes"'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_its_remedy(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    assert before in EXAMPLE
    assert told in problems(tmp_path, EXAMPLE.replace(before, after, 1))[0]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = EXAMPLE.replace("area_code", "areacode").replace("[80]", "[800]").replace("4711", "x")
    assert len(problems(tmp_path, text)) == 3


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ('[[person]]\nlogin = "ASonnino"\n', "the same login as [[person]] 1 (asonnino)"),
        ('[[person]]\nlogin = "other"\nextension = "731"\n', "the same extension as [[person]] 1"),
        ('[[gateway]]\ndevice = "trunk-pstn"\nsite = "Milano"\nkind = "ivr"\n', "gateway device"),
        ('[[budget]]\nperson = "ASONNINO"\namount = "5"\nperiod = "monthly"\n', "the same budget"),
    ],
)
def test_what_must_be_unique_is(tmp_path: Path, section: str, what: str) -> None:
    [problem] = problems(tmp_path, f"{EXAMPLE}\n{section}")
    assert what in problem


def test_the_same_extension_in_another_partition_is_another_extension(tmp_path: Path) -> None:
    other = '[[person]]\nlogin = "other"\nextension = "731"\npartition = "PT-B"\n'
    assert len(read(tmp_path, f"{EXAMPLE}\n{other}").wanted.people) == 2


def test_a_file_with_budgets_alone_refers_to_what_is_stored(tmp_path: Path) -> None:
    text = EXAMPLE[EXAMPLE.index("[[budget]]") :]
    assert len(read(tmp_path, text, FULL).wanted.budgets) == 1
    assert any("asonnino" in problem for problem in problems(tmp_path, text))


def test_a_pot_without_members_is_a_warning(tmp_path: Path) -> None:
    text = '[[budget]]\ndepartment = "Legal"\namount = "5"\nperiod = "weekly"\n'
    assert "nobody is in the department" in read(tmp_path, text, FULL).warnings[0]
    assert read(tmp_path, text.replace("Legal", "sales"), FULL).warnings == ()


def test_a_trunk_to_the_outside_without_a_tariff_is_a_warning(tmp_path: Path) -> None:
    text = EXAMPLE.replace('tariff = "carrier-2026"\n', "")
    assert "will be unrated" in read(tmp_path, text).warnings[0]


def test_an_instant_without_offset_is_in_the_default_zone(tmp_path: Path) -> None:
    for written in ("2026-01-01T00:00:00", "2026-01-01", '"2026-01-01"'):
        text = EXAMPLE.replace("2026-01-01T00:00:00Z", written)
        [tariff] = read(tmp_path, text).wanted.tariffs
        assert tariff.valid_from == datetime(2025, 12, 31, 23, tzinfo=UTC)


def test_every_bad_row_of_a_price_list_is_told(tmp_path: Path) -> None:
    bad = "39,Italy,national,0,dear,60,1,0,0\n41,,international,0,1,60,1,0,0\n"
    (tmp_path / "bad.csv").write_text(PRICES.splitlines()[0] + "\n" + bad)
    told = problems(tmp_path, EXAMPLE.replace("carrier-2026.csv", "bad.csv"))
    assert [problem.split(": ")[1] for problem in told] == ["bad.csv line 2", "bad.csv line 3"]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"name =", "is not TOML"), (b"\xff\xfe", "is not UTF-8"), (b"site = 1", "[[site]]")],
)
def test_a_file_that_is_no_site_file_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(content)
    with pytest.raises(SiteFileError) as refused:
        load(path, FULL)
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteFileError, match="cannot be read"):
        load(tmp_path / "none.toml", FULL)
