"""Keys on paper and on screens: Wi-Fi QR codes, sheets of cards, and the same cards as a table.

They take plain values, and neither a database nor a clock. What draws is imported when something is drawn.
"""

from .card import Card, Sheet, render_validity
from .cards_csv import cards_csv
from .wifi_qr import qr_doubts, qr_png, qr_svg, qr_terminal, wifi_uri

__all__ = [
    "Card",
    "Sheet",
    "cards_csv",
    "qr_doubts",
    "qr_png",
    "qr_svg",
    "qr_terminal",
    "render_validity",
    "wifi_uri",
]
