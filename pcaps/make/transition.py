"""FT over the air: a station with a mobility domain's keys moves to another access point (IEEE Std 802.11 13.8).

The elements of its four frames as octets, laid out as hostapd and wpa_supplicant do.
"""

import random
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from crypto import FtContext, Fte, FtKey, MacAddress, aes_cmac, derive_ft_ptk, derive_pmk_r1, encode_element

from .four_way import GroupKey
from .handshake import make_mde, make_rsne
from .session import Session, draw_address

_REQUEST_NUMBER, _RESPONSE_NUMBER = 5, 6  # which of the exchange's messages the MIC is of (13.8.4, 13.8.5)
_PROTECTED_ELEMENTS: Final = 3  # RSNE, MDE, FTE
_GTK_SUBELEMENT: Final = 2
_MIC: Final = slice(4, 20)  # in the FTE, element header included


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One fast transition, both sides' secrets included."""

    session: Session
    target: MacAddress
    ft: FtContext  # of the session; the target has an R1KH-ID of its own
    anonce: bytes
    snonce: bytes
    pmk_r0: FtKey = field(repr=False)
    pmk_r1: FtKey = field(repr=False)
    gtk: GroupKey

    @classmethod
    def draw(cls, session: Session, rng: random.Random) -> "Transition":
        """Return the move to an access point of its own random address; ValueError where the session is not FT."""
        ft, keys = session.handshake.ft, session.ft
        if ft is None or keys is None:
            raise ValueError(f"a fast transition is for FT only, not for AKM {session.handshake.akm}")
        target = draw_address(rng)
        return cls(
            session=session,
            target=target,
            ft=ft,
            anonce=rng.randbytes(32),
            snonce=rng.randbytes(32),
            pmk_r0=keys.pmk_r0,
            pmk_r1=derive_pmk_r1(keys.pmk_r0, target.value, session.handshake.spa),
            gtk=GroupKey(value=rng.randbytes(16)),
        )

    @property
    def ptk(self) -> bytes:
        """The pairwise transient key with the target: KCK || KEK || TK."""
        spa = self.session.handshake.spa
        return derive_ft_ptk(self.pmk_r1, snonce=self.snonce, anonce=self.anonce, aa=self.target, spa=spa).key

    @property
    def authentication_request(self) -> bytes:
        """RSNE with PMKR0Name, MDE, FTE (13.8.2)."""
        return self._elements(self.pmk_r0, Fte(snonce=self.snonce, r0kh_id=self.ft.r0kh_id))

    @property
    def authentication_response(self) -> bytes:
        """The same with the target's nonce and R1KH-ID (13.8.3)."""
        return self._elements(self.pmk_r0, replace(self._confirming, mic_control=bytes(2)))

    @property
    def reassociation_request(self) -> bytes:
        """RSNE with PMKR1Name, MDE, FTE with MIC (13.8.4)."""
        return self._signed(_REQUEST_NUMBER, self._confirming.encode())

    @property
    def reassociation_response(self) -> bytes:
        """The same with the group key, wrapped (13.8.5)."""
        wrapped = aes_key_wrap(self.ptk[16:32], self.gtk.value)
        sequence = self.gtk.receive_sequence.to_bytes(8, "little")
        key = self.gtk.key_id.to_bytes(2, "little") + bytes([len(self.gtk.value)]) + sequence + wrapped
        fte = self._confirming.encode()
        return self._signed(_RESPONSE_NUMBER, encode_element(fte[0], fte[2:] + encode_element(_GTK_SUBELEMENT, key)))

    @property
    def _confirming(self) -> Fte:
        return Fte(
            mic_control=bytes([0, _PROTECTED_ELEMENTS]),
            anonce=self.anonce,
            snonce=self.snonce,
            r1kh_id=self.target.value,
            r0kh_id=self.ft.r0kh_id,
        )

    def _elements(self, named: FtKey, fte: Fte) -> bytes:
        return self._before_fte(named) + fte.encode()

    def _before_fte(self, named: FtKey) -> bytes:
        return make_rsne(self.session.handshake.akm, (named.name,)).encode() + make_mde(self.ft.mdid).encode()

    def _signed(self, number: int, fte: bytes) -> bytes:
        """Return the elements of a reassociation frame, the FTE's MIC over them and both addresses (13.8.4)."""
        before = self._before_fte(self.pmk_r1)
        addresses = self.session.handshake.spa.value + self.target.value
        mic = aes_cmac(self.ptk[:16], addresses + bytes([number]) + before + fte)
        return before + fte[: _MIC.start] + mic + fte[_MIC.stop :]
