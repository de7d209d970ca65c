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

from .case import Case, Search
from .codec import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    STATUS_SERVER,
    decode_request,
    decrypt_hidden,
    encode_reply,
)
from .config import Config
from .cooldown import CoolDown, Place
from .directory import Client
from .errors import AuthenticityError, DialectError, PacketError, UnsignedError
from .express import Answered, Express, all_left, place_of
from .index import Index
from .journal import Journal
from .logs import render_failure
from .mail import Mail
from .model import Accept, Admit, Decision, How, Offer, Reject, Request, Source
from .ratelimit import RateLimit
from .replies import Replies
from .resolve import conclude, resolve, understand
from .vendors import device_address, is_probe, recognise

_USER_NAME, _USER_PASSWORD, _PROXY_STATE = 1, 2, 33
_PATIENCE_S = 5.0  # by then the NAS has asked again or gone elsewhere

Outcome = bytes | Search | None
Step = Callable[[Case, datetime], None]
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
        replies: Replies | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.index = index
        self.journal = Journal(monotonic) if journal is None else journal
        self._replies = Replies() if replies is None else replies
        self._cooldown = CoolDown()
        self._generation = index.generation
        self._patience_s = _PATIENCE_S
        self._status_limit = RateLimit()
        self._monotonic = monotonic
        self._salts = _salts(random)
        self._express: Express | None = None

    def hasten(self, express: Express) -> None:
        """Leave to `express` from now on what it can answer."""
        self._express = express
        self.index.watch(express)

    def configure(self, config: Config) -> None:
        """Take over new limits."""
        cooldown = config.cooldown
        self._cooldown.limit(cooldown.failures, cooldown.within_s, cooldown.lasts_s, cooldown.devices)
        self._patience_s = config.searches.patience_s
        self._replies.limit(config.duplicates.answers, config.duplicates.lifetime_s)
        self._status_limit.limit(config.status.per_second, config.status.burst)
        self.index.limit(config.keys.cached)
        if self._express is not None:
            self._express.limit(config.keys.cached, config.duplicates.answers, config.duplicates.lifetime_s)

    def handle(self, datagram: bytes, source: Source, now: datetime) -> bytes | None:
        """Return the reply, or None where there is none, searching in this thread."""
        outcome = self.receive(datagram, source, now) if self._express is None else self._post(datagram, source, now)
        while isinstance(outcome, Search):
            outcome.run()
            outcome = self.finish(outcome, now)
        return outcome

    def _post(self, datagram: bytes, source: Source, now: datetime) -> Outcome:
        """Answer a datagram as if it had come by mail, alone."""
        mail = Mail(1)
        mail.put(0, datagram, source)
        answered, outcomes = self.receive_mail(mail, 1, source.socket, now)
        return mail.replies[0, : answered.lengths[0]].tobytes() if not outcomes else _raised(outcomes[0])

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
        cases = [each for each in opened if isinstance(each, Case)]
        for step in (self._understand, self._resolve, self._encode, self._record):
            self._take(step, cases, now)
        return [each.outcome if isinstance(each, Case) else each for each in opened]

    def receive_mail(
        self, mail: Mail, count: int, socket: int, now: datetime
    ) -> tuple[Answered, list[Outcome | Exception]]:
        """Answer the first `count` datagrams of `mail`: what the short way did, and the outcome of each row it left."""
        started = self._monotonic()
        answered = self._shortly(lambda express: express.answer(mail, count, socket, now, started)) or all_left(count)
        self.journal.counts.duplicates += answered.repeated
        for row in answered.superseded:
            self._replies.supersede(mail.source(row, socket), ACCESS_REQUEST, int(mail.packets[row, 1]))
        if answered.hits:
            if self._cooldown:
                for hit in answered.hits:
                    self._cooldown.succeed(place_of(hit))
            self.journal.hits(answered.hits, (self._monotonic() - started) * 1000)
        if not answered.left:
            return answered, []
        return answered, self.receive_all([(mail.packet(row), mail.source(row, socket)) for row in answered.left], now)

    def _shortly(self, step: Callable[[Express], T]) -> T | None:
        """Take a step of the short way. A failure is the end of it: the engine can answer everything itself."""
        if self._express is None:
            return None
        try:
            return step(self._express)
        except Exception as error:
            self._express = None
            self.index.watch(None)
            log.error("error place=%s: from now on without compiled answers", render_failure(error))
            return None

    def finish(self, search: Search, now: datetime) -> Outcome:
        """Answer a request whose search has come to a hit or to its end."""
        case = search.case
        if case.exchange.dead:
            detail = "its identifier was used for another request"
            self.journal.discard_one_of_many("superseded", case, detail)
            return None
        case.over = False
        for step in (self._conclude, self._encode, self._record):
            self._take(step, (case,), now)
        return _raised(case.outcome)

    def reconsider(self, search: Search, now: datetime) -> Outcome:
        """Look again at a request that has waited for its search: a Search only where that is still needed."""
        case = search.case
        waited = self._monotonic() - case.started
        if case.exchange.dead:
            return self.finish(search, now)
        if waited > self._patience_s:
            self.drop(search, "too-late", f"waited {waited:.1f} s for a search")
            return None
        case.over = False
        for step in (self._resolve, self._encode, self._record):
            self._take(step, (case,), now)
        return _raised(case.outcome)

    def drop(self, search: Search, cause: str, detail: str) -> None:
        """Give a request up: no answer now, another try when the NAS repeats it."""
        self._replies.forget(search.case.exchange)
        self.journal.discard_one_of_many(cause, search.case, detail)

    def catch_up(self) -> None:
        """Say in the log what was left unsaid under load; to be called now and then."""
        self.journal.catch_up()

    def _open(self, datagram: bytes, source: Source) -> Case | bytes | Exception | None:
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
            exchange = self._replies.repeated(source, request, started)
            if exchange is not None:
                self.journal.counts.duplicates += 1
                return exchange.reply
            exchange = self._replies.open(source, request, started)
            self._shortly(lambda express: express.mark(source, request.octets, started))
            dialect, others = recognise(request, client.nas.profile)
            return Case(client, source, request, exchange, dialect, started, others)
        except Exception as error:
            return error

    def _take(self, step: Step, cases: Sequence[Case], now: datetime) -> None:
        """Take one step for each case that is still on its way."""
        for case in cases:
            if case.over:
                continue
            try:
                step(case, now)
            except PacketError as error:  # Proxy-States that leave no room for the answer
                self._give_up(case, None)
                self.journal.discard_packet(case.client, case.source, error)
            except ProvisioningError as error:
                self._give_up(case, None)
                self.journal.discard("store", case.source, str(error))
            except Exception as error:
                self._give_up(case, error)

    def _give_up(self, case: Case, outcome: Exception | None) -> None:
        case.over, case.outcome = True, outcome
        self._replies.forget(case.exchange)  # or its repetitions would wait for an answer that never comes

    def _understand(self, case: Case, _: datetime) -> None:
        case.decision = understand(case, self.index)

    def _resolve(self, case: Case, now: datetime) -> None:
        if case.decision is None:
            decision = resolve(case, self.index, now)
            if isinstance(decision, Search) and self._cooling(case):
                failures = self._cooldown.failures
                cooling = Reason(f"cooling down after {failures} failures", "cooling-down")
                decision = decision.refusal or Reject(cooling)
            elif self._cooldown and isinstance(decision, Accept) and decision.how is How.KNOWN:
                self._cooldown.succeed(_place(case))
            self._decide(case, decision)

    def _conclude(self, case: Case, now: datetime) -> None:
        assert isinstance(case.outcome, Search)  # noqa: S101 (only such cases are finished)
        decision = conclude(case.outcome, self.index, now)
        if isinstance(decision, Accept):
            self._cooldown.succeed(_place(case))
        elif isinstance(decision, Reject):
            self._cooldown.fail(_place(case), self._monotonic())
        if not isinstance(decision, Search):
            self.journal.counts.search(case.outcome.seconds, case.keys)
        self._decide(case, decision)

    def _decide(self, case: Case, decision: Decision | Search) -> None:
        if isinstance(decision, Search):
            case.over, case.outcome = True, decision
        else:
            case.decision = decision

    def _cooling(self, case: Case) -> bool:
        if self._generation != self.index.generation:
            self._generation = self.index.generation
            self._cooldown.clear()  # a key that was added a moment ago works at once
        return bool(self._cooldown) and self._cooldown.cooling(_place(case), self._monotonic())

    def _encode(self, case: Case, _: datetime) -> None:
        request, secret, decision = case.request, case.client.secret, case.decision
        if isinstance(decision, Accept):
            case.attributes = case.dialect.encode_accept(decision)
            reply = encode_reply(request, ACCESS_ACCEPT, case.attributes, secret, next(self._salts))
        elif isinstance(decision, Offer):
            assert case.dialect.encode_offer is not None  # noqa: S101 (or nothing is offered)
            attributes = case.dialect.encode_offer(decision)
            reply = encode_reply(request, ACCESS_ACCEPT, attributes, secret, next(self._salts))
        elif isinstance(decision, Admit):
            reply = encode_reply(request, ACCESS_ACCEPT, (), secret)
        else:
            assert isinstance(decision, Reject)  # noqa: S101 (nothing else is left)
            attributes = case.dialect.encode_reject(request, decision)
            reply = encode_reply(request, ACCESS_REJECT, attributes, secret)
        case.exchange.reply = case.outcome = reply

    def _record(self, case: Case, _: datetime) -> None:
        finished = self._monotonic()
        self.journal.decision(case, (finished - case.started) * 1000)
        if isinstance(case.decision, Accept):
            self._shortly(lambda express: express.learn(case, finished))

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


def _place(case: Case) -> Place:
    """Return what failures are counted by."""
    subject = case.subject
    assert isinstance(subject, Handshake)  # noqa: S101 (nothing else is searched)
    return Place(case.venue, subject.ssid.value, subject.spa.value)


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
