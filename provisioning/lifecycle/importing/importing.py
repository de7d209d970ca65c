"""Keys from a sheet into the store: all of it is one change, or none.

What takes long is done before the change: reading, deriving PMKs, sealing. What is found only within it, such as a
passphrase that is in use by now, is told of by line, and when told to keep going the rest is tried again.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ...errors import AlreadyExists, DuplicateKey, FileRefused, ImportRefused, InvalidValue, NotFound, Refusal
from ...keys import Derive, Progress, derive_pmks
from ...model.rules.passphrases import generate_passphrase
from ...selectors import find_keypool
from ...sheets import (
    DpskRows,
    NewUnit,
    Places,
    SheetOptions,
    SheetReader,
    UpdatePlan,
    WantedKey,
    is_dpsk,
    plan_update,
    resolve_rows,
)
from ...store import Store
from ..units import AUTOMATIC, add_unit
from .context import places_of, stored_keys
from .report import SHOWN, Imported, Preview, PreviewRow, Teller, preview_draft
from .updates import Updater
from .work import Additions, Work, read_dpsk


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What to do with a sheet."""

    sheet: SheetOptions = field(default_factory=SheetOptions)
    pool: str | None = None  # meant by a row that names none, by SSID or id
    venue: str | None = None  # the same
    update: bool = False  # change the keys there are
    create_units: bool = False  # make units that are not there
    auto_vlans: bool = False  # each of them with the first VLAN that is free
    generate: bool = False  # make a passphrase for each new key that has none
    keep_going: bool = False  # leave out what is refused
    dry_run: bool = False  # check everything, and change nothing
    reason: str | None = None  # for the audit


class _Refused(Exception):  # noqa: N818 (takes refusals out of a change that is rolled back)
    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)


def import_keys(
    store: Store,
    file: BinaryIO,
    options: ImportOptions,
    *,
    name: str,
    now: datetime,
    progress: Progress | None = None,
    derive: Derive = derive_pmks,
    show: Callable[[Preview], object] = lambda _: None,
) -> Imported:
    """Add the keys of a file, called `name` in errors, and with `update` change those there are.

    show: told what is to be done, before it takes long

    Raises ImportRefused, with every refused line, when not told to keep going; FileRefused where it is no such file.
    """
    return _Import(store, options, name, now, progress, derive).run(file, show)


class _Import:
    """One import."""

    def __init__(
        self,
        store: Store,
        options: ImportOptions,
        name: str,
        now: datetime,
        progress: Progress | None,
        derive: Derive,
    ) -> None:
        self._store = store
        self._options = options
        self._name = name
        self._now = now
        self._progress = progress
        self._derive = derive
        self._work = Work()
        self._refusals: list[Refusal] = []
        self._notes: list[str] = []
        self._plan = UpdatePlan(added=(), changed=(), unchanged=0, missing=(), refusals=())
        self._places: Places | None = None  # of a sheet
        self._teller: Teller | None = None  # the same
        self._first: tuple[PreviewRow, ...] = ()

    def run(self, file: BinaryIO, show: Callable[[Preview], object]) -> Imported:
        try:
            reader = SheetReader(file, self._options.sheet, progress=_reading(file, self._progress))
            compact = is_dpsk(reader.columns) and not self._options.update and not self._options.generate
            if compact:
                self._read_dpsk(reader)
            else:
                self._read_sheet(reader)
        except FileRefused as error:
            raise FileRefused(f"{self._name}: {error}; nothing imported") from None
        if self._work.is_done and not self._plan.unchanged and not self._refusals:
            raise InvalidValue(f"{self._name} has no keys")
        if self._progress is not None:
            self._progress("reading", 1, 1)
        self._stop_if_refused()
        work = self._work
        show(
            Preview(
                rows=self._first,
                added=work.added,
                changed=len(work.updates),
                is_dpsk=compact,
                notes=tuple(self._notes),
            )
        )
        work.derive({pool.id: pool for pool in self._store.keypools.all()}, self._derive, self._progress)
        ids, units = self._write_all()
        return Imported(
            count=work.added,
            ids=ids,
            changed=() if self._teller is None else tuple(map(self._teller.changed, work.updates)),
            unchanged=self._plan.unchanged,
            missing=self._plan.missing,
            units=units,
            refusals=tuple(sorted(self._refusals, key=lambda refusal: refusal.line)),
            notes=tuple(self._notes),
        )

    def _stop_if_refused(self) -> None:
        if self._refusals and not self._options.keep_going:
            self._refusals.sort(key=lambda refusal: refusal.line)
            raise ImportRefused(self._name, self._refusals)

    # Reading.

    def _read_dpsk(self, reader: SheetReader) -> None:
        keypool = find_keypool(self._store, self._options.pool, self._options.venue)
        additions = read_dpsk(DpskRows(reader, formulas=self._options.sheet.formulas), self._refusals)
        if additions.drafts:
            self._work.additions[keypool.id] = additions
        self._notes += reader.notes()
        pairs = zip(additions.lines[:SHOWN], additions.drafts[:SHOWN], strict=True)
        self._first = tuple(preview_draft(line, draft) for line, draft in pairs)

    def _read_sheet(self, reader: SheetReader) -> None:
        options = self._options
        sheet = reader.read()
        self._notes += sheet.notes
        named = not sheet.fields.isdisjoint(("pool", "venue"))
        self._places = places = places_of(self._store, options.pool, options.venue, named=named)
        resolved = resolve_rows(sheet.rows, places, create_units=options.create_units)
        self._refusals += [*sheet.refusals, *resolved.refusals]
        if options.update:
            self._plan = self._plan_update(resolved.rows, sheet.fields, {row.line: row.identity for row in sheet.rows})
            self._refusals += self._plan.refusals
        else:
            self._plan = replace(self._plan, added=resolved.rows)
            self._note_known(resolved.rows)
        self._work.updates = list(self._plan.changed)
        self._work.add_rows(map(_with_passphrase, self._plan.added))
        taken = self._refuse_external_ids()
        self._refusals += taken
        self._work.leave_out([refusal.line for refusal in taken])
        self._teller = Teller(places)
        self._first = tuple(self._preview(row, self._teller) for row in resolved.rows[:SHOWN])

    def _plan_update(
        self, rows: Sequence[WantedKey], fields: frozenset[str], identities: Mapping[int, str]
    ) -> UpdatePlan:
        """Return what an update does to the keys of the keypools that the sheet is about."""
        pools = {row.keypool_id for row in rows}
        if self._places is not None and self._places.keypool_id is not None:
            pools.add(self._places.keypool_id)
        refused = {(pool, identities.get(each.line, "")) for pool in pools for each in self._refusals}
        return plan_update(
            rows, stored_keys(self._store, pools), fields, refused=refused, need_psk=not self._options.generate
        )

    def _note_known(self, rows: Sequence[WantedKey]) -> None:
        """Say how many new keys have the identity of one that is there: nobody can tell the two apart by name."""
        names: dict[int, list[str]] = {}
        for row in rows:
            names.setdefault(row.keypool_id, []).append(row.identity)
        known = {pool: self._store.keys.identities_among(pool, each) for pool, each in names.items()}
        count = sum(identity in known[pool] for pool, each in names.items() for identity in each)
        if count:
            what = "1 row has the identity of a key" if count == 1 else f"{count:,} rows have the identities of keys"
            self._notes.append(f"{what} already there: --update changes the key instead of adding another")

    def _refuse_external_ids(self) -> list[Refusal]:
        """Refuse rows whose external id another key has: by it keys are told apart, in all keypools."""
        wanted = [(row.line, row.external_id, 0) for row in self._plan.added if row.external_id is not None]
        wanted += [
            (each.row.line, each.row.external_id, each.key.id)
            for each in self._plan.changed
            if each.row.external_id is not None
        ]
        known = self._store.keys.external_ids() if wanted else {}
        lines: dict[str, int] = {}
        refusals = []
        for line, external_id, key_id in sorted(wanted):
            other = known.get(external_id)
            if other not in (None, key_id):
                refusals.append(Refusal(line, f"external_id: key {other} has it"))
            elif lines.setdefault(external_id, line) != line:
                refusals.append(Refusal(line, f"external_id: line {lines[external_id]} has it"))
        return refusals

    # Writing.

    def _write_all(self) -> tuple[tuple[range, ...], int]:
        """Do the work, without what is refused meanwhile; return the ids of new keys, and how many units were made."""
        while not self._work.is_done:
            try:
                return self._write()
            except _Refused as refused:
                self._refusals += refused.refusals
                self._work.leave_out([refusal.line for refusal in refused.refusals])
                try:
                    self._stop_if_refused()
                except ImportRefused as error:
                    raise error from refused
        return (), 0

    def _write(self) -> tuple[tuple[range, ...], int]:
        store, work, options = self._store, self._work, self._options
        new = {}
        if not options.dry_run:
            for pool_id, each in work.additions.items():
                new[pool_id] = store.keys.prepare(each.drafts, each.required_pmks, self._progress)
        units = work.new_units()
        if options.dry_run and not (units or work.updates or work.tags()):
            for pool_id, additions in work.additions.items():
                with _refusing(additions):
                    store.keys.check(pool_id, additions.drafts, additions.required_pmks)
            return (), 0
        lines = {each.key.id: each.row.line for each in work.updates}
        try:
            with self._dry(), store.change("key.import", reason=options.reason) as change:
                change.note["file"] = Path(self._name).name
                pool = store.keypools.get(min({*work.additions, *(each.key.keypool_id for each in work.updates)}))
                change.subject("pool", pool.id, str(pool.ssid))
                self._refuse_tags()
                made = self._make_units(units)
                self._update(made)
                for pool_id, additions in work.additions.items():
                    drafts = additions.with_units(made)
                    with _refusing(additions):
                        if options.dry_run:
                            store.keys.check(pool_id, drafts, additions.required_pmks)
                        else:
                            store.keys.insert(pool_id, drafts, new[pool_id], self._progress)
        except DuplicateKey as error:
            met = sorted(lines[key_id] for key_id in error.key_ids if key_id in lines)
            if not met:
                raise
            raise _Refused(Refusal(line, "passphrase already in use on this SSID") for line in met) from error
        return tuple(each.ids for each in new.values()), len(units)

    @contextmanager
    def _dry(self) -> Iterator[None]:
        recorder = self._store.recorder
        before, recorder.dry_run = recorder.dry_run, self._options.dry_run
        try:
            yield
        finally:
            recorder.dry_run = before

    def _make_units(self, units: Mapping[NewUnit, Sequence[int]]) -> dict[NewUnit, int]:
        """Make units, and return their ids; refuse the rows of one that cannot be made."""
        made: dict[NewUnit, int] = {}
        refusals: list[Refusal] = []
        vlan = AUTOMATIC if self._options.auto_vlans else None
        venues = {venue.id: venue for venue in self._store.venues.all(lambda *_: None)}
        for unit, lines in units.items():
            try:
                place = venues[unit.venue_id]
                found = add_unit(self._store, place, unit.name, vlan=vlan, building=unit.building, floor=unit.floor)
            except (AlreadyExists, InvalidValue, NotFound):
                # Without what it says: the name is a cell, and where columns were swapped a passphrase.
                why = "unit: none can be made so: the venue is full, or the name is one's already but for its signs"
                if vlan is not None:
                    why += ", or no VLAN is free"
                refusals += [Refusal(line, why) for line in lines]
            else:
                made[unit] = found.id
        if refusals:
            raise _Refused(refusals)
        return made

    def _refuse_tags(self) -> None:
        """Refuse rows that give two keys of one subscriber the same tag."""
        store, taken, refusals = self._store, dict[tuple[str, str], int](), list[Refusal]()
        wanted = self._work.tags()
        ids = store.subscribers.ids_of(sorted({name for _, name, _, _ in wanted}))
        for line, name, tag, key_id in wanted:
            if (earlier := taken.setdefault((name, tag), line)) != line:
                refusals.append(Refusal(line, f"tag: line {earlier} gives it to another key of the subscriber"))
            elif others := [other for other in store.key_records.with_tag(ids[name], tag) if other != key_id]:
                refusals.append(Refusal(line, f"tag: key {others[0]} of the subscriber has it"))
        if refusals:
            raise _Refused(refusals)

    def _update(self, made: Mapping[NewUnit, int]) -> None:
        if not self._work.updates:
            return
        updater = Updater(self._store, self._work.updates, units=made, now=self._now)
        for number, each in enumerate(self._work.updates, 1):
            try:
                updater.apply(each, self._work.pmks.get(each.row.line))
            except (InvalidValue, NotFound) as error:
                raise _Refused([Refusal(each.row.line, str(error))]) from error
            if self._progress is not None and (number % 1000 == 0 or number == len(self._work.updates)):
                self._progress("changing", number, len(self._work.updates))

    # Telling.

    def _preview(self, row: WantedKey, teller: Teller) -> PreviewRow:
        lines = {
            "refuse": {each.line for each in self._refusals},
            "add": {each.line for each in self._plan.added},
            "change": {each.row.line for each in self._plan.changed},
        }
        return teller.preview(row, next((what for what, of in lines.items() if row.line in of), "leave"))


def _with_passphrase(row: WantedKey) -> WantedKey:
    return row if row.passphrase is not None else replace(row, passphrase=generate_passphrase())


@contextmanager
def _refusing(additions: Additions) -> Iterator[None]:
    """Turn what is said of positions into what is said of lines."""
    try:
        yield
    except DuplicateKey as error:
        if not error.duplicates:
            raise
        raise _Refused(additions.refuse(error.duplicates)) from error


def _reading(file: BinaryIO, progress: Progress | None) -> Callable[[int], object] | None:
    """Return what tells how much of a file is read: of how many octets, or of an unknown number from a pipe."""
    if progress is None:
        return None
    try:
        size = os.fstat(file.fileno()).st_size
    except OSError:  # it is none of the system's
        size = 0
    return lambda octets: progress("reading", octets, size)
