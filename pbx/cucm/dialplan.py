"""Cisco UCM's digit analysis, as far as it decides whether a number can be dialled at all.

Before the first lock through a calling search space we must know that emergency numbers stay
reachable and that outside numbers do not. The rules, from Cisco's System Configuration Guide:

- a call looks through the partitions of the line's calling search space, then through those of the
  device's, then through the partition that has no name, which everybody reaches;
- of all patterns that match, the one wins that matches the fewest numbers of the dialled length;
  where two match equally many, the one in the earlier partition;
- a blocking pattern that wins ends the call; a translation pattern that wins changes the digits
  and looks again, through its own calling search space.

What cannot be judged (`@`, which stands for a whole numbering plan; a digit discard instruction
other than PreDot) is said to be undecided and never guessed. Pure: no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

DIRECTORY_NUMBER = 2
TRANSLATION = 3
ROUTE = 5
HUNT_PILOT = 7
CALLED = frozenset({DIRECTORY_NUMBER, ROUTE, HUNT_PILOT})
"""Pattern usages (`tkpatternusage`) at which a dialled call arrives somewhere."""

MAX_HOPS = 10
"""Translations followed before we call it a loop; Cisco UCM gives up as well."""

_DIGITS = frozenset("0123456789")
_SYMBOLS = "0123456789*#+ABCD"


class BadPattern(ValueError):
    """A pattern that is not written as Cisco UCM writes patterns."""


class Pattern(NamedTuple):
    """One row of the dial plan. `partition` is empty for the partition that has no name.

    `search_space` is the calling search space in which a translation goes on; None where it has
    none, which may also mean that it goes on with the caller's.
    """

    text: str
    partition: str
    usage: int
    blocked: bool = False
    search_space: str | None = None
    discard: str = ""
    mask: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        where = f"partition {self.partition}" if self.partition else "the partition without name"
        return f"pattern {self.text} in {where}"


class Verdict(Enum):
    """What becomes of dialled digits."""

    ROUTED = "routed"
    BLOCKED = "blocked"
    NO_MATCH = "no match"
    UNDECIDED = "undecided"


class Analysis(NamedTuple):
    """Where dialled digits end: `pattern` decided, `digits` are those it decided on."""

    verdict: Verdict
    digits: str
    pattern: Pattern | None = None
    reason: str = ""
    hops: tuple[str, ...] = ()


class Position(NamedTuple):
    """A place in a pattern: the symbols it takes, and whether it may be passed or repeated."""

    symbols: frozenset[str]
    optional: bool = False
    repeats: bool = False


class Compiled(NamedTuple):
    """A pattern, ready: its positions to count with and its expression to match with."""

    positions: tuple[Position, ...]
    expression: re.Pattern[str]

    def matches(self, digits: str) -> bool:
        """Whether the whole of `digits` is matched."""
        return self.expression.fullmatch(digits) is not None


@lru_cache(maxsize=65536)
def compile_pattern(text: str) -> Compiled:
    r"""Understand a pattern: digits, `X`, `!`, `[2-9]`, `[^1]`, `+`, `?`, `.`, `\+`.

    Raises:
        BadPattern: It holds something else; `@` is not compiled either.
    """
    positions: list[Position] = []
    index = 0
    while index < len(text):
        index = _one(text, index, positions)
    expression = "".join(_expression(position) for position in positions)
    return Compiled(tuple(positions), re.compile(expression))


def _expression(position: Position) -> str:
    symbols = "".join(re.escape(symbol) for symbol in sorted(position.symbols))
    times = {(False, False): "", (True, False): "?", (False, True): "+", (True, True): "*"}
    # A class without symbols, such as [^0-9], matches nothing, however often.
    one = f"[{symbols}]" if symbols else r"[^\s\S]"
    return one + times[position.optional, position.repeats]


def _one(text: str, index: int, positions: list[Position]) -> int:
    symbol = text[index]
    if symbol in ".- ":
        return index + 1
    if symbol in "+?":
        if not positions:
            raise BadPattern(f"{text}: {symbol} follows nothing")
        last = positions[-1]
        positions[-1] = Position(last.symbols, last.optional or symbol == "?", repeats=True)
        return index + 1
    if symbol == "\\" and text[index + 1 : index + 2] == "+":
        positions.append(Position(frozenset("+")))
        return index + 2
    if symbol == "[":
        return _class(text, index, positions)
    if symbol.upper() == "X":
        positions.append(Position(_DIGITS))
    elif symbol == "!":
        positions.append(Position(_DIGITS, repeats=True))
    elif symbol.upper() in _SYMBOLS:
        positions.append(Position(frozenset(symbol.upper())))
    else:
        raise BadPattern(f"{text}: {symbol} means nothing")
    return index + 1


def _class(text: str, index: int, positions: list[Position]) -> int:
    end = text.find("]", index)
    if end < 0:
        raise BadPattern(f"{text}: [ is not closed")
    inside = text[index + 1 : end]
    negated = inside.startswith("^")
    symbols = _range(inside.removeprefix("^"), text)
    positions.append(Position(_DIGITS - symbols if negated else symbols))
    return end + 1


def _range(inside: str, text: str) -> frozenset[str]:
    symbols: set[str] = set()
    index = 0
    while index < len(inside):
        low = inside[index]
        if inside[index + 1 : index + 2] == "-" and index + 2 < len(inside):
            high = inside[index + 2]
            symbols.update(chr(code) for code in range(ord(low), ord(high) + 1))
            index += 3
        else:
            symbols.add(low)
            index += 1
    if not symbols or not symbols <= set(_SYMBOLS):
        raise BadPattern(f"{text}: [{inside}] means nothing")
    return frozenset(symbols)


def breadth(positions: Sequence[Position], length: int) -> int:
    """How many different numbers of exactly `length` symbols the pattern matches."""
    counts: dict[frozenset[int], int] = {frozenset(_closed(positions, {0})): 1}
    groups = _groups(positions)
    for _ in range(length):
        following: dict[frozenset[int], int] = {}
        for states, count in counts.items():
            for symbol, size in groups:
                reached = frozenset(_step(positions, states, symbol))
                if reached:
                    following[reached] = following.get(reached, 0) + count * size
        counts = following
    return sum(count for states, count in counts.items() if len(positions) in states)


def _groups(positions: Sequence[Position]) -> list[tuple[str, int]]:
    """Symbols that no position tells apart, once each, with how many there are."""
    kinds: dict[tuple[bool, ...], list[str]] = {}
    for symbol in _SYMBOLS:
        kinds.setdefault(tuple(symbol in p.symbols for p in positions), []).append(symbol)
    return [(symbols[0], len(symbols)) for kind, symbols in kinds.items() if any(kind)]


def _step(
    positions: Sequence[Position], states: set[int] | frozenset[int], symbol: str
) -> set[int]:
    """The places reached by one symbol. A place is how many positions are behind us."""
    reached: set[int] = set()
    for state in states:
        if state < len(positions) and symbol in positions[state].symbols:
            reached.add(state + 1)
        if state and positions[state - 1].repeats and symbol in positions[state - 1].symbols:
            reached.add(state)
    return _closed(positions, reached)


def _closed(positions: Sequence[Position], states: set[int]) -> set[int]:
    closed = set(states)
    for state in sorted(states):
        place = state
        while place < len(positions) and positions[place].optional:
            place += 1
            closed.add(place)
    return closed


@dataclass(frozen=True, slots=True)
class DialPlan:
    """Calling search spaces (name to partitions, in order) and the patterns of each partition."""

    search_spaces: Mapping[str, tuple[str, ...]]
    patterns: Mapping[str, tuple[Pattern, ...]]
    _unnamed: tuple[str, ...] = field(default=("",), init=False)

    def partitions(self, *search_spaces: str) -> tuple[str, ...]:
        """The partitions of these calling search spaces one after the other, each once.

        The partition without name comes last. An empty name is no calling search space.
        """
        ordered: dict[str, None] = {}
        for name in search_spaces:
            ordered.update(dict.fromkeys(self.search_spaces.get(name, ()) if name else ()))
        ordered.update(dict.fromkeys(self._unnamed))
        return tuple(ordered)

    def analyse(self, partitions: Sequence[str], digits: str) -> Analysis:
        """What becomes of `digits` dialled by somebody who reaches these partitions."""
        return self._analyse(tuple(partitions), tuple(partitions), digits, ())

    def _analyse(
        self,
        caller: tuple[str, ...],
        partitions: tuple[str, ...],
        digits: str,
        hops: tuple[str, ...],
    ) -> Analysis:
        winner, doubt = self._best(partitions, digits)
        if doubt is not None:
            return Analysis(Verdict.UNDECIDED, digits, doubt, f"{doubt} cannot be judged", hops)
        if winner is None:
            return Analysis(Verdict.NO_MATCH, digits, None, "nothing matches", hops)
        if winner.blocked:
            return Analysis(Verdict.BLOCKED, digits, winner, f"{winner} blocks it", hops)
        if winner.usage != TRANSLATION:
            return _arrived(winner, digits, hops)
        return self._translated(caller, winner, digits, hops)

    def _translated(
        self, caller: tuple[str, ...], winner: Pattern, digits: str, hops: tuple[str, ...]
    ) -> Analysis:
        changed = translate(winner, digits)
        if changed is None:
            reason = f"{winner} discards digits by {winner.discard}, which cannot be judged"
            return Analysis(Verdict.UNDECIDED, digits, winner, reason, hops)
        if len(hops) >= MAX_HOPS:
            return Analysis(Verdict.UNDECIDED, digits, winner, f"{winner} leads in a circle", hops)
        return self._onward(caller, winner, changed, (*hops, digits))

    def _onward(
        self, caller: tuple[str, ...], winner: Pattern, digits: str, hops: tuple[str, ...]
    ) -> Analysis:
        if winner.search_space is not None:
            return self._analyse(caller, self.partitions(winner.search_space), digits, hops)
        own = self._analyse(caller, self._unnamed, digits, hops)
        callers = self._analyse(caller, caller, digits, hops)
        if (own.verdict is Verdict.ROUTED) == (callers.verdict is Verdict.ROUTED):
            return callers
        reason = f"{winner} names no calling search space to go on with"
        return Analysis(Verdict.UNDECIDED, digits, winner, reason, hops)

    def _best(
        self, partitions: Sequence[str], digits: str
    ) -> tuple[Pattern | None, Pattern | None]:
        """The pattern that wins, and one that might win but cannot be judged."""
        best: Pattern | None = None
        fewest = 0
        for partition in partitions:
            for pattern in self.patterns.get(partition, ()):
                if _begins_otherwise(pattern.text, digits):
                    continue
                try:
                    compiled = compile_pattern(pattern.text)
                except BadPattern:
                    if _may_match(pattern.text, digits):
                        return None, pattern
                    continue
                if not compiled.matches(digits):
                    continue
                size = breadth(compiled.positions, len(digits))
                if best is None or size < fewest:
                    best, fewest = pattern, size
        return best, None


def _begins_otherwise(text: str, digits: str) -> bool:
    """Whether a pattern's first literal digits already differ: spares compiling thousands."""
    place = 0
    for index, symbol in enumerate(text):
        if symbol == ".":
            continue
        if symbol not in _DIGITS or text[index + 1 : index + 2] == "?":
            return False
        if digits[place : place + 1] != symbol:
            return True
        place += 1
    return False


def _arrived(winner: Pattern, digits: str, hops: tuple[str, ...]) -> Analysis:
    if winner.usage in CALLED:
        return Analysis(Verdict.ROUTED, digits, winner, f"{winner} takes it", hops)
    return Analysis(
        Verdict.UNDECIDED,
        digits,
        winner,
        f"{winner} is of usage {winner.usage}, which is unknown",
        hops,
    )


def _may_match(text: str, digits: str) -> bool:
    """Whether digits could match a pattern we cannot read: what stands before `@` must fit."""
    head, at, _ = text.partition("@")
    try:
        start = compile_pattern(head if at else "")
    except BadPattern:
        return True
    return any(start.matches(digits[:length]) for length in range(len(digits) + 1))


def translate(pattern: Pattern, digits: str) -> str | None:
    """The digits a translation pattern makes of `digits`; None where that cannot be judged.

    In Cisco UCM's order: discard, then the called party transformation mask, then prefix digits.
    """
    if pattern.discard and pattern.discard.rpartition(":")[2] not in (
        "PreDot",
        "<None>",
        "NoDigits",
    ):
        return None
    if pattern.discard.endswith("PreDot"):
        digits = digits[_before_dot(pattern.text, digits) :]
    if pattern.mask:
        digits = apply_mask(pattern.mask, digits)
    return pattern.prefix.replace("\\+", "+") + digits


def apply_mask(mask: str, digits: str) -> str:
    """A transformation mask: aligned right, an `X` keeps the digit, all else replaces it."""
    mask = mask.replace("\\+", "+")
    kept = digits.rjust(len(mask), "\0")[-len(mask) :]
    made = (
        old if symbol.upper() == "X" else symbol for symbol, old in zip(mask, kept, strict=True)
    )
    return "".join(symbol for symbol in made if symbol != "\0")


def _before_dot(text: str, digits: str) -> int:
    """How many of the digits stand before the pattern's dot: the fewest that let the rest match."""
    head, dot, tail = text.partition(".")
    if not dot:
        return 0
    before, after = compile_pattern(head), compile_pattern(tail)
    for length in range(len(digits) + 1):
        if before.matches(digits[:length]) and after.matches(digits[length:]):
            return length
    return 0
