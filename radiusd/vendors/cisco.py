"""Cisco Catalyst 9800: Easy PSK (the handshake in four AVPairs of raw octets) and iPSK (the device's address alone).

The key goes back in clear, as `psk-mode=` and `psk=`: over anything but a closed management network that needs TLS or
IPsec. AA is `cisco-bssid=`; the address in Called-Station-Id is another one. Easy PSK is WPA2-PSK only, not with
802.11r, whose M2 no AVPair could hold. Both forms of key are reported working on 17.18; the meanings of the error
causes are those of one implementation. iPSK's VLAN needs AAA override on the WLAN.
"""

from crypto import EapolError, Handshake, MacAddress

from ..errors import DialectError, MissingPieceError
from ..model import Accept, Attribute, Granted, Reject, Reply, Request, Sendable, Subject
from .dialect import Decrypt, Dialect, decode_lookup, device_address, encode_station, granted, parse_ssid, shared_accept
from .tlv import ROOM

AVPAIR = (26, 9, 1)
_SSID, _BSSID, _ANONCE, _M2 = b"cisco-wlan-ssid", b"cisco-bssid", b"cisco-anonce", b"cisco-8021x-data"
_EASY_PSK = (_SSID, _BSSID, _ANONCE, _M2)
_UNSPECIFIED, _NO_KEY, _BAD_FRAME, _MISSING = 1, 2, 5, 6


def recognises(request: Request) -> bool:
    """Return whether one of the AVPairs is Easy PSK's; every Cisco request has some."""
    return any(value.startswith((_ANONCE, _M2)) for value in request.every(AVPAIR))


def decode_request(request: Request) -> Subject:
    """Return the handshake in the AVPairs, or the question which key a device has."""
    pairs = _split(request)
    ssid = pairs.get(_SSID)  # in iPSK's requests too
    if not recognises(request):
        return decode_lookup(request, None if ssid is None else parse_ssid(ssid, "cisco-wlan-ssid"))
    for name in _EASY_PSK:
        if name not in pairs:
            raise MissingPieceError(f"no {name.decode()} among {len(request.every(AVPAIR))} Cisco-AVPairs")
    anonce = pairs[_ANONCE]
    if len(anonce) != 32:
        raise DialectError(f"cisco-anonce of {len(anonce)} octets instead of 32")
    try:
        aa = MacAddress.parse(pairs[_BSSID])
    except ValueError:
        raise DialectError(f"no AA: cisco-bssid, of {len(pairs[_BSSID])} octets, is not a MAC address") from None
    return Handshake.build(
        ssid=parse_ssid(pairs[_SSID], "cisco-wlan-ssid"),
        aa=aa,
        spa=device_address(request),
        anonce=anonce,
        frame=pairs[_M2],
    )


def _split(request: Request) -> dict[bytes, bytes]:
    """Return Easy PSK's AVPairs; the value of one may hold anything, also NUL and further equals signs."""
    values = request.every(AVPAIR)
    pairs: dict[bytes, bytes] = {}
    for number, value in enumerate(values, 1):
        name, equals, octets = value.partition(b"=")
        if not equals:
            raise DialectError(f"Cisco-AVPair {number} of {len(values)}: no = in its {len(value)} octets")
        if name in _EASY_PSK:
            if name in pairs:
                raise DialectError(f"Cisco-AVPair {number} of {len(values)}: second {name.decode()}")
            pairs[name] = octets
    return pairs


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
    longest = ROOM - len(_M2) - 1
    if len(pairs[_M2]) > longest:
        raise DialectError(f"M2 of {len(pairs[_M2])} octets, one Cisco-AVPair has room for {longest}")
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


def encode_reject(request: Request, reject: Reject) -> tuple[Sendable, ...]:
    """Return Easy PSK's error cause: no key, whatever is wrong with it, or what is wrong with the request."""
    if not recognises(request):
        return ()
    match reject.error:
        case None:
            cause = _NO_KEY
        case EapolError():
            cause = _BAD_FRAME
        case MissingPieceError():
            cause = _MISSING
        case _:
            cause = _UNSPECIFIED
    return (Attribute(AVPAIR, b"cisco-easy-psk-error-cause=%d" % cause),)


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:  # noqa: ARG001 (nothing is encrypted)
    """Return the key of `psk=`."""
    return granted(reply, passphrases=passphrases(reply))


def passphrases(reply: Reply) -> tuple[bytes, ...]:
    """Return what is in `psk=`: a passphrase, or 64 hex digits."""
    return tuple(value[4:] for value in reply.every(AVPAIR) if value.startswith(b"psk="))


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
