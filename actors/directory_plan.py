"""What has to change so that the company is what its directory says: compared, nothing done.

Pure. An entry is known by its key, which survives renaming, else by its login. What the directory
does not say (an attribute nobody has named) stays as it is here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

import msgspec

from actors.directory_match import PLAIN, Match, Rules, Work, match_entries, usable
from directory.port import CUSTOM_FIELDS, DirectoryPerson
from storage.directory_types import (
    Difference,
    Gone,
    KnownCompany,
    KnownOwner,
    KnownPerson,
    PersonFields,
    Planned,
    SyncPlan,
)
from storage.people import Role, Scope

__all__ = ["Rules", "digest", "plan"]

_EXTENSION = re.compile(r"\+?[0-9*#]{1,32}")


def plan(
    known: KnownCompany, found: Sequence[DirectoryPerson], rules: Rules, *, complete: bool = True
) -> SyncPlan:
    """What has to happen; `complete` where `found` is everybody, so that who is absent is gone."""
    work = Work(known, rules)
    matches, closed = match_entries(work, usable(work, found))
    present = {entry.key for entry in found}  # whatever is wrong with an entry, it is there
    kept = {match.person.id for match in matches if match.person}
    kept |= {person.id for person in known.people if person.directory_key in present}
    gone = _gone(work, kept, closed, complete=complete)
    _settle_extensions(work, matches, gone)
    created: list[Planned] = []
    changed: list[Planned] = []
    enabled: list[Planned] = []
    for match in matches:
        planned = _planned(work, match)
        if match.person is None:
            created.append(planned)
        elif match.returns:
            enabled.append(planned)
        elif planned.differences:
            changed.append(planned)
    made = SyncPlan(
        seen=len(found),
        known=sum(p.source == "directory" and not p.disabled for p in known.people),
        created=tuple(created),
        changed=tuple(changed),
        enabled=tuple(enabled),
        disabled=tuple(gone),
        problems=tuple(work.problems),
    )
    return replace(made, leaves_no_administrator=_leaves_none(known, made))


def digest(made: SyncPlan) -> str:
    """The same for plans that do the same; problems and what was only seen do not count."""
    parts = [
        [(asdict(one.fields), one.opening) for one in made.created],
        [
            (one.person_id, asdict(one.fields), one.closing, one.opening)
            for one in (*made.changed, *made.enabled)
        ],
        [(one.person_id, one.closing) for one in made.disabled],
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _gone(work: Work, kept: set[int], closed: set[int], *, complete: bool) -> list[Gone]:
    """Who of the directory's people is there no more, or is closed there."""
    gone = [
        person
        for person in work.known.people
        if person.source == "directory" and not person.disabled
        and (person.id in closed or (complete and person.id not in kept))
    ]  # fmt: skip
    return [
        Gone(
            person.id,
            person.login,
            person.full_name,
            tuple(owner.row_id for owner in work.extensions_of(person)),
            person.id in closed,
        )
        for person in gone
    ]


# Extensions --------------------------------------------------------------------------------------


def _settle_extensions(work: Work, matches: Sequence[Match], gone: Iterable[Gone]) -> None:
    """Decide who gets and gives up which extension; nobody's is taken from them.

    An extension is free where nobody has it, or whoever has it gives it up in the same run.
    """
    by_number: dict[str, list[KnownOwner]] = {}
    for owner in work.known.owners:
        by_number.setdefault(owner.extension.number, []).append(owner)
    for match in matches:
        _wish(work, match)
    freed = {row_id for person in gone for row_id in person.closing}
    freed |= {row_id for match in matches for row_id in match.closing}
    names = {person.id: person.full_name for person in work.known.people}
    while refused := _refused(matches, by_number, freed):
        for match, owner_id in refused:
            owner_name = names.get(owner_id, "") if owner_id else ""
            work.problem("extension_taken", match.name, f"{match.opening}|{owner_name}")
            freed -= set(match.closing)
            match.closing, match.opening = (), ""
            match.told_extension = match.person.directory_extension if match.person else ""


def _wish(work: Work, match: Match) -> None:
    """What of their extensions an entry asks to end and to begin."""
    person, wanted = match.person, match.entry.extension
    told = match.told_extension = person.directory_extension if person else ""
    if "extension" not in work.rules.said or match.stays_out:
        return
    if wanted and not _EXTENSION.fullmatch(wanted):
        work.problem("extension_unusable", match.name, wanted)
        return
    match.told_extension = wanted
    owned = work.extensions_of(person)
    has_it = any(owner.extension.number == wanted for owner in owned)
    ending = [owner for owner in owned if told and owner.extension.number == told != wanted]
    if wanted and not has_it:
        match.opening = wanted
        if not told and len(owned) == 1:
            ending = list(owned)
    match.closing = tuple(owner.row_id for owner in ending)


def _refused(
    matches: Sequence[Match], by_number: Mapping[str, Sequence[KnownOwner]], freed: set[int]
) -> list[tuple[Match, int | None]]:
    """Whose wish cannot be granted while only the `freed` rows end; with who has the extension."""
    refused: list[tuple[Match, int | None]] = []
    granted: set[str] = set()
    for match in matches:
        if not match.opening:
            continue
        holders = [o for o in by_number.get(match.opening, ()) if o.row_id not in freed]
        if holders:
            refused.append((match, holders[0].person_id))
        elif match.opening in granted:
            refused.append((match, None))
        granted.add(match.opening)
    return refused


# What shall be -----------------------------------------------------------------------------------


def _planned(work: Work, match: Match) -> Planned:
    fields = _fields(work, match)
    return Planned(
        person_id=match.person.id if match.person else None,
        name=match.name,
        fields=fields,
        differences=_differences(work, match, fields),
        closing=match.closing,
        opening=match.opening,
    )


def _fields(work: Work, match: Match) -> PersonFields:
    entry, person, said = match.entry, match.person, work.rules.said
    texts = {
        name: str(getattr(entry, name) if name in said else getattr(person, name, ""))
        for name in PLAIN
    }
    role, scope = _role(entry, person)
    known_custom = person.custom if person else ("",) * CUSTOM_FIELDS
    language = person.directory_language if person else ""
    return PersonFields(
        **texts,
        login=match.login,
        directory_key=entry.key,
        site_id=_site(work, texts["office"], person),
        directory_language=entry.language if "language" in said else language,
        custom=tuple(
            new if told else old
            for new, old, told in zip(
                entry.custom, known_custom, work.rules.custom_said, strict=True
            )
        ),
        role=role,
        scope=scope,
        directory_extension=match.told_extension,
    )


def _role(entry: DirectoryPerson, person: KnownPerson | None) -> tuple[Role, Scope | None]:
    if person is not None and person.role_fixed:
        return person.role, person.scope
    if entry.role != "supervisor":
        return entry.role, None
    return entry.role, entry.scope or "department"


def _site(work: Work, office: str, person: KnownPerson | None) -> int | None:
    """The site called like the office; without one the present site, for a new person the first."""
    present = person.site_id if person else work.known.first_site_id
    if not work.rules.sites_by_office:
        return present
    return work.site_ids.get(office.lower(), present)


def _differences(work: Work, match: Match, after: PersonFields) -> tuple[Difference, ...]:
    """What becomes different, field by field; of a new person everything there is to say."""
    person = match.person
    pairs: list[tuple[str, str, str]] = []
    for name in ("login", *PLAIN, "directory_language", "role", "scope"):
        before = getattr(person, name, None) or ""
        pairs.append((name, str(before), str(getattr(after, name) or "")))
    custom = person.custom if person else ("",) * CUSTOM_FIELDS
    pairs += [
        (f"custom_{n}", old, new) for n, (old, new) in enumerate(zip(custom, after.custom,
                                                                  strict=True), 1)
    ]  # fmt: skip
    names = work.known.sites
    site = names.get(person.site_id or 0, "") if person else ""
    pairs.append(("site", site, names.get(after.site_id or 0, "")))
    pairs.append(("extension", *_extensions(work, match)))
    if person is not None:
        pairs.append(("source", person.source, "directory"))
        pairs.append(("directory_key", person.directory_key or "", after.directory_key))
        pairs.append(("directory_extension", person.directory_extension, after.directory_extension))
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


def _extensions(work: Work, match: Match) -> tuple[str, str]:
    """The person's extensions before and after, as people read them."""
    if match.person is None:
        return "", match.opening
    if not (match.closing or match.opening):
        return "", ""
    owned = work.extensions_of(match.person)
    before = ", ".join(str(owner.extension) for owner in owned)
    left = [str(owner.extension) for owner in owned if owner.row_id not in match.closing]
    return before, ", ".join([*left, match.opening] if match.opening else left)


def _leaves_none(known: KnownCompany, made: SyncPlan) -> bool:
    """Whether nobody could administer afterwards, where somebody can now."""
    present = {p.id for p in known.people if p.role == "administrator" and not p.disabled}
    disabled = {p.id for p in known.people if p.disabled} - {e.person_id for e in made.enabled}
    left = known.administrators - sum(gone.person_id in present for gone in made.disabled)
    for one in (*made.changed, *made.enabled, *made.created):
        was = one.person_id in present
        left += (one.fields.role == "administrator" and one.person_id not in disabled) - was
    return known.administrators > 0 and left <= 0
