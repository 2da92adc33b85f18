"""Applying a site file's company: what changes is said, a second time nothing does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fixtures_company import (
    COMPANY,
    FOUNDED_AT,
    MILANO,
    PEOPLE,
    TARIFF,
    VIAREGGIO,
    a_company,
    a_person,
    person_id,
)

from daemon.cli import main
from daemon.site_apply import apply_file
from daemon.site_file import SiteFileError
from storage.budget_types import BudgetSpec, BudgetView
from storage.budget_views import for_person
from storage.company import NoCompany, load_plant, stored_secrets
from storage.company_apply import DryRun, apply
from storage.database import Connection, Database, StorageConflict
from storage.viewer import Viewer
from storage.wanted import Wanted, WantedGateway
from telephony.clock import iso_z
from telephony.plant import ExtensionKey, Plant
from web.passwords import is_right

LATER = FOUNDED_AT + timedelta(days=100)


async def applied(database: Database, wanted: Wanted, **options: bool) -> list[str]:
    changes = await database.unit_of_work(apply, wanted, LATER, **options)
    return [str(change) for change in changes]


async def test_before_the_first_site_file_there_is_no_plant(database: Database) -> None:
    with pytest.raises(NoCompany, match="ringfence apply"):
        await database.unit_of_work(load_plant)


async def test_the_first_site_file_makes_the_company(company: Plant) -> None:
    assert (company.currency, company.time_zone) == ("EUR", "Europe/Rome")
    assert [site.name for site in company.sites.values()] == ["Milano", "Viareggio"]
    milano = company.default_site
    assert milano is not None
    assert (milano.outside_prefix, milano.emergency) == ("0", ("112", "118"))
    trunk = company.gateway("TRUNK-PSTN")
    assert trunk is not None
    assert (trunk.kind, trunk.site_id) == ("pstn", milano.id)
    assert company.is_extension("731")


async def test_applying_the_same_again_changes_nothing(company: Plant, database: Database) -> None:
    assert await applied(database, COMPANY) == []


async def test_a_dry_run_says_what_would_change_and_changes_nothing(database: Database) -> None:
    with pytest.raises(DryRun) as run:
        await applied(database, COMPANY, dry_run=True)
    assert "+ person asonnino" in [str(change) for change in run.value.changes]
    with pytest.raises(NoCompany):
        await database.unit_of_work(load_plant)


async def test_every_changed_field_is_named(company: Plant, database: Database) -> None:
    sites = (replace(MILANO, outside_prefix="9", emergency=("112",)), VIAREGGIO)
    assert await applied(database, Wanted(sites=sites)) == [
        "~ site Milano: outside_prefix 0 -> 9, emergency [112, 118] -> [112]"
    ]


async def test_a_file_with_one_section_leaves_the_others_alone(
    company: Plant, database: Database
) -> None:
    assert await applied(database, Wanted(people=PEOPLE[:1])) == []
    after = await database.unit_of_work(load_plant)
    assert len(after.gateways) == len(company.gateways)
    assert after.owner("732", "", LATER) is not None


async def test_a_partial_file_does_not_move_the_default_site(
    company: Plant, database: Database
) -> None:
    lucca = replace(VIAREGGIO, name="Lucca", area_code="0583")
    assert await applied(database, Wanted(sites=(lucca, VIAREGGIO))) == ["+ site Lucca"]
    after = await database.unit_of_work(load_plant)
    assert [site.name for site in after.sites.values()] == ["Milano", "Viareggio", "Lucca"]


async def test_a_whole_file_gives_the_order(company: Plant, database: Database) -> None:
    await applied(database, Wanted(sites=(VIAREGGIO, MILANO)))
    after = await database.unit_of_work(load_plant)
    assert after.default_site is not None
    assert after.default_site.name == "Viareggio"
    assert await applied(database, Wanted(sites=(VIAREGGIO, MILANO))) == []


async def test_the_first_owner_had_the_extension_for_ever_the_next_from_now(
    company: Plant, database: Database
) -> None:
    newcomer = a_person("nuovo", "Nino", "Nuovo", "731")
    assert await applied(database, Wanted(people=(newcomer,))) == [
        "+ person nuovo",
        "- extension 731: no longer asonnino's",
        "+ extension 731: now nuovo's",
    ]
    plant = await database.unit_of_work(load_plant)
    long_ago, before = datetime(1999, 1, 1, tzinfo=UTC), LATER - timedelta(seconds=1)
    first, still, then = (plant.owner("731", "", at) for at in (long_ago, before, LATER))
    assert first is not None
    assert first == still
    assert then is not None
    assert then.person_id != first.person_id


async def test_two_people_can_swap_their_extensions(company: Plant, database: Database) -> None:
    one, other = PEOPLE[:2]
    swapped = (replace(one, extension=other.extension), replace(other, extension=one.extension))
    before = company.owner("731", "", LATER)
    await applied(database, Wanted(people=swapped))
    plant = await database.unit_of_work(load_plant)
    assert before is not None
    assert plant.owner("732", "", LATER) == before
    assert plant.owner("731", "", LATER) != before


async def test_who_leaves_the_extension_out_has_none(company: Plant, database: Database) -> None:
    without = replace(PEOPLE[0], extension=None)
    assert await applied(database, Wanted(people=(without,))) == [
        "- extension 731: no longer asonnino's"
    ]
    plant = await database.unit_of_work(load_plant)
    assert plant.owner("731", "", LATER) is None
    assert plant.is_extension("731")


async def test_the_same_number_in_two_partitions_is_two_extensions(database: Database) -> None:
    people = tuple(
        a_person(login, login, "Rossi", f"731@{partition}")
        for login, partition in (("uno", "PT-A"), ("due", "PT-B"))
    )
    plant = await a_company(database, replace(COMPANY, people=people))
    assert plant.owner("731", "PT-A", LATER) != plant.owner("731", "PT-B", LATER)


async def test_a_person_is_at_the_site_called_like_the_office_else_at_the_first(
    company: Plant,
) -> None:
    names = {
        number: company.sites[owner.site_id].name
        for number in ("731", "751")
        if (owner := company.owner(number, "", LATER)) is not None
    }
    assert names == {"731": "Milano", "751": "Viareggio"}


async def test_prune_disables_who_is_absent_and_ends_what_they_own(
    company: Plant, database: Database
) -> None:
    staying = tuple(person for person in PEOPLE if person.login != "dweber")
    assert await applied(database, Wanted(people=staying), prune=True) == [
        "- person dweber: disabled"
    ]
    plant = await database.unit_of_work(load_plant)
    assert plant.owner("741", "", LATER) is None
    assert plant.owner("741", "", FOUNDED_AT) is not None
    assert await applied(database, Wanted(people=staying), prune=True) == []
    assert await applied(database, COMPANY) == [
        "~ person dweber: enabled again",
        "+ extension 741: now dweber's",
    ]


async def test_prune_never_disables_the_last_administrator(
    company: Plant, database: Database
) -> None:
    with pytest.raises(StorageConflict, match="no administrator"):
        await applied(database, Wanted(people=PEOPLE[:2]), prune=True)


async def test_prune_leaves_the_directorys_people_to_it(company: Plant, database: Database) -> None:
    async def from_the_directory(connection: Connection) -> None:
        await connection.execute("update person set source = 'directory' where login = 'dweber'")

    await database.unit_of_work(from_the_directory)
    staying = tuple(p for p in PEOPLE if p.login not in {"dweber", "fhaddad"})
    assert await applied(database, Wanted(people=staying), prune=True) == [
        "- person fhaddad: disabled"
    ]


async def test_the_portals_settings_are_applied_once(company: Plant, database: Database) -> None:
    person = replace(PEOPLE[0], masked_digits=3, custom=("MI 731", None, ""))
    wanted = Wanted(
        custom_fields=("Vehicle", *("",) * 9),
        sites=(replace(COMPANY.sites[0], language="it", masked_digits=2),),
        people=(person,),
    )
    assert await applied(database, wanted) == [
        "~ custom field 1: (none) -> Vehicle",
        "~ site Milano: language (none) -> it, masked_digits (none) -> 2",
        "~ person asonnino: masked_digits (none) -> 3, custom_1 (none) -> MI 731",
    ]
    assert await applied(database, wanted) == []
    silent = Wanted(people=(replace(PEOPLE[0], custom=(None, "Floor 2")),))
    await applied(database, silent)
    again = Wanted(people=(replace(person, custom=("MI 731", "Floor 2")),))
    assert await applied(database, again) == []


async def test_logins_are_the_same_in_any_case(company: Plant, database: Database) -> None:
    shouting = replace(PEOPLE[0], login="ASONNINO", first_name="Andreas")
    assert await applied(database, Wanted(people=(shouting,))) == [
        "~ person ASONNINO: first_name Andrea -> Andreas"
    ]


async def test_secrets_are_named_but_never_shown(company: Plant, database: Database) -> None:
    changed = replace(PEOPLE[0], pin_hash="$argon2id$secret")
    assert await applied(database, Wanted(people=(changed,))) == ["~ person asonnino: pin set"]


async def _a_call(connection: Connection) -> None:
    await connection.execute(
        """insert into call (key, party, revision, counted, direction, number, originated_at,
               started_at, ended_at, ring_s, duration_s, call_duration_s, answered, cost, currency)
           values (gen_random_uuid(), 0, 1, true, 'outgoing', '0', now(), now(), now(), 0, 0, 0,
               true, 0, 'EUR')"""
    )


async def test_the_currency_is_fixed_once_calls_are_stored(
    company: Plant, database: Database
) -> None:
    assert await applied(database, Wanted(currency="CHF")) == ["~ company CHF: currency EUR -> CHF"]
    assert await applied(database, Wanted(currency="EUR")) == ["~ company EUR: currency CHF -> EUR"]
    await database.unit_of_work(_a_call)
    with pytest.raises(StorageConflict, match="cannot become CHF"):
        await applied(database, Wanted(currency="CHF"))


async def test_a_gateway_at_an_unknown_site_is_refused(company: Plant, database: Database) -> None:
    lost = WantedGateway(device="X", name="X", site="Atlantis", kind="pstn")
    with pytest.raises(StorageConflict, match="Atlantis"):
        await applied(database, Wanted(gateways=(lost,)))


async def test_extension_keys_read_back_as_written(company: Plant) -> None:
    assert {str(ExtensionKey.parse(text)) for text in ("731", "731@PT")} == {"731", "731@PT"}


MONTHLY = BudgetSpec("person", "asonnino", Decimal(100), "monthly", warn_at_percent=(80,))


async def test_a_budget_is_made_changed_and_left_alone(company: Plant, database: Database) -> None:
    assert await applied(database, Wanted(budgets=(MONTHLY,))) == [
        "+ budget monthly of asonnino: amount 100"
    ]
    [view] = await database.unit_of_work(_budgets_of, "asonnino")
    assert (view.amount, view.spent, view.locks) == (Decimal(100), Decimal(0), True)
    assert await applied(database, Wanted(budgets=(MONTHLY,))) == []
    [change] = await applied(database, Wanted(budgets=(replace(MONTHLY, amount=Decimal(50)),)))
    assert change.startswith("~ budget monthly of asonnino: amount 100")


async def test_a_newcomer_gets_a_share_of_a_budget_for_each(
    company: Plant, database: Database
) -> None:
    each = BudgetSpec("department", "Sales", Decimal(20), "monthly", each=True)
    await applied(database, Wanted(budgets=(each,)))
    newcomer = a_person("nuovo", "Nino", "Nuovo", "739")
    await applied(database, Wanted(people=(newcomer,)))
    assert len(await database.unit_of_work(_budgets_of, "nuovo")) == 1


async def _budgets_of(connection: Connection, login: str) -> list[BudgetView]:
    return await for_person(connection, Viewer(await person_id(connection, login), "own"), LATER)


async def test_a_price_list_is_imported_once_and_superseded_by_another(
    company: Plant, database: Database
) -> None:
    assert await applied(database, Wanted(tariffs=(TARIFF,))) == []
    dated = replace(TARIFF, valid_from=LATER)
    told = f"+ tariff carrier-2026: 5 rates valid from {iso_z(LATER)}"
    assert await applied(database, Wanted(tariffs=(dated,))) == [told]
    assert await applied(database, Wanted(tariffs=(TARIFF, dated))) == []


SITE = """
[[person]]
login = "asonnino"
extension = "731"
password = "a long one"
pin = "4711"
"""


async def test_secrets_are_hashed_once_and_not_again(
    company: Plant, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    first = await apply_file(database, path, LATER)
    assert "password set, pin set" in str(first.changes[0])
    stored = (await database.unit_of_work(stored_secrets))["asonnino"]
    assert await is_right(stored.password_hash, "a long one")
    assert (await apply_file(database, path, LATER)).changes == ()
    path.write_text(SITE.replace("4711", "4712"))
    assert [str(change) for change in (await apply_file(database, path, LATER)).changes] == [
        "~ person asonnino: pin set"
    ]


async def test_a_file_with_a_problem_changes_nothing(
    company: Plant, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE + '[[budget]]\nperson = "nobody"\namount = "1"\nperiod = "daily"\n')
    with pytest.raises(SiteFileError, match="nobody"):
        await apply_file(database, path, LATER)
    assert (await database.unit_of_work(stored_secrets))["asonnino"].pin_hash is None


WHOLE = """
currency = "EUR"
[[site]]
name = "Milano"
country = "IT"
time_zone = "Europe/Rome"
"""


def test_the_command_tells_what_changed_and_then_that_nothing_did(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_DSN", dsn)
    path = tmp_path / "site.toml"
    path.write_text(WHOLE + SITE)
    command = ["apply", str(path), "--data", str(tmp_path)]
    assert main([*command, "--dry-run"]) == 0
    assert "(a dry run: nothing was changed)" in capsys.readouterr().out
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "+ company EUR: time_zone Europe/Rome",
        "+ site Milano",
        "+ person asonnino",
        "+ extension 731: now asonnino's",
    ]
    assert main(command) == 0
    assert capsys.readouterr().out == "= nothing changed\n"
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "changed": False, "dry_run": False, "changes": [], "warnings": [],
    }  # fmt: skip


def test_the_command_tells_every_problem_in_a_line_of_its_own(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE_DSN", dsn)
    path = tmp_path / "site.toml"
    path.write_text(WHOLE.replace("country", "land").replace("EUR", "Lire"))
    assert main(["apply", str(path), "--data", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 4
    assert told.err.splitlines()[-1].endswith("3 problems, nothing was applied")
