"""Handshakes as a device and an access point make them, with every key behind them: values, no I/O.

Rule: all that is random comes from the `random.Random` handed in: seeded for packets that repeat, SystemRandom for
those that must not.
"""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from crypto import Akm, Elements, Handshake, MacAddress, Pmk, derive_ptk, find_elements, pmk_batch
from provisioning import generate_passphrase

from .handshake import FtKeys, build_handshake
from .recipe import Credential, Recipe

_CHUNK: Final = 8192  # packets of a bulk that are in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One device on one access point: the handshake, its M2 signed, and the keys that both sides have."""

    handshake: Handshake
    credential: Credential
    eapol_version: int
    nas_identifier: bytes | None = None
    kck: bytes = field(repr=False)
    ft: FtKeys | None = None

    @property
    def pmk(self) -> Pmk:
        """The pairwise master key."""
        return self.credential.pmk

    @property
    def ptk(self) -> bytes:
        """The pairwise transient key: KCK || KEK || TK."""
        return derive_ptk(self.pmk, self.handshake)

    @property
    def elements(self) -> Elements:
        """The elements of the M2's key data."""
        return find_elements(self.handshake.m2.key_data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """What a recipe left open, drawn."""

    bssid: MacAddress
    station: MacAddress
    anonce: bytes = field(repr=False)
    snonce: bytes = field(repr=False)

    @classmethod
    def draw(cls, recipe: Recipe, rng: random.Random) -> "_Drawn":
        """Draw everything, given or not, so that giving one value leaves the others of a seed as they were."""
        bssid, station = draw_address(rng), draw_address(rng)
        anonce, snonce = rng.randbytes(32), rng.randbytes(32)
        while station in (bssid, recipe.bssid):
            station = draw_address(rng)
        return cls(
            bssid=recipe.bssid or bssid,
            station=recipe.station or station,
            anonce=recipe.anonce or anonce,
            snonce=recipe.snonce or snonce,
        )


# Passphrases with what else is drawn, and their PMKs as soon as they are derived.
_Chunk: TypeAlias = "tuple[list[tuple[bytes, _Drawn]], Future[npt.NDArray[np.uint8]]]"


def make_session(recipe: Recipe, credential: Credential, rng: random.Random) -> Session:
    """Return one handshake of a device that has this credential."""
    return _build(recipe, credential, _Drawn.draw(recipe, rng))


def make_sessions(
    recipe: Recipe,
    count: int,
    credential: Credential | None,
    rng: random.Random,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> Iterator[Session]:
    """Yield `count` handshakes, each of a device with a passphrase of its own where no credential is given.

    progress: called with how many are made, of how many
    """
    if credential is None:
        yield from _with_their_own(recipe, count, rng, progress)
        return
    for done in range(1, count + 1):
        yield make_session(recipe, credential, rng)
        if progress is not None and (done == count or done % _CHUNK == 0):
            progress(done, count)


def _with_their_own(
    recipe: Recipe, count: int, rng: random.Random, progress: Callable[[int, int], object] | None
) -> Iterator[Session]:
    """Yield sessions of devices with a passphrase each; the kernels are always a chunk ahead."""
    with ThreadPoolExecutor(1, thread_name_prefix="packets") as ahead:
        chunks = iter(range(0, count, _CHUNK))
        waiting: _Chunk | None = _draw_chunk(recipe, min(_CHUNK, count - next(chunks)), rng, ahead)
        done = 0
        while waiting is not None:
            start = next(chunks, None)
            following = None if start is None else _draw_chunk(recipe, min(_CHUNK, count - start), rng, ahead)
            drawn, derived = waiting
            for (passphrase, values), pmk in zip(drawn, derived.result(), strict=True):
                yield _build(recipe, Credential(Pmk(pmk.tobytes()), passphrase), values)
            done += len(drawn)
            if progress is not None:
                progress(done, count)
            waiting = following


def _draw_chunk(recipe: Recipe, size: int, rng: random.Random, ahead: ThreadPoolExecutor) -> "_Chunk":
    drawn = [(draw_passphrase(rng), _Drawn.draw(recipe, rng)) for _ in range(size)]
    return drawn, ahead.submit(pmk_batch, [passphrase for passphrase, _ in drawn], recipe.ssid)


def draw_passphrase(rng: random.Random) -> bytes:
    """Return a passphrase of the kind that `latchkey key add` makes."""
    return generate_passphrase(rng.choice).value


def draw_address(rng: random.Random) -> MacAddress:
    """Return a locally administered address of one device (IEEE Std 802, U/L bit)."""
    octets = rng.randbytes(6)
    return MacAddress(bytes([octets[0] & 0xFC | 2]) + octets[1:])


def _build(recipe: Recipe, credential: Credential, drawn: _Drawn) -> Session:
    name = recipe.nas_identifier
    if recipe.akm is Akm.FT_PSK:
        name = name or drawn.bssid.value.hex().encode()  # OpenWrt's default
    signed = build_handshake(
        recipe.akm,
        credential.pmk,
        ssid=recipe.ssid,
        aa=drawn.bssid,
        spa=drawn.station,
        anonce=drawn.anonce,
        snonce=drawn.snonce,
        r0kh_id=name or b"",
        mdid=recipe.mdid,
        eapol_version=recipe.generator.eapol_version,
    )
    return Session(
        handshake=signed.handshake,
        credential=credential,
        eapol_version=recipe.generator.eapol_version,
        nas_identifier=name,
        kck=signed.kck,
        ft=signed.ft,
    )
