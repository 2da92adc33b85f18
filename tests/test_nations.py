"""Which country a number belongs to, also where several share a calling code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.countries import NATION_DIGITS, TOLD_BY_ALL_DIGITS, nation

_CASES = {
    # North America: the United States are the main one, and have what no other has.
    "+14165550123": "CA", "+16045550123": "CA", "+12125550123": "US", "+13105550123": "US",
    "+18765550123": "JM", "+18095550123": "DO", "+18295550123": "DO", "+12425550123": "BS",
    "+12465550123": "BB", "+17875550123": "PR", "+16715550123": "GU", "+14415550123": "BM",
    "+18005550123": "US", "+19005550123": "US",
    # Russia and Kazakhstan.
    "+74951234567": "RU", "+78121234567": "RU", "+77172123456": "KZ", "+77012345678": "KZ",
    # Italy and the Vatican within Rome.
    "+3906698831": "VA", "+390669812345": "VA", "+390666123456": "IT", "+390266771234": "IT",
    "+393331234567": "IT",
    # The United Kingdom and its islands.
    "+442079460123": "GB", "+447700900123": "GB", "+441534880123": "JE", "+447797712345": "JE",
    "+441481712345": "GG", "+447781123456": "GG", "+441624612345": "IM", "+447624123456": "IM",
    # Australia and its islands; others that share.
    "+61291234567": "AU", "+61412345678": "AU", "+61891621234": "CC", "+61891641234": "CX",
    "+4722123456": "NO", "+4779123456": "SJ", "+358912345": "FI", "+35818123456": "AX",
    "+262262161234": "RE", "+262269601234": "YT", "+590590201234": "GP", "+590590271234": "BL",
    "+59997171234": "CW", "+5997171234": "BQ", "+6723221234": "NF",
    # One country, one code.
    "+493012345678": "DE", "+33142681234": "FR", "+97148123456": "AE", "+38344123456": "XK",
    "+48221234567": "PL", "+2904123": "SH", "+24762889": "AC", "+50830123": "PM",
    # Codes of no country: satellites, and services of the whole world.
    "+881612345678": "", "+88216123456": "", "+870773123456": "", "+80012345678": "",
    "+97912345678": "", "+88812345": "",
    # Cut short, it is the main country's that has the code; or nobody's.
    "+1": "US", "+1416555": "CA", "+7": "RU", "+39": "IT", "+390": "IT", "+44": "GB", "+61": "AU",
    "": "", "+": "", "+0": "", "+00": "", "+3": "", "+999123": "", "+0039061234": "",
    # Nonsense.
    "abc": "", "+abc": "", "++39": "", "+39 06": "", "+1-416": "", "anna@example.com": "", "+²": "",
}  # fmt: skip


@pytest.mark.parametrize(("number", "country"), _CASES.items())
def test_of_whom(number: str, country: str) -> None:
    assert nation(number) == country


@given(
    st.sampled_from(["1", "7", "39", "44", "49", "33", "881", "971", "0", "999"]),
    st.text("0123456789", min_size=NATION_DIGITS, max_size=NATION_DIGITS),
    st.lists(st.text("0123456789", max_size=6), min_size=2, max_size=2),
)
def test_the_beginning_tells(code: str, beginning: str, ends: list[str]) -> None:
    """Numbers that begin alike are of one country, however they end, wherever they were cut."""
    assert code not in TOLD_BY_ALL_DIGITS
    whole = (code + beginning)[:NATION_DIGITS]
    assert len({nation(f"+{whole}{end}") for end in ["", *ends]}) == 1


@given(st.text("+0123456789", max_size=18))
def test_every_number_has_a_country_or_none(text: str) -> None:
    found = nation(text)
    assert found == "" or (len(found) == 2 and found.isalpha())
