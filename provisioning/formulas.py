"""Cells that a spreadsheet would calculate, and the mark that keeps it from it.

A sheet that is opened runs what begins with = + - or @, or with a tab or carriage return before them (OWASP, "CSV
injection"). An apostrophe before it makes it text; taken off again by whoever reads it here. A cell that has its own
gets another, so that writing and reading are each other's inverse.
"""

from typing import Final

STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_MARK: Final = "'"


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would calculate a cell of this text."""
    return text.startswith(STARTS)


def defuse(text: str) -> str:
    """Return what to write so that the cell is this text."""
    return _MARK + text if is_formula(text.lstrip(_MARK)) else text


def restore(text: str) -> str:
    """Return the text of a cell that `defuse` wrote; any other is as it is."""
    return text[1:] if text.startswith(_MARK) and is_formula(text.lstrip(_MARK)) else text
