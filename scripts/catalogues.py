# ruff: noqa: INP001 - a script, no package
"""Brings the catalogues of the named languages up to date with the template they are made from.

Dates and names of tools are left out: they are no news, and would change every file every time.
English is its own translation. Called by scripts/messages.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

KEPT = {"Language", "Plural-Forms", "MIME-Version", "Content-Type"}


def read(path: Path, language: str | None) -> Catalog:
    """A catalogue, empty where there is no file yet."""
    if not path.exists():
        return Catalog(locale=language, project="Ringfence", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def write(path: Path, catalogue: Catalog) -> None:
    """Write it without what changes by itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, omit_header=True, ignore_obsolete=True)
    headers = [f'"{name}: {value}\\n"' for name, value in catalogue.mime_headers if name in KEPT]
    text = path.read_text("utf-8")
    path.write_text("\n".join(['msgid ""', 'msgstr ""', *headers, "", text]), "utf-8")


def main(template: Path, languages: list[str]) -> None:
    """Update every language."""
    for language in languages:
        path = template.parent / language / "LC_MESSAGES" / "messages.po"
        catalogue = read(path, language)
        catalogue.update(read(template, None), no_fuzzy_matching=True)
        for message in catalogue:
            if message.id and language == "en":
                message.string = message.id
        write(path, catalogue)
    write(template, read(template, None))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
