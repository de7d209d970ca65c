"""Handshakes as a device makes them: the one place where an M2 is put together and signed."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

from crypto import (
    Akm,
    EapolKey,
    Fte,
    FtKey,
    Handshake,
    MacAddress,
    Mde,
    Pmk,
    Rsne,
    Ssid,
    derive_kck,
    derive_pmk_r0,
    derive_pmk_r1,
    frame_mic,
)

TKIP, CCMP = 0x000FAC02, 0x000FAC04
DEFAULT_MDID: Final = bytes.fromhex("a1b2")
PAIRWISE_WITH_MIC: Final = 0x0108
FIRST_COUNTER: Final = 1  # as hostapd counts
# Bit 0 offers FT over the DS beside FT over the air, which is always there (IEEE Std 802.11 9.4.2.47).
FT_CAPABILITY: Final = 1
_KEY_VERSIONS: Final = {Akm.PSK: 2, Akm.PSK_SHA256: 3, Akm.FT_PSK: 3}  # IEEE Std 802.11 12.7.2
_AA, _SPA = MacAddress(b"\2" + bytes(5)), MacAddress(b"\2\0\0\0\1\0")


@dataclass(frozen=True, slots=True)
class FtKeys:
    """The two keys between the PMK and an FT PTK, with their names."""

    pmk_r0: FtKey
    pmk_r1: FtKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A handshake whose M2 has its MIC, and the keys behind that."""

    handshake: Handshake
    kck: bytes = field(repr=False)
    ft: FtKeys | None = None


def build_handshake(
    akm: Akm,
    pmk: Pmk,
    *,
    ssid: Ssid,
    aa: MacAddress,
    spa: MacAddress,
    anonce: bytes,
    snonce: bytes,
    r0kh_id: bytes = b"",
    mdid: bytes = DEFAULT_MDID,
    eapol_version: int = 1,
    key_version: int | None = None,
) -> Signed:
    """Return the handshake of a device that has `pmk`, as wpa_supplicant lays its M2 out.

    r0kh_id, mdid: for FT-PSK
    key_version:   the AKM's unless 1, which is RSN with TKIP
    """
    version = key_version or _KEY_VERSIONS[akm]
    rsne = make_rsne(akm, cipher=TKIP if version == 1 else CCMP)
    key_data, ft = rsne.encode(), None
    if akm is Akm.FT_PSK:
        pmk_r0 = derive_pmk_r0(pmk, ssid, mdid, r0kh_id, spa)
        ft = FtKeys(pmk_r0, derive_pmk_r1(pmk_r0, aa.value, spa))
        # The FTE is the association response's, its MIC and nonces zero (13.4.2).
        fte = Fte(r1kh_id=aa.value, r0kh_id=r0kh_id)
        key_data = replace(rsne, pmkids=(ft.pmk_r1.name,)).encode() + make_mde(mdid).encode() + fte.encode()
    m2 = EapolKey(
        version=eapol_version,
        key_info=PAIRWISE_WITH_MIC | version,
        replay_counter=FIRST_COUNTER,
        snonce=snonce,
        key_data=key_data,
    )
    unsigned = Handshake.of(ssid=ssid, aa=aa, spa=spa, anonce=anonce, m2=m2)
    kck = derive_kck(pmk, unsigned)
    mic = frame_mic(kck, m2.key_version, m2.zeroed)
    return Signed(handshake=replace(unsigned, m2=replace(m2, mic=mic)), kck=kck, ft=ft)


def make_handshake(
    akm: Akm,
    pmk: Pmk,
    *,
    ssid: Ssid,
    aa: MacAddress = _AA,
    spa: MacAddress = _SPA,
    r0kh_id: bytes = b"hudson-house-ap1",
    key_version: int | None = None,
) -> Handshake:
    """Return a handshake that is the same each time: its nonces follow from the PMK."""
    anonce, snonce = (hashlib.sha256(name + pmk.value).digest() for name in (b"anonce", b"snonce"))
    signed = build_handshake(
        akm,
        pmk,
        ssid=ssid,
        aa=aa,
        spa=spa,
        anonce=anonce,
        snonce=snonce,
        r0kh_id=r0kh_id,
        key_version=key_version,
    )
    return signed.handshake


def make_rsne(akm: Akm, pmkids: tuple[bytes, ...] = (), *, cipher: int = CCMP) -> Rsne:
    """Return what both sides say in beacon, association and handshake: one cipher and this AKM."""
    return Rsne(group=cipher, pairwise=(cipher,), akms=(akm,), capabilities=0, pmkids=pmkids)


def make_mde(mdid: bytes) -> Mde:
    """Return the mobility domain element."""
    return Mde(mdid=mdid, capability=FT_CAPABILITY)
