"""What an import still has to do: keys to add, by keypool, and keys to change, each with the line it came from."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from crypto import MacAddress

from ...errors import Duplicate, Refusal
from ...keys import Derive, Progress
from ...model import KeyDraft, KeyOrigin, Keypool, KeyStatus
from ...model.key import NO_ORIGIN
from ...sheets import DpskRows, KeyUpdate, NewUnit, WantedKey


@dataclass(slots=True)
class Additions:
    """Keys to add to one keypool. Compact: there may be a million of them."""

    drafts: list[KeyDraft] = field(default_factory=list)
    lines: "array[int]" = field(default_factory=lambda: array("Q"))
    units: dict[int, NewUnit] = field(default_factory=dict)  # by line: of those whose unit is not there yet
    pmks: NDArray[np.uint8] | None = field(default=None, repr=False)

    def add(self, line: int, draft: KeyDraft, unit: NewUnit | None = None) -> None:
        self.drafts.append(draft)
        self.lines.append(line)
        if unit is not None:
            self.units[line] = unit

    @property
    def required_pmks(self) -> NDArray[np.uint8]:
        """Return the PMKs, uint8, shape (n, 32), of `Work.derive`."""
        assert self.pmks is not None  # noqa: S101 (derived before anything is written)
        return self.pmks

    def with_units(self, made: Mapping[NewUnit, int]) -> Sequence[KeyDraft]:
        """Return the drafts, each with the id of its unit."""
        if not self.units:
            return self.drafts
        return [
            replace(draft, unit_id=made[self.units[line]]) if line in self.units else draft
            for line, draft in zip(self.lines, self.drafts, strict=True)
        ]

    def leave_out(self, lines: Iterable[int]) -> None:
        """Forget about these lines."""
        left_out = set(lines)
        kept = [position for position, line in enumerate(self.lines) if line not in left_out]
        self.drafts = [self.drafts[position] for position in kept]
        self.lines = array("Q", [self.lines[position] for position in kept])
        self.units = {line: unit for line, unit in self.units.items() if line not in left_out}
        if self.pmks is not None:
            self.pmks = self.pmks[kept]

    def refuse(self, duplicates: Iterable[Duplicate]) -> list[Refusal]:
        """Return why these are refused, by line."""
        return [
            Refusal(
                self.lines[duplicate.position],
                "passphrase already in use on this SSID"
                if duplicate.earlier is None
                else f"same passphrase as line {self.lines[duplicate.earlier]}",
            )
            for duplicate in duplicates
        ]


@dataclass(slots=True)
class Work:
    """What is to be done, all in one change."""

    additions: dict[int, Additions] = field(default_factory=dict)  # by keypool
    updates: list[KeyUpdate] = field(default_factory=list)
    pmks: dict[int, bytes] = field(default_factory=dict, repr=False)  # by line: of updates with another passphrase

    @property
    def added(self) -> int:
        return sum(len(each.drafts) for each in self.additions.values())

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left to do."""
        return not self.updates and not self.added

    def add_rows(self, rows: Iterable[WantedKey]) -> None:
        for row in rows:
            unit = row.unit if isinstance(row.unit, NewUnit) else None
            self.additions.setdefault(row.keypool_id, Additions()).add(row.line, draft_of(row), unit)

    def new_units(self) -> dict[NewUnit, list[int]]:
        """Return the units to make, in the order in which they are named, and the lines that name each."""
        named = [(line, unit) for each in self.additions.values() for line, unit in each.units.items()]
        named += [(each.row.line, each.row.unit) for each in self.updates if isinstance(each.row.unit, NewUnit)]
        units: dict[NewUnit, list[int]] = {}
        for line, unit in sorted(named, key=itemgetter(0)):
            units.setdefault(unit, []).append(line)
        return units

    def tags(self) -> list[tuple[int, str, str, int]]:
        """Return line, subscriber, tag and key (0: a new one) of each key that gets a tag, or with it a subscriber."""
        found = [
            (line, draft.subscriber, draft.origin.tag, 0)
            for each in self.additions.values()
            for line, draft in zip(each.lines, each.drafts, strict=True)
            if draft.origin.tag is not None and draft.subscriber is not None
        ]
        for update in self.updates:
            after = {change.name: change.after for change in update.changes}
            name, tag = after.get("subscriber", update.key.subscriber), after.get("tag", update.key.tag)
            if not after.keys().isdisjoint(("subscriber", "tag")) and isinstance(name, str) and isinstance(tag, str):
                found.append((update.row.line, name, tag, update.key.id))
        return sorted(found)

    def leave_out(self, lines: Iterable[int]) -> None:
        left_out = set(lines)
        for each in self.additions.values():
            each.leave_out(left_out)
        self.additions = {pool: each for pool, each in self.additions.items() if each.drafts}
        self.updates = [each for each in self.updates if each.row.line not in left_out]

    def derive(self, keypools: Mapping[int, Keypool], derive: Derive, progress: Progress | None) -> None:
        """Derive the PMK of each passphrase, a keypool at a time, since it depends on the SSID."""
        changed: dict[int, list[WantedKey]] = {}
        for each in self.updates:
            if any(change.name == "psk" for change in each.changes):
                changed.setdefault(each.row.keypool_id, []).append(each.row)
        for pool_id in sorted({*self.additions, *changed}):
            additions, rows = self.additions.get(pool_id, Additions()), changed.get(pool_id, [])
            passphrases = [draft.passphrase.value for draft in additions.drafts]
            passphrases += [row.passphrase.value for row in rows if row.passphrase is not None]
            pmks = derive(passphrases, keypools[pool_id].ssid, progress)
            count = len(additions.drafts)
            additions.pmks = pmks[:count]
            self.pmks |= {row.line: pmk.tobytes() for row, pmk in zip(rows, pmks[count:], strict=True)}


def draft_of(row: WantedKey) -> KeyDraft:
    """Return the key that a row adds, which must have a passphrase; its unit is left out where it is to be made."""
    assert row.passphrase is not None  # noqa: S101 (rows without one are refused, or get one)
    origin = NO_ORIGIN
    if row.tag is not None or row.external_id is not None or row.status is KeyStatus.SUSPENDED:
        origin = KeyOrigin(tag=row.tag, external_id=row.external_id, status=row.status or KeyStatus.ACTIVE)
    return KeyDraft(
        identity=row.identity,
        passphrase=row.passphrase,
        unit_id=row.unit if isinstance(row.unit, int) else None,
        subscriber=row.subscriber,
        plan_id=row.plan_id,
        vlan=row.vlan,
        starts=row.starts,
        ends=row.ends,
        devices=row.macs,
        origin=origin,
    )


def read_dpsk(rows: DpskRows, refusals: list[Refusal]) -> Additions:
    """Return the keys of a file of rlm_dpsk, and add to `refusals` what is wrong with the others."""
    additions = Additions()
    passphrases: dict[bytes, int] = {}
    macs: dict[bytes, int] = {}
    for row in rows:
        if isinstance(row, Refusal):
            refusals.append(row)
            continue
        line, draft = row
        if reason := _repeated(line, draft, passphrases, macs):
            refusals.append(Refusal(line, reason))
        else:
            additions.add(line, draft)
    return additions


def _repeated(line: int, draft: KeyDraft, passphrases: dict[bytes, int], macs: dict[bytes, int]) -> str:
    """Return what of a key an earlier line has; note that this line has the rest."""
    value = draft.passphrase.value
    if len(value) == 64:
        value = value.lower()  # hex digits: two spellings of one PMK
    if (earlier := passphrases.setdefault(value, line)) != line:
        return f"same passphrase as line {earlier}"
    mac: MacAddress
    for mac in draft.devices:
        if (earlier := macs.setdefault(mac.value, line)) != line:
            return f"same MAC address as line {earlier}"
    return ""
