"""Numbers as dialled become E.164 by the site's dial plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.countries import country, is_known_country
from telephony.numbers import normalise
from telephony.plant import Site

MILANO = Site(1, "Milano", "IT", "Europe/Rome", "02", "0", ("112", "118"))
LONDON = Site(2, "London", "GB", "Europe/London", "020", "9", ("999", "112"))
BERLIN = Site(3, "Berlin", "DE", "Europe/Berlin", "030", "0", ("112", "110"))
NEW_YORK = Site(4, "New York", "US", "America/New_York", "212", "9", ("911",))
PARIS = Site(5, "Paris", "FR", "Europe/Paris", "", "0", ("112", "15"))
MOSCOW = Site(6, "Moscow", "RU", "Europe/Moscow", "812", "9", ("112",))
TOKYO = Site(7, "Tokyo", "JP", "Asia/Tokyo", "03", "0", ("110", "119"))
BARE = Site(8, "Bare", "IT", "Europe/Rome", "02", "", ("112",))

E164 = [
    (MILANO, "00266771234", "+390266771234"),
    (MILANO, "03351234567", "+393351234567"),
    (MILANO, "000442079460000", "+442079460000"),
    (MILANO, "000442079460000#", "+442079460000"),
    (MILANO, "0 02 6677 1234", "+390266771234"),
    (MILANO, "0+442079460000", "+442079460000"),
    (MILANO, "+390266771234", "+390266771234"),
    (MILANO, "\\+390266771234", "+390266771234"),
    (MILANO, "3351234567", "+393351234567"),  # a route pattern took the prefix off already
    (MILANO, "0892424", "+39892424"),
    (BARE, "0266771234", "+390266771234"),
    (BARE, "00442079460000", "+442079460000"),
    (LONDON, "979460000", "+442079460000"),
    (LONDON, "902079460000", "+442079460000"),
    (LONDON, "901614960000", "+441614960000"),
    (LONDON, "908001111", "+448001111"),
    (LONDON, "900390266771234", "+390266771234"),
    (BERLIN, "012345678", "+493012345678"),
    (BERLIN, "00891234567", "+49891234567"),
    (BERLIN, "001701234567", "+491701234567"),
    (NEW_YORK, "914155550100", "+14155550100"),
    (NEW_YORK, "94155550100", "+14155550100"),
    (NEW_YORK, "95550100", "+12125550100"),
    (NEW_YORK, "9011442079460000", "+442079460000"),
    (PARIS, "00142685300", "+33142685300"),
    (PARIS, "0142685300", "+33142685300"),
    (MOSCOW, "988121234567", "+78121234567"),
    (MOSCOW, "91234567", "+78121234567"),
    (MOSCOW, "9810442079460000", "+442079460000"),
    (TOKYO, "0010442079460000", "+442079460000"),
    (TOKYO, "00312345678", "+81312345678"),
]


@pytest.mark.parametrize(("site", "dialled", "e164"), E164)
def test_an_outside_number_becomes_e164(site: Site, dialled: str, e164: str) -> None:
    number = normalise(dialled, site)
    assert (number.kind, number.e164, number.rated_as) == ("e164", e164, e164[1:])
    assert number.raw == dialled
    assert number.steps


@pytest.mark.parametrize(
    ("site", "dialled"),
    [(MILANO, "112"), (MILANO, "0112"), (MILANO, "+39112"), (LONDON, "9999"), (LONDON, "999"),
     (NEW_YORK, "911"), (NEW_YORK, "9911"), (BARE, "112"), (PARIS, "015")],
)  # fmt: skip
def test_an_emergency_number_is_one_with_or_without_the_outside_prefix(
    site: Site, dialled: str
) -> None:
    number = normalise(dialled, site)
    assert (number.kind, number.e164) == ("emergency", "")


def test_outpulsed_digits_lost_the_outside_prefix_already() -> None:
    assert normalise("00442079460000", MILANO, outpulsed=True).e164 == "+442079460000"
    assert normalise("0266771234", MILANO, outpulsed=True).e164 == "+390266771234"
    assert normalise("112", MILANO, outpulsed=True).kind == "emergency"
    assert normalise("0112", MILANO, outpulsed=True).kind != "emergency"


def test_the_outside_prefix_is_taken_off_once() -> None:
    assert normalise("00442079460000", MILANO).e164 == "+390442079460000"


@pytest.mark.parametrize(
    ("site", "dialled", "rated_as"),
    [(MILANO, "01254", "391254"), (LONDON, "9118500", "44118500"), (BERLIN, "0116117", "49116117"),
     (NEW_YORK, "9411", "1411"), (BARE, "4158", "394158")],
)  # fmt: skip
def test_a_short_code_is_no_subscriber(site: Site, dialled: str, rated_as: str) -> None:
    number = normalise(dialled, site)
    assert (number.kind, number.e164, number.rated_as) == ("short", "", rated_as)


@pytest.mark.parametrize("dialled", ["731", "5731", "73120"])
def test_short_digits_without_the_outside_prefix_are_internal(dialled: str) -> None:
    assert normalise(dialled, MILANO).kind == "internal"
    assert normalise(dialled, BERLIN).kind == "internal"


@pytest.mark.parametrize(
    ("dialled", "kind", "e164"),
    [
        ("+390266771234@carrier.example", "e164", "+390266771234"),
        ("sip:00266771234@pbx.example;user=phone", "e164", "+390266771234"),
        ("0112@pbx.example", "emergency", ""),
        ("731@pbx.example", "internal", ""),
        ("a.sonnino@pbx.example", "uri", ""),
        ("@pbx.example", "uri", ""),
        ("tel:+390266771234", "e164", "+390266771234"),
    ],
)
def test_an_address_gives_its_number(dialled: str, kind: str, e164: str) -> None:
    number = normalise(dialled, MILANO)
    assert (number.raw, number.kind, number.e164) == (dialled, kind, e164)


@pytest.mark.parametrize("dialled", ["", " ", "0", "000", "b00112233", "*21#", "+", "+12", "+39x"])
def test_what_no_dial_plan_reads_is_unknown_and_says_why(dialled: str) -> None:
    number = normalise(dialled, MILANO)
    assert (number.kind, number.e164, number.rated_as) == ("unknown", "", "")
    assert number.steps


def test_an_unknown_country_still_reads_international_numbers() -> None:
    nowhere = Site(9, "Nowhere", "ZZ", "UTC", "", "0")
    assert normalise("000442079460000", nowhere).e164 == "+442079460000"
    assert normalise("0266771234", nowhere).kind == "unknown"
    assert not is_known_country("ZZ")
    assert is_known_country("it")


def test_the_table_of_a_country_is_made_once() -> None:
    assert country("IT") is country("IT")
    assert not country("IT").is_open
    assert country("DE").is_open


def test_the_memory_of_numbers_is_bounded() -> None:
    assert normalise.cache_info().maxsize


_DIALLED = st.text("0123456789+*#@ab .-", max_size=25) | st.text(max_size=12)


@given(_DIALLED, st.sampled_from([MILANO, LONDON, BERLIN, NEW_YORK, MOSCOW, BARE]), st.booleans())
def test_whatever_is_dialled_gets_an_answer(dialled: str, site: Site, outpulsed: bool) -> None:
    number = normalise(dialled, site, outpulsed=outpulsed)
    assert number.raw == dialled
    assert (number.kind == "e164") == bool(number.e164)
    if number.e164:
        assert number.e164[0] == "+"
        assert number.e164[1:].isdigit()
        assert normalise(number.e164, site).e164 == number.e164
