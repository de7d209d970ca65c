"""Access-Requests that carry a handshake, in any dialect, read from a capture: without the shared secret, so nobody
has checked who sent them. What they hold is tested by its own MIC.
"""

import contextlib

from crypto import CryptoError, Handshake, MacAddress, Ssid, UnsupportedAkm
from radiusd import (
    DialectError,
    PacketError,
    Request,
    decode_unverified,
    device_address,
    parse_called_station,
    recognise,
)

from .attempts import Attempt, refuse
from .formats import Flaw, Packet
from .link_layers import Datagram

PORTS = (1812, 1645)  # RFC 2865 section 3, and what was used before it
ACCESS_REQUEST = 1


def read_request(packet: Packet, datagram: Datagram) -> Attempt | Flaw | None:
    """Return the attempt that an access point asks about; None where a datagram does not ask about one.

    On ports that are not RADIUS's, only what cannot be anything else is one.
    """
    official = datagram.port in PORTS
    payload = packet.octets[datagram.start : datagram.end]
    if len(payload) < datagram.end - datagram.start:
        if not official:
            return None
        captured = f"{len(packet.octets)} of {packet.length} octets were captured"
        return Flaw(packet.number, f"the Access-Request was cut by the snap length: {captured}")
    if not official and len(payload) != int.from_bytes(payload[2:4]):
        return None
    try:
        request = decode_unverified(payload)
    except PacketError as error:
        return Flaw(packet.number, f"damaged Access-Request: {error}") if official else None
    dialect = recognise(request, "auto").dialect
    if not dialect.shows_handshake(request):
        return None
    attempt = _describe(packet, request)
    try:
        subject = dialect.decode_request(request)
    except UnsupportedAkm as error:
        return refuse(attempt, str(error), capture_at_fault=False)
    except (DialectError, CryptoError) as error:
        return refuse(attempt, f"{dialect.name}: {error}")
    return Attempt.of(packet.number, packet.time_ns, subject) if isinstance(subject, Handshake) else None


def _describe(packet: Packet, request: Request) -> Attempt:
    """Return what a request says outside of its handshake."""
    station: MacAddress | None = None
    bssid: MacAddress | None = None
    ssid: Ssid | None = None
    with contextlib.suppress(DialectError):
        station = device_address(request)
    with contextlib.suppress(DialectError):
        bssid, ssid = parse_called_station(request)
    return Attempt(number=packet.number, time_ns=packet.time_ns, station=station, bssid=bssid, ssid=ssid)
