"""Accounting-Requests to answers and lines of the log (RFC 2866, RFC 2869 5.1 and 5.2, RFC 5080 2.2.2).

Datagram in, datagram out: owns no socket, no thread and no database; time comes as an argument. Nothing is kept of a
session. What is kept is which key a device used, where its access point says so: that device's next lookup has an
answer then, although nobody registered it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto import MacAddress, Ssid
from provisioning import Key, ProvisioningError, Venue

from ..ciphers import decrypt_salted
from ..codec import (
    ACCOUNTING_RESPONSE,
    STATUS_SERVER,
    decode_accounting,
    encode_accounting_response,
    encode_reply,
)
from ..config import Config
from ..errors import AuthenticityError, DialectError, PacketError, UnsignedError
from ..log.handler import write_decisions
from ..log.line_format import quote, quote_name, quote_octets
from ..metrics.counters import OTHERS
from ..model import Request, Source
from ..state.index import Index
from ..state.replays import WINDOW_S
from ..state.topology import Client
from ..vendors import DIALECTS, device_address, parse_called_station
from .journal import Journal
from .rate_limit import LogThrottle, RateLimit

_CLASS, _NAS_IDENTIFIER, _CHARGEABLE_USER_IDENTITY = 25, 32, 89
_STATUS_TYPE, _INPUT, _OUTPUT, _SESSION_ID, _SESSION_TIME = 40, 42, 43, 44, 46
_DELAY_TIME, _INPUT_GIGAWORDS, _OUTPUT_GIGAWORDS, _EVENT_TIMESTAMP = 41, 52, 53, 55
_STATUSES: Final = {1: "start", 2: "stop", 3: "interim", 7: "on", 8: "off"}  # others exist, and go by their number
_NAMED: Final = frozenset(_STATUSES.values())
_USING: Final = frozenset({"start", "interim"})  # not stop, which can come after the device has changed its key
_OF_THE_NAS: Final = frozenset({"on", "off"})
_KEY_NAME = re.compile(rb"key-([1-9][0-9]{0,17})").fullmatch
_QUIET_S, _QUIET_NAMES = 300.0, 1024  # an access point that names a wrong key does so with every interim report
# The salted cipher of an Accounting-Request: its authenticator is made last, out of what this encrypts, and counts as
# zero meanwhile (RFC 2866 3). So does FreeRADIUS's client; that UniFi does is unverified.
_NO_AUTHENTICATOR = bytes(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an Accounting-Request says, None where it does not."""

    status: str
    nas: str
    venue: Venue | None
    ssid: Ssid | None
    device: MacAddress | None
    session: bytes | None
    key_id: int | None  # as our Accept named it in Class or Chargeable-User-Identity
    input_octets: int | None  # from the device
    output_octets: int | None
    seconds: int | None

    def __str__(self) -> str:
        session = None if self.session is None else quote(self.session.decode("utf-8", "surrogateescape"))
        counts = (("key", self.key_id), ("input", self.input_octets), ("output", self.output_octets))
        said = (("session", session), *counts, ("seconds", self.seconds))
        return self.place + "".join(f" {name}={value}" for name, value in said if value is not None)

    @property
    def place(self) -> str:
        """Return where it comes from, as the log has it."""
        place = f"nas={quote_name(self.nas)} venue={quote_name(None if self.venue is None else self.venue.name)}"
        if self.status in _OF_THE_NAS:
            return place
        ssid = "unknown" if self.ssid is None else quote_octets(self.ssid.value)
        return f"{place} ssid={ssid} device={'unknown' if self.device is None else self.device}"


class Accounting:
    """Datagram in, datagram out, as the engine is for Access-Requests."""

    def __init__(self, index: Index, monotonic: Callable[[], float], *, journal: Journal | None = None) -> None:
        self.index = index
        self.journal = Journal(monotonic) if journal is None else journal
        self._monotonic = monotonic
        self._status_limit = RateLimit()
        self._throttle = LogThrottle(_QUIET_S, _QUIET_NAMES)

    def configure(self, config: Config) -> None:
        """Take over new limits."""
        self._status_limit.limit(config.status.per_second, config.status.burst)

    def catch_up(self) -> None:
        """Say in the log what was left unsaid; to be called now and then."""
        for _, place, count in self._throttle.overdue(self._monotonic()):
            write_decisions((f"ignore {place} suppressed={count}",))

    def handle(self, datagram: bytes, source: Source, now: datetime) -> bytes | None:
        """Return the reply, None where there is none: what is wrong or cannot be noted is not acknowledged."""
        client = self.index.client(source.address)
        if client is None:
            self.journal.discard_stranger(self.index.disabled(source.address), source, "no NAS has this address")
            return None
        try:
            return self._answer(datagram, source, client, now)
        except PacketError as error:
            self.journal.discard_packet(client, source, error)
        except ProvisioningError as error:
            self.journal.discard("store", source, str(error))
        return None

    def _answer(self, datagram: bytes, source: Source, client: Client, now: datetime) -> bytes | None:
        started = self._monotonic()
        client, request = _decode(datagram, client, now)
        if request.code == STATUS_SERVER:
            return self._answer_status(request, source, client, started)
        if (age := _age(request, now)) is not None and abs(age) > WINDOW_S:
            detail = f"its Event-Timestamp is {abs(age):.0f} s {'ago' if age > 0 else 'ahead'} (NAS {client.nas.name})"
            self.journal.discard("stale", source, detail)
            return None
        reply = encode_accounting_response(request, client.secret)
        if self.index.replays.seen(client.nas.id, request.authenticator, started):
            self.journal.counts.duplicates += 1
            return reply
        report = self._read(request, client)
        self._learn(report, request, client, now)
        self.journal.counts.accounting[report.status if report.status in _NAMED else OTHERS] += 1
        if report.status != "interim":  # a line for each device and minute would hide the others
            write_decisions((f"accounting status={report.status} {report}",))
        self.index.replays.note(client.nas.id, request.authenticator, started)
        return reply

    def _answer_status(self, request: Request, source: Source, client: Client, monotonic: float) -> bytes | None:
        """Return an Accounting-Response (RFC 5997 3): the same question has the same answer, so none is kept."""
        if not request.signed:
            raise UnsignedError("Status-Server without Message-Authenticator")
        if not self._status_limit.allows(source.address, monotonic):
            self.journal.discard("status-rate", source, f"too many Status-Server requests (NAS {client.nas.name})")
            return None
        self.journal.counts.status += 1
        return encode_reply(request, ACCOUNTING_RESPONSE, (), client.secret)

    def _read(self, request: Request, client: Client) -> Report:
        """Return what a request says; PacketError where it must not be answered (RFC 2866 5)."""
        number = _integer(request, _STATUS_TYPE, "Acct-Status-Type")
        if number is None:
            raise PacketError("no Acct-Status-Type")
        ssid = device = None
        with suppress(DialectError):
            ssid = parse_called_station(request)[1]
        with suppress(DialectError):
            device = device_address(request)
        return Report(
            status=_STATUSES.get(number, str(number)),
            nas=client.nas.name,
            venue=self.index.venue(client.nas, request.first(_NAS_IDENTIFIER)),
            ssid=ssid,
            device=device,
            session=request.first(_SESSION_ID),
            key_id=_named(request),
            input_octets=_octets(request, _INPUT, _INPUT_GIGAWORDS, "Acct-Input"),
            output_octets=_octets(request, _OUTPUT, _OUTPUT_GIGAWORDS, "Acct-Output"),
            seconds=_integer(request, _SESSION_TIME, "Acct-Session-Time"),
        )

    def _learn(self, report: Report, request: Request, client: Client, now: datetime) -> None:
        """Remember which key the device uses, where the access point names one that it may use there."""
        if report.status not in _USING:
            return

        def decrypt(value: bytes, *, tagged: bool = True) -> bytes:
            return decrypt_salted(value, _NO_AUTHENTICATOR, client.secret, tagged=tagged)

        dialect = DIALECTS.get(client.nas.profile)  # another's access points were given no such name
        if dialect is None:
            return
        try:
            name = dialect.decode_session_key_name(request, decrypt)
        except (DialectError, PacketError) as error:
            self._ignore(report, None, str(error))
            return
        if name is None:
            return
        key_id = _parse_key_name(name)
        if key_id is None:
            self._ignore(report, None, "not a name that Latchkey gave")
            return
        key = self._find(report, key_id)
        if report.ssid is None:
            self._ignore(report, key_id, "no SSID in Called-Station-Id")
        elif report.device is None:
            self._ignore(report, key_id, "no device address")
        elif key is None:
            self._ignore(report, key_id, "no key of this SSID here")
        elif key_id not in self.index.devices.keys(key.keypool_id, report.device):
            refusal = self._refuse_key(key, report.device, client, now)
            if refusal is not None:
                self._ignore(report, key_id, refusal)
                return
            self.index.learn(key.keypool_id, report.device, key_id)
            write_decisions((f"learn who={quote(key.identity)} key={key_id} {report.place}",))

    def _refuse_key(self, key: Key, device: MacAddress, client: Client, now: datetime) -> str | None:
        """Return why a device is not remembered with a key on the word of its access point, None where it is."""
        if self.index.devices.registered(key.keypool_id, device) is not None:
            return "this device is registered with another key"
        if not self.index.offers.made(client.nas.id, device, key.id, now):
            return "this key was not offered for this device"
        return key.refusal(device, client.names, now)

    def _find(self, report: Report, key_id: int) -> Key | None:
        """Return the key, if it is of a keypool that is valid where the report comes from."""
        if report.ssid is None:
            return None
        for _, pool in self.index.keyrings(report.venue, report.ssid):
            if key_id in pool:
                return self.index.key(key_id)
        return None

    def _ignore(self, report: Report, key_id: int | None, reason: str) -> None:
        """Log that a device is not remembered, once for each and now and then."""
        place = f"key={'unknown' if key_id is None else key_id} {report.place}"
        if self._throttle.tell("ignore", place, self._monotonic(), "device=others") is not None:
            write_decisions((f"ignore reason={quote(reason)} {place}",))


def _named(request: Request) -> int | None:
    """Return the key that our Accept named, as the access point repeats it; hostapd does not repeat Class."""
    for kind in (_CLASS, _CHARGEABLE_USER_IDENTITY):
        for value in request.every(kind):
            key_id = _parse_key_name(value)
            if key_id is not None:
                return key_id
    return None


def _parse_key_name(name: bytes) -> int | None:
    match = _KEY_NAME(name)
    return None if match is None else int(match[1])


def _decode(datagram: bytes, client: Client, now: datetime) -> tuple[Client, Request]:
    """Return a report, and the NAS with the secret that it is made with."""
    try:
        return client, decode_accounting(datagram, client.secret)
    except AuthenticityError:
        for former in client.at(now)[1:]:
            with suppress(AuthenticityError):
                return former, decode_accounting(datagram, former.secret)
        raise


def _age(request: Request, now: datetime) -> float | None:
    """Return how many seconds ago the NAS sent a request, None where it does not say when the event was.

    One that it had to keep for a while says for how long in Acct-Delay-Time (RFC 2866 5.2).
    """
    event = _integer(request, _EVENT_TIMESTAMP, "Event-Timestamp")
    if event is None:
        return None
    return now.timestamp() - event - (_integer(request, _DELAY_TIME, "Acct-Delay-Time") or 0)


def _integer(request: Request, kind: int, name: str) -> int | None:
    value = request.first(kind)
    if value is None:
        return None
    if len(value) != 4:
        raise PacketError(f"{name} of {len(value)} octets, 4 are an integer")
    return int.from_bytes(value)


def _octets(request: Request, low: int, high: int, name: str) -> int | None:
    octets = _integer(request, low, f"{name}-Octets")
    gigawords = _integer(request, high, f"{name}-Gigawords")
    return None if octets is None and gigawords is None else (gigawords or 0) << 32 | (octets or 0)
