import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning import InvalidValue
from provisioning.model import check_vlan
from provisioning.model.rules.vlans import (
    DEFAULT_RANGE,
    Purpose,
    VlanRange,
    VlanRanges,
    check_automatic,
    check_wireless_only,
    first_free,
)


def test_4095_is_a_bound_and_nobodys_vlan():
    assert str(DEFAULT_RANGE) == "1050-4095"
    assert DEFAULT_RANGE.vlans[0] == 1050
    assert DEFAULT_RANGE.vlans[-1] == 4094
    with pytest.raises(InvalidValue, match="1 to 4094"):
        check_vlan(4095)


@pytest.mark.parametrize("text", ["1-4095", "1050-1050", "4094-4095", " 10 - 20 "])
def test_ranges_are_read_as_they_are_written(text):
    assert VlanRange.parse(text) == VlanRange.parse(str(VlanRange.parse(text)))
    assert str(VlanRange.parse(text)) == text.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["", "10", "0-10", "10-4096", "4095-4095", "20-10", "a-b", "-1-5", "1-2-3", "99999-99999", "\u0661-\u0662"]
)
def test_other_ranges_are_refused(text):
    with pytest.raises(InvalidValue, match="range"):
        VlanRange.parse(text)


@pytest.mark.parametrize(
    ("purpose", "field"),
    [
        (Purpose("wiredunit"), "wired_unit"),
        (Purpose("localwirelessonly"), "local_wireless_only"),
        (Purpose("globalroaming"), "global_roaming"),
    ],
)
def test_each_purpose_has_its_range_the_venues_before_the_operators(purpose, field):
    venues, operators = VlanRanges(**{field: VlanRange(10, 20)}), VlanRanges(**{field: VlanRange(30, 40)})
    assert venues.of(purpose, operators) == VlanRange(10, 20)
    assert VlanRanges().of(purpose, operators) == VlanRange(30, 40)
    assert VlanRanges().of(purpose) == VlanRange(1050, 4095)
    for other in set(Purpose) - {purpose}:
        assert venues.of(other, operators) == VlanRange(1050, 4095)


def test_a_vlan_is_chosen_for_units_1_to_200():
    check_automatic(0)
    check_automatic(199)
    for units in (200, 201, 5000):
        with pytest.raises(InvalidValue, match="give the VLAN"):
            check_automatic(units)


def test_first_free_is_from_the_bottom_among_all_units():
    assert first_free(DEFAULT_RANGE, []) == 1050
    assert first_free(DEFAULT_RANGE, [1050, 1052, 7]) == 1051
    assert first_free(VlanRange(4093, 4095), [4093]) == 4094
    with pytest.raises(InvalidValue, match="no VLAN of 4093-4095 is free"):
        first_free(VlanRange(4093, 4095), [4093, 4094])


@given(st.integers(1, 40), st.integers(0, 40), st.sets(st.integers(1, 90)), st.integers(0, 30))
def test_first_free_is_the_lowest_that_the_checks_accept(first, more, taken, offset):
    def accepted(vlan):
        try:
            check_wireless_only(vlan, offset, taken)
        except InvalidValue:
            return False
        return vlan not in taken

    among = VlanRange(first, first + more)
    free = [vlan for vlan in range(first, first + more + 1) if accepted(vlan)]
    if free:
        assert first_free(among, taken, offset) == free[0]
    else:
        with pytest.raises(InvalidValue, match="is free"):
            first_free(among, taken, offset)


def test_offset_of_wireless_only_plans_makes_a_vlan_that_no_other_unit_has():
    check_wireless_only(1050, 0, [1050, 1051])
    check_wireless_only(1050, 1000, [1050, 1051])
    check_wireless_only(3094, 1000, [])
    with pytest.raises(InvalidValue, match="4095, more than 4094"):
        check_wireless_only(3095, 1000, [])
    with pytest.raises(InvalidValue, match="2050, which is another unit's"):
        check_wireless_only(1050, 1000, [2050])
    with pytest.raises(InvalidValue, match="another unit's VLAN, 1050"):
        check_wireless_only(2050, 1000, [1050])
