"""PMKs in bulk: many passphrases, one SSID, all cores."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

import numpy as np
import numpy.typing as npt

from .types import Ssid
from .wpa import passphrase_to_pmk

_CHUNK: Final = 1024  # passphrases a thread takes at a time: a tenth of a second
_FEW: Final = 256  # below this hashlib is done before numba is imported
_ROUNDS: Final = 4096


def pmk_batch(
    passphrases: Sequence[bytes],
    ssid: Ssid,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> npt.NDArray[np.uint8]:
    """Derive PMKs: PBKDF2-HMAC-SHA1, 4096 rounds, 32 octets (IEEE Std 802.11 J.4).

    passphrases: n values of 8 to 63 octets, or of 64 hex digits, which are the PMK itself; else ValueError
    threads:     as many as there are cores by default
    progress:    told how many are done, of how many; from the calling thread
    returns:     uint8, shape (n, 32), C order; row i belongs to passphrases[i]
    """
    total = len(passphrases)
    pmks = np.empty((total, 32), np.uint8)
    if total < _FEW and "crypto.kernels.bulk" not in sys.modules:
        for i, passphrase in enumerate(passphrases):
            pmks[i] = np.frombuffer(passphrase_to_pmk(passphrase, ssid).value, np.uint8)
        if progress is not None:
            progress(total, total)
        return pmks

    rows = np.array([i for i, passphrase in enumerate(passphrases) if not _is_pmk(passphrase, i)], np.int64)
    for i in set(range(total)).difference(rows.tolist()) if len(rows) < total else ():
        pmks[i] = np.frombuffer(passphrase_to_pmk(passphrases[i], ssid).value, np.uint8)

    done = total - len(rows)
    with ThreadPoolExecutor(threads or os.cpu_count(), thread_name_prefix="pmk") as executor:
        pending: set[Future[int]] = set()
        chunks = iter(range(0, len(rows), _CHUNK))
        while True:
            for start in chunks:  # a bounded number waiting, so that an interrupt is heard soon
                pending.add(executor.submit(_derive, passphrases, ssid, rows[start : start + _CHUNK], pmks))
                if len(pending) > 2 * (threads or os.cpu_count() or 1):
                    break
            if not pending:
                break
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            done += sum(future.result() for future in finished)
            if progress is not None:
                progress(done, total)
    return pmks


def _is_pmk(passphrase: bytes, row: int) -> bool:
    if not 8 <= len(passphrase) <= 64:
        raise ValueError(f"passphrase {row + 1} must be 8 to 63 octets or 64 hex digits, got {len(passphrase)}")
    return len(passphrase) == 64


def _derive(passphrases: Sequence[bytes], ssid: Ssid, rows: npt.NDArray[np.int64], pmks: npt.NDArray[np.uint8]) -> int:
    """Fill `rows` of `pmks`; return how many."""
    from .kernels import bulk
    from .kernels.schedules import expand_sha1
    from .kernels.simd import host_lanes

    lanes = host_lanes()
    width, count = lanes.width, len(rows)
    blocks = -(-count // width)
    padded = b"".join(passphrases[row].ljust(64, b"\0") for row in rows.tolist()).ljust(blocks * width * 64, b"\0")
    words = np.frombuffer(padded, ">u4").reshape(blocks, width, 16).transpose(0, 2, 1)
    keys = np.ascontiguousarray(words, np.uint32).reshape(-1)
    salts = np.concatenate([expand_sha1(ssid.value + part.to_bytes(4, "big")) for part in (1, 2)])
    out = np.empty(blocks * width * 8, np.uint32)
    bulk.pbkdf2_sha1(lanes, keys, salts, _ROUNDS, out, blocks)
    derived = np.ascontiguousarray(out.reshape(blocks, 8, width).transpose(0, 2, 1)).astype(">u4")
    pmks[rows] = derived.view(np.uint8).reshape(-1, 32)[:count]
    return count
