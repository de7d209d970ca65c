"""Fast BSS transitions: a station that moves within its mobility domain shows in its reassociation request, by the MIC
in the FTE, that it knows the key of its first association (IEEE Std 802.11 13.7.1, 13.8.4). No M2, and yet a test.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from crypto import (
    Akm,
    CryptoError,
    ElementId,
    FtContext,
    MacAddress,
    Pmk,
    Ssid,
    aes_cmac,
    derive_ft_ptk,
    derive_pmk_r0,
    derive_pmk_r1,
    encode_element,
    find_elements,
    walk_elements,
)

_MIC: Final = slice(4, 20)  # of the FTE with its ID and length
_TRANSACTION: Final = b"\x05"  # a reassociation request is the fifth message of the sequence
_LONG_TK: Final = {0x000FAC02, 0x000FAC09, 0x000FAC0A}  # TKIP, GCMP-256, CCMP-256: 12.7.1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Roam:
    """A fast transition to a new access point."""

    ssid: Ssid
    aa: MacAddress
    spa: MacAddress
    anonce: bytes
    snonce: bytes
    ft: FtContext  # with the PMKR1Name
    mic: bytes
    covered: bytes = field(repr=False)  # what the MIC is computed over
    ptk_bits: int = 384

    def fits(self, pmk: Pmk) -> bool:
        """Return whether `pmk` is the one that the station associated with first."""
        pmk_r0 = derive_pmk_r0(pmk, self.ssid, self.ft.mdid, self.ft.r0kh_id, self.spa)
        pmk_r1 = derive_pmk_r1(pmk_r0, self.ft.r1kh_id, self.spa)
        if pmk_r1.name != self.ft.pmk_r1_name:  # sent in the clear: no secret is compared
            return False
        nonces = {"anonce": self.anonce, "snonce": self.snonce}
        ptk = derive_ft_ptk(pmk_r1, aa=self.aa, spa=self.spa, bits=self.ptk_bits, **nonces)
        return hmac.compare_digest(aes_cmac(ptk.key[:16], self.covered), self.mic)


def parse_roam(ssid: Ssid, aa: bytes, spa: bytes, elements: bytes) -> Roam | None:
    """Return the transition in the elements of a reassociation request, None where it is not a whole one of FT-PSK."""
    try:
        found = find_elements(elements)
    except CryptoError:
        return None
    rsne, mde, fte = found.rsne, found.mde, found.fte
    if rsne is None or mde is None or fte is None or fte.r0kh_id is None or fte.r1kh_id is None:
        return None
    if rsne.akms != (Akm.FT_PSK,) or len(rsne.pmkids) != 1:
        return None
    whole = {identifier: encode_element(identifier, body) for _, identifier, body in walk_elements(elements)}
    protected = whole[ElementId.FAST_BSS_TRANSITION]
    unsigned = protected[: _MIC.start] + bytes(16) + protected[_MIC.stop :]
    return Roam(
        ssid=ssid,
        aa=MacAddress(aa),
        spa=MacAddress(spa),
        anonce=fte.anonce,
        snonce=fte.snonce,
        ft=FtContext(mdid=mde.mdid, r0kh_id=fte.r0kh_id, r1kh_id=fte.r1kh_id, pmk_r1_name=rsne.pmkids[0]),
        mic=fte.mic,
        covered=spa + aa + _TRANSACTION + whole[ElementId.RSN] + whole[ElementId.MOBILITY_DOMAIN] + unsigned,
        ptk_bits=512 if rsne.pairwise and rsne.pairwise[0] in _LONG_TK else 384,
    )
