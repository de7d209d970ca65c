"""Answers RADIUS datagrams. Owns no socket, no thread and no database; time comes as an argument.

receive() -> octets      send this reply
          -> None        send nothing: discarded, or a repetition of what is still being worked on
          -> Search      run() it in a worker thread, then finish() it, which returns one of these three again;
                         if it has had to wait for its thread, reconsider() it first
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol

from crypto import Handshake
from provisioning import Nas, ProvisioningError, Reason

from ..codec import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    STATUS_SERVER,
    decode_request,
    encode_reply,
)
from ..config import Config
from ..errors import AuthenticityError, PacketError
from ..model import Accept, Admit, Decision, Offer, Reject, Request, Sendable, Source
from ..state.index import Index
from ..state.topology import Client
from ..vendors import Dialect, is_probe, recognise
from .cooldown import CoolDown, FailureKey
from .duplicates import DuplicateCache
from .journal import Journal
from .labels import Hit
from .rate_limit import RateLimit
from .resolve import conclude, locate, resolve, understand
from .transaction import Phase, Search, Transaction
from .unsigned import check_unsigned, prove_unsigned

_TIMEOUT_S = 5.0  # by then the NAS has asked again or gone elsewhere

Outcome = bytes | Search | None
Step = Callable[[Transaction, datetime], None]


class Observer(Protocol):
    """Is told what becomes of requests, and answers some of their kind itself from then on."""

    def opened(self, transaction: Transaction) -> None:
        """Note a request that the engine works on from now on."""

    def decided(self, transaction: Transaction) -> None:
        """Note a request that has its reply."""


class Engine:
    """Datagram in, datagram out."""

    def __init__(
        self,
        index: Index,
        monotonic: Callable[[], float],
        *,
        journal: Journal | None = None,
        replies: DuplicateCache | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.index = index
        self.journal = Journal(monotonic) if journal is None else journal
        self._duplicates = DuplicateCache() if replies is None else replies
        self._cooldown = CoolDown()
        self._generation = index.generation
        self._patience_s = _TIMEOUT_S
        self._status_limit = RateLimit()
        self.monotonic = monotonic
        self._salts = _salts(random)
        self.observer: Observer | None = None

    def configure(self, config: Config) -> None:
        """Take over new limits."""
        cooldown = config.cooldown
        self._cooldown.limit(cooldown.failures, cooldown.within_s, cooldown.lasts_s, cooldown.devices)
        self._patience_s = config.searches.patience_s
        self._duplicates.limit(config.duplicates.answers, config.duplicates.lifetime_s)
        self._status_limit.limit(config.status.per_second, config.status.burst)
        self.index.limit(config.keys.cached)

    def handle(self, datagram: bytes, source: Source, now: datetime) -> bytes | None:
        """Return the reply, or None where there is none, searching in this thread."""
        outcome = self.receive(datagram, source, now)
        return self.search(outcome, now) if isinstance(outcome, Search) else outcome

    def search(self, search: Search, now: datetime) -> bytes | None:
        """Return the reply to a request that takes a search, running that in this thread."""
        outcome: Outcome = search
        while isinstance(outcome, Search):
            outcome.run()
            outcome = self.finish(outcome, now)
        return outcome

    def receive(self, datagram: bytes, source: Source, now: datetime) -> Outcome:
        """Answer a datagram, as far as that is possible at once."""
        return self.receive_all(((datagram, source),), now)[0]

    def receive_all(self, arrivals: Sequence[tuple[bytes, Source]], now: datetime) -> list[Outcome]:
        """Answer datagrams that came together; a failure of ours over one of them costs that one its answer.

        Each step is taken for all of them before the next one is: its code, the interpreter's and OpenSSL's, is then
        in the processor's cache. Measured with known devices: 67 us of CPU each one by one, 38 us in sixteens.
        """
        opened = [self._open(datagram, source, now) for datagram, source in arrivals]
        transactions = [each for each in opened if isinstance(each, Transaction)]
        for step in (self._understand, self._resolve, self._encode, self._record):
            self._take(step, transactions, now)
        return [each.outcome if isinstance(each, Transaction) else each for each in opened]

    def supersede(self, source: Source, identifier: int) -> None:
        """End the request under this identifier, if there is one: another was answered under it, not by the engine."""
        self._duplicates.supersede(source, ACCESS_REQUEST, identifier)

    def note_hits(self, hits: Sequence[Hit], ms: float) -> None:
        """Note requests that were answered without the engine, as it would have answered them."""
        if self._cooldown:
            for request, reply in hits:
                self._cooldown.succeed(FailureKey(request.venue, request.ssid, reply.mac))
        self.index.sightings.note_hits(hits)
        self.journal.hits(hits, ms)

    def finish(self, search: Search, now: datetime) -> Outcome:
        """Answer a request whose search has come to a hit or to its end."""
        return self._go_on(search.transaction, (partial(self._conclude, search),), now)

    def reconsider(self, search: Search, now: datetime) -> Outcome:
        """Look again at a request that has waited for its search: a Search only where that is still needed."""
        return self._go_on(search.transaction, (self._expire, self._resolve), now)

    def drop(self, search: Search, cause: str, detail: str) -> None:
        """Give a request up: no answer now, another try when the NAS repeats it."""
        self._abandon(search.transaction, cause, detail)

    def _go_on(self, transaction: Transaction, steps: Sequence[Step], now: datetime) -> Outcome:
        """Take these steps of a request that has waited, and what comes before and after them; return its outcome."""
        transaction.resume()
        for step in (self._renew, self._locate, *steps, self._encode, self._record):
            self._take(step, (transaction,), now)
        return transaction.outcome

    def catch_up(self) -> None:
        """Say in the log what was left unsaid under load; to be called now and then."""
        self.journal.catch_up()
        self.journal.devices_forgotten(self.index.devices.forgotten())

    def _open(self, datagram: bytes, source: Source, now: datetime) -> Transaction | bytes | None:
        """Return the transaction that a datagram opens, or what is to be sent where it opens none."""
        try:
            started = self.monotonic()
            client = self.index.client(source.address)
            if client is None:
                self.journal.discard_stranger(
                    self.index.disabled(source.address),
                    source,
                    "no NAS has this address: if it is an access point of yours, `latchkey nas add` it",
                )
                return None
            try:
                client, request = _decode(datagram, client, now)
                if not request.signed:
                    check_unsigned(request, client.nas)
            except PacketError as error:
                self.journal.discard_packet(client, source, error)
                return None
            if request.code == STATUS_SERVER:
                return self._answer_status(request, client, source, started)
            if is_probe(request):
                self.journal.counts.probes += 1
                return encode_reply(request, ACCESS_REJECT, (), client.secret)
            exchange = self._duplicates.repeated(source, request, started)
            if exchange is not None:
                self.journal.counts.duplicates += 1
                return exchange.reply
            dialect, others = recognise(request, client.nas.profile)
            try:
                proven = request.signed
                if not proven:
                    client, proven = self._prove(request, client, dialect, started, now)
            except PacketError as error:
                self.journal.discard_packet(client, source, error)
                return None
            if client.until is not None:
                self.journal.former_secret(client, source)
            exchange = self._duplicates.open(source, request, started)
            transaction = Transaction(client, source, request, exchange, dialect, started, others, proven)
            if self.observer is not None:
                self.observer.opened(transaction)
            return transaction
        except Exception as error:  # whatever it was, the next request is served
            self.journal.failure(source, error)
            return None

    def _prove(
        self, request: Request, client: Client, dialect: Dialect, started: float, now: datetime
    ) -> tuple[Client, bool]:
        """Return the NAS with the secret that an unsigned request shows, and whether it shows one."""
        first: AuthenticityError | None = None
        for each in client.at(now):
            try:
                return each, prove_unsigned(request, each.nas, dialect, each.secret, self.index.proofs, started)
            except AuthenticityError as error:
                first = first or error
        assert first is not None  # noqa: S101 (a client has a secret)
        raise first

    def _take(self, step: Step, transactions: Sequence[Transaction], now: datetime) -> None:
        """Take one step for each transaction that is still on its way."""
        for transaction in transactions:
            if transaction.phase is not Phase.DECIDING:
                continue
            try:
                step(transaction, now)
            except PacketError as error:  # Proxy-States that leave no room for the answer
                self._give_up(transaction)
                self.journal.discard_packet(transaction.client, transaction.source, error)
            except ProvisioningError as error:
                self._give_up(transaction)
                self.journal.discard("store", transaction.source, str(error))
            except Exception as error:  # whatever it was, the next request is served
                self._give_up(transaction)
                self.journal.failure(transaction.source, error)

    def _give_up(self, transaction: Transaction) -> None:
        transaction.end(None)
        self._duplicates.forget(transaction.exchange)  # or its repetitions would wait for an answer that never comes

    def _abandon(self, transaction: Transaction, cause: str, detail: str) -> None:
        self._give_up(transaction)
        self.journal.discard_one_of_many(cause, transaction, detail)

    def _understand(self, transaction: Transaction, _: datetime) -> None:
        transaction.decision = understand(transaction, self.index)

    def _renew(self, transaction: Transaction, now: datetime) -> None:
        """Abandon a request that nobody waits for any more, or whose NAS is gone or another one by now.

        Under an old secret or for another venue nothing may be answered, nor remembered.
        """
        client = self.index.client(transaction.source.address)
        same = None if client is None else client.like(transaction.client, now)
        if transaction.exchange.superseded:
            self._abandon(transaction, "superseded", "its identifier was used for another request")
        elif same is None or not _alike(same.nas, transaction.client.nas):
            self._abandon(transaction, "nas-changed", "its NAS was removed or changed meanwhile")
        else:
            transaction.client = same

    def _expire(self, transaction: Transaction, _: datetime) -> None:
        waited = self.monotonic() - transaction.started
        if waited > self._patience_s:
            self._abandon(transaction, "too-late", f"waited {waited:.1f} s for a search")

    def _locate(self, transaction: Transaction, _: datetime) -> None:
        transaction.decision = locate(transaction, self.index)

    def _resolve(self, transaction: Transaction, now: datetime) -> None:
        if transaction.decision is None:
            decision = resolve(transaction, self.index, now)
            if isinstance(decision, Search) and self._cooling(_failure_key(transaction, decision.handshake)):
                failures = self._cooldown.failures
                cooling = Reason(f"cooling down after {failures} failures", "cooling-down")
                decision = decision.refusal or Reject(cooling)
            elif self._cooldown and isinstance(decision, Accept) and isinstance(transaction.subject, Handshake):
                self._count(transaction, transaction.subject, decision)
            self._decide(transaction, decision)

    def _conclude(self, search: Search, transaction: Transaction, now: datetime) -> None:
        if transaction.keyrings != search.keyrings:  # not those that were searched: keypools came or went meanwhile
            self._resolve(transaction, now)
            return
        decision = conclude(search, self.index, now)
        self._count(transaction, search.handshake, decision)
        if not isinstance(decision, Search):
            self.journal.counts.search(search.seconds, transaction.keys)
        self._decide(transaction, decision)

    def _count(self, transaction: Transaction, handshake: Handshake, decision: Decision | Search) -> None:
        """Count a failure of the device, or end the count; of what anybody could have sent, neither."""
        if not transaction.proven:
            return
        if isinstance(decision, Accept):
            self._cooldown.succeed(_failure_key(transaction, handshake))
        elif isinstance(decision, Reject):
            self._cooldown.fail(_failure_key(transaction, handshake), self.monotonic())

    def _decide(self, transaction: Transaction, decision: Decision | Search) -> None:
        if isinstance(decision, Search):
            transaction.wait(decision)
        else:
            transaction.decision = decision

    def _cooling(self, key: FailureKey) -> bool:
        if self._generation != self.index.generation:
            self._generation = self.index.generation
            self._cooldown.clear()  # a key that was added a moment ago works at once
        return bool(self._cooldown) and self._cooldown.cooling(key, self.monotonic())

    def _encode(self, transaction: Transaction, _: datetime) -> None:
        code, transaction.attributes = _render(transaction)
        reply = encode_reply(
            transaction.request, code, transaction.attributes, transaction.client.secret, next(self._salts)
        )
        transaction.exchange.reply = transaction.reply = reply

    def _record(self, transaction: Transaction, _: datetime) -> None:
        finished = self.monotonic()
        self.journal.decision(transaction, (finished - transaction.started) * 1000)
        transaction.end(transaction.reply)
        if self.observer is not None:
            self.observer.decided(transaction)

    def _answer_status(self, request: Request, client: Client, source: Source, monotonic: float) -> bytes | None:
        """Return an empty Access-Accept (RFC 5997 3): the same question has the same answer, so none is kept."""
        if not self._status_limit.allows(source.address, monotonic):
            self.journal.discard("status-rate", source, f"too many Status-Server requests (NAS {client.nas.name})")
            return None
        self.journal.counts.status += 1
        return encode_reply(request, ACCESS_ACCEPT, (), client.secret)


def _alike(nas: Nas, other: Nas) -> bool:
    """Return whether two states of a NAS differ in their secrets at most."""
    secrets = {"secret": b"-", "former_secret": None, "former_secret_until": None}
    return nas is other or replace(nas, **secrets) == replace(other, **secrets)  # type: ignore[arg-type]


def _decode(datagram: bytes, client: Client, now: datetime) -> tuple[Client, Request]:
    """Return a request, and the NAS with the secret it is signed with; of an unsigned one with its present one."""
    try:
        return client, decode_request(datagram, client.secret)
    except AuthenticityError:
        for former in client.at(now)[1:]:
            with suppress(AuthenticityError):
                return former, decode_request(datagram, former.secret)
        raise


def _render(transaction: Transaction) -> tuple[int, tuple[Sendable, ...]]:
    """Return the reply's code, and its attributes in the words of its dialect."""
    match transaction.decision:
        case Accept() as accept:
            return ACCESS_ACCEPT, transaction.dialect.encode_accept(accept)
        case Offer() as offer:
            return ACCESS_ACCEPT, transaction.dialect.encode_offer(offer)
        case Admit():
            return ACCESS_ACCEPT, ()
        case Reject() as reject:
            return ACCESS_REJECT, transaction.dialect.encode_reject(transaction.request, reject)
        case None:
            raise ValueError("nothing has been decided")


def _failure_key(transaction: Transaction, handshake: Handshake) -> FailureKey:
    """Return what failures are counted by."""
    return FailureKey(transaction.venue, handshake.ssid.value, handshake.spa.value)


def _salts(random: Callable[[int], bytes]) -> Iterator[int]:
    """Yield 16 random bits at a time, asking for many at once: a system call per request is felt."""
    while True:
        yield from struct.unpack("256H", random(512))
