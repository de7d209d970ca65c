"""From the PAN mappings of a site to its units and keypools."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ...errors import InvalidValue
from ...model import Passphrase
from ...sync import Kind, Reading, SaidPool, SaidUnit, shorten
from ..fields import MAX_VLAN, MOST_ID, clean, cut, name_record, parse_records, take_name
from .payloads import MAPPINGS, PanMapping, Rows

Spot: TypeAlias = tuple[str | None, str | None, str | None]  # building, floor, unit, as they are spelled

_MOST_SSID: Final = 32  # octets
_SHOWN: Final = ("Building", "Floor", "Unit", "SSID", "VLAN")  # of a mapping without a unit


def join_id(*parts: str) -> str:
    """Return one id of several, which no other parts make."""
    text = "/".join(parts)
    if text.count("/") == len(parts) - 1 and "%" not in text:
        return text
    return "/".join([part.replace("%", "%25").replace("/", "%2F") for part in parts])


def site_id(venue: str, *parts: str) -> str:
    """Return the id of something that is unique at its site alone."""
    return f"{venue}/{join_id(*parts)}"


def show(spot: Spot) -> str:
    """Return a unit's place as a person reads it."""
    return "/".join(part for part in spot if part)


@dataclass(frozen=True, slots=True)
class MappedUnit:
    """A unit of the mappings, and the network that its residents use.

    fault: why no key can be made there, and the field
    """

    id: str
    pool: str | None
    passphrase: bytes | None = field(default=None, repr=False)
    fault: tuple[str, str] | None = None


@dataclass
class Units:
    """The units of a site."""

    venue: str
    by_spot: dict[Spot, MappedUnit] = field(default_factory=dict)
    has_none: bool = False  # there are mappings, and none of them has a unit: residents sign on elsewhere (MDU SSO)

    def find(self, spot: Spot) -> MappedUnit | None:
        """Return the unit that is spelled so; a resident's record without building and floor may mean but one."""
        found = self.by_spot.get(spot)
        if found is not None or spot[0] is not None or spot[1] is not None:
            return found
        if not self._by_name:
            for (_, _, name), unit in self.by_spot.items():
                self._by_name.setdefault(name, []).append(unit)
        named = self._by_name.get(spot[2], [])
        return named[0] if len(named) == 1 else None

    def __post_init__(self) -> None:
        self._by_name: dict[str | None, list[MappedUnit]] = {}


def read_mappings(reading: Reading, venue: str, found: Rows, ssid: str | None) -> Units:
    """Say the units and keypools of a site, and return what its residents need of them.

    ssid: where a mapping names none
    """
    units = Units(venue)
    good, bad = parse_records(MAPPINGS, found.rows)
    for each in bad:
        id_ = _unit_id(venue, each.raw)
        text = each.text if id_ is not None else f"{each.text}: {name_record(each, 'mapping', _SHOWN)}"
        reading.unreadable(Kind.UNIT, id_, venue, text, field=each.field)
    if found.doubt:
        reading.partial(venue, f"PAN mappings: {found.doubt}")
    if good and not bad and all(mapping.unit is None for mapping in good):
        units.has_none = True
        return units
    seen: dict[Spot, PanMapping] = {}
    for mapping in good:
        if mapping.unit is None:
            reading.unreadable(Kind.UNIT, None, venue, f"is missing: {_describe(mapping)}", field="Unit")
            continue
        spot = (mapping.building, mapping.floor, mapping.unit)
        if seen.setdefault(spot, mapping) is not mapping:
            reading.partial(venue, f"unit {show(spot)} is mapped twice: another may be missing")
            if seen[spot] == mapping:
                continue
        _take(reading, units, spot, mapping, ssid)
    return units


def _take(reading: Reading, units: Units, spot: Spot, mapping: PanMapping, default_ssid: str | None) -> None:
    venue = units.venue
    id_ = site_id(venue, *(part or "" for part in spot))
    if len(id_) > MOST_ID or not id_.isprintable():
        text = f"its names are too long, or not printable, for an id: {shorten(show(spot))}"
        reading.unreadable(Kind.UNIT, None, venue, text, field="Unit")
        return
    ssid = mapping.ssid or default_ssid
    pool = None if ssid is None else f"{venue}/{ssid}"
    fault = next(_faults(ssid, mapping.passphrase), None)
    if ssid is not None and pool is not None and (fault is None or fault[0] != "SSID"):
        reading.say(SaidPool(id=pool, ssid=ssid, venues=(venue,)))
    units.by_spot[spot] = MappedUnit(id_, pool, mapping.passphrase.encode() if mapping.passphrase else None, fault)
    if mapping.vlan is not None and not 1 <= mapping.vlan <= MAX_VLAN:
        reading.hold_back(Kind.UNIT, id_, venue, f"{mapping.vlan} is not 1 to {MAX_VLAN}", field="VLAN")
        return
    name = take_name(reading, Kind.UNIT, id_, venue, mapping.unit or "", field="Unit")
    reading.say(
        SaidUnit(
            id=id_,
            venue=venue,
            name=name,
            building=_name(mapping.building),
            floor=_name(mapping.floor),
            vlan=mapping.vlan,
        )
    )


def _describe(mapping: PanMapping) -> str:
    """Return what a mapping without a unit says of itself."""
    said = (("Building", mapping.building), ("Floor", mapping.floor), ("SSID", mapping.ssid), ("VLAN", mapping.vlan))
    return f"a mapping ({', '.join(f'{name} {shorten(str(value))}' for name, value in said if value is not None)})"


def _faults(ssid: str | None, passphrase: str | None) -> Iterator[tuple[str, str]]:
    if ssid is None:
        yield "SSID", "the mapping of its unit names none: set ssid"
    elif len(ssid.encode(errors="replace")) > _MOST_SSID or not ssid.isprintable():
        yield "SSID", f"that of its unit is not 1 to {_MOST_SSID} printable octets"
    if passphrase:
        try:
            Passphrase(passphrase.encode(errors="replace"))
        except InvalidValue:
            yield "Passphrase", "that of its unit is not 8 to 63 printable ASCII characters"


def _name(text: str | None) -> str | None:
    cleaned = clean(text) if text else None
    return None if cleaned is None else cut(cleaned)


def _unit_id(venue: str, raw: object) -> str | None:
    """Return the id of a unit whose mapping cannot be read, where its names can."""
    if not isinstance(raw, dict):
        return None
    names = [raw.get(name) or "" for name in ("Building", "Floor", "Unit")]
    if not names[2] or not all(isinstance(name, str | int) and not isinstance(name, bool) for name in names):
        return None
    id_ = site_id(venue, *map(str, names))
    return id_ if len(id_) <= MOST_ID and id_.isprintable() else None
