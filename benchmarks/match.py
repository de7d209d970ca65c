"""How fast is a pool searched for the key that made an M2, beside a loop over `hmac.digest` in the same run?

Every search is one that finds nothing: the whole pool, what an unknown passphrase costs.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Sequence

import numpy as np

from crypto import (
    Akm,
    Handshake,
    Pmk,
    Pool,
    Ssid,
    aes_cmac,
    kdf_message,
    pairwise_context,
    r0_context,
)
from pcaps import make_handshake

from .report import Result, compare

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CASES = {  # AKM and key version
    "akm2-search": (Akm.PSK, 2),
    "akm2-tkip-search": (Akm.PSK, 1),
    "akm6-search": (Akm.PSK_SHA256, 3),
    "ft-search": (Akm.FT_PSK, 3),
}
_SSID = Ssid(b"Hudson House")
_LABEL = b"Pairwise key expansion"


def run(
    *, sizes: Sequence[int] = SIZES, rounds: int = 7, progress: Callable[[str], object] | None = None
) -> list[Result]:
    """Measure each AKM at each size, on one thread and on all; AssertionError if a search errs."""
    pmks = np.random.default_rng(1).integers(0, 256, (max(sizes), 32), dtype=np.uint8)
    results = []
    for size in sizes:
        pool = Pool(_SSID)
        pool.add(np.arange(1, size + 1), pmks[:size])
        for case, (akm, version) in CASES.items():
            if progress is not None:
                progress(f"{case}, {size:,} keys")
            _check(pool, akm, version, pmks)
            handshake = make_handshake(akm, Pmk(b"\1" * 32), ssid=_SSID, key_version=version)
            keys = [pmk.tobytes() for pmk in pmks[: min(size, 20_000)]]
            name, test = _baseline(handshake)
            assert not any(test(key) for key in keys[:10])
            assert _baseline(make_handshake(akm, Pmk(keys[3]), ssid=_SSID, key_version=version))[1](keys[3])

            def loop(keys: list[bytes] = keys, test: Callable[[bytes], bool] = test) -> int:
                return len([None for key in keys if test(key)]) + len(keys)

            for threads in sorted({1, os.cpu_count() or 1}):

                def ours(
                    pool: Pool = pool, handshake: Handshake = handshake, threads: int = threads, size: int = size
                ) -> int:
                    assert list(pool.find(handshake, threads=threads)) == []
                    return size

                rate, base, ratio = compare(ours, loop, rounds=rounds)
                results.append(
                    Result(
                        case=case,
                        size=size,
                        threads=threads,
                        per_second=rate,
                        baseline=name,
                        baseline_per_second=base,
                        ratio=ratio,
                    )
                )
    return results


def _check(pool: Pool, akm: Akm, version: int, pmks: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]") -> None:
    """Assert that the first, a middle and the last key are found, each alone."""
    for slot in (0, len(pool) // 2, len(pool) - 1):
        handshake = make_handshake(akm, Pmk(pmks[slot].tobytes()), ssid=_SSID, key_version=version)
        assert list(pool.find(handshake)) == [slot + 1]
        assert list(pool.find(handshake, threads=2)) == [slot + 1]


def _baseline(handshake: Handshake) -> tuple[str, Callable[[bytes], bool]]:
    """Return the plain loop's name and its test of one PMK, everything constant computed beforehand."""
    mic, frame = handshake.m2.mic, handshake.m2.zeroed
    if handshake.akm is Akm.PSK:
        prf = _LABEL + b"\0" + pairwise_context(handshake) + b"\0"
        hash_ = "md5" if handshake.key_version == 1 else "sha1"
        return "hmac.digest", lambda pmk: hmac.digest(hmac.digest(pmk, prf, "sha1")[:16], frame, hash_)[:16] == mic
    if handshake.akm is Akm.PSK_SHA256:
        kdf = kdf_message(1, _LABEL, pairwise_context(handshake), 384)
        return (
            "hmac.digest, CMAC",
            lambda pmk: aes_cmac(hmac.digest(pmk, kdf, "sha256")[:16], frame) == mic,
        )
    ft = handshake.ft
    assert ft is not None
    message = kdf_message(2, b"FT-R0", r0_context(handshake.ssid, ft.mdid, ft.r0kh_id, handshake.spa), 384)
    tail = ft.r1kh_id + handshake.spa.value

    def by_name(pmk: bytes) -> bool:
        r0_name = hashlib.sha256(b"FT-R0N" + hmac.digest(pmk, message, "sha256")[:16]).digest()[:16]
        return hashlib.sha256(b"FT-R1N" + r0_name + tail).digest()[:16] == ft.pmk_r1_name

    return "hmac.digest, sha256", by_name
