"""Elements of management frames and of an EAPOL-Key frame's key data: RSNE, WPA1's vendor element, MDE, FTE, KDEs.

What is refused and what is let pass follows hostapd's parsers (wpa_parse_kde_ies, wpa_parse_wpa_ie_rsn,
wpa_ft_parse_ftie): a frame that an access point accepted must not fail here, and the rest must. Clauses are those of
IEEE Std 802.11-2016.
"""

# Rule: every length is checked against what is left of its element, and every loop advances by two octets or more.

import enum
import functools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from .errors import ElementError


class ElementId(enum.IntEnum):
    """Element identifiers (9.4.2.1)."""

    SSID = 0
    SUPPORTED_RATES = 1
    DSSS_PARAMETERS = 3
    TIM = 5
    ERP = 42
    RSN = 48
    EXTENDED_RATES = 50
    MOBILITY_DOMAIN = 54
    FAST_BSS_TRANSITION = 55
    TIMEOUT_INTERVAL = 56
    VENDOR_SPECIFIC = 221


_WPA_VERSION_1: Final = bytes.fromhex("0050f2010100")
_PMKID_KDE: Final = bytes.fromhex("000fac04")  # 12.7.2, table 12-6
_PMKID: Final = 16
_R1KH_ID: Final = 1
_R0KH_ID: Final = 3
_FTE_FIXED: Final = 2 + 16 + 32 + 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Rsne:
    """RSN element (9.4.2.25). It may end after any field: absent lists are empty, numbers None."""

    version: int = 1
    group: int | None = None
    pairwise: tuple[int, ...] = ()
    akms: tuple[int, ...] = ()
    capabilities: int | None = None
    pmkids: tuple[bytes, ...] = ()
    group_management: int | None = None

    @classmethod
    def decode(cls, body: bytes) -> "Rsne":
        """Return the element whose body (after ID and length) is `body`; ElementError where its counts overrun."""
        fields = _Fields("RSNE", body)
        version = fields.number("version")
        if version != 1:
            raise ElementError(f"RSNE: version {version} instead of 1")
        group = fields.suite("group cipher") if fields.left else None
        pairwise = fields.suites("pairwise cipher") if fields.left else ()
        akms = fields.suites("AKM") if fields.left else ()
        # hostapd ignores one stray octet after the AKM list, after the capabilities and after the PMKIDs.
        capabilities = fields.number("capabilities") if fields.left >= 2 else None
        pmkids = fields.pmkids() if fields.left >= 2 else ()
        management = fields.suite("group management cipher") if fields.left >= 4 else None
        return cls(
            version=version,
            group=group,
            pairwise=pairwise,
            akms=akms,
            capabilities=capabilities,
            pmkids=pmkids,
            group_management=management,
        )

    def encode(self) -> bytes:
        """Return the whole element; it ends after the last field that is set."""
        octets = [
            _suite(self.group),
            _suites(self.pairwise),
            _suites(self.akms),
            None if self.capabilities is None else struct.pack("<H", self.capabilities),
            struct.pack("<H", len(self.pmkids)) + b"".join(self.pmkids),
            _suite(self.group_management),
        ]
        if self.group_management is None and not self.pmkids:
            del octets[4:]
        return encode_element(ElementId.RSN, struct.pack("<H", self.version) + _without_tail(octets))


@dataclass(frozen=True, slots=True, kw_only=True)
class WpaElement:
    """WPA1's vendor element 00:50:F2 type 1 (WPA, version 1: the Wi-Fi Alliance's draft of 802.11i)."""

    group: int | None = None
    pairwise: tuple[int, ...] = ()
    akms: tuple[int, ...] = ()

    @classmethod
    def decode(cls, body: bytes) -> "WpaElement":
        """Return the element whose body, from the OUI on, is `body`."""
        fields = _Fields("WPA element", body, len(_WPA_VERSION_1))
        group = fields.suite("group cipher") if fields.left else None
        pairwise = fields.suites("pairwise cipher") if fields.left else ()
        akms = fields.suites("AKM") if fields.left else ()
        return cls(group=group, pairwise=pairwise, akms=akms)  # what follows (capabilities) says nothing of the MIC

    def encode(self) -> bytes:
        """Return the whole element; it ends after the last field that is set."""
        octets = [_suite(self.group), _suites(self.pairwise), _suites(self.akms)]
        return encode_element(ElementId.VENDOR_SPECIFIC, _WPA_VERSION_1 + _without_tail(octets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mde:
    """Mobility domain element (9.4.2.47)."""

    mdid: bytes
    capability: int = 0

    @classmethod
    def decode(cls, body: bytes) -> "Mde":
        """Return the element whose body is `body`; octets after the third are a later standard's."""
        if len(body) < 3:
            raise ElementError(f"MDE: {len(body)} octets < 3")
        return cls(mdid=body[:2], capability=body[2])

    def encode(self) -> bytes:
        """Return the whole element."""
        return encode_element(ElementId.MOBILITY_DOMAIN, self.mdid + bytes([self.capability]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fte:
    """Fast BSS transition element with a MIC of 16 octets (9.4.2.48)."""

    mic_control: bytes = bytes(2)
    mic: bytes = bytes(16)
    anonce: bytes = bytes(32)
    snonce: bytes = bytes(32)
    r1kh_id: bytes | None = None
    r0kh_id: bytes | None = None

    @classmethod
    def decode(cls, body: bytes) -> "Fte":
        """Return the element whose body is `body`; of its subelements only R1KH-ID and R0KH-ID are kept."""
        if len(body) < _FTE_FIXED:
            raise ElementError(f"FTE: {len(body)} octets < {_FTE_FIXED}")
        r1kh_id = r0kh_id = None
        for offset, identifier, value in walk_elements(body, _FTE_FIXED, what="FTE subelement"):
            if identifier == _R1KH_ID:
                if len(value) != 6:
                    raise ElementError(f"FTE offset {offset}: R1KH-ID of {len(value)} octets instead of 6")
                r1kh_id = value
            elif identifier == _R0KH_ID:
                if not 1 <= len(value) <= 48:
                    raise ElementError(f"FTE offset {offset}: R0KH-ID of {len(value)} octets instead of 1 to 48")
                r0kh_id = value
        return cls(
            mic_control=body[:2],
            mic=body[2:18],
            anonce=body[18:50],
            snonce=body[50:82],
            r1kh_id=r1kh_id,
            r0kh_id=r0kh_id,
        )

    def encode(self) -> bytes:
        """Return the whole element, R1KH-ID before R0KH-ID as hostapd and wpa_supplicant write it."""
        body = self.mic_control + self.mic + self.anonce + self.snonce
        if self.r1kh_id is not None:
            body += encode_element(_R1KH_ID, self.r1kh_id)
        if self.r0kh_id is not None:
            body += encode_element(_R0KH_ID, self.r0kh_id)
        return encode_element(ElementId.FAST_BSS_TRANSITION, body)


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of an M2 that decide how its MIC was made."""

    rsne: Rsne | None = None
    wpa: WpaElement | None = None
    mde: Mde | None = None
    fte: Fte | None = None


@functools.lru_cache(maxsize=1024)  # a station sends the same elements each time it meets this BSSID
def find_elements(key_data: bytes) -> Elements:
    """Return what `key_data` holds; of an element that repeats the last counts, as in hostapd.

    12.7.2: padding is DD followed by zeros, so DD 00 or a last octet ends the walk.
    """
    rsne = wpa = mde = fte = None
    for _, identifier, body in walk_elements(key_data, what="key data element"):
        if identifier == ElementId.RSN:
            rsne = Rsne.decode(body)
        elif identifier == ElementId.MOBILITY_DOMAIN:
            mde = Mde.decode(body)
        elif identifier == ElementId.FAST_BSS_TRANSITION:
            fte = Fte.decode(body)
        elif identifier == ElementId.VENDOR_SPECIFIC and not body:
            break
        elif identifier == ElementId.VENDOR_SPECIFIC and body.startswith(_WPA_VERSION_1):
            wpa = WpaElement.decode(body)
    return Elements(rsne, wpa, mde, fte)


def encode_element(identifier: int, body: bytes) -> bytes:
    """Return element or subelement `identifier` around `body`, 255 octets at most."""
    return bytes([identifier, len(body)]) + body


class Element(NamedTuple):
    """One element or subelement."""

    offset: int
    identifier: int
    body: bytes


def walk_elements(octets: bytes, start: int = 0, end: int | None = None, *, what: str = "element") -> Iterator[Element]:
    """Yield the elements in octets[start:end]; ElementError at one that overruns it, which comes after those before it.

    One stray octet at the end is ignored, as in hostapd.
    """
    end = len(octets) if end is None else min(end, len(octets))
    offset = start
    while end - offset >= 2:
        following = offset + 2 + octets[offset + 1]
        if following > end:
            left = end - offset - 2
            raise ElementError(f"{what} {octets[offset]} at offset {offset}: length {octets[offset + 1]} > {left} left")
        yield Element(offset, octets[offset], octets[offset + 2 : following])
        offset = following


def find_pmkid(key_data: bytes) -> bytes | None:
    """Return the PMKID that an M1's key data names in a KDE (12.7.6.2); ElementError where its lengths overrun.

    None also for zeros, which some access points send and which name nothing.
    """
    for _, identifier, body in walk_elements(key_data, what="key data element"):
        if identifier == ElementId.VENDOR_SPECIFIC and not body:
            break
        if identifier == ElementId.VENDOR_SPECIFIC and body.startswith(_PMKID_KDE):
            pmkid = body[len(_PMKID_KDE) :]
            return pmkid if len(pmkid) == _PMKID and any(pmkid) else None
    return None


def _suite(selector: int | None) -> bytes | None:
    return None if selector is None else struct.pack(">I", selector)


def _suites(selectors: tuple[int, ...]) -> bytes | None:
    return struct.pack("<H", len(selectors)) + struct.pack(f">{len(selectors)}I", *selectors) if selectors else None


def _without_tail(fields: list[bytes | None]) -> bytes:
    """Return the fields joined, without the absent ones at the end."""
    while fields and fields[-1] is None:
        fields.pop()
    present = [field for field in fields if field is not None]
    if len(present) != len(fields):
        raise ValueError("a field is set after one that is not")
    return b"".join(present)


class _Fields:
    """Read the fields of one RSNE or WPA element in order."""

    __slots__ = ("_body", "_name", "_offset")

    def __init__(self, name: str, body: bytes, offset: int = 0) -> None:
        self._name, self._body, self._offset = name, body, offset

    @property
    def left(self) -> int:
        return len(self._body) - self._offset

    def _take(self, what: str, length: int) -> bytes:
        if length > self.left:
            raise ElementError(f"{self._name} offset {self._offset}: {what} needs {length} octets, {self.left} left")
        start = self._offset
        self._offset += length
        return self._body[start : self._offset]

    def number(self, what: str) -> int:
        return int.from_bytes(self._take(what, 2), "little")

    def suite(self, what: str) -> int:
        return int.from_bytes(self._take(what, 4), "big")

    def suites(self, what: str) -> tuple[int, ...]:
        offset = self._offset
        count = self.number(f"{what} count")
        if count == 0:
            raise ElementError(f"{self._name} offset {offset}: {what} list is empty")
        octets = self._take(f"{what} list", 4 * count)
        return struct.unpack(f">{count}I", octets)

    def pmkids(self) -> tuple[bytes, ...]:
        count = self.number("PMKID count")
        octets = self._take("PMKID list", 16 * count)
        return tuple(octets[start : start + 16] for start in range(0, 16 * count, 16))
