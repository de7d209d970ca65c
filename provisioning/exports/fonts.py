"""The faces that cards are set in, what they can write, and how long a text gets.

Two free ones (SIL Open Font License), which the package pymupdf-fonts carries: FiraGO for names (Latin, Greek,
Cyrillic, Arabic, Hebrew, Thai, Devanagari, Georgian), and Cascadia Mono for passphrases, whose zero has a dot and in
which 1, l and I differ. Chinese, Japanese, Korean and emoji are in no font small enough to come along: the operator
names a file that has them, or each such character is a box on the card.
"""

import io
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidValue

if TYPE_CHECKING:
    from fpdf import FPDF

BOX: Final = "\u25af"
MM_PER_PT: Final = 25.4 / 72
_COMPLEX: Final = 0x0300  # no letter before it joins, stacks or runs to the left


class Face(Enum):
    """A family and style, as the document knows it."""

    TEXT = ("text", "")
    BOLD = ("text", "B")
    MONO = ("mono", "")


@contextmanager
def open_fonts(pdf: "FPDF", extra: Sequence[Path] = ()) -> Iterator["Fonts"]:
    """Give `pdf` our fonts, and after them the operator's in their order; InvalidValue where one is not a font.

    The library reads fonts from files, and as late as when the document is made: `pdf` is done with before this ends.
    """
    from fpdf.fonts import TTFFont
    from pymupdf_fonts import CascadiaMono_Regular, FiraGO_Bold, FiraGO_Regular

    ours = ((Face.TEXT, FiraGO_Regular), (Face.BOLD, FiraGO_Bold), (Face.MONO, CascadiaMono_Regular))
    with tempfile.TemporaryDirectory(prefix="latchkey-fonts-") as folder:
        for face, module in ours:
            path = Path(folder, f"{face.name}.ttf")
            path.write_bytes(module.fontbuffer)
            pdf.add_font(*face.value, path)
        try:
            yield Fonts(pdf, extra)
        finally:
            for font in pdf.fonts.values():
                if isinstance(font, TTFFont):
                    font.ttfont.close()


class Fonts:
    """The fonts of one document."""

    def __init__(self, pdf: "FPDF", extra: Sequence[Path]) -> None:
        self._pdf = pdf
        self._known: frozenset[int] = frozenset((*_characters(pdf, "text"), *_characters(pdf, "mono")))
        for place, path in enumerate(extra):
            self._add(f"extra{place}", path)
        others = [f"extra{place}" for place in range(len(extra))]
        pdf.set_fallback_fonts(["mono", *others], exact_match=False)

    def _add(self, family: str, path: Path) -> None:
        try:
            _check_font(path)
            self._pdf.add_font(family, "", path)
        except Exception as error:  # a damaged font raises whatever its parser stumbled over
            raise InvalidValue(f"font {path}: {error or type(error).__name__}") from None
        self._known |= frozenset(_characters(self._pdf, family))

    def missing(self, text: str) -> str:
        """Return the characters of `text` that would be boxes, each once, in their order."""
        return "".join(dict.fromkeys(c for c in text if not self._has(c) and not _modifies(c)))

    def writable(self, text: str) -> str:
        """Return `text` with a box for each character that no font has; what only modifies such a one goes with it."""
        return "".join(c if self._has(c) else "" if _modifies(c) else BOX for c in text)

    def choose(self, face: Face, size_pt: float, text: str) -> None:
        """Make this the font of what is written next, with shaping where the script of `text` needs it."""
        self._pdf.set_text_shaping(face is not Face.MONO and any(ord(c) >= _COMPLEX for c in text))
        self._pdf.set_font(*face.value, size_pt)

    def width(self, face: Face, size_pt: float, text: str) -> float:
        """Return how many mm `text` is long."""
        self.choose(face, size_pt, text)
        return self._pdf.get_string_width(text)

    def _has(self, character: str) -> bool:
        return ord(character) in self._known and character.isprintable()


def _check_font(path: Path) -> None:
    """Raise, whatever it may be, unless every table is there in whole and those that count can be read.

    The library that draws would leave the file open where it raises, or raise only when the document is made.
    """
    from fontTools.ttLib import TTFont

    with TTFont(io.BytesIO(path.read_bytes()), fontNumber=0) as font:
        for tag in font.reader.keys():  # noqa: SIM118 (no dictionary)
            font.reader[tag]
        for tag in ("cmap", "head", "hhea", "hmtx", "maxp", "name", "OS/2", "post"):
            font[tag]


def _characters(pdf: "FPDF", family: str) -> Iterator[int]:
    font: Any = pdf.fonts[family]
    return iter(font.cmap)


def _modifies(character: str) -> bool:
    """Whether it is a combining mark, a joiner or a variation selector: nothing by itself."""
    return unicodedata.category(character) in {"Mn", "Me", "Cf"}
