"""Applying a site file: read, hash what is new, and change the company in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import trio

from daemon.site_file import Secrets, SiteFile, load
from storage.company import StoredSecrets, known, stored_secrets
from storage.company_apply import DryRun, apply
from storage.database import Database
from storage.wanted import Change, Wanted, WantedPerson
from web.passwords import hash_password, is_right


@dataclass(frozen=True, slots=True)
class Applied:
    """What became different (or would, in a dry run) and what to look at."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


async def apply_file(
    database: Database,
    path: Path,
    now: datetime,
    *,
    prune: bool = False,
    dry_run: bool = False,
) -> Applied:
    """Make the company what the file says, as of `now`.

    Raises `SiteFileError` with every problem of the file, `StorageConflict` where it contradicts
    what is stored; nothing is changed then. Cancelled, it has changed all or nothing.
    """
    stored = await database.unit_of_work(known)
    site_file = await trio.to_thread.run_sync(load, path, stored)
    wanted = await _hashed(database, site_file)
    try:
        changes = await database.unit_of_work(apply, wanted, now, prune=prune, dry_run=dry_run)
    except DryRun as run:
        changes = run.changes
    return Applied(tuple(changes), site_file.warnings)


async def _hashed(database: Database, site_file: SiteFile) -> Wanted:
    """The wanted company with a hash for every secret that is not the stored one."""
    stored = await database.unit_of_work(stored_secrets)
    hashed: dict[str, WantedPerson] = {}

    async def hash_one(person: WantedPerson, secrets: Secrets) -> None:
        before = stored.get(person.login.lower(), StoredSecrets(None, None))
        hashed[person.login] = replace(
            person,
            password_hash=await _new_hash(secrets.password, before.password_hash),
            pin_hash=await _new_hash(secrets.pin, before.pin_hash),
        )

    async with trio.open_nursery() as nursery:
        for person in site_file.wanted.people:
            if person.login in site_file.secrets:
                nursery.start_soon(hash_one, person, site_file.secrets[person.login])
    return replace(site_file.wanted, people=_merged(site_file.wanted.people, hashed))


def _merged(
    people: tuple[WantedPerson, ...], hashed: Mapping[str, WantedPerson]
) -> tuple[WantedPerson, ...]:
    return tuple(hashed.get(person.login, person) for person in people)


async def _new_hash(secret: str | None, stored: str | None) -> str | None:
    """The hash to store, or None where the secret is not given or is the stored one."""
    if secret is None or (stored is not None and await is_right(stored, secret)):
        return None
    return await hash_password(secret)
