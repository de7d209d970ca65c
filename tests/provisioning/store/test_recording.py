"""Every change is one transaction with one entry, tells what it did, and can be taken back."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from types import SimpleNamespace

import pytest

from crypto import MacAddress, Ssid
from provisioning import Author, DuplicateKey, KeyDraft, KeyStatus, NotFound, Passphrase
from provisioning.errors import CannotUndo
from provisioning.lifecycle.undo import undo

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def site(store):
    store.recorder.author = Author("ann", "here")
    venue = store.venues.add("Hudson House")
    pool = store.keypools.add(Ssid(b"Hudson"), venue_ids=(venue.id,))
    return store, venue, pool


def last(store):
    return next(iter(store.audit.entries(newest=1)))


def test_a_change_is_one_entry_with_what_it_did(site):
    store, _, pool = site
    key = store.keys.add(pool.id, KeyDraft(identity="Ann Lee", passphrase=Passphrase(b"correct-horse-1")))
    store.keys.set_status(key, KeyStatus.SUSPENDED, now=NOW, reason="late")
    entry = last(store)
    assert (entry.author, entry.origin, entry.action, entry.subject) == ("ann", "here", "key.suspend", "Ann Lee")
    assert entry.reason == "late"
    (row,) = entry.details["rows"]
    assert (row["kind"], row["id"], row["before"]["status"], row["after"]["status"]) == (
        "key",
        key,
        "active",
        "suspended",
    )


def test_no_secret_is_in_an_entry(site):
    store, _, pool = site
    store.nases.add(ip_network("192.0.2.1"), b"a shared secret")
    key = store.keys.add(pool.id, KeyDraft(identity="Ann Lee", passphrase=Passphrase(b"correct-horse-1")))
    store.keys.reset(key, Passphrase(b"another-horse-2"))
    assert last(store).details["rows"][0]["after"]["passphrase"] == "(secret)"
    with closing(sqlite3.connect(store.path)) as database:
        dump = "\n".join(database.iterdump()).encode()
    for secret in (b"a shared secret", b"correct-horse-1", b"another-horse-2"):
        assert secret not in dump
        assert secret.hex().encode() not in dump.lower()


def test_changes_within_one_are_one(site):
    store, venue, _ = site
    before = len(list(store.audit.entries()))
    with store.change("unit.many", reason="new wing"):
        for number in range(3):
            store.units.add(venue.id, f"4{number}")
    (entry,) = list(store.audit.entries())[before:]
    assert (entry.action, entry.reason, len(entry.details["rows"])) == ("unit.many", "new wing", 3)


def test_what_fails_leaves_neither_rows_nor_entry(site):
    store, venue, _ = site
    before = len(list(store.audit.entries())), store.changes.revision()

    def add_here_and_nowhere():
        with store.change("unit.many"):
            store.units.add(venue.id, "4A")
            store.units.add(99, "4A")

    with pytest.raises(NotFound):
        add_here_and_nowhere()
    assert (len(list(store.audit.entries())), store.changes.revision()) == before
    assert store.units.all() == ()


def test_a_dry_run_tells_and_keeps_nothing(site):
    store, venue, _ = site
    store.recorder.dry_run = True
    before = store.changes.revision()
    with store.change("unit.add") as change:
        store.units.add(venue.id, "4A")
    assert [(row.table, row.after["name"]) for row in change.rows] == [("units", "4A")]
    assert store.units.all() == ()
    assert store.changes.revision() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda at: at.store.venues.save(replace(at.venue, name="Elm", nas_identifiers=("b7-ap3",))),
        lambda at: at.store.units.add(at.venue.id, "9Z", vlan=17),
        lambda at: at.store.keypools.attach_venue(at.pool.id, at.store.venues.all()[1].id),
        lambda at: at.store.plans.add("Basic", download_kbps=1000),
        lambda at: at.store.nases.add(ip_network("192.0.2.9"), b"a shared secret", venue_id=at.venue.id),
        lambda at: at.store.keys.set_status(at.key, KeyStatus.REMOVED, now=NOW),
        lambda at: at.store.keys.reset(at.key, Passphrase(b"another-horse-2")),
        lambda at: at.store.keys.add_device(at.key, MacAddress(b"\2\0\0\0\0\x09")),
        lambda at: at.store.devices.forget(at.key),
        lambda at: at.store.keys.add_many(
            at.pool.id, [KeyDraft(passphrase=Passphrase(b"passphrase %d" % n), subscriber=f"s{n}") for n in range(5)]
        ),
        lambda at: at.store.subscribers.add("Eve"),
    ],
)
def test_undo_brings_back_what_was_before(site, change):
    store, venue, pool = site
    store.venues.add("Other House")
    key = store.keys.add(
        pool.id,
        KeyDraft(passphrase=Passphrase(b"correct-horse-1"), subscriber="Ann", devices=(MacAddress(b"\2\0\0\0\0\1"),)),
    )

    def state():
        tables = ("venues", "venue_nas_identifiers", "units", "keypools", "keypool_venues", "plans", "nases")
        more = ("subscribers", "keys", "devices")
        return {table: store._db.rows(f"SELECT * FROM {table}") for table in tables + more}  # noqa: S608

    before = state()
    change(SimpleNamespace(store=store, venue=venue, pool=pool, key=key))
    assert state() != before
    revision = store.changes.revision()
    undo(store, author="ann")
    assert state() == before
    assert store.audit.verify()[2] == []
    assert store.changes.revision() >= revision
    with pytest.raises(CannotUndo, match="taken back already"):
        undo(store, last(store).undoes, author="ann")


def test_undo_is_refused_where_something_came_in_between(site):
    store, venue, pool = site
    unit = store.units.add(venue.id, "4B")
    added = last(store).id
    store.units.save(replace(unit, vlan=7))
    changed = last(store).id
    store.units.save(replace(unit, vlan=8))
    with pytest.raises(CannotUndo, match="unit 1 was changed since"):
        undo(store, changed, author="ann")
    with pytest.raises(CannotUndo, match="unit 1 was changed since"):
        undo(store, added, author="ann")
    key = store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"correct-horse-1")))
    store.keys.set_status(key, KeyStatus.REMOVED, now=NOW)
    removed = last(store).id
    store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"correct-horse-1")))
    with pytest.raises(DuplicateKey):
        undo(store, removed, author="ann")
    assert store.keys.get(key).status is KeyStatus.REMOVED


def test_an_undo_can_be_undone(site):
    store, venue, _ = site
    unit = store.units.add(venue.id, "4B")
    store.units.save(replace(unit, vlan=7))
    undo(store, author="ann")
    assert store.units.get(unit.id).vlan is None
    undo(store, last(store).id, author="ann")
    assert store.units.get(unit.id).vlan == 7
    undo(store, author="ann")  # goes on where it was
    assert store.units.get(unit.id).vlan is None


def test_what_was_altered_in_the_audit_is_found(site):
    store, venue, _ = site
    for number in range(4):
        store.units.add(venue.id, f"4{number}")
    assert store.audit.verify()[2] == []
    for alter in (
        "UPDATE audit SET author = 'bob' WHERE id = 3",
        "UPDATE audit SET details = replace(details, '40', '50') WHERE id = 3",
        "UPDATE audit SET details = NULL WHERE id = 3",
        "DELETE FROM audit WHERE id = 3",
    ):
        store._db.execute("BEGIN")
        store._db.execute(alter)
        assert store.audit.verify()[2], alter
        store._db.execute("ROLLBACK")
    with store._db.writing():
        store.audit.erase_details([3])
    assert store.audit.verify()[2] == []


def test_revisions_are_in_the_order_of_commits(site):
    store, *_ = site
    store.plans.add("Basic")
    revisions = [change.revision for change in store.changes.since(0)]
    assert revisions == sorted(set(revisions))
    assert store._db.rows("SELECT highest FROM counters WHERE name = 'revision'") == [(revisions[-1],)]


def test_reading_a_key_reads_nobody_elses_whitelist(site, monkeypatch):
    store, _, pool = site
    key = store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(b"correct-horse-1"), subscriber="Ann"))
    (ann,) = store.subscribers.named("Ann")
    other = store.subscribers.add("Bob")
    for each in (ann, other):
        store.subscribers.allow_device(each.id, MacAddress(b"\2\0\0\0\0\1"))
    read = []
    monkeypatch.setattr(
        "provisioning.store.subscribers.MacAddress", lambda octets: read.append(octets) or MacAddress(octets)
    )
    assert store.keys.get(key).whitelists.devices == ((MacAddress(b"\2\0\0\0\0\1"), None),)
    assert len(read) == 1
