"""What actors say to one another. A message only says *look again* or asks for one change."""

from __future__ import annotations

from dataclasses import dataclass

from storage.locks import HoldKind


@dataclass(frozen=True, slots=True)
class SetHold:
    """Place (`held`) or release one hold on the actor's extension; answered with its `LockView`.

    `by` is the person who acts, None where the house itself does. `source` tells holds of one kind
    apart, such as the accounts of two budgets.
    """

    kind: HoldKind
    held: bool
    by: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """The row behind this actor may have changed: read it and do what it asks for."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """Read the line from the phone system even where nothing is left to do: it may have drifted."""
