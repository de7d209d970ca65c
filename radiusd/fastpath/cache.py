"""The fast path: what was answered once is answered again by compiled code, for as long as nothing about it changes.

The engine decides; this only repeats. From each Access-Accept it learns two things: what the request asks, all but the
device and the handshake in it (a question), and what this device gets when that is asked (an answer: the attributes, of
which only cipher, time and authenticators are made anew). A request of which both are known, rightly signed, its M2
made with the answer's key, is answered here. Everything else, and every doubt, goes to the engine.

# Rule: an answer lives no longer than what it was made from. Whatever alters the index tells `forget_all`,
# `forget_keys` or `forget_device` before the next datagram is read.
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from crypto import Akm, Handshake, MacAddress, Pool
from provisioning import Key

from ..codec import Template, encode_template
from ..engine.cooldown import FailureKey
from ..engine.transaction import Transaction
from ..log.line_format import quote, quote_name, quote_octets
from ..model import Accept, How, Source
from ..state.id_ranges import IdRanges
from ..state.index import Keyring
from ..state.topology import Client
from ..vendors import Dialect
from .batch import LONGEST, Batch, pack_source
from .tables import (
    ADDRESS,
    ANSWER,
    CLIENT,
    EXCHANGE,
    FORM,
    FORMS,
    FRAMES,
    GUARD,
    LEFT,
    LONGEST_SECRET,
    LONGEST_TEMPLATE,
    QUESTION,
    REPEATED,
    SCRATCH,
    SPREAD,
    SUPERSEDED,
    WAYS,
)

_QUESTIONS: Final = 8_192  # one for each SSID of each radio, 680 octets
_MOST_CLIENTS: Final = 4_096
_HMAC_SHA1: Final = 2  # key descriptor version
_VENDOR_SPECIFIC, _PROXY_STATE = 26, 33
_VENDOR_HEADER: Final = 8  # octets of a Vendor-Specific attribute before its value
_ANONCE: Final = (245, 26, 11344, 1)


@dataclass(frozen=True, slots=True, eq=False)
class RequestLabels:
    """What is to be said of a question: the pieces of the log's line are made once."""

    nas: str
    venue: str | None
    ssid: bytes
    dialect: str
    how: How
    keyrings: tuple[Keyring, ...]
    where: str
    dialects: str

    @property
    def keys(self) -> int:
        """Return how many keys could be meant."""
        return sum(len(keyring.pool) for keyring in self.keyrings)


@dataclass(frozen=True, slots=True, eq=False)
class ReplyLabels:
    """What is to be said of an answer, and what makes it void."""

    key_id: int
    mac: bytes
    who: str
    device: str
    vlan: str


Hit = tuple[RequestLabels, ReplyLabels]  # a request answered the fast path


class Answered(NamedTuple):
    """What became of a batch."""

    lengths: list[int]  # of the reply in each row of the batch; 0: it has none yet
    left: Sequence[int]  # rows that are the engine's
    hits: Sequence[Hit] = ()
    repeated: int = 0
    superseded: Sequence[int] = ()  # rows whose source and identifier the engine has another exchange under


def all_left(count: int) -> Answered:
    """Return that nothing of a batch was answered."""
    return Answered([0] * count, range(count))


class FastPath:
    """Questions, answers and exchanges. Belongs to the thread that answers requests."""

    def __init__(self, *, answers: int = 65_536, exchanges: int = 65_536, lifetime_s: float = 30.0) -> None:
        from . import kernels

        self._kernels = kernels
        self._lifetime_s = float(lifetime_s)
        self._salt = int.from_bytes(os.urandom(8))
        self._scratch = np.zeros(1, SCRATCH)
        self._frames = np.zeros(FRAMES, np.uint64)
        self._forms = np.zeros(FORMS, FORM)
        self._form_count = 0
        self._packet = np.zeros(LONGEST, np.uint8)
        self._results: npt.NDArray[np.int64] = np.zeros((0, 4), np.int64)
        self._lengths: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._exchanges = _table(EXCHANGE, exchanges)
        self._answers = _table(ANSWER, answers)
        self._questions = _table(QUESTION, _QUESTIONS)
        self._clients = np.zeros(_MOST_CLIENTS, CLIENT)
        self._asked: dict[int, RequestLabels] = {}
        self._given: dict[int, ReplyLabels] = {}
        self._client_rows: dict[int, tuple[int, Client]] = {}
        self._kinds: dict[tuple[tuple[int, ...], str, bool, bool], int] = {}

    def __len__(self) -> int:
        return len(self._given)

    @property
    def room(self) -> int:
        """Return how many answers can be kept."""
        return len(self._answers)

    def limit(self, answers: int, exchanges: int, lifetime_s: float) -> None:
        """Keep so many from now on, exchanges for so long."""
        self._lifetime_s = float(lifetime_s)
        if _size(exchanges) != len(self._exchanges):
            self._exchanges = _table(EXCHANGE, exchanges)
        if _size(answers) != len(self._answers):
            self.forget_all()
            self._answers = _table(ANSWER, answers)

    def answer(self, batch: Batch, count: int, number: int, now: datetime, monotonic: float) -> Answered:
        """Answer what can be answered of the first `count` datagrams, come in by the socket of this number."""
        if not self._given or number > 255:
            return all_left(count)
        if len(self._results) < batch.size:
            self._results = np.zeros((batch.size, 4), np.int64)
            self._lengths = np.zeros(batch.size, np.int64)
        results = self._results
        self._lengths[:count] = batch.lengths[:count]
        self._salt = self._salt + SPREAD & 2**64 - 1
        self._kernels.answer_all(
            self._questions,
            self._clients,
            self._answers,
            self._exchanges,
            self._frames,
            self._forms,
            self._scratch,
            batch.packets,
            self._lengths,
            batch.addresses,
            results,
            batch.replies,
            count,
            number,
            now.timestamp(),
            float(monotonic),  # another type would be compiled for
            self._lifetime_s,
            np.uint64(self._salt),
        )
        left, hits, superseded, repeated = [], [], [], 0
        questions, given = self._asked, self._given
        outcomes, lengths, asked, answers = results[:count].T.tolist()
        for row, outcome in enumerate(outcomes):
            if outcome == LEFT:
                left.append(row)
            elif outcome == REPEATED:
                repeated += 1
            else:
                hits.append((questions[asked[row]], given[answers[row]]))
                if outcome == SUPERSEDED:
                    superseded.append(row)
        return Answered(lengths, left, hits, repeated, superseded)

    def mark(self, source: Source, octets: bytes, monotonic: float) -> None:
        """Note that the engine has the exchange of this request: repetitions of it are its own."""
        address = _address(source)
        if address is not None:
            packet = np.frombuffer(octets, np.uint8)
            self._kernels.mark(self._exchanges, self._scratch, packet, address, source.socket, float(monotonic))

    def learn(self, transaction: Transaction, monotonic: float) -> None:
        """Take over what can be answered alike from now on."""
        decision, subject, address = transaction.decision, transaction.subject, _address(transaction.source)
        if not isinstance(decision, Accept) or subject is None or address is None:
            return
        if transaction.request.first(_PROXY_STATE) is not None:
            return
        search, aa = False, bytes(6)
        if isinstance(subject, Handshake):
            if subject.akm is not Akm.PSK or subject.key_version != _HMAC_SHA1:
                return
            if transaction.request.first(_ANONCE) is None:
                self._learn_forms(transaction.request.octets, subject)
            device, search, aa = subject.spa, True, subject.aa.value
        else:
            device = subject.device
        client, template = self._client(transaction.client), encode_template(transaction.attributes)
        if client is None or template is None:
            return
        octets = transaction.request.octets
        self._packet[: len(octets)] = np.frombuffer(octets, np.uint8)
        kind = self._kind(transaction.keyrings, transaction.dialect, name_asked=decision.name_asked, search=search)
        question = self._kernels.put_question(
            *(
                self._questions,
                self._frames,
                self._forms,
                self._scratch,
                self._packet,
                len(octets),
                address,
                transaction.source.socket,
            ),
            *(client, kind, search, np.frombuffer(aa, np.uint8), np.uint64(int.from_bytes(device.value))),
            int(monotonic * 1000),
        )
        if question < 0:
            return
        if question >= len(self._questions):
            self._asked[question - len(self._questions)] = _asked(transaction, How.KNOWN if search else How.LOOKUP)
        self._put(device.value, kind, transaction.keyrings, decision.key, template, monotonic)

    def prewarm(
        self, device: bytes, keyrings: tuple[Keyring, ...], dialect: Dialect, key: Key, monotonic: float
    ) -> None:
        """Have the answer ready for a device that is known, but was not asked about yet."""
        end = None if key.ends is None else 1
        template = encode_template(dialect.encode_accept(Accept(key=key, how=How.LOOKUP, session_timeout_s=end)))
        if template is not None:
            self._put(
                device,
                self._kind(keyrings, dialect, name_asked=False, search=False),
                keyrings,
                key,
                template,
                monotonic,
            )

    def _put(
        self,
        device: bytes,
        kind: int,
        keyrings: tuple[Keyring, ...],
        key: Key,
        template: Template,
        monotonic: float,
    ) -> None:
        states = _states(keyrings, key.id)
        if states is None or len(template.octets) > LONGEST_TEMPLATE:
            return
        row = self._kernels.put_answer(
            *(self._answers, np.uint64(int.from_bytes(device)), kind, states, np.frombuffer(template.octets, np.uint8)),
            -1 if template.salt_at is None else template.salt_at,
            template.blocks,
            -1 if template.timeout_at is None else template.timeout_at,
            key.id,
            math.inf if key.ends is None else key.ends.timestamp(),
            int(monotonic * 1000),
        )
        self._given[row] = _given(key, device)

    def forget_all(self) -> None:
        """Begin with nothing, but for exchanges."""
        self._free(list(self._given))
        self._questions[list(self._asked)] = np.zeros((), QUESTION)
        self._clients[: len(self._client_rows)] = np.zeros((), CLIENT)
        self._asked.clear()
        self._client_rows.clear()
        self._kinds.clear()

    def forget_keys(self, keys: IdRanges) -> None:
        """Forget every answer with one of these keys."""
        if keys:
            self._free([row for row, given in self._given.items() if given.key_id in keys])

    def forget_device(self, device: MacAddress) -> None:
        """Forget every answer for this device."""
        if self._given:
            mac = int.from_bytes(device.value)
            ways = _ways(self._answers, mac)
            self._free((ways.start + np.flatnonzero(self._answers[ways]["mac"] == mac)).tolist())

    def _free(self, rows: Iterable[int]) -> None:
        chosen = [row for row in rows if self._given.pop(row, None) is not None]
        if chosen:
            self._answers[chosen] = np.zeros((), ANSWER)

    def _kind(self, keyrings: tuple[Keyring, ...], dialect: Dialect, *, name_asked: bool, search: bool) -> int:
        """Return the number of what an answer depends on besides the device."""
        place = (
            tuple(keyring.keypool_id for keyring in keyrings),
            dialect.name,
            name_asked,
            search and dialect.reply_depends_on_handshake,
        )
        return self._kinds.setdefault(place, len(self._kinds))

    def _learn_forms(self, octets: bytes, handshake: Handshake) -> None:
        """Learn where a handshake lies in Vendor-Specific attributes."""
        at, frame = 20, handshake.m2.octets
        while at < len(octets):
            piece = octets[at : at + octets[at + 1]]
            at += octets[at + 1]
            anonce_at, frame_at = piece.find(handshake.anonce), piece.find(frame)
            if piece[0] != _VENDOR_SPECIFIC or (anonce_at < 0 and frame_at < 0):
                continue
            masked = piece.replace(handshake.anonce, bytes(32)).replace(frame, bytes(len(frame)))
            places = anonce_at, frame_at, masked.find(handshake.spa.value)
            guards = b"".join(bytes(GUARD) if place < 0 else piece[place - GUARD : place] for place in places)
            form = np.zeros(1, FORM)
            form[0] = (
                *(len(piece), anonce_at, frame_at, 0 if frame_at < 0 else len(frame), places[2]),
                *(np.frombuffer(piece[2:7], np.uint8), np.frombuffer(guards, np.uint8)),
            )
            known = self._forms[: self._form_count]
            if min(place for place in places if place >= 0) < _VENDOR_HEADER or form[0] in known:
                continue
            if self._form_count < FORMS:
                self._forms[self._form_count] = form[0]
                self._form_count += 1

    def _client(self, client: Client) -> int | None:
        """Return the row of a NAS's secret."""
        known = self._client_rows.get(id(client))
        if known is not None:
            return known[0]
        row, secret = len(self._client_rows), client.secret.value
        if row == _MOST_CLIENTS or len(secret) > LONGEST_SECRET:
            return None
        pads = np.frombuffer(b"".join(client.secret.pads()), np.uint8)
        self._clients[row] = 0, 0, len(secret), pads, np.frombuffer(secret.ljust(LONGEST_SECRET, b"\0"), np.uint8)
        self._client_rows[id(client)] = row, client  # which keeps it, so that no other has its id
        return row


def _size(wanted: int) -> int:
    return max(WAYS, 1 << (wanted - 1).bit_length())


def _table(kind: np.dtype[np.void], wanted: int) -> npt.NDArray[np.void]:
    """Return an empty table; its memory is taken as it fills."""
    return np.zeros(_size(wanted), kind)


def _ways(table: npt.NDArray[np.void], number: int) -> slice:
    """Return where something with this hash may be; as the kernels have it."""
    start = ((number * SPREAD & 2**64 - 1) >> 32 & (len(table) // WAYS - 1)) * WAYS
    return slice(start, start + WAYS)


def _states(keyrings: Iterable[Keyring], key_id: int) -> npt.NDArray[np.uint32] | None:
    pools: Iterable[Pool] = (keyring.pool for keyring in keyrings)
    return next((states for states in (pool.psk_states(key_id) for pool in pools) if states is not None), None)


def _asked(transaction: Transaction, how: How) -> RequestLabels:
    assert transaction.subject is not None  # noqa: S101 (or nothing was accepted)
    nas, ssid, dialect = transaction.client.nas.name, transaction.subject.ssid.value, transaction.dialect.name
    where = f" nas={quote_name(nas)} venue={quote_name(transaction.venue)} ssid={quote_octets(ssid)}"
    also = f" also={','.join(transaction.others)}" if transaction.others else ""
    return RequestLabels(
        nas, transaction.venue, ssid, dialect, how, transaction.keyrings, where, f" dialect={dialect}{also}"
    )


def _given(key: Key, device: bytes) -> ReplyLabels:
    return ReplyLabels(
        key.id,
        device,
        f"accept who={quote(key.identity)} key={key.id}",
        f" device={device.hex(':')} how=",
        f" vlan={'none' if key.effective_vlan is None else key.effective_vlan}",
    )


def failure_key(hit: Hit) -> FailureKey:
    """Return what the device's failures are counted by."""
    asked, given = hit
    return FailureKey(asked.venue, asked.ssid, given.mac)


@lru_cache(maxsize=16_384)
def _address(source: Source) -> npt.NDArray[np.uint8] | None:
    """Return the sockaddr of a source, as `batch` has it; None for too high a socket number."""
    if source.socket > 255:
        return None
    return np.array(list(pack_source(source).ljust(ADDRESS, b"\0")), np.uint8)
