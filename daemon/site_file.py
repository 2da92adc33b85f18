"""Reading a site file: TOML in, a checked `Wanted` out, or every problem in one message.

`docs/site-file.md` describes the format. Passwords and PINs come out beside the rest, in the
clear, since hashing them is slow and knows the hashes already stored: `daemon.site_apply`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from daemon.site_checks import Checker
from daemon.site_tables import read_tables
from storage.company import Known
from storage.wanted import Wanted
from telephony.errors import RingfenceError


class SiteFileError(RingfenceError):
    """A site file that cannot be applied; `problems` holds every one of them."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: {'; '.join(problems)}")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a person proves who they are with, in the clear; never logged, never stored."""

    password: str | None
    pin: str | None

    def __repr__(self) -> str:
        return "Secrets(...)"


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A site file without a problem. `secrets` by login, of those who are given any."""

    wanted: Wanted
    secrets: Mapping[str, Secrets]
    warnings: tuple[str, ...]


def load(path: Path, known: Known) -> SiteFile:
    """Read and check the file and the price lists it names, against what is `known` already.

    Blocks on files. Raises `SiteFileError` with every problem found.
    """
    problems: list[str] = []
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SiteFileError(path, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SiteFileError(path, ["is not UTF-8 text: save it as UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SiteFileError(path, [f"is not TOML: {error}"]) from error
    tables = read_tables(document, problems)
    checker = Checker(path.parent, tables, known, problems)
    wanted = checker.wanted()
    if problems:
        raise SiteFileError(path, problems)
    people = [placed.table for placed in tables.people]
    secrets = {p.login: Secrets(p.password, p.pin) for p in people if p.password or p.pin}
    return SiteFile(wanted, secrets, tuple(checker.warnings))
