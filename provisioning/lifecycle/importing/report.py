"""What an import tells: what it is going to do with the first rows, and what came of all."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from ...errors import Refusal
from ...model import KeyDraft, KeyStatus, Passphrase
from ...sheets import FieldChange, KeyUpdate, NewUnit, Places, StoredKey, WantedKey, render_window_end

SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """What one of the first rows is read as, without its passphrase; and what is to be done with it."""

    line: int
    what: str  # add, change, leave
    identity: str
    unit: str = ""
    plan: str = ""
    vlan: str = ""
    starts: str = ""
    ends: str = ""
    devices: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What is to be done, before it takes long."""

    rows: tuple[PreviewRow, ...]
    added: int
    changed: int
    is_dpsk: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedKey:
    """A key that was changed, and what of it, in words."""

    id: int
    identity: str
    line: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of a file; with `dry_run` what would."""

    count: int  # of keys that were added
    ids: tuple[range, ...] = ()
    changed: tuple[ChangedKey, ...] = ()
    unchanged: int = 0
    missing: tuple[StoredKey, ...] = ()  # in the store, and not in the sheet
    units: int = 0  # that were made
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def preview_draft(line: int, draft: KeyDraft) -> PreviewRow:
    """Return what a row of rlm_dpsk's file is read as."""
    vlan = "" if draft.vlan is None else str(draft.vlan)
    return PreviewRow(line=line, what="add", identity=draft.identity or "", vlan=vlan, devices=len(draft.devices))


class Teller:
    """Tells what is in the rows of a sheet in words: names for ids, and times of the venue."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._units = {unit.id: unit for unit in places.units}
        self._plans = {plan.id: plan.name for plan in places.plans}
        self._pools = {pool.id: pool for pool in places.keypools}

    def preview(self, row: WantedKey, what: str) -> PreviewRow:
        zone = self._zone(row)
        return PreviewRow(
            line=row.line,
            what=what,
            identity=row.identity,
            unit="" if row.unit is None else self._tell("unit", row.unit, zone),
            plan="" if row.plan_id is None else self._tell("plan", row.plan_id, zone),
            vlan="" if row.vlan is None else str(row.vlan),
            starts="" if row.starts is None else self._tell("starts", row.starts, zone),
            ends="" if row.ends is None else self._tell("ends", row.ends, zone),
            devices=len(row.macs),
        )

    def changed(self, update: KeyUpdate) -> ChangedKey:
        zone = self._zone(update.row)
        changes = tuple(self._describe(change, zone) for change in update.changes)
        return ChangedKey(id=update.key.id, identity=update.row.identity, line=update.row.line, changes=changes)

    def _zone(self, row: WantedKey) -> tzinfo:
        """Return the zone of a row's venue: that of its unit, else the keypool's only one."""
        venue_ids = self._pools[row.keypool_id].venue_ids
        venue_id = venue_ids[0] if len(venue_ids) == 1 else None
        if isinstance(row.unit, NewUnit):
            venue_id = row.unit.venue_id
        elif row.unit is not None and row.unit in self._units:
            venue_id = self._units[row.unit].venue_id
        return self._places.zone if venue_id is None else self._places.zones.get(venue_id, self._places.zone)

    def _describe(self, change: FieldChange, zone: tzinfo) -> str:
        if isinstance(change.after, Passphrase):
            return "another passphrase"
        if change.name == "mac":
            return f"mac + {self._tell('mac', change.after, zone)}"
        before, after = (self._tell(change.name, value, zone) for value in (change.before, change.after))
        return f"{change.name} {before} -> {after}"

    def _tell(self, name: str, value: object, zone: tzinfo) -> str:
        match value:
            case None:
                return "none"
            case NewUnit():
                return f"{value.name} (new)"
            case KeyStatus():
                return str(value.value)
            case datetime():
                return render_window_end(value, zone, end=name == "ends")
            case tuple():
                return ", ".join(map(str, value))
            case int() if name == "unit" and value in self._units:
                return self._units[value].name
            case int() if name == "plan":
                return self._plans.get(value, str(value))
        return str(value)
