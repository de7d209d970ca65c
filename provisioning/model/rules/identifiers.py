"""Names that other systems know things by: how they are built, and taken apart where that can be done.

They are VAULT's. Whoever reads one that he did not write takes it as it is: only a KeyPoolID can be cut.
"""

import re
import secrets
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final

from crypto import Ssid

from ...errors import InvalidValue
from .names import check_name

# What is left when everything that looks like something else on paper is gone (0 o, 1 l i).
UNMISTAKABLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"

ABSENT_COMPONENT: Final = "DEFAULT"  # a unit without a building, or without a floor
GLOBAL_SCOPE: Final = "global"

_COMPONENT: Final = 20  # characters of a unit's, building's or floor's name that count
_DROPPED: Final = re.compile(r"[^A-Za-z0-9_-]")
_POOL_MARK: Final = "._V3SSID."
_PLAN_MARK: Final = "._V3SERVICEPLAN_."
_SCOPE_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_SCOPE_LENGTH: Final = 8
_TOKEN_LENGTH: Final = 20  # of 36: 103 bits
_SUFFIX_LENGTH: Final = 8  # of 31: 39 bits, and 8 characters are a passphrase whatever stands before them
_TRIES: Final = 10

Choose = Callable[[str], str]


def check_venue_id(text: str) -> None:
    """Raise InvalidValue unless `text` can be a VenueID: any name but `global`, which says where a keypool is valid."""
    check_name(text, "VenueID")
    if text.strip().lower() == GLOBAL_SCOPE:
        raise InvalidValue("VenueID cannot be 'global'")


def unit_internal_id(venue: str, unit: str, building: str | None = None, floor: str | None = None) -> str:
    """Return UnitID_internal: {VenueID}.{UNIT}.{BUILDING}.{FLOOR}, the last three normalised, the VenueID as it is.

    Raises InvalidValue where nothing of a name is left to build it from.
    """
    check_venue_id(venue)
    return ".".join((venue, *_components(unit, building, floor)))


def fall_together(one: tuple[str, str | None, str | None], other: tuple[str, str | None, str | None]) -> bool:
    """Return whether two different units of a venue would have one UnitID_internal: "Apt 1/2" and "Apt 12".

    one, other: unit, building and floor as they were entered; what no identifier can be made of meets nobody
    """
    try:
        return one != other and _components(*one) == _components(*other)
    except InvalidValue:
        return False


def _components(unit: str, building: str | None, floor: str | None) -> tuple[str, str, str]:
    return (
        _component(unit, "unit"),
        ABSENT_COMPONENT if building is None else _component(building, "building"),
        ABSENT_COMPONENT if floor is None else _component(floor, "floor"),
    )


def _component(text: str, what: str) -> str:
    normal = _DROPPED.sub("", text[:_COMPONENT]).upper()
    if not normal:
        raise InvalidValue(
            f"{what} {text[:40]!r} has none of A-Z, 0-9, _ and - in its first {_COMPONENT} characters,"
            " and UnitID_internal is made of them"
        )
    return normal


def unit_from_address(line1: str, line2: str = "") -> str:
    """Return the UnitID of an address: its first and its last word, joined by a dash."""
    words = f"{line1} {line2}".split()
    if len(words) < 2:
        raise InvalidValue("UnitID cannot be made from AddressLine1 and AddressLine2: they have fewer than two words")
    return f"{words[0]}-{words[-1]}"


@dataclass(frozen=True, slots=True)
class KeypoolId:
    """The three parts of a KeyPoolID."""

    operator: str
    ssid: Ssid
    scope_id: str  # "global", 8 random characters, the word "local", or a controller's pool

    @property
    def is_global(self) -> bool:
        return self.scope_id == GLOBAL_SCOPE


def check_operator_id(text: str) -> None:
    """Raise InvalidValue unless `text` can be an OperatorID, which begins every KeyPoolID and ServicePlanID."""
    check_name(text, "OperatorID")
    for mark in (_POOL_MARK, _PLAN_MARK):
        # Also what would only end in half of it: the first mark is where a reader cuts.
        if (text + mark).find(mark) != len(text):
            raise InvalidValue(f"OperatorID has {mark.strip('.')} in it, which ends it in other identifiers")


def keypool_id(operator: str, ssid: Ssid, scope_id: str) -> str:
    """Return KeyPoolID: {OperatorID}._V3SSID.{SSID}.{scope}; InvalidValue where a part cannot stand in it."""
    check_operator_id(operator)
    if not scope_id or "." in scope_id:
        raise InvalidValue(f"scope {scope_id[:40]!r} of a keypool is empty or has a dot")
    check_name(scope_id, "scope")
    return f"{operator}{_POOL_MARK}{_ssid_text(ssid)}.{scope_id}"


def parse_keypool_id(text: str) -> KeypoolId:
    """Return the parts of a KeyPoolID: cut at the first `._V3SSID.` and at the last dot, as all may have dots."""
    operator, mark, rest = text.partition(_POOL_MARK)
    ssid, dot, scope_id = rest.rpartition(".")
    if not (operator and mark and ssid and dot and scope_id):
        raise InvalidValue(f"{text[:80]!r} is not a KeyPoolID, such as OP123._V3SSID.GuestWiFi.global")
    try:
        return KeypoolId(operator, Ssid(ssid.encode()), scope_id)
    except ValueError as error:  # UnicodeEncodeError is one
        raise InvalidValue(f"KeyPoolID {text[:80]!r}: {error}") from None


def check_pool_ssid(ssid: Ssid) -> None:
    """Raise InvalidValue unless an SSID may be a keypool's: 2 to 32 octets of UTF-8 without control characters."""
    if len(ssid.value) < 2:
        raise InvalidValue(f"SSID {str(ssid)!r} of a keypool must be 2 to 32 octets, got {len(ssid.value)}")
    _ssid_text(ssid)


def _ssid_text(ssid: Ssid) -> str:
    try:
        text = ssid.value.decode()
    except UnicodeDecodeError:
        raise InvalidValue(f"SSID {str(ssid)!r} is not UTF-8") from None
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        raise InvalidValue(f"SSID {str(ssid)!r} has a control character")
    return text


def plan_id(operator: str, name: str) -> str:
    """Return ServicePlanID: {OperatorID}._V3SERVICEPLAN_.{NAME}, the name in upper case without its blanks."""
    check_operator_id(operator)
    check_name(name, "plan name")
    return f"{operator}{_PLAN_MARK}{''.join(name.split()).upper()}"


def new_scope_id(taken: Container[str] = (), choose: Choose = secrets.choice) -> str:
    """Return the scope of a new local keypool, 8 random letters and digits; InvalidValue after 10 that are taken."""
    return _untaken(_SCOPE_LETTERS, _SCOPE_LENGTH, "", taken, choose, "scope of a keypool")


def new_subscriber_token(taken: Container[str] = (), choose: Choose = secrets.choice) -> str:
    """Return a new SubscriberToken: sub_ and 20 random letters and digits. It names, and opens nothing."""
    return _untaken(_SCOPE_LETTERS, _TOKEN_LENGTH, "sub_", taken, choose, "subscriber token")


def new_suffix(taken: Container[str] = (), choose: Choose = secrets.choice) -> str:
    """Return what is appended to the part of a passphrase that a subscriber chooses: 39 random bits, easily read.

    It is not the SubscriberToken, which lists and logs show.
    """
    return _untaken(UNMISTAKABLE, _SUFFIX_LENGTH, "", taken, choose, "suffix of a subscriber")


def _untaken(letters: str, length: int, prefix: str, taken: Container[str], choose: Choose, what: str) -> str:
    for _ in range(_TRIES):
        made = prefix + "".join(choose(letters) for _ in range(length))
        if made not in taken:
            return made
    raise InvalidValue(f"no free {what} in {_TRIES} tries")
