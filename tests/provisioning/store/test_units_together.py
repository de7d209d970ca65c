"""Units that are added together are what they are one by one, and refused where one of them would be."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning import MasterKey, Store
from provisioning.errors import AlreadyExists, CannotUndo, NotFound, ProvisioningError, RowRefused
from provisioning.lifecycle.undo import undo
from provisioning.model import KeyDraft, Passphrase
from provisioning.store.units import MOST_UNITS, NewUnit

NAMES = st.sampled_from(["4A", "4 A", "4a", "4B", "12", "1/2", "部屋", "", "x" * 300])
UNITS = st.builds(
    NewUnit,
    NAMES,
    st.none() | st.sampled_from(["North", "north", "N orth"]),
    st.none() | st.sampled_from(["1", "2"]),
    st.none() | st.sampled_from([1, 4094, 4095, 0]),
)


def one_by_one(store, venue_id, new):
    with store.change("sync.apply"):
        for each in new:
            store.units.add(venue_id, **each._asdict())


def together(store, venue_id, new):
    with store.change("sync.apply"):
        store.units.add_many(venue_id, new)


def outcome(path, there, new, add):
    """Return the units afterwards, None where they are refused."""
    with Store.create(path, MasterKey(bytes(range(32)))) as store:
        venue = store.venues.add("House")
        for each in there:
            try:
                store.units.add(venue.id, **each._asdict())
            except ProvisioningError:
                continue
        try:
            add(store, venue.id, new)
        except ProvisioningError:
            return None
        return [(unit.name, unit.building, unit.floor, unit.vlan, unit.internal_id) for unit in store.units.all()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(UNITS, max_size=2), st.lists(UNITS, min_size=1, max_size=4))
def test_together_they_are_what_they_are_one_by_one(tmp_path_factory, there, new):
    folder = tmp_path_factory.mktemp("units")
    assert outcome(folder / "a.db", there, new, together) == outcome(folder / "b.db", there, new, one_by_one)


def test_a_venue_has_no_more_than_it_may(store, venue):
    together(store, venue.id, [NewUnit(f"{number}") for number in range(MOST_UNITS - 1)])
    with pytest.raises(AlreadyExists, match="5,001"):
        together(store, venue.id, [NewUnit("one"), NewUnit("two")])
    together(store, venue.id, [NewUnit("one")])
    assert store.units.count(venue.id) == MOST_UNITS


def test_there_is_none_at_a_venue_that_is_not_there(store):
    with pytest.raises(NotFound):
        together(store, 17, [NewUnit("one"), NewUnit("two")])


def test_they_are_taken_back_together_unless_somebody_lives_there(store, venue, pool):
    together(store, venue.id, [NewUnit("one"), NewUnit("two")])
    undo(store, max(entry.id for entry in store.audit.entries()), author="ann")
    assert store.units.all() == ()
    together(store, venue.id, [NewUnit("one"), NewUnit("two")])
    entry = max(entry.id for entry in store.audit.entries())
    store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"a passphrase"), unit_id=store.units.all()[0].id))
    with pytest.raises(CannotUndo, match="in use"):
        undo(store, entry, author="ann")


def test_a_row_that_the_database_itself_refuses_says_so(store, pool):
    key = store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"a passphrase")))
    with pytest.raises(RowRefused), store.change("key.set"):
        store.keys.update(key, unit_id=4711)


def test_new_units_are_nothing_to_a_server_and_changed_ones_are(store, venue):
    revision = store.changes.revision()
    together(store, venue.id, [NewUnit("one"), NewUnit("two")])
    unit = store.units.add(venue.id, "three")
    assert store.changes.revision() == revision
    store.units.save(replace(unit, vlan=7))
    assert store.changes.revision() > revision
