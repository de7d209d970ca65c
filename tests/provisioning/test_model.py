from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network

import pytest

from crypto import Pmk, Ssid
from provisioning import (
    InvalidValue,
    Key,
    KeyDraft,
    Keypool,
    KeyStatus,
    Nas,
    Passphrase,
    Scope,
    ServicePlan,
    Unit,
    Venue,
)
from provisioning.model import check_name

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def key(**changes):
    values: dict[str, object] = {
        "id": 1,
        "keypool_id": 1,
        "identity": "ann",
        "passphrase": Passphrase(b"sunny-Otter-41"),
        "pmk": Pmk(bytes(32)),
        "unit": None,
        "subscriber": None,
        "plan": None,
        "vlan": None,
        "effective_vlan": None,
        "starts": None,
        "ends": None,
        "status": KeyStatus.ACTIVE,
        "status_reason": None,
        "status_at": None,
    }
    return Key(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"starts": NOON}, None),
        ({"ends": NOON + timedelta(seconds=1)}, None),
        ({"ends": NOON}, "expired 2026-11-20 12:00 UTC"),
        ({"ends": datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)}, "expired 2026-10-31 23:59 UTC"),
        ({"starts": datetime(2026, 12, 1, tzinfo=UTC)}, "starts 2026-12-01 00:00 UTC"),
        ({"status": KeyStatus.SUSPENDED}, "suspended"),
        ({"status": KeyStatus.SUSPENDED, "status_reason": "delinquent"}, "suspended: delinquent"),
        ({"status": KeyStatus.REMOVED, "status_at": datetime(2026, 10, 31, tzinfo=UTC)}, "removed 2026-10-31"),
        ({"status": KeyStatus.SUSPENDED, "ends": NOON}, "expired 2026-11-20 12:00 UTC"),
    ],
)
def test_validity_says_why_a_key_is_refused(changes, reason):
    assert key(**changes).validity(NOON) == reason


def test_secrets_are_in_no_repr():
    shown = repr(key(passphrase=Passphrase(b"sunny-Otter-41"), pmk=Pmk(b"P" * 32)))
    assert "Otter" not in shown
    assert "PPPP" not in shown
    nas = Nas(
        id=1,
        network=ip_network("127.0.0.1"),
        secret=b"testing123",
        name="ap",
        venue_id=None,
        profile="auto",
        require_message_authenticator=True,
    )
    assert "testing123" not in repr(nas)
    assert "Otter" not in repr(KeyDraft(passphrase=Passphrase(b"sunny-Otter-41")))


@pytest.mark.parametrize("value", [b"short77", b"x" * 64, b"x" * 65, b"caf\xc3\xa9-otter", b"tab\tinside", b""])
def test_passphrase_outside_8_to_63_printable_or_64_hex_is_refused(value):
    with pytest.raises(InvalidValue) as caught:
        Passphrase(value)
    assert value.decode("latin-1") not in str(caught.value) or not value


def test_passphrase_of_64_hex_digits_is_accepted():
    Passphrase(b"0123456789abcdefABCDEF" + b"0" * 42)


@pytest.mark.parametrize(
    "text", ["", "   ", "two\nlines", "two\u2028lines", "\u202etxet", "nul\0", "\udc80", "x" * 254, "é" * 127]
)
def test_names_that_would_spoil_a_log_line_or_attribute_are_refused(text):
    with pytest.raises(InvalidValue):
        check_name(text, "name")


def test_name_of_253_octets_is_accepted():
    check_name("x" * 253, "name")
    check_name("é" * 126, "name")
    check_name("Hôtel\u00a0Résidence", "name")  # as word processors write it


@pytest.mark.parametrize("vlan", [0, -1, 4095])
def test_vlan_outside_1_to_4094_is_refused(vlan):
    with pytest.raises(InvalidValue, match="1 to 4094"):
        KeyDraft(passphrase=Passphrase(b"sunny-Otter-41"), vlan=vlan)
    with pytest.raises(InvalidValue):
        Unit(id=1, venue_id=1, name="4B", building=None, floor=None, vlan=vlan)


def test_windows_are_utc_and_in_order():
    passphrase = Passphrase(b"sunny-Otter-41")
    with pytest.raises(InvalidValue, match="UTC"):
        KeyDraft(passphrase=passphrase, starts=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidValue, match="UTC"):
        KeyDraft(passphrase=passphrase, ends=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    with pytest.raises(InvalidValue, match="before it starts"):
        KeyDraft(passphrase=passphrase, starts=NOON, ends=NOON)


def test_other_values_outside_their_range_are_refused():
    with pytest.raises(InvalidValue):
        Venue(id=1, name="v", nas_identifiers=(), wireless_only_vlan_offset=5000)
    with pytest.raises(InvalidValue):
        Venue(id=1, name="v", nas_identifiers=("a\nb",))
    with pytest.raises(InvalidValue):
        ServicePlan(id=1, name="p", download_kbps=0, upload_kbps=None, devices=None, wireless_only=False)
    with pytest.raises(InvalidValue):
        Keypool(id=1, ssid=Ssid(b"x"), scope=Scope.GLOBAL, venue_ids=(1,))


def test_keypools_meet_on_one_ssid_at_one_venue():
    def local(*venue_ids, ssid=b"x"):
        return Keypool(id=1, ssid=Ssid(ssid), scope=Scope.LOCAL, venue_ids=venue_ids)

    everywhere = Keypool(id=1, ssid=Ssid(b"x"), scope=Scope.GLOBAL, venue_ids=())
    assert local(1, 2).meets(local(2, 3))
    assert not local(1).meets(local(2))
    assert not local(1).meets(local(1, ssid=b"y"))
    assert everywhere.meets(local(1))
    assert local(1).meets(everywhere)
