"""What can go wrong between the socket and the decision.

RadiusError
├── PacketError            octets that are no RADIUS packet we answer: discard (RFC 2865 section 3)
│   ├── AuthenticityError  a well-formed packet that its sender's shared secret does not explain: discard
│   └── UnsignedError      a well-formed packet without the Message-Authenticator it should have: discard
├── DialectError           a sound Access-Request that its dialect cannot be: reject, the log says why;
│   │                      or a value for which an attribute of the dialect has no room
│   ├── MissingPieceError  it lacks what its dialect must carry
│   └── UnsupportedError   it is sound for all we know, and asks in a way that is not answered
├── ServeError             the server cannot start: port in use, bad address
├── ConfigError            latchkey.toml says something that it cannot mean
└── LogError               there is no log to read
"""


class RadiusError(Exception):
    """Base of what `radiusd` raises."""


class PacketError(RadiusError):
    """Octets that are not the RADIUS packet they should be."""


class AuthenticityError(PacketError):
    """A Message-Authenticator, Response Authenticator or User-Password that the shared secret does not explain."""


class UnsignedError(PacketError):
    """A packet that must carry a Message-Authenticator and does not."""


class DialectError(RadiusError):
    """An Access-Request whose vendor's attributes do not hold what they should."""


class MissingPieceError(DialectError):
    """An Access-Request without a piece that its dialect must carry."""


class UnsupportedError(DialectError):
    """An Access-Request whose layout is unpublished, or that asks for another method than a passphrase."""


class ServeError(RadiusError):
    """The server cannot start."""


class ConfigError(RadiusError):
    """A configuration file that cannot be used; the text names file, key and what is allowed."""


class LogError(RadiusError):
    """There are no decisions to read."""
