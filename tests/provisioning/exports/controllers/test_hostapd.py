"""hostapd's wpa_psk_file, read by hostapd."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.exports.controllers import FORMATS, Remark
from tests.provisioning.exports.controllers.living_key import PHONE, TABLET, known, living, text_of
from tests.provisioning.exports.controllers.readers import Refused, read_psk_file

PMK = "0123456789abcdef" * 4
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)


def render(*keys):
    return list(FORMATS["hostapd"].render(keys))


def test_a_key_has_a_line_for_any_device_with_its_number_and_vlan():
    assert text_of(render(living(), living(18, "Bob", "maple Falcon 77", vlan=7))) == (
        "keyid=17 00:00:00:00:00:00 sunny-Otter-41\nkeyid=18 vlanid=7 00:00:00:00:00:00 maple Falcon 77\n"
    )


def test_registered_devices_have_lines_at_the_end_where_hostapd_begins():
    ann = living(devices=[known(PHONE, registered=True), known(TABLET, sequence=4)])
    assert text_of(render(ann, living(18))).splitlines() == [
        "keyid=17 00:00:00:00:00:00 sunny-Otter-41",
        "keyid=18 00:00:00:00:00:00 sunny-Otter-41",
        "keyid=17 02:00:00:00:01:00 sunny-Otter-41",
    ]


def test_a_key_of_certain_devices_has_no_line_for_any():
    assert text_of(render(living(only=(PHONE, TABLET), devices=[known(PHONE, registered=True)]))).splitlines() == [
        "keyid=17 02:00:00:00:01:00 sunny-Otter-41",
        "keyid=17 02:00:00:00:01:01 sunny-Otter-41",
    ]
    assert render(living(only=())) == []


def test_a_former_passphrase_has_its_keys_number():
    assert text_of(render(living(passphrase="the former one", former=True))) == (
        "keyid=17 00:00:00:00:00:00 the former one\n"
    )


def test_what_vlans_need_in_hostapd_is_said():
    assert not [each for each in render(living()) if isinstance(each, Remark)]
    (said,) = (each for each in render(living(vlan=7), living(18, vlan=8)) if isinstance(each, Remark))
    assert "dynamic_vlan=1" in said.text


def test_the_longest_line_is_one_of_hostapds():
    (line,) = text_of(render(living(2**63 - 1, passphrase=PMK, vlan=4094))).splitlines()
    assert len(line) <= 126


@pytest.mark.peer("hostapd")
def test_hostapd_starts_with_what_is_written(tmp_path):
    keys = [
        living(2**63 - 1, passphrase=PMK, vlan=4094, devices=[known(PHONE, registered=True)]),
        living(18, passphrase=" blanks around "),
        living(19, passphrase="x" * 63),
        living(20, passphrase="keyid=9 vlanid=2 #"),
        living(21, passphrase="\"quotes' \\n | %"),
    ]
    read_psk_file(tmp_path, text_of(render(*keys)))
    read_psk_file(tmp_path, "")


@pytest.mark.peer("hostapd")
def test_hostapd_would_not_start_with_a_line_it_cannot_read(tmp_path):
    with pytest.raises(Refused, match="Invalid MAC address"):
        read_psk_file(tmp_path, "keyid=17 vlanid=7 sunny-Otter-41\n")
    with pytest.raises(Refused, match="PSK keyid too long"):
        read_psk_file(tmp_path, f"keyid={'9' * 32} 00:00:00:00:00:00 sunny-Otter-41\n")


@pytest.mark.peer("hostapd")
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ASCII, min_size=20, max_size=40, unique=True))
def test_hostapd_starts_with_any_passphrases(tmp_path, passphrases):
    read_psk_file(tmp_path, text_of(render(*(living(n, passphrase=each) for n, each in enumerate(passphrases, 1)))))
