"""The 4-way handshake's frames as octets (IEEE Std 802.11 12.7.6), laid out as hostapd and wpa_supplicant do."""

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from crypto import EapolKey, ElementId, Handshake, encode_element, frame_mic

from .handshake import FIRST_COUNTER, PAIRWISE_WITH_MIC, make_mde, make_rsne
from .session import Session

AP_VERSION: Final = 2  # of 802.1X: hostapd's default, whatever the station's
CCMP_KEY_OCTETS: Final = 16
REASSOCIATION_DEADLINE_TU: Final = 1000
KEY_LIFETIME_S: Final = 14 * 24 * 3600
_GTK_KDE: Final = bytes.fromhex("000fac01")
_M1, _M3, _M4 = 0x0088, 0x13C8, PAIRWISE_WITH_MIC | 0x0200  # the key information without its version
_LEAST_WRAPPED: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """A group temporal key of CCMP, as the access point hands it out."""

    value: bytes = field(repr=False)
    key_id: int = 1
    receive_sequence: int = 0  # packet number of the last frame sent under it

    def __post_init__(self) -> None:
        if len(self.value) != CCMP_KEY_OCTETS:
            raise ValueError(f"GTK must be {CCMP_KEY_OCTETS} octets, got {len(self.value)}")
        if self.key_id not in (1, 2, 3):
            raise ValueError(f"GTK's key id must be 1 to 3, got {self.key_id}")


@dataclass(frozen=True, slots=True)
class FourWay:
    """The four EAPOL-Key frames, 802.1X header included."""

    m1: bytes
    m2: bytes
    m3: bytes
    m4: bytes


def four_way(session: Session, gtk: GroupKey) -> FourWay:
    """Return the handshake of a session whose access point hands out this group key."""
    handshake, ptk = session.handshake, session.ptk
    m1 = EapolKey(
        version=AP_VERSION,
        key_info=_M1 | handshake.key_version,
        key_length=CCMP_KEY_OCTETS,
        replay_counter=FIRST_COUNTER,
        snonce=handshake.anonce,  # the Key Nonce field holds the sender's
    )
    m3 = EapolKey(
        version=AP_VERSION,
        key_info=_M3 | handshake.key_version,
        key_length=CCMP_KEY_OCTETS,
        replay_counter=FIRST_COUNTER + 1,
        snonce=handshake.anonce,
        rsc=gtk.receive_sequence.to_bytes(6, "little") + bytes(2),
        key_data=aes_key_wrap(ptk[16:32], _pad(_m3_key_data(session, gtk))),
    )
    m4 = EapolKey(
        version=session.eapol_version,
        key_info=_M4 | handshake.key_version,
        replay_counter=FIRST_COUNTER + 1,
        snonce=bytes(32),
    )
    return FourWay(m1.encode(), handshake.m2.octets, _sign(ptk[:16], m3), _sign(ptk[:16], m4))


def association_elements(handshake: Handshake) -> bytes:
    """Return what beacon and association request say of security: RSNE, and for FT the MDE."""
    rsne = make_rsne(handshake.akm).encode()
    return rsne if handshake.ft is None else rsne + make_mde(handshake.ft.mdid).encode()


def _m3_key_data(session: Session, gtk: GroupKey) -> bytes:
    """Return RSNE and GTK; for FT, MDE, FTE and the two timeouts too, in hostapd's order."""
    key = encode_element(ElementId.VENDOR_SPECIFIC, _GTK_KDE + bytes([gtk.key_id, 0]) + gtk.value)
    elements = session.elements
    if elements.mde is None or elements.fte is None:
        return make_rsne(session.handshake.akm).encode() + key
    rsne = make_rsne(session.handshake.akm, elements.rsne.pmkids if elements.rsne else ())
    timeouts = ((1, REASSOCIATION_DEADLINE_TU), (2, KEY_LIFETIME_S))
    return b"".join(
        (
            rsne.encode(),
            elements.mde.encode(),
            key,
            elements.fte.encode(),
            *(
                encode_element(ElementId.TIMEOUT_INTERVAL, bytes([kind]) + value.to_bytes(4, "little"))
                for kind, value in timeouts
            ),
        )
    )


def _timeout(kind: int, value: int) -> bytes:
    return encode_element(ElementId.TIMEOUT_INTERVAL, bytes([kind]) + value.to_bytes(4, "little"))


def _pad(key_data: bytes) -> bytes:
    """Return key data of at least 16 octets and a multiple of 8, as the key wrap wants it (12.7.2): DD, then zeros."""
    if len(key_data) >= _LEAST_WRAPPED and len(key_data) % 8 == 0:
        return key_data
    key_data += bytes([ElementId.VENDOR_SPECIFIC])
    return key_data.ljust(max(_LEAST_WRAPPED, -(-len(key_data) // 8) * 8), b"\0")


def _sign(kck: bytes, frame: EapolKey) -> bytes:
    octets = frame.encode()
    mic = frame_mic(kck, frame.key_version, frame.zeroed)
    return octets[:81] + mic + octets[97:]
