"""What is printed on cards, before it is laid out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Final

from crypto import Ssid

from ..errors import InvalidValue
from ..model import Passphrase
from ..model.rules.zones import end_of_day, start_of_day

_BY_CODE: Final = "Point the camera of your phone at the code and tap the network that it shows."
_BY_HAND: Final = "Open the Wi-Fi settings, choose the network and type the password."
_NOT_SHARED: Final = "The password is yours alone: please do not pass it on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One key to hand out. Its window is half open, as a key's is: valid_from <= now < valid_until."""

    passphrase: Passphrase
    number: str = ""  # "17 of 100", or whatever tells cards apart
    note: str = ""  # the unit, the person, the batch
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What all cards of a sheet have in common."""

    ssid: Ssid
    title: str = ""  # the venue
    hidden: bool = False  # the SSID is not in the beacons
    zone: tzinfo = UTC  # the venue's, for the window
    code: bool = True  # False: without the QR code, for cards whose passphrase is to be scratched free
    back: str = ""  # a text for the other side, lines as given; empty: no backs


def how_to_join(*, code: bool = True) -> str:
    """Return a text for the back of cards with the QR code, or without."""
    by_hand = f"Or {_BY_HAND[0].lower()}{_BY_HAND[1:]}" if code else _BY_HAND
    return "\n\n".join((*([_BY_CODE] if code else []), by_hand, _NOT_SHARED))


def render_validity(card: Card, zone: tzinfo) -> str:
    """Return the window in the venue's zone, whole days without the time; the empty text where there is none."""
    starts = _render(card.valid_from, zone, start_of_day)
    ends = _render(card.valid_until, zone, end_of_day)
    if starts and ends:
        return f"Valid {starts}" if starts == ends else f"Valid {starts} to {ends}"
    return f"Valid from {starts}" if starts else f"Valid until {ends}" if ends else ""


def at_venue(instant: datetime, zone: tzinfo) -> datetime:
    """Return an instant as the venue's clock shows it; as UTC within hours of the year 10000, where there is none."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant.astimezone(UTC)


def _render(instant: datetime | None, zone: tzinfo, whole_day: Callable[[date, tzinfo], datetime]) -> str:
    """Return the date, with the time unless it is the one that the date alone means."""
    if instant is None:
        return ""
    local = at_venue(instant, zone)
    day = f"{local.day} {local:%b %Y}"
    try:
        return day if instant.replace(microsecond=0) == whole_day(local.date(), zone) else f"{day} {local:%H:%M}"
    except InvalidValue:  # a day that does not end in year 9999
        return f"{day} {local:%H:%M}"
