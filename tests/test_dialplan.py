"""Digit analysis as tables: patterns above, dialled digits and what becomes of them below."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab_parts import COMPANY, axl_of, inbox_in, with_patterns

from pbx.cucm.dialplan import (
    BadPattern,
    DialPlan,
    Pattern,
    Verdict,
    apply_mask,
    breadth,
    compile_pattern,
    translate,
)
from pbx.lab.company import LabCompany, LabPattern
from pbx.lab.lab import open_lab
from pbx.port import PbxLine, Proof

OUTSIDE = ["0236123456", "00044201234567"]


@pytest.mark.parametrize(
    ("pattern", "digits", "expected"),
    [
        ("12?.", "1", True),
        ("112", "112", True),
        ("112", "1123", False),
        ("7XX", "731", True),
        ("7XX", "73*", False),
        ("0.!", "0", False),
        ("0.!", "02", True),
        ("0.!", "0236123456", True),
        ("9.[2-9]XXXXXX", "92345678", True),
        ("9.[2-9]XXXXXX", "91345678", False),
        ("8[^15]0", "820", True),
        ("8[^15]0", "810", False),
        ("2[24-6]X", "240", True),
        ("2[24-6]X", "230", False),
        (r"\+!", "+39021234", True),
        (r"\+!", "39021234", False),
        (r"\+39.!", "+3902", True),
        ("12?3", "13", True),
        ("12?3", "12223", True),
        ("12+3", "13", False),
        ("12+3", "1223", True),
        ("*67XX", "*6712", True),
        ("0.!#", "02345#", True),
        ("", "1", False),
        ("5[^0-9]", "55", False),
    ],
)
def test_what_a_pattern_matches(pattern: str, digits: str, expected: bool) -> None:
    assert compile_pattern(pattern).matches(digits) is expected
    found = plan(Pattern(pattern, "A", 5)).analyse(("A",), digits)
    assert (found.verdict is Verdict.ROUTED) is expected


@pytest.mark.parametrize(
    ("pattern", "length", "numbers"),
    [
        ("1234", 4, 1),
        ("1XXX", 4, 1000),
        ("12XX", 4, 100),
        ("12[2-4]X", 4, 30),
        ("15!", 4, 100),
        ("1[3-5]XX", 4, 300),
        ("!", 3, 1000),
        ("12?3", 3, 1),
        ("X", 2, 0),
    ],
)
def test_how_many_numbers_a_pattern_matches(pattern: str, length: int, numbers: int) -> None:
    assert breadth(compile_pattern(pattern).positions, length) == numbers


@pytest.mark.parametrize("pattern", ["9.@", "[12", "+1", "[]", "12z", "[3-1]"])
def test_what_is_no_pattern_is_not_guessed(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(pattern)


@given(st.text("0123456789", min_size=1, max_size=8), st.data())
def test_a_wildcard_is_never_narrower_than_what_it_stands_for(
    digits: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(digits) - 1))
    wild = f"{digits[:place]}X{digits[place + 1 :]}"
    for pattern in (wild, f"{digits[:place]}!"):
        assert compile_pattern(pattern).matches(digits)
        assert breadth(compile_pattern(pattern).positions, len(digits)) >= 10
    assert breadth(compile_pattern(digits).positions, len(digits)) == 1


def plan(*patterns: Pattern, **search_spaces: tuple[str, ...]) -> DialPlan:
    by_partition: dict[str, tuple[Pattern, ...]] = {}
    for pattern in patterns:
        by_partition[pattern.partition] = (*by_partition.get(pattern.partition, ()), pattern)
    return DialPlan(search_spaces, by_partition)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("1200", "12XX"),
        ("1212", "121X"),
        ("1234", "1234"),
        ("1999", "1XXX"),
        # Only numbers of the dialled length count, so an open pattern may be the narrower one.
        ("1515", "15!"),
    ],
)
def test_the_pattern_that_matches_fewest_numbers_wins(digits: str, expected: str) -> None:
    rows = [Pattern(text, "A", 5) for text in ("1XXX", "12XX", "121X", "1234", "1[3-5]XX", "15!")]
    result = plan(*rows, C=("A",)).analyse(("A",), digits)
    assert result.pattern is not None
    assert result.pattern.text == expected


def test_on_a_tie_the_earlier_partition_wins() -> None:
    rows = (Pattern("0.!", "Out", 5), Pattern("0!", "Block", 5, blocked=True))
    both = plan(*rows, Line=("Block",), Device=("Out",))
    assert both.analyse(both.partitions("Line", "Device"), "0123").verdict is Verdict.BLOCKED
    assert both.analyse(both.partitions("Device", "Line"), "0123").verdict is Verdict.ROUTED


def test_a_more_specific_pattern_on_the_device_beats_a_block_on_the_line() -> None:
    rows = (Pattern("0.3!", "Out", 5), Pattern("0!", "Block", 5, blocked=True))
    both = plan(*rows, Line=("Block",), Device=("Out",))
    partitions = both.partitions("Line", "Device")
    assert both.analyse(partitions, "03471").verdict is Verdict.ROUTED
    assert both.analyse(partitions, "02471").verdict is Verdict.BLOCKED


def test_everybody_reaches_the_partition_without_name() -> None:
    open_door = plan(Pattern("0.!", "", 5), C=("A",))
    assert open_door.analyse(open_door.partitions("C"), "0123").verdict is Verdict.ROUTED
    assert open_door.analyse(open_door.partitions(""), "0123").verdict is Verdict.ROUTED


def test_a_translation_goes_on_in_its_own_search_space() -> None:
    rows = (
        Pattern("8.!", "T", 3, search_space="Far", discard="PreDot", prefix="0"),
        Pattern("0.!", "Out", 5),
    )
    translated = plan(*rows, Near=("T",), Far=("Out",))
    result = translated.analyse(translated.partitions("Near"), "8555")
    assert (result.verdict, result.digits, result.hops) == (Verdict.ROUTED, "0555", ("8555",))


def test_a_translation_in_a_circle_is_undecided() -> None:
    circle = plan(Pattern("1XX", "T", 3, search_space="C"), C=("T",))
    result = circle.analyse(("T",), "112")
    assert result.verdict is Verdict.UNDECIDED
    assert "circle" in result.reason


def test_a_translation_without_search_space_is_undecided_where_it_matters() -> None:
    rows = (Pattern("8.!", "T", 3, discard="PreDot"), Pattern("55", "Out", 5))
    half = plan(*rows, C=("T", "Out"))
    assert half.analyse(("T", "Out"), "855").verdict is Verdict.UNDECIDED
    assert half.analyse(("T",), "855").verdict is Verdict.NO_MATCH


def test_a_numbering_plan_is_undecided_where_it_may_match() -> None:
    american = plan(Pattern("9.@", "Out", 5), Pattern("112", "E", 5), C=("E", "Out"))
    assert american.analyse(("E", "Out"), "912125551234").verdict is Verdict.UNDECIDED
    assert american.analyse(("E", "Out"), "112").verdict is Verdict.ROUTED


@pytest.mark.parametrize(
    ("pattern", "digits", "expected"),
    [
        (Pattern("9.1XX", "", 3, discard="PreDot"), "9112", "112"),
        (Pattern("1XX", "", 3, prefix="0"), "112", "0112"),
        (Pattern("8.XX", "", 3, mask="55XX"), "812", "5512"),
        (Pattern(r"\+39.!", "", 3, discard="PreDot", prefix="0"), "+3902123", "002123"),
        (Pattern("1X", "", 3, discard="NANP:PreDot"), "12", "12"),
        (Pattern("1X", "", 3, discard="11D->10D"), "12", None),
        (Pattern("1X", "", 3, prefix=r"\+39"), "12", "+3912"),
    ],
)
def test_translation(pattern: Pattern, digits: str, expected: str | None) -> None:
    assert translate(pattern, digits) == expected


def test_masks() -> None:
    assert apply_mask("XXXX", "0236731") == "6731"
    assert apply_mask("0236XXX", "731") == "0236731"
    assert apply_mask("112", "999") == "112"


# The proof, against a phone system ---------------------------------------------------------------


async def prove(
    company: LabCompany,
    folder: Path,
    rights: str = "CSS-Locked",
    emergency: tuple[str, ...] = ("112", "118", "0112"),
    extension: str = "731",
) -> Proof:
    async with open_lab(company, inbox=inbox_in(folder)) as lab, axl_of(lab) as axl:
        line: PbxLine = (await axl.find_lines(extension, "PT-Internal"))[0]
        return await axl.prove(line, rights, list(emergency), OUTSIDE)


async def test_the_lock_is_proved(tmp_path: Path) -> None:
    assert await prove(COMPANY, tmp_path) == Proof(True)


async def test_rights_that_reach_outside_are_no_lock(tmp_path: Path) -> None:
    proof = await prove(COMPANY, tmp_path, "CSS-Unlocked-Milano")
    assert not proof.holds
    for word in ("0236123456", "CSS-Unlocked-Milano", "PT-PSTN-Milano", "0.!", "outside"):
        assert word in proof.reason


async def test_rights_without_emergency_numbers_are_no_lock(tmp_path: Path) -> None:
    proof = await prove(with_patterns(device_css=""), tmp_path, "CSS-Leaky", ("112",))
    assert not proof.holds
    assert "112" in proof.reason
    assert "emergency" in proof.reason


async def test_a_device_that_reaches_outside_defeats_the_lock(tmp_path: Path) -> None:
    proof = await prove(with_patterns(device_css="CSS-Unlocked-Milano"), tmp_path)
    assert not proof.holds
    assert "CSS-Unlocked-Milano on device SEP" in proof.reason


async def test_blocking_patterns_on_the_line_lock_against_an_open_device(tmp_path: Path) -> None:
    company = with_patterns(
        LabPattern("0!", "PT-Block", 5, blocked=True),
        LabPattern("000!", "PT-Block", 5, blocked=True),
        LabPattern("9!", "PT-Block", 5, blocked=True),
        device_css="CSS-Unlocked-Milano",
        extra_css=(("CSS-Blocked", ("PT-Block", "PT-Emergency")),),
    )
    assert await prove(company, tmp_path, "CSS-Blocked") == Proof(True)


async def test_a_block_that_catches_emergency_numbers_too_is_no_lock(tmp_path: Path) -> None:
    company = with_patterns(
        LabPattern("112", "PT-Block", 5, blocked=True),
        extra_css=(("CSS-Blocked", ("PT-Block", "PT-Emergency")),),
    )
    proof = await prove(company, tmp_path, "CSS-Blocked")
    assert not proof.holds
    assert "pattern 112 in partition PT-Block blocks it" in proof.reason


async def test_a_translation_to_outside_is_found(tmp_path: Path) -> None:
    company = with_patterns(
        LabPattern("02361XXXXX", "PT-Internal", 3, css="CSS-Leaky"),
    )
    proof = await prove(company, tmp_path)
    assert not proof.holds
    assert "0236123456" in proof.reason


async def test_emergency_by_translation_to_an_extension(tmp_path: Path) -> None:
    company = with_patterns(LabPattern("5555", "PT-Internal", 3, css="CSS-Internal", mask="732"))
    assert await prove(company, tmp_path, emergency=("5555",)) == Proof(True)


async def test_a_search_space_that_does_not_exist_is_named(tmp_path: Path) -> None:
    proof = await prove(COMPANY, tmp_path, "CSS-Gone")
    assert not proof.holds
    assert "CSS-Gone" in proof.reason


async def test_a_pattern_in_no_partition_defeats_the_lock(tmp_path: Path) -> None:
    proof = await prove(with_patterns(LabPattern("0.!", "", 5, "TRUNK-PSTN")), tmp_path)
    assert not proof.holds
    assert "partition without name" in proof.reason


async def test_the_plan_is_read_once_for_many_lines(tmp_path: Path) -> None:
    async with open_lab(COMPANY, inbox=inbox_in(tmp_path)) as lab, axl_of(lab) as axl:
        (line,) = await axl.find_lines("731", "PT-Internal")
        assert (await axl.prove(line, "CSS-Locked", ["112"], OUTSIDE)).holds
        before = len(lab.axl.requests)
        assert (await axl.prove(line, "CSS-Locked", ["112"], OUTSIDE)).holds
        assert len(lab.axl.requests) == before + 1
