"""A station's try to get in, as the capture shows it: a handshake, transition or PMKID to test, or why not."""

from dataclasses import dataclass, field, replace
from typing import Final

from crypto import (
    Akm,
    CryptoError,
    EapolKey,
    Handshake,
    MacAddress,
    Ssid,
    UnsupportedAkm,
    find_elements,
    suite_name,
)

from .pairing import MIC_START, Answer, mic_length
from .pmkids import Pmkid, SeenPmkid
from .roaming import Roam

_MIC: Final = 16  # octets, of every AKM that can be searched
DAMAGED: Final = "the M2 was damaged on the air, its FCS is wrong"
_UNNAMED, _NOBODY, _NO_NONCE = Ssid(b"?"), MacAddress(bytes(6)), bytes(32)  # to ask whether the rest can be tested
_NO_SSID: Final = "no SSID: nothing in the capture names the network; use --ssid"
Testable = Handshake | Roam | Pmkid


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A station's try to get in: an M2 with what belongs to it in the capture; a fast transition; a PMKID."""

    number: int  # the frame of the M2, of the request that carries it, of the transition, or of the PMKID
    time_ns: int
    station: MacAddress | None = None
    bssid: MacAddress | None = None
    ssid: Ssid | None = None
    akm: str | None = None
    snonce: bytes | None = None  # no two attempts of a station share one
    handshake: Handshake | None = field(default=None, repr=False)
    roam: Roam | None = field(default=None, repr=False)
    pmkid: Pmkid | None = None
    reason: str | None = None  # why there is no handshake to test
    capture_at_fault: bool = False  # that reason is a fault of the capture, not a property of the network
    accepted: bool = False  # an M3 followed: the access point has found the MIC right
    damaged: bool = False  # its FCS was wrong, so that a MIC that nobody's key makes says nothing

    @property
    def testable(self) -> "Testable | None":
        """What a key can be tested on."""
        return self.handshake or self.roam or self.pmkid

    @property
    def how(self) -> str | None:
        """By what a key is found, where that is no 4-way handshake."""
        return "transition" if self.roam is not None else "pmkid" if self.pmkid is not None else None

    @classmethod
    def of(cls, number: int, time_ns: int, handshake: Handshake) -> "Attempt":
        """Return the attempt of a handshake that came whole."""
        return cls(
            number=number,
            time_ns=time_ns,
            station=handshake.spa,
            bssid=handshake.aa,
            ssid=handshake.ssid,
            akm=str(handshake.akm),
            snonce=handshake.m2.snonce,
            handshake=handshake,
        )


def build_attempt(answer: Answer, ssid: Ssid | None, announced: int | None) -> Attempt:
    """Return the attempt that an M2 was, with a handshake where one can be tested.

    announced: the AKM suite with which the station associated, for an M2 that is too damaged to say
    """
    attempt = Attempt(
        number=answer.number,
        time_ns=answer.time_ns,
        station=None if answer.spa is None else MacAddress(answer.spa),
        bssid=None if answer.aa is None else MacAddress(answer.aa),
        ssid=ssid,
        akm=None if announced is None else suite_name(announced),
        snonce=answer.frame.nonce,
        accepted=answer.accepted,
        damaged=answer.damaged,
    )
    if answer.flaw is not None:
        return refuse(attempt, answer.flaw)
    octets = answer.frame.octets
    mic = mic_length(octets)
    if mic is not None and mic != _MIC:
        octets = _with_short_mic(octets, mic)
    try:
        # Whether it can be tested at all depends on neither names nor nonces, so that comes first.
        akms = _akms(octets)
        if akms:
            attempt = replace(attempt, akm=suite_name(akms[0]))
        handshake = Handshake.of(
            ssid=ssid or _UNNAMED,
            aa=attempt.bssid or _NOBODY,
            spa=attempt.station or _NOBODY,
            anonce=answer.anonce or _NO_NONCE,
            m2=EapolKey.decode(octets),
            akm_hint=announced,
        )
    except UnsupportedAkm as error:
        return refuse(attempt, str(error), capture_at_fault=False)
    except CryptoError as error:
        return refuse(attempt, f"the M2 is damaged: {error}")
    attempt = replace(attempt, akm=str(handshake.akm))
    missing = _missing(answer, attempt, mic)
    return replace(attempt, handshake=handshake) if missing is None else refuse(attempt, missing)


def _missing(answer: Answer, attempt: Attempt, mic: int | None) -> str | None:
    """Return what a handshake lacks that could be tested otherwise; `mic`: octets of its MIC."""
    if mic != _MIC:
        return f"the M2 has a MIC of {mic} octets, AKM {attempt.akm} one of {_MIC}"
    if answer.anonce is None:
        return f"no ANonce: {answer.missing}"
    if attempt.bssid is None or attempt.station is None:
        return "the capture does not keep the addresses of both sides"
    return _NO_SSID if attempt.ssid is None else None


def build_pmkid_attempt(seen: SeenPmkid, akm: Akm, ssid: Ssid | None) -> Attempt:
    """Return the attempt of which a PMKID is all that can be tested."""
    aa, spa = MacAddress(seen.aa), MacAddress(seen.spa)
    attempt = Attempt(number=seen.number, time_ns=seen.time_ns, station=spa, bssid=aa, ssid=ssid, akm=str(akm))
    if ssid is None:
        return refuse(attempt, _NO_SSID)
    pmkid = Pmkid(value=seen.value, akm=akm, ssid=ssid, aa=aa, spa=spa, source=seen.source)
    return replace(attempt, pmkid=pmkid)


def refuse(attempt: Attempt, reason: str, *, capture_at_fault: bool = True) -> Attempt:
    """Return the attempt as one that cannot be tested; `capture_at_fault`: because the capture is at fault."""
    if attempt.damaged:
        reason, capture_at_fault = DAMAGED, True
    return replace(
        attempt, reason=f"frame {attempt.number}: {reason}", capture_at_fault=capture_at_fault, handshake=None
    )


def _akms(octets: bytes) -> tuple[int, ...]:
    """Return the AKM suites that the station names in its M2."""
    elements = find_elements(octets[MIC_START + _MIC + 2 :])
    if elements.rsne is not None and elements.rsne.akms:
        return elements.rsne.akms
    return elements.wpa.akms if elements.wpa is not None else ()


def _with_short_mic(octets: bytes, mic: int) -> bytes:
    """Return a frame with another MIC's length as one with a MIC of 16 octets, so that its elements can be read."""
    end = MIC_START + mic
    octets = octets[:MIC_START] + octets[MIC_START:end].ljust(_MIC, b"\x01")[:_MIC] + octets[end:]
    return octets[:2] + (len(octets) - 4).to_bytes(2) + octets[4:]
