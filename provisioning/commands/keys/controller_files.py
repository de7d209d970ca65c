"""What `key export` writes for access points, controllers and other servers, and what is to be said of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from ...exports.controllers import ControllerFormat, LeftOut, LivingKey, Remark, living_keys
from ...model import Device, Key, Keypool, KeyStatus, Scope
from ...model.rules.zones import parse_zone, render_instant
from ...selectors import find_keypool, find_venue
from ...store import Store
from ...text import printable
from ..unopened import Unopened
from ..writing import tell

_NAMED: Final = 20  # keys that are left out


def keypools_at(store: Store, pool: str | None, venue: str | None) -> tuple[Keypool, ...]:
    """Return the keypools whose keys an access point takes: at a venue the global one of the SSID, too."""
    one = find_keypool(store, pool, venue)
    if venue is None:
        return (one,)
    id_ = find_venue(store, venue).id
    pools = [each for each in store.keypools.all() if each.ssid == one.ssid]
    return tuple(each for each in pools if each.scope is Scope.GLOBAL or id_ in each.venue_ids)


def opened_keys(store: Store, keypool: Keypool, unopened: Unopened) -> Iterator[Key]:
    """Yield the keys of a keypool, former passphrases too; name those that cannot be opened."""
    for each in store.keys.listed(keypool_id=keypool.id):
        if isinstance(each, Key):
            yield each
        elif each.status is not KeyStatus.REMOVED:
            unopened.report("keys", each.id)


def devices_of(store: Store, key: Key) -> tuple[Device, ...]:
    """Return the devices known with a key."""
    return tuple(store.devices.of_keys(first_key_id=key.id, last_key_id=key.id))


class ControllerFile:
    """A file of the keys that may be used now."""

    def __init__(self, store: Store, form: ControllerFormat, now: datetime) -> None:
        self._store = store
        self._form = form
        self._now = now
        self.unopened = Unopened()
        self.left_out = 0
        self._remarks: list[str] = []
        self._ending = 0
        self._first_end: datetime | None = None

    def lines(self, pools: Sequence[Keypool]) -> Iterator[str]:
        """Yield the lines; name the keys that are left out."""
        for each in self._form.render(self._living(pools)):
            if isinstance(each, LeftOut):
                self._report(each)
            elif isinstance(each, Remark):
                self._remarks.append(each.text)
            else:
                yield each

    def _living(self, pools: Sequence[Keypool]) -> Iterator[LivingKey]:
        for pool in pools:
            keys = opened_keys(self._store, pool, self.unopened)
            for each in living_keys(((key, devices_of(self._store, key)) for key in keys), self._now):
                if isinstance(each, LeftOut):
                    self._report(each)
                    continue
                if each.ends is not None:
                    self._ending += 1
                    self._first_end = min(each.ends, self._first_end or each.ends)
                yield each

    def _report(self, key: LeftOut) -> None:
        self.left_out += 1
        if self.left_out <= _NAMED:
            tell(f"left out: key {key.id} ({printable(key.identity)}): {key.reason}")
        elif self.left_out == _NAMED + 1:
            tell("more keys are left out, which are not named here")

    def tell_about(self) -> None:
        """Say what whoever uses the file should know."""
        for text in dict.fromkeys(self._remarks):
            tell(text)
        if self._first_end is not None:
            zone = parse_zone(self._store.venues.operator().time_zone)
            what = "key ends" if self._ending == 1 else "keys end, the first"
            tell(f"{self._ending:,} {what} {render_instant(self._first_end, zone)}: write the file anew by then")
