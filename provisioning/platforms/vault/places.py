"""Venues, units, keypools and plans: C1, then C4 and D1 for each venue, D3 where a VLAN is missing, F1, I1."""

from typing import Any, Final

from crypto import Ssid

from ...errors import InvalidValue
from ...model.rules.identifiers import ABSENT_COMPONENT, check_pool_ssid, parse_keypool_id
from ...model.rules.zones import parse_zone
from ...sync import WHOLE, Kind, SaidPlan, SaidPool, SaidUnit, SaidVenue, shorten
from ..exchange import Exchange, PlatformError, Refused, Unreadable
from ..fields import MAX_VLAN, MOST_NAME, BadRecord, parse_records, take_name
from .payloads import (
    PLANS,
    POOLS,
    UNITS,
    VENUES,
    Unit,
    Venue,
    count_of,
    find_details,
    find_plans,
    member,
    records,
)
from .payloads import Pool as ListedPool
from .run import GLOBAL, Place, Pool, Run, chunks
from .session import Call

_VENUES_AT_ONCE: Final = 4  # whose units, up to 5000 each, are in memory as they came
_SEARCHED: Final = "WPA2"
_MAX_OFFSET: Final = MAX_VLAN - 1
_UNLIMITED: Final = 2**32  # kbit/s, or devices: no plan has so many


def list_venues(run: Run) -> Exchange[list[Venue]]:
    """Return the venues that are to be read and are there; note which are not, and whether all were listed.

    Refused where there is none of them.
    """
    answer = yield from run.session.call(venues_call(run.session.venue))
    listed, bad = parse_records(VENUES, records(member(answer, "venues", "VenueList"), "VenueID", "venues"))
    run.unreadable(Kind.VENUE, bad, ("VenueID",))
    by_id = {venue.id: venue for venue in listed if venue.id.lower() != GLOBAL}
    run.is_counted(count_of(answer, "VenueCount"), len({venue.id for venue in listed}) + len(bad), WHOLE, "venues")
    for site in run.settings.sites:
        if site not in by_id:
            run.reading.partial(site, "it is not among the venues that this account may see")
    wanted = [by_id[site] for site in run.settings.sites if site in by_id] if run.settings.sites else [*by_id.values()]
    if not wanted:
        which = "venue of `sites`" if run.settings.sites else "venue"
        raise Refused(f"venues: there is no {which} that this account may see")
    run.venues = tuple(dict.fromkeys(venue.id for venue in wanted))
    if run.venues and run.session.venue not in by_id:
        run.session.venue = run.venues[0]
    return list(dict.fromkeys(wanted))


def read_venues(run: Run, listed: list[Venue]) -> Exchange[None]:
    """Read each venue's details and units."""
    taken: dict[str, str] = {}
    for venues in chunks(listed, _VENUES_AT_ONCE):
        calls = [call for venue in venues for call in (details_call(venue.id), units_call(venue.id))]
        answers = yield from run.session.calls(calls)
        for place, venue in enumerate(venues):
            _take_venue(run, venue, answers[2 * place], taken)
            _take_units(run, venue, answers[2 * place + 1])
    yield from _ask_vlans(run)


def read_pools(run: Run) -> Exchange[None]:
    """Read the keypools. Those that cannot be searched are told, and left out."""
    try:
        answer = yield from run.session.call(pools_call(run.session.venue))
        rows = records(member(answer, "keypools", "myKeyPoolList"), "KeyPoolID", "keypools")
    except PlatformError as error:
        run.reading.partial(WHOLE, str(error))
        return
    listed, bad = parse_records(POOLS, rows)
    run.unreadable(Kind.POOL, bad, ("KeyPoolID",))
    run.is_counted(count_of(answer, "myKeyPoolCount"), len({p.id for p in listed}) + len(bad), WHOLE, "keypools")
    for pool in listed:
        _take_pool(run, pool)


def read_plans(run: Run) -> Exchange[None]:
    """Read the service plans."""
    try:
        answer = yield from run.session.call(plans_call())
        listed, bad = parse_records(PLANS, find_plans(answer, "service plans"))
    except PlatformError as error:
        run.reading.partial(WHOLE, str(error))
        return
    run.has_plans = True
    run.unreadable(Kind.PLAN, bad, ("ServicePlanID",))
    for plan in listed:
        name = take_name(run.reading, Kind.PLAN, plan.id, WHOLE, plan.name or plan.id, field="ServicePlanName")
        run.reading.say(
            SaidPlan(
                id=plan.id,
                name=name,
                download_kbps=_limit(plan.download_kbps),
                upload_kbps=_limit(plan.upload_kbps),
                devices=_limit(plan.devices),
                wireless_only=plan.wireless_only,
            )
        )


def say_units(run: Run) -> None:
    """Say the units, now that their VLANs are known as well as they will be."""
    for unit in run.units.values():
        run.reading.say(
            SaidUnit(
                id=unit.id,
                venue=unit.venue,
                name=take_name(run.reading, Kind.UNIT, unit.id, unit.venue, unit.name or unit.id, field="UnitID"),
                building=_component(run, unit, unit.building),
                floor=_component(run, unit, unit.floor),
                vlan=unit.vlan,
            )
        )


# Calls.


def venues_call(venue: str) -> Call:
    return Call("/networkoperatorconsole/venues/listVenues", "venues", {"VenueID": venue})


def details_call(venue: str) -> Call:
    path = "/networkoperatorconsole/venues/listVenueDetails"
    return Call(path, f"details of venue {shorten(venue)}", {"VenueID": venue})


def units_call(venue: str) -> Call:
    path = "/networkoperatorconsole/venues/listVenueUnits"
    return Call(path, f"units of venue {shorten(venue)}", {"VenueID": venue})


def unit_call(unit: Place) -> Call:
    path = "/networkoperatorconsole/venues/listVenueUnitDetails"
    return Call(path, f"unit {shorten(unit.id)}", {"VenueID": unit.venue, "UnitID_internal": unit.id})


def pools_call(venue: str) -> Call:
    return Call("/networkoperatorconsole/keypools/listKeypools", "keypools", {"VenueID": venue})


def plans_call() -> Call:
    return Call("/networkoperatorconsole/equipment/listServicePlans", "service plans", {})


# One venue.


def _take_venue(run: Run, listed: Venue, answer: Any, taken: dict[str, str]) -> None:
    """Say a venue. Without its details nothing is said of it: what is stored stays, and so do its keys."""
    venue, details = listed.id, None
    try:
        if isinstance(answer, PlatformError):
            raise answer
        found, bad = parse_records(VENUES, [find_details(answer, venue, f"details of venue {shorten(venue)}")])
        run.unreadable(
            Kind.VENUE, [BadRecord(0, {"VenueID": venue}, each.field, each.text) for each in bad], ("VenueID",), venue
        )
        details = found[0] if found else None
    except PlatformError as error:
        run.reading.partial(venue, str(error))
    zone = _take_zone(run, venue, (details and details.time_zone) or listed.time_zone or run.settings.timezone)
    if details is None:
        return
    offset = details.offset if details.offset is not None else listed.offset
    if offset is not None and not 0 <= offset <= _MAX_OFFSET:
        text = f"{offset} is not a VLAN offset of 0 to {_MAX_OFFSET}: the stored one stays"
        run.reading.note(venue, text, kind=Kind.VENUE, id_=venue, field="WirelessOnlyPlanVLANOffset")
        offset = None
    run.offsets[venue] = offset or 0
    name = take_name(run.reading, Kind.VENUE, venue, venue, details.name or listed.name or venue, field="VenueName")
    identifiers = _identifiers(run, venue, details.nas_identifiers or listed.nas_identifiers, taken)
    run.reading.say(
        SaidVenue(id=venue, name=name, time_zone=zone, nas_identifiers=identifiers, wireless_only_vlan_offset=offset)
    )


def _take_zone(run: Run, venue: str, name: str | None) -> str | None:
    if name is None:
        return None
    try:
        run.zones[venue] = parse_zone(name)
    except InvalidValue as error:
        run.reading.note(venue, str(error), kind=Kind.VENUE, id_=venue, field="TZ")
        return None
    return name


def _identifiers(run: Run, venue: str, names: tuple[str, ...], taken: dict[str, str]) -> tuple[str, ...]:
    """Return the NAS-Identifiers that pick this venue and no other one, whatever their case."""
    fit = []
    for name in names:
        text = None
        if len(name.encode()) > MOST_NAME or not name.isprintable():
            text = f"it is no NAS-Identifier of at most {MOST_NAME} printable octets: it is left out"
        elif taken.setdefault(name.upper(), venue) != venue:
            text = f"{shorten(name)} is that of venue {shorten(taken[name.upper()])} as well: it is left out"
        if text is None:
            fit.append(name)
        else:
            run.reading.note(venue, text, kind=Kind.VENUE, id_=venue, field="NAS-Identifier")
    return tuple(fit)


def _take_units(run: Run, venue: Venue, answer: Any) -> None:
    what = f"units of venue {shorten(venue.id)}"
    try:
        if isinstance(answer, PlatformError):
            raise answer
        rows = records(member(answer, what, "VenueUnits"), "UnitID_internal", what)
    except PlatformError as error:
        run.reading.partial(venue.id, str(error))
        return
    units, bad = parse_records(UNITS, rows)
    run.unreadable(Kind.UNIT, bad, ("UnitID_internal",), venue.id)
    count = count_of(answer, "VenueUnitCount")
    if not rows and venue.units:
        run.reading.partial(venue.id, f"{what}: none came, while the list of venues counts {venue.units}")
    elif run.is_counted(
        count if count is not None else venue.units, len({u.id for u in units}) + len(bad), venue.id, what
    ):
        run.reading.complete(venue.id, (Kind.UNIT,))
    for unit in units:
        _take_unit(run, venue.id, unit)


def _take_unit(run: Run, venue: str, unit: Unit) -> None:
    vlan = unit.vlan
    if vlan is not None and not 1 <= vlan <= MAX_VLAN:
        text = f"{vlan} is not a VLAN of 1 to {MAX_VLAN}"
        run.reading.hold_back(Kind.UNIT, unit.id, venue, text, field="vlan")
        return
    place = Place(unit.id, venue, unit.name, unit.building, unit.floor, vlan)
    there = run.units.setdefault(unit.id, place)
    if there != place:
        there.is_sure = False
        text = "its UnitID_internal stands for two different units"
        run.reading.hold_back(Kind.UNIT, unit.id, venue, text, field="UnitID_internal")


def _ask_vlans(run: Run) -> Exchange[None]:
    """Ask for the units that came without a VLAN, one by one: a call about several tells all of the first alone."""
    for units in chunks([unit for unit in run.units.values() if unit.vlan is None]):
        answers = yield from run.session.calls([unit_call(unit) for unit in units])
        for unit, answer in zip(units, answers, strict=True):
            try:
                unit.vlan = _vlan_of(unit, answer)
            except Refused as error:  # such as a role that may not ask: the platform does not say
                run.reading.note(unit.venue, str(error), kind=Kind.UNIT, id_=unit.id)
            except PlatformError as error:
                unit.is_sure = False
                text = f"it could not be asked for: {error}"
                run.reading.unreadable(Kind.UNIT, unit.id, unit.venue, text, field="vlan")


def _vlan_of(unit: Place, answer: Any) -> int | None:
    """Return the VLAN that an answer about a unit has; None where it has none, or is not about this unit."""
    if isinstance(answer, PlatformError):
        raise answer
    what = f"unit {shorten(unit.id)}"
    rows = records(member(answer, what, "VenueUnits"), "UnitID_internal", what)
    units, _ = parse_records(
        UNITS, [row for row in rows if isinstance(row, dict) and row.get("UnitID_internal") == unit.id]
    )
    vlans = {each.vlan for each in units if each.vlan is not None}
    if any(not 1 <= vlan <= MAX_VLAN for vlan in vlans) or len(vlans) > 1:
        raise Unreadable(f"{what}: its VLAN is not one of 1 to {MAX_VLAN}")
    return vlans.pop() if vlans else None


def _component(run: Run, unit: Place, name: str | None) -> str | None:
    if name is None or name.upper() == ABSENT_COMPONENT:
        return None
    return take_name(run.reading, Kind.UNIT, unit.id, unit.venue, name)


# One keypool, one limit.


def _take_pool(run: Run, pool: ListedPool) -> None:
    try:
        ssid, is_global = _ssid_and_scope(pool)
        check_pool_ssid(Ssid(ssid.encode()))
    except (InvalidValue, ValueError) as error:
        run.not_searched[pool.id] = str(error)
        run.reading.hold_back(Kind.POOL, pool.id, WHOLE, str(error), field="SSID")
        return
    venues = () if is_global else tuple(venue for venue in run.venues if venue in pool.venues)
    if not is_global and pool.venues and not venues:
        run.not_searched[pool.id] = ""  # it is at venues that are not asked for
        return
    run.has_controllers |= pool.controller is not None
    if (why := why_not_searched(pool.mechanism, pool.controller)) is not None:
        run.not_searched[pool.id] = why
        run.reading.hold_back(Kind.POOL, pool.id, WHOLE, f"{shorten(ssid)}: {why}", field="AuthenticationMechanism")
        return
    run.pools[pool.id] = Pool(pool.id, ssid, is_global, venues, pool.order)
    run.reading.say(SaidPool(id=pool.id, ssid=ssid, venues=venues, is_global=is_global))


def _ssid_and_scope(pool: ListedPool) -> tuple[str, bool]:
    """Return SSID and whether it is global: what is not said stands in the KeyPoolID. Any scope but global is local."""
    if pool.ssid is not None and pool.scope is not None:
        return pool.ssid, pool.scope.lower() == GLOBAL
    parts = parse_keypool_id(pool.id)
    ssid = parts.ssid.value.decode() if pool.ssid is None else pool.ssid
    return ssid, parts.is_global if pool.scope is None else pool.scope.lower() == GLOBAL


def why_not_searched(mechanism: str | None, controller: str | None = None) -> str | None:
    """Return why a keypool's keys are not searched; None for WPA2, which one that says nothing is as well."""
    if mechanism is None:
        return "a controller has its keys: it is WPA3, and not searched" if controller else None
    word = mechanism.upper().replace("_", "-").replace(" ", "-")
    if word in (_SEARCHED, f"{_SEARCHED}-PSK", f"{_SEARCHED}-PERSONAL"):
        return None
    return f"{shorten(mechanism)} cannot be searched: its keys are left out"


def _limit(number: int | None) -> int | None:
    """Return a limit that a plan can have; None for none, and for what is as good as none."""
    return number if number is not None and 1 <= number < _UNLIMITED else None
