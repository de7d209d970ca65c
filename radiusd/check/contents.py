"""Checks of what the database holds that no command would have let in. Pure: values in, findings out."""

from typing import Final

from provisioning import Condition

from .finding import Check, Found, Level

_NAMED: Final = 20  # of one kind
_RESTORE: Final = "latchkey restore FILE, the last backup before it"


def earlier_version(condition: Condition) -> Found:
    """Whoever only reads it has brought it up to date in memory; the file is as it was."""
    if condition.pending:
        steps = condition.pending
        lacks = steps[0] if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"
        yield (
            Level.ADVICE,
            f"the database is of an earlier version: it lacks {lacks}",
            "latchkey upgrade, or the next start of `serve`; a copy is kept",
        )


def damaged_pages(condition: Condition) -> Found:
    """A bad disk, a program that wrote past SQLite, or two logs that were mixed."""
    for text in condition.pages[:_NAMED]:
        yield Level.ERROR, f"the database is damaged: {text}", _RESTORE


def orphans(condition: Condition) -> Found:
    """A row refers to one that is gone."""
    for each in condition.orphans[:_NAMED]:
        row = f"a row of {each.table}" if each.id is None else f"row {each.id} of {each.table}"
        remedy = f"latchkey key remove id:{each.id}, or {_RESTORE}" if each.table == "keys" else _RESTORE
        yield Level.ERROR, f"{row} refers to a row of {each.parent} that is not there", remedy
    yield from _more(len(condition.orphans), "rows refer to rows that are not there")


def keys_alike(condition: Condition) -> Found:
    """Which of the two a device is taken for is chance, and so are its VLAN and its end."""
    for twins in condition.twins[:_NAMED]:
        yield (
            Level.ERROR,
            f"keys {twins.first} and {twins.second} have one passphrase, and a device may meet both",
            f"latchkey key reset id:{twins.second}, and tell its resident the new one",
        )
    yield from _more(len(condition.twins), "keys have the passphrase of another that a device may meet")


def windows_reversed(condition: Condition) -> Found:
    """Such a key is never valid."""
    for table, id_ in condition.reversed_windows[:_NAMED]:
        remedy = f"a later end for it, or latchkey key remove id:{id_}" if table == "keys" else "a later end for it"
        yield Level.ERROR, f"row {id_} of {table} ends before it starts", remedy
    yield from _more(len(condition.reversed_windows), "rows end before they start")


def keys_elsewhere(condition: Condition) -> Found:
    """The key works where its keypool is valid, with the VLAN of a flat in another house."""
    for each in condition.strangers[:_NAMED]:
        yield (
            Level.WARNING,
            f"key {each.key} is of unit {each.unit} of {each.venue}, where its keypool is not valid",
            f"latchkey pool connect SSID '{each.venue}', or a unit where it is",
        )
    yield from _more(len(condition.strangers), "keys are of units where their keypool is not valid", Level.WARNING)


def vlans_shared(condition: Condition) -> Found:
    """Neighbours see each other's devices."""
    for each in condition.shared_vlans[:_NAMED]:
        names = ", ".join(each.units[:3]) + (f" and {len(each.units) - 3} more" if len(each.units) > 3 else "")
        yield (
            Level.WARNING,
            f"units {names} of {each.venue} share VLAN {each.vlan}, and so one network",
            "latchkey unit set UNIT --vlan auto for all but one, unless that is meant",
        )
    yield from _more(len(condition.shared_vlans), "VLANs are shared by units", Level.WARNING)


def _more(count: int, what: str, level: Level = Level.ERROR) -> Found:
    if count > _NAMED:
        yield level, f"{count - _NAMED} more {what}", "the same"


CHECKS: Final[tuple[Check[Condition], ...]] = (
    earlier_version,
    damaged_pages,
    orphans,
    keys_alike,
    windows_reversed,
    keys_elsewhere,
    vlans_shared,
)
