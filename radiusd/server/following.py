"""Keeps what a server knows as the store has it, and the store's devices as the server has learned them.

# Rule: three connections to one file, each in its own thread: one is followed, one is written to, one is read by the
# thread that answers. When another file takes its place all are closed before one is opened anew: two files with one
# log between them would be mixed (sqlite.org/howtocorrupt.html, section 1.4).
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from provisioning import Device, Key, ProvisioningError, Store, StoreReplaced

from ..log.handler import render_failure
from ..state.damage import read_key
from ..state.follower import Follower
from ..state.index import Index
from .store_thread import StoreThread

log = logging.getLogger("radiusd")

_AGAIN_S: Final = 60.0  # between two lines about one trouble that lasts
_ERASE_S: Final = 3600.0
TIDY_S: Final = 2.0  # between two calls of `tidy`


class Trouble:
    """Something that fails again and again, said once a minute."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said: float | None = None

    def met(self, error: Exception, text: str, *args: object) -> None:
        """Log that it failed; of an error that is ours, no text that may hold a secret."""
        now = self._monotonic()
        if self._said is not None and now - self._said < _AGAIN_S:
            return
        self._said = now
        if isinstance(error, ProvisioningError):
            log.warning(f"{text}, will try again: %s", *args, error)
        else:
            log.error(f"{text}, will try again: %s", *args, render_failure(error))

    def over(self, text: str) -> None:
        """Log that it goes on, if it had failed."""
        if self._said is not None:
            self._said = None
            log.info("%s", text)


class Following:
    """What passes between the index and the store. Belongs to the thread that answers requests."""

    def __init__(
        self,
        index: Index,
        follower: Follower,
        reader: Store,
        followed: StoreThread,
        saved: StoreThread,
        *,
        device_days: int = 400,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read keys from `reader`, in this thread; follow and save through the stores of the two others."""
        self._index = index
        self._follower = follower
        self._reader = reader
        self._followed = followed
        self._saved = saved
        self._replaced = False  # the store is open, but its file is no longer the database
        self._closed = False  # and the other one is being read
        self._blind = Trouble()
        self._unsaved = Trouble()
        self._untidy = Trouble()
        self._monotonic = monotonic
        self._erase_at = monotonic()
        self._device_age = timedelta(days=device_days)
        self._log_state: tuple[int, int] | None = None
        index.read_from(self._read_key)

    def measure(self) -> dict[str, int]:
        """Return the gauges about the store."""
        return {"store_age_seconds": int(self._follower.age_s), "store_damaged_rows": len(self._follower.damage)}

    async def follow(self) -> None:
        """Apply what was committed since; after a failure all stays as it was, and the next call tries again."""
        try:
            if not self._replaced:
                try:
                    await self._catch_up()
                except StoreReplaced as error:
                    log.warning("%s: reading it anew", error)
                    self._replaced = True
                    await self._followed.call(self._follower.retire)
            if self._replaced:
                await self._start_over()
        except Exception as error:
            self._blind.met(error, "cannot follow the store, last read %d s ago", self._follower.age_s)
        else:
            self._blind.over("the store is followed again")

    async def _catch_up(self) -> None:
        update = await self._followed.call(self._follower.refresh, _now())
        while update is not None:
            self._index.apply(update)
            update = await self._followed.call(self._follower.refresh, _now()) if self._follower.behind else None

    async def _start_over(self) -> None:
        """Go over to the file that lies at the path now; until all of it is read, answer with what is in memory."""
        await self._followed.call(self._followed.store.check_replacement)
        if not self._closed:
            self._closed = True
            self._reader.disconnect()
            await self._saved.call(self._saved.store.disconnect)
            await self._followed.call(self._followed.store.disconnect)
        await self._followed.call(self._followed.store.reopen)
        update = await self._followed.call(self._follower.load, _now())
        await self._saved.call(self._saved.store.reopen)
        self._reader.reopen()
        self._index.devices.saved(self._index.devices.unsaved())  # with keys of the former database
        self._index.sightings.saved(self._index.sightings.unsaved())
        self._index.apply(update)
        self._replaced = self._closed = False
        log.warning("the database %s was read anew", self._reader.path)

    def _read_key(self, key_id: int) -> Key | None:
        """Return all about a key, None where it is gone or cannot be opened.

        Raises ProvisioningError where that is unknown: the request goes without an answer, and is sent again.
        """
        if self._closed:  # ids in memory are the former database's
            raise StoreReplaced("the database is being read anew")
        return read_key(self._reader, self._follower.damage, key_id)

    async def save(self) -> None:
        """Store what devices have shown, and that they were seen lately."""
        sightings = self._index.sightings
        sightings.turn(_now())
        devices, seen = self._index.devices.unsaved(), sightings.unsaved()
        if not (devices or seen) or self._replaced:
            return
        try:
            await self._saved.call(self._remember, devices, seen)
        except StoreReplaced:
            return  # which `follow` says
        except Exception as error:
            self._unsaved.met(error, "cannot save %d devices", len(devices))
        else:
            self._unsaved.over("devices are saved again")
            self._index.devices.saved(devices)
            sightings.saved(seen)

    async def tidy(self) -> None:
        """Empty the write-ahead log once nothing is added to it, so that a copy of the file alone is whole.

        To be called every few seconds. Removes and erases what is due, too, once an hour.
        """
        if self._replaced:
            return
        log_state, self._log_state = self._log_state, self._reader.log_state()
        try:
            if self._monotonic() >= self._erase_at:
                self._erase_at = self._monotonic() + _ERASE_S
                await self._saved.call(self._saved.store.keys.settle, _now())
                erased = await self._saved.call(self._saved.store.keys.erase, _now() - self._follower.lapsed)
                await self._saved.call(self._saved.store.forget_images, _now() - self._follower.lapsed)
                if erased:
                    log.info("erased the passphrases of %d keys that were removed long ago", erased)
                aged = await self._saved.call(self._saved.store.devices.age, _now() - self._device_age)
                if aged:
                    log.info("forgot %d devices that were not seen for %d days", aged, self._device_age.days)
            if log_state is not None and log_state == self._log_state:
                await self._saved.call(self._saved.store.fold)
        except Exception as error:
            self._untidy.met(error, "cannot tidy the store")
        else:
            self._untidy.over("the store is tidied again")

    def _remember(self, devices: Sequence[Device], seen: Sequence[tuple[bytes, int]]) -> None:
        self._saved.store.check_place()
        self._saved.store.devices.remember(devices, _now())
        self._saved.store.devices.see(seen, _now())


def _now() -> datetime:
    return datetime.now(UTC)
