"""What an update from a sheet does to the keys there are: told first, so that it can be shown before it is done.

A row is the key of its external id, else the one of its identity, in its keypool. A column that the sheet has not
leaves its field alone, and so does an empty cell of `psk`, `external_id` and `status`; any other it empties.
Devices are only added. Nobody ends by not being in the sheet.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from crypto import MacAddress

from ..errors import InvalidValue, Refusal
from ..model import KeyStatus, Passphrase, check_window
from .resolve import NewUnit, WantedKey

_EMPTIED: Final = ("vlan", "plan_id", "starts", "ends", "subscriber", "tag")  # by an empty cell
_SUBSCRIPTIONS: Final = frozenset(("unit", "plan", "starts", "ends", "subscriber"))  # and its keys'
_COLUMN: Final = {"plan_id": "plan"}  # of a field, where it is called otherwise in the sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """What an update compares of a key that is not removed."""

    id: int
    keypool_id: int
    identity: str
    passphrase: Passphrase | None = field(repr=False)  # None: it cannot be opened
    macs: frozenset[MacAddress] = frozenset()  # that are registered with it
    vlan: int | None = None
    unit: int | None = None
    plan_id: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    subscriber: str | None = None
    external_id: str | None = None
    tag: str | None = None
    status: KeyStatus | None = KeyStatus.ACTIVE  # None: it cannot be read
    removes_at: datetime | None = None  # `ends` is no later
    subscription_id: int | None = None  # whose unit, plan and window it has


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a key, as it is and as it shall be. A passphrase is compared, and not shown."""

    name: str
    before: object = field(repr=False)
    after: object = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUpdate:
    """What changes of one key."""

    key: StoredKey
    row: WantedKey
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePlan:
    """What an update would do."""

    added: tuple[WantedKey, ...]
    changed: tuple[KeyUpdate, ...]
    unchanged: int
    missing: tuple[StoredKey, ...]  # in the store and not in the sheet: left as they are
    refusals: tuple[Refusal, ...]


def plan_update(
    rows: Sequence[WantedKey],
    existing: Iterable[StoredKey],
    fields: Collection[str],
    *,
    refused: Collection[tuple[int, str]] = (),
    need_psk: bool = True,
) -> UpdatePlan:
    """Return what the rows of a sheet change among the keys of their keypools.

    existing: the keys of those keypools, removed ones aside
    fields:   the columns that the sheet has
    refused:  (keypool, identity) of rows that were refused before: their keys are not missing from the sheet
    need_psk: refuse to add a key without a passphrase
    """
    keys = _Index(existing)
    found = [keys.find(row) for row in rows]
    rows_of: dict[tuple[object, ...], list[int]] = {}
    for row, match in zip(rows, found, strict=True):
        rows_of.setdefault(_name(row, match), []).append(row.line)
    added: list[WantedKey] = []
    changed: list[KeyUpdate] = []
    refusals: list[Refusal] = []
    unchanged = 0
    for row, match in zip(rows, found, strict=True):
        lines = rows_of[_name(row, match)]
        if reason := _why_refused(row, match, lines, fields, need_psk):
            refusals.append(Refusal(row.line, reason))
        elif not match:
            added.append(row)
        elif changes := tuple(_changes(match[0], row, fields)):
            if reason := _why_unchangeable(match[0], changes):
                refusals.append(Refusal(row.line, reason))
            else:
                changed.append(KeyUpdate(key=match[0], row=row, changes=changes))
        else:
            unchanged += 1
    seen = {key.id for match in found for key in match} | keys.of_identities(refused)
    return UpdatePlan(
        added=tuple(added),
        changed=tuple(changed),
        unchanged=unchanged,
        missing=tuple(key for key in keys.all if key.id not in seen),
        refusals=tuple(refusals),
    )


class _Index:
    """The keys there are, by what a row can call them."""

    def __init__(self, existing: Iterable[StoredKey]) -> None:
        self.all = tuple(existing)
        self._by_external_id: dict[tuple[int, str], list[StoredKey]] = {}
        self._by_identity: dict[tuple[int, str], list[StoredKey]] = {}
        for key in self.all:
            self._by_identity.setdefault((key.keypool_id, key.identity), []).append(key)
            if key.external_id is not None:
                self._by_external_id.setdefault((key.keypool_id, key.external_id), []).append(key)

    def find(self, row: WantedKey) -> list[StoredKey]:
        """Return the keys that a row may mean; of one name, who has another external id is somebody else."""
        if row.external_id is not None and (found := self._by_external_id.get((row.keypool_id, row.external_id), [])):
            return found
        named = self._by_identity.get((row.keypool_id, row.identity), [])
        return named if row.external_id is None else [key for key in named if key.external_id is None]

    def of_identities(self, names: Collection[tuple[int, str]]) -> set[int]:
        return {key.id for name in names for key in self._by_identity.get(name, ())}


def _name(row: WantedKey, match: Sequence[StoredKey]) -> tuple[object, ...]:
    """Return what no two rows may have in common: the key they mean, else the name they would add."""
    if match:
        return (match[0].id,)
    return row.keypool_id, row.identity if row.external_id is None else None, row.external_id


def _why_refused(
    row: WantedKey, match: Sequence[StoredKey], lines: Sequence[int], fields: Collection[str], need_psk: bool
) -> str:
    if len(lines) > 1:
        others = ", ".join(str(line) for line in lines[:4] if line != row.line)
        return f"means the same key as line {others}: tell them apart by external_id"
    if len(match) > 1:
        ids = ", ".join(f"id:{key.id}" for key in match[:4])
        return f"{len(match)} keys have that identity, {ids}: tell them apart by external_id"
    if match and match[0].passphrase is None and row.passphrase is None:
        return f"key {match[0].id} cannot be opened: a passphrase mends it"
    if need_psk and not match and row.passphrase is None:
        where = "its cell is empty" if "psk" in fields else "there is no such column"
        return f"a key to add needs a passphrase: {where}"
    return ""


def _why_unchangeable(key: StoredKey, changes: Sequence[FieldChange]) -> str:
    after = {change.name: change.after for change in changes}
    if key.subscription_id is not None and (ours := sorted(_SUBSCRIPTIONS & after.keys())):
        return f"{', '.join(ours)}: of subscription {key.subscription_id}, which `latchkey subscriber` changes"
    starts, ends = after.get("starts", key.starts), after.get("ends", key.ends)
    if "starts" in after or "ends" in after:
        assert starts is None or isinstance(starts, datetime)  # noqa: S101 (what both are)
        assert ends is None or isinstance(ends, datetime)  # noqa: S101
        try:
            check_window(starts, ends)
        except InvalidValue as error:
            return str(error)
    return ""


def _changes(key: StoredKey, row: WantedKey, fields: Collection[str]) -> Iterable[FieldChange]:
    """Yield what differs, field by field."""
    if row.identity != key.identity:
        yield FieldChange("identity", key.identity, row.identity)
    if row.passphrase is not None and not _same(row.passphrase, key.passphrase):
        yield FieldChange("psk", key.passphrase, row.passphrase)
    if new := tuple(mac for mac in row.macs if mac not in key.macs):
        yield FieldChange("mac", None, new)
    if "unit" in fields and (isinstance(row.unit, NewUnit) or row.unit != key.unit):
        yield FieldChange("unit", key.unit, row.unit)
    for name in _EMPTIED:
        before, after = getattr(key, name), getattr(row, name)
        if before != after and _COLUMN.get(name, name) in fields:
            yield FieldChange(_COLUMN.get(name, name), before, after)
    for name in ("external_id", "status"):
        before, after = getattr(key, name), getattr(row, name)
        if after is not None and before != after:
            yield FieldChange(name, before, after)


def _same(one: Passphrase, other: Passphrase | None) -> bool:
    """Return whether two passphrases make one PMK: hex digits may be in either case."""
    if other is None or len(one.value) != 64 or len(other.value) != 64:
        return one == other
    return one.value.lower() == other.value.lower()
