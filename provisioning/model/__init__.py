"""What exists and who may use it, as frozen values, each checked once, in its constructor; and the rules of them."""

from .audit import SERVER, AuditEntry, Author, RowChange
from .card import BatchCounts, CardBatch, CardState, ScratchCard
from .change import Change, Entity
from .device import Device, DeviceBatch, DeviceRow, Sighting
from .key import NO_ORIGIN, NO_WHITELISTS, Key, KeyBatch, KeyDraft, KeyLabel, KeyOrigin, KeyStatus, Passphrase
from .key_record import KeyRecord, KeyRow
from .keypool import Keypool, Scope
from .nas import Answers, Nas, NasLabel, UnknownDevices
from .person import Person
from .plan import ServicePlan
from .rules.hours import Hours
from .rules.identifiers import (
    keypool_id,
    new_scope_id,
    new_subscriber_token,
    new_suffix,
    plan_id,
    unit_internal_id,
)
from .rules.names import check_name
from .rules.vlans import (
    Purpose,
    VlanRange,
    VlanRanges,
    check_automatic,
    check_vlan,
    check_wireless_only,
    first_free,
)
from .rules.window import check_window
from .subscriber import (
    AllowedDevice,
    AllowedNas,
    Subscriber,
    SubscriberRow,
    SubscriberStatus,
    Subscription,
    Whitelists,
)
from .venue import Operator, Unit, Venue

__all__ = [
    "NO_ORIGIN",
    "NO_WHITELISTS",
    "SERVER",
    "AllowedDevice",
    "AllowedNas",
    "Answers",
    "AuditEntry",
    "Author",
    "BatchCounts",
    "CardBatch",
    "CardState",
    "Change",
    "Device",
    "DeviceBatch",
    "DeviceRow",
    "Entity",
    "Hours",
    "Key",
    "KeyBatch",
    "KeyDraft",
    "KeyLabel",
    "KeyOrigin",
    "KeyRecord",
    "KeyRow",
    "KeyStatus",
    "Keypool",
    "Nas",
    "NasLabel",
    "Operator",
    "Passphrase",
    "Person",
    "Purpose",
    "RowChange",
    "Scope",
    "ScratchCard",
    "ServicePlan",
    "Sighting",
    "Subscriber",
    "SubscriberRow",
    "SubscriberStatus",
    "Subscription",
    "Unit",
    "UnknownDevices",
    "Venue",
    "VlanRange",
    "VlanRanges",
    "Whitelists",
    "check_automatic",
    "check_name",
    "check_vlan",
    "check_window",
    "check_wireless_only",
    "first_free",
    "keypool_id",
    "new_scope_id",
    "new_subscriber_token",
    "new_suffix",
    "plan_id",
    "unit_internal_id",
]
