"""Duplicate requests (RFC 5080 2.2.2): one answer per request, the same octets however often it is asked."""

from collections import OrderedDict

from ..model import Request, Source

LIFETIME_S = 30.0
CAPACITY = 65_536

# A source can have 256 requests of a code outstanding, one for each identifier (RFC 2865 section 3).
_Slot = tuple[Source, int, int]


class Exchange:
    """One request on its way to an answer. `reply` is None while it is being worked on."""

    __slots__ = ("_authenticator", "_fingerprint", "opened", "reply", "slot", "superseded")

    def __init__(self, slot: _Slot, authenticator: bytes, fingerprint: int, opened: float) -> None:
        self.slot = slot
        self._authenticator = authenticator
        self._fingerprint = fingerprint
        self.opened = opened
        self.reply: bytes | None = None
        self.superseded = False  # its identifier was used again: nobody waits for this answer

    def repeats(self, authenticator: bytes, fingerprint: int) -> bool:
        # A retransmission is the same packet (RFC 2865 2.5), so the octets are compared too: an access point whose
        # Request Authenticators repeat must not be given one station's key for another's handshake.
        return authenticator == self._authenticator and fingerprint == self._fingerprint


class DuplicateCache:
    """The exchanges of the last seconds, oldest first, at most `capacity` of them."""

    def __init__(self, capacity: int = CAPACITY, lifetime_s: float = LIFETIME_S) -> None:
        self._capacity = capacity
        self._lifetime_s = lifetime_s
        self._exchanges: OrderedDict[_Slot, Exchange] = OrderedDict()

    def __len__(self) -> int:
        return len(self._exchanges)

    def limit(self, capacity: int, lifetime_s: float) -> None:
        """Keep so many from now on, for so long."""
        self._capacity, self._lifetime_s = capacity, lifetime_s

    def repeated(self, source: Source, request: Request, monotonic: float) -> Exchange | None:
        """Return the exchange that this request repeats, or None for a new request."""
        exchange = self._exchanges.get((source, request.code, request.identifier))
        if exchange is None or exchange.opened + self._lifetime_s < monotonic:
            return None
        return exchange if exchange.repeats(request.authenticator, hash(request.octets)) else None

    def open(self, source: Source, request: Request, monotonic: float) -> Exchange:
        """Return a new exchange; an earlier one under the same identifier is dead from now on."""
        slot = (source, request.code, request.identifier)
        exchange = Exchange(slot, request.authenticator, hash(request.octets), monotonic)
        exchanges = self._exchanges
        former = exchanges.pop(slot, None)
        if former is not None:
            former.superseded = True
        exchanges[slot] = exchange
        self._expire(monotonic)
        return exchange

    def supersede(self, source: Source, code: int, identifier: int) -> None:
        """End the exchange under this identifier, if there is one: another request was answered under it."""
        former = self._exchanges.pop((source, code, identifier), None)
        if former is not None:
            former.superseded = True

    def forget(self, exchange: Exchange) -> None:
        """Drop an exchange that will have no answer, so that a retransmission gets another try."""
        if self._exchanges.get(exchange.slot) is exchange:
            del self._exchanges[exchange.slot]

    def _expire(self, monotonic: float) -> None:
        oldest = monotonic - self._lifetime_s
        while self._exchanges:
            exchange = next(iter(self._exchanges.values()))
            if exchange.opened >= oldest and len(self._exchanges) <= self._capacity:
                return
            self._exchanges.popitem(last=False)
