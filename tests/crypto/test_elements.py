import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import (
    Akm,
    ElementError,
    Elements,
    Fte,
    Mde,
    Rsne,
    WpaElement,
    encode_element,
    find_elements,
    find_pmkid,
    walk_elements,
)

CCMP = 0x000FAC04
RSNE = Rsne(
    group=CCMP,
    pairwise=(CCMP,),
    akms=(Akm.FT_PSK,),
    capabilities=0x00C0,
    pmkids=(b"\x05" * 16,),
    group_management=0x000FAC06,
)
BODY = RSNE.encode()[2:]

suites = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4).map(tuple)
rsnes = st.builds(
    Rsne,
    group=st.integers(0, 2**32 - 1),
    pairwise=suites,
    akms=suites,
    capabilities=st.integers(0, 0xFFFF),
    pmkids=st.lists(st.binary(min_size=16, max_size=16), max_size=5).map(tuple),
    group_management=st.none() | st.integers(0, 2**32 - 1),
)
wpa_elements = st.builds(WpaElement, group=st.integers(0, 2**32 - 1), pairwise=suites, akms=suites)
mdes = st.builds(Mde, mdid=st.binary(min_size=2, max_size=2), capability=st.integers(0, 255))
ftes = st.builds(
    Fte,
    mic_control=st.binary(min_size=2, max_size=2),
    mic=st.binary(min_size=16, max_size=16),
    anonce=st.binary(min_size=32, max_size=32),
    snonce=st.binary(min_size=32, max_size=32),
    r1kh_id=st.none() | st.binary(min_size=6, max_size=6),
    r0kh_id=st.none() | st.binary(min_size=1, max_size=48),
)


@given(st.none() | rsnes, st.none() | wpa_elements, st.none() | mdes, st.none() | ftes)
def test_decode_reverses_encode(rsne, wpa, mde, fte):
    key_data = b"".join(element.encode() for element in (rsne, wpa, mde, fte) if element is not None)
    assert find_elements(key_data) == Elements(rsne, wpa, mde, fte)


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda body: bytes([48, len(body)]) + body))
def test_arbitrary_octets_give_elements_or_element_error(key_data):
    try:
        assert isinstance(find_elements(key_data), Elements)
    except ElementError as error:
        assert str(error)  # noqa: PT017 (elements or this error are both right)


# Key data.


@pytest.mark.parametrize("padding", ["", "dd", "dd00", "dd0000000000", "dd00ff", "00"])
def test_padding_ends_the_walk(padding):
    assert find_elements(RSNE.encode() + bytes.fromhex(padding)) == Elements(RSNE)


def test_nothing_after_padding_is_read():
    assert find_elements(b"\xdd\x00" + RSNE.encode()) == Elements()


def test_other_elements_are_passed_over():
    rsnxe, pmkid_kde, ocv = b"\xf4\x01\x20", b"\xdd\x14\x00\x0f\xac\x04" + bytes(16), b"\xff\x00"
    wmm, short_vendor = b"\xdd\x05\x00\x50\xf2\x02\x00", b"\xdd\x01\x00"
    key_data = rsnxe + pmkid_kde + ocv + wmm + short_vendor + RSNE.encode() + rsnxe
    assert find_elements(key_data) == Elements(RSNE)


def test_of_two_the_last_counts():
    assert find_elements(Rsne(group=1).encode() + RSNE.encode()) == Elements(RSNE)


@pytest.mark.parametrize(
    ("key_data", "message"),
    [
        ("3001", "key data element 48 at offset 0: length 1 > 0 left"),
        ("f4012030ff00", "key data element 48 at offset 3: length 255 > 1 left"),
        ("dd0500", "key data element 221 at offset 0: length 5 > 1 left"),
        ("3602a1b2", "MDE: 2 octets < 3"),
        ("3751" + "00" * 81, "FTE: 81 octets < 82"),
        ("3755" + "00" * 82 + "010500", "FTE subelement 1 at offset 82: length 5 > 1 left"),
        ("3759" + "00" * 82 + "0105" + "00" * 5, "FTE offset 82: R1KH-ID of 5 octets instead of 6"),
        ("3754" + "00" * 82 + "0300", "FTE offset 82: R0KH-ID of 0 octets instead of 1 to 48"),
        ("3785" + "00" * 82 + "0331" + "00" * 49, "FTE offset 82: R0KH-ID of 49 octets instead of 1 to 48"),
    ],
)
def test_element_that_overruns_or_lacks_fields_is_refused_with_place_and_amount(key_data, message):
    with pytest.raises(ElementError) as caught:
        find_elements(bytes.fromhex(key_data))
    assert str(caught.value) == message


def test_fte_subelements_of_other_kinds_and_one_stray_octet_are_passed_over():
    body = bytes(82) + bytes.fromhex("0203aabbcc") + b"\x03\x03ap3" + bytes.fromhex("0106020000000000") + b"\x07"
    assert Fte.decode(body) == Fte(r1kh_id=bytes.fromhex("020000000000"), r0kh_id=b"ap3")


# RSNE.


@pytest.mark.parametrize(
    ("length", "rsne"),
    [
        (2, Rsne()),
        (6, Rsne(group=CCMP)),
        (12, Rsne(group=CCMP, pairwise=(CCMP,))),
        (18, Rsne(group=CCMP, pairwise=(CCMP,), akms=(Akm.FT_PSK,))),
        (19, Rsne(group=CCMP, pairwise=(CCMP,), akms=(Akm.FT_PSK,))),
        (20, Rsne(group=CCMP, pairwise=(CCMP,), akms=(Akm.FT_PSK,), capabilities=0xC0)),
        (21, Rsne(group=CCMP, pairwise=(CCMP,), akms=(Akm.FT_PSK,), capabilities=0xC0)),
        (38, Rsne(group=CCMP, pairwise=(CCMP,), akms=(Akm.FT_PSK,), capabilities=0xC0, pmkids=(b"\x05" * 16,))),
        (41, Rsne(group=CCMP, pairwise=(CCMP,), akms=(Akm.FT_PSK,), capabilities=0xC0, pmkids=(b"\x05" * 16,))),
        (42, RSNE),
    ],
)
def test_rsne_may_end_after_any_field(length, rsne):
    assert len(BODY) == 42
    assert Rsne.decode(BODY[:length]) == rsne


@pytest.mark.parametrize("length", [0, 1, 3, 5, 7, 8, 11, 13, 14, 17, 22, 37])
def test_rsne_that_ends_within_a_field_is_refused(length):
    with pytest.raises(ElementError, match=r"^RSNE offset \d+: .* needs \d+ octets, \d+ left$"):
        Rsne.decode(BODY[:length])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("0000", "RSNE: version 0 instead of 1"),
        ("0200", "RSNE: version 2 instead of 1"),
        ("0100000fac040000", "RSNE offset 6: pairwise cipher list is empty"),
        ("0100000fac040100000fac040000", "RSNE offset 12: AKM list is empty"),
        ("0100000fac04ffff000fac04", "RSNE offset 8: pairwise cipher list needs 262140 octets, 4 left"),
        ("0100000fac040100000fac040100000fac0400000100", "RSNE offset 22: PMKID list needs 16 octets, 0 left"),
    ],
)
def test_rsne_whose_counts_are_wrong_is_refused(body, message):
    with pytest.raises(ElementError) as caught:
        Rsne.decode(bytes.fromhex(body))
    assert str(caught.value) == message


def test_rsne_octets_after_the_last_field_are_ignored():
    assert Rsne.decode(BODY + b"\x01\x02") == RSNE


def test_rsne_with_a_pmkid_count_of_zero_has_none():
    rsne = Rsne(group=CCMP, pairwise=(CCMP,), akms=(Akm.PSK,), capabilities=0, group_management=0x000FAC06)
    assert rsne.encode().hex() == "301a0100000fac040100000fac040100000fac0200000000000fac06"
    assert Rsne.decode(rsne.encode()[2:]) == rsne


@pytest.mark.parametrize("element", [Rsne(pairwise=(CCMP,)), Rsne(group=CCMP, capabilities=0), WpaElement(akms=(1,))])
def test_element_with_a_gap_is_our_mistake(element):
    with pytest.raises(ValueError, match="a field is set after one that is not"):
        element.encode()


# WPA1.


def test_wpa_element_may_end_after_any_field():
    whole = WpaElement(group=0x0050F202, pairwise=(0x0050F202,), akms=(Akm.WPA_PSK,))
    octets = whole.encode()
    assert octets.hex() == "dd160050f20101000050f20201000050f20201000050f202"
    assert WpaElement.decode(octets[2:]) == WpaElement.decode(octets[2:] + b"\x00\x00") == whole
    assert WpaElement.decode(octets[2:8]) == WpaElement()
    assert WpaElement.decode(octets[2:12]) == WpaElement(group=0x0050F202)
    with pytest.raises(ElementError, match="WPA element offset 6: group cipher needs 4 octets, 3 left"):
        WpaElement.decode(octets[2:11])


@pytest.mark.parametrize("octets", ["dd040050f201", "dd050050f20101", "dd060050f2010200", "dd060050f2040100"])
def test_vendor_element_that_is_not_wpa_version_1_is_passed_over(octets):
    assert find_elements(bytes.fromhex(octets)) == Elements()


# The walk, and what an M1 names its PMK by.


def test_a_walk_stays_between_its_ends():
    octets = b"\x07\xff" + b"\x00\x01a" + b"\x30\x02bc" + b"\x05"
    assert list(walk_elements(octets, 2)) == [(2, 0, b"a"), (5, 48, b"bc")]
    assert list(walk_elements(octets, 2, 5)) == [(2, 0, b"a")]
    assert list(walk_elements(octets, 2, 999)) == list(walk_elements(octets, 2))
    walk = walk_elements(octets, 2, 8, what="thing")
    assert next(walk) == (2, 0, b"a")
    with pytest.raises(ElementError, match=r"^thing 48 at offset 5: length 2 > 1 left$"):
        next(walk)


@given(st.binary(max_size=80), st.integers(0, 90), st.one_of(st.none(), st.integers(0, 90)))
def test_any_walk_ends_within_its_octets(octets, start, end):
    limit = len(octets) if end is None else min(end, len(octets))
    try:
        for offset, identifier, body in walk_elements(octets, start, end):
            assert start <= offset < offset + 2 + len(body) <= limit
            assert octets[offset : offset + 2 + len(body)] == encode_element(identifier, body)
    except ElementError:
        pass


def test_the_first_pmkid_of_16_octets_counts():
    kde = bytes.fromhex("dd14000fac04") + bytes(range(16))
    assert find_pmkid(bytes.fromhex("30020100") + kde) == bytes(range(16))
    assert find_pmkid(bytes.fromhex("dd05000fac0101") + kde + kde[:6] + b"x" * 16) == bytes(range(16))
    for nothing in (b"", kde[:6] + bytes(16), b"\xdd\x13" + kde[2:21], b"\xdd\x00" + kde):
        assert find_pmkid(nothing) is None
    with pytest.raises(ElementError, match="length 20 > 19 left"):
        find_pmkid(kde[:-1])
