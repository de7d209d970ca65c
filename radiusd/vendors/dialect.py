"""What a vendor's module says of its dialect: a class that overrides what its access points do otherwise."""

from typing import ClassVar, Final

from crypto import Handshake, Ssid

from ..errors import UnsupportedError
from ..model import Accept, AttributeType, Granted, Lookup, Offer, Reject, Reply, Request, Sendable, Subject
from . import station
from .attributes import CALLED_STATION_ID, CALLING_STATION_ID, EAP_MESSAGE, USER_NAME
from .reply import Decrypt, granted, parse_tunnel_passwords, shared_accept, shared_offer, tunnel_password

SHARED_READS: Final[frozenset[AttributeType]] = frozenset(
    {USER_NAME, CALLED_STATION_ID, CALLING_STATION_ID, EAP_MESSAGE}
)


class Dialect:
    """How one vendor's access points ask and want to be answered; an instance is one reply profile of a NAS.

    As it stands it is the dialect of any access point that asks by the device's address and takes Tunnel-Password. The
    server uses the first half of the methods, whoever plays the access point (tests, captures, benchmarks) the second.
    """

    markers: ClassVar[tuple[AttributeType, ...]] = ()  # a request with one of them is in this dialect
    markers_are_shared: ClassVar[bool] = False  # other requests have them, too: `recognises` looks closer
    # What else the methods read from a request. The fast path must tell requests apart by each of these.
    reads: ClassVar[frozenset[AttributeType]] = SHARED_READS
    nas_identifier_prefix: ClassVar[bytes | None] = None  # shows this dialect in lookups of a NAS without a profile
    probe_user: ClassVar[bytes | None] = None  # the User-Name under which its devices try whether a server lives
    reply_depends_on_handshake: ClassVar[bool] = False  # a lookup is answered otherwise than a handshake
    answers_in_clear: ClassVar[bool] = False  # some answer has the key so that whoever reads the wire reads it
    handshake_has_password: ClassVar[bool] = True  # User-Password stands beside a handshake, as it does in each lookup
    sends_empty_password: ClassVar[bool] = False  # User-Password may be empty; else it is the device's address
    accepts_unknown: ClassVar[bool] = False  # an unknown device gets an empty Accept to its lookup, and asks again
    tries_several_keys: ClassVar[bool] = False  # a lookup may be answered with an offer of several keys

    def __init__(self, name: str, *, variant_of: "Dialect | None" = None) -> None:
        """Name the dialect, which is also the name of the profile.

        variant_of: the dialect whose requests are this one's where the NAS has this profile
        """
        self.name: Final = name
        self.variant_of: Final = variant_of

    def __repr__(self) -> str:
        return f"<dialect {self.name}>"

    # The server's half.

    def recognises(self, request: Request) -> bool:
        """Return whether a request is in this dialect: one of its markers is there."""
        for marker in self.markers:  # noqa: SIM110 (any() takes twice the time)
            if marker in request.attributes:
                return True
        return False

    def shows_handshake(self, request: Request) -> bool:
        """Return whether a request is more than a lookup."""
        return self.recognises(request)

    def decode_request(self, request: Request) -> Subject:
        """Return what is asked about; raise DialectError, EapolError or UnsupportedAkm."""
        return self.decode_handshake(request) if self.shows_handshake(request) else self.decode_lookup(request)

    def decode_handshake(self, request: Request) -> Handshake:  # noqa: ARG002
        """Return the handshake that a request shows; the same errors."""
        raise UnsupportedError(f"{self.name}: the layout of this request is unpublished")

    def decode_lookup(self, request: Request) -> Lookup:
        """Return the question which key a device has, asked by its address; the same errors."""
        return station.decode_lookup(request, self.own_ssid(request))

    def own_ssid(self, request: Request) -> Ssid | None:  # noqa: ARG002
        """Return the SSID of the vendor's own attribute, None where Called-Station-Id has it."""
        return None

    def encode_accept(self, accept: Accept) -> tuple[Sendable, ...]:
        """Return the attributes of an Access-Accept: key, VLAN and what else the access point follows."""
        return tunnel_password(accept.key.passphrase.value), *shared_accept(accept)

    def encode_offer(self, offer: Offer) -> tuple[Sendable, ...]:
        """Return the attributes of an Access-Accept with several keys, where `tries_several_keys`."""
        return *(tunnel_password(key.passphrase.value) for key in offer.keys), *shared_offer(offer)

    def encode_reject(self, request: Request, reject: Reject) -> tuple[Sendable, ...]:  # noqa: ARG002
        """Return the attributes of an Access-Reject."""
        return ()

    def decode_session_key_name(self, accounting: Request, decrypt: Decrypt) -> bytes | None:  # noqa: ARG002
        """Return the name under which an Accept gave the key of a session; None where accounting does not say.

        Raises DialectError, and PacketError where the value was not encrypted with this secret.
        """
        return None

    # The access point's half.

    def encode_request(self, subject: Subject, nas_identifier: bytes | None = None) -> tuple[Sendable, ...]:
        """Return the attributes of the Access-Request; DialectError where they have no room for the M2."""
        asked = self.encode_station(subject, nas_identifier)
        return (*asked, *self.encode_handshake(subject)) if isinstance(subject, Handshake) else asked

    def encode_station(self, subject: Subject, nas_identifier: bytes | None) -> tuple[Sendable, ...]:
        """Return what stands in lookups and handshakes: the station, the access point, the network."""
        return station.encode_station(subject, nas_identifier)

    def encode_handshake(self, handshake: Handshake) -> tuple[Sendable, ...]:  # noqa: ARG002
        """Return what a handshake adds; nothing, where the access point asks by the device's address only."""
        return ()

    def decode_accept(self, reply: Reply, decrypt: Decrypt) -> Granted:
        """Return what the access point takes from an Access-Accept; DialectError, or PacketError out of `decrypt`."""
        return granted(reply, passphrases=parse_tunnel_passwords(reply, decrypt))
