import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import Akm, MacAddress, Pmk, Ssid, suite_name


@pytest.mark.parametrize("value", [b"a", b"\x00" * 32, "Café: Résidents".encode()])
def test_ssid_is_1_to_32_raw_octets(value):
    assert Ssid(value).value == value


@pytest.mark.parametrize("value", [b"", b"a" * 33])
def test_ssid_of_another_length_is_refused(value):
    with pytest.raises(ValueError, match="SSID must be 1 to 32 octets"):
        Ssid(value)


def test_ssid_text_shows_what_is_not_printable_as_escapes():
    assert str(Ssid("Café".encode())) == "Café"
    assert str(Ssid(b"a\xff\nb")) == "a\\xff\\x0ab"
    assert Ssid.parse("a\udcff") == Ssid(b"a\xff")


@pytest.mark.parametrize(
    "text", ["02ab00cdef01", "02-AB-00-CD-EF-01", "02:ab:00:cd:ef:01", "02ab.00cd.ef01", b"02AB00CDEF01"]
)
def test_mac_address_is_read_in_every_usual_form(text):
    assert MacAddress.parse(text) == MacAddress(bytes.fromhex("02ab00cdef01"))
    assert str(MacAddress.parse(text)) == "02:ab:00:cd:ef:01"


@pytest.mark.parametrize(
    "text", ["", "02ab00cdef0", "02ab00cdef012", "02ab00cdefzz", "é" * 12, b"\xff" * 12, "0" * 12 + "-" * 12]
)
def test_other_text_is_no_mac_address(text):
    with pytest.raises(ValueError, match="not a MAC address"):
        MacAddress.parse(text)


@given(st.text(max_size=30) | st.binary(max_size=30))
def test_mac_address_parse_gives_an_address_or_value_error(text):
    try:
        address = MacAddress.parse(text)
    except ValueError:
        return
    assert MacAddress.parse(str(address)) == address


@pytest.mark.parametrize("length", [0, 5, 7])
def test_mac_address_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match=f"MAC address must be 6 octets, got {length}"):
        MacAddress(bytes(length))


def test_pmk_is_32_octets_and_never_shown():
    assert "33" not in repr(Pmk(b"\x33" * 32))
    with pytest.raises(ValueError, match="PMK must be 32 octets, got 31"):
        Pmk(bytes(31))


def test_suite_selectors_print_as_the_standard_does():
    assert f"{Akm.PSK_SHA256}" == str(Akm.PSK_SHA256) == suite_name(0x000FAC06) == "00-0F-AC:6"
