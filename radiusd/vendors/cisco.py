"""Cisco Catalyst 9800: Easy PSK (the handshake in four AVPairs of raw octets) and iPSK (the device's address alone).

The key goes back in clear, as `psk-mode=` and `psk=`: over anything but a closed management network that needs TLS or
IPsec. AA is `cisco-bssid=`; the address in Called-Station-Id is another one. Easy PSK is WPA2-PSK only, not with
802.11r, whose M2 no AVPair could hold. Both forms of key are reported working on 17.18; the meanings of the error
causes are those of one implementation. iPSK's VLAN needs AAA override on the WLAN.
"""

from crypto import EapolError, Handshake, MacAddress, Ssid

from ..errors import DialectError, MissingPieceError
from ..model import Accept, Attribute, Granted, Reject, Reply, Request, Sendable
from .dialect import Dialect
from .reply import Decrypt, granted, shared_accept
from .station import device_address, parse_ssid
from .tlv import ROOM

AVPAIR = (26, 9, 1)
_SSID, _BSSID, _ANONCE, _M2 = b"cisco-wlan-ssid", b"cisco-bssid", b"cisco-anonce", b"cisco-8021x-data"
_EASY_PSK = (_SSID, _BSSID, _ANONCE, _M2)
_UNSPECIFIED, _NO_KEY, _BAD_FRAME, _MISSING = 1, 2, 5, 6


class Cisco(Dialect):
    """Asks with Easy PSK's AVPairs or by address; takes AVPairs."""

    markers = (AVPAIR,)
    markers_are_shared = True
    answers_in_clear = True
    handshake_has_password = False  # Easy PSK: of none is anything known

    def recognises(self, request: Request) -> bool:
        """Return whether one of the AVPairs is Easy PSK's; every Cisco request has some."""
        return any(value.startswith((_ANONCE, _M2)) for value in request.every(AVPAIR))

    def decode_handshake(self, request: Request) -> Handshake:
        """Return the handshake in the AVPairs."""
        pairs = _split(request)
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
            ssid=parse_ssid(pairs[_SSID], _SSID.decode()),
            aa=aa,
            spa=device_address(request),
            anonce=anonce,
            frame=pairs[_M2],
        )

    def own_ssid(self, request: Request) -> Ssid | None:
        """Return `cisco-wlan-ssid=`, which is in iPSK's requests too."""
        ssid = _split(request).get(_SSID)
        return None if ssid is None else parse_ssid(ssid, _SSID.decode())

    def encode_handshake(self, handshake: Handshake) -> tuple[Sendable, ...]:
        """Return Easy PSK's AVPairs."""
        pairs = {
            _SSID: handshake.ssid.value,
            _BSSID: handshake.aa.value.hex("-").encode(),
            _ANONCE: handshake.anonce,
            _M2: handshake.m2.octets,
        }
        longest = ROOM - len(_M2) - 1
        if len(pairs[_M2]) > longest:
            raise DialectError(f"M2 of {len(pairs[_M2])} octets, one Cisco-AVPair has room for {longest}")
        return tuple(Attribute(AVPAIR, name + b"=" + octets) for name, octets in pairs.items())

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the key in clear, 64 hex digits where it is a PMK."""
        passphrase = accept.key.passphrase.value
        mode = b"hex" if len(passphrase) == 64 else b"ascii"
        return (
            Attribute(AVPAIR, b"psk-mode=" + mode),
            Attribute(AVPAIR, b"psk=" + passphrase),
            *shared_accept(accept),
        )

    def encode_reject(self, request: Request, reject: Reject) -> tuple[Sendable, ...]:
        """Return Easy PSK's error cause: no key, whatever is wrong with it, or what is wrong with the request."""
        if not self.recognises(request):
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

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:  # noqa: ARG002 (nothing is encrypted)
        """Return the key of `psk=`."""
        return granted(reply, passphrases=passphrases(reply))


def passphrases(reply: Reply) -> tuple[bytes, ...]:
    """Return what is in `psk=`: a passphrase, or 64 hex digits."""
    return tuple(value[4:] for value in reply.every(AVPAIR) if value.startswith(b"psk="))


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


DIALECT = Cisco("cisco")
