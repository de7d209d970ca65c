"""Answers RADIUS datagrams. Owns no socket, no thread and no database; time comes as an argument.

receive() -> octets      send this reply
          -> None        send nothing: discarded, or a repetition of what is still being worked on
          -> Search      run() it in a worker thread, then finish() it, which returns one of these three again
"""

import os
import struct
from collections.abc import Callable, Iterator
from datetime import datetime

from crypto import CryptoError, Handshake, MacAddress
from provisioning import Key, ProvisioningError

from .case import Case, Search
from .codec import ACCESS_ACCEPT, ACCESS_REJECT, STATUS_SERVER, decode_request, decrypt_hidden, encode_reply
from .directory import Client
from .errors import AuthenticityError, DialectError, PacketError, UnsignedError
from .index import Index
from .journal import Journal
from .model import Accept, Decision, How, Lookup, Reject, Request, Source
from .ratelimit import RateLimit
from .replies import Replies
from .vendors import device_address, recognise

_USER_NAME, _USER_PASSWORD, _NAS_IDENTIFIER, _PROXY_STATE, _CHARGEABLE_USER_IDENTITY = 1, 2, 32, 33, 89
_LONGEST_SESSION_S = 2**32 - 1

Outcome = bytes | Search | None


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
        self.journal = Journal() if journal is None else journal
        self._replies = Replies() if replies is None else replies
        self._status_limit = RateLimit()
        self._monotonic = monotonic
        self._salts = _salts(random)

    def handle(self, datagram: bytes, source: Source, now: datetime) -> bytes | None:
        """Return the reply, or None where there is none, searching in this thread."""
        outcome = self.receive(datagram, source, now)
        while isinstance(outcome, Search):
            outcome.run()
            outcome = self.finish(outcome, now)
        return outcome

    def receive(self, datagram: bytes, source: Source, now: datetime) -> Outcome:
        """Answer a datagram, as far as that is possible at once."""
        started = self._monotonic()
        client = self.index.client(source.address)
        if client is None:
            self.journal.discard("unknown-source", source, "no NAS has this address")
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
        exchange = self._replies.repeated(source, request, started)
        if exchange is not None:
            self.journal.repeated += 1
            return exchange.reply
        exchange = self._replies.open(source, request, started)
        case = Case(client, source, request, exchange, recognise(request, client.nas.profile), started)
        return self._settle(case, None, now)

    def finish(self, search: Search, now: datetime) -> Outcome:
        """Answer a request whose search has come to a hit or to its end."""
        case = search.case
        if case.exchange.dead:
            self.journal.discard("superseded", case.source, "its identifier was used for another request")
            return None
        return self._settle(case, search, now)

    def drop(self, search: Search, cause: str, detail: str) -> None:
        """Give a request up: no answer now, another try when the NAS repeats it."""
        self._replies.forget(search.case.exchange)
        self.journal.discard(cause, search.case.source, detail)

    def _settle(self, case: Case, search: Search | None, now: datetime) -> Outcome:
        try:
            step = self._begin(case, now) if search is None else self._conclude(search, now)
            return step if isinstance(step, Search) else self._answer(case, step)
        except PacketError as error:  # Proxy-States that leave no room for the answer
            self._replies.forget(case.exchange)
            self.journal.discard_packet(case.client, case.source, error)
            return None
        except ProvisioningError as error:
            self._replies.forget(case.exchange)
            self.journal.discard("store", case.source, str(error))
            return None
        except BaseException:
            self._replies.forget(case.exchange)  # or its repetitions would wait for an answer that never comes
            raise

    def _begin(self, case: Case, now: datetime) -> Decision | Search:
        request, nas = case.request, case.client.nas
        try:
            subject = case.subject = case.dialect.decode_request(request)
        except (DialectError, CryptoError) as error:
            return Reject(str(error))
        venue = self.index.venue(nas, request.first(_NAS_IDENTIFIER))
        case.venue = None if venue is None else venue.name
        case.keyrings = self.index.keyrings(venue, subject.ssid)
        if not case.keyrings:
            return Reject("no keypool has this SSID here")
        if isinstance(subject, Lookup):
            return self._look_up(case, subject, now)
        return self._try_known(case, subject, now)

    def _look_up(self, case: Case, lookup: Lookup, now: datetime) -> Decision:
        refusal = None
        for keypool_id, _ in case.keyrings:
            key_id = self.index.devices.key_id(keypool_id, lookup.device)
            key = None if key_id is None else self.index.key(key_id)
            if key is not None:
                invalid = key.validity(now)
                if invalid is None:
                    return _accept(case, key, How.LOOKUP, now)
                refusal = refusal or invalid
        return Reject(refusal or "unknown device")

    def _try_known(self, case: Case, handshake: Handshake, now: datetime) -> Decision | Search:
        """Test the keys this device used last; one that fits and may be used needs no search."""
        refusal = None
        for keypool_id, pool in case.keyrings:
            key_id = self.index.devices.key_id(keypool_id, handshake.spa)
            if key_id is not None and pool.matches(key_id, handshake):
                key = self.index.key(key_id)
                if key is not None:
                    invalid = key.validity(now)
                    if invalid is None:
                        return _accept(case, key, How.KNOWN, now)
                    refusal = refusal or invalid
        return Search(case, handshake, refusal)

    def _conclude(self, search: Search, now: datetime) -> Decision | Search:
        if search.hit is None:
            return Reject(search.refusal or "unknown passphrase")
        keypool_id, key_id = search.hit
        key = self.index.key(key_id)
        if key is None:
            return search  # gone since the search began
        invalid = key.validity(now)
        if invalid is None:
            self.index.devices.learn(keypool_id, search.handshake.spa, key_id)
            return _accept(search.case, key, How.SEARCH, now)
        search.refusal = search.refusal or invalid
        return search  # a removed key and a live one may share their passphrase

    def _answer(self, case: Case, decision: Decision) -> bytes:
        request, secret = case.request, case.client.secret
        if isinstance(decision, Accept):
            attributes = case.dialect.encode_accept(decision)
            octets = encode_reply(request, ACCESS_ACCEPT, attributes, secret, next(self._salts))
        else:
            octets = encode_reply(request, ACCESS_REJECT, (), secret)
        case.exchange.reply = octets
        self.journal.decision(case, decision, (self._monotonic() - case.started) * 1000)
        return octets

    def _answer_status(self, request: Request, client: Client, source: Source, monotonic: float) -> bytes | None:
        """Return an empty Access-Accept (RFC 5997 3): the same question has the same answer, so none is kept."""
        if not self._status_limit.allows(source.address, monotonic):
            self.journal.discard("status-rate", source, f"too many Status-Server requests (NAS {client.nas.name})")
            return None
        self.journal.status += 1
        return encode_reply(request, ACCESS_ACCEPT, (), client.secret)


def _salts(random: Callable[[int], bytes]) -> Iterator[int]:
    """Yield 16 random bits at a time, asking for many at once: a system call per request is felt."""
    while True:
        yield from struct.unpack("256H", random(512))


def _accept(case: Case, key: Key, how: How, now: datetime) -> Accept:
    seconds = None if key.ends is None else int((key.ends - now).total_seconds())
    return Accept(
        key=key,
        how=how,
        session_timeout_s=None if seconds is None else min(max(seconds, 1), _LONGEST_SESSION_S),
        name_asked=case.request.first(_CHARGEABLE_USER_IDENTITY) is not None,
    )


def _check_unsigned(request: Request, client: Client) -> None:
    """Raise where a request without Message-Authenticator must not be answered (CVE-2024-3596, RFC 5997 3)."""
    if request.code == STATUS_SERVER:
        raise UnsignedError("Status-Server without Message-Authenticator")
    if client.nas.require_message_authenticator:
        raise UnsignedError("no Message-Authenticator, and this NAS must send one")
    if request.first(_PROXY_STATE) is not None:
        raise UnsignedError("Proxy-State without Message-Authenticator")
    hidden = request.first(_USER_PASSWORD)
    if hidden is None:
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
