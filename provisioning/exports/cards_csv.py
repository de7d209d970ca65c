"""Cards as a table, for label printers and mail merge."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from ..errors import InvalidValue
from ..formulas import defuse
from .card import Card, Sheet, at_venue
from .wifi_qr import wifi_uri

COLUMNS: Final = ("number", "title", "ssid", "passphrase", "valid_from", "valid_until", "note", "qr")


def cards_csv(cards: Sequence[Card], sheet: Sheet) -> bytes:
    """Return a CSV file, a line for each card: UTF-8 with the mark that Excel knows it by, lines ended by CR LF.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it. The last column is the text of the
    Wi-Fi QR code, for printers that draw it themselves: never altered, and empty where the SSID is not UTF-8.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for card in cards:
        cells = (
            card.number,
            sheet.title,
            str(sheet.ssid),
            card.passphrase.value.decode("ascii"),
            _render(card.valid_from, sheet.zone),
            _render(card.valid_until, sheet.zone),
            card.note,
        )
        writer.writerow([*map(defuse, cells), _qr(card, sheet)])
    return out.getvalue().encode("utf-8-sig", "backslashreplace")


def _render(instant: datetime | None, zone: tzinfo) -> str:
    return f"{at_venue(instant, zone):%Y-%m-%d %H:%M:%S}" if instant else ""


def _qr(card: Card, sheet: Sheet) -> str:
    try:
        return wifi_uri(sheet.ssid, card.passphrase, hidden=sheet.hidden)
    except InvalidValue:
        return ""
