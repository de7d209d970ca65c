"""PMKIDs: what an access point's M1 or a station's association request names its PMK by. No M2, and yet a test.

Both sides may show which PMK they hold before anybody has proved it (IEEE Std 802.11 12.6.10.3, 12.7.6.2): the access
point in a KDE of M1, the station in the RSNE of a (re)association request. FT's names follow from its own key hierarchy
and are left to the handshake.
"""

import enum
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from crypto import Akm, CryptoError, MacAddress, Ssid, find_pmkid, pmkid_hash, pmkid_message

from .pairing import MIC_START, KeyFrame

_KEY_DATA: Final = MIC_START + 16 + 2  # octets of an M1 before its key data
_ENCRYPTED: Final = 0x1000  # of the key information
_OF_VERSION: Final = {1: (Akm.PSK,), 2: (Akm.PSK,), 3: (Akm.PSK_SHA256, Akm.FT_PSK)}  # 12.7.2; 0: the AKM says
HAVE_PMKIDS: Final = {int(akm): akm for akm in (Akm.PSK, Akm.PSK_SHA256)}


class Source(enum.Enum):
    """Who named the PMK."""

    ACCESS_POINT = "M1"
    STATION = "association request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pmkid:
    """The name of a PMK, by which one can be tested."""

    value: bytes
    akm: Akm  # PSK or PSK-SHA256
    ssid: Ssid
    aa: MacAddress
    spa: MacAddress
    source: Source

    def matches(self, pmks: Iterable[bytes]) -> Iterator[bool]:
        """Yield, for each PMK, whether this is its PMKID. It was sent in the clear: no secret is compared."""
        message, digest, name = pmkid_message(self.aa, self.spa), pmkid_hash(self.akm), self.value
        for pmk in pmks:
            yield hmac.digest(pmk, message, digest)[:16] == name


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPmkid:
    """A PMKID as a frame showed it; its AKM and SSID may become known only later in the capture."""

    number: int
    time_ns: int
    value: bytes
    aa: bytes
    spa: bytes
    source: Source
    akm: Akm | None = None
    key_version: int | None = None  # of the M1, where that is the source

    def resolve_akm(self, associated: int | None, offered: tuple[int, ...]) -> Akm | None:
        """Return the AKM of both sides; None where that has PMKIDs of another kind, or cannot be told.

        associated: the AKM that the station asked for; offered: those of the beacon; None and () where nothing says
        """
        if self.akm is not None:
            return self.akm
        said = (associated,) if associated is not None else offered
        possible = _OF_VERSION.get(self.key_version or 0, ())
        akms = possible[:1] if not said else [akm for akm in possible if akm in said]
        return akms[0] if len(akms) == 1 and akms[0] in HAVE_PMKIDS else None


def read_m1(frame: KeyFrame) -> bytes | None:
    """Return the PMKID in an M1, None where it names none or was cut."""
    octets = frame.octets
    if len(octets) < _KEY_DATA or int.from_bytes(octets[5:7]) & _ENCRYPTED:
        return None
    end = _KEY_DATA + int.from_bytes(octets[_KEY_DATA - 2 : _KEY_DATA])
    if end > len(octets):
        return None
    try:
        return find_pmkid(octets[_KEY_DATA:end])
    except CryptoError:
        return None
