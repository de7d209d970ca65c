"""The change feed."""

import enum
from dataclasses import dataclass


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
