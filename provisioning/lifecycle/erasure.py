"""Forgetting somebody (GDPR Article 17): every row, every word of the audit about them, and every octet of either."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..errors import InvalidValue, NotFound
from ..model import Person
from ..store import Store

EraseLog = Callable[[Person, bool], int]  # (of whom, only count) -> lines


@dataclass(frozen=True, slots=True)
class Erased:
    """What was taken away, and what could not be."""

    person: Person = field(repr=False)
    gone: dict[str, int]  # rows of each kind
    entries: int  # of the audit, that tell nothing any more
    log_lines: int
    left: tuple[str, ...]  # what still tells of them, and why


def erase(
    store: Store,
    subscriber_id: int | None,
    *,
    key_ids: Iterable[int] = (),
    reason: str | None = None,
    erase_log: EraseLog | None = None,
) -> Erased:
    """Take away all that is kept about a subscriber, or about whose keys these are; one entry stays, of ids alone.

    It cannot be undone. Afterwards `Store.rewrite` leaves no octet of it in the database's files.
    """
    with store.change("subscriber.erase", reason=reason) as change:
        change.is_erasure = True
        subscriber = None if subscriber_id is None else store.subscribers.get(subscriber_id)
        person = store.people.find(subscriber_id, key_ids)
        if subscriber is None:
            if not person.key_ids:
                raise NotFound("no such key")
            change.subject("key", person.key_ids[0], None)
        else:
            change.subject("subscriber", subscriber.id, None)
        if change.reason is not None and person.mentions().search(change.reason.encode()):
            raise InvalidValue("the reason stays in the audit: it must not name who is erased")
        entries = store.people.audit_entries(person)
        left = [f"the audit: changes made by {author!r}" for author in store.people.authored(person)]
        platforms = store.people.synchronised(person)
        ids = store.people.forget_synchronised(person)
        gone = store.people.take_away(person) | ({"platform_id": ids} if ids else {})
        left += [
            f"the platform of connector {name}: erase them there first, or the next synchronisation adds them anew"
            if comes_from_there
            else f"the controller of connector {name}: the next synchronisation takes their keys off"
            for name, comes_from_there in platforms.items()
        ]
        left += store.people.left_elsewhere(person)
        store.people.forget(entries)
        log_lines = 0 if erase_log is None else erase_log(person, store.recorder.dry_run)
        change.note |= {"keys": list(person.key_ids), "gone": gone, "entries": len(entries), "log_lines": log_lines}
    return Erased(person, gone, len(entries), log_lines, tuple(left))
