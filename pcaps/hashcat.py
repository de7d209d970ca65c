"""hashcat's lines for a handshake and for a PMKID, mode 22000 (WPA-PBKDF2-PMKID+EAPOL; hashcat.net, wiki: 22000)."""

from typing import Final

from crypto import Akm, Handshake

from .errors import ExportError
from .read.pmkids import Pmkid, Source

_MAX_EAPOL: Final = 255  # octets of EAPOL that hashcat 6.2.6 and hcxpcapngtool take
# The message pair: where ANonce and M2 come from. Bit 7 would tell hashcat to try neighbouring ANonces, since nobody
# compared the replay counters; ours were.
_M1_M2, _M2_M3 = 0x00, 0x02
# Of a PMKID the same field says who named it, as hcxpcapngtool has it since 6.3; older ones leave it empty. hashcat
# needs neither.
_PMKID_SOURCES: Final = {Source.ACCESS_POINT: 0x01, Source.STATION: 0x04}


def hc22000(handshake: Handshake, *, accepted: bool = False) -> str:
    """Return `WPA*02*MIC*AA*SPA*SSID*ANonce*M2*pair` without a line's end; ExportError where mode 22000 has none.

    accepted: the access point went on to M3, so that it has found the MIC right
    """
    if handshake.akm is Akm.FT_PSK:
        raise ExportError("hashcat's mode 22000 has no line for FT-PSK")
    frame = handshake.m2.zeroed
    if len(frame) > _MAX_EAPOL:
        raise ExportError(f"hashcat takes M2s of at most {_MAX_EAPOL} octets, this one has {len(frame)}")
    fields = (
        handshake.m2.mic,
        handshake.aa.value,
        handshake.spa.value,
        handshake.ssid.value,
        handshake.anonce,
        frame,
        bytes([_M2_M3 if accepted else _M1_M2]),
    )
    return "*".join(("WPA", "02", *(octets.hex() for octets in fields)))


def hc22000_pmkid(pmkid: Pmkid) -> str:
    """Return `WPA*01*PMKID*AA*SPA*SSID***source` without a line's end; ExportError where mode 22000 has none."""
    if pmkid.akm is not Akm.PSK:  # its kernel knows HMAC-SHA1 alone (m22000-pure.cl, aux4)
        raise ExportError(f"hashcat's mode 22000 has no line for a PMKID of AKM {pmkid.akm}")
    fields = (pmkid.value, pmkid.aa.value, pmkid.spa.value, pmkid.ssid.value, b"", b"")
    source = bytes([_PMKID_SOURCES[pmkid.source]])
    return "*".join(("WPA", "01", *(octets.hex() for octets in (*fields, source))))
