"""The 802.11 key hierarchy from passphrase to MIC, one handshake and one key at a time.

This is the readable reference: what the kernels compute in bulk must agree with it, and what they do not cover
(a single test of a single key) is done by it. Clauses are those of IEEE Std 802.11-2020.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from .eapol import Handshake
from .types import Akm, MacAddress, Pmk, Ssid

_HEX_PMK: Final = re.compile(rb"[0-9A-Fa-f]{64}")
_KCK_OCTETS: Final = 16
_PMKID_HASHES: Final = {Akm.PSK: "sha1", Akm.PSK_SHA256: "sha256"}
PAIRWISE_EXPANSION: Final = b"Pairwise key expansion"


def check_passphrase(passphrase: bytes) -> None:
    """Raise ValueError unless it is 8 to 63 printable ASCII octets or 64 hex digits (J.4)."""
    if _HEX_PMK.fullmatch(passphrase):
        return
    _check_length(passphrase)
    for offset, octet in enumerate(passphrase):
        if not 32 <= octet <= 126:
            raise ValueError(f"passphrase octet {offset + 1} of {len(passphrase)} is not printable ASCII")


def _check_length(passphrase: bytes) -> None:
    if len(passphrase) == 64:
        raise ValueError("passphrase of 64 characters must be all hex digits")
    if not 8 <= len(passphrase) <= 63:
        raise ValueError(f"passphrase must be 8 to 63 octets or 64 hex digits, got {len(passphrase)}")


def passphrase_to_pmk(passphrase: bytes, ssid: Ssid) -> Pmk:
    """Return the PMK: PBKDF2-HMAC-SHA1, 4096 rounds, 32 octets (J.4); 64 hex digits are the PMK."""
    if _HEX_PMK.fullmatch(passphrase):
        return Pmk(bytes.fromhex(passphrase.decode("ascii")))
    _check_length(passphrase)
    return Pmk(hashlib.pbkdf2_hmac("sha1", passphrase, ssid.value, 4096, 32))


def prf_sha1(key: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """Return the first `bits` of HMAC-SHA1(key, label || 0 || context || counter octet) (12.7.1.2)."""
    blocks = (
        hmac.digest(key, label + b"\0" + context + bytes([counter]), "sha1") for counter in range(-(-bits // 160))
    )
    return b"".join(blocks)[: bits // 8]


def kdf_sha256(key: bytes, label: bytes, context: bytes, bits: int) -> bytes:
    """Return the first `bits` of HMAC-SHA256(key, counter || label || context || bits) (12.7.1.6.2)."""
    blocks = (
        hmac.digest(key, kdf_message(counter, label, context, bits), "sha256")
        for counter in range(1, 1 - (-bits // 256))
    )
    return b"".join(blocks)[: bits // 8]


def kdf_message(counter: int, label: bytes, context: bytes, bits: int) -> bytes:
    """Return what one step of KDF-SHA256 hashes; counter (from 1) and length are 16 bits, little-endian."""
    return counter.to_bytes(2, "little") + label + context + bits.to_bytes(2, "little")


def pairwise_context(handshake: Handshake) -> bytes:
    """Return Min(AA, SPA) || Max(AA, SPA) || Min(ANonce, SNonce) || Max(ANonce, SNonce) (12.7.1.3), 76 octets."""
    addresses = sorted((handshake.aa.value, handshake.spa.value))
    nonces = sorted((handshake.anonce, handshake.m2.snonce))
    return b"".join(addresses + nonces)


@dataclass(frozen=True, slots=True)
class FtKey:
    """A key of the FT hierarchy with the name that may be sent in the clear."""

    key: bytes = field(repr=False)
    name: bytes


def derive_pmk_r0(pmk: Pmk, ssid: Ssid, mdid: bytes, r0kh_id: bytes, spa: MacAddress) -> FtKey:
    """Return PMK-R0 and PMKR0Name (12.7.1.6.3); S0KH-ID is the station's address."""
    key_data = kdf_sha256(pmk.value, b"FT-R0", r0_context(ssid, mdid, r0kh_id, spa), 384)
    key, salt = key_data[:32], key_data[32:]
    return FtKey(key, hashlib.sha256(b"FT-R0N" + salt).digest()[:16])


def r0_context(ssid: Ssid, mdid: bytes, r0kh_id: bytes, spa: MacAddress) -> bytes:
    """Return SSIDlength || SSID || MDID || R0KHlength || R0KH-ID || S0KH-ID (12.7.1.6.3)."""
    return bytes([len(ssid.value)]) + ssid.value + mdid + bytes([len(r0kh_id)]) + r0kh_id + spa.value


def derive_pmk_r1(pmk_r0: FtKey, r1kh_id: bytes, spa: MacAddress) -> FtKey:
    """Return PMK-R1 and PMKR1Name (12.7.1.6.4); S1KH-ID is the station's address."""
    context = r1kh_id + spa.value
    name = hashlib.sha256(b"FT-R1N" + pmk_r0.name + context).digest()[:16]
    return FtKey(kdf_sha256(pmk_r0.key, b"FT-R1", context, 256), name)


def derive_ft_ptk(
    pmk_r1: FtKey, *, snonce: bytes, anonce: bytes, aa: MacAddress, spa: MacAddress, bits: int = 384
) -> FtKey:
    """Return the PTK of FT and PTKName (12.7.1.6.5)."""
    context = snonce + anonce + aa.value + spa.value
    name = hashlib.sha256(pmk_r1.name + b"FT-PTKN" + context).digest()[:16]
    return FtKey(kdf_sha256(pmk_r1.key, b"FT-PTK", context, bits), name)


def derive_handshake_pmk_r1(pmk: Pmk, handshake: Handshake) -> FtKey:
    """Return PMK-R1 and PMKR1Name of an FT-PSK handshake, by the key holders its M2 names."""
    ft = handshake.ft
    if ft is None:
        raise ValueError(f"PMK-R1 is for {Akm.FT_PSK} only, got {handshake.akm}")
    pmk_r0 = derive_pmk_r0(pmk, handshake.ssid, ft.mdid, ft.r0kh_id, handshake.spa)
    return derive_pmk_r1(pmk_r0, ft.r1kh_id, handshake.spa)


def derive_ptk(pmk: Pmk, handshake: Handshake) -> bytes:
    """Return the PTK, KCK || KEK || TK, of `handshake.ptk_bits` (12.7.1.3, for FT 12.7.1.6.5)."""
    bits = handshake.ptk_bits
    if handshake.akm is Akm.FT_PSK:
        pmk_r1 = derive_handshake_pmk_r1(pmk, handshake)
        m2, aa, spa = handshake.m2, handshake.aa, handshake.spa
        return derive_ft_ptk(pmk_r1, snonce=m2.snonce, anonce=handshake.anonce, aa=aa, spa=spa, bits=bits).key
    expand = kdf_sha256 if handshake.akm is Akm.PSK_SHA256 else prf_sha1
    return expand(pmk.value, PAIRWISE_EXPANSION, pairwise_context(handshake), bits)


def derive_kck(pmk: Pmk, handshake: Handshake) -> bytes:
    """Return the key confirmation key: the first 16 octets of the PTK."""
    if handshake.akm in (Akm.PSK, Akm.WPA_PSK):  # the PRF, unlike the KDF, does not depend on the length wanted
        return prf_sha1(pmk.value, PAIRWISE_EXPANSION, pairwise_context(handshake), 8 * _KCK_OCTETS)
    return derive_ptk(pmk, handshake)[:_KCK_OCTETS]


def derive_pmkid(pmk: Pmk, akm: Akm, aa: MacAddress, spa: MacAddress) -> bytes:
    """Return the PMKID of a PMKSA of PSK or PSK-SHA256 (12.7.1.3, hostapd's rsn_pmkid)."""
    return hmac.digest(pmk.value, pmkid_message(aa, spa), pmkid_hash(akm))[:16]


def pmkid_message(aa: MacAddress, spa: MacAddress) -> bytes:
    """Return what a PMKID is the HMAC of, under the PMK: "PMK Name" || AA || SPA (12.7.1.3)."""
    return b"PMK Name" + aa.value + spa.value


def pmkid_hash(akm: Akm) -> str:
    """Return the hash of an AKM's PMKIDs; ValueError for FT, whose names follow from its own hierarchy."""
    if akm not in _PMKID_HASHES:
        raise ValueError(f"AKM {akm} has no PMKID of this kind")
    return _PMKID_HASHES[akm]


def frame_mic(kck: bytes, key_version: int, frame: bytes) -> bytes:
    """Return the MIC of `frame`, whose MIC field is zeros, by key descriptor version (12.7.2)."""
    if key_version == 1:
        return hmac.digest(kck, frame, "md5")
    if key_version == 2:
        return hmac.digest(kck, frame, "sha1")[:16]
    if key_version == 3:
        return aes_cmac(kck, frame)
    raise ValueError(f"key version {key_version} names no MIC")


def aes_cmac(key: bytes, message: bytes) -> bytes:
    """Return AES-128-CMAC (RFC 4493)."""
    mac = CMAC(AES(key))
    mac.update(message)
    return mac.finalize()


def compute_mic(pmk: Pmk, handshake: Handshake) -> bytes:
    """Return the MIC that a station with `pmk` puts into the M2 of `handshake`, whatever MIC it has now."""
    return frame_mic(derive_kck(pmk, handshake), handshake.key_version, handshake.m2.zeroed)


def verify_mic(pmk: Pmk, handshake: Handshake) -> bool:
    """Return whether `pmk` is the one the station used; compared in constant time."""
    return hmac.compare_digest(compute_mic(pmk, handshake), handshake.m2.mic)


def sign(pmk: Pmk, handshake: Handshake) -> Handshake:
    """Return the handshake with the MIC in its M2 that `pmk` makes."""
    return replace(handshake, m2=replace(handshake.m2, mic=compute_mic(pmk, handshake)))
