"""Keys, scratch cards and controllers: G2 listSubscriberKeys, J2 viewScratchCardBatch, L11 listRuckusR1Controllers."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, TypeAdapter

from ...exchange import Unreadable
from ...fields import Number, OpaqueId, OptionalId, Text
from .common import Moment, Record, Rows, are_true, either, instant_names, member, records

_POLICY: Final = "PolicyforSubscriberKey"
_IN_POOLS: Final = ("keysInKeyPools", "KeysInKeyPools")
_POOL_ID: Final = "KeyPoolID"


class Key(Record):
    """A key in a keypool; `pool` and `mechanism` come from the keypool it stands in.

    The members that concern the unit may stand in a policy inside it, as the call that makes keys has them.
    """

    id: OpaqueId = Field(validation_alias="KeyID")
    pool: OpaqueId = Field(validation_alias=_POOL_ID)
    mechanism: Text = Field(None, validation_alias="AuthenticationMechanism")
    passphrase: str | None = Field(None, validation_alias="PSK", repr=False)
    tag: Text = Field(None, validation_alias="KeyTag")
    status: Text = Field(None, validation_alias="Status")
    venue: OptionalId = Field(None, validation_alias=either("VenueID", within=_POLICY))
    unit: OptionalId = Field(None, validation_alias=either("UnitID_internal", within=_POLICY))
    vlan: Number = Field(None, validation_alias=either("vlan", within=_POLICY))
    plan: OptionalId = Field(None, validation_alias=either("ServicePlanID", within=_POLICY))
    starts: Moment = Field(
        None, validation_alias=either("StartDateTimeUTC.ISO8601", "StartDateTimeUTC", within=_POLICY)
    )
    ends: Moment = Field(None, validation_alias=either("EndDateTimeUTC.ISO8601", "EndDateTimeUTC", within=_POLICY))
    devices: Any = Field(None, validation_alias="Devices", repr=False)


class KeyDevice(Record):
    """A device of a key. Its address is read by whoever takes it: a bad one costs the device alone."""

    mac: Text = Field(None, validation_alias=either("Calling-Station-Id", "CallingStationId"))
    name: Text = Field(None, validation_alias=either("UserDefinedHostName", "HostName"))
    key: OptionalId = Field(None, validation_alias="KeyID")


class Card(Record):
    """A scratch card: a key with a window."""

    id: OpaqueId = Field(validation_alias="KeyID")
    passphrase: str | None = Field(None, validation_alias="PSK", repr=False)
    starts: Moment = Field(None, validation_alias=instant_names("StartDateTimeUTC", "start"))
    ends: Moment = Field(None, validation_alias=instant_names("EndDateTimeUTC", "end"))
    invalidated: Moment = Field(None, validation_alias=instant_names("invalidatedUTC"))
    venue: OptionalId = Field(None, validation_alias="VenueID")


class Controller(Record):
    """A Ruckus One profile, without its client id and secret: the answer has them, and they end here."""

    id: OpaqueId = Field(validation_alias="ControllerID")
    name: Text = Field(None, validation_alias="ControllerName")
    url: Text = Field(None, validation_alias="URL")
    is_synced: Annotated[bool, BeforeValidator(are_true)] = Field(True, validation_alias="enableSync")


KEYS: Final = TypeAdapter(list[Key])
DEVICES: Final = TypeAdapter(list[KeyDevice])
CARDS: Final = TypeAdapter(list[Card])
CONTROLLERS: Final = TypeAdapter(list[Controller])


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one answer as they came, and the devices that it has beside them."""

    rows: Rows
    devices: Rows


def flatten_keys(answer: Any, subscriber: str, what: str) -> Keys:
    """Return the keys of all keypools of an answer; Unreadable where it has none, or is about somebody else."""
    about = answer.get("subscriberInfo") if isinstance(answer, dict) else None
    if isinstance(about, dict):
        named = {about[name] for name in ("SubscriberToken", "SubscriberID") if isinstance(about.get(name), str)}
        if named and subscriber not in named:
            raise Unreadable(f"{what}: the answer is about another subscriber")
    pools = member(answer, what, *_IN_POOLS)
    by_id = pools.items() if isinstance(pools, dict) else ((None, pool) for pool in records(pools, _POOL_ID, what))
    rows = [row for pool_id, pool in by_id for row in _keys_of(pool_id, pool, what)]
    beside = answer.get("allDevices")
    return Keys(rows, records(beside if isinstance(beside, list | dict) else None, "Calling-Station-Id", what))


def _keys_of(pool_id: str | None, pool: Any, what: str) -> Rows:
    """Return the keys of one keypool as it came: under Keys, by their ids, as the list alone, or one as itself."""
    shared: dict[str, Any] = {} if pool_id is None else {_POOL_ID: pool_id}
    if isinstance(pool, dict):
        shared |= {name: pool[name] for name in (_POOL_ID, "AuthenticationMechanism") if name in pool}
        if "Keys" in pool or "keys" in pool:
            pool = pool.get("Keys", pool.get("keys"))
        elif "KeyID" in pool:
            pool = [pool]
        elif not (pool and all(isinstance(each, dict) for each in pool.values())):
            raise Unreadable(f"{what}: a keypool in the answer has no Keys")
    return [shared | key if isinstance(key, dict) else key for key in records(pool, "KeyID", what)]


def find_cards(answer: Any, batch: str, what: str) -> tuple[dict[str, Any], Rows]:
    """Return a batch and its cards: by the batch's id or as the answer itself, the cards as a list or by their ids."""
    if isinstance(answer, dict):
        for place in (answer.get(batch), answer.get("data"), answer):
            if not isinstance(place, dict):
                continue
            if batch in place and place is not answer:
                place = place[batch]
            if "Cards" in place:
                return place, records(place["Cards"], "KeyID", what)
            by_id = {key: each for key, each in place.items() if isinstance(each, dict) and "PSK" in each}
            if by_id:
                return place, records(by_id, "KeyID", what)
    raise Unreadable(f"{what}: there are no cards in the answer")
