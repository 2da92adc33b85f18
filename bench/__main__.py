"""`make bench`: every figure beside its bar; `make bench ARGS=rating` for one.

The results are printed and kept under bench/results/, newest last, so that runs can be compared.
"""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

FIGURES = ("rating", "ingest", "latency", "portal", "live", "reports")
RESULTS = Path(__file__).with_name("results")


def main(names: list[str]) -> int:
    """Take the figures named, or all; 1 when one misses its bar."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(f"no figure {unknown[0]}; there are: {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    taken: dict[str, dict[str, object]] = {}
    for name in names or FIGURES:
        taken[name] = importlib.import_module(f"bench.{name}").run()
        print(json.dumps({name: taken[name]}, indent=2), flush=True)
    RESULTS.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    (RESULTS / f"{stamp}.json").write_text(json.dumps(taken, indent=2))
    missed = [name for name, figures in taken.items() if not figures["passed"]]
    for name in missed:
        print(f"{name} misses its bar", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
