"""Aruba / HPE MPSK: the device's address asks, the passphrase goes back encrypted in Aruba-MPSK-Passphrase (14823/44).

Unbound MPSK sends Aruba-MPSK-Lookup-Info (14823/66), whose inner layout nobody has published: such a request is
rejected, and the log says why. WPA2-PSK only.
"""

from typing import NoReturn

from crypto import Ssid

from ..errors import UnsupportedError
from ..model import Accept, Attribute, Granted, Reply, Request, Salted, Sendable, Subject
from .dialect import SHARED_READS, Dialect
from .reply import Decrypt, granted, shared_accept
from .station import only, parse_ssid

ESSID_NAME, MPSK_PASSPHRASE, MPSK_KEY_NAME, MPSK_LOOKUP_INFO = ((26, 14823, kind) for kind in (5, 44, 62, 66))


class Aruba(Dialect):
    """Asks by address; takes Aruba-MPSK-Passphrase."""

    markers = (MPSK_LOOKUP_INFO,)
    reads = SHARED_READS | {ESSID_NAME}

    def decode_handshake(self, request: Request) -> NoReturn:  # noqa: ARG002
        """Raise UnsupportedError."""
        raise UnsupportedError(
            "Aruba-MPSK-Lookup-Info (14823/66): the layout of this request is unpublished, bind keys to devices instead"
        )

    def own_ssid(self, request: Request) -> Ssid | None:
        """Return Aruba-Essid-Name, None where it is absent."""
        ssid = only(request, ESSID_NAME)
        return None if ssid is None else parse_ssid(ssid, ESSID_NAME)

    def encode_station(self, subject: Subject, nas_identifier: bytes | None) -> tuple[Sendable, ...]:
        """Return what bound MPSK asks with."""
        return *super().encode_station(subject, nas_identifier), Attribute(ESSID_NAME, subject.ssid.value)

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the passphrase, salted without a tag octet, and the key's opaque name."""
        return (
            Salted(MPSK_PASSPHRASE, accept.key.passphrase.value),
            Attribute(MPSK_KEY_NAME, accept.session_key_name),
            *shared_accept(accept),
        )

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return the passphrase."""
        values = reply.every(MPSK_PASSPHRASE)
        return granted(reply, passphrases=tuple(decrypt(value, tagged=False) for value in values))


DIALECT = Aruba("aruba")
