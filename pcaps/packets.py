"""Handshakes as a device and an access point make them, with every key behind them: values, no I/O.

Rule: all that is random comes from the `random.Random` handed in: seeded for packets that repeat, SystemRandom for
those that must not.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from crypto import (
    Akm,
    EapolKey,
    Elements,
    Fte,
    FtKey,
    Handshake,
    MacAddress,
    Mde,
    Pmk,
    Rsne,
    derive_kck,
    derive_pmk_r0,
    derive_pmk_r1,
    derive_ptk,
    find_elements,
    pmk_batch,
    sign,
)
from provisioning import generate_passphrase

from .recipe import Credential, Recipe

CCMP: Final = 0x000FAC04
KEY_VERSIONS: Final = {Akm.PSK: 2, Akm.PSK_SHA256: 3, Akm.FT_PSK: 3}  # IEEE Std 802.11 12.7.2
PAIRWISE_WITH_MIC: Final = 0x0108
FIRST_COUNTER: Final = 1  # as hostapd counts
# Bit 0 offers FT over the DS beside FT over the air, which is always there (IEEE Std 802.11 9.4.2.47).
FT_CAPABILITY: Final = 1
_CHUNK: Final = 8192  # packets of a bulk that are in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One device on one access point: the handshake, its M2 signed, and the keys that both sides have."""

    handshake: Handshake
    credential: Credential
    eapol_version: int
    nas_identifier: bytes | None = None

    @property
    def pmk(self) -> Pmk:
        """The pairwise master key."""
        return self.credential.pmk

    @property
    def kck(self) -> bytes:
        """The key confirmation key."""
        return derive_kck(self.pmk, self.handshake)

    @property
    def ptk(self) -> bytes:
        """The pairwise transient key: KCK || KEK || TK."""
        return derive_ptk(self.pmk, self.handshake)

    @property
    def elements(self) -> Elements:
        """The elements of the M2's key data."""
        return find_elements(self.handshake.m2.key_data)

    @property
    def pmk_r0(self) -> FtKey | None:
        """PMK-R0 with its name; None unless this is FT."""
        ft = self.handshake.ft
        if ft is None:
            return None
        return derive_pmk_r0(self.pmk, self.handshake.ssid, ft.mdid, ft.r0kh_id, self.handshake.spa)

    @property
    def pmk_r1(self) -> FtKey | None:
        """PMK-R1 with its name; None unless this is FT."""
        ft, pmk_r0 = self.handshake.ft, self.pmk_r0
        return None if ft is None or pmk_r0 is None else derive_pmk_r1(pmk_r0, ft.r1kh_id, self.handshake.spa)


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

    progress: told how many PMKs are derived, of how many packets
    """
    for start in range(0, count, _CHUNK):
        here = min(_CHUNK, count - start)
        if credential is not None:
            for _ in range(here):
                yield make_session(recipe, credential, rng)
        else:
            drawn = [(draw_passphrase(rng), _Drawn.draw(recipe, rng)) for _ in range(here)]
            pmks = pmk_batch([passphrase for passphrase, _ in drawn], recipe.ssid)
            for (passphrase, values), pmk in zip(drawn, pmks, strict=True):
                yield _build(recipe, Credential(Pmk(pmk.tobytes()), passphrase), values)
        if progress is not None:
            progress(start + here, count)


def draw_passphrase(rng: random.Random) -> bytes:
    """Return a passphrase of the kind that `latchkey key add` makes."""
    return generate_passphrase(rng.choice).value


def draw_address(rng: random.Random) -> MacAddress:
    """Return a locally administered address of one device (IEEE Std 802 8.4)."""
    octets = rng.randbytes(6)
    return MacAddress(bytes([octets[0] & 0xFC | 2]) + octets[1:])


def make_rsne(akm: Akm, pmkids: tuple[bytes, ...] = ()) -> Rsne:
    """Return what both sides say in beacon, association and handshake: CCMP and this AKM."""
    return Rsne(group=CCMP, pairwise=(CCMP,), akms=(akm,), capabilities=0, pmkids=pmkids)


def make_mde(mdid: bytes) -> Mde:
    """Return the mobility domain element."""
    return Mde(mdid=mdid, capability=FT_CAPABILITY)


def _build(recipe: Recipe, credential: Credential, drawn: _Drawn) -> Session:
    name, elements = recipe.nas_identifier, make_rsne(recipe.akm).encode()
    if recipe.akm is Akm.FT_PSK:
        name = name or drawn.bssid.value.hex().encode()  # OpenWrt's default
        elements = _ft_elements(recipe, credential.pmk, drawn, name)
    m2 = EapolKey(
        version=recipe.generator.eapol_version,
        key_info=PAIRWISE_WITH_MIC | KEY_VERSIONS[recipe.akm],
        replay_counter=FIRST_COUNTER,
        snonce=drawn.snonce,
        key_data=elements,
    )
    unsigned = Handshake.of(ssid=recipe.ssid, aa=drawn.bssid, spa=drawn.station, anonce=drawn.anonce, m2=m2)
    return Session(
        handshake=sign(credential.pmk, unsigned),
        credential=credential,
        eapol_version=recipe.generator.eapol_version,
        nas_identifier=name,
    )


def _ft_elements(recipe: Recipe, pmk: Pmk, drawn: _Drawn, r0kh_id: bytes) -> bytes:
    """Return the key data of an FT M2: the FTE is the association response's, its MIC and nonces zero (13.4.2)."""
    r1kh_id = drawn.bssid.value
    pmk_r0 = derive_pmk_r0(pmk, recipe.ssid, recipe.mdid, r0kh_id, drawn.station)
    name = derive_pmk_r1(pmk_r0, r1kh_id, drawn.station).name
    fte = Fte(r1kh_id=r1kh_id, r0kh_id=r0kh_id)
    return make_rsne(recipe.akm, (name,)).encode() + make_mde(recipe.mdid).encode() + fte.encode()
