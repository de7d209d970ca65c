"""What an administrator calls things on the command line, and the thing meant: one match, or an error that helps."""

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import itemgetter
from typing import Final
from zoneinfo import ZoneInfo

from crypto import Ssid

from .errors import Ambiguous, InvalidValue, NotFound
from .model import (
    KeyLabel,
    Keypool,
    KeyStatus,
    NasLabel,
    Scope,
    ServicePlan,
    Subscriber,
    SubscriberStatus,
    Unit,
    Venue,
    plan_id,
)
from .model.rules.identifiers import parse_keypool_id
from .model.rules.vlans import MAX_VLAN, check_vlan
from .model.rules.zones import parse_zone
from .store import Store

_COMPARED: Final = 5000  # names looked at for the one that is meant: 50 ms


def parse_ssid(text: str) -> Ssid:
    """Return the SSID of an argument; InvalidValue unless it is 1 to 32 octets."""
    try:
        return Ssid.parse(text)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """Return the network of ADDRESS[/PREFIX]; InvalidValue where it has host bits, since which was meant is unclear."""
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise InvalidValue(f"{text[:60]!r} is not an IPv4 or IPv6 address or network") from None
    raise InvalidValue(f"{text} has bits set beyond its prefix: did you mean {meant}?")


def parse_vlan(text: str) -> int:
    """Return the VLAN of a text: 1 to 4094."""
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) is None:
        raise InvalidValue(f"{text[:40]!r} is not a VLAN, 1 to {MAX_VLAN}")
    check_vlan(int(text))
    return int(text)


def parse_size(text: str) -> int:
    """Return the octets of a number, with or without k, M, G or T: powers of 1000, as those who sell quotas count."""
    match = re.fullmatch(r"([0-9]{1,20})([kMGT]?)", text)
    if match is None:
        raise InvalidValue(f"{text[:60]!r} is not a number of octets, such as 500M or 20G")
    thousands: int = 1000 ** " kMGT".index(match[2] or " ")
    return int(match[1]) * thousands


def find_venue(store: Store, text: str) -> Venue:
    """Return the venue of that name, external id, VenueID or id:N."""
    venues = store.venues.all()
    for found in (
        [venue for venue in venues if venue.name == text],
        [venue for venue in venues if venue.external_id == text],
        [venue for venue in venues if venue.platform_id == text],
        [venue for venue in venues if f"id:{venue.id}" == text],
    ):
        if found:
            return found[0]
    names = [venue.name for venue in venues]
    raise NotFound(f"no venue {text!r}{_removed(store, 'venue', text) or _instead(text, names, 'venue')}")


def _removed(store: Store, kind: str, text: str) -> str:
    """Return that something of this name was removed, when, by whom and how it comes back; "" where that was not so."""
    if not _is_storable(text):
        return ""
    for entry in reversed(list(store.audit.entries(action=f"{kind}.remove", containing=text, newest=20))):
        if entry.kind == kind and entry.subject == text and entry.undone_by is None:
            back = f", `latchkey undo {entry.id}` brings it back" if entry.undoable else ""
            return f": it was removed {entry.at:%Y-%m-%d} by {entry.author}{back}"
    return ""


def _is_storable(text: str) -> bool:
    """Return whether a text can be in the database at all: octets of a command line that are not UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def find_keypool(store: Store, ssid: str | None = None, venue: str | None = None) -> Keypool:
    """Return the keypool of an SSID, else of that id; without either the only one there is.

    With a venue, the SSID's own keypool there is meant, and only without one the global keypool.
    """
    pools: Sequence[Keypool] = store.keypools.all()
    if ssid is not None:
        named = [] if "._V3SSID." in ssid else [pool for pool in pools if pool.ssid == parse_ssid(ssid)]
        if not named and ssid.isascii() and ssid.isdigit():
            named = [pool for pool in pools if pool.id == int(ssid)]
        if not named and (scope := _scope_of(ssid)) is not None:
            named = [pool for pool in pools if (pool.ssid, pool.scope_id) == scope]
        if not named:
            instead = _removed(store, "pool", ssid) or _instead(ssid, [str(pool.ssid) for pool in pools], "pool")
            raise NotFound(f"no keypool for SSID {ssid!r}{instead}")
        pools = named
    if venue is not None:
        id_ = find_venue(store, venue).id
        pools = [pool for pool in pools if id_ in pool.venue_ids] or [
            pool for pool in pools if pool.scope is Scope.GLOBAL
        ]
    if not pools:
        where = f" at venue {venue!r}" if venue is not None else ""
        raise NotFound(f"no keypool{where}: add one with `latchkey pool add`")
    if len(pools) > 1:
        names = {each.id: each.name for each in store.venues.all()}
        raise Ambiguous(
            "several keypools, say which by id, or at which venue: "
            + ", ".join(f"{pool.id} ({pool.ssid}, {describe_scope(pool, names)})" for pool in pools[:8])
        )
    return pools[0]


def _scope_of(text: str) -> tuple[Ssid, str] | None:
    """Return SSID and scope of a KeyPoolID, None for any other text."""
    try:
        parsed = parse_keypool_id(text)
    except InvalidValue:
        return None
    return parsed.ssid, parsed.scope_id


def describe_scope(pool: Keypool, venue_names: dict[int, str]) -> str:
    """Return where a keypool is valid, in words."""
    if pool.scope is Scope.GLOBAL:
        return "global"
    return ", ".join(venue_names.get(id_, str(id_)) for id_ in pool.venue_ids)


def place_keypool(store: Store, venue: str | None, everywhere: bool) -> tuple[int, ...]:
    """Return the venues a new keypool belongs to, none for a global one."""
    if venue is not None:
        return (find_venue(store, venue).id,)
    venues = store.venues.all()
    if everywhere or not venues:
        return ()
    if len(venues) > 1:
        raise InvalidValue(f"there are {len(venues)} venues: say --venue VENUE, or --global for all of them")
    return (venues[0].id,)


def find_unit(store: Store, text: str, venue_ids: Sequence[int] = ()) -> Unit:
    """Return the unit called `text`, or `building/text`, at one of the venues (none named: at any).

    Its UnitID_internal, external id, and id:N do as well.
    """
    found = _units_of_id(store, text, venue_ids) or (
        list(store.units.named(text, venue_ids)) if _is_storable(text) else []
    )
    if not found:
        raise NotFound(f"no unit {text!r} there{_removed(store, 'unit', text) or _other_unit(store, text, venue_ids)}")
    if len(found) > 1:
        venues = {venue.id: venue.name for venue in store.venues.all()}
        listed = ", ".join(
            f"{f'{unit.building}/' if unit.building else ''}{unit.name} at {venues[unit.venue_id]}"
            for unit in found[:8]
        )
        raise Ambiguous(f"several units {text!r}, say --venue, or BUILDING/UNIT: {listed}")
    return found[0]


def _units_of_id(store: Store, text: str, venue_ids: Sequence[int]) -> list[Unit]:
    number = text.removeprefix("id:")
    if number == text or not (number.isascii() and number.isdigit() and len(number) < 19):
        return []
    try:
        unit = store.units.get(int(number))
    except NotFound:
        return []
    return [unit] if not venue_ids or unit.venue_id in venue_ids else []


def _other_unit(store: Store, text: str, venue_ids: Sequence[int]) -> str:
    """Return which unit may be meant: of 200,000 only those are compared that begin or end alike."""
    if _is_storable(text) and (close := _closest(text, store.units.names_like(text, venue_ids, limit=_COMPARED))):
        return _did_you_mean(close)
    return _instead(text, store.units.some_names(venue_ids, limit=_COMPARED), "unit")


def find_plan(store: Store, text: str) -> ServicePlan:
    """Return the plan of that name, external id, ServicePlanID or id:N."""
    plans = store.plans.all()
    operator = store.venues.operator().name
    for found in (
        [plan for plan in plans if plan.name == text],
        [plan for plan in plans if plan.external_id == text],
        [plan for plan in plans if plan_id(operator, plan.name) == text],
        [plan for plan in plans if f"id:{plan.id}" == text],
    ):
        if len(found) > 1:
            raise Ambiguous(f"several plans {text!r}: {', '.join(repr(plan.name) for plan in found[:8])}")
        if found:
            return found[0]
    names = [plan.name for plan in plans]
    raise NotFound(f"no plan {text!r}{_removed(store, 'plan', text) or _instead(text, names, 'plan')}")


def find_nas(store: Store, text: str) -> NasLabel:
    """Return the NAS of that address, network, name or id; it need not be one that can be opened."""
    nases = store.nases.labels()
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    for found in (
        [nas for nas in nases if network is not None and nas.network == network],
        [nas for nas in nases if nas.name == text],
        [nas for nas in nases if text.isascii() and text.isdigit() and nas.id == int(text)],
    ):
        if len(found) > 1:
            raise Ambiguous(f"several NASes {text!r}: ids {', '.join(str(nas.id) for nas in found)}")
        if found:
            return found[0]
    raise NotFound(f"no NAS {text!r}{_removed(store, 'nas', text) or _other_nas(network, text, nases)}")


def _other_nas(network: IPv4Network | IPv6Network | None, text: str, nases: Sequence[NasLabel]) -> str:
    """Return which NAS an address that has no entry of its own belongs to, else which name may be meant."""
    if network is None or not nases:
        return _instead(text, [nas.name for nas in nases], "nas")
    around = [
        (nas.network.prefixlen, nas)
        for nas in nases
        if nas.network is not None and nas.network.version == network.version and network.subnet_of(nas.network)  # type: ignore[arg-type]
    ]
    if around:
        _, nas = max(around, key=itemgetter(0))
        return f": it belongs to {nas.network} ({nas.name})"
    return ": `latchkey nas list` shows them"


def find_key(store: Store, text: str) -> KeyLabel:
    """Return the key of that id, `id:N`, or identity; of several with one identity, the only one not removed.

    In another case of letters it is found where one key alone can be meant, and so is the key of the subscriber of that
    name: a key that a platform has made is called as it is there.

    It need not be one that can be opened: whoever has lost a key can shut it out by its name.
    """
    by_id = text.removeprefix("id:")
    found = [] if by_id != text else _own(store.keys.labels(identity=text))
    if by_id.isascii() and by_id.isdigit() and len(by_id) < 19:
        found += [key for key in store.keys.labels(key_id=int(by_id)) if key not in found]
    if len(found) > 1:
        found = [key for key in found if key.status is not KeyStatus.REMOVED] or found
    if not found and by_id == text:
        found = _in_either_case(store, text) or keys_of(store, text)
        found = [key for key in found if key.status is not KeyStatus.REMOVED] or found
    if not found:
        close = [] if by_id != text else _closest(text, store.keys.identities_like(text, limit=_COMPARED))
        raise NotFound(f"no key {text!r}{_did_you_mean(close)}")
    if len(found) > 1:
        # A unit's number may be one key's identity and another's id: removing the wrong one locks someone out.
        ssids = {pool.id: pool.ssid for pool in store.keypools.all(lambda *_: None)}
        found.sort(key=lambda key: key.id)
        listed = ", ".join(f"id:{key.id} ({_describe_key(key, ssids)})" for key in found[:8])
        listed += f" and {len(found) - 8:,} more" if len(found) > 8 else ""
        raise Ambiguous(f"several keys {text!r}, say which: {listed}")
    return found[0]


def _own(keys: Sequence[KeyLabel]) -> list[KeyLabel]:
    """Return the keys themselves: who names one does not mean its former passphrase."""
    return [key for key in keys if key.grace_of is None]


def keys_of(store: Store, text: str) -> list[KeyLabel]:
    """Return the keys of the subscribers of that name, token or external id."""
    people = store.subscribers.named(text)
    return _own([key for person in people for key in store.keys.labels(subscriber_id=person.id)])


def _in_either_case(store: Store, text: str) -> list[KeyLabel]:
    """Return the only key of an identity that differs in the case of letters alone, removed ones aside."""
    same = [key for key in _own(store.keys.labels(folded=text)) if key.status is not KeyStatus.REMOVED]
    return same if len(same) == 1 else []


def _describe_key(key: KeyLabel, ssids: Mapping[int, Ssid]) -> str:
    """Return what tells a key from others of its identity."""
    unit = f", unit {key.unit}" if key.unit is not None else ""
    status = "damaged" if key.status is None else key.status.value
    return f"{key.identity}, {ssids.get(key.keypool_id, '(unreadable)')}{unit}, {status}"


def zone_of(store: Store, unit_id: int | None) -> ZoneInfo:
    """Return the time zone of a unit's venue; of no unit, and where the venue has none, the operator's."""
    zone = None if unit_id is None else store.venues.get(store.units.get(unit_id).venue_id).time_zone
    return parse_zone(zone or store.venues.operator().time_zone)


def find_subscriber(store: Store, text: str, *, now: datetime) -> Subscriber:
    """Return the subscriber of that token, external id, name or `id:N`; of several, the only one not closed."""
    by_id = text.removeprefix("id:")
    found: Sequence[Subscriber] = store.subscribers.named(text)
    if by_id != text and by_id.isascii() and by_id.isdigit() and len(by_id) < 19:
        found = [store.subscribers.get(row.id) for row in store.subscriber_rows.listed(now=now, ids=[int(by_id)])]
    exact = [each for each in found if text in (each.token, each.external_id)]
    found = exact or found
    if len(found) > 1:
        found = [each for each in found if each.status is not SubscriberStatus.CLOSED] or found
    if not found:
        if any(key.status is not KeyStatus.REMOVED for key in store.keys.labels(identity=text)):
            raise NotFound(
                f"no subscriber {text!r}, but a key is called so: `latchkey subscriber add` makes one, and `latchkey"
                " key set KEY --subscriber WHO` gives them the key"
            )
        close = _closest(text, store.subscribers.names_near(text, limit=_COMPARED))
        raise NotFound(f"no subscriber {text!r}{_did_you_mean(close)}")
    if len(found) > 1:
        rows = itertools.islice(store.subscriber_rows.listed(now=now, ids=[each.id for each in found]), 8)
        listed = ", ".join(f"{row.token} ({', '.join(row.units) or 'no unit'}, {row.status})" for row in rows)
        listed += f" and {len(found) - 8:,} more" if len(found) > 8 else ""
        raise Ambiguous(f"several subscribers {text!r}, say which by token: {listed}")
    return found[0]


def _instead(text: str, names: Sequence[str], group: str) -> str:
    """Return the names that may be meant; else all there are, where that is short enough to read."""
    if not names:
        return f": there is none yet, `latchkey {group} add` makes one"
    if close := _closest(text, names):
        return _did_you_mean(close)
    known = sorted(set(names))
    shown = ", ".join(known)
    return f" (there is {shown})" if len(shown) <= 80 else f": `latchkey {group} list` shows all {len(known):,}"


def _closest(text: str, names: Sequence[str]) -> list[str]:
    """Return at most three names that differ from `text` by a slip, or only in the case of letters."""
    folded = {name.casefold(): name for name in names[:_COMPARED]}
    return [folded[name] for name in get_close_matches(text.casefold(), folded, n=3, cutoff=0.75)]


def _did_you_mean(names: Sequence[str]) -> str:
    return f": did you mean {' or '.join(map(repr, names))}?" if names else ""
