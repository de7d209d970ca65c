"""What exists and who may use it, as frozen values, each checked once, in its constructor; and the rules of them."""

from .change import Change, Entity
from .device import Device, Sighting
from .key import Key, KeyBatch, KeyDraft, KeyLabel, KeyStatus, Passphrase
from .keypool import Keypool, Scope
from .names import check_name
from .nas import Answers, Nas, NasLabel, UnknownDevices
from .plan import ServicePlan
from .subscriber import Subscriber
from .venue import Unit, Venue
from .vlans import check_vlan
from .window import check_window

__all__ = [
    "Answers",
    "Change",
    "Device",
    "Entity",
    "Key",
    "KeyBatch",
    "KeyDraft",
    "KeyLabel",
    "KeyStatus",
    "Keypool",
    "Nas",
    "NasLabel",
    "Passphrase",
    "Scope",
    "ServicePlan",
    "Sighting",
    "Subscriber",
    "Unit",
    "UnknownDevices",
    "Venue",
    "check_name",
    "check_vlan",
    "check_window",
]
