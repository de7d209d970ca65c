"""How fast are passphrases turned into PMKs, beside hashlib in the same run?"""

import hashlib
import os
import random
import string

from crypto import Ssid, pmk_batch

from .report import Result, compare

BASELINE = "hashlib.pbkdf2_hmac"
_SSID = Ssid(b"Hudson House")


def run(*, size: int = 4096, rounds: int = 7) -> list[Result]:
    """Measure `size` passphrases a call, on one thread and on all; AssertionError if a PMK is wrong."""
    choice = random.Random(1)
    passphrases = [
        "".join(choice.choices(string.ascii_letters + string.digits, k=choice.randint(8, 63))).encode()
        for _ in range(size)
    ]
    pmks = pmk_batch(passphrases, _SSID)
    for row in [*range(0, size, max(1, size // 50)), size - 1]:
        assert pmks[row].tobytes() == _slow(passphrases[row])

    def ours(threads: int) -> int:
        return len(pmk_batch(passphrases, _SSID, threads=threads))

    def baseline() -> int:
        for passphrase in passphrases[:64]:
            _slow(passphrase)
        return 64

    results = []
    for threads in sorted({1, os.cpu_count() or 1}):
        rate, base, ratio = compare(lambda threads=threads: ours(threads), baseline, rounds=rounds)  # type: ignore[misc]
        results.append(
            Result(
                case="pmk",
                size=size,
                threads=threads,
                per_second=rate,
                baseline=BASELINE,
                baseline_per_second=base,
                ratio=ratio,
            )
        )
    return results


def _slow(passphrase: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha1", passphrase, _SSID.value, 4096, 32)
