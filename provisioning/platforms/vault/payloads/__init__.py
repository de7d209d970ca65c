"""VAULT's answers as its document has them, one module for each subject. A record is a model; a whole answer is a dict.

Shapes that the document hides are Latchkey's reading of its prose; each member is looked for under every name and in
every place that the document uses for it. What is not read here is dropped, secrets of other systems among it.
"""

from .common import Moment, are_true, count_of, member, records
from .keys import CARDS, CONTROLLERS, DEVICES, KEYS, Card, Controller, Key, KeyDevice, Keys, find_cards, flatten_keys
from .plans import PLANS, Plan, find_plans
from .pools import POOLS, Pool
from .subscribers import SUBSCRIBERS, SUBSCRIPTIONS, Subscriber, Subscription
from .venues import UNITS, VENUES, Unit, Venue, find_details

__all__ = [
    "CARDS",
    "CONTROLLERS",
    "DEVICES",
    "KEYS",
    "PLANS",
    "POOLS",
    "SUBSCRIBERS",
    "SUBSCRIPTIONS",
    "UNITS",
    "VENUES",
    "Card",
    "Controller",
    "Key",
    "KeyDevice",
    "Keys",
    "Moment",
    "Plan",
    "Pool",
    "Subscriber",
    "Subscription",
    "Unit",
    "Venue",
    "are_true",
    "count_of",
    "find_cards",
    "find_details",
    "find_plans",
    "flatten_keys",
    "member",
    "records",
]
