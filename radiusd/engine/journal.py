"""One line in the log for every decision, as key=value text, and a count of each.

# Rule: no secret enters here, and what came from outside is quoted: see `lines`.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from crypto import Handshake
from provisioning import Nas, code_of

from ..errors import AuthenticityError, DialectError, PacketError, UnsignedError
from ..log.handler import render_failure, write_decisions
from ..log.line_format import quote, quote_name, quote_octets
from ..metrics.counters import Counts
from ..model import Accept, Admit, How, Offer, Reject, Source
from ..state.devices import DEVICES_PER_KEY
from ..state.topology import Client
from ..vendors import device_address, parse_called_station
from .labels import Hit, ReplyLabels, RequestLabels, accept_line
from .rate_limit import LogThrottle, RefusalThrottle
from .transaction import Transaction

log = logging.getLogger("radiusd")

_ROOMS_S = 3600.0  # a phone that changes its address each day adds one each day


class Journal:
    """Writes the log and keeps the counts."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.counts = Counts()
        self._monotonic = monotonic
        self._throttle = LogThrottle()
        self._rooms = LogThrottle(_ROOMS_S)
        self._refusals = RefusalThrottle()

    @property
    def accepted(self) -> Counter[str]:
        """Return how many were let in, by how their key was found."""
        accepted: Counter[str] = Counter()
        for (_, _, outcome, reason), count in self.counts.requests.items():
            if outcome == "accept":
                accepted[reason] += count
        return accepted

    @property
    def rejected(self) -> int:
        """Return how many were not."""
        return sum(count for labels, count in self.counts.requests.items() if labels[2] == "reject")

    def decision(self, transaction: Transaction, ms: float) -> None:
        """Note who was let in and how the key was found, or who was not and why."""
        decision = transaction.decision
        if decision is None:
            return
        if isinstance(decision, Accept):
            request = RequestLabels.of(transaction, decision.how)
            reply = ReplyLabels.of(decision.key, transaction.device.value)
            self.counts.request(request.nas, request.dialect, "accept", request.how.value, ms / 1000)
            write_decisions((accept_line(request, reply, request.measured(ms)),))
        else:
            self._decision_without_key(transaction, decision, ms)

    def _decision_without_key(self, transaction: Transaction, decision: Offer | Admit | Reject, ms: float) -> None:
        name, keys, dialect = transaction.client.nas.name, transaction.keys, transaction.dialect.name
        ssid, device = _asked(transaction)
        where = f"nas={quote_name(name)} venue={quote_name(transaction.venue)} ssid={ssid} device={device}"
        suppressed: int | None = 0
        if isinstance(decision, Offer):
            how, outcome = How.OFFER.value, "accept"
            vlan = "none" if decision.vlan is None else decision.vlan
            text = (
                f"accept who=unknown key={len(decision.keys)}-keys {where} how={how} keys={keys} ms={ms:.2f}"
                f" vlan={vlan} dialect={dialect}"
            )
        else:
            how, outcome = code_of(decision.reason), "admit" if isinstance(decision, Admit) else "reject"
            key = decision.key
            whose = "" if key is None else f" who={quote_name(key.identity)} key={key.id}"
            head = f"{outcome} reason={quote(decision.reason)}{whose} {where}"
            text = f"{head} keys={keys} ms={ms:.2f} dialect={dialect}"
            suppressed = self._refusals.tell(head, name, self._monotonic())
        if transaction.others:
            text += f" also={','.join(transaction.others)}"  # the request shows more than one
        self.counts.request(name, dialect, outcome, how, ms / 1000)
        if suppressed is not None:
            write_decisions((f"{text} suppressed={suppressed}" if suppressed else text,))

    def hits(self, hits: Sequence[Hit], ms: float) -> None:
        """Note requests that the fast path answered, all of them `ms` after they came."""
        measured: dict[RequestLabels, str] = {}
        for request, count in Counter([request for request, _ in hits]).items():
            self.counts.request(request.nas, request.dialect, "accept", request.how.value, ms / 1000, count)
            measured[request] = request.measured(ms)
        write_decisions([accept_line(request, reply, measured[request]) for request, reply in hits])

    def failure(self, source: Source, error: Exception) -> None:
        """Note that a request failed for a mistake of ours. No text of it: that could hold what came in."""
        self.counts.discards["error"] += 1
        log.error("error source=%s place=%s", source, render_failure(error))

    def discard_packet(self, client: Client, source: Source, error: PacketError) -> None:
        """Note a packet of a known NAS that is not answered."""
        name, detail = client.nas.name, str(error)
        if isinstance(error, AuthenticityError):
            detail = f"{detail}: the shared secret of NAS {name} is the likely cause"
            self._discard_throttled("wrong-secret", source, detail, f" nas={quote_name(name)}")
        else:
            cause = "unsigned" if isinstance(error, UnsignedError) else "malformed"
            self._discard_throttled(cause, source, f"{detail} (NAS {name})", f" nas={quote_name(name)}")

    def former_secret(self, client: Client, source: Source) -> None:
        """Note that a NAS still has the secret that is being replaced: one line for each address now and then."""
        self.counts.former_secrets += 1
        name = f"source={source.address}"
        if self._rooms.tell("former-secret", name, self._monotonic()) is not None:
            detail = f"it still uses its former shared secret, which is valid until {client.until:%Y-%m-%d %H:%M} UTC"
            write_decisions(
                (f"secret {name} nas={quote_name(client.nas.name)} detail={quote(detail)}",), logging.WARNING
            )

    def discard_stranger(self, disabled: Nas | None, source: Source, detail: str) -> None:
        """Note a datagram from where no NAS is, or one that is disabled."""
        if disabled is None:
            self.discard("unknown-source", source, detail)
            return
        detail = f"NAS {disabled.name} is disabled: `latchkey nas set` with --enabled has it answered again"
        self._discard_throttled("nas-disabled", source, detail, f" nas={quote_name(disabled.name)}")

    def discard(self, cause: str, source: Source, detail: str) -> None:
        """Note a datagram that gets no answer. `cause` is the name it is counted under, one of few."""
        self._discard_throttled(cause, source, detail, "")

    def discard_one_of_many(self, cause: str, transaction: Transaction, detail: str) -> None:
        """Note a request given up under load; a storm has one line for each NAS now and then."""
        nas = transaction.client.nas.name
        suppressed = self._tell(cause, f"nas={quote_name(nas)}")
        if suppressed is not None:
            ssid, device = _asked(transaction)
            where = f" nas={quote_name(nas)} venue={quote_name(transaction.venue)} ssid={ssid} device={device}"
            _write_discard(cause, transaction.source, f"{detail} (NAS {nas})", suppressed, where)

    def devices_forgotten(self, by_key: Mapping[int, int]) -> None:
        """Note that so many devices of these keys had to make room for others: one line for each key now and then."""
        for key_id, count in by_key.items():
            self.counts.devices_forgotten += count
            if self._rooms.tell("key", str(key_id), self._monotonic()) is not None:
                detail = f"more than {DEVICES_PER_KEY} devices have shown it: those seen longest ago make room"
                write_decisions((f"forget key={key_id} devices={count} detail={quote(detail)}",), logging.WARNING)

    def catch_up(self) -> None:
        """Say how many lines were left out, where no further one came that would."""
        for cause, name, count in self._throttle.overdue(self._monotonic()):
            write_decisions((f"discard cause={cause} {name} suppressed={count}",), logging.WARNING)
        for line, count in self._refusals.overdue(self._monotonic()):
            write_decisions((f"{line} suppressed={count}",))
        for nas, count in self._refusals.floods(self._monotonic()):
            text = f'reject reason="too many for a line each" nas={quote_name(nas)} suppressed={count}'
            write_decisions((text,), logging.WARNING)

    def _discard_throttled(self, cause: str, source: Source, detail: str, where: str) -> None:
        """Count what anybody can send as much of as they like; each address has one line now and then."""
        suppressed = self._tell(cause, f"source={source.address}")
        if suppressed is not None:
            _write_discard(cause, source, detail, suppressed, where)

    def _tell(self, cause: str, name: str) -> int | None:
        self.counts.discards[cause] += 1
        return self._throttle.tell(cause, name, self._monotonic(), f"{name.partition('=')[0]}=others")


def _write_discard(cause: str, source: Source, detail: str, suppressed: int, where: str) -> None:
    more = f", and {suppressed} more before" if suppressed else ""
    text = f"discard cause={cause} source={source} detail={quote(detail + more)}{where}"
    write_decisions((text,), logging.WARNING)


def _asked(transaction: Transaction) -> tuple[str, str]:
    """Return SSID and device of a request, as far as they can be read."""
    subject = transaction.subject
    if subject is not None:
        return quote_octets(subject.ssid.value), str(subject.spa if isinstance(subject, Handshake) else subject.device)
    ssid = device = "unknown"
    with suppress(DialectError):
        ssid = quote_octets(parse_called_station(transaction.request)[1].value)
    with suppress(DialectError):
        device = str(device_address(transaction.request))
    return ssid, device
