"""EAPOL-Key message 2 of the 4-way handshake and the handshake it belongs to (IEEE Std 802.11 12.7.2, 12.7.6.3)."""

# Rule: what comes out of Handshake.build() can be searched as it is: the kernels derive and check nothing again.

import struct
from dataclasses import dataclass, field
from typing import Final

from .elements import Elements, Rsne, WpaElement, find_elements
from .errors import EapolError, UnsupportedAkm
from .types import Akm, MacAddress, Ssid, suite_name

# 802.1X version, packet type, body length; descriptor, key information, key length, replay counter, nonce, IV, RSC,
# reserved, MIC, key data length
_FIXED: Final = struct.Struct(">BBHBHHQ32s16s8s8s16sH")
_SHORTEST: Final = _FIXED.size  # 99
_LONGEST: Final = 1024
_MIC: Final = slice(81, 97)
_EAPOL_KEY: Final = 3
DESCRIPTOR_RSN: Final = 0x02
DESCRIPTOR_WPA: Final = 0xFE

_PAIRWISE: Final = 0x0008
_ACK: Final = 0x0080
_HAS_MIC: Final = 0x0100
_REQUEST: Final = 0x0800

# IEEE Std 802.11 12.7.2 ties the key descriptor version, and with it the MIC, to the AKM. hostapd drops an M2 whose
# version is not its AKM's (wpa_auth_valid_key_desc_ver) and then computes the MIC by version alone (wpa_eapol_key_mic):
# a pair that is missing here can have passed no access point, and of those present the version says which MIC it is.
_KEY_VERSIONS: Final = {
    Akm.WPA_PSK: (1, 2),
    Akm.PSK: (1, 2),  # 1 is RSN with TKIP
    Akm.FT_PSK: (3,),
    Akm.PSK_SHA256: (3,),
}
_AKM_OF_VERSION: Final = {1: Akm.PSK, 2: Akm.PSK, 3: Akm.PSK_SHA256}

# The other selectors of IEEE Std 802.11 table 9-151, and two of the Wi-Fi Alliance: what to call them in the log.
_UNSEARCHABLE: Final = {
    0x0050F201: "802.1X (WPA1)",
    0x000FAC01: "802.1X",
    0x000FAC03: "FT over 802.1X",
    0x000FAC05: "802.1X with SHA-256",
    0x000FAC07: "TDLS",
    0x000FAC08: "SAE (WPA3)",
    0x000FAC09: "FT over SAE (WPA3)",
    0x000FAC0A: "AP peer key",
    0x000FAC0B: "802.1X, Suite B",
    0x000FAC0C: "802.1X, Suite B 192",
    0x000FAC0D: "FT over 802.1X with SHA-384",
    0x000FAC0E: "FILS with SHA-256",
    0x000FAC0F: "FILS with SHA-384",
    0x000FAC10: "FT over FILS with SHA-256",
    0x000FAC11: "FT over FILS with SHA-384",
    0x000FAC12: "OWE",
    0x000FAC13: "FT-PSK with SHA-384",
    0x000FAC14: "PSK with SHA-384",
    0x000FAC15: "PASN",
    0x000FAC16: "FT over 802.1X with SHA-384",
    0x000FAC17: "802.1X with SHA-384",
    0x000FAC18: "SAE with group-dependent hash (WPA3)",
    0x000FAC19: "FT over SAE with group-dependent hash (WPA3)",
    0x506F9A01: "OSEN",
    0x506F9A02: "DPP",
}

# IEEE Std 802.11 12.7.1.3: a TK of 256 bits where the cipher is TKIP, GCMP-256 or CCMP-256; KCK and KEK are 128 each.
_LONG_TK: Final = {0x0050F202, 0x000FAC02, 0x000FAC09, 0x000FAC0A}


@dataclass(frozen=True, slots=True, kw_only=True)
class EapolKey:
    """EAPOL-Key frame with its 802.1X header. The constructor checks lengths; decode() that it is a message 2."""

    version: int = 1
    descriptor: int = DESCRIPTOR_RSN
    key_info: int
    key_length: int = 0
    replay_counter: int
    snonce: bytes
    iv: bytes = bytes(16)
    rsc: bytes = bytes(8)
    reserved: bytes = bytes(8)
    mic: bytes = bytes(16)
    key_data: bytes = b""

    def __post_init__(self) -> None:
        for name, octets, length in (
            ("SNonce", self.snonce, 32),
            ("IV", self.iv, 16),
            ("RSC", self.rsc, 8),
            ("reserved field", self.reserved, 8),
            ("MIC", self.mic, 16),
        ):
            if len(octets) != length:
                raise ValueError(f"{name} must be {length} octets, got {len(octets)}")
        if len(self.key_data) > _LONGEST - _SHORTEST:
            raise ValueError(f"key data must be at most {_LONGEST - _SHORTEST} octets, got {len(self.key_data)}")

    @classmethod
    def decode(cls, octets: bytes) -> "EapolKey":
        """Return the M2 that `octets` is; EapolError, with place and amount, where it is anything else.

        The 802.1X version is kept but not tested: stations send 1 and 2 whatever the access point sent.
        """
        if not _SHORTEST <= len(octets) <= _LONGEST:
            raise EapolError(f"EAPOL-Key frame of {len(octets)} octets instead of {_SHORTEST} to {_LONGEST}")
        fields = _FIXED.unpack_from(octets)
        version, packet_type, body, descriptor, key_info, key_length, counter, snonce, iv, rsc, reserved, mic, data = (
            fields
        )
        if packet_type != _EAPOL_KEY:
            raise EapolError(f"offset 1: 802.1X packet type {packet_type} instead of {_EAPOL_KEY}")
        if body != len(octets) - 4:
            raise EapolError(f"offset 2: body length {body} instead of {len(octets) - 4}")
        if descriptor not in (DESCRIPTOR_RSN, DESCRIPTOR_WPA):
            raise EapolError(f"offset 4: descriptor {descriptor:#04x} instead of 0x02 or 0xfe")
        if data != len(octets) - _SHORTEST:
            raise EapolError(f"offset 97: key data length {data} instead of {len(octets) - _SHORTEST}")
        if key_info & (_PAIRWISE | _ACK | _HAS_MIC | _REQUEST) != _PAIRWISE | _HAS_MIC:
            raise EapolError(f"offset 5: key information {key_info:#06x} is not that of a pairwise message 2")
        if not any(mic):
            raise EapolError("offset 81: the MIC is all zeros")
        return cls(
            version=version,
            descriptor=descriptor,
            key_info=key_info,
            key_length=key_length,
            replay_counter=counter,
            snonce=snonce,
            iv=iv,
            rsc=rsc,
            reserved=reserved,
            mic=mic,
            key_data=octets[_SHORTEST:],
        )

    def encode(self) -> bytes:
        """Return the frame: of a decoded one exactly the octets received."""
        fixed = _FIXED.pack(
            self.version,
            _EAPOL_KEY,
            _SHORTEST - 4 + len(self.key_data),
            self.descriptor,
            self.key_info,
            self.key_length,
            self.replay_counter,
            self.snonce,
            self.iv,
            self.rsc,
            self.reserved,
            self.mic,
            len(self.key_data),
        )
        return fixed + self.key_data

    @property
    def octets(self) -> bytes:
        """The frame as received."""
        return self.encode()

    @property
    def zeroed(self) -> bytes:
        """The frame with zeros for its MIC: what the MIC is computed over."""
        octets = self.encode()
        return octets[: _MIC.start] + bytes(16) + octets[_MIC.stop :]

    @property
    def key_version(self) -> int:
        """Key descriptor version: 1 HMAC-MD5, 2 HMAC-SHA1-128, 3 AES-128-CMAC, 0 whatever the AKM says."""
        return self.key_info & 7


@dataclass(frozen=True, slots=True, kw_only=True)
class FtContext:
    """What the FT key hierarchy needs besides the handshake (IEEE Std 802.11 12.7.1.6), all from the M2 itself."""

    mdid: bytes
    r0kh_id: bytes
    r1kh_id: bytes
    pmk_r1_name: bytes | None = None  # None: search by MIC alone

    def __post_init__(self) -> None:
        if len(self.mdid) != 2:
            raise ValueError(f"MDID must be 2 octets, got {len(self.mdid)}")
        if not 1 <= len(self.r0kh_id) <= 48:
            raise ValueError(f"R0KH-ID must be 1 to 48 octets, got {len(self.r0kh_id)}")
        if len(self.r1kh_id) != 6:
            raise ValueError(f"R1KH-ID must be 6 octets, got {len(self.r1kh_id)}")
        if self.pmk_r1_name is not None and len(self.pmk_r1_name) != 16:
            raise ValueError(f"PMKR1Name must be 16 octets, got {len(self.pmk_r1_name)}")


@dataclass(frozen=True, slots=True)
class Handshake:
    """ANonce and M2: enough to test whether a PMK is the one the station used."""

    ssid: Ssid
    aa: MacAddress
    spa: MacAddress
    anonce: bytes
    m2: EapolKey
    akm: Akm
    ptk_bits: int = field(default=384, kw_only=True)  # enters the KDF of FT-PSK and PSK-SHA256
    ft: FtContext | None = field(default=None, kw_only=True)  # exactly for FT-PSK

    def __post_init__(self) -> None:
        if len(self.anonce) != 32:
            raise ValueError(f"ANonce must be 32 octets, got {len(self.anonce)}")
        if (self.akm is Akm.FT_PSK) != (self.ft is not None):
            raise ValueError(f"FT context is for {Akm.FT_PSK} only, got {self.akm}")

    @property
    def key_version(self) -> int:
        """How the MIC was made: 1 HMAC-MD5, 2 HMAC-SHA1-128, 3 AES-128-CMAC."""
        return self.m2.key_version

    @classmethod
    def build(
        cls, *, ssid: Ssid, aa: MacAddress, spa: MacAddress, anonce: bytes, frame: bytes, akm_hint: int | None = None
    ) -> "Handshake":
        """Return the handshake of the M2 `frame`, ready to search; EapolError or UnsupportedAkm where it can not be.

        akm_hint: the AKM suite selector as the access point names it (RFC 7268 WLAN-AKM-Suite)
        """
        m2 = EapolKey.decode(frame)
        return cls.of(ssid=ssid, aa=aa, spa=spa, anonce=anonce, m2=m2, akm_hint=akm_hint)

    @classmethod
    def of(
        cls, *, ssid: Ssid, aa: MacAddress, spa: MacAddress, anonce: bytes, m2: EapolKey, akm_hint: int | None = None
    ) -> "Handshake":
        """Return the handshake of `m2`, whose MIC may still have to be made; the rest as build()."""
        if len(anonce) != 32:
            raise EapolError(f"ANonce of {len(anonce)} octets instead of 32")
        elements = find_elements(m2.key_data)
        akm = _choose_akm(m2, elements, akm_hint)
        if m2.key_version not in _KEY_VERSIONS[akm]:
            raise EapolError(f"offset 5: key version {m2.key_version} does not belong to AKM {akm}")
        ft = _ft_context(elements) if akm is Akm.FT_PSK else None
        return cls(ssid, aa, spa, anonce, m2, akm, ptk_bits=_ptk_bits(elements.rsne or elements.wpa), ft=ft)


def _choose_akm(m2: EapolKey, elements: Elements, hint: int | None) -> Akm:
    """Return what the station says (RSNE, then WPA1's element), else the access point, else the key version."""
    if elements.rsne is not None and elements.rsne.akms:
        akm = _first_searchable(elements.rsne.akms)
    elif elements.wpa is not None and elements.wpa.akms:
        akm = _first_searchable(elements.wpa.akms)
    elif hint is not None:
        akm = _first_searchable((hint,))
    elif m2.key_version in _AKM_OF_VERSION:
        akm = _AKM_OF_VERSION[m2.key_version]
    elif m2.key_version == 0:
        raise UnsupportedAkm("key version 0 is defined by the AKM, and the frame names none")
    else:
        raise EapolError(f"offset 5: undefined key version {m2.key_version}")
    # hostapd names 00-0F-AC:2 in WLAN-AKM-Suite for WPA1 too.
    return Akm.WPA_PSK if akm is Akm.PSK and m2.descriptor == DESCRIPTOR_WPA else akm


def _first_searchable(suites: tuple[int, ...]) -> Akm:
    for suite in suites:
        if suite in _KEY_VERSIONS:
            return Akm(suite)
    suite = suites[0]
    raise UnsupportedAkm(f"AKM {suite_name(suite)}, {_UNSEARCHABLE.get(suite, 'unknown')}, can not be searched")


def _ft_context(elements: Elements) -> FtContext:
    """Return the FT part of an M2 (IEEE Std 802.11 13.4.2: RSNE with PMKR1Name, MDE, FTE with both key holders)."""
    if elements.mde is None:
        raise EapolError("FT-PSK without MDE in the key data")
    fte = elements.fte
    if fte is None:
        raise EapolError("FT-PSK without FTE in the key data")
    if fte.r1kh_id is None or fte.r0kh_id is None:
        raise EapolError(f"FT-PSK with an FTE that lacks its {'R0KH-ID' if fte.r1kh_id else 'R1KH-ID'}")
    pmkids = elements.rsne.pmkids if elements.rsne is not None else ()
    # More than one PMKID can not be told apart; zeros name nothing. The MIC alone then decides.
    name = pmkids[0] if len(pmkids) == 1 and any(pmkids[0]) else None
    return FtContext(mdid=elements.mde.mdid, r0kh_id=fte.r0kh_id, r1kh_id=fte.r1kh_id, pmk_r1_name=name)


def _ptk_bits(element: Rsne | WpaElement | None) -> int:
    """Return the PTK's length by the station's pairwise cipher; CCMP-128's where it names none."""
    if element is not None and element.pairwise and element.pairwise[0] in _LONG_TK:
        return 512
    return 384
