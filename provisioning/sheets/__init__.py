"""Sheets of keys, in and out: files as spreadsheet programs write them, and as they read them.

From octets to what is to be done, a module for each step, and no step knows the store:
`encoding` (text), `grid` (cells), `columns` (which is which), `cells` and `dates` (what they mean), `sheet` (a row for
each key), `resolve` (which keypool, unit and plan), `updating` (what changes). Back again: `writing`, and `refused` for
the rows that were not taken. `formulas` is about cells that a spreadsheet would calculate, `header_words` about rows
that are no keys. `dpsk` has the columns of FreeRADIUS's rlm_dpsk, a million rows of them, in and out.
"""

from .columns import FIELDS, Columns, parse_map
from .dpsk import DpskRows, begins_as_formula, is_dpsk, render_example, render_rows
from .refused import render_refused, write_refused
from .resolve import NewUnit, Places, Resolved, WantedKey, resolve_rows
from .sheet import Sheet, SheetOptions, SheetReader, SheetRow
from .updating import FieldChange, KeyUpdate, StoredKey, UpdatePlan, plan_update
from .writing import describe_key, render_sheet, render_window_end

__all__ = [
    "FIELDS",
    "Columns",
    "DpskRows",
    "FieldChange",
    "KeyUpdate",
    "NewUnit",
    "Places",
    "Resolved",
    "Sheet",
    "SheetOptions",
    "SheetReader",
    "SheetRow",
    "StoredKey",
    "UpdatePlan",
    "WantedKey",
    "begins_as_formula",
    "describe_key",
    "is_dpsk",
    "parse_map",
    "plan_update",
    "render_example",
    "render_refused",
    "render_rows",
    "render_sheet",
    "render_window_end",
    "resolve_rows",
    "write_refused",
]
