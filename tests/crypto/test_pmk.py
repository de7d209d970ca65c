import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import Ssid, pmk_batch
from crypto.kernels import bulk as _kernels
from crypto.kernels.schedules import expand_sha1
from crypto.kernels.simd import host_lanes

assert _kernels  # imported: pmk_batch then uses the kernels for any number of passphrases
VECTORS = Path(__file__).parents[1] / "vectors"


def slow(passphrase, ssid):
    return hashlib.pbkdf2_hmac("sha1", passphrase, ssid, 4096, 32)


@pytest.mark.parametrize("case", tomllib.loads((VECTORS / "passphrase-to-psk.toml").read_text())["case"])
def test_published_passphrases_give_the_published_psk(case):
    pmks = pmk_batch([case["passphrase"].encode()], Ssid(case["ssid"].encode()))
    assert pmks[0].tobytes().hex() == case["pmk"]


# Those of 802.11's shape: the kernel takes passwords of at most 64 octets and salts of at most 32.
RFC_6070 = [
    case
    for case in tomllib.loads((VECTORS / "pbkdf2-hmac-sha1.toml").read_text())["case"]
    if case["rounds"] <= 4096 and len(case["password"]) <= 64 and len(case["salt"]) <= 32
]


@pytest.mark.parametrize("width", [16, 8, 4])
@pytest.mark.parametrize("case", RFC_6070)
def test_rfc_6070_on_every_width(case, width):
    password, salt = case["password"].encode(), case["salt"].encode()
    lanes = host_lanes(width)
    keys = np.zeros((16, width), np.uint32)
    keys[:, 1] = np.frombuffer(password.ljust(64, b"\0"), ">u4")
    salts = np.concatenate([expand_sha1(salt + bytes([0, 0, 0, part])) for part in (1, 2)])
    out = np.zeros((8, width), np.uint32)
    _kernels.pbkdf2_sha1(lanes, keys.reshape(-1), salts, case["rounds"], out.reshape(-1), 1)
    derived = out[:, 1].astype(">u4").tobytes()
    assert derived == hashlib.pbkdf2_hmac("sha1", password, salt, case["rounds"], 32)
    assert derived.hex()[: len(case["key"])] == case["key"][:64]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.binary(min_size=8, max_size=63), min_size=1, max_size=20),
    st.binary(min_size=1, max_size=32),
)
def test_batch_agrees_with_hashlib(passphrases, ssid):
    pmks = pmk_batch(passphrases, Ssid(ssid))
    assert [row.tobytes() for row in pmks] == [slow(passphrase, ssid) for passphrase in passphrases]


def test_rows_keep_their_order_over_threads_and_hex_keys_are_themselves():
    passphrases = [b"passphrase %d" % i for i in range(2100)]
    passphrases[17] = b"ab" * 32
    reports = []
    pmks = pmk_batch(passphrases, Ssid(b"x"), threads=2, progress=lambda done, total: reports.append((done, total)))
    assert pmks.shape == (2100, 32)
    for i in (0, 16, 18, 1023, 1024, 1025, 2048, 2099):
        assert pmks[i].tobytes() == slow(passphrases[i], b"x")
    assert pmks[17].tobytes() == b"\xab" * 32
    assert reports[-1] == (2100, 2100)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


@pytest.mark.parametrize("bad", [b"1234567", b"x" * 64, b"x" * 65, b""])
def test_passphrase_of_a_wrong_length_is_refused_without_showing_it(bad):
    with pytest.raises(ValueError, match="64") as caught:
        pmk_batch([b"good enough", bad], Ssid(b"x"))
    assert not bad or bad.decode() not in str(caught.value)


def test_nothing_gives_nothing():
    assert pmk_batch([], Ssid(b"x")).shape == (0, 32)
