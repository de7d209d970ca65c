"""Texts on the lines they have room for: the largest size that fits, and where lines break.

Rule: nothing of an SSID or a passphrase is left out. `shorten` is for titles and notes alone.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

Measure = Callable[[float, str], float]  # (size in points, text) -> mm
SPACE: Final = "\u2423"  # what shows a space of a passphrase
_ELLIPSIS: Final = "…"


def fit(text: str, width: float, measure: Measure, sizes: Sequence[tuple[float, int]]) -> tuple[float, list[str]]:
    """Return the first of `sizes` (points, lines) that `text` fits at, and its lines; the last one fits, or overflows.

    Lines break at spaces, and inside a word that has no room on a line of its own.
    """
    for size, most in sizes:
        lines = _break(text, lambda piece, size=size: measure(size, piece) <= width)  # type: ignore[misc]
        if len(lines) <= most:
            break
    return size, lines


def fit_secret(
    text: str, width: float, measure: Measure, sizes: Sequence[tuple[float, int]]
) -> tuple[float, list[str]]:
    """Return as `fit` does, for a face of one width: between words if that takes no more lines, else into even pieces.

    No line ends with a hyphen if it need not: one there could be taken for one that is not typed.
    """
    for size, most in sizes:
        lines = _break_secret(text, max(1, math.floor(width / measure(size, "0"))))
        if len(lines) <= most:
            break
    return size, lines


def shorten(text: str, width: float, measure: Measure, sizes: Sequence[float]) -> tuple[float, str]:
    """Return the first of `sizes` at which `text` fits on one line, or the last and its beginning with an ellipsis."""
    for size in sizes:
        if measure(size, text) <= width:
            return size, text
    kept = text
    while kept and measure(size, kept + _ELLIPSIS) > width:
        kept = kept[:-1]
    return size, kept.rstrip() + _ELLIPSIS


def _break(text: str, fits: Callable[[str], bool]) -> list[str]:
    lines = []
    while text and not fits(text):
        end = next((end for end in range(len(text) - 1, 1, -1) if fits(text[:end])), 1)
        space = text.rfind(" ", 1, end + 1)
        end = space + 1 if space > 0 and text[:space].strip() else end
        lines.append(text[:end])
        text = text[end:]
    return [*lines, text] if text or not lines else lines


def _break_secret(text: str, room: int) -> list[str]:
    fewest = math.ceil(len(text) / room)
    if (lines := _between_words(text, room)) and len(lines) <= fewest:
        return lines
    for length in range(math.ceil(len(text) / fewest), room + 1):
        if len(lines := _pieces(text, length)) <= fewest:
            return lines
    return [text[start : start + room] for start in range(0, len(text), room)]


def _between_words(text: str, room: int) -> list[str]:
    """Return lines of at most `room` characters that end after a space or before a hyphen; none where they cannot."""
    lines = []
    while len(text) > room:
        ends = [end for end in range(1, room + 1) if text[end - 1] == SPACE or text[end] == "-"]
        if not ends:
            return []
        lines.append(text[: ends[-1]])
        text = text[ends[-1] :]
    return [*lines, text]


def _pieces(text: str, length: int) -> list[str]:
    lines = []
    while text:
        end = length
        while 1 < end < len(text) and text[end - 1] == "-":
            end -= 1
        lines.append(text[:end])
        text = text[end:]
    return lines
