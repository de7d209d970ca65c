from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import Ssid, passphrase_to_pmk
from provisioning import derive_pmks
from provisioning.keys import effective_vlan, windows_overlap

DAYS = [None, *(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 6))]


@given(*[st.sampled_from(DAYS)] * 4)
def test_windows_overlap_where_an_instant_is_in_both(a, b, c, d):
    def inside(day, starts, ends):
        return (starts is None or starts.day <= day) and (ends is None or day < ends.day)

    if any(s and e and s >= e for s, e in ((a, b), (c, d))):
        return  # no window
    assert windows_overlap(a, b, c, d) == any(inside(day, a, b) and inside(day, c, d) for day in range(7))


def test_vlan_is_the_keys_own_then_the_units_plus_the_offset():
    assert effective_vlan(10, 20, 0) == 10
    assert effective_vlan(None, 20, 0) == 20
    assert effective_vlan(None, 20, 1000) == 1020
    assert effective_vlan(10, 20, 1000) == 1010
    assert effective_vlan(None, None, 1000) is None


@pytest.mark.parametrize("count", [1, 3])
def test_derived_pmks_are_those_of_the_reference(count):
    ssid, seen = Ssid("Café".encode()), []
    passphrases = [b"passphrase-%d" % index for index in range(count - 1)] + [b"00" * 32]
    pmks = derive_pmks(passphrases, ssid, lambda stage, done, total: seen.append((stage, done, total)))
    assert [pmk.tobytes() for pmk in pmks] == [passphrase_to_pmk(value, ssid).value for value in passphrases]
