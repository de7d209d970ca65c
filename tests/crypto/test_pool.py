import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto import (
    Akm,
    EapolKey,
    FtContext,
    Fte,
    Handshake,
    MacAddress,
    Mde,
    Pmk,
    Pool,
    Rsne,
    Ssid,
    WpaElement,
    derive_handshake_pmk_r1,
    passphrase_to_pmk,
    sign,
    verify_mic,
)
from crypto.kernels.simd import Lanes, host_lanes

VECTORS = Path(__file__).parents[1] / "vectors"
SSID = Ssid(b"Hudson House")
CCMP = 0x000FAC04
TKIP = 0x000FAC02
VERSIONS = {Akm.PSK: 2, Akm.PSK_SHA256: 3, Akm.FT_PSK: 3, Akm.WPA_PSK: 1}
# Every pair of AKM and key version that an access point forwards: 1 is HMAC-MD5, for WPA1 and for RSN with TKIP.
KINDS = [
    pytest.param(akm, version, id=f"{akm.name}-{version}")
    for akm, version in [*VERSIONS.items(), (Akm.PSK, 1), (Akm.WPA_PSK, 2)]
]


def every_lanes():
    """Return each width once, and between them each way to AES that this processor has."""
    best = [host_lanes(width) for width in (16, 8, 4)]
    return [best[0], Lanes(8, min(best[1].aes, 1)), Lanes(4, 0)]


LANES = [pytest.param(lanes, id=repr(lanes)) for lanes in every_lanes()]


def key_data(akm, name=None, padding=b"", cipher=CCMP):
    if akm is Akm.WPA_PSK:
        return WpaElement(group=0x0050F202, pairwise=(0x0050F202,), akms=(akm,)).encode() + padding
    rsne = Rsne(group=cipher, pairwise=(cipher,), akms=(akm,), capabilities=0, pmkids=(name,) if name else ())
    if akm is not Akm.FT_PSK:
        return rsne.encode() + padding
    return (
        rsne.encode()
        + Mde(mdid=b"\xa1\xb2").encode()
        + Fte(r1kh_id=bytes(5) + b"\1", r0kh_id=b"ap.example").encode()
        + padding
    )


def make(
    akm,
    pmk,
    *,
    ssid=SSID,
    aa=b"\2" * 6,
    spa=b"\4" * 6,
    anonce=b"a" * 32,
    snonce=b"s" * 32,
    named=True,
    padding=b"",
    version=None,
):
    """Return the handshake of a station that has `pmk`, its MIC (and PMKR1Name) made by the reference."""
    version = version or VERSIONS[akm]

    def of(name):
        m2 = EapolKey(
            descriptor=0xFE if akm is Akm.WPA_PSK else 0x02,
            key_info=0x0108 | version,
            replay_counter=1,
            snonce=snonce,
            key_data=key_data(akm, name, padding, TKIP if version == 1 else CCMP),
            mic=b"\1" * 16,
        )
        return Handshake.of(ssid=ssid, aa=MacAddress(aa), spa=MacAddress(spa), anonce=anonce, m2=m2)

    handshake = of(None)
    if akm is Akm.FT_PSK and named:
        handshake = of(derive_handshake_pmk_r1(pmk, handshake).name)
    return sign(pmk, handshake)


def keys(count, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def pool_of(pmks, lanes=None):
    pool = Pool(SSID, lanes=lanes)
    pool.add(np.arange(1, len(pmks) + 1), pmks)
    return pool


def pmk_of(row):
    return Pmk(row.tobytes())


octets = st.binary
handshakes = st.fixed_dictionaries(
    {
        "ssid": octets(min_size=1, max_size=32).map(Ssid),
        "aa": octets(min_size=6, max_size=6),
        "spa": octets(min_size=6, max_size=6),
        "anonce": octets(min_size=32, max_size=32),
        "snonce": octets(min_size=32, max_size=32),
        # a vendor element of any length: M2 frames of 121 to 290 octets and more
        "padding": st.integers(4, 200).map(lambda n: bytes([221, n]) + bytes(range(n))) | st.just(b""),
        "named": st.booleans(),
    }
)


def _published():
    made = []
    for case in tomllib.loads((VECTORS / "handshakes.toml").read_text("utf-8"))["case"]:
        handshake = Handshake.build(
            ssid=Ssid.parse(case["ssid"]),
            aa=MacAddress.parse(case["aa"]),
            spa=MacAddress.parse(case["spa"]),
            anonce=bytes.fromhex(case["anonce"]),
            frame=bytes.fromhex(case["m2"]),
        )
        made.append((handshake, case["passphrase"].encode()))
    return made


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(("akm", "version"), KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(what=handshakes, slot=st.integers(0, 99))
def test_kernel_finds_what_the_reference_signed(lanes, akm, version, what, slot):
    pmks = keys(100)
    handshake = make(akm, pmk_of(pmks[slot]), version=version, **what)
    assert (handshake.akm, handshake.key_version) == (akm, version)
    assert list(pool_of(pmks, lanes).find(handshake)) == [slot + 1]
    stranger = make(akm, Pmk(b"\7" * 32), version=version, **what)
    assert list(pool_of(pmks, lanes).find(stranger)) == []


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("published", _published(), ids=lambda case: str(case[0].ssid))
def test_kernel_finds_the_key_of_published_handshakes(lanes, published):
    handshake, passphrase = published
    pmks = keys(40)
    pmks[17] = np.frombuffer(passphrase_to_pmk(passphrase, handshake.ssid).value, np.uint8)
    pool = Pool(handshake.ssid, lanes=lanes)
    pool.add(np.arange(1, 41), pmks)
    assert list(pool.find(handshake)) == [18]


def test_published_handshakes_cover_every_mic():
    assert {handshake.key_version for handshake, _ in _published()} == {1, 2, 3}


@pytest.mark.parametrize("lanes", LANES)
@settings(max_examples=20, deadline=None)
@given(what=handshakes.map(lambda what: {**what, "named": True}), slot=st.integers(0, 99))
def test_name_of_the_ft_hierarchy_is_searched_alone(lanes, what, slot):
    pmks = keys(100)
    handshake = make(Akm.FT_PSK, pmk_of(pmks[slot]), **what)
    pool = Pool(handshake.ssid, lanes=lanes)
    pool.add(np.arange(1, 101), pmks)
    asked = []

    def fits(pmk):
        asked.append(pmk)
        return verify_mic(pmk, handshake)

    assert list(pool.find_by_name(handshake.spa, handshake.ft, fits)) == [slot + 1]
    assert asked == [pmk_of(pmks[slot])]
    assert list(pool.find_by_name(handshake.spa, handshake.ft, lambda _: False)) == []


def test_ft_context_without_a_name_is_not_searched_by_name():
    with pytest.raises(ValueError, match="no PMKR1Name"):
        list(Pool(SSID).find_by_name(MacAddress(bytes(6)), FtContext(mdid=b"ab", r0kh_id=b"a", r1kh_id=bytes(6)), bool))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(("akm", "version"), KINDS)
@pytest.mark.parametrize("frame", [99, 100, 111, 112, 127, 128, 129, 175, 176, 239, 240, 290, 500])
def test_frames_of_every_length_around_the_block_boundaries(lanes, akm, version, frame):
    pmks = keys(20)
    base = len(key_data(akm, bytes(16))) + 99
    missing = frame - base
    if (akm is Akm.FT_PSK and missing < 2) or missing == 1:
        frame, missing = base, 0
    pmk = pmk_of(pmks[7])
    if missing < 0:  # no room for an RSNE: key data of zeros' length, AKM named by the access point
        descriptor = 0xFE if akm is Akm.WPA_PSK else 0x02
        info = 0x0108 | version
        m2 = EapolKey(descriptor=descriptor, key_info=info, replay_counter=1, snonce=b"s" * 32, mic=b"\1" * 16)
        spa, aa = MacAddress(b"\4" * 6), MacAddress(b"\2" * 6)
        handshake = sign(pmk, Handshake.of(ssid=SSID, aa=aa, spa=spa, anonce=b"a" * 32, m2=m2, akm_hint=akm))
    else:
        sizes = [250, missing - 250] if missing > 250 else [missing] if missing else []
        padding = b"".join(bytes([221, size - 2]) + bytes(size - 2) for size in sizes)
        handshake = make(akm, pmk, padding=padding, version=version)
    assert verify_mic(pmk, handshake)
    assert list(pool_of(pmks, lanes).find(handshake)) == [8]


@pytest.mark.parametrize("size", [1, 15, 16, 17, 63, 64, 65, 16_385, 40_000])
@pytest.mark.parametrize("threads", [1, 2])
def test_first_and_last_key_are_found_at_every_size(size, threads):
    pmks = keys(size)
    pool = pool_of(pmks)
    assert len(pool) == size
    for slot in {0, size // 2, size - 1}:
        assert list(pool.find(make(Akm.PSK, pmk_of(pmks[slot])), threads=threads)) == [slot + 1]


@pytest.mark.parametrize(("akm", "version"), KINDS)
def test_all_keys_with_the_same_pmk_are_found(akm, version):
    pmks = keys(100)
    pmks[[3, 4, 40, 99]] = pmks[3]
    handshake = make(akm, pmk_of(pmks[3]), version=version)
    assert sorted(pool_of(pmks).find(handshake)) == [4, 5, 41, 100]


@pytest.mark.parametrize(("akm", "version"), KINDS)
def test_python_looks_at_hits_only(akm, version, monkeypatch):
    pmks, tested = keys(1000), []

    def verify(pmk, handshake):
        tested.append(pmk)
        return verify_mic(pmk, handshake)

    monkeypatch.setattr("crypto.pool.verify_mic", verify)
    assert list(pool_of(pmks).find(make(akm, pmk_of(pmks[700]), version=version))) == [701]
    assert tested == [pmk_of(pmks[700])]


def test_right_name_with_a_forged_mic_is_no_hit():
    pmks = keys(10)
    handshake = make(Akm.FT_PSK, pmk_of(pmks[3]))
    m2 = EapolKey.decode(handshake.m2.octets.replace(handshake.m2.mic, b"\5" * 16))
    forged = Handshake.of(ssid=SSID, aa=handshake.aa, spa=handshake.spa, anonce=handshake.anonce, m2=m2)
    assert forged.ft == handshake.ft
    assert list(pool_of(pmks).find(forged)) == []


@pytest.mark.parametrize(("akm", "version"), KINDS)
@pytest.mark.parametrize("octet", [0, 15])
def test_one_word_of_the_mic_is_not_enough(akm, version, octet):
    pmks = keys(10)
    handshake = make(akm, pmk_of(pmks[3]), version=version)
    changed = bytearray(handshake.m2.mic)
    changed[octet] ^= 1
    mic = bytes(changed)
    m2 = EapolKey.decode(handshake.m2.octets.replace(handshake.m2.mic, mic))
    other = Handshake.of(ssid=SSID, aa=handshake.aa, spa=handshake.spa, anonce=handshake.anonce, m2=m2)
    assert list(pool_of(pmks).find(other)) == []


@pytest.mark.parametrize("akm", list(VERSIONS))
def test_removed_keys_are_not_found_and_their_slots_serve_again(akm):
    pmks = keys(200)
    pool = pool_of(pmks[:150])
    assert list(pool.find(make(akm, pmk_of(pmks[70])))) == [71]
    pool.remove([71, 72, 9999])
    assert len(pool) == 148
    assert 71 not in pool
    assert list(pool.find(make(akm, pmk_of(pmks[70])))) == []
    assert not pool.matches(71, make(akm, pmk_of(pmks[70])))
    pool.add(np.arange(1001, 1051), pmks[150:])
    for slot in range(150, 200):
        handshake = make(akm, pmk_of(pmks[slot]))
        assert list(pool.find(handshake)) == [1001 + slot - 150]
        assert pool.matches(1001 + slot - 150, handshake)
        assert not pool.matches(1, handshake)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=60))
@settings(max_examples=25, deadline=None)
def test_pool_holds_what_a_dict_would(steps):
    pmks = keys(41)
    pool, model = Pool(SSID), set()
    for add, key_id in steps:
        if add and key_id not in model:
            pool.add(np.array([key_id]), pmks[key_id : key_id + 1])
            model.add(key_id)
        elif not add:
            pool.remove([key_id])
            model.discard(key_id)
    assert len(pool) == len(model)
    for key_id in range(1, 41):
        assert list(pool.find(make(Akm.PSK, pmk_of(pmks[key_id])))) == ([key_id] if key_id in model else [])


def test_key_ids_must_be_positive_new_and_unique():
    pool = pool_of(keys(3))
    for ids in ([0], [-1], [2], [7, 7]):
        with pytest.raises(ValueError, match="positive and not in the pool"):
            pool.add(np.array(ids), keys(len(ids)))
    with pytest.raises(ValueError, match="PMKs must be"):
        pool.add(np.array([9]), keys(2))
    assert len(pool) == 3


def test_empty_pool_finds_nothing():
    assert list(Pool(SSID).find(make(Akm.PSK, Pmk(bytes(32))))) == []


def test_searches_and_changes_at_the_same_time_agree():
    pmks = keys(4000)
    pool = pool_of(pmks[:2000])
    stop, wrong = threading.Event(), []
    stays = make(Akm.PSK, pmk_of(pmks[1999]))

    def change():
        while not stop.is_set():
            pool.add(np.arange(2001, 4001), pmks[2000:])
            pool.remove(range(2001, 4001))

    def search():
        for _ in range(150):
            found = list(pool.find(stays, threads=2))
            if found != [2000]:
                wrong.append(found)

    threads = [threading.Thread(target=search) for _ in range(2)]
    changer = threading.Thread(target=change)
    for thread in (changer, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    changer.join()
    assert wrong == []
