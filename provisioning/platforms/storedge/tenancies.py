"""What was read of a facility, in our words. No I/O.

# Rule: a tenant who may still rent keeps the key. Only a previous tenant, or a previous ledger, ends one.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from urllib.parse import quote

from ...errors import InvalidValue
from ...sync import Kind, Reading, SaidKey, SaidPool, SaidSubscriber, SaidUnit, SaidVenue, Standing, shorten
from ..exchange import Known, PlatformError, Unavailable
from ..fields import MOST_ID, BadRecord, clean, day_ends, day_starts, find_id, find_zone, take_name
from ..settings import ConnectorSettings, UnitPlace
from .lists import TenantList
from .payloads import Delinquency, Ledger, Tenant

RECHECKED: Final = 32  # tenants per reading
NEAR: Final = timedelta(days=2)  # an end that is due, and may have been moved
DELINQUENT: Final = "delinquent"
MOVED_OUT: Final = "moved out"


@dataclass
class Facility:
    """One facility while it is read. Nothing is said of it before all of it is read (`say`)."""

    site: str
    settings: ConnectorSettings
    known: Known
    at: datetime
    current: TenantList
    previous: TenantList
    arrears: dict[str, Delinquency | str] = field(default_factory=dict)  # by tenant; text: why it cannot be read
    ledgers: dict[str, Ledger | str] = field(default_factory=dict)  # by ledger; text: why its unit is not known
    without_ledgers: dict[str, PlatformError] = field(default_factory=dict)  # tenants whose cannot be read: why

    def __post_init__(self) -> None:
        self.zone = find_zone(self.settings.timezone)
        self._prefix = f"{self.site}/"
        self._unread: dict[str, str] = {}  # tenants whose ledgers are wanted and cannot be read: why
        self._waiting = 0  # new keys among them
        self._left_out: set[str] = set()  # tenants with new keys who are not asked, as their venue is full

    def key(self, ledger: str) -> str:
        """Return a key's id."""
        return self._prefix + ledger

    # What has to be asked.

    def renting(self) -> Iterator[Tenant]:
        """Yield the tenants who have keys: here, in the list of current ones, active, with a current ledger."""
        for tenant in self.current.tenants.values():
            if tenant is not None and tenant.active and tenant.current_ledger_ids and self._is_here(tenant):
                yield tenant

    def in_arrears(self) -> list[Tenant]:
        """Return whose steps of arrears decide: delinquent ones, and those of suspended keys; never exempt ones."""
        return [
            tenant
            for tenant in self.renting()
            if not tenant.is_exempt
            and (
                tenant.delinquent is not False
                or any(self.key(ledger) in self.known.suspended for ledger in tenant.current_ledger_ids)
            )
        ]

    def ledgers_to_ask(self) -> list[Tenant]:
        """Return whose ledgers to ask: where a unit is not known, where an end is near, and a few of the others.

        Nothing but the ledger tells that somebody moved to another unit, and to ask all of them costs a call each.
        """
        new, ending, others = [], [], []
        for tenant in self.renting():
            keys = [self.key(ledger) for ledger in tenant.current_ledger_ids if self._table_place(ledger) is None]
            if any(key not in self.known.units_of_keys for key in keys):
                new.append(tenant)
            elif any(self._ends_soon(key) for key in keys):
                ending.append(tenant)
            elif keys:
                others.append(tenant)
        chance = random.Random(f"{self.site} {self.at:%Y-%m-%d %H:%M:%S}")
        chance.shuffle(new)  # a few that cannot be read are not in the way of the others each time
        if self.site in self.known.full_venues:  # a few of them may be in a unit that is there
            self._left_out = {tenant.id for tenant in new[RECHECKED:]}
            del new[RECHECKED:]
        return new + ending + chance.sample(others, min(RECHECKED, len(others)))

    def _ends_soon(self, key: str) -> bool:
        ends = self.known.ends_of_keys.get(key)
        return ends is not None and ends - self.at <= NEAR

    def _is_here(self, tenant: Tenant) -> bool:
        return tenant.facility_id.lower() == self.site.lower()

    # What is said.

    def say(self, reading: Reading) -> None:
        """Say all of it."""
        reading.say(SaidVenue(id=self.site, name=self.site, time_zone=self.settings.timezone))
        pool = f"{self.site}/{self.settings.ssid}"
        reading.say(SaidPool(id=pool, ssid=self.settings.ssid or "", venues=(self.site,)))
        self._unreadable(reading, "current", self.current.bad)
        self._unreadable(reading, "previous", self.previous.bad)
        self._repeated(reading)
        self._zone_missing(reading)
        ended: dict[str, Tenant] = {}
        for tenant in self.current.tenants.values():
            if tenant is not None:
                self._say_current(reading, tenant, pool, ended)
        for id_, former in self.previous.tenants.items():
            if former is not None and id_ not in self.current.tenants:  # in both lists: current wins
                self._say_previous(reading, former, ended)
        self._say_ended(reading, ended, pool)
        self._ledgers_unread(reading)
        if self._left_out:
            count = len(self._left_out)
            text = f"it has as many units as a venue can have: {count:,} new tenants were not asked for theirs"
            reading.note(self.site, text)
        reading.complete(self.site, (Kind.KEY,))
        if not reading.is_doubtful(self.site):
            self._hold_back_missing(reading)

    def _say_current(self, reading: Reading, tenant: Tenant, pool: str, ended: dict[str, Tenant]) -> None:
        if not self._is_here(tenant):
            self._elsewhere(reading, tenant)
        elif tenant.active and tenant.current_ledger_ids:
            self._say_keys(reading, tenant, pool)
            ended.update((self.key(ledger), tenant) for ledger in tenant.previous_ledger_ids)
        elif tenant.active:
            text = "active, but without a current ledger: it has no key"
            id_, name = self._subscriber(tenant), _name(tenant)
            reading.note(self.site, text, kind=Kind.SUBSCRIBER, id_=id_, field="active", label=name)
        else:
            self._disagree(reading, tenant, "its tenant is listed as current but is not active")

    def _say_previous(self, reading: Reading, tenant: Tenant, ended: dict[str, Tenant]) -> None:
        if not self._is_here(tenant):
            self._elsewhere(reading, tenant)
        elif tenant.active or tenant.current_ledger_ids:
            self._disagree(reading, tenant, "its tenant is listed as previous but is active or has a current ledger")
        else:
            ended.update((self.key(ledger), tenant) for ledger in tenant.previous_ledger_ids)

    def _say_keys(self, reading: Reading, tenant: Tenant, pool: str) -> None:
        """Say the keys of somebody who rents, one per current ledger, and whose they are."""
        subscriber = self._subscriber(tenant)
        name = take_name(reading, Kind.SUBSCRIBER, subscriber, self.site, tenant.name)
        reading.say(SaidSubscriber(id=subscriber, venue=self.site, name=name))
        for ledger in tenant.current_ledger_ids:
            key = self.key(ledger)
            if len(key) > MOST_ID:
                text = f"an id of more than {MOST_ID} characters"
                reading.unreadable(Kind.KEY, key, self.site, text, label=self._who(tenant, ledger))
                continue
            standing = self._standing(reading, tenant, ledger)
            unit = self._unit(reading, tenant, ledger)
            if standing is None or unit is None:
                continue  # held back, with the reason
            starts, ends = self._window(reading, ledger, key)
            reading.say(
                SaidKey(
                    id=key,
                    venue=self.site,
                    pool=pool,
                    unit=unit,
                    subscriber=subscriber,
                    starts=starts,
                    ends=ends,
                    standing=standing,
                    reason=DELINQUENT if standing is Standing.SUSPENDED else None,
                )
            )

    def _say_ended(self, reading: Reading, ended: Mapping[str, Tenant], pool: str) -> None:
        """Say the ends of the keys that the store has; a ledger that somebody rents now is none of them."""
        for key in ended.keys() & self.known.keys:
            if not reading.saw(Kind.KEY, key):
                reading.say(
                    SaidKey(
                        id=key,
                        venue=self.site,
                        pool=pool,
                        unit=self.known.units_of_keys.get(key),
                        subscriber=self._subscriber(ended[key]),
                        standing=Standing.ENDED,
                        reason=MOVED_OUT,
                    )
                )

    def _standing(self, reading: Reading, tenant: Tenant, ledger: str) -> Standing | None:
        """Return whether a key may be used; None, and hold it back, where that cannot be told."""
        key, who = self.key(ledger), self._who(tenant, ledger)
        arrears = None if tenant.is_exempt else self.arrears.get(tenant.id)
        if isinstance(arrears, str):
            reading.unreadable(Kind.KEY, key, self.site, arrears, field="delinquency", label=who)
            return None
        locked_out = False if arrears is None else arrears.is_locked_out
        if locked_out is None:
            text = "not all steps of its tenant's arrears are said: left as it is"
            reading.hold_back(Kind.KEY, key, self.site, text, field="delinquency", label=who)
            return None
        return Standing.SUSPENDED if locked_out else Standing.ACTIVE

    # Units and windows.

    def _unit(self, reading: Reading, tenant: Tenant, ledger: str) -> str | None:
        """Return the id of a ledger's unit, and say the unit where it is known by name; None, and hold back the key."""
        key = self.key(ledger)
        if (place := self._table_place(ledger)) is not None:
            parts = filter(None, (place.building, place.floor, place.unit))
            return self._say_unit(reading, "/".join(quote(part, safe=" ") for part in parts), place, None)
        answer = self.ledgers.get(ledger)
        if isinstance(answer, Ledger) and answer.unit_key is not None:
            place = self.settings.units.get(answer.unit_key)
            return self._say_unit(reading, answer.unit_key, place, answer.unit_label)
        unit = self.known.units_of_keys.get(key)
        failed = self.without_ledgers.get(tenant.id)
        if unit is not None:
            if failed is not None or isinstance(answer, str):
                why = str(failed or f"ledger {shorten(ledger)} of {_name(tenant) or tenant.id}: {answer}")
                self._unread.setdefault(tenant.id, why)
            name = unit.removeprefix(self._prefix)
            place = self.settings.units.get(name)
            return unit if place is None else self._say_unit(reading, name, place, None)
        if tenant.id in self._left_out:
            reading.hold(Kind.KEY, key)
            return None
        if isinstance(failed, Unavailable):
            reading.hold(Kind.KEY, key)  # told of all of them together
            self._unread.setdefault(tenant.id, str(failed))
            self._waiting += 1
            return None
        why = answer if isinstance(answer, str) else str(failed or "storEDGE does not say it")
        text = f"its unit is not known ({why}): name it in {self._table} by this ledger"
        reading.hold_back(Kind.KEY, key, self.site, text, field="unit", label=self._who(tenant, ledger))
        return None

    @property
    def _table(self) -> str:
        return f"[sync.{self.settings.name}.units]"

    def _say_unit(self, reading: Reading, name: str, place: UnitPlace | None, label: str | None) -> str:
        id_ = self._prefix + name
        known_as = take_name(reading, Kind.UNIT, id_, self.site, place.unit if place is not None else label or name)
        said = SaidUnit(id=id_, venue=self.site, name=known_as)
        if place is not None:
            said = replace(said, building=place.building, floor=place.floor, vlan=place.vlan)
        reading.say(said)
        return id_

    def _table_place(self, ledger: str) -> UnitPlace | None:
        return self.settings.units.get(ledger) or self.settings.units.get(self.key(ledger))

    def _window(self, reading: Reading, ledger: str, key: str) -> tuple[datetime | None, datetime | None]:
        """Return a key's window: by the ledger's days where they were asked, else as it is stored."""
        answer = self.ledgers.get(ledger)
        if not isinstance(answer, Ledger):
            return None, self.known.ends_of_keys.get(key)
        try:
            return _instant(answer.moved_in_on, self.zone, day_starts), _instant(
                answer.moved_out_on, self.zone, day_ends
            )
        except InvalidValue as error:
            reading.note(self.site, f"its days are left out: {error}", kind=Kind.KEY, id_=key)
            return None, self.known.ends_of_keys.get(key)

    # What is told.

    def _ledgers_unread(self, reading: Reading) -> None:
        """Tell in one line of ledgers that could not be read: they alone say who moves, and when somebody leaves."""
        if self._unread:
            why = min(self._unread.values(), key=lambda text: "not asked" in text)
            waits = f"; {self._waiting:,} new keys wait for their units" if self._waiting else ""
            text = (
                f"ledgers of {len(self._unread):,} tenants could not be read: their moves and ends are not known{waits}"
            )
            reading.unreadable(None, None, self.site, f"{text} ({why})")

    def _unreadable(self, reading: Reading, which: str, bad: Iterable[BadRecord]) -> None:
        for record in bad:
            id_ = find_id(record.raw, ("id",))
            subscriber = None if id_ is None else self._prefix + id_
            name = _name_of(record.raw)
            row = f"in row {record.index + 1:,} of the {which} tenants{f' ({name})' if name else ''}"
            label = row if subscriber is None else name
            reading.unreadable(Kind.SUBSCRIBER, subscriber, self.site, record.text, field=record.field, label=label)

    def _repeated(self, reading: Reading) -> None:
        for which, found in (("current", self.current), ("previous", self.previous)):
            if found.repeated:
                reading.partial(
                    self.site, f"{found.repeated} tenants came twice in {which}: as many others may be missing"
                )

    def _zone_missing(self, reading: Reading) -> None:
        days = ((it.moved_in_on, it.moved_out_on) for it in self.ledgers.values() if isinstance(it, Ledger))
        if self.settings.timezone is None and any(any(pair) for pair in days):
            text = f"[sync.{self.settings.name}] has no timezone: the days of its ledgers are taken as UTC's"
            reading.note(self.site, text)

    def _elsewhere(self, reading: Reading, tenant: Tenant) -> None:
        text = f"is facility {shorten(tenant.facility_id)}, which was not asked for"
        id_, name = self._subscriber(tenant), _name(tenant)
        reading.unreadable(Kind.SUBSCRIBER, id_, self.site, text, field="facility_id", label=name)

    def _disagree(self, reading: Reading, tenant: Tenant, text: str) -> None:
        """Leave as they are the keys of a tenant whose record contradicts itself; of new ones nothing is made."""
        keys = {self.key(ledger) for ledger in tenant.current_ledger_ids}
        keys |= {self.key(ledger) for ledger in tenant.previous_ledger_ids} & self.known.keys
        for key in sorted(keys):
            who = self._who(tenant, key.removeprefix(self._prefix))
            reading.hold_back(Kind.KEY, key, self.site, f"{text}: left as it is", field="active", label=who)

    def _hold_back_missing(self, reading: Reading) -> None:
        text = "neither with a current tenant nor with a previous one: left as it is"
        here = (key for key in self.known.keys if key.startswith(self._prefix))
        for key in sorted(key for key in here if not reading.saw(Kind.KEY, key)):
            reading.hold_back(Kind.KEY, key, self.site, text)

    def _who(self, tenant: Tenant, ledger: str) -> str | None:
        """Return whose a key is, and in which unit; None where the store knows it, and has the unit's name."""
        if self.key(ledger) in self.known.keys:
            return None
        answer, place = self.ledgers.get(ledger), self._table_place(ledger)
        unit = place.unit if place is not None else answer.unit_label if isinstance(answer, Ledger) else None
        name = _name(tenant) or f"tenant {shorten(tenant.id)}"
        return name if unit is None else f"{name}, unit {shorten(unit)}"

    def _subscriber(self, tenant: Tenant) -> str:
        return self._prefix + tenant.id


def _instant(at: date | datetime | None, zone: tzinfo, of_day: Callable[[date, tzinfo], datetime]) -> datetime | None:
    """Return the instant at which a window starts or ends."""
    return at if at is None or isinstance(at, datetime) else of_day(at, zone)


def _name(tenant: Tenant) -> str | None:
    return shorten(tenant.name) if tenant.name else None


def _name_of(raw: object) -> str | None:
    """Return what a record that cannot be read says of whose it is."""
    said = raw if isinstance(raw, dict) else {}
    words = [said[each] for each in ("first_name", "last_name", "business_name") if isinstance(said.get(each), str)]
    if isinstance(number := said.get("account_number"), str | int):
        words.append(f"account {number}")
    return shorten(" ".join(filter(None, (clean(word) for word in words)))) or None
