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
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from crypto import Akm, Handshake, MacAddress, find_elements

from ..codec import Template, encode_template
from ..engine.labels import Hit, ReplyLabels, RequestLabels
from ..engine.transaction import Transaction
from ..model import Accept, How, Source
from ..state.id_ranges import IdRanges
from ..state.index import Keyring
from ..state.topology import Client
from ..vendors import Dialect
from .batch import LONGEST, Batch, pack_source
from .tables import (
    ANSWER,
    CLIENT,
    EXCHANGE,
    FORM,
    FORMS,
    GUARD,
    KEY_DATA,
    KEY_DATA_ROWS,
    LEFT,
    LONGEST_SECRET,
    LONGEST_TEMPLATE,
    QUESTION,
    REPEATED,
    SALTED,
    SCRATCH,
    SPREAD,
    SUPERSEDED,
    WAYS,
    Arrival,
    Datagrams,
    KeyData,
    NewAnswer,
    NewQuestion,
    Tables,
    Times,
)

_QUESTIONS: Final = 8_192  # one for each SSID of each radio, 680 octets
_MOST_CLIENTS: Final = 4_096
_MOST_SOCKETS: Final = 255  # numbers of sockets have an octet in EXCHANGE
# AKM and key version, and how `fastpath.tables.KEY_DATA` calls it. HMAC-MD5 (TKIP) is rare by now, and the engine's.
_SERVED: Final = {(Akm.PSK, 2): 2, (Akm.FT_PSK, 3): 4, (Akm.PSK_SHA256, 3): 6}
_VENDOR_SPECIFIC: Final = 26
_VENDOR_HEADER: Final = 8  # octets of a Vendor-Specific attribute before its value
_ANONCE: Final = (245, 26, 11344, 1)


def _octets(value: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(value, np.uint8)


_NO_KEY_DATA: Final = KeyData(0, 0, _octets(b""), _octets(b""), _octets(b""))


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
        self.reseed()
        self._tables = Tables(
            questions=_table(QUESTION, _QUESTIONS),
            clients=np.zeros(_MOST_CLIENTS, CLIENT),
            answers=_table(ANSWER, answers),
            exchanges=_table(EXCHANGE, exchanges),
            key_data=np.zeros(KEY_DATA_ROWS, KEY_DATA),
            forms=np.zeros(FORMS, FORM),
            scratch=np.zeros(1, SCRATCH),
        )
        self._forms: list[bytes | None] = [None] * FORMS  # as learned, by row
        self._hand = 0
        self._packet = np.zeros(LONGEST, np.uint8)
        self._results: npt.NDArray[np.int64] = np.zeros((0, 4), np.int64)
        self._batch: Batch | None = None
        self._datagrams: Datagrams | None = None  # of that batch, and the results
        self._asked: dict[int, RequestLabels] = {}
        self._given: dict[int, ReplyLabels] = {}
        self._client_rows: dict[int, tuple[int, Client]] = {}
        self._kinds: dict[tuple[tuple[int, ...], str, bool, bool], int] = {}

    def __len__(self) -> int:
        return len(self._given)

    @property
    def room(self) -> int:
        """Return how many answers can be kept."""
        return len(self._tables.answers)

    def reseed(self) -> None:
        """Draw salts of this process's own: what was made before a fork is in every worker."""
        self._salt = int.from_bytes(os.urandom(8))

    def limit(self, answers: int, exchanges: int, lifetime_s: float) -> None:
        """Keep so many from now on, exchanges for so long."""
        self._lifetime_s = float(lifetime_s)
        if _size(exchanges) != len(self._tables.exchanges):
            self._tables = self._tables._replace(exchanges=_table(EXCHANGE, exchanges))
        if _size(answers) != len(self._tables.answers):
            self.forget_all()
            self._tables = self._tables._replace(answers=_table(ANSWER, answers))

    def answer(self, batch: Batch, count: int, number: int, now: datetime, monotonic: float) -> Answered:
        """Answer what can be answered of the first `count` datagrams, come in by the socket of this number."""
        if not self._given or number > _MOST_SOCKETS:
            return all_left(count)
        if len(self._results) < batch.size:
            self._results = np.zeros((batch.size, 4), np.int64)
            self._batch = None
        results = self._results
        self._salt = self._salt + SPREAD & 2**64 - 1
        if self._batch is not batch:
            rows = Datagrams(batch.packets, batch.lengths, batch.addresses, batch.locals, batch.replies, results)
            self._batch, self._datagrams = batch, rows
        times = Times(now.timestamp(), float(monotonic), self._lifetime_s)  # another type would be compiled for
        self._kernels.answer_all(self._tables, self._datagrams, count, number, times, np.uint64(self._salt))
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
        if source.socket <= _MOST_SOCKETS:
            self._kernels.mark(self._tables, self._arrival(source, octets), float(monotonic))

    def _arrival(self, source: Source, octets: bytes) -> Arrival:
        address, local = pack_source(source)
        self._packet[: len(octets)] = np.frombuffer(octets, np.uint8)
        return Arrival(self._packet, len(octets), address, local, source.socket)

    def learn(self, transaction: Transaction, monotonic: float) -> None:
        """Keep an answer that may be repeated, as far as its request is one that compiled code can read."""
        decision, subject, source = transaction.decision, transaction.subject, transaction.source
        if not isinstance(decision, Accept) or subject is None or not transaction.request.signed:
            return
        if decision.repeatable is None:  # no more, if it was before
            self.forget_device(transaction.device)
            return
        if source.socket > _MOST_SOCKETS or transaction.client.until is not None:
            return  # a secret that ends by itself is the engine's to check
        search, aa, key_data = False, bytes(6), _NO_KEY_DATA
        if isinstance(subject, Handshake):
            understood = _key_data(subject)
            if understood is None:
                return
            key_data = understood
            if transaction.request.first(_ANONCE) is None:
                self._learn_forms(transaction.request.octets, subject)
            search, aa = True, subject.aa.value
        client, template = self._client(transaction.client), encode_template(transaction.attributes)
        if client is None or template is None:
            return
        kind = self._kind(transaction.keyrings, transaction.dialect, name_asked=decision.name_asked, search=search)
        new = NewQuestion(
            client=client,
            kind=kind,
            search=search,
            aa=_octets(aa),
            ssid=_octets(subject.ssid.value),
            mac=np.uint64(int.from_bytes(decision.repeatable.device.value)),
            key_data=key_data,
            used=int(monotonic * 1000),
        )
        question = self._kernels.put_question(self._tables, self._arrival(source, transaction.request.octets), new)
        if question < 0:
            return
        size = len(self._tables.questions)
        if question >= size:
            self._asked[question - size] = RequestLabels.of(transaction, How.KNOWN if search else How.LOOKUP)
        self._put(decision, kind, transaction.keyrings, template, monotonic)

    def prewarm(self, accept: Accept, keyrings: tuple[Keyring, ...], dialect: Dialect, monotonic: float) -> None:
        """Have the answer ready for a device that is known, but was not asked about yet."""
        template = encode_template(dialect.encode_accept(accept))
        if template is not None:
            kind = self._kind(keyrings, dialect, name_asked=accept.name_asked, search=False)
            self._put(accept, kind, keyrings, template, monotonic)

    def _put(
        self, accept: Accept, kind: int, keyrings: tuple[Keyring, ...], template: Template, monotonic: float
    ) -> None:
        permission, key = accept.repeatable, accept.key
        pmk = next((pmk for pmk in (keyring.pool.pmk(key.id) for keyring in keyrings) if pmk is not None), None)
        if permission is None or pmk is None:
            return
        if len(template.octets) > LONGEST_TEMPLATE or len(template.salted) > SALTED:
            return
        if template.timeout_at is not None and permission.session_ends is None:
            return  # nothing to count Session-Timeout down to
        device = permission.device.value
        salted = np.zeros((2, SALTED), np.int64)
        salted[:, : len(template.salted)] = np.array(template.salted, np.int64).reshape(-1, 2).T
        new = NewAnswer(
            mac=np.uint64(int.from_bytes(device)),
            kind=kind,
            pmk=_octets(pmk.value),
            template=_octets(template.octets),
            salted=salted,
            timeout_at=-1 if template.timeout_at is None else template.timeout_at,
            key_id=key.id,
            until=_seconds(permission.until),
            ends=_seconds(permission.session_ends),
            used=int(monotonic * 1000),
        )
        row = self._kernels.put_answer(self._tables, new)
        self._given[row] = ReplyLabels.of(key, device)

    def forget_all(self) -> None:
        """Begin with nothing, but for exchanges."""
        self._free(list(self._given))
        self._tables.questions[list(self._asked)] = np.zeros((), QUESTION)
        self._tables.clients[: len(self._client_rows)] = np.zeros((), CLIENT)
        self._asked.clear()
        self._client_rows.clear()
        self._kinds.clear()
        self._tables.forms[:] = np.zeros((), FORM)
        self._forms = [None] * FORMS

    def forget_keys(self, keys: IdRanges) -> None:
        """Forget every answer with one of these keys."""
        if keys:
            self._free([row for row, given in self._given.items() if given.key_id in keys])

    def forget_device(self, device: MacAddress) -> None:
        """Forget every answer for this device."""
        if self._given:
            mac = int.from_bytes(device.value)
            ways = _ways(self._tables.answers, mac)
            self._free((ways.start + np.flatnonzero(self._tables.answers[ways]["mac"] == mac)).tolist())

    def _free(self, rows: Iterable[int]) -> None:
        chosen = [row for row in rows if self._given.pop(row, None) is not None]
        if chosen:
            self._tables.answers[chosen] = np.zeros((), ANSWER)

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
        at = 20
        while at < len(octets):
            piece = octets[at : at + octets[at + 1]]
            at += octets[at + 1]
            form = _read_layout(piece, handshake) if piece[0] == _VENDOR_SPECIFIC else None
            if form is not None and form.tobytes() not in self._forms:
                row = self._room_for_form()
                self._forms[row] = form.tobytes()
                self._tables.forms[row] = form

    def _room_for_form(self) -> int:
        """Return a free row, else the next one that was not used since the last time round: its form is dropped."""
        forms = self._tables.forms
        if None in self._forms:
            return self._forms.index(None)
        while forms["used"][self._hand]:
            forms["used"][self._hand] = 0
            self._hand = (self._hand + 1) % FORMS
        row, self._hand = self._hand, (self._hand + 1) % FORMS
        return row

    def _client(self, client: Client) -> int | None:
        """Return the row of a NAS's secret."""
        known = self._client_rows.get(id(client))
        if known is not None:
            return known[0]
        row, secret = len(self._client_rows), client.secret.value
        if row == _MOST_CLIENTS or len(secret) > LONGEST_SECRET:
            return None
        pads = np.frombuffer(b"".join(client.secret.pads()), np.uint8)
        self._tables.clients[row] = (
            0,
            0,
            len(secret),
            pads,
            np.frombuffer(secret.ljust(LONGEST_SECRET, b"\0"), np.uint8),
        )
        self._client_rows[id(client)] = row, client  # which keeps it, so that no other has its id
        return row


def _read_layout(piece: bytes, handshake: Handshake) -> npt.NDArray[np.void] | None:
    """Return the `FORM` of a Vendor-Specific attribute; None where it has no part of the handshake, or not for certain.

    What a station chooses (address, nonce, elements) may stand anywhere by chance or on purpose: only what occurs once,
    behind the attribute's header, has a place.
    """
    frame = handshake.m2.octets
    frame_at = _only_place(piece, frame)
    masked = piece if frame_at is None or frame_at < 0 else piece.replace(frame, bytes(len(frame)))
    anonce_at = _only_place(masked, handshake.anonce)
    masked = masked if anonce_at is None or anonce_at < 0 else masked.replace(handshake.anonce, bytes(32))
    places = anonce_at, frame_at, _only_place(masked, handshake.spa.value)
    found = [place for place in places if place is not None]
    if len(found) < len(places) or (anonce_at, frame_at) == (-1, -1):
        return None
    guards = b"".join(bytes(GUARD) if place < 0 else piece[place - GUARD : place] for place in found)
    form = np.zeros((), FORM)
    form["length"], form["anonce_at"], form["frame_at"], form["spa_at"] = len(piece), *found
    form["frame_length"] = len(frame) if found[1] >= 0 else 0
    form["vendor"], form["guards"] = np.frombuffer(piece[2:7], np.uint8), np.frombuffer(guards, np.uint8)
    return form


def _only_place(piece: bytes, part: bytes) -> int | None:
    """Return where `part` begins behind the header of a Vendor-Specific attribute; -1: nowhere, None: twice or more."""
    place = piece.find(part, _VENDOR_HEADER)
    return None if place >= 0 and piece.find(part, place + 1) >= 0 else place


def _seconds(moment: datetime | None) -> float:
    return math.inf if moment is None else moment.timestamp()


def _size(wanted: int) -> int:
    return max(WAYS, 1 << (wanted - 1).bit_length())


def _table(kind: np.dtype[np.void], wanted: int) -> npt.NDArray[np.void]:
    """Return an empty table; its memory is taken as it fills."""
    return np.zeros(_size(wanted), kind)


def _ways(table: npt.NDArray[np.void], number: int) -> slice:
    """Return where something with this hash may be; as the kernels have it."""
    start = ((number * SPREAD & 2**64 - 1) >> 32 & (len(table) // WAYS - 1)) * WAYS
    return slice(start, start + WAYS)


def _key_data(handshake: Handshake) -> KeyData | None:
    """Return what the fast path is to know of an M2's key data; None where it serves no such M2.

    Only where the station's own element names the AKM: what the access point says is part of the question, and the next
    one may say otherwise.
    """
    elements = find_elements(handshake.m2.key_data)
    own = elements.rsne or elements.wpa
    akm = _SERVED.get((handshake.akm, handshake.key_version))
    if own is None or not own.akms or akm is None:
        return None
    ft = handshake.ft
    r0, r1 = (b"", b"") if ft is None else (ft.mdid + bytes([len(ft.r0kh_id)]) + ft.r0kh_id, ft.r1kh_id)
    pmkids = () if elements.rsne is None else elements.rsne.pmkids
    pmkid = pmkids[0] if len(pmkids) == 1 else b""
    return KeyData(akm, handshake.ptk_bits, _octets(r0), _octets(r1), _octets(pmkid))
