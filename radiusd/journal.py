"""One line in the log for every decision, as key=value text, and a count of each.

# Rule: no secret enters here. What came off the air or from a person (SSID, identifiers, names) is quoted, so that it
# can neither break a line nor look like a field.
"""

import logging
import re
from collections import Counter
from contextlib import suppress
from functools import lru_cache

from crypto import Handshake, Ssid

from .case import Case
from .directory import Client
from .errors import AuthenticityError, DialectError, PacketError, UnsignedError
from .model import Accept, Decision, Source
from .vendors import device_address, network

log = logging.getLogger("radiusd")

_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+")


class Journal:
    """Writes the log and keeps the counts: `accepted`, `rejected`, `discarded` by cause, `repeated`."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.discarded: Counter[str] = Counter()
        self.rejected = 0
        self.repeated = 0
        self.status = 0

    def decision(self, case: Case, decision: Decision, ms: float) -> None:
        """Note who was let in and how the key was found, or who was not and why."""
        nas, keys = quote(case.client.nas.name), case.keys
        if isinstance(decision, Accept):
            key = decision.key
            self.accepted[decision.how.value] += 1
            ssid, device = _asked(case)
            vlan = "none" if key.effective_vlan is None else key.effective_vlan
            log.info(
                "accept who=%s key=%d nas=%s ssid=%s device=%s how=%s keys=%d ms=%.2f vlan=%s",
                *(quote(key.identity), key.id, nas, ssid, device, decision.how.value, keys, ms, vlan),
            )
        else:
            self.rejected += 1
            ssid, device = _asked(case)
            venue = "none" if case.venue is None else quote(case.venue)
            log.info(
                "reject reason=%s nas=%s venue=%s ssid=%s device=%s keys=%d ms=%.2f",
                *(quote(decision.reason), nas, venue, ssid, device, keys, ms),
            )

    def discard_packet(self, client: Client, source: Source, error: PacketError) -> None:
        """Note a packet of a known NAS that is not answered."""
        name, detail = client.nas.name, str(error)
        if isinstance(error, AuthenticityError):
            self.discard("wrong-secret", source, f"{detail}: the shared secret of NAS {name} is the likely cause")
        else:
            cause = "unsigned" if isinstance(error, UnsignedError) else "malformed"
            self.discard(cause, source, f"{detail} (NAS {name})")

    def discard(self, cause: str, source: Source, detail: str) -> None:
        """Note a datagram that gets no answer. `cause` is the name it is counted under."""
        self.discarded[cause] += 1
        log.warning("discard cause=%s source=%s detail=%s", cause, source, quote(detail))


def _asked(case: Case) -> tuple[str, str]:
    """Return SSID and device of a request, as far as they can be read."""
    subject = case.subject
    if subject is not None:
        return quote_ssid(subject.ssid), str(subject.spa if isinstance(subject, Handshake) else subject.device)
    ssid = device = "unknown"
    with suppress(DialectError):
        ssid = quote_ssid(network(case.request)[1])
    with suppress(DialectError):
        device = str(device_address(case.request))
    return ssid, device


def quote(text: str) -> str:
    """Return `text` as one value of a key=value line: in quotes, with escapes, where it is not plain."""
    return text if _BARE.fullmatch(text) else _quoted(text)


@lru_cache(maxsize=4096)
def quote_ssid(ssid: Ssid) -> str:
    """Return the SSID as one value: UTF-8 where it is, other octets as \\xNN."""
    return quote(ssid.value.decode("utf-8", "surrogateescape"))


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # an octet that is not UTF-8, as surrogateescape carries it
        return f"\\x{code - 0xDC00:02x}"
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
