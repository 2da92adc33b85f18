"""The exchange: decides by digit analysis whether a call is placed, and to whom.

It uses the same `dialplan` as the proof, on the lines' calling search spaces as they are at this
moment; so a locked line cannot dial outside, exactly as long as it is locked.
"""

from __future__ import annotations

from random import Random

from pbx.cucm.dialplan import DIRECTORY_NUMBER, HUNT_PILOT, Analysis, Verdict
from pbx.lab.cast import Cast, Parties, Wish
from pbx.lab.company import EMERGENCY, INTERNAL, LabCompany, LabExtension
from pbx.lab.database import LabDatabase
from pbx.lab.rows import Party, outside_party


class NotPlaced(Exception):
    """The call does not come about; the text says why."""


class Exchange:
    """Finds the parties of a call, or says why there is none."""

    def __init__(self, company: LabCompany, database: LabDatabase, random: Random) -> None:
        self._company = company
        self._database = database
        self._random = random
        self._parties = Parties(company)
        self._plan = database.plan()
        self._gateways = {(row.pattern, row.partition): row.gateway for row in company.patterns()}

    def cast(self, wish: Wish) -> Cast:
        """Who takes part in this call.

        Raises:
            NotPlaced: Somebody may not dial what they would have to, or nobody is there.
        """
        caller = self._company.extension(wish.caller)
        via = self._company.extension(wish.via) if wish.via else None
        if wish.way == "hunt":
            return self._hunted(wish, caller)
        if wish.way in ("conference", "transfer-by-caller") and caller is not None:
            third = self._called(caller, wish.via)
            return Cast(self._parties.line(caller), self._called(caller, wish.called), third)
        if wish.via:
            if via is None:
                raise NotPlaced(f"{wish.via} is no extension")
            first = self._from(wish.caller, caller, wish.via, via)
            return Cast(first, self._called(via, wish.called), self._parties.line(via))
        if caller is not None:
            return Cast(self._parties.line(caller), self._called(caller, wish.called))
        return self._incoming(wish)

    def _from(
        self, number: str, caller: LabExtension | None, called: str, line: LabExtension
    ) -> Party:
        if caller is None:
            return outside_party(number, self._company.site(line.site).gateway)
        self._called(caller, called.partition("@")[0])
        return self._parties.line(caller)

    def _incoming(self, wish: Wish) -> Cast:
        called = self._company.extension(wish.called)
        if called is None:
            raise NotPlaced(f"{wish.called} is no number of this company")
        gateway = self._company.site(called.site).gateway
        return Cast(outside_party(wish.caller, gateway), self._parties.line(called))

    def _hunted(self, wish: Wish, caller: LabExtension | None) -> Cast:
        pilots = dict(self._company.hunt_pilots)
        if wish.via not in pilots:
            raise NotPlaced(f"{wish.via} is no hunt pilot")
        member = self._company.extension(wish.called)
        if member is None:
            raise NotPlaced(f"{wish.called} is no extension")
        pilot = Party(wish.via, INTERNAL, usage=HUNT_PILOT)
        first = self._from(wish.caller, caller, wish.via, member)
        return Cast(first, self._parties.line(member), pilot)

    def _called(self, caller: LabExtension, digits: str) -> Party:
        """Who is reached when this extension dials these digits now."""
        css = self._database.line_of(caller).css
        partitions = self._plan.partitions(css, self._company.device_css)
        dialled = digits.partition("@")[0]
        result = self._plan.analyse(partitions, dialled)
        if result.verdict is not Verdict.ROUTED or result.pattern is None:
            own = css or "none"
            raise NotPlaced(f"calling search space {own} forbids {dialled}: {result.reason}")
        return self._arrived(caller, result, dialled)

    def _arrived(self, caller: LabExtension, result: Analysis, dialled: str) -> Party:
        pattern = result.pattern
        assert pattern is not None  # noqa: S101 - a routed call has the pattern that took it
        if pattern.usage == DIRECTORY_NUMBER:
            number = pattern.text.replace("\\+", "+")
            extension = self._company.extension(f"{number}@{pattern.partition}")
            if extension is not None:
                return self._parties.line(extension)
        if pattern.usage == HUNT_PILOT:
            members = dict(self._company.hunt_pilots).get(pattern.text, ())
            extension = self._company.extension(self._random.choice(members)) if members else None
            if extension is None:
                raise NotPlaced(f"nobody answers at hunt pilot {pattern.text}")
            return self._parties.line(extension)
        gateway = self._gateways.get((pattern.text, pattern.partition), "")
        if pattern.partition == EMERGENCY:  # help is called where the caller is
            gateway = self._company.site(caller.site).gateway
        return outside_party(dialled, gateway, pattern.partition, pattern.text)
