"""RADIUS clients."""

import enum
import re
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from ..errors import InvalidValue
from .rules.names import check_name

# The shape of a profile's name. Which dialects there are knows the server, which the arrows forbid asking: a name
# that it does not know, as that of a later version, is to it as "auto".
_PROFILE_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class UnknownDevices(enum.Enum):
    """What a lookup for a device that nobody has registered or seen is answered with: nothing, or every valid key."""

    REJECT = "reject"
    OFFER = "offer"


class Answers(enum.Enum):
    """Which questions of a NAS are answered: those that show a handshake, those that name only a device, or both."""

    BOTH = "both"
    HANDSHAKES = "handshakes"
    LOOKUPS = "lookups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nas:
    """A RADIUS client: who may ask, from where, for whose keys, and in which words it wants the answer.

    It belongs to a venue, or to any, as its NAS-Identifier says. Neither: added before the first venue, which takes it.
    """

    id: int
    network: IPv4Network | IPv6Network
    secret: bytes = field(repr=False)
    name: str
    venue_id: int | None
    profile: str
    require_message_authenticator: bool
    unknown_devices: UnknownDevices = UnknownDevices.REJECT
    answers: Answers = Answers.BOTH
    any_venue: bool = False
    former_secret: bytes | None = field(default=None, repr=False)  # valid as well, until then
    former_secret_until: datetime | None = None
    enabled: bool = True  # False: its requests are dropped

    def __post_init__(self) -> None:
        check_name(self.name, "NAS name")
        if self.any_venue and self.venue_id is not None:
            raise InvalidValue("a NAS belongs to one venue or to any, not both")
        if not 1 <= len(self.secret) <= 1024:
            raise InvalidValue(f"shared secret must be 1 to 1024 octets, got {len(self.secret)}")
        if _PROFILE_NAME.fullmatch(self.profile) is None:
            raise InvalidValue(f"{self.profile!r} is not a profile's name: lower case letters, digits and dashes")
        if self.unknown_devices is UnknownDevices.OFFER and self.answers is Answers.HANDSHAKES:
            raise InvalidValue("keys are offered to lookups, and this NAS may ask with handshakes only")


@dataclass(frozen=True, slots=True, kw_only=True)
class NasLabel:
    """What tells a NAS from others. It is read without opening the row, and says as much of one that is damaged."""

    id: int
    network: IPv4Network | IPv6Network | None  # None: it cannot be read
    name: str
