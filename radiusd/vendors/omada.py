"""TP-Link Omada, PPSK with RADIUS: each connection asks twice, and both must be accepted.

First by the device's address: a device with a key gets its Tunnel-Password, any other an empty Accept, since a Reject
ends the handshake. Then with FindKey (11863/3), answered by FoundKey (11863/4) with the PMK, in clear, and
Tunnel-Password: this needs a protected network. Reported working by one implementation's author. That sub-attribute 5
is the station is presumed from Eleven's numbering, so it is read only where nothing else names the station. Without a
VLAN no tunnel attribute is sent. Its limits (11863/1 and 2) are left out, since their unit is unverified.
"""

from crypto import Handshake, MacAddress

from ..errors import DialectError
from ..model import Accept, Granted, Reply, Request, Sendable, Subject
from .dialect import Dialect
from .eleven import decode_find_key, find_key_fields
from .reply import Decrypt, granted, parse_tunnel_passwords
from .station import device_address, encode_station, station_address
from .tlv import Tlvs, encode_tlvs

FIND_KEY, FOUND_KEY = (26, 11863, 3), (26, 11863, 4)
_AP_MAC, _STATION, _RADIO_BSSID, _PMK = 4, 5, 6, 1


class Omada(Dialect):
    """Asks by address, then with FindKey; takes the PMK and Tunnel-Password."""

    markers = (FIND_KEY,)
    answers_in_clear = True
    handshake_has_password = False  # of none is anything known
    nas_identifier_prefix = b"TP-Link"
    accepts_unknown = True
    reply_depends_on_handshake = True

    def decode_handshake(self, request: Request) -> Handshake:
        """Return the handshake in FindKey."""
        fields = Tlvs.of(request, FIND_KEY)
        aa = fields.address(_RADIO_BSSID, "AA") or MacAddress(fields.need(_AP_MAC, "AA", 6))
        return decode_find_key(fields, aa, _station(request, fields))

    def encode_station(self, subject: Subject, nas_identifier: bytes | None) -> tuple[Sendable, ...]:
        """Return what an Omada access point asks with: lower case with colons, and the prefix of its kind."""
        name = station_address(subject).value.hex(":").encode()
        return encode_station(subject, nas_identifier or self.nas_identifier_prefix, name=name)

    def encode_handshake(self, handshake: Handshake) -> tuple[Sendable, ...]:
        """Return FindKey."""
        return (encode_tlvs(FIND_KEY, (*find_key_fields(handshake), (_RADIO_BSSID, handshake.aa.value))),)

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return Tunnel-Password, and FoundKey where a handshake was asked about."""
        answer = super().encode_accept(accept)
        return answer if accept.of_lookup else (encode_tlvs(FOUND_KEY, ((_PMK, accept.key.pmk.value),)), *answer)

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return the PMK of FoundKey and every Tunnel-Password."""
        value = reply.first(FOUND_KEY)
        pmk = None if value is None else Tlvs(FOUND_KEY, value).need(_PMK, "PMK", 32)
        return granted(reply, pmk=pmk, passphrases=parse_tunnel_passwords(reply, decrypt))


def _station(request: Request, fields: Tlvs) -> MacAddress:
    presumed = fields.address(_STATION, "station")
    try:
        return device_address(request)
    except DialectError:
        if presumed is None:
            raise
        return presumed


DIALECT = Omada("omada")
