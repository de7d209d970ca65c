"""Scratch cards: keys that are made before anybody has them."""

from dataclasses import dataclass
from datetime import datetime

from .names import check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class CardBatch:
    """Cards that were made together. Each card is a key, and ends for itself."""

    id: int
    created_at: datetime  # with milliseconds: what VAULT knows a batch by
    keypool_id: int
    venue_id: int | None
    prefix: str
    count: int
    starts: datetime | None
    ends: datetime
    plan_id: int | None
    invalidated_at: datetime | None

    def __post_init__(self) -> None:
        if self.prefix:
            check_name(self.prefix, "prefix")
