"""Cisco Catalyst 9800: Easy PSK (the handshake in four AVPairs of raw octets) and iPSK (the device's address alone).

The key goes back in clear, as `psk-mode=` and `psk=`: over anything but a closed management network that needs TLS or
IPsec. AA is `cisco-bssid=`; the address in Called-Station-Id is another one. Easy PSK is WPA2-PSK only, not with
802.11r. Meanings of the error causes are those of one implementation.
"""

from crypto import EapolError, Handshake, MacAddress, Ssid

from ..errors import DialectError
from ..model import Accept, Attribute, Granted, Reject, Reply, Request, Sendable, Subject
from .dialect import Decrypt, Dialect, decode_lookup, device_address, encode_station, granted, shared_accept

AVPAIR = (26, 9, 1)
_SSID, _BSSID, _ANONCE, _M2 = b"cisco-wlan-ssid", b"cisco-bssid", b"cisco-anonce", b"cisco-8021x-data"
_ROOM = 247
_CAUSE_NO_KEY = 2
_CAUSE_BAD_FRAME, _CAUSE_MISSING = 5, 6


def recognises(request: Request) -> bool:
    """Return whether one of the AVPairs is Easy PSK's; every Cisco request has some."""
    return any(value.startswith((_ANONCE + b"=", _M2 + b"=")) for value in request.every(AVPAIR))


def decode_request(request: Request) -> Subject:
    """Return the handshake in the AVPairs, or the question which key a device has."""
    pairs: dict[bytes, bytes] = {}
    for number, value in enumerate(request.every(AVPAIR), 1):
        name, equals, octets = value.partition(b"=")  # the value may hold anything, also NUL and further =
        if not equals:
            raise DialectError(f"Cisco-AVPair {number} has no =")
        if name in (_SSID, _BSSID, _ANONCE, _M2) and name in pairs:
            raise DialectError(f"{name.decode()} comes twice")
        pairs[name] = octets
    if _ANONCE not in pairs and _M2 not in pairs:
        return decode_lookup(request)
    for name in (_SSID, _BSSID, _ANONCE, _M2):
        if name not in pairs:
            raise DialectError(f"no {name.decode()}")
    if not 1 <= len(pairs[_SSID]) <= 32:
        raise DialectError(f"cisco-wlan-ssid of {len(pairs[_SSID])} octets")
    try:
        aa = MacAddress.parse(pairs[_BSSID])
    except ValueError:
        raise DialectError("cisco-bssid is not a MAC address") from None
    return Handshake.build(
        ssid=Ssid(pairs[_SSID]), aa=aa, spa=device_address(request), anonce=pairs[_ANONCE], frame=pairs[_M2]
    )


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of a wireless controller's Access-Request."""
    station = encode_station(subject, nas_identifier)
    if not isinstance(subject, Handshake):
        return station
    pairs = {
        _SSID: subject.ssid.value,
        _BSSID: subject.aa.value.hex("-").encode(),
        _ANONCE: subject.anonce,
        _M2: subject.m2.octets,
    }
    values = [name + b"=" + octets for name, octets in pairs.items()]
    if len(values[-1]) > _ROOM:
        raise DialectError(f"Cisco-AVPair has room for {_ROOM} octets, this M2 takes {len(values[-1])}")
    return *station, *(Attribute(AVPAIR, value) for value in values)


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return the key in clear, 64 hex digits where it is a PMK."""
    passphrase = accept.key.passphrase.value
    mode = b"hex" if len(passphrase) == 64 else b"ascii"
    return (
        Attribute(AVPAIR, b"psk-mode=" + mode),
        Attribute(AVPAIR, b"psk=" + passphrase),
        *shared_accept(accept),
    )


def encode_reject(reject: Reject) -> tuple[Sendable, ...]:
    """Return Easy PSK's error cause: no key, as the air may know; a broken request, as the controller should."""
    cause = _CAUSE_NO_KEY
    if reject.error is not None:
        cause = _CAUSE_BAD_FRAME if isinstance(reject.error, EapolError) else _CAUSE_MISSING
    return (Attribute(AVPAIR, b"cisco-easy-psk-error-cause=%d" % cause),)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:  # noqa: ARG001 (nothing is encrypted)
    """Return the key of `psk=`."""
    return granted(reply, passphrases=tuple(value[4:] for value in reply.every(AVPAIR) if value.startswith(b"psk=")))


DIALECT = Dialect(
    name="cisco",
    markers=(AVPAIR,),
    recognises=recognises,
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_reject=encode_reject,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
