"""A small invented company for tests: two sites, their gateways, six people, one price list.

From Milano through TRUNK-PSTN a call to Milano (0 02...) costs 0.06 a minute by the second after
the first minute, to an Italian mobile (0 3...) 0.30, to Germany (0 0049...) 0.12 in steps of six
seconds after thirty, with 0.05 to connect.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rating.tariff_csv import digest, parse_rates
from storage.company import load_plant
from storage.company_apply import apply
from storage.database import Connection, Database
from storage.wanted import Wanted, WantedGateway, WantedPerson, WantedSite, WantedTariff
from telephony.plant import ExtensionKey, Plant

FOUNDED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_person(login: str, first: str, last: str, extension: str, **more: object) -> WantedPerson:
    """Somebody with an address of their own; `more` overrides anything."""
    fields: dict[str, object] = {
        "login": login,
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}@example.com".lower(),
        "extension": ExtensionKey.parse(extension),
        "department": "Sales",
        "cost_centre": "CC-10",
        "office": "Milano",
    }
    return WantedPerson(**(fields | more))  # type: ignore[arg-type]


MILANO = WantedSite(
    name="Milano",
    country="IT",
    area_code="02",
    time_zone="Europe/Rome",
    outside_prefix="0",
    emergency=("112", "118"),
)
VIAREGGIO = WantedSite(
    name="Viareggio",
    country="IT",
    area_code="0584",
    time_zone="Europe/Rome",
    outside_prefix="0",
    emergency=("112", "118"),
)
GATEWAYS = (
    WantedGateway("TRUNK-PSTN", "Milano", "Milano", "pstn", "carrier-2026"),
    WantedGateway("TRUNK-VIA*", "Viareggio", "Viareggio", "pstn", "carrier-2026"),
    WantedGateway(device="TRUNK-VM", name="Voicemail", site="Milano", kind="voicemail"),
    WantedGateway(device="TRUNK-IVR", name="Menu", site="Milano", kind="ivr"),
    WantedGateway(device="TRUNK-REC", name="Recorder", site="Milano", kind="recorder"),
    WantedGateway(device="ICT-*", name="Between sites", site="Milano", kind="intersite"),
)
PEOPLE = (
    a_person("asonnino", "Andrea", "Sonnino", "731", language="it"),
    a_person("bkowalska", "Beata", "Kowalska", "732", language="pl"),
    a_person(
        "cmoreau", "Camille", "Moreau", "733", role="supervisor", scope="department", language="fr"
    ),
    a_person("dweber", "Dieter", "Weber", "741", department="Support", cost_centre="CC-20"),
    a_person("fhaddad", "Farid", "Haddad", "751", office="Viareggio", department="Support"),
    a_person("root", "Rosa", "Amato", "799", department="IT", role="administrator"),
)
PRICES = b"""\
prefix,destination,type,connect_fee,price_per_minute,initial_s,increment_s,free_s,minimum_charge
3902,Milano,local,0,0.06,60,1,0,0
390,Italy,national,0,0.08,60,1,0,0
393,Italy mobile,mobile,0,0.30,60,1,0,0
39800,Italy freephone,tollfree,0,0,1,1,0,0
49,Germany,international,0.05,0.12,30,6,0,0
"""
TARIFF = WantedTariff(
    name="carrier-2026", valid_from=None, sha256=digest(PRICES), rates=parse_rates(PRICES)
)
COMPANY = Wanted(
    currency="EUR",
    sites=(MILANO, VIAREGGIO),
    tariffs=(TARIFF,),
    gateways=GATEWAYS,
    people=PEOPLE,
)


async def a_company(database: Database, wanted: Wanted = COMPANY) -> Plant:
    """Apply `wanted` to an empty database as of 2026 and read the plant back."""
    await database.unit_of_work(apply, wanted, FOUNDED_AT)
    return await database.unit_of_work(load_plant)


@pytest.fixture
async def company(database: Database) -> Plant:
    """The small company. This test's database was made with it: `dsn` looks who asks for it."""
    return await database.unit_of_work(load_plant)


async def person_id(connection: Connection, login: str) -> int:
    """The id of a person of the company."""
    return await connection.fetchval("select id from person where login = $1", login)
