"""What exists and who may use it, as frozen values, each checked once, in its constructor."""

import enum
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress, Pmk, Ssid, check_passphrase

from .errors import InvalidValue
from .reasons import Reason

# The shape of a profile's name. Which dialects there are knows the server, which the arrows forbid asking: a name
# that it does not know, as that of a later version, is to it as "auto".
_PROFILE_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")

_MAX_TEXT_OCTETS: Final = 253  # the longest value of one RADIUS attribute: User-Name, Chargeable-User-Identity
_MAX_VENDOR_OCTETS: Final = 247  # the longest value of one Vendor-Specific attribute
_MOST_OCTETS: Final = 2**63 - 1  # the largest integer of SQLite


def check_name(text: str, what: str) -> None:
    """Raise InvalidValue unless `text` is 1 to 253 octets of printable UTF-8 that is not all blanks."""
    if not text.strip():
        raise InvalidValue(f"{what} is empty")
    # Names go into log lines and RADIUS attributes: no line breaks, no control characters; wide blanks may be.
    if not text.isprintable() and any(not c.isprintable() and unicodedata.category(c) != "Zs" for c in text):
        raise InvalidValue(f"{what} has a character that is not printable")
    if len(text) * 4 > _MAX_TEXT_OCTETS and (octets := len(text.encode("utf-8"))) > _MAX_TEXT_OCTETS:
        raise InvalidValue(f"{what} has {octets} octets, more than {_MAX_TEXT_OCTETS}")


def check_vlan(vlan: int | None, what: str = "VLAN") -> None:
    """Raise InvalidValue unless `vlan` is absent or 1 to 4094 (IEEE Std 802.1Q 9.6)."""
    if vlan is not None and not 1 <= vlan <= 4094:
        raise InvalidValue(f"{what} must be 1 to 4094, got {vlan}")


def check_window(starts: datetime | None, ends: datetime | None) -> None:
    """Raise InvalidValue unless both ends are UTC and in order."""
    for instant in (starts, ends):
        if instant is not None and instant.utcoffset() != timedelta(0):
            raise InvalidValue("instants are timezone-aware UTC")
    if starts is not None and ends is not None and ends <= starts:
        raise InvalidValue(f"the key would end ({ends:%Y-%m-%d %H:%M}) before it starts ({starts:%Y-%m-%d %H:%M})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A property."""

    id: int
    name: str
    nas_identifiers: tuple[str, ...]
    wireless_only_vlan_offset: int = 0

    def __post_init__(self) -> None:
        check_name(self.name, "venue name")
        for identifier in self.nas_identifiers:
            check_name(identifier, "NAS-Identifier")
        if not 0 <= self.wireless_only_vlan_offset <= 4093:
            raise InvalidValue(f"VLAN offset must be 0 to 4093, got {self.wireless_only_vlan_offset}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A flat, room or storage unit of a venue; `name` is unique in its building."""

    id: int
    venue_id: int
    name: str
    building: str | None
    floor: str | None
    vlan: int | None

    def __post_init__(self) -> None:
        check_name(self.name, "unit name")
        for text, what in ((self.building, "building"), (self.floor, "floor")):
            if text is not None:
                check_name(text, what)
        check_vlan(self.vlan)


class Scope(enum.Enum):
    """Where a keypool's keys are valid: at every venue, or at those it is attached to."""

    GLOBAL = "global"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypool:
    """One SSID and the keys valid on it."""

    id: int
    ssid: Ssid
    scope: Scope
    venue_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.scope is Scope.GLOBAL and self.venue_ids:
            raise InvalidValue("a global keypool is attached to no venue")

    def meets(self, other: "Keypool") -> bool:
        """Return whether a device can meet keys of both: one SSID at one venue."""
        if self.ssid != other.ssid:
            return False
        return (
            self.scope is Scope.GLOBAL
            or other.scope is Scope.GLOBAL
            or not set(self.venue_ids).isdisjoint(other.venue_ids)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """The person or account a key belongs to."""

    id: int
    name: str

    def __post_init__(self) -> None:
        check_name(self.name, "subscriber name")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """What a key may use; absent is unlimited. Quotas are for one session: the access point counts."""

    id: int
    name: str
    download_kbps: int | None
    upload_kbps: int | None
    devices: int | None
    wireless_only: bool
    download_quota_octets: int | None = None
    upload_quota_octets: int | None = None
    total_quota_octets: int | None = None
    vlan_pool: str | None = None  # as the access point knows it

    def __post_init__(self) -> None:
        check_name(self.name, "plan name")
        for number, what in ((self.download_kbps, "download"), (self.upload_kbps, "upload"), (self.devices, "devices")):
            if number is not None and not 1 <= number < 2**32:
                raise InvalidValue(f"{what} must be 1 to 4294967295, got {number}")
        for number, what in (
            (self.download_quota_octets, "download quota"),
            (self.upload_quota_octets, "upload quota"),
            (self.total_quota_octets, "total quota"),
        ):
            if number is not None and not 1 <= number <= _MOST_OCTETS:
                raise InvalidValue(f"{what} must be 1 to {_MOST_OCTETS} octets, got {number}")
        if self.vlan_pool is not None:
            check_name(self.vlan_pool, "VLAN pool")
            if (octets := len(self.vlan_pool.encode("utf-8"))) > _MAX_VENDOR_OCTETS:
                raise InvalidValue(f"VLAN pool has {octets} octets, more than {_MAX_VENDOR_OCTETS}")


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


class KeyStatus(enum.Enum):
    """What the operator decided about a key; a removed key is kept so that the log can say so."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Passphrase:
    """8 to 63 printable ASCII octets, or 64 hex digits: the PMK itself (IEEE Std 802.11 J.4)."""

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        try:
            check_passphrase(self.value)
        except ValueError as error:
            raise InvalidValue(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDraft:
    """A key as an administrator or a file describes it, before it has an id and a PMK."""

    identity: str | None = None  # None: the store names it after its id
    passphrase: Passphrase
    unit_id: int | None = None
    subscriber: str | None = None
    plan_id: int | None = None
    vlan: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    devices: tuple[MacAddress, ...] = ()

    def __post_init__(self) -> None:
        if self.identity is not None:
            check_name(self.identity, "identity")
        if self.subscriber is not None:
            check_name(self.subscriber, "subscriber name")
        check_vlan(self.vlan)
        check_window(self.starts, self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One passphrase in one keypool, with all that decides an answer. Its window is half open: starts <= now < ends."""

    id: int
    keypool_id: int
    identity: str
    passphrase: Passphrase
    pmk: Pmk
    unit: Unit | None
    subscriber: Subscriber | None
    plan: ServicePlan | None
    vlan: int | None
    effective_vlan: int | None
    starts: datetime | None
    ends: datetime | None
    status: KeyStatus
    status_reason: str | None
    status_at: datetime | None
    erased: bool = False  # removed so long ago that passphrase and PMK are gone: zeros stand for them

    def validity(self, now: datetime) -> Reason | None:
        """Return None when the key may be used at `now`, else why not, as the log prints it."""
        if self.status is KeyStatus.REMOVED:
            return Reason(f"removed {self.status_at:%Y-%m-%d}" if self.status_at else "removed", "removed")
        if self.ends is not None and now >= self.ends:
            return Reason(f"expired {self.ends:%Y-%m-%d %H:%M} UTC", "expired")
        if self.starts is not None and now < self.starts:
            return Reason(f"starts {self.starts:%Y-%m-%d %H:%M} UTC", "not-yet-valid")
        if self.status is KeyStatus.SUSPENDED:
            return Reason(f"suspended: {self.status_reason}" if self.status_reason else "suspended", "suspended")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLabel:
    """What tells a key from others. It is read without opening the row, and says as much of one that is damaged."""

    id: int
    keypool_id: int
    identity: str
    unit: str | None
    status: KeyStatus | None  # None: it cannot be read


@dataclass(frozen=True, slots=True)
class Device:
    """A device known on a keypool, and a key it has used or is registered with."""

    keypool_id: int
    mac: MacAddress
    key_id: int
    registered: bool = False  # by a person; else the device has shown the key
    sequence: int = 0  # of two, it has shown the one of the higher number last


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a device of a key was first and last seen with it; neither, where it is only registered."""

    mac: MacAddress
    first: datetime | None
    last: datetime | None


class Entity(enum.Enum):
    """What a change is about. Ids of DEVICE are those of the keys whose devices changed."""

    KEY = "key"
    DEVICE = "device"
    KEYPOOL = "keypool"
    NAS = "nas"
    VENUE = "venue"
    UNIT = "unit"
    PLAN = "plan"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Change:
    """The things `first_id` to `last_id` were added, altered or removed; revisions only grow."""

    revision: int
    entity: Entity
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True, eq=False)
class KeyBatch:
    """PMKs of one keypool: ids int64 shape (n,), pmks uint8 shape (n, 32) in C order."""

    keypool_id: int
    ids: NDArray[np.int64]
    pmks: NDArray[np.uint8] = field(repr=False)
