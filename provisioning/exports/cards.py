"""Sheets of cards as PDF: credit-card size, edge to edge, with marks to cut along, and their backs."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import InvalidValue
from .card import Card, Sheet, render_validity
from .fonts import BOX, MM_PER_PT, Face, Fonts, open_fonts
from .lettering import SPACE, Measure, fit, fit_secret, shorten
from .paper import CARD_MM, Paper, draw_cut_marks
from .wifi_qr import qr_png, wifi_uri

if TYPE_CHECKING:
    from fpdf import FPDF

_INSET_MM: Final = 4.5
_QR_MM: Final = 32.0  # quiet zone included
_QR_TOP_MM: Final = 10.8
_BESIDE_CODE_MM: Final = CARD_MM[0] - _QR_MM - _INSET_MM - 2.0
_WHOLE_MM: Final = CARD_MM[0] - 2 * _INSET_MM
_LEADING: Final = 1.2
_GREY: Final = 100
_SSID: Final = ((14.0, 1), (12.0, 1), (10.0, 2), (8.5, 2), (7.0, 3), (5.5, 4))  # points, at most so many lines
_SECRET: Final = ((16.0, 1), (14.0, 1), (12.0, 1), (12.0, 2), (10.5, 2), (9.0, 3), (8.0, 4))


def render_sheet(
    cards: Sequence[Card], sheet: Sheet, *, made: datetime, paper: Paper = Paper.A4, fonts: Sequence[Path] = ()
) -> bytes:
    """Return a PDF with all `cards`; the same octets for the same arguments, `made` being the date that is in it.

    `fonts`: TrueType or OpenType files for characters that ours have not. Raises InvalidValue where one cannot be read.
    """
    from fpdf import FPDF, ViewerPreferences

    if not cards:
        raise InvalidValue("no cards to print")
    pdf = FPDF(unit="mm", format=paper.size)
    pdf.set_auto_page_break(auto=False)
    pdf.c_margin = 0
    pdf.set_creation_date(made)
    pdf.set_producer("Latchkey")
    pdf.set_title("Wi-Fi cards")
    # What a print dialog begins with: the size that it is, and backs behind their cards.
    duplex = "DuplexFlipLongEdge" if sheet.back else "Simplex"
    pdf.viewer_preferences = ViewerPreferences(print_scaling="None", duplex=duplex)
    with open_fonts(pdf, fonts) as opened:
        for first in range(0, len(cards), paper.per_page):
            page = cards[first : first + paper.per_page]
            pdf.add_page()
            draw_cut_marks(pdf, paper)
            for place, card in enumerate(page):
                _draw_front(_Canvas(pdf, opened, *paper.corner(place)), card, sheet)
            if sheet.back:
                pdf.add_page()
                for place in range(len(page)):
                    _draw_back(_Canvas(pdf, opened, *paper.corner(place, back=True)), sheet)
        return bytes(pdf.output())


def unprintable(texts: Sequence[str], fonts: Sequence[Path] = ()) -> str:
    """Return the characters of `texts` (titles, notes, SSIDs) that cards would show as boxes, each once."""
    from fpdf import FPDF

    with open_fonts(FPDF(), fonts) as opened:
        return opened.missing("".join(texts))


@dataclass(frozen=True, slots=True)
class _Canvas:
    """One card's place: what is drawn is given in mm from its upper left corner."""

    pdf: "FPDF"
    fonts: Fonts
    x: float
    y: float

    def line(self, text: str, at: tuple[float, float], face: Face, size: float, *, grey: bool = False) -> None:
        """Write one line whose baseline begins at `at`."""
        if not text:
            return
        width = self.fonts.width(face, size, text)
        self.pdf.set_text_color(_GREY if grey else 0)
        # The library sets the baseline 0.3 of the size below the middle of a cell; this one has no height.
        self.pdf.set_xy(self.x + at[0], self.y + at[1] - 0.3 * size * MM_PER_PT)
        self.pdf.cell(width, 0, text)

    def lines(self, lines: Sequence[str], at: tuple[float, float], face: Face, size: float) -> None:
        """Write lines below each other; `at` is the upper left corner of the first one."""
        for number, line in enumerate(lines):
            self.line(line, (at[0], at[1] + (0.9 + number * _LEADING) * size * MM_PER_PT), face, size)

    def short(
        self, text: str, at: tuple[float, float], width: float, sizes: Sequence[float], face: Face = Face.TEXT
    ) -> None:
        """Write one line no longer than `width`, smaller or shortened if need be; what is not bold is grey."""
        size, kept = shorten(self.fonts.writable(text), width, self.measure(face), sizes)
        self.line(kept, at, face, size, grey=face is Face.TEXT)

    def measure(self, face: Face) -> Measure:
        return lambda size, text: self.fonts.width(face, size, text)


def _draw_front(canvas: _Canvas, card: Card, sheet: Sheet) -> None:
    uri = _uri(card, sheet) if sheet.code else None
    width = _BESIDE_CODE_MM if sheet.code else _WHOLE_MM
    _draw_head(canvas, sheet.title, card.number)

    ssid = canvas.fonts.writable(str(sheet.ssid))
    label = f"Network ({BOX} cannot be printed)" if BOX in ssid else "Network"
    canvas.line(label, (_INSET_MM, 14.2), Face.TEXT, 6.5, grey=True)
    size, lines = fit(ssid, width, canvas.measure(Face.BOLD), _SSID)
    canvas.lines(lines, (_INSET_MM, 15.4), Face.BOLD, size)

    secret = card.passphrase.value.decode("ascii").replace(" ", SPACE)
    size, lines = fit_secret(secret, width, canvas.measure(Face.MONO), _SECRET)
    hints = [f"{SPACE} is a space"] * (SPACE in secret) + ["all one line"] * (len(lines) > 1)
    label = f"Password ({', '.join(hints)})" if hints else "Password"
    canvas.line(label, (_INSET_MM, 28.2), Face.TEXT, 6.5, grey=True)
    canvas.lines(lines, (_INSET_MM, 29.2), Face.MONO, size)

    canvas.short(render_validity(card, sheet.zone), (_INSET_MM, 46.3), width, (7.5, 6.5, 5.5), Face.BOLD)
    canvas.short(card.note, (_INSET_MM, 49.7), _WHOLE_MM, (6.5,))
    if sheet.code:
        _draw_code(canvas, uri)


def _draw_head(canvas: _Canvas, title: str, number: str) -> None:
    """Write the title, and flush right the number, for which half of the line is enough."""
    half = _WHOLE_MM / 2
    size, number = shorten(canvas.fonts.writable(number), half, canvas.measure(Face.TEXT), (7,))
    taken = canvas.fonts.width(Face.TEXT, size, number)
    canvas.line(number, (_INSET_MM + _WHOLE_MM - taken, 7.3), Face.TEXT, size, grey=True)
    canvas.short(title, (_INSET_MM, 7.3), _WHOLE_MM - taken - 3, (9, 8, 7), Face.BOLD)


def _draw_code(canvas: _Canvas, uri: str | None) -> None:
    from PIL import Image

    left = CARD_MM[0] - _QR_MM - 2.0
    if uri is None:
        for row, text in enumerate(("No code: the network's", "name is not UTF-8 text.")):
            canvas.line(text, (left + 2, _QR_TOP_MM + 14 + 3 * row), Face.TEXT, 6.5, grey=True)
        return
    # Eight bits a pixel: of one bit each, some pairs of fpdf2 and Pillow make stripes.
    picture = Image.open(io.BytesIO(qr_png(uri, scale=8))).convert("L")
    canvas.pdf.image(picture, canvas.x + left, canvas.y + _QR_TOP_MM, _QR_MM, _QR_MM)


def _draw_back(canvas: _Canvas, sheet: Sheet) -> None:
    canvas.short(sheet.title, (_INSET_MM, 7.3), _WHOLE_MM, (9, 8, 7), Face.BOLD)
    measure = canvas.measure(Face.TEXT)
    room = CARD_MM[1] - _INSET_MM - 10.5
    paragraphs = [canvas.fonts.writable(line) for line in sheet.back.splitlines()]
    for size in (8.5, 7.5, 6.5, 5.5):
        lines = [line for text in paragraphs for line in fit(text, _WHOLE_MM, measure, ((size, 1),))[1]]
        if len(lines) * size * MM_PER_PT * _LEADING <= room:
            canvas.lines(lines, (_INSET_MM, 10.5), Face.TEXT, size)
            return
    most = int(room / (size * MM_PER_PT * _LEADING))
    raise InvalidValue(f"the text for the back takes {len(lines)} lines, and a card has room for {most}")


def _uri(card: Card, sheet: Sheet) -> str | None:
    try:
        return wifi_uri(sheet.ssid, card.passphrase, hidden=sheet.hidden)
    except InvalidValue:
        return None
