"""What the documents promise exists: tests named as proof, and the call record made by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pbx.cucm.cdr import read_layout
from telephony.errors import NotACallRecordFile
from telephony.legs import Leg

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`((?:browser/)?test_\w+\.py)`: ((?:`test_\w+`(?:, )?)+)")


def rows_of(document: str) -> list[str]:
    text = (ROOT / "docs" / document).read_text()
    return [line for line in text.splitlines() if re.match(r"\| [A-Z]{3}-\d\d ", line)]


def test_every_feature_that_holds_names_tests_that_exist() -> None:
    lacking: list[str] = []
    for row in rows_of("features.md"):
        found = NAMED.findall(row)
        if row.count(" | ") == 4 and not found:
            lacking.append(row)
        for file, names in found:
            source = (ROOT / "tests" / file).read_text()
            lacking += [n for n in re.findall(r"`(\w+)`", names) if f"def {n}(" not in source]
    assert lacking == []


def test_the_call_record_made_by_hand_is_read() -> None:
    text = (ROOT / "docs" / "call-records.md").read_text()
    example = re.search(r"```\n(cdrRecordType,.*)\n(1,.*)\n```", text)
    assert example
    leg = read_layout(example[1]).read(example[2])
    assert isinstance(leg, Leg)
    assert (leg.calling, leg.duration_s, leg.dest_device) == ("731", 61, "TRUNK-PSTN")


@pytest.mark.parametrize("kind", ["cdr", "cmr"])
def test_a_file_must_have_these_columns_and_no_others(kind: str) -> None:
    text = (ROOT / "docs" / "call-records.md").read_text()
    named = re.search(rf"- {kind.upper()}: `([^`]+)`", text)
    assert named
    columns = named[1].split()
    assert read_layout(",".join(columns)).kind == kind
    for column in columns:
        with pytest.raises(NotACallRecordFile):
            read_layout(",".join(other for other in columns if other != column))
