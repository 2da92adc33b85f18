"""The company that the tests of the lab and of the phone system adapters share."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from pbx.cucm.axl import AxlLines, AxlSettings, open_axl
from pbx.lab.company import LabCompany, LabExtension, LabPattern, LabSite
from pbx.lab.lab import Lab

MILANO = LabSite("Milano", emergency=("112", "118"), gateway="TRUNK-PSTN")
ROMA = LabSite("Roma", outside_prefix="9", gateway="TRUNK-ROMA", area_code="06")

COMPANY = LabCompany(
    sites=(MILANO, ROMA),
    extensions=(
        LabExtension("731", "asonnino", "Andrea Sonnino", "Milano"),
        LabExtension(
            "732", "bconti", "Bruna Conti", "Milano", devices=("SEP0000000002DC", "CSFBCONTI")
        ),
        LabExtension("733", "cmoro", "Carlo Moro", "Roma"),
        LabExtension("734", "dfabi", "Dora Fabi", "Milano", css=""),
        LabExtension("+390612345", "efoa", "Elio Foa", "Roma"),
        LabExtension(
            "731", "gneri", "Gino Neri", "Roma", partition="PT-Roma", devices=("SEP00000000A731",)
        ),
    ),
    hunt_pilots=(("799", ("731", "732")),),
    extra_css=(("CSS-Leaky", ("PT-Internal", "PT-PSTN-Milano")),),
)


def with_patterns(*patterns: LabPattern, **changes: object) -> LabCompany:
    return replace(COMPANY, extra_patterns=patterns, **changes)  # type: ignore[arg-type]


def settings_for(lab: Lab, **changes: object) -> AxlSettings:
    settings = AxlSettings(
        url=lab.axl_url,
        username=lab.credentials.axl_username,
        password=lab.credentials.axl_password,
        timeout_s=5.0,
        default_lock_css="CSS-Locked",
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def axl_of(lab: Lab, **changes: object) -> AsyncGenerator[AxlLines]:
    async with open_axl(settings_for(lab, **changes)) as lines:
        yield lines


def inbox_in(folder: Path) -> Path:
    inbox = folder / "inbox"
    inbox.mkdir()
    return inbox
