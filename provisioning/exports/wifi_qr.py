r"""A network and its passphrase as the text a phone joins by, and that text as a QR code.

The text is `WIFI:T:WPA;S:...;P:...;;`, which ZXing introduced ("Barcode Contents", Wi-Fi network config) and which the
cameras of Android and iOS read. What that page leaves open is decided here by what the readers do:

- Escaped with a backslash: \ ; , : ". The quotation mark has a meaning for no reader, and every one unescapes it.
- Not quoted: values that look like hex digits. The page asks for it, because ZXing's own application took an SSID
  `CAFE` for two octets. Android's parser (WifiUriParser) takes it for text, as it does every passphrase but one of 64
  hex digits; iOS takes the quotes for part of the value, so that no iPhone would join by a quoted `12345678`.
- Not percent-encoded, as WPA3 (Wi-Fi Alliance, section "URI format") would have it: no camera decodes that.
- T is WPA for everything that is not SAE alone, and UTF-8 octets stand without ECI, which all of them guess.

The format holds text: an SSID that is not UTF-8 cannot be written in it.
"""

import io
from typing import TYPE_CHECKING, Final

from crypto import Ssid

from ..errors import InvalidValue
from ..model import Passphrase

if TYPE_CHECKING:
    from segno import QRCode

QUIET_ZONE: Final = 4  # modules; ISO/IEC 18004, 9.1
_ESCAPES: Final = str.maketrans({character: "\\" + character for character in '\\;,:"'})
# Of the fixed colour cube, not of the 16 colours that themes change: black on white wherever it is shown.
_ON: Final = "\x1b[38;5;16;48;5;231m"
_OFF: Final = "\x1b[0m"
_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def wifi_uri(ssid: Ssid, passphrase: Passphrase, *, hidden: bool = False) -> str:
    """Return the text that makes a phone join; InvalidValue where the SSID is not UTF-8.

    A passphrase of 64 hex digits, the PMK itself, stands as it is. `hidden`: the SSID is not in the beacons.
    """
    try:
        name = ssid.value.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidValue(f"SSID {ssid} is not UTF-8, and a Wi-Fi QR code can hold no other") from None
    secret = passphrase.value.decode("ascii")
    return f"WIFI:T:WPA;S:{_escape(name)};P:{_escape(secret)};{'H:true;' if hidden else ''};"


def qr_doubts(ssid: Ssid, passphrase: Passphrase) -> tuple[str, ...]:
    """Return a sentence for each reason why some phones will read the code of these wrong; most have none."""
    doubts = []
    for what, value in (("SSID", ssid.value), ("passphrase", passphrase.value)):
        if value.endswith(b"\\"):
            doubts.append(f"the {what} ends with a backslash, which Android misreads in a QR code")
        if len(value) > 1 and value.startswith(b'"') and value.endswith(b'"'):
            doubts.append(f"the {what} stands in quotation marks, which Android drops from a QR code")
    return tuple(doubts)


def qr_terminal(uri: str, *, colour: bool = True) -> str:
    """Return the code as lines of half blocks, quiet zone included, each ended.

    With `colour` it is black on white on every terminal. Without, for files and where colours are not wanted, the
    light modules are drawn: right on a dark background, and inverted, which most cameras read as well, on a light one.
    """
    rows = [[bool(module) for module in row] for row in _code(uri).matrix_iter(border=QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        pairs = zip(upper, lower, strict=True)
        line = "".join(_HALVES[pair if colour else (not pair[0], not pair[1])] for pair in pairs)
        lines.append(f"{_ON}{line}{_OFF}\n" if colour else f"{line}\n")
    return "".join(lines)


def qr_svg(uri: str) -> bytes:
    """Return the code as an SVG document of black on white, 1 mm a module, that scales to any size."""
    out = io.BytesIO()
    _code(uri).save(out, kind="svg", unit="mm", border=QUIET_ZONE, light="white")
    return out.getvalue()


def qr_png(uri: str, *, scale: int = 10) -> bytes:
    """Return the code as a PNG file of black on white, `scale` pixels a module."""
    out = io.BytesIO()
    _code(uri).save(out, kind="png", scale=scale, border=QUIET_ZONE, light="white")
    return out.getvalue()


def _escape(value: str) -> str:
    return value.translate(_ESCAPES)


def _code(uri: str) -> "QRCode":
    import segno

    return segno.make_qr(uri, error="m", mode="byte", encoding="utf-8")
