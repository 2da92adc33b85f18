"""The demo's company, as a site file anybody could have written.

Sixty invented people in five departments and three cost centres, in two offices. Everything the
demo shows of them (names, extensions, budgets) is written here and applied by `ringfence apply`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from daemon.demo.tariff import MILANO_CARRIER, VIAREGGIO_CARRIER, Carrier, price_list

PASSWORD = "demo"  # noqa: S105 - the password the demo prints
CURRENCY = "EUR"
TIME_ZONE = "Europe/Rome"
PIN = "4711"
CARRIERS = (MILANO_CARRIER, VIAREGGIO_CARRIER)
SALES_LINE = "7300"
VOICEMAIL = "7999"


class DemoPerson(NamedTuple):
    """One invented person; `login` is empty where it is the initial and the last name."""

    first_name: str
    last_name: str
    extension: str
    department: str
    cost_centre: str
    office: str
    language: str
    login: str = ""

    @property
    def sign_in(self) -> str:
        """The login: given, or like `bkowalska`."""
        name = f"{self.first_name[0]}{self.last_name}".translate(_PLAIN).lower()
        return self.login or "".join(
            letter for letter in name if letter.isascii() and letter.isalpha()
        )


_PLAIN = str.maketrans("àéèêëíóöòüúñçłśźżąęńäáøåÖÅŁŚŹŻ", "aeeeeiooouunclszzaenaaoaOALSZZ")

SIGN_INS = ("admin", "supervisor", "user")
_ROLES = {"admin": "administrator", "supervisor": "supervisor"}

_PEOPLE = """
731 Andrea|Sonnino            -  Sales       CC-10 Milano    user
730 Camille|Moreau            -  Sales       CC-10 Milano    supervisor
700 Rosa|Amato                -  Management  CC-30 Milano    admin
732 Beata|Kowalska            pl Sales       CC-10 Milano
733 Dieter|Vogel              de Sales       CC-10 Milano
734 Farid|Haddad              ar Sales       CC-10 Milano
735 Lucía|Herrera             es Sales       CC-10 Milano
736 Marco|Bellini             it Sales       CC-10 Milano
737 Giulia|Ferraro            it Sales       CC-10 Milano
738 Hélène|Lefèvre            fr Sales       CC-10 Milano
739 Tomasz|Wiśniewski         pl Sales       CC-10 Milano
831 Paolo|Ricci               it Sales       CC-10 Viareggio
832 Elena|Marchetti           it Sales       CC-10 Viareggio
833 Layla|Mansour             ar Sales       CC-10 Viareggio
834 Stefan|Krüger             de Sales       CC-10 Viareggio
835 Chiara|Lunardi            it Sales       CC-10 Viareggio
740 Nadia|Benali              fr Support     CC-20 Milano
741 Jürgen|Weber              de Support     CC-20 Milano
742 Agnieszka|Zielińska       pl Support     CC-20 Milano
743 Davide|Conti              it Support     CC-20 Milano
744 Omar|Khoury               ar Support     CC-20 Milano
745 Sofía|Navarro             es Support     CC-20 Milano
746 Luca|Gallo                it Support     CC-20 Milano
747 Emily|Harper              en Support     CC-20 Milano
748 Antoine|Girard            fr Support     CC-20 Milano
840 Silvia|Pardini            it Support     CC-20 Viareggio
841 Matteo|Bertolucci         it Support     CC-20 Viareggio
842 Krzysztof|Mazur           pl Support     CC-20 Viareggio
843 Ingrid|Schäfer            de Support     CC-20 Viareggio
844 Youssef|Nasser            ar Support     CC-20 Viareggio
750 Federico|Galli            it Engineering CC-20 Milano
751 Martina|Colombo           it Engineering CC-20 Milano
752 Piotr|Nowicki             pl Engineering CC-20 Milano
753 Anneliese|Hartmann        de Engineering CC-20 Milano
754 Julien|Mercier            fr Engineering CC-20 Milano
755 Oliver|Whitfield          en Engineering CC-20 Milano
756 Valentina|Greco           it Engineering CC-20 Milano
757 Samir|Aziz                ar Engineering CC-20 Milano
758 Javier|Ortega             es Engineering CC-20 Milano
759 Simone|Fontana            it Engineering CC-20 Milano
850 Tommaso|Giannini          it Engineering CC-20 Viareggio
851 Francesca|Barsanti        it Engineering CC-20 Viareggio
852 Magdalena|Wójcik          pl Engineering CC-20 Viareggio
853 Lukas|Brandt              de Engineering CC-20 Viareggio
854 Grace|Ellison             en Engineering CC-20 Viareggio
760 Alessandra|Rinaldi        it Finance     CC-30 Milano
761 Roberto|Martini           it Finance     CC-30 Milano
762 Claire|Fontaine           fr Finance     CC-30 Milano
763 Ewa|Kaczmarek             pl Finance     CC-30 Milano
764 Markus|Lehmann            de Finance     CC-30 Milano
765 Carmen|Vidal              es Finance     CC-30 Milano
860 Ilaria|Domenici           it Finance     CC-30 Viareggio
861 Stefano|Matteucci         it Finance     CC-30 Viareggio
701 Lorenzo|Visconti          it Management  CC-30 Milano
702 Béatrice|Rousseau         fr Management  CC-30 Milano
703 Heinrich|Baumann          de Management  CC-30 Milano
704 Karim|Saleh               ar Management  CC-30 Milano
705 Victoria|Langley          en Management  CC-30 Milano
706 Danuta|Lewandowska        pl Management  CC-30 Milano
801 Umberto|Paoli             it Management  CC-30 Viareggio
802 Teresa|Molina             es Management  CC-30 Viareggio
"""


def people() -> tuple[DemoPerson, ...]:
    """Everybody, the three who sign in first."""
    return tuple(_person(line) for line in _PEOPLE.strip().splitlines())


def _person(line: str) -> DemoPerson:
    extension, name, language, department, cost_centre, office, *login = line.split()
    first, last = name.split("|")
    # Whoever tries the demo reads it in the language of their own browser.
    spoken = language.strip("-")
    return DemoPerson(first, last, extension, department, cost_centre, office, spoken, *login)


_TOP = f"""\
# The demo's company. Written by `ringfence demo`; edit it and run `ringfence apply` to try things.
currency = "{CURRENCY}"
time_zone = "{TIME_ZONE}"
custom_fields = ["Project", "Floor"]

[[site]]
name = "Milano"
country = "IT"
area_code = "02"
time_zone = "Europe/Rome"
outside_prefix = "0"
emergency = ["112", "118"]

[[site]]
name = "Viareggio"
country = "IT"
area_code = "0584"
time_zone = "Europe/Rome"
outside_prefix = "0"
emergency = ["112", "118"]
"""

_PROJECTS = ("Aurora", "Bridge", "Cedar", "Delta", "")

_GATEWAYS = (
    ("TRUNK-PSTN", "Milano", "Milano", "pstn", "padana-voce"),
    ("TRUNK-PSTN-VIAREGGIO", "Viareggio", "Viareggio", "pstn", "tirreno-linea"),
    ("ICT-MILANO-VIAREGGIO", "Between the offices", "Milano", "intersite", ""),
    ("CUC-VOICEMAIL", "Voicemail", "Milano", "voicemail", ""),
    ("TRUNK-RECORDER", "Recorder", "Milano", "recorder", ""),
)

_BUDGETS = (
    ("person", "user", "100.00", "monthly", "warn_at_percent = [80]"),
    ("person", "supervisor", "80.00", "monthly", "warn_at_percent = [80]\nlock = false"),
    ("person", "bkowalska", "60.00", "monthly", "warn_at_percent = [50, 80]\ncarry_over = true"),
    ("person", "dvogel", "25.00", "monthly", "warn_at_percent = [80]"),
    ("person", "fhaddad", "90.00", "monthly", "warn_at_percent = [80, 95]"),
    ("person", "lherrera", "12.00", "weekly", "warn_at_percent = [80]"),
    ("person", "mbellini", "3.00", "daily", "warn_at_percent = [90]"),
    ("person", "pricci", "40.00", "monthly", "warn_at_percent = [75]\ncarry_over = true"),
    ("person", "jweber", "30.00", "monthly", "warn_at_percent = [80]\nlock = false"),
    ("person", "fgalli", "150.00", "monthly", "warn_at_percent = [80]\nlock = false"),
    ("department", "Support", "600.00", "monthly", "warn_at_percent = [80, 95]\nlock = false"),
    ("cost_centre", "CC-30", "45.00", "monthly", "warn_at_percent = [80]\neach = true"),
)


def site_file(now: datetime, *, daily: bool = True) -> str:
    """The site file, for a year of calls that ends at `now`; `daily` budgets may be left out."""
    everybody = (_person_table(person) for person in people())
    return "\n".join([_TOP, *_gateways(), *_tariffs(now), *everybody, *_budgets(daily=daily)])


def price_lists(now: datetime) -> dict[str, str]:
    """The price lists the site file names: file name to CSV."""
    return {
        price_list_file(carrier, year): price_list(carrier, factor)
        for carrier in CARRIERS
        for year, factor in _years(now)
    }


def _years(now: datetime) -> tuple[tuple[int, Decimal], ...]:
    """This year's prices, and those before: a year of calls always sees both."""
    return ((now.year - 2, Decimal("1.00")), (now.year, Decimal("1.04")))


def price_list_file(carrier: Carrier, year: int) -> str:
    """The name of a carrier's price list of a year."""
    return f"{carrier.name}-{year}.csv"


def _gateways() -> Iterator[str]:
    for device, name, site, kind, tariff in _GATEWAYS:
        yield _table("gateway", device=device, name=name, site=site, kind=kind, tariff=tariff)


def _tariffs(now: datetime) -> Iterator[str]:
    for carrier in CARRIERS:
        for year, _ in _years(now):
            table = _table("tariff", name=carrier.name, file=price_list_file(carrier, year))
            yield f'{table}currency = "{CURRENCY}"\nvalid_from = {year}-01-01T00:00:00Z\n'


def _person_table(person: DemoPerson) -> str:
    signs_in = person.sign_in in SIGN_INS
    return _table(
        "person",
        login=person.sign_in,
        first_name=person.first_name,
        last_name=person.last_name,
        email=f"{person.sign_in}@example.com",
        extension=person.extension,
        department=person.department,
        cost_centre=person.cost_centre,
        office=person.office,
        role=_ROLES.get(person.sign_in, ""),
        scope="department" if person.sign_in == "supervisor" else "",
        language=person.language,
        custom_1=_PROJECTS[int(person.extension) % len(_PROJECTS)],
        custom_2=str(int(person.extension) % 3 + 1),
        password=PASSWORD if signs_in else "",
        pin=PIN if signs_in else "",
    )


def _budgets(*, daily: bool) -> Iterator[str]:
    for target, key, amount, period, more in _BUDGETS:
        if period == "daily" and not daily:
            continue
        yield _table("budget", **{target: key}, amount=amount, period=period) + more + "\n"


def _table(section: str, **values: str) -> str:
    """One section; empty values are left out."""
    lines = [f'{key} = "{value}"' for key, value in values.items() if value]
    return "\n".join([f"[[{section}]]", *lines, ""])
