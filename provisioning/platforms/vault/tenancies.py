"""Keys: G2 for each subscriber, and what each is with its subscription, its unit and its keypool."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from ...errors import InvalidValue
from ...model.key import MOST_TAG, Passphrase
from ...sync import WHOLE, Kind, SaidDevice, SaidKey, SaidSubscriber, Standing, shorten
from ..exchange import Exchange, PlatformError, Refused, Unreadable
from ..fields import MAX_VLAN, MOST_NAME, find_id, name_record, parse_records, take_name
from .payloads import DEVICES, KEYS, Key, KeyDevice, Keys, count_of, flatten_keys, records
from .people import People, note_word
from .places import why_not_searched
from .run import SHOWN, Run, chunks
from .session import Call
from .statuses import ACTIVE, TERMINATED, State, read_status, weigh
from .stays import Stay, choose, of_key

WITHOUT_KEY: Final = "subscription:"  # and its id: what a key is called that was made here, until the platform has it

_SEPARATORS: Final = re.compile(r"[\s:.-]")
_MAC: Final = re.compile(r"[0-9a-f]{12}")
_CLOSED: Final = "the account was terminated"


def keys_call(subscriber: str) -> Call:
    path = "/networkoperatorconsole/subscribers/listSubscriberKeys"
    return Call(path, f"keys of subscriber {shorten(subscriber)}", {"SubscriberToken": subscriber})


def read_keys(run: Run, people: People) -> Exchange[None]:
    """Read every subscriber's keys. One that fails costs its own; where all of many fail, the rest is not asked.

    Raises where none could be read at all.
    """
    stored: dict[str, list[str]] = {}
    for key, subscriber in run.known.subscribers_of_keys.items():
        stored.setdefault(subscriber, []).append(key)
    asked = []
    everybody, here = not run.settings.sites or _has_strays(run), {None, *run.venues}
    for token, account in people.accounts.items():
        may_be_here = everybody or account is None or account.venue in here
        if not (may_be_here or token in stored or token in run.stays):
            continue
        if stored and people.state(token) == TERMINATED:
            _end(run, token, stored.get(token, ()), people)
        else:
            asked.append(token)
    came = False
    for tokens in chunks(asked):
        answers = yield from run.session.calls([keys_call(token) for token in tokens])
        if came and len(tokens) > 1 and all(isinstance(answer, PlatformError) for answer in answers):
            run.reading.partial(WHOLE, f"{answers[0]}; and so on with all that were asked")
            return
        subscribers = [_Subscriber(run, token, people, stored.get(token, ())) for token in tokens]
        failed = [each.take(answer) for each, answer in zip(subscribers, answers, strict=True)]
        came = came or None in failed
        if not came and any(each.concerns for each in subscribers):
            raise Unreadable(f"{failed[0]}; and so on with all that were asked")


def _has_strays(run: Run) -> bool:
    """Return whether a key is stored of which nobody knows whose it is, so that it might be anybody's."""
    strays = run.known.keys - run.known.subscribers_of_keys.keys()
    return any(not run.reading.saw(Kind.KEY, key) for key in strays)


def _end(run: Run, token: str, stored: Iterable[str], people: People) -> None:
    """Say that the keys of a closed account have ended: which they are need not be asked."""
    account = people.accounts[token]
    for key in stored:
        venue = (account.venue if account is not None else None) or WHOLE
        run.reading.say(
            SaidKey(id=key, venue=venue, pool="", subscriber=token, standing=Standing.ENDED, reason=_CLOSED)
        )


class _Subscriber:
    """One subscriber's keys."""

    def __init__(self, run: Run, token: str, people: People, stored: Sequence[str]) -> None:
        self.run, self.reading = run, run.reading
        self.token = token
        self.listed = people.accounts.get(token)
        self.state = people.state(token)
        self.stored = stored
        self.stays = run.stays.get(token, [])
        self.stays_of: dict[str, list[Stay]] = {}  # by KeyID
        self.venue: str | None = None  # where the subscriber turns out to be

    @property
    def concerns(self) -> bool:
        """Return whether there is reason to believe that a key here is the subscriber's."""
        venue = self.listed.venue if self.listed is not None else None
        return bool(self.stored or self.stays) or venue in self.run.venues

    def take(self, answer: Any) -> PlatformError | None:
        """Say the subscriber and the keys; return why they cannot be read."""
        what = f"keys of subscriber {shorten(self.token)}"
        try:
            if isinstance(answer, PlatformError):
                raise answer
            found = flatten_keys(answer, self.token, what)
        except PlatformError as error:
            self._unreadable(str(error), is_refused=isinstance(error, Refused))
            return error
        counted = count_of(answer.get("keyInventory"), "KeyCount", "TotalKeys", "totalKeys")
        if counted is not None and counted != len(found.rows):
            ids = [id_ for row in found.rows if (id_ := find_id(row, ("KeyID",))) is not None]
            self._unreadable(f"its subscriber's keys: {len(found.rows)} came of {counted}", came=ids)
        keys, bad = parse_records(KEYS, found.rows)
        for each in bad:
            id_, venue = find_id(each.raw, ("KeyID",)), find_id(each.raw, ("VenueID",)) or WHOLE
            text = each.text if id_ else f"{each.text}: {name_record(each, 'key', SHOWN)} of {shorten(self.token)}"
            self.reading.unreadable(Kind.KEY, id_, venue, text, field=each.field)
        devices = _devices(found)
        units = frozenset(key.unit for key in keys)
        wanted = [key for key in keys if self._is_wanted(key)]
        self.stays_of = {key.id: self._stays_of(key, keys, units) for key in keys}
        for key in wanted:
            self._say(key, devices.get(key.id, ()))
        self._without_key(is_sure=not bad)
        self._say_subscriber()
        return None

    def _unreadable(self, text: str, *, came: Sequence[str] = (), is_refused: bool = False) -> None:
        """Leave the keys that did not come as they are stored. Where these are not known, any might be of it."""
        known = self.run.known
        venues = {stay.venue for stay in self.stays}
        if self.listed is not None and self.listed.venue is not None:
            venues.add(self.listed.venue)
        lacking = [key for key in self.stored if key not in came]
        for key in lacking:
            unit = self.run.units.get(known.units_of_keys.get(key, ""))
            venue = unit.venue if unit is not None else next(iter(venues)) if len(venues) == 1 else WHOLE
            self.reading.unreadable(Kind.KEY, key, venue, text)
        if lacking:
            return
        has_nothing = not self.stored and not venues and is_refused  # such as an account of staff
        if known.keys and not known.subscribers_of_keys:
            venues = {WHOLE}
        elif has_nothing or (venues and venues.isdisjoint(self.run.venues)):  # none that is read
            self.reading.note(WHOLE, text, kind=Kind.SUBSCRIBER, id_=self.token)
            return
        for venue in sorted(venues.intersection((WHOLE, *self.run.venues)) or {WHOLE}):
            self.reading.unreadable(Kind.SUBSCRIBER, self.token, venue, text)

    # Which keys.

    def _venue_of(self, key: Key) -> str | None:
        """Return the venue of a key: its own, or of its unit, subscriptions, subscriber, keypool, or as stored."""
        if key.venue is not None:
            return key.venue
        if key.unit is not None and (unit := self.run.units.get(key.unit)) is not None:
            return unit.venue
        venues = {stay.venue for stay in self.stays if key.unit is None or stay.unit == key.unit}
        if len(venues) == 1:
            return venues.pop()
        if self.listed is not None and self.listed.venue is not None:
            return self.listed.venue
        pool = self.run.pools.get(key.pool)
        if pool is not None and len(pool.venues) == 1:
            return pool.venues[0]
        known = self.run.units.get(self.run.known.units_of_keys.get(key.id, ""))
        return None if known is None else known.venue

    def _is_wanted(self, key: Key) -> bool:
        """Return whether a key is of a venue that is read, and of a keypool that is searched."""
        venue = self._venue_of(key)
        if venue is not None and venue not in self.run.venues:
            return False
        why = self.run.not_searched.get(key.pool)
        if why is None and key.pool not in self.run.pools:
            why = why_not_searched(key.mechanism)
        if why is not None and key.id not in self.run.known.keys:
            return False  # a stored one goes on as the platform says
        if venue is None:
            self.reading.hold_back(Kind.KEY, key.id, WHOLE, "at which venue it is is not told")
        return venue is not None

    def _stays_of(self, key: Key, keys: Sequence[Key], units: frozenset[str | None]) -> list[Stay]:
        """Return the stays that a key is for: of several keys in one unit, those during which it runs."""
        venue = self._venue_of(key) or ""
        found = of_key(self.stays, key.unit, venue or None, units)
        if len(found) < 2 or sum(each.unit == key.unit for each in keys) < 2:
            return found
        try:
            starts, ends = self.run.window(key.starts, key.ends, venue)
        except InvalidValue:
            return found  # it is told of where the key is said
        return [stay for stay in found if stay.meets(starts, ends)] or found

    # One key.

    def _say(self, key: Key, devices: Sequence[KeyDevice]) -> None:
        id_, venue = key.id, self._venue_of(key) or ""
        stays = self.stays_of[key.id]
        stay = choose(stays, self.run.now) if stays else None
        own = read_status(key.status)
        if own is not None:
            note_word(self.run, own, venue, Kind.KEY, id_)
        state = weigh((self.state, None if stay is None else stay.state, own))
        try:
            passphrase = self._passphrase(key, venue)
            starts, ends = self._window(key, stay, venue, is_over=state.standing is Standing.ENDED)
        except InvalidValue as error:
            self.reading.hold_back(Kind.KEY, id_, venue, str(error))
            return
        self.venue = self.venue or venue
        is_over = ends is not None and ends <= self.run.now
        unit = key.unit or (None if stay is None else stay.unit)
        vlan, is_in_units_vlan = self._vlan(key, unit or self.run.known.units_of_keys.get(id_), venue)
        self.reading.say(
            SaidKey(
                id=id_,
                venue=venue,
                pool=key.pool,
                unit=unit,
                subscriber=self.token,
                plan=self._plan(key, stay, venue, id_),
                passphrase=passphrase,
                vlan=vlan,
                is_in_units_vlan=is_in_units_vlan,
                starts=starts,
                ends=ends,
                standing=state.standing,
                reason=state.reason,
                tag=key.tag[:MOST_TAG].rstrip() if key.tag else None,
                external_id=None if stay is None else _external(stay.external_id),
                devices=tuple(self._macs(key.pool, devices, id_, venue)) if state == ACTIVE and not is_over else (),
            )
        )

    def _passphrase(self, key: Key, venue: str) -> bytes | None:
        """Return the PSK; None where there is none and none is needed. InvalidValue where the key cannot be without."""
        is_known = key.id in self.run.known.keys
        try:
            passphrase = parse_passphrase(key.passphrase)
        except InvalidValue as error:
            if not is_known:
                raise
            self._note(f"{error}: the stored one stays", venue, key.id, "PSK")
            return None
        if passphrase is None and not is_known and not self.run.settings.write_back:
            raise InvalidValue("its PSK is not told, and write_back is off")
        return passphrase

    def _window(
        self, key: Key, stay: Stay | None, venue: str, *, is_over: bool
    ) -> tuple[datetime | None, datetime | None]:
        """Return a key's window: its subscription's, else its own. InvalidValue where neither is known of a new key.

        A stored one stays as it is where the subscriptions were not all read, or none of them tells an end.
        """
        is_known, is_unsure = key.id in self.run.known.keys, self._is_unsure(venue)
        starts, ends = self.run.window(key.starts, key.ends, venue)
        if stay is not None and not (is_unsure and is_known):
            return stay.starts, stay.ends
        if ends is not None and not is_unsure:
            return starts, ends
        if is_known or is_over:
            return None, self.run.known.ends_of_keys.get(key.id)
        raise InvalidValue("it has no subscription and no end of its own, so that its window is not known")

    def _is_unsure(self, venue: str) -> bool:
        return venue in self.run.unsure_windows or self.token in self.run.unsure_people

    def _plan(self, key: Key | None, stay: Stay | None, venue: str, id_: str) -> str | None:
        """Return the plan, of which the subscription tells; one that is not listed says nothing."""
        plan = (stay.plan if stay is not None else None) or (key.plan if key is not None else None)
        if plan is None or self.reading.saw(Kind.PLAN, plan):
            return plan
        if self.run.has_plans:
            text = f"plan {shorten(plan)} is not among the plans: the key goes without"
            self.reading.note(venue, text, kind=Kind.KEY, id_=id_, field="ServicePlanID")
        return None

    def _vlan(self, key: Key, unit_id: str | None, venue: str) -> tuple[int | None, bool]:
        """Return a VLAN of the key's own, and whether it has its unit's, which counts where there is one.

        Neither is said of a key in a unit that was not read: its own VLAN would stay with it when it moves.
        """
        own = key.vlan
        if own is not None and not 1 <= own <= MAX_VLAN:
            self._note(f"{own} is not a VLAN of 1 to {MAX_VLAN}", venue, key.id, "vlan")
            own = None
        if unit_id is None:
            return own, False
        unit = self.run.units.get(unit_id)
        if unit is None or not unit.is_sure:
            return None, False
        if unit.vlan is None:
            return own, False
        if own not in (None, unit.vlan, unit.vlan + self.run.offsets.get(venue, 0)):
            self._note(f"its VLAN is {own}, and its unit's {unit.vlan}: the unit's counts", venue, key.id, "vlan")
        return None, True

    def _macs(self, pool: str, devices: Sequence[KeyDevice], id_: str, venue: str) -> Iterable[SaidDevice]:
        """Yield a key's devices; of two keys on one SSID a device is with the first."""
        for device in devices:
            mac = _SEPARATORS.sub("", device.mac or "").lower()
            if _MAC.fullmatch(mac) is None:
                self._note("it is not a MAC address: the device is left out", venue, id_, "Calling-Station-Id")
            elif self.run.devices.setdefault((pool, mac), id_) == id_:
                yield SaidDevice(mac=mac, name=device.name[:MOST_TAG].rstrip() if device.name else None)

    def _note(self, text: str, venue: str, id_: str, field: str) -> None:
        self.reading.note(venue, text, kind=Kind.KEY, id_=id_, field=field)

    # Who, and who has none.

    def _without_key(self, *, is_sure: bool) -> None:
        """See to subscriptions in a unit without a key: one is made where the platform takes it back."""
        for place in dict.fromkeys((stay.venue, stay.unit) for stay in self.stays if stay.unit is not None):
            venue, unit = place
            if venue not in self.run.venues:
                continue
            stays = [stay for stay in self.stays if (stay.venue, stay.unit) == place]
            serving = [key for key, its in self.stays_of.items() if any(stay in stays for stay in its)]
            made = [n for n in (f"{WITHOUT_KEY}{each.id}" for each in stays) if n in self.run.known.keys]
            if not self.run.known.keys.isdisjoint(serving):
                continue  # one that was made here as well is not needed any more
            stay = choose(stays, self.run.now)
            state = weigh((self.state, stay.state))
            is_due = not serving and state == ACTIVE and not stay.is_over(self.run.now)
            if not is_sure:
                for name in made:
                    self.reading.unreadable(Kind.KEY, name, venue, "whether it is at the platform cannot be read")
            elif made or (is_due and self.run.settings.write_back):
                self._make(stay, state, made)
            elif is_due:
                text = f"unit {shorten(unit or '')}: there is a subscription, and no key; write_back is off"
                self.reading.note(venue, text, kind=Kind.SUBSCRIBER, id_=self.token)

    def _make(self, stay: Stay, state: State, made: Sequence[str]) -> None:
        """Say a key that has no KeyID yet: a passphrase is made for it, and written back."""
        if stay.id is None and not made:
            self.reading.note(stay.venue, "its subscription has no id", kind=Kind.SUBSCRIBER, id_=self.token)
            return
        id_ = made[0] if made else f"{WITHOUT_KEY}{stay.id}"
        pool = self._pool_at(stay.venue)
        if pool is None:
            text = "which keypool its key is for is not plain: say `ssid`"
            self.reading.hold_back(Kind.KEY, id_, stay.venue, text)
            return
        unsure = self._is_unsure(stay.venue) and bool(made)
        self.venue = self.venue or stay.venue
        self.reading.say(
            SaidKey(
                id=id_,
                venue=stay.venue,
                pool=pool,
                unit=stay.unit,
                subscriber=self.token,
                plan=self._plan(None, stay, stay.venue, id_),
                starts=None if unsure else stay.starts,
                ends=self.run.known.ends_of_keys.get(id_) if unsure else stay.ends,
                standing=state.standing,
                reason=state.reason,
                external_id=_external(stay.external_id),
            )
        )

    def _pool_at(self, venue: str) -> str | None:
        """Return the keypool of a new key at a venue: that of `ssid`, else the only one, else the first shown."""
        ssid = self.run.settings.ssid
        pools = [p for p in self.run.pools.values() if p.is_at(venue) and (ssid is None or p.ssid == ssid)]
        if len(pools) > 1:
            first = min((pool.order for pool in pools if pool.order is not None), default=None)
            pools = [pool for pool in pools if pool.order == first and first is not None]
        return pools[0].id if len(pools) == 1 else None

    def _say_subscriber(self) -> None:
        """Say the person, where one of the venues that are read is theirs."""
        listed = self.listed
        venue = listed.venue if listed is not None and listed.venue in self.run.venues else self.venue
        if listed is None or venue is None:
            return
        name = take_name(self.reading, Kind.SUBSCRIBER, self.token, venue, listed.name or self.token, field="GivenName")
        said = SaidSubscriber(id=self.token, venue=venue, name=name, external_id=_external(listed.external_id))
        self.reading.say(said)


def _devices(found: Keys) -> dict[str, list[KeyDevice]]:
    """Return the devices of each key: those that stand in it, and those beside it that name it."""
    devices: dict[str, list[KeyDevice]] = {}
    for row in found.rows:
        if isinstance(row, dict) and isinstance(id_ := row.get("KeyID"), str):
            inner = row.get("Devices")
            rows = records(inner if isinstance(inner, list | dict) else None, "Calling-Station-Id", "devices")
            devices.setdefault(id_, []).extend(_parse_devices(rows))
    for device in _parse_devices(found.devices):
        if device.key is not None:
            devices.setdefault(device.key, []).append(device)
    return devices


def _parse_devices(rows: list[Any]) -> list[KeyDevice]:
    if not rows:
        return []
    return parse_records(DEVICES, rows)[0]


def parse_passphrase(text: str | None) -> bytes | None:
    """Return a passphrase as it is used; InvalidValue, without it, for what is none. The blank is read."""
    if not text:
        return None
    try:
        return Passphrase(text.encode("ascii")).value
    except UnicodeEncodeError:
        raise InvalidValue("its PSK has a character that is not ASCII") from None


def _external(text: str | None) -> str | None:
    return text if text is not None and len(text.encode()) <= MOST_NAME else None
