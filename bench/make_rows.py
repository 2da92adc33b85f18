"""Writes the rows of the intake's figures: python -m bench.make_rows FILE ROWS."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon.demo.lab import lab_company
from pbx.lab.cdr import CDR
from pbx.lab.traffic import history

CALLS_A_YEAR = 106_000


def main(path: Path, rows: int) -> None:
    """As many years of the demo company's traffic as it takes, in order of time."""
    last = datetime.now(UTC).date()
    first = last - timedelta(days=365)
    partial = path.with_suffix(".part")
    with partial.open("w", encoding="utf-8") as file:
        file.write(f"{CDR.header}\n{CDR.types}\n")
        written = 0
        # A bigger company, not more years: one price list is valid for all of it.
        for row in history(lab_company(), first, last, int(rows * 1.05), "bench"):
            for record in row:
                if written < rows:
                    file.write(f"{CDR.line(record)}\n")
                    written += 1
        assert written == rows, written
    partial.rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
