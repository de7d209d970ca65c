"""What a platform says, as plain values in our words: what a connector makes of its answers.

An id is the platform's own, opaque text; names are for people and match nothing. None means: the platform does not say,
so what the store has stays; of the end of a key's window it means that it is open.
"""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

WHOLE: Final = ""  # in place of a venue: what concerns the platform as a whole
MOST_TEXT: Final = 120  # characters of a platform's text that a message repeats


class Kind(enum.Enum):
    """What a record is about, in the order in which records need each other."""

    VENUE = "venue"
    POOL = "pool"
    PLAN = "plan"
    UNIT = "unit"
    SUBSCRIBER = "subscriber"
    KEY = "key"
    NAS = "nas"


class Standing(enum.Enum):
    """What the platform says of a tenancy, apart from its dates."""

    ACTIVE = "active"
    SUSPENDED = "suspended"  # also: terms not accepted yet
    ENDED = "ended"
    UNKNOWN = "unknown"  # leave it as it is stored; of one that is not stored nothing is made


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidVenue:
    """A property."""

    id: str
    name: str
    time_zone: str | None = None
    nas_identifiers: tuple[str, ...] = ()
    wireless_only_vlan_offset: int | None = None

    @property
    def venue(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidPool:
    """A keypool: one SSID at these venues, or at all of the operator's."""

    id: str
    ssid: str
    venues: tuple[str, ...] = ()
    is_global: bool = False

    @property
    def venue(self) -> str:
        return self.venues[0] if len(self.venues) == 1 else WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidPlan:
    """A service plan; speeds in kbit/s."""

    id: str
    name: str
    download_kbps: int | None = None
    upload_kbps: int | None = None
    devices: int | None = None
    wireless_only: bool = False

    @property
    def venue(self) -> str:
        return WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidUnit:
    """A flat, room or storage unit."""

    id: str
    venue: str
    name: str
    building: str | None = None
    floor: str | None = None
    vlan: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidSubscriber:
    """The person or account that keys belong to."""

    id: str
    venue: str
    name: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidDevice:
    """A device that the platform knows to use a key; mac: six octets as 12 hex digits."""

    mac: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidKey:
    """One tenancy's key. Its window is half open; `starts` None: from when it is first seen, or as stored.

    is_in_units_vlan: the platform has it in its unit's VLAN: a stored one of its own is taken off
    """

    id: str
    venue: str
    pool: str
    unit: str | None = None
    subscriber: str | None = None
    plan: str | None = None
    passphrase: bytes | None = field(default=None, repr=False)  # None: one is made, and the stored one stays
    vlan: int | None = None
    is_in_units_vlan: bool = False
    starts: datetime | None = None
    ends: datetime | None = None  # None: open
    standing: Standing = Standing.ACTIVE
    reason: str | None = None  # why it is suspended or ended, in the platform's words
    tag: str | None = None
    external_id: str | None = None
    devices: tuple[SaidDevice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidNas:
    """A router or access point; what RADIUS needs of it is configured beside its id."""

    id: str
    venue: str
    name: str | None
    enabled: bool | None  # None: the platform's word for its state is not known: leave it
    state: str
    last_seen: datetime | None = None


Said: TypeAlias = SaidVenue | SaidPool | SaidPlan | SaidUnit | SaidSubscriber | SaidKey | SaidNas
S = TypeVar("S", SaidVenue, SaidPool, SaidPlan, SaidUnit, SaidSubscriber, SaidKey, SaidNas)

KINDS: Final[dict[type, Kind]] = {
    SaidVenue: Kind.VENUE,
    SaidPool: Kind.POOL,
    SaidPlan: Kind.PLAN,
    SaidUnit: Kind.UNIT,
    SaidSubscriber: Kind.SUBSCRIBER,
    SaidKey: Kind.KEY,
    SaidNas: Kind.NAS,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something about a platform's answer that a person should know: where, and what. Nothing secret is in it.

    is_unreadable: what was there could not be read, so that nothing may be concluded from what is missing
    label:         what a person finds the record by beside its id, or without one: whose, in which unit, which row
    """

    platform: str
    venue: str
    kind: Kind | None
    record: str | None
    field: str | None
    text: str
    is_unreadable: bool = False
    label: str | None = None

    def __str__(self) -> str:
        where = [self.platform]
        if self.venue != WHOLE:
            where.append(shorten(self.venue))
        kind = self.kind.value if self.kind else "record"
        if self.record is not None:
            label = "" if self.label in (None, self.record) else f" ({self.label})"
            where.append(f"{kind} {shorten(self.record)}{label}")
        elif self.label is not None:
            where.append(f"{kind} {self.label}")
        if self.field is not None:
            where.append(self.field)
        return f"{', '.join(where)}: {self.text}"


def shorten(text: str) -> str:
    """Return a platform's text so that a line can hold it: printable, and not long."""
    if len(text) <= MOST_TEXT and text.isprintable():
        return text
    if len(text) <= MOST_TEXT and text.isprintable():
        return text
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return clean if len(clean) <= MOST_TEXT else clean[: MOST_TEXT - 1] + "\N{HORIZONTAL ELLIPSIS}"


class Reading:
    """All that was read of a platform in one go, and how far it may be believed.

    A connector says what it read with `say`, and what it could not with `unreadable`, `hold_back` and `partial`. A
    venue is complete when the connector has declared it so (`complete`), and nothing in it or the whole was unreadable:
    only then a record that is missing may be one that is gone.
    """

    def __init__(self, connector: str, platform: str, at: datetime) -> None:
        self.connector = connector
        self.platform = platform
        self.at = at
        self.faults: list[Fault] = []
        self._said: dict[Kind, dict[str, Said]] = {kind: {} for kind in Kind}
        self._held: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        self._complete: dict[str, frozenset[Kind]] = {}
        self._partial: set[str] = set()  # venues of which not everything came
        self._spoiled: set[str] = set()  # venues of which a record could not be read

    def say(self, said: Said) -> None:
        """Take a record. One id twice with different contents is held back; with the same it is one."""
        kind = KINDS[type(said)]
        if said.id in self._held[kind]:
            return
        there = self._said[kind].setdefault(said.id, said)
        if there is not said and there != said:
            self.hold_back(kind, said.id, said.venue, "its id stands for two different records")

    def hold_back(
        self, kind: Kind, id_: str, venue: str, text: str, *, field: str | None = None, label: str | None = None
    ) -> None:
        """Leave a record as it is stored, and say why: it is there, and was read, but cannot be taken as it is."""
        self.hold(kind, id_)
        self.faults.append(Fault(self.platform, venue, kind, id_, field, text, label=label))

    def hold(self, kind: Kind, id_: str) -> None:
        """Leave a record as it is stored: where one line tells why of many (`note`, `partial`)."""
        self._held[kind].add(id_)
        self._said[kind].pop(id_, None)

    def unreadable(
        self,
        kind: Kind | None,
        id_: str | None,
        venue: str,
        text: str,
        *,
        field: str | None = None,
        label: str | None = None,
    ) -> None:
        """Note a record that cannot be read: it stays as it is stored, and holds back nothing but itself.

        As nobody knows what it would have said, its venue is not complete: nothing of it ends by being missing.
        """
        if kind is not None and id_ is not None:
            self.hold(kind, id_)
        self._spoiled.add(venue)
        self.faults.append(Fault(self.platform, venue, kind, id_, field, text, is_unreadable=True, label=label))

    def partial(self, venue: str, text: str) -> None:
        """Note that not all of a venue, or of the WHOLE, came: nothing stops because of this reading."""
        self._partial.add(venue)
        self.faults.append(Fault(self.platform, venue, None, None, None, text, is_unreadable=True))

    def note(
        self,
        venue: str,
        text: str,
        *,
        kind: Kind | None = None,
        id_: str | None = None,
        field: str | None = None,
        label: str | None = None,
    ) -> None:
        """Tell a person something that changes nothing."""
        self.faults.append(Fault(self.platform, venue, kind, id_, field, text, label=label))

    def complete(self, venue: str, kinds: Iterable[Kind]) -> None:
        """Declare that all records of these kinds of a venue were read: where the caller has the proof of it."""
        self._complete[venue] = self._complete.get(venue, frozenset()) | frozenset(kinds)

    def is_complete(self, venue: str, kind: Kind) -> bool:
        """Return whether what is not said of this kind at this venue is not there."""
        return not self.is_doubtful(venue) and kind in self._complete.get(venue, ())

    def is_doubtful(self, venue: str) -> bool:
        """Return whether anything of a venue could not be read, be it a single record."""
        return self.is_partial(venue) or venue in self._spoiled or WHOLE in self._spoiled

    def is_partial(self, venue: str) -> bool:
        """Return whether not all of a venue came, so that nothing of it may stop, whatever a record says."""
        return venue in self._partial or WHOLE in self._partial

    @property
    def venues(self) -> tuple[str, ...]:
        """Return the venues that were declared complete, whatever was unreadable in them."""
        return tuple(self._complete)

    @property
    def is_whole(self) -> bool:
        """Return whether every venue that was asked for is read completely."""
        return bool(self._complete) and not self._partial and not self._spoiled

    def all(self, said: type[S]) -> Iterator[S]:
        """Yield the records of a kind that may be taken."""
        yield from self._said[KINDS[said]].values()  # type: ignore[misc]

    def get(self, said: type[S], id_: str | None) -> S | None:
        """Return a record that may be taken."""
        return None if id_ is None else self._said[KINDS[said]].get(id_)  # type: ignore[return-value]

    def find(self, kind: Kind, id_: str) -> Said | None:
        """Return a record of any kind that may be taken."""
        return self._said[kind].get(id_)

    def saw(self, kind: Kind, id_: str) -> bool:
        """Return whether the platform has it, taken or held back."""
        return id_ in self._said[kind] or id_ in self._held[kind]

    def count(self, kind: Kind) -> int:
        """Return how many records of a kind may be taken."""
        return len(self._said[kind])
