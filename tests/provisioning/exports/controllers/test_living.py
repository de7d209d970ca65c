"""Which keys are in a file for access points."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto import MacAddress, Pmk
from provisioning import Key, KeyStatus, Passphrase, ServicePlan
from provisioning.exports.controllers import FORMATS, UNDOCUMENTED, LeftOut, living_keys
from provisioning.model.rules.hours import Hours
from provisioning.model.subscriber import Subscriber, SubscriberStatus, Whitelists

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PHONE, TABLET = MacAddress(b"\2\0\0\0\1\0"), MacAddress(b"\2\0\0\0\1\1")


def key(**said):
    plain = {
        "id": 17,
        "keypool_id": 1,
        "identity": "Ann Lee",
        "passphrase": Passphrase(b"sunny-Otter-41"),
        "pmk": Pmk(bytes(32)),
        "unit": None,
        "subscriber": None,
        "plan": None,
        "vlan": None,
        "effective_vlan": 104,
        "starts": None,
        "ends": None,
        "status": KeyStatus.ACTIVE,
        "status_reason": None,
        "status_at": None,
    }
    return Key(**plain | said)


def plan(**said):
    return ServicePlan(
        id=1, name="Gold", download_kbps=None, upload_kbps=None, devices=None, wireless_only=False, **said
    )


def living(one):
    return list(living_keys([(one, ())], NOW))


@pytest.mark.parametrize(
    "said",
    [
        {"status": KeyStatus.SUSPENDED},
        {"status": KeyStatus.REMOVED},
        {"ends": NOW},
        {"starts": NOW + HOUR},
        {"removes_at": NOW, "ends": NOW},
        {"grace_of": 3, "ends": NOW},
        {"subscriber": Subscriber(id=1, name="Ann Lee", status=SubscriberStatus.SUSPENDED)},
    ],
)
def test_what_may_not_be_used_now_is_in_no_file(said):
    assert living(key(**said)) == []


def test_a_living_key_has_the_vlan_that_its_devices_land_in():
    (one,) = living(key(ends=NOW + HOUR, starts=NOW, plan=plan()))
    assert (one.id, one.vlan, one.only, one.former, one.ends) == (17, 104, None, False, NOW + HOUR)


def test_a_former_passphrase_is_its_keys_until_its_grace_period_ends():
    (one,) = living(key(id=18, grace_of=17, ends=NOW + HOUR))
    assert (one.id, one.former) == (17, True)


def test_hours_of_a_plan_are_left_out_by_name():
    (out,) = living(key(plan=plan(hours=Hours.parse("Mon-Sun 00:00-23:00"))))
    assert out == LeftOut(17, "Ann Lee", "plan Gold has hours, which the file cannot hold")


def test_a_whitelist_of_nases_is_left_out_by_name():
    (out,) = living(key(whitelists=Whitelists(nases=(("lobby", None),))))
    assert isinstance(out, LeftOut)


def test_a_whitelist_of_devices_is_those_that_may_be_used_now():
    listed = ((PHONE, None), (TABLET, NOW), (PHONE, NOW + HOUR))
    (one,) = living(key(whitelists=Whitelists(devices=listed)))
    assert one.only == (PHONE,)
    (nobody,) = living(key(whitelists=Whitelists(devices=((TABLET, NOW),))))
    assert nobody.only == ()


def test_every_format_has_its_name_in_one_table_and_is_documented_or_refused():
    assert [*FORMATS, *UNDOCUMENTED] == ["hostapd", "sae-passwords", "rlm_dpsk", "cnmaestro", "smartzone"]
    assert all(name == each.name for name, each in FORMATS.items())
