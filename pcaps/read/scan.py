"""All attempts in a capture, from the air, a wire, or an access point's RADIUS requests.

A capture is read once and to its end, since a network's name may come after the handshake; what is kept of it are names
and attempts, both bounded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from crypto import Akm, Ssid

from .attempts import Attempt, build_attempt, build_pmkid_attempt
from .capture_file import Capture
from .dissect import INTERESTING, Eapol, Joining, Named, dissect, find_akms
from .formats import Flaw, Packet
from .link_layers import (
    ETHERTYPE_EAPOL,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    WIRED,
    WIRELESS,
    Datagram,
    find_datagram,
)
from .pairing import MAX_ATTEMPTS, Answer, KeyFrame, Message, Pairing, parse_key_frame
from .pmkids import HAVE_PMKIDS, SeenPmkid, Source, read_m1
from .roaming import parse_roam

T = TypeVar("T")
Progress = Callable[[int, int], object]  # octets read, of how many (0: nobody knows)

_STEP: Final = 8192  # packets between two reports of progress
_MAX_NAMES: Final = 65_536
_MAX_FLAWS: Final = 100
_PROTECTED: Final = 0x40
_ACCESS_REQUEST: Final = b"\1"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a capture holds."""

    name: str
    packets: int
    attempts: tuple[Attempt, ...]  # in the order of the file
    flaws: tuple[Flaw, ...]  # what of the file could not be read
    more_flaws: int = 0  # beyond the first hundred


def read_handshakes(capture: Capture, *, ssid: Ssid | None = None, progress: Progress | None = None) -> Findings:
    """Return all that a capture holds.

    ssid: of networks that the capture does not name
    """
    scan = _Scan()
    size = capture.size
    for count, each in enumerate(capture):
        if isinstance(each, Packet):
            scan.take(each)
        else:
            scan.flaw(each)
        if progress is not None and not count % _STEP:
            progress(capture.position, size)
    if progress is not None:
        progress(size, size)
    return scan.finish(capture.name, ssid)


class _Scan:
    """What has been found so far."""

    def __init__(self) -> None:
        self._pairing = Pairing()
        self._names: dict[bytes, int] = {}  # BSSID and SSID: the first frame that named it so
        self._joined: dict[bytes, list[tuple[int, bytes | None, int | None]]] = {}  # BSSID and station: SSID, AKM
        self._asked: dict[bytes, Attempt | None] = {}  # by code, identifier, length and authenticator
        self._roams: dict[object, Attempt] = {}
        self._offered: dict[bytes, tuple[int, ...]] = {}  # BSSID: the AKMs of its first beacon
        self._pmkids: dict[bytes, SeenPmkid] = {}  # by BSSID, station and PMKID
        self._flaws: list[Flaw] = []
        self._more_flaws = 0
        self._packets = 0
        self._other_links: set[int] = set()

    def flaw(self, flaw: Flaw) -> None:
        if len(self._flaws) < _MAX_FLAWS:
            self._flaws.append(flaw)
        else:
            self._more_flaws += 1

    def take(self, packet: Packet) -> None:
        """Take in one packet. The first lines are all that most of a large capture needs."""
        self._packets += 1
        octets = packet.octets
        prefix = WIRELESS.get(packet.link.type)
        if prefix is None:
            self._take_wired(packet)
            return
        start = prefix(octets)
        if start is None:
            self.flaw(Flaw(packet.number, "what comes before its 802.11 frame is damaged or cut"))
            return
        if start + 24 > len(octets):
            return
        first = octets[start]
        if first not in INTERESTING or octets[start + 1] & _PROTECTED:
            return
        found = dissect(packet, start)
        if found is None:
            return
        if isinstance(found, Eapol):
            self._take_eapol(packet, found)
        elif isinstance(found, Named):
            self._name(packet.number, found.bssid, found.ssid)
            if found.bssid not in self._offered and len(self._offered) < _MAX_NAMES:
                self._offered[found.bssid] = find_akms(packet, start)
        else:
            self._join(packet.number, packet.time_ns, found, cut=packet.length > len(octets))

    def _take_wired(self, packet: Packet) -> None:
        unwrap = WIRED.get(packet.link.type)
        if unwrap is None:
            if packet.link.type not in self._other_links and len(self._other_links) < _MAX_FLAWS:
                self._other_links.add(packet.link.type)
                self.flaw(Flaw(packet.number, f"link type {packet.link.type} is neither 802.11 nor Ethernet or IP"))
            return
        wire = unwrap(packet.octets)
        if wire is None:
            return
        if wire.ethertype == ETHERTYPE_EAPOL:
            end = min(len(packet.octets), packet.length)
            self._take_eapol(packet, Eapol(wire.source, wire.destination, wire.start, end))
        elif wire.ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            datagram = find_datagram(packet.octets, wire)
            if datagram is not None and packet.octets[datagram.start : datagram.start + 1] == _ACCESS_REQUEST:
                self._take_request(packet, datagram)

    def _take_request(self, packet: Packet, datagram: Datagram) -> None:
        from .access_requests import read_request  # not before the first: it brings the server with it

        head = packet.octets[datagram.start : datagram.start + 20]
        if head in self._asked or len(self._asked) >= MAX_ATTEMPTS:  # access points repeat their questions
            return
        found = read_request(packet, datagram)
        if isinstance(found, Flaw):
            self.flaw(found)
        else:
            self._asked[head] = found

    def _take_eapol(self, packet: Packet, found: Eapol) -> None:
        octets = packet.octets[found.start : found.end]
        frame = parse_key_frame(octets)
        if frame is None:
            return
        if frame.message is Message.M1 and found.sender and found.receiver and not found.damaged:
            value = read_m1(frame)
            if value is not None:
                seen = SeenPmkid(
                    number=packet.number,
                    time_ns=packet.time_ns,
                    value=value,
                    aa=found.sender,
                    spa=found.receiver,
                    source=Source.ACCESS_POINT,
                    key_version=frame.octets[6] & 7,
                )
                self._see(seen)
        self._pairing.add(
            packet.number,
            packet.time_ns,
            frame,
            found.sender,
            found.receiver,
            flaw=_cut(packet, frame),
            damaged=found.damaged,
        )

    def _name(self, number: int, bssid: bytes, ssid: bytes) -> None:
        if len(self._names) < _MAX_NAMES:
            self._names.setdefault(bssid + ssid, number)

    def _see(self, seen: SeenPmkid) -> None:
        if len(self._pmkids) < MAX_ATTEMPTS:
            self._pmkids.setdefault(seen.aa + seen.spa + seen.value, seen)

    def _roam(self, number: int, time_ns: int, found: Joining, ssid: Ssid) -> None:
        """Take note of a fast transition; stations repeat these frames, too."""
        roam = parse_roam(ssid, found.bssid, found.station, found.elements)
        if roam is not None and len(self._roams) < MAX_ATTEMPTS:
            attempt = Attempt(
                number=number,
                time_ns=time_ns,
                station=roam.spa,
                bssid=roam.aa,
                ssid=ssid,
                akm=str(Akm.FT_PSK),
                snonce=roam.snonce,
                roam=roam,
            )
            self._roams.setdefault((roam.aa, roam.spa, roam.snonce), attempt)

    def _join(self, number: int, time_ns: int, found: Joining, *, cut: bool) -> None:
        self._pairing.begin(found.bssid, found.station)
        if found.ssid is not None:
            self._name(number, found.bssid, found.ssid)
            if found.elements and not cut:
                self._roam(number, time_ns, found, Ssid(found.ssid))
        akm = None if found.akm is None else HAVE_PMKIDS.get(found.akm)
        for value in found.pmkids:
            if akm is not None and any(value):
                seen = SeenPmkid(
                    number=number,
                    time_ns=time_ns,
                    value=value,
                    aa=found.bssid,
                    spa=found.station,
                    source=Source.STATION,
                    akm=akm,
                )
                self._see(seen)
        key = found.bssid + found.station
        if key in self._joined or len(self._joined) < _MAX_NAMES:
            heard = self._joined.setdefault(key, [])
            if not heard or heard[-1][1:] != (found.ssid, found.akm):
                heard.append((number, found.ssid, found.akm))
                del heard[:-8]

    def finish(self, name: str, ssid: Ssid | None) -> Findings:
        """Return all of it, each M2 with the SSID that its network had then."""
        names: dict[bytes, list[tuple[int, bytes]]] = {}
        for key, number in self._names.items():
            names.setdefault(key[:6], []).append((number, key[6:]))
        attempts = [self._build(answer, names, ssid) for answer in self._pairing.finish()]
        if self._pairing.lost:
            self.flaw(
                Flaw(self._packets, f"{self._pairing.lost} attempts beyond the first {MAX_ATTEMPTS:,} were left out")
            )
        attempts = [*self._with_requests(attempts), *self._roams.values()]
        attempts += self._without_handshake(attempts, names, ssid)
        attempts.sort(key=lambda attempt: attempt.number)
        return Findings(name, self._packets, tuple(attempts), tuple(self._flaws), self._more_flaws)

    def _with_requests(self, attempts: list[Attempt]) -> list[Attempt]:
        """Return these and what access points asked about, but each handshake once: it is heard on the air, too."""
        merged = {_identity(attempt): attempt for attempt in attempts}
        for attempt in self._asked.values():
            if attempt is None:
                continue
            heard = merged.setdefault(_identity(attempt), attempt)
            if heard.handshake is None and attempt.handshake is not None:
                merged[_identity(attempt)] = replace(attempt, accepted=heard.accepted)
        return list(merged.values())

    def _without_handshake(
        self, attempts: list[Attempt], names: dict[bytes, list[tuple[int, bytes]]], ssid: Ssid | None
    ) -> list[Attempt]:
        """Return the PMKIDs of pairs that have no handshake; that would say more."""
        settled = {
            (attempt.bssid.value, attempt.station.value)
            for attempt in attempts
            if attempt.bssid and attempt.station and (attempt.handshake is not None or not attempt.capture_at_fault)
        }
        found = []
        for seen in self._pmkids.values():
            name, associated = self._resolve(seen.number, seen.aa, seen.spa, names)
            akm = seen.resolve_akm(associated, self._offered.get(seen.aa, ()))
            if akm is not None and (seen.aa, seen.spa) not in settled:
                found.append(build_pmkid_attempt(seen, akm, Ssid(name) if name is not None else ssid))
        return found

    def _build(self, answer: Answer, names: dict[bytes, list[tuple[int, bytes]]], ssid: Ssid | None) -> Attempt:
        name, akm = self._resolve(answer.number, answer.aa, answer.spa, names)
        return build_attempt(answer, Ssid(name) if name is not None else ssid, akm)

    def _resolve(
        self, number: int, aa: bytes | None, spa: bytes | None, names: dict[bytes, list[tuple[int, bytes]]]
    ) -> tuple[bytes | None, int | None]:
        """Return the SSID and the AKM that the two had at that frame, as far as the capture says."""
        heard = self._joined.get(aa + spa, []) if aa is not None and spa is not None else []
        own = [(number, name) for number, name, _ in heard if name is not None]
        name = _nearest(number, own) or (_nearest(number, names.get(aa, [])) if aa else None)
        return name, _nearest(number, [(number, akm) for number, _, akm in heard if akm is not None])


def _identity(attempt: Attempt) -> object:
    """Return what an attempt has in common with itself seen elsewhere."""
    return (attempt.bssid, attempt.station, attempt.snonce) if attempt.snonce is not None else attempt.number


def _nearest(number: int, heard: Iterable[tuple[int, T]]) -> T | None:
    """Return the last value before a frame, else the first after it."""
    before, after = None, None
    for at, value in sorted(heard, key=lambda each: each[0]):
        if at < number:
            before = value
        elif after is None:
            after = value
    return before if before is not None else after


def _cut(packet: Packet, frame: KeyFrame) -> str | None:
    """Return what a frame lacks that is not all there."""
    if len(frame.octets) == frame.length:
        return None
    name = f"the {frame.message.name}"
    if packet.length > len(packet.octets):
        return f"{name} was cut by the snap length: {len(packet.octets)} of {packet.length} octets were captured"
    return f"{name} is damaged: {len(frame.octets)} octets, its header says {frame.length}"
