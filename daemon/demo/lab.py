"""The demo's phone system: the lab, configured with the company of the site file."""

from __future__ import annotations

from daemon.demo.company import SALES_LINE, VOICEMAIL, people
from pbx.lab.company import LabCompany, LabExtension, LabSite


def lab_company() -> LabCompany:
    """The lab's sites, lines and phones, one desk phone for everybody."""
    everybody = people()
    return LabCompany(
        sites=(
            LabSite(name="Milano", emergency=("112", "118")),
            LabSite(
                name="Viareggio",
                emergency=("112", "118"),
                gateway="TRUNK-PSTN-VIAREGGIO",
                area_code="0584",
            ),
        ),
        extensions=tuple(
            LabExtension(
                number=person.extension,
                login=person.sign_in,
                name=f"{person.first_name} {person.last_name}",
                site=person.office,
            )
            for person in everybody
        ),
        hunt_pilots=(
            (SALES_LINE, tuple(p.extension for p in everybody if p.department == "Sales")),
        ),
        voicemail=(VOICEMAIL, "CUC-VOICEMAIL"),
    )
