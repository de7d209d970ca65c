import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning import MasterKey, MasterKeyError, StoreError
from provisioning.secrets import Vault

KEY = MasterKey(bytes(range(32)))
VAULT = Vault(KEY)


@given(st.binary(max_size=80), st.integers(0, 2**62))
def test_what_is_sealed_opens_only_in_its_place(value, row):
    sealed = VAULT.seal("keys.pmk", row, value)
    assert VAULT.unseal("keys.pmk", row, sealed) == value
    assert len(sealed) == 1 + 12 + len(value) + 16
    for column, other in (("keys.pmk", row + 1), ("keys.passphrase", row)):
        with pytest.raises(StoreError, match="cannot be decrypted"):
            VAULT.unseal(column, other, sealed)


@given(st.binary(max_size=100))
def test_arbitrary_octets_do_not_open(octets):
    with pytest.raises(StoreError):
        VAULT.unseal("keys.pmk", 1, octets)
    with pytest.raises(StoreError, match="row 1 "):
        VAULT.unseal_rows("keys.pmk", [(1, octets)])


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20), st.integers(1, 2**40))
def test_sealing_many_is_sealing_each(values, first):
    sealed = VAULT.seal_rows("keys.pmk", first, values)
    rows = list(enumerate(sealed, first))
    assert [VAULT.unseal("keys.pmk", *row) for row in rows] == values
    assert VAULT.unseal_rows("keys.pmk", rows) == b"".join(values)


def test_no_nonce_is_used_twice():
    sealed = VAULT.seal_rows("keys.pmk", 1, [b"same"] * 1000) + [VAULT.seal("keys.pmk", 1, b"same") for _ in range(100)]
    assert len({value[:12] for value in sealed}) == 1100


def test_fingerprints_are_keyed():
    other = Vault(MasterKey(bytes(32)))
    assert VAULT.fingerprint(b"p" * 32) == Vault(KEY).fingerprint(b"p" * 32)
    assert VAULT.fingerprint(b"p" * 32) != other.fingerprint(b"p" * 32)


def test_master_key_is_not_in_its_repr():
    assert "1f" not in repr(KEY)
    with pytest.raises(ValueError, match="32 octets"):
        MasterKey(b"short")


def test_created_key_is_private_and_loads_again(tmp_path):
    path = tmp_path / "latchkey.db"
    key = MasterKey.create(path, {})
    file = tmp_path / "latchkey.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert MasterKey.load(path, {}) == key
    assert MasterKey.create(path, {}) == key  # an existing file is kept


def test_environment_names_the_key_or_its_file(tmp_path):
    path = tmp_path / "latchkey.db"
    assert MasterKey.load(path, {"LATCHKEY_MASTER_KEY": KEY.value.hex()}) == KEY
    assert MasterKey.create(path, {"LATCHKEY_MASTER_KEY": KEY.value.hex()}) == KEY
    other = {"LATCHKEY_MASTER_KEY_FILE": str(tmp_path / "elsewhere")}
    made = MasterKey.create(path, other)
    assert MasterKey.load(path, other) == made
    assert [file.name for file in tmp_path.iterdir()] == ["elsewhere"]


@pytest.mark.parametrize("text", ["zz" * 32, "00" * 31, "00" * 33, "", "00 " * 32])
def test_text_that_is_no_key_is_refused_without_showing_it(tmp_path, text):
    file = tmp_path / "latchkey.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(MasterKeyError, match="64 hex digits") as caught:
        MasterKey.load(tmp_path / "latchkey.db", {})
    assert not text or text not in str(caught.value)
    if text:
        with pytest.raises(MasterKeyError, match="LATCHKEY_MASTER_KEY must"):
            MasterKey.load(tmp_path / "latchkey.db", {"LATCHKEY_MASTER_KEY": text})


def test_missing_unreadable_and_public_keys_are_refused(tmp_path):
    path, file = tmp_path / "latchkey.db", tmp_path / "latchkey.key"
    with pytest.raises(MasterKeyError, match="no master key at"):
        MasterKey.load(path, {})
    file.mkdir()
    with pytest.raises(MasterKeyError, match="cannot read the master key"):
        MasterKey.load(path, {})
    file.rmdir()
    file.write_text(KEY.value.hex())
    for mode in (0o640, 0o604, 0o660):
        file.chmod(mode)
        with pytest.raises(MasterKeyError, match="chmod 600"):
            MasterKey.load(path, {})
    file.chmod(0o400)
    assert MasterKey.load(path, {}) == KEY
    with pytest.raises(MasterKeyError, match="cannot write the master key"):
        MasterKey.create(tmp_path / "nowhere" / "latchkey.db", {})
