"""Eleven (ElevenOS): the handshake in Find-Key (52970/3), the key in Cisco's AVPairs, in clear: this needs a protected
network. Mist and TP-Link number their fields alike.

The layout is FreeRADIUS's dictionary.eleven, made from an example found in public. VLAN attributes are used by Mist and
unverified for Eleven itself, as is `psk-mode=hex` for a raw PMK.
"""

from crypto import Handshake, MacAddress

from ..model import Accept, Granted, Reply, Request, Sendable
from . import cisco
from .dialect import Dialect
from .reply import Decrypt
from .station import device_address
from .tlv import Tlvs, encode_tlvs

FIND_KEY = (26, 52970, 3)
_M2, _ANONCE, _SSID, _AP_MAC, _STATION = 1, 2, 3, 4, 5


class Eleven(Dialect):
    """Asks with Find-Key; takes Cisco's AVPairs."""

    markers = (FIND_KEY,)
    answers_in_clear = True
    handshake_has_password = False  # of none is anything known

    def decode_handshake(self, request: Request) -> Handshake:
        """Return the handshake in Find-Key."""
        fields = Tlvs.of(request, FIND_KEY)
        aa = MacAddress(fields.need(_AP_MAC, "AA", 6))
        return decode_find_key(fields, aa, fields.address(_STATION, "station") or device_address(request))

    def encode_handshake(self, handshake: Handshake) -> tuple[Sendable, ...]:
        """Return Find-Key."""
        return (encode_tlvs(FIND_KEY, find_key_fields(handshake)),)

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the key in clear, as Cisco's controllers take it."""
        return cisco.DIALECT.encode_accept(accept)

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return the key of `psk=`."""
        return cisco.DIALECT.decode_accept(reply, decrypt)


def decode_find_key(fields: Tlvs, aa: MacAddress, spa: MacAddress) -> Handshake:
    """Return the handshake in the fields that Eleven and TP-Link number alike, between these two."""
    return Handshake.build(
        ssid=fields.ssid(_SSID),
        aa=aa,
        spa=spa,
        anonce=fields.need(_ANONCE, "ANonce", 32),
        frame=fields.need(_M2, "M2"),
    )


def find_key_fields(handshake: Handshake) -> tuple[tuple[int, bytes], ...]:
    """Return the fields of `decode_find_key`, the access point's address being AA."""
    return (
        (_M2, handshake.m2.octets),
        (_ANONCE, handshake.anonce),
        (_SSID, handshake.ssid.value),
        (_AP_MAC, handshake.aa.value),
        (_STATION, handshake.spa.value),
    )


DIALECT = Eleven("eleven")
