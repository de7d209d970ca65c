"""A database that an earlier commit made opens, is brought up to date, and serves."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto import Ssid, passphrase_to_pmk
from provisioning import KeyStatus, MasterKey, Store

VECTORS = sorted((Path(__file__).parents[2] / "vectors/databases").glob("*.sql"))
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(params=VECTORS, ids=lambda path: path.stem)
def earlier(request, path):
    """A database as it was, and its master key."""
    text = request.param.read_text("utf-8")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.executescript(text)
    return path, MasterKey(bytes.fromhex(re.search("(?m)^-- master key: ([0-9a-f]{64})$", text)[1]))


def test_there_is_one():
    assert VECTORS


def test_it_opens_with_everything_in_it(earlier):
    path, key = earlier
    with Store.open(path, key) as store:
        first, second = store.venues.all()
        assert (first.name, first.wireless_only_vlan_offset) == ("Hudson House", 1000)
        assert first.nas_identifiers == ("hudson-ap1", "hudson-ap2")
        assert second.name == "Elm Court"
        local, everywhere = store.keypools.all()
        assert local.venue_ids == (first.id,)
        assert everywhere.venue_ids == ()
        one, many = store.nases.all()
        assert (one.name, one.secret, one.venue_id) == ("loopback", b"testing123", first.id)
        assert (many.secret, many.profile, many.require_message_authenticator) == (b"another secret", "unifi", False)
        ann, bob, eve, gus = store.keys.select()
        assert (ann.identity, ann.passphrase.value, ann.effective_vlan) == ("Ann", b"correct-horse-1", 110)
        assert (ann.plan.download_kbps, ann.plan.vlan_pool, ann.subscriber.name) == (50_000, "residents", "Ann Lee")
        assert (bob.status, bob.status_reason, bob.ends) == (
            KeyStatus.SUSPENDED,
            "delinquent",
            datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC),
        )
        assert (eve.vlan, gus.status) == (30, KeyStatus.REMOVED)
        assert ann.pmk == passphrase_to_pmk(b"correct-horse-1", Ssid(b"Hudson House"))
        (batch, other) = store.keys.batches(lapsed_since=LONG_AGO)
        assert sorted([*batch.ids.tolist(), *other.ids.tolist()]) == [1, 2, 3, 4]
        devices = {str(device.mac): device.key_id for device in store.devices.of_keys()}
        assert devices == {"02:00:00:00:00:01": ann.id, "02:00:00:00:00:03": eve.id}
        # It is one that can be worked with: ids and passphrases that were used are not used again.
        with pytest.raises(Exception, match="already in use"):
            store.keys.reset(bob.id, ann.passphrase)
        store.keys.set_status(bob.id, KeyStatus.ACTIVE, now=datetime.now(UTC) + timedelta(0))
    with Store.open(path, key) as store:
        assert store.keys.get(bob.id).status is KeyStatus.ACTIVE
