"""`latchkey unit`: VLANs, names that fall together, moving in and out."""

import json
from itertools import count

import pytest

from crypto import Ssid
from provisioning import MasterKey, Store
from provisioning.errors import InvalidValue
from provisioning.lifecycle.units import AUTOMATIC, add_unit
from provisioning.model import Purpose


@pytest.fixture
def house(cli):
    cli.ok("venue", "add", "Hudson House", "--vlans-wired", "100-102", "--vlans-wireless", "101-103")
    return cli


def unit(cli, which, *options):
    return json.loads(cli.ok("unit", "show", which, *options, "--json"))


def key(cli, identity):
    return json.loads(cli.ok("key", "show", identity, "--json"))


def audited(cli):
    return len(cli.ok("audit", "--all").splitlines())


class TestVlan:
    def test_auto_is_the_first_free_of_the_purposes_range(self, house):
        """Each purpose has its range (4.2), and free means free among all units of the venue (4.3)."""
        house.ok("unit", "add", "Hudson House", "1", "--vlan", "auto")
        house.ok("unit", "add", "Hudson House", "2", "--vlan", "auto", "--purpose", "localwirelessonly")
        house.ok("unit", "add", "Hudson House", "3", "--vlan", "auto")
        house.ok("unit", "add", "Hudson House", "4", "--vlan", "auto", "--purpose", "localwirelessonly")
        assert [unit(house, str(n))["vlan"] for n in range(1, 5)] == [100, 101, 102, 103]
        said = house.refused("unit", "add", "Hudson House", "5", "--vlan", "auto")
        assert said == "unit '5': no VLAN of 100-102 is free at this venue"
        house.ok("unit", "add", "Hudson House", "6", "--vlan", "AUTO", "--purpose", "globalroaming")
        assert unit(house, "6")["vlan"] == 1050  # the default range begins there
        house.ok("venue", "add", "Other", "--vlans-wired", "100-102")
        house.ok("unit", "add", "Other", "1b", "--vlan", "auto")
        assert unit(house, "1b")["vlan"] == 100

    def test_only_the_first_200_units_get_theirs_chosen(self, path, master_key):
        """4.1: fewer than 200 before the new one."""
        with Store.create(path, master_key) as store:
            venue = store.venues.add("Hudson House")
            with store.change("unit.many"):
                for number in range(199):
                    store.units.add(venue.id, f"U{number}")
            assert add_unit(store, venue, "200th", vlan=AUTOMATIC).vlan == 1050
            with pytest.raises(InvalidValue, match="the venue has 200 units, and a VLAN is chosen only for the first"):
                add_unit(store, venue, "201st", vlan=AUTOMATIC)
            assert add_unit(store, venue, "201st", vlan=7).vlan == 7

    def test_auto_leaves_room_for_wireless_only_plans(self, path, master_key):
        with Store.create(path, master_key) as store:
            venue = store.venues.add("Hudson House", wireless_only_vlan_offset=1)
            roaming = Purpose.GLOBAL_ROAMING
            units = [add_unit(store, venue, str(n), vlan=AUTOMATIC, purpose=roaming) for n in range(3)]
            assert [unit.vlan for unit in units] == [1050, 1052, 1054]

    @pytest.mark.parametrize("vlan", ["0", "4095", "5000", "-1", "x", "10.5", "٣"])
    def test_what_is_no_vlan_is_refused(self, house, vlan):
        house.ok("unit", "add", "Hudson House", "4A", "--vlan", "7")
        for command in (["add", "Hudson House", "4B"], ["set", "4A"]):
            said = house.refused("unit", *command, f"--vlan={vlan}")
            assert said.startswith(f"unit {command[-1]!r}: ")
            assert "VLAN" in said
        assert unit(house, "4A")["vlan"] == 7

    def test_a_taken_one_is_refused_unless_it_is_to_be_shared(self, house):
        house.ok("unit", "add", "Hudson House", "4A", "--vlan", "7")
        house.ok("unit", "add", "Hudson House", "4B", "--vlan", "8")
        taken = "VLAN 7 is that of unit '4A' at Hudson House already (--share-vlan: let both have it)"
        assert house.refused("unit", "add", "Hudson House", "4C", "--vlan", "7") == f"unit '4C': {taken}"
        assert house.refused("unit", "set", "4B", "--vlan", "7") == f"unit '4B': {taken}"
        house.ok("unit", "set", "4B", "--vlan", "7", "--share-vlan")
        house.ok("unit", "set", "4B", "--vlan", "7", "--floor", "4")  # it has it already
        house.ok("venue", "add", "Other")
        house.ok("unit", "add", "Other", "4A", "--vlan", "7")

    def test_a_change_carries_its_keys(self, house):
        """4.4: every key of the unit follows."""
        house.ok("pool", "add", "Residents")
        house.ok("unit", "add", "Hudson House", "4A", "--vlan", "7")
        house.ok("key", "add", "--unit", "4A", "--identity", "Ann")
        house.ok("key", "add", "--unit", "4A", "--identity", "Own", "--vlan", "99")
        house.ok("unit", "set", "4A", "--vlan", "auto")
        assert [key(house, who)["effective_vlan"] for who in ("Ann", "Own")] == [100, 99]
        house.ok("unit", "set", "4A", "--vlan", "")
        assert [key(house, who)["effective_vlan"] for who in ("Ann", "Own")] == [None, 99]

    def test_a_vlan_that_a_wireless_only_key_cannot_follow_to_is_refused(self, house):
        """4.5, also for a key with a VLAN of its own."""
        house.ok("pool", "add", "Residents")
        house.ok("plan", "add", "Wireless", "--wireless-only")
        house.ok("plan", "add", "Wired")
        house.ok("key", "add", "--identity", "Ann", "--vlan", "4000", "--plan", "Wired")
        house.ok("venue", "set", "Hudson House", "--wireless-only-vlan-offset", "90")
        house.ok("plan", "migrate", "Wired", "Wireless")
        said = house.refused("venue", "set", "Hudson House", "--wireless-only-vlan-offset", "95")
        assert "key 1 (Ann) would be moved to VLAN 4095: 4000 and the venue's offset" in said
        house.ok("plan", "set", "Wireless", "--no-wireless-only")
        house.ok("venue", "set", "Hudson House", "--wireless-only-vlan-offset", "95")
        assert "key 1 (Ann) would be moved to VLAN 4095" in house.refused("plan", "set", "Wireless", "--wireless-only")


class TestNames:
    def test_two_that_fall_together_are_refused(self, house):
        """4.6, 4.7: UnitID_internal is made of letters, digits, _ and - of the first 20 characters."""
        house.ok("unit", "add", "Hudson House", "Apt 12")
        said = house.refused("unit", "add", "Hudson House", "Apt 1/2")
        assert said.startswith("unit 'Apt 1/2' and 'Apt 12' would both be ")
        house.ok("unit", "add", "Hudson House", "Apt 1/2", "--building", "West")
        assert unit(house, "West/Apt 1/2")["internal_id"].endswith(".APT12.WEST.DEFAULT")

    def test_the_internal_id_never_changes(self, house):
        """5.26."""
        house.ok("unit", "add", "Hudson House", "4A", "--building", "West", "--floor", "4")
        before = unit(house, "4A")["internal_id"]
        house.ok("unit", "set", "4A", "--name", "5A", "--building", "East", "--floor", "")
        after = unit(house, "5A")
        assert (after["internal_id"], after["building"], after["floor"]) == (before, "East", None)
        said = house.refused("unit", "add", "Hudson House", "4A", "--building", "West", "--floor", "4")
        assert "would both be" in said

    def test_it_is_found_by_every_name_it_has(self, house):
        house.ok("venue", "add", "Other")
        house.ok("unit", "add", "Hudson House", "4A", "--building", "West", "--external-id", "E-1")
        house.ok("unit", "add", "Other", "4A")
        for text in ("West/4A", "E-1", "id:1", "LATCHKEY._V3VENUE_.HUDSONHOUSE.1.4A.WEST.DEFAULT"):
            assert unit(house, text)["id"] == 1
        said = house.refused("unit", "show", "4A")
        assert said == ("several units '4A', say --venue, or BUILDING/UNIT: West/4A at Hudson House, 4A at Other")
        assert unit(house, "4A", "--venue", "Other")["id"] == 2
        assert house.refused("unit", "show", "E-1", "--venue", "Other").startswith("no unit 'E-1' there")
        assert house.refused("unit", "show", "\udcff").startswith("no unit '\\udcff' there")
        said = house.refused("unit", "set", "4A", "--venue", "Other", "--external-id", "E-1", "--name", "4A\x00")
        assert said == "unit '4A': unit name has a character that is not printable"

    def test_external_ids_are_unique_in_the_venue(self, house):
        """4.10."""
        house.ok("venue", "add", "Other")
        house.ok("unit", "add", "Hudson House", "4A", "--external-id", "E-1")
        said = house.refused("unit", "add", "Hudson House", "4B", "--external-id", "E-1")
        assert said == "unit '4B': external id 'E-1' is that of unit '4A'"
        house.ok("unit", "add", "Other", "4B", "--external-id", "E-1")

    def test_a_venue_has_5000_units_at_most(self, path, master_key):
        """4.9."""
        with Store.create(path, master_key) as store:
            venue = store.venues.add("Hudson House")
            store._db.execute("BEGIN")
            store._db.execute_many(
                "INSERT INTO units (id, venue_id, name) VALUES (?, 1, ?)",
                [(n, f"U{n}") for n in range(1, 5000)],
            )
            store._db.execute("UPDATE counters SET highest = 5000 WHERE name = 'units'")
            store._db.execute("INSERT OR IGNORE INTO counters VALUES ('units', 5000)")
            store._db.execute("COMMIT")
            add_unit(store, venue, "the last")
            with pytest.raises(Exception, match="the venue has 5,000 units already, and may have 5,000"):
                add_unit(store, venue, "one more")


class TestMovingOut:
    @pytest.fixture
    def flats(self, house):
        house.ok("pool", "add", "Residents")
        for name in ("4A", "4B"):
            house.ok("unit", "add", "Hudson House", name, "--vlan", "auto")
        house.ok("key", "add", "--unit", "4A", "--identity", "Ann")
        return house

    def test_an_occupied_unit_stays_unless_it_is_said_what_becomes_of_them(self, flats):
        entries = audited(flats)
        assert flats.refused("unit", "remove", "4A") == (
            "unit '4A' has 1 key (Ann): say --occupied=end, and they end now, or --occupied=move --to UNIT"
        )
        said = flats.refused("unit", "remove", "4A", "--occupied=move")
        assert said == "unit '4A': say with --to UNIT which other unit they move to"
        assert "other unit" in flats.refused("unit", "remove", "4A", "--occupied=move", "--to", "4A")
        assert audited(flats) == entries
        assert flats.ok("unit", "remove", "4B") == ""

    def test_a_subscription_alone_occupies_it(self, flats):
        flats.ok("subscriber", "add", "Bob")
        with Store.open(flats.path, MasterKey.load(flats.path, {})) as store:
            (bob,) = store.subscribers.named("Bob")
            store.subscribers.add_subscription(bob.id, unit_id=2)
        assert "unit '4B' has 1 subscription: say" in flats.refused("unit", "remove", "4B")
        flats.ok("unit", "remove", "4B", "--occupied=end")
        with Store.open(flats.path, MasterKey.load(flats.path, {})) as store:
            (subscription,) = store.subscribers.subscriptions()
            assert subscription.unit_id is None
            assert subscription.ends is not None

    def test_keys_end_now_and_stay_in_the_history(self, flats):
        flats.ok("unit", "remove", "4A", "--occupied=end")
        ann = key(flats, "Ann")
        assert (ann["state"].split()[0], ann["unit"], ann["status"]) == ("expired", None, "active")
        said = flats.refused("unit", "show", "4A")
        assert said.startswith("no unit '4A' there: it was removed ")
        flats.ok("undo")
        ann = key(flats, "Ann")
        assert (ann["state"], ann["unit"], ann["effective_vlan"]) == ("valid", "4A", 100)

    def test_keys_that_have_not_begun_are_removed(self, flats):
        flats.ok("key", "add", "--unit", "4A", "--identity", "Next", "--starts", "2099-01-01")
        flats.ok("unit", "remove", "4A", "--occupied=end")
        (removed,) = json.loads(flats.ok("key", "list", "--status", "removed", "--json"))
        assert (removed["identity"], removed["status_reason"]) == ("Next", "its unit was removed")

    def test_keys_move_to_another_unit(self, flats):
        flats.ok("unit", "remove", "4A", "--occupied=move", "--to", "4B")
        ann = key(flats, "Ann")
        assert (ann["unit"], ann["effective_vlan"], ann["state"]) == ("4B", 101, "valid")
        flats.ok("undo")
        assert key(flats, "Ann")["unit"] == "4A"

    def test_one_with_history_alone_is_not_occupied(self, flats):
        flats.ok("key", "remove", "Ann")
        flats.ok("unit", "remove", "4A")
        (removed,) = json.loads(flats.ok("key", "list", "--status", "removed", "--json"))
        assert removed["unit"] is None

    def test_two_become_one(self, flats):
        flats.ok("key", "add", "--unit", "4B", "--identity", "Bob")
        assert flats.ok("unit", "merge", "4A", "4B") == "moved 1\n"
        assert [key(flats, who)["unit"] for who in ("Ann", "Bob")] == ["4B", "4B"]
        assert [each["name"] for each in json.loads(flats.ok("unit", "list", "--json"))] == ["4B"]
        assert "name two different ones" in flats.refused("unit", "merge", "4B", "4B")
        flats.ok("undo")
        assert key(flats, "Ann")["unit"] == "4A"

    def test_nobody_moves_to_where_his_keypool_is_not_valid(self, path, master_key):
        from provisioning import KeyDraft, Passphrase
        from provisioning.lifecycle.units import merge_units

        with Store.create(path, master_key) as store:
            here, there = (store.venues.add(name) for name in ("Here", "There"))
            pool = store.keypools.add(Ssid(b"Residents"), venue_ids=[here.id])
            one, other = store.units.add(here.id, "1"), store.units.add(there.id, "1")
            draft = KeyDraft(identity="Ann", passphrase=Passphrase(b"sunny-Otter-41"), unit_id=one.id)
            id_ = store.keys.add(pool.id, draft)
            with pytest.raises(InvalidValue, match=r"key 1 \(Ann\) cannot move to unit '1': keypool Residents is not"):
                merge_units(store, one.id, other.id)
            assert store.keys.get(id_).unit.id == one.id

    def test_subscriptions_move_unless_they_would_overlap(self, path, master_key):
        """4.32."""
        from datetime import UTC, datetime

        from provisioning.errors import Occupied
        from provisioning.lifecycle.units import merge_units

        with Store.create(path, master_key) as store:
            venue = store.venues.add("Hudson House", allow_overlap=False)
            one, other = (store.units.add(venue.id, name) for name in ("1", "2"))
            names = count(1)
            day = datetime(2026, 1, 1, tzinfo=UTC)

            def subscribe(unit, **window):
                person = store.subscribers.add(f"Person {next(names)}")
                return store.subscribers.add_subscription(person.id, unit_id=unit.id, **window)

            moved = subscribe(one, ends=day)
            subscribe(other, starts=day)
            subscribe(one, starts=day)
            with pytest.raises(Occupied, match="may not have two subscriptions at a time"):
                merge_units(store, one.id, other.id)
            store.subscribers.remove_subscription(3)
            merge_units(store, one.id, other.id)
            assert store.subscribers.subscription(moved.id).unit_id == other.id


def test_lists_are_filtered_searched_and_cut(house):
    for number in range(6):
        house.ok("unit", "add", "Hudson House", f"Flat {number}", "--building", "West" if number % 2 else "Ost-Straße")
    house.ok("unit", "set", "Flat 3", "--vlan", "77", "--floor", "2")

    def ids(*options):
        return [each["id"] for each in json.loads(house.ok("unit", "list", "--json", *options))]

    assert ids("--building", "West") == [2, 4, 6]
    assert ids("--vlan", "77") == ids("--floor", "2") == [4]
    assert ids("--search", "STRASSE") == ids("--search", "straße") == [1, 3, 5]
    assert ids("--search", "hudson", "--limit", "2", "--offset", "3") == [4, 5]
    for option in ("--search", "--building"):
        assert house.refused("unit", "list", option, "\udcff") == "text with '\\udcff' in it is not UTF-8"
    said = house.refused("unit", "set", "Flat 3", "--floor", "3", "--reason", "\udcff")
    assert said.endswith("text with '\\udcff' in it is not UTF-8")
    assert ids("--purpose", "globalroaming") == []
    assert house.ok("unit", "list", "--csv", "--limit", "1").splitlines()[0].startswith("id,venue,name,building")
