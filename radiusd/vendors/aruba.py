"""Aruba / HPE MPSK: the device's address asks, the passphrase goes back encrypted in Aruba-MPSK-Passphrase (14823/44).

Unbound MPSK sends Aruba-MPSK-Lookup-Info (14823/66), whose inner layout nobody has published: such a request is
rejected, and the log says why. WPA2-PSK only.
"""

from ..errors import UnsupportedError
from ..model import Accept, Attribute, Granted, Reply, Request, Salted, Sendable, Subject
from .dialect import Decrypt, Dialect, decode_lookup, encode_station, granted, only, parse_ssid, shared_accept

ESSID_NAME, MPSK_PASSPHRASE, MPSK_KEY_NAME, MPSK_LOOKUP_INFO = ((26, 14823, kind) for kind in (5, 44, 62, 66))


def decode_request(request: Request) -> Subject:
    """Return the question which key a device has; the SSID is Aruba-Essid-Name's where there is one."""
    if MPSK_LOOKUP_INFO in request.attributes:
        raise UnsupportedError(
            "Aruba-MPSK-Lookup-Info (14823/66): the layout of this request is unpublished, bind keys to devices instead"
        )
    ssid = only(request, ESSID_NAME, "Aruba-Essid-Name (14823/5)")
    return decode_lookup(request, None if ssid is None else parse_ssid(ssid, "Aruba-Essid-Name (14823/5)"))


def encode_request(subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
    """Return the attributes of the Access-Request of bound MPSK."""
    return *encode_station(subject, nas_identifier), Attribute(ESSID_NAME, subject.ssid.value)


def encode_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return the passphrase, salted without a tag octet, and the key's opaque name."""
    return (
        Salted(MPSK_PASSPHRASE, accept.key.passphrase.value),
        Attribute(MPSK_KEY_NAME, accept.key_name),
        *shared_accept(accept),
    )


def decode_accept(reply: Reply, decrypt: Decrypt) -> Granted:
    """Return the passphrase."""
    values = reply.every(MPSK_PASSPHRASE)
    return granted(reply, passphrases=tuple(decrypt(value, tagged=False) for value in values))


DIALECT = Dialect(
    name="aruba",
    markers=(MPSK_LOOKUP_INFO,),
    decode_request=decode_request,
    encode_accept=encode_accept,
    encode_request=encode_request,
    decode_accept=decode_accept,
)
