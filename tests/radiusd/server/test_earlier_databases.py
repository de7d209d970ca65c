"""A database that an earlier commit made is served."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crypto import MacAddress
from provisioning import MasterKey, Store
from radiusd import SharedSecret

VECTORS = sorted((Path(__file__).parents[2] / "vectors/databases").glob("*.sql"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda path: path.stem)
def test_it_is_served(house, handshake, lookup, tmp_path, vector):
    house.store.close()
    house.path = tmp_path / "earlier.db"
    text = vector.read_text("utf-8")
    with closing(sqlite3.connect(house.path)) as database:
        database.executescript(text)
    house._master_key = MasterKey(bytes.fromhex(re.search("(?m)^-- master key: ([0-9a-f]{64})$", text)[1]))
    house.store = Store.open(house.path, house._master_key)
    house.secret = SharedSecret(b"testing123")
    house.start()
    known = MacAddress.parse("02:00:00:00:00:01")
    assert house.ask(handshake(b"correct-horse-1"), address="127.0.0.1").vlan == 110
    assert house.ask(handshake(b"correct-horse-2"), address="127.0.0.1", identifier=1) is None  # suspended
    assert house.ask(handshake(b"correct-horse-4"), address="127.0.0.1", identifier=2) is None  # removed
    assert house.ask(lookup(known), address="127.0.0.1", identifier=3).passphrases == (b"correct-horse-1",)
    assert len(house.follower.damage) == 0
