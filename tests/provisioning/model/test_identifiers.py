import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crypto import Ssid
from provisioning import InvalidValue
from provisioning.model.rules.identifiers import (
    UNMISTAKABLE,
    KeypoolId,
    check_pool_ssid,
    check_venue_id,
    fall_together,
    keypool_id,
    new_scope_id,
    new_subscriber_token,
    new_suffix,
    parse_keypool_id,
    plan_id,
    unit_from_address,
    unit_internal_id,
)

# VAULT API 3.0.0: in brackets the lines of its text.
SAMPLES = [
    ("venue_123", "UNIT-101", "BUILDING-A", "FLOOR-3", "venue_123.UNIT-101.BUILDING-A.FLOOR-3"),  # (3673)
    ("venue_12345", "Unit 101", "Bldg 1", "Floor 2", "venue_12345.UNIT101.BLDG1.FLOOR2"),  # (3162)
    (  # (3866-3887)
        *("venue_hotel_downtown._V3VENUE.12345", "101", "Building-A", "1"),
        "venue_hotel_downtown._V3VENUE.12345.101.BUILDING-A.1",
    ),
    # By its rules: absent building and floor (3680), cut to 20 first (3670) of a name that it shows (10638).
    ("venue_12345", "101", None, None, "venue_12345.101.DEFAULT.DEFAULT"),
    ("v", "Building A - Apartment 101", "Building A", "1st Floor", "v.BUILDINGA-APARTME.BUILDINGA.1STFLOOR"),
]


@pytest.mark.parametrize(("venue", "unit", "building", "floor", "internal"), SAMPLES)
def test_unit_internal_id_is_that_of_the_document(venue, unit, building, floor, internal):
    assert unit_internal_id(venue, unit, building, floor) == internal


def test_names_are_cut_to_20_before_other_characters_are_dropped():
    assert unit_internal_id("v", "/" * 19 + "a1") == "v.A.DEFAULT.DEFAULT"
    assert unit_internal_id("v", "a_-b.c é1") == "v.A_-BC1.DEFAULT.DEFAULT"


def test_the_venue_stays_as_it_is_and_is_not_called_global():
    assert unit_internal_id("venue_x._V3VENUE", "1").startswith("venue_x._V3VENUE.")
    for text in ("global", "Global", " global", "", "  "):
        with pytest.raises(InvalidValue, match="VenueID"):
            unit_internal_id(text, "1")
    check_venue_id("globalhotel")


@pytest.mark.parametrize(
    ("names", "field"),
    [(("квартира", None, None), "unit"), (("1", "//", None), "building"), (("1", None, "."), "floor")],
)
def test_a_name_of_which_nothing_is_left_is_refused_by_field(names, field):
    with pytest.raises(InvalidValue, match=f"^{field} "):
        unit_internal_id("v", *names)


@given(*[st.text(max_size=30)] * 3)
def test_internal_ids_hold_what_the_platform_allows(unit, building, floor):
    try:
        internal = unit_internal_id("v.1", unit, building, floor)
    except InvalidValue:
        return
    parts = internal.removeprefix("v.1.").split(".")
    assert len(parts) == 3
    for part in parts:
        assert 1 <= len(part) <= 20
        assert not set(part) - set(string.ascii_uppercase + string.digits + "_-")


def test_two_flats_fall_together_where_only_the_raw_names_differ():
    assert fall_together(("Apt 1/2", None, None), ("Apt 12", None, None))
    assert fall_together(("Building A - Apartment 101", None, None), ("Building A - Apartment 102", None, None))
    assert fall_together(("1", None, None), ("1", "Default", None))
    assert not fall_together(("Apt 12", "A", "1"), ("Apt 12", "A", "1"))  # the same flat
    assert not fall_together(("Apt 12", "A", "1"), ("Apt 12", "B", "1"))
    assert not fall_together(("1", "2", None), ("2", "1", None))
    assert not fall_together(("///", None, None), ("...", None, None))


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        (("123 Main Street", "Suite 100"), "123-100"),
        (("123 Hotel Plaza Drive, Unit 101", "Suite 101"), "123-101"),
        (("123 Main Street", ""), "123-Street"),
        (("", "Suite 100"), "Suite-100"),
        (("Castle", "Tower"), "Castle-Tower"),
    ],
)
def test_unit_is_named_after_first_and_last_word_of_its_address(lines, unit):
    assert unit_from_address(*lines) == unit


@pytest.mark.parametrize("lines", [("", ""), ("Castle", ""), (" ", "Castle ")])
def test_an_address_without_two_words_names_no_unit(lines):
    with pytest.raises(InvalidValue, match="UnitID"):
        unit_from_address(*lines)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("OP123._V3SSID.GuestWiFi.global", ("OP123", b"GuestWiFi", "global")),  # (8695)
        ("OP123._V3SSID.ResidentWiFi.a8f3d2e1", ("OP123", b"ResidentWiFi", "a8f3d2e1")),  # (8696)
        ("USA.TX.75001.CORPORATE._V3SSID.OLDWIFI.local", ("USA.TX.75001.CORPORATE", b"OLDWIFI", "local")),  # (8957)
        ("op.net._V3SSID.Wi-Fi 2.4.local", ("op.net", b"Wi-Fi 2.4", "local")),
        ("op._V3SSID.._V3SSID..x", ("op", b"._V3SSID.", "x")),
    ],
)
def test_keypool_id_is_cut_at_its_mark_and_the_last_dot(text, parts):
    operator, ssid, scope_id = parts
    assert parse_keypool_id(text) == KeypoolId(operator, Ssid(ssid), scope_id)
    assert keypool_id(operator, Ssid(ssid), scope_id) == text
    assert parse_keypool_id(text).is_global == (scope_id == "global")


NAMES = st.text(st.sampled_from("ab._V3SSID é"), min_size=1, max_size=20)


@given(NAMES, NAMES, NAMES)
def test_a_keypool_id_that_is_made_is_cut_into_what_it_was_made_of(operator, ssid, scope_id):
    assume(len(ssid.encode()) <= 32)
    try:
        text = keypool_id(operator, Ssid(ssid.encode()), scope_id)
    except InvalidValue:
        return
    assert parse_keypool_id(text) == KeypoolId(operator, Ssid(ssid.encode()), scope_id)


@given(st.text(max_size=60) | NAMES.map("op._V3SSID.".__add__))
def test_any_other_text_is_no_keypool_id(text):
    try:
        parsed = parse_keypool_id(text)
    except InvalidValue:
        return
    assert text == f"{parsed.operator}._V3SSID.{parsed.ssid.value.decode()}.{parsed.scope_id}"


@pytest.mark.parametrize("text", ["", "OP._V3SSID.x", "OP._V3SSID..x", "OP._V3SSID.x.", "._V3SSID.x.y", "OP.x.global"])
def test_half_a_keypool_id_is_refused(text):
    with pytest.raises(InvalidValue, match="is not a KeyPoolID"):
        parse_keypool_id(text)


def test_an_ssid_too_long_for_one_is_no_keypools():
    with pytest.raises(InvalidValue, match="33"):
        parse_keypool_id("OP._V3SSID." + "x" * 33 + ".global")


@pytest.mark.parametrize("operator", ["OP._V3SSID.1", "OP._V3SSID", "OP._V3SERVICEPLAN_.1"])
def test_an_operator_that_would_be_cut_elsewhere_is_refused(operator):
    with pytest.raises(InvalidValue, match="OperatorID"):
        keypool_id(operator, Ssid(b"net"), "global")


@pytest.mark.parametrize(
    ("ssid", "why"), [(b"x", "2 to 32"), (b"\xff\xfe", "UTF-8"), (b"a\x00b", "control"), (b"a\x7f", "control")]
)
def test_ssid_of_a_pool_is_2_to_32_octets_of_utf8_without_control_characters(ssid, why):
    with pytest.raises(InvalidValue, match=why):
        check_pool_ssid(Ssid(ssid))
    check_pool_ssid(Ssid(b"ab"))
    check_pool_ssid(Ssid("é".encode() * 16))


def test_plan_id_has_no_blanks_and_is_upper_case():
    assert plan_id("OPERATOR456", "Basic Home Internet") == "OPERATOR456._V3SERVICEPLAN_.BASICHOMEINTERNET"  # (12510)
    assert plan_id("OP001", "premium") == "OP001._V3SERVICEPLAN_.PREMIUM"


def test_random_identifiers_have_their_alphabets_and_differ():
    scopes = {new_scope_id() for _ in range(100)}
    assert len(scopes) == 100
    assert all(len(each) == 8 and not set(each) - set(string.ascii_lowercase + string.digits) for each in scopes)
    tokens = {new_subscriber_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(each.startswith("sub_") and len(each) == 24 and each.isascii() for each in tokens)
    suffixes = {new_suffix() for _ in range(100)}
    assert len(suffixes) == 100
    assert all(len(each) == 8 and not set(each) - set(UNMISTAKABLE) for each in suffixes)
    assert not set("0o1li") & set(UNMISTAKABLE)


class Taken:
    """Everything is taken until so many have been asked for."""

    def __init__(self, free_at):
        self.asked, self.free_at = 0, free_at

    def __contains__(self, text):
        self.asked += 1
        return self.asked < self.free_at


def test_a_random_scope_is_tried_ten_times():
    taken = Taken(10)
    assert new_scope_id(taken)
    assert taken.asked == 10
    taken = Taken(11)
    with pytest.raises(InvalidValue, match="10 tries"):
        new_scope_id(taken)
    assert taken.asked == 10
