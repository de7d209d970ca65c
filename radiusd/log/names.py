"""What people call things, and what the log calls them. The database knows; a log can be read without it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from provisioning import (
    Ambiguous,
    KeyLabel,
    NotFound,
    Store,
    find_key,
    find_keypool,
    find_nas,
    find_unit,
    find_venue,
    keys_of,
)

from .reader import Whose


def keys_called(store: Store, identity: str) -> Whose:
    """Return the lines of all keys of an identity, else of the subscriber of that name; neither need be there."""
    return _whose(store, store.keys.labels(identity=identity) or keys_of(store, identity), identity)


def key_called(store: Store, text: str) -> Whose:
    """Return the lines of one key, named by id, `id:N` or identity; NotFound or Ambiguous where that is not one."""
    return _whose(store, [find_key(store, text)])


def unit_called(store: Store, text: str, venue: str | None) -> Whose:
    """Return the lines of a unit's keys; NotFound where there is no such unit there, or it has no key."""
    unit = find_unit(store, text, () if venue is None else (find_venue(store, venue).id,))
    whose = _whose(store, store.keys.labels(unit_id=unit.id))
    if not whose.key_ids:
        raise NotFound(f"unit {text!r} has no key")
    return whose


def guess_key(text: str) -> Whose:
    """Return the lines of a key as far as its name tells, where no database can be asked."""
    by_id = text.removeprefix("id:")
    return Whose(key_ids=frozenset({by_id})) if by_id.isdigit() else Whose(identity=text)


def check_names(store: Store, *, venue: str | None, ssid: str | None, nas: str | None, who: str | None) -> None:
    """Raise NotFound, with what may be meant, where one of these names is nobody's."""
    if venue is not None:
        find_venue(store, venue)
    with _several_are_fine():
        if ssid is not None:
            find_keypool(store, ssid)
    with _several_are_fine():
        if nas is not None and (name := find_nas(store, nas).name) != nas:
            raise NotFound(f"the log names NAS {nas} {name!r}: say --nas {name!r}")
    with _several_are_fine():
        if who is not None:
            find_key(store, who)


@contextmanager
def _several_are_fine() -> Iterator[None]:
    with suppress(Ambiguous):
        yield


def _whose(store: Store, keys: Iterable[KeyLabel], identity: str | None = None) -> Whose:
    own = [key.id for key in keys]
    # A former passphrase has an id of its own, under which the log has who came with it.
    ids = {*own, *(former.id for id_ in own for former in store.key_records.graces_of(id_))}
    devices = (str(device.mac) for id_ in ids for device in store.devices.of_keys(first_key_id=id_, last_key_id=id_))
    return Whose(identity=identity, key_ids=frozenset(map(str, ids)), devices=frozenset(devices))
