"""Keys on paper and on screens: Wi-Fi QR codes, sheets of cards, and the same cards as a table.

They take plain values, and neither a database nor a clock. What draws is imported when something is drawn. Files for
access points and other servers are in `controllers`.
"""

from .card import Card, Sheet, how_to_join, render_validity
from .cards import render_sheet, unprintable
from .cards_csv import cards_csv
from .paper import Paper
from .wifi_qr import qr_doubts, qr_png, qr_svg, qr_terminal, wifi_uri

__all__ = [
    "Card",
    "Paper",
    "Sheet",
    "cards_csv",
    "how_to_join",
    "qr_doubts",
    "qr_png",
    "qr_svg",
    "qr_terminal",
    "render_sheet",
    "render_validity",
    "unprintable",
    "wifi_uri",
]
