"""What `latchkey send` plays: the handshakes of a capture, or an Access-Request in hex."""

import binascii
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

from crypto import Handshake, MacAddress, Ssid
from radiusd import DIALECTS, PacketError, SharedSecret, decode_request, decode_unverified, recognise

from .errors import FormatError, SendError
from .read.capture_file import Capture
from .read.formats import Flaw
from .read.scan import Progress, read_handshakes
from .send import Played

_HEX: Final = frozenset(b"0123456789abcdefABCDEF \t\r\n")
_LONGEST_HEX: Final = 3 * 4096  # with a blank between octets
_NAS_IDENTIFIER: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of it, and how to ask."""

    secret: SharedSecret
    dialect: str | None = None  # None: that of the request, for a capture hostapd's
    nas_identifier: bytes | None = None
    ssid: Ssid | None = None  # of networks that a capture does not name
    station: MacAddress | None = None


def read_played(
    file: BinaryIO, name: str, choice: Choice, progress: Progress | None = None
) -> tuple[tuple[Played, ...], tuple[str, ...]]:
    """Return what to ask about, and why other handshakes of the capture cannot be asked about."""
    if not isinstance(file, io.BufferedReader):
        file = io.BufferedReader(cast("io.RawIOBase", file))
    octets = _whole_hex(file)
    if octets is not None:
        return (_from_request(octets, name, choice),), ()
    try:
        capture = Capture(file, name)
    except FormatError as error:
        raise FormatError(f"{error}, nor an Access-Request in hex") from error
    with capture:
        findings = read_handshakes(capture, ssid=choice.ssid, progress=progress)
    attempts = [each for each in findings.attempts if choice.station in (None, each.station) and each.how is None]
    played = tuple(_from_handshake(each.handshake, choice) for each in attempts if each.handshake is not None)
    refused: Sequence[str | Flaw | None] = [each.reason for each in attempts if each.handshake is None]
    reasons = tuple(f"{name}: {each}" for each in (*findings.flaws, *refused))
    if not played:
        of = f" of {choice.station}" if choice.station is not None else ""
        raise SendError(reasons[0] if reasons else f"{name}: no handshake{of} in {findings.packets:,} frames")
    return played, reasons


def _whole_hex(file: "io.BufferedReader[Any]") -> bytes | None:
    """Return the octets of a file of hex digits; None for any other, of which nothing has been taken."""
    start = file.peek(16)[:16]
    if not start or not _HEX.issuperset(start):
        return None
    text = file.read(_LONGEST_HEX + 1)
    if len(text) > _LONGEST_HEX:
        raise FormatError(f"the hex digits are more than an Access-Request has: over {_LONGEST_HEX:,} characters")
    try:
        return binascii.unhexlify(b"".join(text.split()))
    except binascii.Error as error:
        raise FormatError(f"not an Access-Request in hex: {str(error).lower()}") from error


def _from_handshake(handshake: Handshake, choice: Choice) -> Played:
    identifier = choice.nas_identifier
    if identifier is None and handshake.ft is not None:
        identifier = handshake.ft.r0kh_id  # an access point's R0KH-ID is its NAS-Identifier
    dialect = DIALECTS[choice.dialect or "hostapd"]
    return Played(subject=handshake, dialect=dialect, secret=choice.secret, nas_identifier=identifier)


def _from_request(octets: bytes, name: str, choice: Choice) -> Played:
    """Return a request as it is where nothing else is wanted and the secret is its own; else what it asks, anew."""
    try:
        request = decode_unverified(octets)
    except PacketError as error:
        raise FormatError(f"{name} is not an Access-Request: {error}") from error
    shown = recognise(request, choice.dialect or "auto").dialect
    dialect = DIALECTS[choice.dialect] if choice.dialect is not None else shown
    subject = shown.decode_request(request)
    own = request.first(_NAS_IDENTIFIER)
    identifier = own if choice.nas_identifier is None else choice.nas_identifier
    as_it_is = dialect is shown and identifier == own and _signed(octets, choice.secret)
    return Played(
        subject=subject,
        dialect=dialect,
        secret=choice.secret,
        nas_identifier=identifier,
        recorded=request.octets if as_it_is else None,
    )


def _signed(octets: bytes, secret: SharedSecret) -> bool:
    try:
        return decode_request(octets, secret).signed
    except PacketError:
        return False
