"""What a page shows of an outside number."""

from __future__ import annotations

import pytest

from telephony.privacy import mask, masked_digits, national


@pytest.mark.parametrize(
    ("number", "digits", "shown"),
    [
        ("0266771234", 4, "026677****"),
        ("123", 4, "****"),
        ("1234", 4, "****"),
        ("0266771234", 0, "0266771234"),
        ("+390266771234", 3, "+390266771***"),
        ("06641234567*22", 3, "06641234***"),
        ("06641234567;ext=7", 4, "0664123****"),
        ("anna.rossi@example.com", 4, "****@example.com"),
        ("+390266771234@example.com", 4, "+39026677****"),
        ("", 4, ""),
    ],
)
def test_the_last_digits_are_hidden_and_nothing_stands_in_for_them(
    number: str, digits: int, shown: str
) -> None:
    assert mask(number, digits) == shown


def test_a_number_is_written_as_in_its_country() -> None:
    assert national("00266771234", "+390266771234", "IT") == "0266771234"
    assert national("0049301234567", "+49301234567", "DE") == "0301234567"
    assert national("0049301234567", "+49301234567", "IT") == "+49301234567"
    assert national("731", "", "IT") == "731"


def test_countries_have_their_habits() -> None:
    assert (masked_digits("IT"), masked_digits("de"), masked_digits("AT")) == (4, 3, 3)
