"""Another master key: at each moment the database opens with one of the keys that lie there, with all that is in it."""

import os
import sqlite3
from contextlib import closing
from ipaddress import ip_network

import pytest

from crypto import Ssid, passphrase_to_pmk
from provisioning import (
    KeyDraft,
    MasterKey,
    MasterKeyError,
    Passphrase,
    Store,
    StoreError,
    create_store,
    open_store,
)
from provisioning.rekey import rekey
from provisioning.secrets import CREDENTIALS_VARIABLE, FILE_VARIABLE, KEY_VARIABLE, VERSION, Vault


@pytest.fixture
def filled(path):
    """A database with its key beside it, three keys and a NAS."""
    with create_store(path, {}) as store:
        pool = store.keypools.add(Ssid(b"Hudson House"))
        drafts = [KeyDraft(passphrase=Passphrase(b"passphrase %d" % number)) for number in range(3)]
        store.keys.add_many(pool.id, drafts)
        store.nases.add(ip_network("192.0.2.1"), b"a shared secret", name="ap")
    return path


def contents(path, environ):
    with open_store(path, environ) as store:
        return (
            [(key.identity, key.passphrase.value, key.pmk.value) for key in store.keys.select()],
            [nas.secret for nas in store.nases.all()],
        )


def test_everything_is_as_before_under_another_key(filled):
    key_file = filled.with_suffix(".key")
    before, former = contents(filled, {}), key_file.read_text()
    done = rekey(filled, {})
    assert key_file.read_text() != former
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert contents(filled, {}) == before
    assert done.former.read_text() == former
    assert done.former.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in filled.parent.iterdir()} == {filled.name, key_file.name, done.former.name}
    with pytest.raises(MasterKeyError):
        Store.open(filled, MasterKey.read(done.former))


def test_equal_passphrases_are_still_recognised(filled):
    rekey(filled, {})
    with open_store(filled, {}) as store, pytest.raises(Exception, match="already in use"):
        store.keys.add(1, KeyDraft(passphrase=Passphrase(b"passphrase 1")))


def test_no_value_opens_with_the_former_key(filled):
    former = Vault(MasterKey.read(filled.with_suffix(".key")))
    rekey(filled, {})
    with closing(sqlite3.connect(filled)) as database:
        for column, sql in (("keys.pmk", "SELECT id, pmk FROM keys"), ("nases.secret", "SELECT id, secret FROM nases")):
            for id_, sealed in database.execute(sql):
                assert sealed.startswith(VERSION)
                with pytest.raises(Exception, match="cannot be decrypted"):
                    former.unseal(column, id_, sealed)


class Cut(BaseException):
    """The power goes."""


@pytest.mark.parametrize(
    "step",
    ["provisioning.secrets.os.fsync", "provisioning.store.keys.Keys.reseal", "provisioning.rekey.os.replace"],
)
def test_cut_off_anywhere_it_opens_with_a_key_that_lies_there(filled, monkeypatch, step):
    before = contents(filled, {})

    def cut(*_):
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(step, cut)
        with pytest.raises(Cut):
            rekey(filled, {})
    assert contents(filled, {}) == before
    rekey(filled, {})
    assert contents(filled, {}) == before
    assert not filled.with_name("latchkey.key.new").exists()


def test_committed_and_then_cut_off_the_new_key_is_found(filled, monkeypatch):
    """The control of the one above: there, the key in use is the one that was not moved yet."""

    def cut(*_):
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr("provisioning.rekey.os.replace", cut)
        with pytest.raises(Cut):
            rekey(filled, {})
    with pytest.raises(MasterKeyError):
        Store.open(filled, MasterKey.read(filled.with_suffix(".key")))
    Store.open(filled, MasterKey.read(filled.with_name("latchkey.key.new"))).close()


def test_cut_off_and_then_not_to_be_opened_the_new_key_is_kept(filled, monkeypatch):
    """It may be the only one that opens the database."""

    def cut(*_):
        raise Cut

    def fail(*_, **__):
        raise StoreError("the database is locked by another process")

    with monkeypatch.context() as patch:
        patch.setattr("provisioning.rekey.os.replace", cut)
        with pytest.raises(Cut):
            rekey(filled, {})
    with monkeypatch.context() as patch:
        patch.setattr("provisioning.rekey.Store.open", fail)
        with pytest.raises(StoreError):
            rekey(filled, {})
    before = contents(filled, {})
    rekey(filled, {})
    assert contents(filled, {}) == before


def test_rows_that_cannot_be_opened_are_left_and_counted(filled):
    with closing(sqlite3.connect(filled)) as database, database:
        database.execute("UPDATE keys SET pmk = zeroblob(61) WHERE id = 2")
    assert rekey(filled, {}).damaged == 1
    with open_store(filled, {}) as store:
        assert store.keys.get(1).passphrase.value == b"passphrase 0"
        assert store.keys.get(3).passphrase.value == b"passphrase 2"


def test_another_database_was_sealed_meanwhile(filled):
    with open_store(filled, {}) as late:
        rekey(filled, {})
        with pytest.raises(Exception, match="sealed anew meanwhile"):
            late.rekey(MasterKey.generate(), lambda: None)
    contents(filled, {})


def test_key_from_the_environment_needs_a_file_for_the_next(path, tmp_path):
    environ = {KEY_VARIABLE: "11" * 32}
    create_store(path, environ).close()
    with pytest.raises(Exception, match="--new-key-file"):
        rekey(path, environ)
    done = rekey(path, environ, new_path=tmp_path / "next.key")
    assert done.former is None
    contents(path, {KEY_VARIABLE: done.path.read_text()})
    with pytest.raises(MasterKeyError):
        contents(path, environ)


def test_key_by_systemds_credential(filled, tmp_path):
    """LoadCredential makes a copy that the group may seem to read, by an access list, in a folder closed to others."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    filled.with_suffix(".key").rename(folder / "latchkey.key")
    (folder / "latchkey.key").chmod(0o440)
    environ = {CREDENTIALS_VARIABLE: str(folder)}
    contents(filled, environ)
    with pytest.raises(MasterKeyError, match="no master key at"):
        contents(filled, {})
    # A file that is named is meant.
    with pytest.raises(MasterKeyError):
        contents(filled, environ | {FILE_VARIABLE: str(tmp_path / "elsewhere.key")})


def test_after_a_rekey_beside_it_the_credential_of_the_start_is_not_the_last_word(filled, tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "latchkey.key").write_text(filled.with_suffix(".key").read_text())
    environ = {CREDENTIALS_VARIABLE: str(folder)}
    with open_store(filled, environ) as store:
        rekey(filled, {})
        store.check_key()
        assert store.keys.get(1).passphrase.value == b"passphrase 0"


def test_command(cli, path):
    cli.ok("pool", "add", "Hudson House", "--global")
    cli.ok("key", "add", "--identity", "Ann", "--passphrase", "correct-horse-1")
    text = cli.ok("rekey")
    assert text.startswith(f"the master key is a new one now: {path.with_suffix('.key')}\n")
    assert "backups made before need it" in text
    assert "correct-horse-1" in cli.ok("key", "show", "Ann", "--show-secrets")
    text = cli.ok("rekey", "--new-key-file", str(path.with_name("next")))
    assert "restart them" in text
    assert "master key is not the one" in cli.refused("key", "show", "Ann")
    os.replace(path.with_name("next"), path.with_suffix(".key"))  # noqa: PTH105
    cli.ok("key", "show", "Ann")


def test_a_value_of_before_the_version_opens(master_key):
    """One in 256 begins like a version; which it is, the tag tells."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from provisioning.secrets import _derive

    vault = Vault(master_key)
    old = AESGCM(_derive(master_key, b"latchkey encryption at rest"))
    pmk = passphrase_to_pmk(b"correct-horse-1", Ssid(b"x")).value
    rows = []
    for first in (1, 2):
        nonce = bytes([first]) + bytes(11)
        rows.append((7, nonce + old.encrypt(nonce, pmk, b"keys.pmk:7")))
    rows.append((8, vault.seal("keys.pmk", 8, pmk)))
    assert [vault.unseal("keys.pmk", *row) for row in rows] == [pmk] * 3
    assert vault.unseal_rows("keys.pmk", rows) == pmk * 3
    assert vault.unseal_rows("keys.pmk", rows[2:]) == pmk
