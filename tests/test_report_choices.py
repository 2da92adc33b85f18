"""A report's filters offer nobody names they may not see."""

from __future__ import annotations

from storage import people
from storage.database import Connection, Database
from storage.report_choices import ReportChoices, report_choices
from storage.viewer import Viewer
from telephony.plant import Plant


async def offered(database: Database, login: str) -> ReportChoices:
    async def work(connection: Connection) -> ReportChoices:
        person = await people.by_login(connection, login)
        assert person is not None
        return await report_choices(connection, Viewer.of(person))

    return await database.unit_of_work(work)


async def test_an_administrator_is_offered_everything(database: Database, company: Plant) -> None:
    found = await offered(database, "root")
    assert found.departments == ("IT", "Sales", "Support")
    assert found.cost_centres == ("CC-10", "CC-20")
    assert found.offices == ("Milano", "Viareggio")
    assert found.sites == ("Milano", "Viareggio")
    assert found.extensions == ("731", "732", "733", "741", "751", "799")
    assert ("asonnino", "Sonnino Andrea") in found.people
    assert len(found.people) == 6
    assert "Viareggio" in found.gateways
    assert found.areas == ("Germany", "Italy", "Italy freephone", "Italy mobile", "Milano")
    assert found.custom_labels == ("",) * 10


async def test_a_supervisor_is_offered_their_department(database: Database, company: Plant) -> None:
    found = await offered(database, "cmoreau")
    assert found.departments == ("Sales",)
    assert found.cost_centres == ("CC-10",)
    assert found.extensions == ("731", "732", "733")
    assert [login for login, _ in found.people] == ["bkowalska", "cmoreau", "asonnino"]
    assert found.sites == ("Milano",)


async def test_a_user_is_offered_themselves(database: Database, company: Plant) -> None:
    found = await offered(database, "fhaddad")
    assert (found.departments, found.offices) == (("Support",), ("Viareggio",))
    assert found.extensions == ("751",)
    assert found.people == (("fhaddad", "Haddad Farid"),)


async def test_a_department_of_the_past_is_still_offered(
    database: Database, company: Plant
) -> None:
    async def move(connection: Connection) -> None:
        await connection.execute(
            "insert into unit (department, cost_centre, office) "
            "values ('Sales', 'CC-99', 'Milano'), ('Legal', 'CC-30', 'Roma') on conflict do nothing"
        )

    await database.unit_of_work(move)
    assert "Legal" in (await offered(database, "root")).departments
    supervisor = await offered(database, "cmoreau")
    assert supervisor.cost_centres == ("CC-10", "CC-99")
    assert supervisor.departments == ("Sales",)
    assert (await offered(database, "asonnino")).cost_centres == ("CC-10",)
