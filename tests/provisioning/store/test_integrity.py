"""What no command lets in, but a bug, another program or a bad disk may: found, and nothing else."""

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest

import provisioning
from crypto import Ssid
from provisioning import KeyDraft, Passphrase
from provisioning.store.files.integrity import SEALED, Condition, Orphan, SharedVlan, Stranger, Twins

DAY = [datetime(2026, 11, day, tzinfo=UTC) for day in range(1, 5)]


@pytest.fixture
def house(store, venue, pool):
    """Two venues with a keypool of one SSID each, and a global one of another; two keys in each."""
    elm = store.venues.add("Elm Court")
    pools = [
        pool,
        store.keypools.add(pool.ssid, venue_ids=[elm.id]),
        store.keypools.add(Ssid(b"All")),
    ]
    for number, each in enumerate(pools):
        drafts = [
            KeyDraft(passphrase=Passphrase(b"passphrase %d %d" % (number, place)), starts=DAY[0], ends=DAY[1])
            for place in range(2)
        ]
        store.keys.add_many(each.id, drafts)
    store.units.add(venue.id, "4C", vlan=104)
    store.units.add(venue.id, "4D", building="West", vlan=105)
    store.units.add(elm.id, "4C", vlan=104)
    store.nases.add(ip_network("192.0.2.1"), b"a secret of its own", venue_id=venue.id)
    return store


def meddle(store, sql, *parameters):
    store._db.sql.execute("PRAGMA foreign_keys = OFF")
    store._db.sql.execute(sql, parameters)
    store._db.sql.execute("PRAGMA foreign_keys = ON")


def test_sound_database_has_nothing_wrong(house):
    found = []
    assert house.integrity.examine() == Condition()
    assert house.integrity.unopened(lambda *row: found.append(row)) == 13  # 6 passphrases, 6 PMKs, 1 shared secret
    assert found == []


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE keys SET pmk = randomblob(61) WHERE id = 3", ("keys", 3)),
        ("UPDATE keys SET passphrase = (SELECT passphrase FROM keys WHERE id = 1) WHERE id = 2", ("keys", 2)),
        ("UPDATE keys SET passphrase = 'text' WHERE id = 4", ("keys", 4)),
        ("UPDATE keys SET pmk = randomblob(61), status = 'removed' WHERE id = 5", ("keys", 5)),
        ("UPDATE nases SET secret = randomblob(40)", ("nases", 1)),
    ],
)
def test_value_that_does_not_open_is_found(house, statement, row):
    found = []
    meddle(house, statement)
    assert house.integrity.unopened(lambda *each: found.append(each)) == 13
    assert found == [row]


def test_erased_keys_have_nothing_to_open(house):
    meddle(house, "UPDATE keys SET status = 'removed', passphrase = x'', pmk = x'', fingerprint = x'' WHERE id < 3")
    assert house.integrity.unopened(lambda *_: pytest.fail("nothing is sealed")) == 9
    assert house.integrity.examine() == Condition()


def test_orphans_are_found(house):
    meddle(house, "UPDATE keys SET unit_id = 77 WHERE id = 2")
    meddle(house, "INSERT INTO keypool_venues VALUES (1, 99)")
    assert set(house.integrity.examine().orphans) == {
        Orphan("keys", 2, "units"),
        Orphan("keypool_venues", None, "venues"),
    }


@pytest.mark.parametrize(
    ("one", "other", "changed", "found"),
    [
        (1, 2, "", True),  # of one keypool
        (1, 3, "", False),  # of venues apart
        (1, 5, "", False),  # of another SSID
        (1, 3, "INSERT INTO keypool_venues VALUES (1, 2)", True),  # at one venue since
        (1, 3, "DELETE FROM keypool_venues", False),
        (1, 2, "UPDATE keys SET starts = ends, ends = NULL WHERE id = 2", False),  # one ends as the other begins
        (1, 2, "UPDATE keys SET starts = ends - 1, ends = NULL WHERE id = 2", True),
        (1, 2, "UPDATE keys SET starts = NULL, ends = NULL WHERE id = 2", True),
        (1, 2, "UPDATE keys SET status = 'removed' WHERE id = 1", False),
        (1, 2, "UPDATE keys SET status = 'suspended' WHERE id = 1", True),  # it may be resumed
    ],
)
def test_two_keys_of_one_passphrase_are_found_where_they_can_meet(house, one, other, changed, found):
    meddle(house, "UPDATE keys SET fingerprint = (SELECT fingerprint FROM keys WHERE id = ?) WHERE id = ?", one, other)
    if changed:
        meddle(house, changed)
    assert house.integrity.examine().twins == ((Twins(one, other),) if found else ())


def test_windows_that_end_before_they_start_are_found(house):
    meddle(house, "UPDATE keys SET starts = ends, ends = starts WHERE id = 4")
    assert house.integrity.examine() == Condition(reversed_windows=(("keys", 4),))


def test_keys_in_units_of_other_venues_are_found(house):
    meddle(house, "UPDATE keys SET unit_id = 3 WHERE id IN (1, 3, 5)")
    meddle(house, "UPDATE keys SET unit_id = 3, status = 'removed' WHERE id = 2")
    assert house.integrity.examine() == Condition(strangers=(Stranger(1, "4C", "Elm Court"),))


def test_vlans_that_units_of_a_venue_share_are_found(house):
    meddle(house, "UPDATE units SET vlan = 104 WHERE id = 2")
    assert house.integrity.examine() == Condition(shared_vlans=(SharedVlan("Hudson House", 104, ("4C", "West/4D")),))


def test_damaged_index_is_found(house):
    house._db.sql.execute("PRAGMA writable_schema = ON")
    house._db.sql.execute(
        "UPDATE sqlite_master SET sql = replace(sql, '(identity)', '(ends)') WHERE name = 'keys_by_identity'"
    )
    house._db.sql.execute("PRAGMA writable_schema = RESET")
    assert any("keys_by_identity" in text for text in house.integrity.examine().pages)


def test_no_sealed_column_is_forgotten():
    folder = Path(provisioning.__file__).parent
    import re

    text = "".join(path.read_text() for path in folder.rglob("*.py") if path.name != "integrity.py")
    sealed = set(re.findall(r"seal(?:_rows)?\(\s*\"([a-z_]+\.[a-z_]+)\"", text))
    assert sealed
    assert sealed <= set(SEALED)
