"""One line in the log for every decision, as key=value text, and a count of each.

# Rule: no secret enters here. What came off the air or from a person (SSID, identifiers, names) is quoted, so that it
# can neither break a line nor look like a field.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from crypto import Handshake

from .case import Case
from .directory import Client
from .errors import AuthenticityError, DialectError, PacketError, UnsignedError
from .express import Hit
from .model import Accept, Admit, How, Offer, Source
from .ratelimit import Muffler
from .vendors import device_address, network

log = logging.getLogger("radiusd")

_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+").fullmatch


class Journal:
    """Writes the log and keeps the counts: `accepted`, `rejected`, `discarded` by cause, `repeated`."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.discarded: Counter[str] = Counter()
        self.admitted = 0  # with an empty Accept, to ask again
        self.probes = 0  # of devices that try whether the server lives
        self.rejected = 0
        self.repeated = 0
        self.status = 0
        self._muffler = Muffler()

    def decision(self, case: Case, ms: float) -> None:
        """Note who was let in and how the key was found, or who was not and why."""
        decision = case.decision
        nas, keys = quote(case.client.nas.name), case.keys
        ssid, device = _asked(case)
        dialect = case.dialect.name
        if case.others:
            dialect += f" also={','.join(case.others)}"  # the request shows more than one
        if isinstance(decision, Accept | Offer):
            if isinstance(decision, Accept):
                who, key, vlan = quote(decision.key.identity), str(decision.key.id), decision.key.effective_vlan
                how = decision.how.value
            else:
                who, key, vlan, how = "unknown", f"{len(decision.keys)}-keys", decision.vlan, How.OFFER.value
            self.accepted[how] += 1
            write(
                f"accept who={who} key={key} nas={nas} ssid={ssid} device={device}"
                f" how={how} keys={keys} ms={ms:.2f} vlan={'none' if vlan is None else vlan} dialect={dialect}"
            )
        elif isinstance(decision, Admit):
            self.admitted += 1
            reason = quote(decision.reason)
            write(
                f"admit reason={reason} nas={nas} ssid={ssid} device={device} keys={keys} ms={ms:.2f} dialect={dialect}"
            )
        elif decision is not None:
            self.rejected += 1
            venue = "none" if case.venue is None else quote(case.venue)
            write(
                f"reject reason={quote(decision.reason)} nas={nas} venue={venue} ssid={ssid} device={device}"
                f" keys={keys} ms={ms:.2f} dialect={dialect}"
            )

    def hits(self, hits: Sequence[Hit], ms: float) -> None:
        """Note requests that were answered the short way, all in this time."""
        time_ = f"{ms:.2f}"
        for asked, given in hits:
            self.accepted[given.how.value] += 1
            write(
                f"accept who={quote(given.who)} key={given.key_id} nas={quote(asked.nas)} ssid={quote_octets(asked.ssid)}"
                f" device={given.device} how={given.how.value} keys={asked.keys} ms={time_}"
                f" vlan={'none' if given.vlan is None else given.vlan} dialect={asked.dialect}"
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
        write(f"discard cause={cause} source={source} detail={quote(detail)}", logging.WARNING)

    def discard_one_of_many(self, cause: str, case: Case, detail: str, monotonic: float) -> None:
        """Note a request given up under load; a storm has one line for each NAS now and then."""
        nas = case.client.nas.name
        suppressed = self._muffler.tell(cause, nas, monotonic)
        if suppressed is None:
            self.discarded[cause] += 1
        else:
            more = f", and {suppressed} more before" if suppressed else ""
            self.discard(cause, case.source, f"{detail} (NAS {nas}){more}")

    def catch_up(self, monotonic: float) -> None:
        """Say how many lines were left out, where no further one came that would."""
        for cause, nas, count in self._muffler.overdue(monotonic):
            write(f"discard cause={cause} nas={quote(nas)} suppressed={count}", logging.WARNING)


def _asked(case: Case) -> tuple[str, str]:
    """Return SSID and device of a request, as far as they can be read."""
    subject = case.subject
    if subject is not None:
        return quote_octets(subject.ssid.value), str(subject.spa if isinstance(subject, Handshake) else subject.device)
    ssid = device = "unknown"
    with suppress(DialectError):
        ssid = quote_octets(network(case.request)[1].value)
    with suppress(DialectError):
        device = str(device_address(case.request))
    return ssid, device


class _Line(logging.LogRecord):
    """A record that says nothing about its caller: making that out costs more than all the rest of a line."""

    def __init__(self, level: int, text: str) -> None:
        self.__dict__.update(_BLANK)
        self.levelno = level
        self.levelname = logging.getLevelName(level)
        self.msg = text
        self.created = now = time.time()
        self.msecs = now % 1 * 1000


_BLANK = logging.LogRecord(log.name, logging.INFO, __file__, 0, "", None, None).__dict__


def write(text: str, level: int = logging.INFO) -> None:
    """Log one line."""
    if log.isEnabledFor(level):
        log.handle(_Line(level, text))


def quote(text: str) -> str:
    """Return `text` as one value of a key=value line: in quotes, with escapes, where it is not plain."""
    if _BARE(text):
        return text
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_escape, text)) + '"'


@lru_cache(maxsize=4096)
def quote_octets(octets: bytes) -> str:
    """Return an SSID as one value: UTF-8 where it is, other octets as \\xNN."""
    return quote(octets.decode("utf-8", "surrogateescape"))


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # an octet that is not UTF-8, as surrogateescape carries it
        return f"\\x{code - 0xDC00:02x}"
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
