"""Units: one test for each rule and reading of the catalogue that concerns them."""

import json

import pytest

from provisioning.platforms import Unavailable
from provisioning.sync import Kind, SaidKey, SaidPlan, SaidUnit, SaidVenue
from tests.provisioning.platforms.vault import api
from tests.provisioning.platforms.vault.api import (
    UNIT,
    VENUE,
    Vault,
    faults,
    only,
    read,
    unit,
)


def test_a_unit_is_what_the_mapping_says():
    assert only(read(Vault()), SaidUnit) == SaidUnit(
        id=UNIT, venue=VENUE, name="101", building="A", floor="1", vlan=1101
    )


@pytest.mark.parametrize("word", ["DEFAULT", "default", "", None])
def test_4_6_default_is_no_building_and_no_floor(word):
    vault = Vault()
    vault.units[VENUE][0] |= {"UnitBuilding": word, "UnitFloor": word}
    said = only(read(vault), SaidUnit)
    assert (said.building, said.floor) == (None, None)


def test_4_7_two_flats_that_fall_together_are_held_back():
    vault = Vault()
    twin = {"UnitID_internal": f"{VENUE}.APT12.DEFAULT.DEFAULT", "vlan": 30}
    vault.units[VENUE] += [twin | {"UnitID": "Apt 1/2"}, twin | {"UnitID": "Apt 12"}]
    vault.over[api.UNITS] = {"VenueUnitCount": 2, "VenueUnits": vault.units[VENUE]}
    reading = read(vault)
    assert [each.id for each in reading.all(SaidUnit)] == [UNIT]
    assert reading.saw(Kind.UNIT, twin["UnitID_internal"])
    assert any("two different units" in line for line in faults(reading))


def test_5_12_a_unit_id_is_opaque_and_its_parts_come_from_their_own_fields():
    vault = Vault()
    vault.units[VENUE] = [
        {"UnitID_internal": "x.101.1.A", "UnitID": "A", "UnitBuilding": "101", "UnitFloor": "1", "vlan": 5}
    ]
    assert only(read(vault), SaidUnit) == SaidUnit(
        id="x.101.1.A", venue=VENUE, name="A", building="101", floor="1", vlan=5
    )


@pytest.mark.parametrize(("vlan", "said"), [("120", 120), (1, 1), (4094, 4094)])
def test_5_22_a_vlan_is_1_to_4094_as_number_or_text(vlan, said):
    vault = Vault()
    vault.units[VENUE][0]["vlan"] = vlan
    assert only(read(vault), SaidUnit).vlan == said


@pytest.mark.parametrize("vlan", [4095, 0, -1, 70000])
def test_5_22_a_vlan_out_of_range_holds_the_unit_back(vlan):
    """4095 bounds a range and is no VLAN to assign; a flat without its VLAN would be in somebody else's network."""
    vault = Vault()
    vault.units[VENUE][0]["vlan"] = vlan
    reading = read(vault)
    assert list(reading.all(SaidUnit)) == []
    assert reading.saw(Kind.UNIT, UNIT)
    assert reading.is_complete(VENUE, Kind.KEY)


def test_5_28_a_vlan_that_the_list_lacks_is_asked_for():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.over[api.UNIT_DETAILS] = {"VenueUnits": [{"UnitID_internal": UNIT, "vlan": 77}]}
    assert only(read(vault), SaidUnit).vlan == 77


def test_5_28_one_that_nobody_tells_leaves_the_stored_one_alone():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    reading = read(vault)
    assert vault.seen.count(api.UNIT_DETAILS) == 1
    assert only(reading, SaidUnit).vlan is None
    assert reading.is_whole


def test_no_unit_is_asked_for_whose_vlan_is_in_the_list():
    vault = Vault()
    read(vault)
    assert api.UNIT_DETAILS not in vault.seen


def test_5_34_each_unit_is_asked_for_by_itself_and_only_its_own_record_counts():
    vault = Vault()
    vault.units[VENUE] = [unit(str(n), vlan=None) for n in range(300)]
    requests = []

    def details(body):
        others = [{"UnitID_internal": "another", "vlan": 9}]
        return {"VenueUnits": [*others, {"UnitID_internal": body["UnitID_internal"], "vlan": 42}]}

    vault.over[api.UNIT_DETAILS] = details
    reading = read(vault, requests=requests)
    asked = [json.loads(r.body)["UnitID_internal"] for r in requests if r.path == api.UNIT_DETAILS]
    assert asked == [each["UnitID_internal"] for each in vault.units[VENUE]]
    assert {each.vlan for each in reading.all(SaidUnit)} == {42}


def test_a_unit_whose_vlan_may_not_be_asked_for_is_taken_without():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.over[api.UNIT_DETAILS] = (403, {"message": "Access denied"})
    reading = read(vault)
    assert only(reading, SaidUnit).vlan is None
    assert reading.is_whole


def test_a_unit_whose_vlan_cannot_be_had_now_is_held_back():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.over[api.UNIT_DETAILS] = Unavailable("unit: timed out")
    reading = read(vault)
    assert list(reading.all(SaidUnit)) == []
    assert reading.is_doubtful(VENUE)


def test_4_4_a_key_follows_its_units_vlan():
    vault = Vault()
    vault.units[VENUE][0]["vlan"] = 300
    vault.keys["sub_1"][0]["vlan"] = 200  # the gateway is up to a minute late
    reading = read(vault)
    assert (only(reading, SaidUnit).vlan, only(reading, SaidKey).vlan) == (300, None)
    assert any("its VLAN is 200, and its unit's 300" in line for line in faults(reading))


@pytest.mark.parametrize("vlan", [1101, 2101])
def test_4_5_a_key_with_its_units_vlan_or_that_and_the_offset_is_no_contradiction(vlan):
    vault = Vault()
    vault.keys["sub_1"][0]["vlan"] = vlan
    reading = read(vault)
    assert faults(reading) == []
    assert only(reading, SaidKey).vlan is None


def test_a_keys_own_vlan_counts_where_the_unit_has_none():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.keys["sub_1"][0]["vlan"] = "88"
    said = only(read(vault), SaidKey)
    assert (said.vlan, said.is_in_units_vlan) == (88, False)


def test_a_keys_own_vlan_counts_where_it_has_no_unit():
    vault = Vault()
    vault.subscriptions[VENUE] = []
    vault.keys["sub_1"][0] |= {"UnitID_internal": "", "vlan": 88, api.END: "2027-01-01T00:00:00Z"}
    said = only(read(vault), SaidKey)
    assert (said.unit, said.vlan, said.is_in_units_vlan) == (None, 88, False)


UNITS_NOT_READ = {
    "an empty list": {"VenueUnitCount": 0, "VenueUnits": []},
    "no list": Unavailable("units: timed out"),
    "no answer as documented": b"<html>",
    "a VLAN that is none": {"VenueUnitCount": 1, "VenueUnits": [unit("101", vlan=5000)]},
    "a record that cannot be read": {"VenueUnitCount": 1, "VenueUnits": [unit("101", vlan={"unexpected": []})]},
    "another unit": {"VenueUnitCount": 1, "VenueUnits": [unit("102")]},
    "one id for two units": {"VenueUnitCount": 1, "VenueUnits": [unit("101"), unit("101", vlan=7)]},
}


@pytest.mark.parametrize("answer", UNITS_NOT_READ.values(), ids=UNITS_NOT_READ)
@pytest.mark.parametrize("says_unit", [True, False])
def test_4_4_a_key_gets_no_vlan_of_its_own_while_its_unit_is_not_read(answer, says_unit):
    """It would stay with the key when that moves: into its neighbour's network."""
    vault = Vault()
    vault.keys["sub_1"][0]["vlan"] = 1101
    if not says_unit:  # the store knows it
        vault.subscriptions[VENUE] = []
        vault.keys["sub_1"][0]["UnitID_internal"] = ""
    vault.over[api.UNITS] = answer
    said = only(read(vault, api.stored("psk_1", ends=api.ENDS)), SaidKey)
    assert (said.vlan, said.is_in_units_vlan) == (None, False)


def test_4_4_nor_while_its_units_vlan_could_not_be_asked_for():
    vault = Vault()
    del vault.units[VENUE][0]["vlan"]
    vault.keys["sub_1"][0]["vlan"] = 1101
    vault.over[api.UNIT_DETAILS] = Unavailable("unit: timed out")
    said = only(read(vault), SaidKey)
    assert (said.vlan, said.is_in_units_vlan) == (None, False)


@pytest.mark.parametrize("count", [2, 0])
def test_units_that_are_counted_and_not_there_make_the_venue_partial(count):
    vault = Vault()
    vault.over[api.UNITS] = {"VenueUnitCount": count, "VenueUnits": vault.units[VENUE]}
    assert read(vault).is_doubtful(VENUE)


def test_no_unit_at_a_venue_that_has_some_by_another_count_is_a_mistake():
    vault = Vault()
    vault.over[api.VENUES] = {"VenueCount": 1, "VenueList": {VENUE: {"UnitCount": 50}}}
    vault.over[api.UNITS] = {"VenueUnitCount": 0, "VenueUnits": []}
    assert read(vault).is_doubtful(VENUE)


def test_a_unit_that_cannot_be_read_costs_itself():
    vault = Vault()
    vault.units[VENUE].append(unit("102", vlan={"unexpected": []}))
    reading = read(vault)
    assert [each.id for each in reading.all(SaidUnit)] == [UNIT]
    assert reading.saw(Kind.UNIT, f"{VENUE}.102.A.1")
    assert reading.is_doubtful(VENUE)


def test_names_of_ten_thousand_characters_and_any_script_are_cut_for_display():
    vault = Vault()
    vault.units[VENUE][0] |= {"UnitID": "名" * 10_000, "UnitFloor": "al\x00ef\u202e"}
    vault.venues[0]["VenueName"] = "x" * 10_000
    vault.plans[0]["ServicePlanName"] = "p" * 256  # as long as a plan's may be
    reading = read(vault)
    assert len(only(reading, SaidUnit).name.encode()) <= 253
    assert only(reading, SaidUnit).floor == "al ef"
    assert len(only(reading, SaidVenue).name) == len(only(reading, SaidPlan).name) == 253
    assert reading.is_whole
