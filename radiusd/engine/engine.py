"""Answers RADIUS datagrams. Owns no socket, no thread and no database; time comes as an argument.

receive() -> octets      send this reply
          -> None        send nothing: discarded, or a repetition of what is still being worked on
          -> Search      run() it in a worker thread, then finish() it, which returns one of these three again;
                         if it has had to wait for its thread, reconsider() it first
"""

import logging
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from crypto import Handshake, MacAddress
from provisioning import ProvisioningError, Reason

from ..codec import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    STATUS_SERVER,
    decode_request,
    decrypt_hidden,
    encode_reply,
)
from ..config import Config
from ..errors import AuthenticityError, DialectError, PacketError, UnsignedError
from ..fastpath.batch import Batch
from ..fastpath.cache import Answered, FastPath, all_left, failure_key
from ..log.handler import render_failure
from ..model import Accept, Admit, Decision, How, Offer, Reject, Request, Source
from ..state.index import Index
from ..state.topology import Client
from ..vendors import device_address, is_probe, recognise
from .cooldown import CoolDown, FailureKey
from .duplicates import DuplicateCache
from .journal import Journal
from .rate_limit import RateLimit
from .resolve import conclude, locate, resolve, understand
from .transaction import Search, Transaction

_USER_NAME, _USER_PASSWORD, _PROXY_STATE = 1, 2, 33
_TIMEOUT_S = 5.0  # by then the NAS has asked again or gone elsewhere

Outcome = bytes | Search | None
Step = Callable[[Transaction, datetime], None]
T = TypeVar("T")

log = logging.getLogger("radiusd")


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
        self._monotonic = monotonic
        self._salts = _salts(random)
        self._fast_path: FastPath | None = None

    def enable_fast_path(self, fast_path: FastPath) -> None:
        """Leave to the fast path from now on what it can answer."""
        self._fast_path = fast_path
        self.index.watch(fast_path)

    def configure(self, config: Config) -> None:
        """Take over new limits."""
        cooldown = config.cooldown
        self._cooldown.limit(cooldown.failures, cooldown.within_s, cooldown.lasts_s, cooldown.devices)
        self._patience_s = config.searches.patience_s
        self._duplicates.limit(config.duplicates.answers, config.duplicates.lifetime_s)
        self._status_limit.limit(config.status.per_second, config.status.burst)
        self.index.limit(config.keys.cached)
        if self._fast_path is not None:
            self._fast_path.limit(config.keys.cached, config.duplicates.answers, config.duplicates.lifetime_s)

    def handle(self, datagram: bytes, source: Source, now: datetime) -> bytes | None:
        """Return the reply, or None where there is none, searching in this thread."""
        outcome = (
            self.receive(datagram, source, now)
            if self._fast_path is None
            else self._receive_alone(datagram, source, now)
        )
        while isinstance(outcome, Search):
            outcome.run()
            outcome = self.finish(outcome, now)
        return outcome

    def _receive_alone(self, datagram: bytes, source: Source, now: datetime) -> Outcome:
        """Answer a datagram as if it had come by batch, alone."""
        batch = Batch(1)
        batch.put(0, datagram, source)
        answered, outcomes = self.receive_batch(batch, 1, source.socket, now)
        return batch.replies[0, : answered.lengths[0]].tobytes() if not outcomes else _raised(outcomes[0])

    def receive(self, datagram: bytes, source: Source, now: datetime) -> Outcome:
        """Answer a datagram, as far as that is possible at once."""
        (outcome,) = self.receive_all(((datagram, source),), now)
        return _raised(outcome)

    def receive_all(self, arrivals: Sequence[tuple[bytes, Source]], now: datetime) -> list[Outcome | Exception]:
        """Answer datagrams that came together; a failure of ours over one of them is returned in its place.

        Each step is taken for all of them before the next one is: its code, the interpreter's and OpenSSL's, is then
        in the processor's cache. Measured with known devices: 67 us of CPU each one by one, 38 us in sixteens.
        """
        opened = [self._open(datagram, source) for datagram, source in arrivals]
        transactions = [each for each in opened if isinstance(each, Transaction)]
        for step in (self._understand, self._resolve, self._encode, self._record):
            self._take(step, transactions, now)
        return [each.outcome if isinstance(each, Transaction) else each for each in opened]

    def receive_batch(
        self, batch: Batch, count: int, socket: int, now: datetime
    ) -> tuple[Answered, list[Outcome | Exception]]:
        """Answer the first `count` datagrams of `batch`: what the fast path did, and each outcome of what it left."""
        started = self._monotonic()
        answered = self._on_fast_path(
            lambda fast_path: fast_path.answer(batch, count, socket, now, started)
        ) or all_left(count)
        self.journal.counts.duplicates += answered.repeated
        for row in answered.superseded:
            self._duplicates.supersede(batch.source(row, socket), ACCESS_REQUEST, int(batch.packets[row, 1]))
        if answered.hits:
            if self._cooldown:
                for hit in answered.hits:
                    self._cooldown.succeed(failure_key(hit))
            self.journal.hits(answered.hits, (self._monotonic() - started) * 1000)
        if not answered.left:
            return answered, []
        return answered, self.receive_all(
            [(batch.packet(row), batch.source(row, socket)) for row in answered.left], now
        )

    def _on_fast_path(self, step: Callable[[FastPath], T]) -> T | None:
        """Take a step of the fast path. A failure is the end of it: the engine can answer everything itself."""
        if self._fast_path is None:
            return None
        try:
            return step(self._fast_path)
        except Exception as error:
            self._fast_path = None
            self.index.watch(None)
            log.error("error place=%s: from now on without compiled answers", render_failure(error))
            return None

    def finish(self, search: Search, now: datetime) -> Outcome:
        """Answer a request whose search has come to a hit or to its end."""
        transaction = search.transaction
        if transaction.exchange.superseded:
            detail = "its identifier was used for another request"
            self.journal.discard_one_of_many("superseded", transaction, detail)
            return None
        if not self._renew(search):
            return None
        for step in (self._locate, self._conclude, self._encode, self._record):
            self._take(step, (transaction,), now)
        return _raised(transaction.outcome)

    def reconsider(self, search: Search, now: datetime) -> Outcome:
        """Look again at a request that has waited for its search: a Search only where that is still needed."""
        transaction = search.transaction
        waited = self._monotonic() - transaction.started
        if transaction.exchange.superseded:
            return self.finish(search, now)
        if waited > self._patience_s:
            self.drop(search, "too-late", f"waited {waited:.1f} s for a search")
            return None
        if not self._renew(search):
            return None
        for step in (self._locate, self._resolve, self._encode, self._record):
            self._take(step, (transaction,), now)
        return _raised(transaction.outcome)

    def drop(self, search: Search, cause: str, detail: str) -> None:
        """Give a request up: no answer now, another try when the NAS repeats it."""
        self._duplicates.forget(search.transaction.exchange)
        self.journal.discard_one_of_many(cause, search.transaction, detail)

    def _renew(self, search: Search) -> bool:
        """Take a request up again that has waited. Where its NAS is gone or another one by now: drop it, return False.

        Under an old secret or for another venue nothing may be answered, nor remembered.
        """
        transaction = search.transaction
        client = self.index.client(transaction.source.address)
        if client is None or client.nas != transaction.client.nas:
            self.drop(search, "nas-changed", "its NAS was removed or changed meanwhile")
            return False
        transaction.client, transaction.over = client, False
        return True

    def catch_up(self) -> None:
        """Say in the log what was left unsaid under load; to be called now and then."""
        self.journal.catch_up()

    def _open(self, datagram: bytes, source: Source) -> Transaction | bytes | Exception | None:
        """Return the case that a datagram opens, or what is to be sent where it opens none."""
        try:
            started = self._monotonic()
            client = self.index.client(source.address)
            if client is None:
                self.journal.discard(
                    "unknown-source",
                    source,
                    "no NAS has this address: if it is an access point of yours, `latchkey nas add` it",
                )
                return None
            try:
                request = decode_request(datagram, client.secret)
                if not request.signed:
                    _check_unsigned(request, client)
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
            exchange = self._duplicates.open(source, request, started)
            self._on_fast_path(lambda fast_path: fast_path.mark(source, request.octets, started))
            dialect, others = recognise(request, client.nas.profile)
            return Transaction(client, source, request, exchange, dialect, started, others)
        except Exception as error:
            return error

    def _take(self, step: Step, transactions: Sequence[Transaction], now: datetime) -> None:
        """Take one step for each case that is still on its way."""
        for transaction in transactions:
            if transaction.over:
                continue
            try:
                step(transaction, now)
            except PacketError as error:  # Proxy-States that leave no room for the answer
                self._give_up(transaction, None)
                self.journal.discard_packet(transaction.client, transaction.source, error)
            except ProvisioningError as error:
                self._give_up(transaction, None)
                self.journal.discard("store", transaction.source, str(error))
            except Exception as error:
                self._give_up(transaction, error)

    def _give_up(self, transaction: Transaction, outcome: Exception | None) -> None:
        transaction.over, transaction.outcome = True, outcome
        self._duplicates.forget(transaction.exchange)  # or its repetitions would wait for an answer that never comes

    def _understand(self, transaction: Transaction, _: datetime) -> None:
        transaction.decision = understand(transaction, self.index)

    def _locate(self, transaction: Transaction, _: datetime) -> None:
        transaction.decision = locate(transaction, self.index)

    def _resolve(self, transaction: Transaction, now: datetime) -> None:
        if transaction.decision is None:
            decision = resolve(transaction, self.index, now)
            if isinstance(decision, Search) and self._cooling(transaction):
                failures = self._cooldown.failures
                cooling = Reason(f"cooling down after {failures} failures", "cooling-down")
                decision = decision.refusal or Reject(cooling)
            elif self._cooldown and isinstance(decision, Accept) and decision.how is How.KNOWN:
                self._cooldown.succeed(_failure_key(transaction))
            self._decide(transaction, decision)

    def _conclude(self, transaction: Transaction, now: datetime) -> None:
        search = transaction.outcome
        assert isinstance(search, Search)  # noqa: S101 (only such cases are finished)
        if transaction.keyrings != search.keyrings:  # not those that were searched: keypools came or went meanwhile
            self._resolve(transaction, now)
            return
        decision = conclude(search, self.index, now)
        if isinstance(decision, Accept):
            self._cooldown.succeed(_failure_key(transaction))
        elif isinstance(decision, Reject):
            self._cooldown.fail(_failure_key(transaction), self._monotonic())
        if not isinstance(decision, Search):
            self.journal.counts.search(search.seconds, transaction.keys)
        self._decide(transaction, decision)

    def _decide(self, transaction: Transaction, decision: Decision | Search) -> None:
        if isinstance(decision, Search):
            transaction.over, transaction.outcome = True, decision
        else:
            transaction.decision = decision

    def _cooling(self, transaction: Transaction) -> bool:
        if self._generation != self.index.generation:
            self._generation = self.index.generation
            self._cooldown.clear()  # a key that was added a moment ago works at once
        return bool(self._cooldown) and self._cooldown.cooling(_failure_key(transaction), self._monotonic())

    def _encode(self, transaction: Transaction, _: datetime) -> None:
        request, secret, decision = transaction.request, transaction.client.secret, transaction.decision
        if isinstance(decision, Accept):
            transaction.attributes = transaction.dialect.encode_accept(decision)
            reply = encode_reply(request, ACCESS_ACCEPT, transaction.attributes, secret, next(self._salts))
        elif isinstance(decision, Offer):
            attributes = transaction.dialect.encode_offer(decision)
            reply = encode_reply(request, ACCESS_ACCEPT, attributes, secret, next(self._salts))
        elif isinstance(decision, Admit):
            reply = encode_reply(request, ACCESS_ACCEPT, (), secret)
        else:
            assert isinstance(decision, Reject)  # noqa: S101 (nothing else is left)
            attributes = transaction.dialect.encode_reject(request, decision)
            reply = encode_reply(request, ACCESS_REJECT, attributes, secret)
        transaction.exchange.reply = transaction.outcome = reply

    def _record(self, transaction: Transaction, _: datetime) -> None:
        finished = self._monotonic()
        self.journal.decision(transaction, (finished - transaction.started) * 1000)
        if isinstance(transaction.decision, Accept):
            self._on_fast_path(lambda fast_path: fast_path.learn(transaction, finished))

    def _answer_status(self, request: Request, client: Client, source: Source, monotonic: float) -> bytes | None:
        """Return an empty Access-Accept (RFC 5997 3): the same question has the same answer, so none is kept."""
        if not self._status_limit.allows(source.address, monotonic):
            self.journal.discard("status-rate", source, f"too many Status-Server requests (NAS {client.nas.name})")
            return None
        self.journal.counts.status += 1
        return encode_reply(request, ACCESS_ACCEPT, (), client.secret)


def _raised(outcome: Outcome | Exception) -> Outcome:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _failure_key(transaction: Transaction) -> FailureKey:
    """Return what failures are counted by."""
    subject = transaction.subject
    assert isinstance(subject, Handshake)  # noqa: S101 (nothing else is searched)
    return FailureKey(transaction.venue, subject.ssid.value, subject.spa.value)


def _salts(random: Callable[[int], bytes]) -> Iterator[int]:
    """Yield 16 random bits at a time, asking for many at once: a system call per request is felt."""
    while True:
        yield from struct.unpack("256H", random(512))


def _check_unsigned(request: Request, client: Client) -> None:
    """Raise where a request without Message-Authenticator must not be answered (CVE-2024-3596, RFC 5997 3)."""
    if request.code == STATUS_SERVER:
        raise UnsignedError("Status-Server without Message-Authenticator")
    if client.nas.require_message_authenticator:
        raise UnsignedError("no Message-Authenticator, and this NAS must send one")
    if request.first(_PROXY_STATE) is not None:
        raise UnsignedError("Proxy-State without Message-Authenticator")
    hidden = request.first(_USER_PASSWORD)
    if hidden is None or is_probe(request):
        return
    password = decrypt_hidden(hidden, request.authenticator, client.secret)
    if password in (b"", request.first(_USER_NAME)):
        return
    try:
        if MacAddress.parse(password) == device_address(request):
            return
    except (ValueError, DialectError):
        pass
    # All that such a packet shows of a wrong secret: its one encrypted attribute comes out as noise.
    raise AuthenticityError("User-Password is neither empty nor the device's address")
