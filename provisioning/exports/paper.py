"""Where cards lie on a sheet, and the marks to cut them apart by."""

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fpdf import FPDF

CARD_MM: Final = (85.60, 53.98)  # ISO/IEC 7810, ID-1
_MARK_MM: Final = 3.5
_GAP_MM: Final = 1.5  # between a mark and the card that it belongs to
_CROSS_MM: Final = 1.0


class Paper(Enum):
    """A sheet: width and height in mm, and as many columns and rows of cards as leave a printer its margin."""

    A4 = (210.0, 297.0, 2, 5)
    LETTER = (215.9, 279.4, 2, 4)

    @property
    def size(self) -> tuple[float, float]:
        return self.value[0], self.value[1]

    @property
    def grid(self) -> tuple[int, int]:
        return self.value[2], self.value[3]

    @property
    def per_page(self) -> int:
        return self.value[2] * self.value[3]

    def corner(self, place: int, *, back: bool = False) -> tuple[float, float]:
        """Return the upper left corner of a card, by rows; of its back on a sheet turned over its long edge."""
        columns, rows = self.grid
        row, column = divmod(place, columns)
        if back:
            column = columns - 1 - column
        left, top = (self.size[0] - columns * CARD_MM[0]) / 2, (self.size[1] - rows * CARD_MM[1]) / 2
        return left + column * CARD_MM[0], top + row * CARD_MM[1]


def draw_cut_marks(pdf: "FPDF", paper: Paper) -> None:
    """Draw a hairline outside the cards at each end of each cut, and a small cross where four cards meet."""
    columns, rows = paper.grid
    left, top = paper.corner(0)
    xs = [left + column * CARD_MM[0] for column in range(columns + 1)]
    ys = [top + row * CARD_MM[1] for row in range(rows + 1)]
    pdf.set_draw_color(0)
    pdf.set_line_width(0.1)
    for x in xs:
        pdf.line(x, ys[0] - _GAP_MM - _MARK_MM, x, ys[0] - _GAP_MM)
        pdf.line(x, ys[-1] + _GAP_MM, x, ys[-1] + _GAP_MM + _MARK_MM)
    for y in ys:
        pdf.line(xs[0] - _GAP_MM - _MARK_MM, y, xs[0] - _GAP_MM, y)
        pdf.line(xs[-1] + _GAP_MM, y, xs[-1] + _GAP_MM + _MARK_MM, y)
    for x in xs[1:-1]:
        for y in ys[1:-1]:
            pdf.line(x - _CROSS_MM, y, x + _CROSS_MM, y)
            pdf.line(x, y - _CROSS_MM, x, y + _CROSS_MM)
