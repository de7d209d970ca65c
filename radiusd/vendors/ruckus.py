"""Ruckus external DPSK: Unleashed, SmartZone, Ruckus One.

The handshake comes in DPSK-Params (25053/153), AA in Ruckus-BSSID, the SSID in Ruckus-SSID (else Ruckus-Wlan-Name). The
answer holds the PMK, not the passphrase: form A in MS-MPPE-Recv-Key (encrypted; profile `ruckus`, the default), form B
in Ruckus-DPSK, in clear (profile `ruckus-dpsk`: this needs a protected network). Form A is reported from Unleashed
200.19, Ruckus One and vSZ 7.2; form B is what the SmartZone 5.1 guide describes. Neither was tried on a Ruckus device
by us. Dynamic VLAN must be on in the WLAN.
"""

from crypto import Handshake, MacAddress, Ssid

from ..errors import DialectError, MissingPieceError
from ..model import Accept, Attribute, Granted, Reply, Request, Salted, Sendable
from .attributes import MS_MPPE_RECV_KEY
from .dialect import SHARED_READS, Dialect
from .names import attribute_name
from .reply import Decrypt, granted, shared_accept
from .station import device_address, only, parse_ssid
from .tlv import Tlvs, encode_tlvs

SSID, BSSID, WLAN_NAME, DPSK, DPSK_PARAMS = ((26, 25053, kind) for kind in (3, 14, 135, 142, 153))
_AKM, _CIPHER, _ANONCE, _M2 = 1, 2, 3, 4
_CCMP = b"\4"


class Ruckus(Dialect):
    """Form A."""

    markers = (DPSK_PARAMS,)
    reads = SHARED_READS | {SSID, BSSID, WLAN_NAME}

    def decode_handshake(self, request: Request) -> Handshake:
        """Return the handshake in DPSK-Params."""
        fields = Tlvs.of(request, DPSK_PARAMS)
        akm = fields.get(_AKM, "AKM suite", 4)
        ssid, aa = self.own_ssid(request), only(request, BSSID)
        if ssid is None:
            raise MissingPieceError(f"no SSID: {attribute_name(SSID)} is missing")
        if aa is None:
            raise MissingPieceError(f"no AA: {attribute_name(BSSID)} is missing")
        if len(aa) != 6:
            raise DialectError(f"no AA: {attribute_name(BSSID)} of {len(aa)} octets instead of 6")
        anonce, frame = fields.need(_ANONCE, "ANonce", 32), fields.need(_M2, "M2")
        return Handshake.build(
            ssid=ssid,
            aa=MacAddress(aa),
            spa=device_address(request),
            anonce=anonce,
            frame=frame,
            akm_hint=None if akm is None else int.from_bytes(akm),
        )

    def own_ssid(self, request: Request) -> Ssid | None:
        """Return the SSID of Ruckus-SSID, else of Ruckus-Wlan-Name (SmartZone; usually, not always, the SSID)."""
        for kind in (SSID, WLAN_NAME):
            value = only(request, kind)
            if value is not None:
                return parse_ssid(value, kind)
        return None

    def encode_handshake(self, handshake: Handshake) -> tuple[Sendable, ...]:
        """Return SSID, BSSID and DPSK-Params."""
        fields = (
            (_AKM, handshake.akm.to_bytes(4)),
            (_CIPHER, _CCMP),
            (_ANONCE, handshake.anonce),
            (_M2, handshake.m2.octets),
        )
        return (
            Attribute(SSID, handshake.ssid.value),
            Attribute(BSSID, handshake.aa.value),
            encode_tlvs(DPSK_PARAMS, fields),
        )

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the PMK, encrypted."""
        return Salted(MS_MPPE_RECV_KEY, accept.key.pmk.value), *shared_accept(accept)

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return the PMK of either form."""
        salted, plain = reply.first(MS_MPPE_RECV_KEY), reply.first(DPSK)
        if salted is not None:
            return granted(reply, pmk=decrypt(salted, tagged=False))
        return granted(reply, pmk=None if plain is None else plain[1:])


class RuckusInClear(Ruckus):
    """Form B."""

    answers_in_clear = True

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the PMK in clear."""
        return Attribute(DPSK, b"\0" + accept.key.pmk.value), *shared_accept(accept)


DIALECT = Ruckus("ruckus")
DIALECT_B = RuckusInClear("ruckus-dpsk", variant_of=DIALECT)
