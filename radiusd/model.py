"""The words of the server as frozen values: what arrives, what is asked, what is decided."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from crypto import Handshake, MacAddress, Ssid
from provisioning import Key

# An attribute's place in the numbering trees, written as FreeRADIUS and RFC 6929 write it: 31 is an int;
# 26.25053.153 is (26, 25053, 153); 241.3 is (241, 3); 245.26.11344.1 is (245, 26, 11344, 1).
AttributeType = int | tuple[int, ...]


class Source(NamedTuple):
    """Where a datagram came from and was sent to: part of what makes it a repetition (RFC 5080 2.2.2)."""

    address: str
    port: int
    socket: int = 0  # which of ours
    local: str = ""  # the address of ours that it was sent to, and its reply leaves from; empty where nobody says

    def __str__(self) -> str:
        return f"{self.address}:{self.port}" if ":" not in self.address else f"[{self.address}]:{self.port}"


class Attribute(NamedTuple):
    """One attribute to send, its value as it goes on the wire."""

    type: AttributeType
    value: bytes


class Hidden(NamedTuple):
    """One attribute to send under the User-Password cipher (RFC 2865 5.2). The value is in clear here."""

    type: AttributeType
    value: bytes

    def __repr__(self) -> str:
        return f"Hidden(type={self.type!r})"


class Salted(NamedTuple):
    """One attribute to send under the salted cipher (RFC 2868 3.5 with a tag octet, RFC 2548 2.4.2 without)."""

    type: AttributeType
    value: bytes
    tag: int | None = None

    def __repr__(self) -> str:
        return f"Salted(type={self.type!r}, tag={self.tag})"


class Nested(NamedTuple):
    """One attribute to send that holds others, each with a type and a length octet, each salted without a tag octet."""

    type: AttributeType
    parts: tuple[tuple[int, bytes], ...]

    def __repr__(self) -> str:
        return f"Nested(type={self.type!r})"


Sendable = Attribute | Hidden | Salted | Nested


Attributes = Mapping[AttributeType, Sequence[bytes]]  # the values of a type in the order they came, fragments joined


class Request(NamedTuple):
    """A checked Access-Request or Status-Server. (As a frozen dataclass it would cost 1 us of the request's 50.)"""

    code: int
    identifier: int
    authenticator: bytes
    attributes: Attributes
    octets: bytes  # the packet itself, to tell a repetition
    signed: bool  # it carried a Message-Authenticator, and that was right

    def first(self, kind: AttributeType) -> bytes | None:
        """Return the first value of an attribute, or None where the packet has none."""
        values = self.attributes.get(kind)
        return None if values is None else values[0]

    def every(self, kind: AttributeType) -> Sequence[bytes]:
        """Return all values of an attribute, in order."""
        return self.attributes.get(kind, ())


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose Response Authenticator and Message-Authenticator were right."""

    code: int
    identifier: int
    authenticator: bytes
    attributes: Attributes = field(repr=False)

    def first(self, kind: AttributeType) -> bytes | None:
        """Return the first value of an attribute, or None where the packet has none."""
        values = self.attributes.get(kind)
        return None if values is None else values[0]

    def every(self, kind: AttributeType) -> Sequence[bytes]:
        """Return all values of an attribute, in order."""
        return self.attributes.get(kind, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Which key belongs to this device? All that a NAS knows before the handshake."""

    device: MacAddress
    ssid: Ssid
    aa: MacAddress | None = None


Subject = Handshake | Lookup


class How(enum.Enum):
    """How a key was found."""

    KNOWN = "known"
    SEARCH = "search"
    LOOKUP = "lookup"
    OFFER = "offer"

    def __str__(self) -> str:
        return self.value


class Rates(NamedTuple):
    """How fast a session may be; None is as fast as it can."""

    download_kbps: int | None = None
    upload_kbps: int | None = None


class Quotas(NamedTuple):
    """How much a session may carry; None is as much as it can."""

    download_octets: int | None = None
    upload_octets: int | None = None
    total_octets: int | None = None


class Repeatable(NamedTuple):
    """The permission to give an Accept again without asking whether it still holds: to this device, showing this key.

    It ends by itself at `until`, and with any change to the key, the device, its NAS or the keypools.
    """

    device: MacAddress
    until: datetime | None  # None: no end
    session_ends: datetime | None  # what Session-Timeout counts down to, where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """This key, in these words' meaning; the dialect finds the words."""

    key: Key
    how: How
    session_timeout_s: int | None = None
    repeatable: Repeatable | None = None  # None: the next request is decided anew, whatever this one was
    name_asked: bool = False  # the request asked for a Chargeable-User-Identity (RFC 4372 2.1)

    @property
    def of_lookup(self) -> bool:
        """Return whether no handshake was asked about, only a device's address."""
        return self.how is How.LOOKUP

    @property
    def rates(self) -> Rates:
        """Return what the key's plan allows."""
        plan = self.key.plan
        return Rates() if plan is None else Rates(plan.download_kbps, plan.upload_kbps)

    @property
    def quotas(self) -> Quotas:
        """Return how much of it the key's plan allows."""
        plan = self.key.plan
        if plan is None:
            return Quotas()
        return Quotas(plan.download_quota_octets, plan.upload_quota_octets, plan.total_quota_octets)

    @property
    def vlan_pool(self) -> str | None:
        """Return the plan's VLAN pool, where neither key nor unit name a VLAN: what is said of one key goes first."""
        plan = self.key.plan
        return None if plan is None or self.key.effective_vlan is not None else plan.vlan_pool

    @property
    def session_key_name(self) -> bytes:
        """Return the name under which accounting ties a session to its key."""
        return session_key_name(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """All the keys that a device nobody registered could have; the access point tries them. They share one VLAN."""

    keys: tuple[Key, ...]
    session_timeout_s: int | None = None

    @property
    def vlan(self) -> int | None:
        """Return the VLAN of every one of the keys."""
        return self.keys[0].effective_vlan

    @property
    def rates(self) -> Rates:
        """Return what every one of the keys' plans allows: the least."""
        plans = [key.plan for key in self.keys if key.plan is not None]
        down = [plan.download_kbps for plan in plans if plan.download_kbps is not None]
        up = [plan.upload_kbps for plan in plans if plan.upload_kbps is not None]
        return Rates(min(down, default=None), min(up, default=None))


def session_key_name(key: Key) -> bytes:
    """Return the opaque name under which accounting ties a session to a key: no person's name, no secret."""
    return b"key-%d" % key.id


@dataclass(frozen=True, slots=True)
class Reject:
    """No key. The reason is for the log only: the air sees the same Access-Reject in every case."""

    reason: str
    error: Exception | None = None  # what was wrong with the request, where something was
    key: Key | None = None  # that would have fitted, where it may not be used


@dataclass(frozen=True, slots=True)
class Admit:
    """No key yet, and an empty Access-Accept all the same: the access point asks again, with the handshake (Omada)."""

    reason: str
    key: Key | None = None  # that the device is known with, where it may not be used


Decision = Accept | Offer | Admit | Reject


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What an Access-Accept gives to an access point, read back."""

    passphrases: tuple[bytes, ...] = field(default=(), repr=False)
    pmk: bytes | None = field(default=None, repr=False)  # in dialects that hand out no passphrase
    vlan: int | None = None
    rates: Rates = field(default=Rates())
    quotas: Quotas = field(default=Quotas())
    vlan_pool: str | None = None
    session_key_names: tuple[bytes, ...] = ()  # opaque, beside each passphrase, in dialects that name keys
    session_timeout_s: int | None = None
    class_: bytes | None = None
    chargeable_user_identity: bytes | None = None
