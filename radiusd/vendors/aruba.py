"""Aruba / HPE MPSK: the device's address asks, the passphrase goes back encrypted in Aruba-MPSK-Passphrase (14823/44).

Unbound MPSK sends Aruba-MPSK-Lookup-Info (14823/66), whose inner layout nobody has published: such a request is
rejected, and the log says why. WPA2-PSK only.
"""

from crypto import Ssid

from ..errors import DialectError
from ..model import Accept, Attribute, Granted, Lookup, Reply, Request, Salted, Sendable, Subject
from .dialect import Decrypt, Dialect, decode_lookup, device_address, encode_station, granted, only, shared_accept

ESSID_NAME, MPSK_PASSPHRASE, MPSK_KEY_NAME, MPSK_LOOKUP_INFO = ((26, 14823, kind) for kind in (5, 44, 62, 66))


def decode_request(request: Request) -> Subject:
    """Return the question which key a device has; the SSID is Aruba-Essid-Name's where there is one."""
    if MPSK_LOOKUP_INFO in request.attributes:
        raise DialectError("Aruba-MPSK-Lookup-Info (14823/66): its layout is unpublished, bind keys to devices instead")
    ssid = only(request, ESSID_NAME, "Aruba-Essid-Name")
    if ssid is None:
        return decode_lookup(request)
    if not 1 <= len(ssid) <= 32:
        raise DialectError(f"Aruba-Essid-Name of {len(ssid)} octets")
    return Lookup(device=device_address(request), ssid=Ssid(ssid))


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
