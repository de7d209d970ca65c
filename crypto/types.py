"""The words of the 802.11 key hierarchy as frozen values, each checked once, in its constructor."""

import enum
import re
from dataclasses import dataclass, field

_SEPARATORS = re.compile(rb"[-:.\s]")


@dataclass(frozen=True, slots=True)
class Ssid:
    """Network name: 1 to 32 raw octets, never normalised (IEEE Std 802.11 9.4.2.2; it enters PBKDF2 as it is)."""

    value: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.value) <= 32:
            raise ValueError(f"SSID must be 1 to 32 octets, got {len(self.value)}")

    @classmethod
    def parse(cls, text: str) -> "Ssid":
        """Return the SSID of a command line or file: UTF-8, with surrogateescape for other octets."""
        return cls(text.encode("utf-8", "surrogateescape"))

    def __str__(self) -> str:
        """Return printable text: UTF-8 where it is, other and control octets as \\xNN."""
        text = self.value.decode("utf-8", "backslashreplace")
        return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


@dataclass(frozen=True, slots=True)
class MacAddress:
    """EUI-48 address of a station (spa) or of a BSSID (aa)."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != 6:
            raise ValueError(f"MAC address must be 6 octets, got {len(self.value)}")

    @classmethod
    def parse(cls, text: str | bytes) -> "MacAddress":
        """Return the address in `text`: aabbccddeeff with any of - : . between, in any case; else ValueError."""
        octets = text.encode("ascii", "replace") if isinstance(text, str) else text
        digits = _SEPARATORS.sub(b"", octets)
        try:
            if len(digits) == 12 and len(octets) <= 23:
                return cls(bytes.fromhex(digits.decode("ascii")))
        except ValueError:
            pass
        shown = text if isinstance(text, str) else text.decode("ascii", "backslashreplace")
        raise ValueError(f"not a MAC address: {shown[:40]!r}")

    def __str__(self) -> str:
        return self.value.hex(":")


@dataclass(frozen=True, slots=True)
class Pmk:
    """Pairwise master key: 32 octets."""

    value: bytes = field(repr=False)  # keys never reach a log

    def __post_init__(self) -> None:
        if len(self.value) != 32:
            raise ValueError(f"PMK must be 32 octets, got {len(self.value)}")


class Akm(enum.IntEnum):
    """AKM suite selectors that a server can search (IEEE Std 802.11 table 9-151), and WPA1's."""

    WPA_PSK = 0x0050F202
    PSK = 0x000FAC02
    FT_PSK = 0x000FAC04
    PSK_SHA256 = 0x000FAC06

    def __str__(self) -> str:
        return suite_name(self)


def suite_name(selector: int) -> str:
    """Return a suite selector as the standard prints it: 00-0F-AC:2."""
    return f"{selector >> 24:02X}-{selector >> 16 & 255:02X}-{selector >> 8 & 255:02X}:{selector & 255}"
