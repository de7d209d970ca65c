"""The reconciler: what a platform says and what the store has, as plain values, become a plan. No I/O, no clock."""

from .statement import (
    WHOLE,
    Fault,
    Kind,
    Reading,
    Said,
    SaidDevice,
    SaidKey,
    SaidNas,
    SaidPlan,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Standing,
    shorten,
)

__all__ = [
    "WHOLE",
    "Fault",
    "Kind",
    "Reading",
    "Said",
    "SaidDevice",
    "SaidKey",
    "SaidNas",
    "SaidPlan",
    "SaidPool",
    "SaidSubscriber",
    "SaidUnit",
    "SaidVenue",
    "Standing",
    "shorten",
]
