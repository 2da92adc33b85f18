"""What a list of people would do to those who are stored: whom it makes, changes, leaves as is.

Nothing is written here. A row with a mistake does nothing; the others count as if it were not
there, so that what is confirmed is exactly what was shown. People the list does not name stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from storage.people_admin import before_after
from storage.people_import import Written
from storage.people_listing import Listed
from telephony.plant import ExtensionKey
from web.people_csv import COLUMNS, Sheet, SheetRow, cells_of
from web.person_fields import Texts, Wrong, extensions_of, problems, profile_of
from words.language import N_

_YES, _NO = {"yes", "true", "1", "x"}, {"no", "false", "0"}
_NEW: Texts = dict.fromkeys(COLUMNS, "") | {"role": "user", "disabled": "no"}
"""What somebody new has where the list says nothing."""
del _NEW["extension"], _NEW["partition"]

_KEPT_IF_EMPTY = ("role", "site", "disabled")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a row does nothing: its line, the column, the reason."""

    line: int
    login: str
    field: str
    wrong: Wrong


@dataclass(frozen=True, slots=True)
class Planned:
    """One row that does something. `changes` gives what was and what will be, by column."""

    line: int
    login: str
    name: str
    changes: Mapping[str, tuple[str, str]]
    written: Written


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it, in the order of the file. `digest` tells whether two plans are the same."""

    created: tuple[Planned, ...]
    changed: tuple[Planned, ...]
    unchanged: int
    mistakes: tuple[Mistake, ...]
    digest: str

    @property
    def written(self) -> list[Written]:
        """What is to be written."""
        return [planned.written for planned in (*self.created, *self.changed)]


@dataclass(frozen=True, slots=True)
class Stored:
    """What the list is held against: everybody, the sites by id, what the directory owns."""

    people: Sequence[Listed]
    sites: Mapping[int, str]
    owned: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Row:
    """A row on its way: who it is about, what they shall be, and whether that is a mistake."""

    row: SheetRow
    login: str
    person: Listed | None
    before: Texts = field(default_factory=dict[str, str])
    after: Texts = field(default_factory=dict[str, str])
    has: tuple[ExtensionKey, ...] = ()
    wants: tuple[ExtensionKey, ...] = ()
    mistakes: list[Mistake] = field(default_factory=list[Mistake])

    def blame(self, column: str, wrong: Wrong) -> None:
        self.mistakes.append(Mistake(self.row.line, self.login, column, wrong))

    @property
    def changed(self) -> list[str]:
        """Columns that differ, extensions apart."""
        return [
            name for name, text in self.after.items() if text.strip() != self.before[name].strip()
        ]


def plan(sheet: Sheet, stored: Stored) -> Plan:
    """What the list would do. Blocks: many people belong in a thread."""
    known = {person.login.lower(): person for person in stored.people}
    rows = [_row(sheet_row, sheet, known, stored) for sheet_row in sheet.rows]
    _refuse_twice(rows)
    _settle_extensions(rows, stored.people)
    created: list[Planned] = []
    changed: list[Planned] = []
    for row in rows:
        if row.mistakes:
            continue
        planned = _planned(row, stored.sites)
        if row.person is None:
            created.append(planned)
        elif planned.changes:
            changed.append(planned)
    mistakes = tuple(mistake for row in rows for mistake in row.mistakes)
    bad = sum(bool(row.mistakes) for row in rows)
    return Plan(
        created=tuple(created),
        changed=tuple(changed),
        unchanged=len(rows) - len(created) - len(changed) - bad,
        mistakes=mistakes,
        digest=_digest(created, changed, mistakes),
    )


def _digest(
    created: Sequence[Planned], changed: Sequence[Planned], mistakes: Sequence[Mistake]
) -> str:
    told = repr(
        (
            [(p.login, dict(p.changes)) for p in created],
            [(p.login, p.written.person_id, dict(p.changes)) for p in changed],
            [(m.line, m.field, m.wrong.message) for m in mistakes],
        )
    )
    return hashlib.sha256(told.encode()).hexdigest()


# One row ------------------------------------------------------------------------------------------


def _row(row: SheetRow, sheet: Sheet, known: Mapping[str, Listed], stored: Stored) -> _Row:
    login = row.cells.get("login", "")
    person = known.get(login.lower())
    made = _Row(row, login, person)
    if row.surplus:
        made.blame("", Wrong(N_("It has more cells than the first line has columns.")))
    cells = dict(row.cells)
    disabled = _disabled(made, cells.pop("disabled", ""))
    numbers, partition = cells.pop("extension", ""), cells.pop("partition", "")
    made.before = _texts(person)
    made.after = made.before | {
        name: text for name, text in cells.items() if text or name not in _KEPT_IF_EMPTY
    }
    made.after |= {"login": person.login if person else login, "disabled": disabled}
    _complete(made, stored)
    made.has = made.wants = person.extensions if person else ()
    if disabled == "yes":
        made.wants = made.has if made.before["disabled"] == "yes" else ()
    elif "extension" in sheet.columns:
        _want(made, numbers, partition, "partition" in sheet.columns)
    _check(made, stored)
    return made


def _texts(person: Listed | None) -> Texts:
    if person is None:
        return dict(_NEW)
    texts = cells_of(person)
    return {name: texts[name] for name in _NEW}


def _complete(made: _Row, stored: Stored) -> None:
    """What follows by itself: nobody but a supervisor has a scope, a newcomer has a site."""
    if made.after["role"] != "supervisor" and not made.row.cells.get("scope"):
        made.after["scope"] = ""
    if made.person is None and not made.after["site"]:
        names = list(stored.sites.values())
        office = made.after["office"]
        made.after["site"] = office if office in names else next(iter(names), "")


def _disabled(made: _Row, text: str) -> str:
    before = "yes" if made.person and made.person.disabled else "no"
    if not text:
        return before
    if text.lower() not in _YES | _NO:
        wrong = Wrong(N_("“%(text)s” is neither yes nor no."), {"text": text})
        made.blame("disabled", wrong)
    return "yes" if text.lower() in _YES else "no"


def _want(made: _Row, numbers: str, partition: str, partition_is_given: bool) -> None:
    wanted = extensions_of(numbers, partition)
    if isinstance(wanted, Wrong):
        made.blame("extension", wanted)
        return
    if not partition_is_given:
        had = {key.number: key for key in made.has}
        wanted = tuple(key if key.partition else had.get(key.number, key) for key in wanted)
    made.wants = wanted


def _check(made: _Row, stored: Stored) -> None:
    texts = {name: text for name, text in made.after.items() if name != "disabled"}
    changed = None if made.person is None else made.changed
    for name, wrong in problems(texts, stored.sites.values(), changed).items():
        made.blame(name, wrong)
    if made.after["scope"] and made.after["role"] != "supervisor":
        made.blame("scope", Wrong(N_("Only a supervisor has one: leave it empty.")))
    if made.person is not None and made.person.source == "directory":
        _check_owned(made, made.person, stored.owned)


def _check_owned(made: _Row, person: Listed, owned: frozenset[str]) -> None:
    if not person.role_fixed:
        owned |= {"role", "scope"}
    if "site_id" in owned:
        owned |= {"site"}
    changed = [*made.changed, *(["extension"] if set(made.has) != set(made.wants) else [])]
    for name in changed:
        if name in owned and not (name == "extension" and made.after["disabled"] == "yes"):
            made.blame(name, Wrong(N_("The directory says this. Change it there.")))


def _refuse_twice(rows: Sequence[_Row]) -> None:
    first: dict[str, int] = {}
    for row in rows:
        line = first.setdefault(row.login.lower(), row.row.line)
        if line != row.row.line and row.login:
            wrong = Wrong(N_("The same user name is on line %(line)s."), {"line": line})
            row.blame("login", wrong)


# Extensions ---------------------------------------------------------------------------------------


def _settle_extensions(rows: Sequence[_Row], people: Sequence[Listed]) -> None:
    """Refuse an extension that somebody keeps: who is not in the list, or whose row is a mistake.

    A row that is refused gives nothing up, so that others may be refused because of it.
    """
    owners = {key: person for person in people for key in person.extensions}
    by_id = {row.person.id: row for row in rows if row.person is not None}
    takers: dict[ExtensionKey, _Row] = {}
    for row in rows:
        for key in row.wants if not row.mistakes else ():
            other = takers.setdefault(key, row)
            if other is not row:
                values = {"extension": str(key), "line": other.row.line}
                wrong = Wrong(N_("Extension %(extension)s is given on line %(line)s."), values)
                row.blame("extension", wrong)
    asked = [row for row in rows if set(row.wants) - set(row.has)]
    while any(_refuse_kept(row, owners, by_id) for row in asked if not row.mistakes):
        pass


def _refuse_kept(
    row: _Row, owners: Mapping[ExtensionKey, Listed], by_id: Mapping[int, _Row]
) -> bool:
    """Whether an extension this row wants stays with its owner; the row is a mistake then."""
    for key in row.wants:
        owner = owners.get(key)
        if owner is None or (row.person is not None and owner.id == row.person.id):
            continue
        giver = by_id.get(owner.id)
        if giver is None or giver.mistakes or key in giver.wants:
            values = {"extension": str(key), "name": f"{owner.full_name} ({owner.login})"}
            row.blame("extension", Wrong(N_("Extension %(extension)s is %(name)s’s."), values))
            return True
    return False


# What comes of a row ------------------------------------------------------------------------------


def _planned(row: _Row, sites: Mapping[int, str]) -> Planned:
    changes = {name: (row.before[name], row.after[name]) for name in row.changed}
    if set(row.has) != set(row.wants):
        changes["extension"] = (_told(row.has), _told(row.wants))
    told = {n: before_after(*pair) for n, pair in changes.items() if n not in {"login", "disabled"}}
    fixed = "1" if row.person and row.person.role_fixed else ""
    was, will = row.before["disabled"], row.after["disabled"]
    written = Written(
        person_id=row.person.id if row.person else None,
        profile=profile_of(row.after | {"role_fixed": fixed}, sites),
        disabled=None if was == will else will == "yes",
        changes=told,
        takes=tuple(key for key in row.has if key not in row.wants),
        gives=tuple(key for key in row.wants if key not in row.has),
        rewritten=row.person is None or bool(row.changed),
    )
    name = f"{row.after['first_name']} {row.after['last_name']}".strip() or row.login
    return Planned(row.row.line, row.after["login"], name, changes, written)


def _told(keys: Sequence[ExtensionKey]) -> str:
    return " ".join(str(key) for key in keys)
