"""Whose passphrase was it: attempts against the store's keys, or against a word list."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto import Handshake, Pmk, Ssid, pmk_batch, verify_mic
from provisioning import Store

from .read.attempts import DAMAGED, Attempt, Testable
from .read.pmkids import Pmkid
from .read.roaming import Roam
from .verdicts import Outcome, Verdict
from .words import Words

Progress = Callable[[str, int, int], object]  # stage, done, of how many

_HASHLIB_PMKS: Final = 1_000  # PMKs that hashlib derives (2 s) before the kernels are asked, which may have to compile
_HASHLIB_TESTS: Final = 20_000  # MICs that hashlib computes (0.4 s), likewise
_SMALL_BATCH: Final = 200  # passphrases at a time, for hashlib
_BATCH: Final = 16_384
_REMOVED_DAYS: Final = 90  # as long as the server remembers removed keys


class _Tester:
    """Tests PMKs against handshakes: few with hashlib, many with the kernels."""

    def __init__(self) -> None:
        self._done = 0

    def test(
        self, ids: NDArray[np.int64], pmks: NDArray[np.uint8], testables: Mapping[int, Testable]
    ) -> Iterator[tuple[int, int]]:
        """Yield (index of what is tested, id of a key that fits it); all are of the PMKs' SSID."""
        mics: dict[int, Handshake | Roam] = {}
        for index, each in testables.items():
            if isinstance(each, Pmkid):  # one HMAC a key: hashlib tests 100,000 in 0.16 s, before a kernel is loaded
                fits = each.matches(row.tobytes() for row in pmks)
                yield from ((index, int(id_)) for id_, fit in zip(ids, fits, strict=True) if fit)
            else:
                mics[index] = each
        if mics:
            yield from self._test_mics(ids, pmks, mics)

    def _test_mics(
        self, ids: NDArray[np.int64], pmks: NDArray[np.uint8], handshakes: Mapping[int, Handshake | Roam]
    ) -> Iterator[tuple[int, int]]:
        self._done += len(pmks) * len(handshakes)
        if self._done <= _HASHLIB_TESTS:
            rows = [Pmk(row.tobytes()) for row in pmks]
            for index, handshake in handshakes.items():
                yield from (
                    (index, id_) for id_, pmk in zip(ids.tolist(), rows, strict=True) if _made_with(pmk, handshake)
                )
            return
        from crypto import Pool

        pool = Pool(next(iter(handshakes.values())).ssid)
        pool.add(ids, pmks)
        for index, handshake in handshakes.items():
            if isinstance(handshake, Roam):
                hits = pool.find_by_name(handshake.spa, handshake.ft, handshake.fits)
            else:
                hits = pool.find(handshake)
            yield from ((index, id_) for id_ in hits)


def identify_by_store(
    attempts: Sequence[Attempt],
    store: Store,
    now: datetime,
    progress: Progress | None = None,
    report: Callable[[str, int], None] | None = None,
) -> Iterator[Verdict]:
    """Yield the verdict on each attempt: the key of the store, valid or not, that made its MIC.

    report: told the table and id of each row that cannot be opened, which is left out; without, it is RowDamaged
    """
    found: dict[int, list[int]] = {}
    tester = _Tester()
    keypools = store.keypools.all(report)
    counts = store.keys.counts()
    searched: dict[Ssid, int | None] = {}  # how many keys there are; None: there is no keypool
    for ssid, handshakes in _by_ssid(attempts).items():
        ids = [keypool.id for keypool in keypools if keypool.ssid == ssid]
        total, done = sum(counts.get(id_, 0) for id_ in ids), 0
        searched[ssid] = total if ids else None
        for id_ in ids:
            lapsed_since = now - timedelta(days=_REMOVED_DAYS)
            for batch in store.keys.batches(keypool_id=id_, lapsed_since=lapsed_since, report=report):
                for index, key_id in tester.test(batch.ids, batch.pmks, handshakes):
                    found.setdefault(index, []).append(key_id)
                done += len(batch.ids)
                if progress is not None:
                    progress(f"searching {ssid}", min(done, total), total)
    for index, attempt in enumerate(attempts):
        keys = list(store.keys.get_many(found.get(index, ()), report))
        if keys:
            key = min(keys, key=lambda key: key.validity(now) is not None)  # of several, one that may be used
            yield Verdict(attempt=attempt, outcome=Outcome.MATCHED, key=key, reason=key.validity(now))
        elif attempt.ssid in searched and searched[attempt.ssid] is None and attempt.testable is not None:
            reason = "there is no keypool of this SSID"
            yield Verdict(attempt=attempt, outcome=Outcome.UNMATCHED, reason=reason)
        else:
            keys_there = searched.get(attempt.ssid) if attempt.ssid is not None else None
            yield without_key(attempt, f"{keys_there or 0:,} keys")


def identify_by_words(attempts: Sequence[Attempt], words: Words, progress: Progress | None = None) -> Iterator[Verdict]:
    """Yield the verdict on each attempt: the passphrase of the list that made its MIC."""
    found: dict[int, bytes] = {}
    tester = _Tester()
    waiting = _by_ssid(attempts)
    count = 0
    for batch in _batches(words, len(waiting)):
        for ssid, handshakes in waiting.items():
            pmks = pmk_batch(batch, ssid)
            for index, row in tester.test(np.arange(1, len(batch) + 1), pmks, handshakes):
                found.setdefault(index, batch[row - 1])
        count += len(batch)
        waiting = _by_ssid(attempts, found)
        if progress is not None:
            progress("testing passphrases", words.position, words.size)
        if not waiting:
            break
    for index, attempt in enumerate(attempts):
        if index in found:
            yield Verdict(attempt=attempt, outcome=Outcome.MATCHED, passphrase=found[index])
        else:
            yield without_key(attempt, f"{count:,} passphrases")


def _made_with(pmk: Pmk, handshake: Handshake | Roam) -> bool:
    return handshake.fits(pmk) if isinstance(handshake, Roam) else verify_mic(pmk, handshake)


def _by_ssid(attempts: Sequence[Attempt], but: Iterable[int] = ()) -> dict[Ssid, dict[int, Testable]]:
    """Return the handshakes that are still to be tested, by SSID and their index in `attempts`."""
    handshakes: dict[Ssid, dict[int, Testable]] = {}
    for index, attempt in enumerate(attempts):
        if attempt.testable is not None and index not in but:
            handshakes.setdefault(attempt.testable.ssid, {})[index] = attempt.testable
    return handshakes


def _batches(words: Words, ssids: int) -> Iterator[list[bytes]]:
    """Yield the words in batches: small ones, for hashlib, where the whole list is short."""
    if not ssids:
        return
    rest = iter(words)
    first = list(itertools.islice(rest, _HASHLIB_PMKS // ssids + 1))
    if len(first) <= _HASHLIB_PMKS // ssids:
        for start in range(0, len(first), _SMALL_BATCH):
            yield first[start : start + _SMALL_BATCH]
        return
    first += itertools.islice(rest, _BATCH - len(first))
    while first:
        yield first
        first = list(itertools.islice(rest, _BATCH))


def without_key(attempt: Attempt, among: str = "no keys") -> Verdict:
    """Return the verdict on an attempt that nothing has matched, among that many keys or passphrases."""
    if attempt.testable is None:
        return Verdict(attempt=attempt, outcome=Outcome.UNTESTABLE, reason=attempt.reason)
    if attempt.damaged:
        reason = f"frame {attempt.number}: {DAMAGED}"
        return Verdict(attempt=attempt, outcome=Outcome.UNTESTABLE, reason=reason)
    if attempt.roam is not None:
        return Verdict(attempt=attempt, outcome=Outcome.UNMATCHED, reason=f"none of {among} fits this fast transition")
    if attempt.pmkid is not None:
        return Verdict(attempt=attempt, outcome=Outcome.UNMATCHED, reason=f"none of {among} makes this PMKID")
    knows = "the access point knows one that does" if attempt.accepted else "no M3 followed"
    return Verdict(attempt=attempt, outcome=Outcome.UNMATCHED, reason=f"none of {among} fits; {knows}")
