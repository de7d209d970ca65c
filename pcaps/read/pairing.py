"""4-way handshakes out of EAPOL-Key frames, in the order of a capture: which ANonce belongs to which M2.

An M2 repeats the replay counter of the M1 it answers, and the access point's M3 carries the next one (IEEE Std 802.11
12.7.2, 12.7.6). Stations and access points repeat frames, several of them speak at a time, and counters begin anew
with each association; so what is remembered of a pair is forgotten when its station associates, an M3 corrects what an
M1 said, and an M1 that is older than any station takes to answer belongs to another attempt.
"""

# Rule: arbitrary frames give attempts, never an error, and the memory taken is bounded.

import enum
import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_EAPOL_KEY, _DESCRIPTORS = 3, (0x02, 0xFE)
_PAIRWISE, _ACK, _MIC, _REQUEST = 0x0008, 0x0080, 0x0100, 0x0800
_NONCE_END: Final = 49  # octets of an EAPOL-Key frame up to the end of its nonce
MIC_START: Final = 81
_MIC_LENGTHS: Final = (16, 24, 32, 0)  # most AKMs; SHA-384's; SHA-512's; FILS (12.7.3)
_STALE_NS: Final = 10_000_000_000  # access points ask again after a second, and stations answer within it
_KEPT: Final = 16  # M1s, and M2s that may still meet their M3, of one pair
_MAX_PAIRS: Final = 16_384
MAX_ATTEMPTS: Final = 131_072  # attempts of one capture; about 2 kB each


class Message(enum.IntEnum):
    """What an EAPOL-Key frame is in the 4-way handshake."""

    M1 = 1
    M2 = 2
    M3 = 3
    M4 = 4


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """An EAPOL-Key frame of a 4-way handshake, as much of it as is there."""

    message: Message
    counter: int
    octets: bytes
    length: int  # as its header says: more than len(octets) where it was cut

    @property
    def nonce(self) -> bytes | None:
        """ANonce or SNonce, None where the frame was cut before its end."""
        return self.octets[17:_NONCE_END] if len(self.octets) >= _NONCE_END else None


def parse_key_frame(octets: bytes) -> KeyFrame | None:
    """Return the frame that begins `octets` if it is one of a 4-way handshake; trailing octets are another's."""
    if len(octets) < 17 or octets[1] != _EAPOL_KEY or octets[4] not in _DESCRIPTORS:
        return None
    length = 4 + (octets[2] << 8 | octets[3])
    octets = octets[:length]
    if len(octets) < 17:
        return None
    (info,) = struct.unpack_from(">H", octets, 5)
    if info & (_PAIRWISE | _REQUEST) != _PAIRWISE:
        return None
    if info & _ACK:
        message = Message.M3 if info & _MIC else Message.M1
    elif not info & _MIC:
        return None
    else:  # hostapd tells them apart so; WPA1's M4 has no other sign
        message = Message.M2 if _key_data_length(octets, length) else Message.M4
    return KeyFrame(message, int.from_bytes(octets[9:17]), octets, length)


def mic_length(octets: bytes) -> int | None:
    """Return how long a MIC the lengths in a whole frame leave room for, None where they contradict each other."""
    for mic in _MIC_LENGTHS:
        start = MIC_START + mic + 2
        if start <= len(octets) and start + int.from_bytes(octets[start - 2 : start]) == len(octets):
            return mic
    return None


def _key_data_length(octets: bytes, length: int) -> int:
    mic = mic_length(octets) if len(octets) == length else None
    return length - MIC_START - 2 - (16 if mic is None else mic)


@dataclass(slots=True)
class _Challenge:
    """An M1."""

    number: int
    time_ns: int
    anonce: bytes
    aa: bytes | None


@dataclass(slots=True)
class Answer:
    """An M2, and the ANonce it answers once that is known."""

    number: int
    time_ns: int
    frame: KeyFrame
    aa: bytes | None
    spa: bytes | None
    flaw: str | None  # why the frame cannot be tested
    damaged: bool
    anonce: bytes | None = None
    missing: str = "no M1 before it"  # why there is no ANonce
    accepted: bool = False


@dataclass(slots=True)
class _Pair:
    """What was heard between one access point and one station since that associated."""

    challenges: "OrderedDict[int, _Challenge]" = field(default_factory=OrderedDict)
    answers: list[Answer] = field(default_factory=list)


class Pairing:
    """Finds the handshakes among the EAPOL-Key frames of a capture."""

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[bytes | None, bytes | None], _Pair] = OrderedDict()
        self._done: list[Answer] = []
        self.lost = 0  # attempts beyond what is kept

    def __len__(self) -> int:
        return len(self._done)

    def begin(self, aa: bytes, spa: bytes) -> None:
        """Take note that the station associates: replay counters and nonces begin anew."""
        pair = self._pairs.pop((aa, spa), None)
        if pair is not None:
            self._finish(pair.answers)

    def add(
        self,
        number: int,
        time_ns: int,
        frame: KeyFrame,
        sender: bytes | None,
        receiver: bytes | None,
        *,
        flaw: str | None = None,
        damaged: bool = False,
    ) -> None:
        """Take in one frame; an address is None where the link type leaves it out."""
        aa, spa = (receiver, sender) if frame.message in (Message.M2, Message.M4) else (sender, receiver)
        pair = self._pair(aa, spa)
        if frame.message is Message.M1 and frame.nonce is not None:
            self._challenge(pair, frame.counter, _Challenge(number, time_ns, frame.nonce, aa))
        elif frame.message is Message.M2:
            self._answer(pair, Answer(number, time_ns, frame, aa, spa, flaw, damaged))
        elif frame.message is Message.M3 and frame.nonce is not None:
            _confirm(pair, frame.counter, time_ns, frame.nonce, aa)

    def finish(self) -> Iterator[Answer]:
        """Yield what has been found, one for each try: repetitions of an M2 with one pair of nonces are one."""
        for pair in self._pairs.values():
            self._finish(pair.answers)
        self._pairs.clear()
        best: dict[object, Answer] = {}
        for answer in self._done:
            key: object = (answer.aa, answer.spa, answer.frame.nonce or answer.number)
            other = best.get(key)
            if other is None or _preference(answer) > _preference(other):
                best[key] = answer
        self._done.clear()
        yield from best.values()

    def _pair(self, aa: bytes | None, spa: bytes | None) -> _Pair:
        # Of a cooked capture each frame has the sender's address only: all of its frames are one pair's.
        key = (aa, spa) if aa is not None and spa is not None else (None, None)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair()
            if len(self._pairs) > _MAX_PAIRS:
                _, oldest = self._pairs.popitem(last=False)
                self._finish(oldest.answers)
        else:
            self._pairs.move_to_end(key)
        return pair

    def _finish(self, answers: list[Answer]) -> None:
        room = MAX_ATTEMPTS - len(self._done)
        self.lost += max(0, len(answers) - room)
        self._done += answers[: max(0, room)]

    def _challenge(self, pair: _Pair, counter: int, challenge: _Challenge) -> None:
        pair.challenges[counter] = challenge
        pair.challenges.move_to_end(counter)
        if len(pair.challenges) > _KEPT:
            pair.challenges.popitem(last=False)
        for answer in pair.answers:  # of two interfaces, one may have been late
            if answer.anonce is None and answer.frame.counter == counter and challenge.time_ns <= answer.time_ns:
                _take(answer, challenge)

    def _answer(self, pair: _Pair, answer: Answer) -> None:
        same = [other for other in pair.answers if other.frame.counter == answer.frame.counter]
        for other in same:
            if other.frame.octets == answer.frame.octets and other.anonce is not None:
                return  # a repetition
            if other.damaged and not answer.damaged:
                pair.answers.remove(other)
            elif answer.damaged and not other.damaged:
                return
        challenge = pair.challenges.get(answer.frame.counter)
        if challenge is not None:
            _take(answer, challenge)
        elif pair.challenges:
            counter, last = next(reversed(pair.challenges.items()))
            answer.missing = (
                f"M1 in frame {last.number} has replay counter {counter}, this M2 {answer.frame.counter}:"
                " they belong to different attempts"
            )
        pair.answers.append(answer)
        if len(pair.answers) > _KEPT:
            self._finish([pair.answers.pop(0)])


def _take(answer: Answer, challenge: _Challenge) -> None:
    """Give an M2 the ANonce of its M1."""
    age_ns = answer.time_ns - challenge.time_ns
    if age_ns > _STALE_NS:
        answer.missing = (
            f"M1 in frame {challenge.number} came {age_ns // 1_000_000_000} s before: they belong to different attempts"
        )
        return
    answer.anonce = challenge.anonce
    answer.aa = challenge.aa


def _confirm(pair: _Pair, counter: int, time_ns: int, anonce: bytes, aa: bytes | None) -> None:
    """Take what an M3 tells of the M2 before it: that its MIC was right, and which ANonce it was made with."""
    for answer in reversed(pair.answers):
        if answer.frame.counter == counter - 1 and time_ns - answer.time_ns <= _STALE_NS:
            answer.anonce, answer.aa, answer.accepted = anonce, aa, True
            pair.challenges.clear()  # they have been answered: who speaks next begins anew
            return


def _preference(answer: Answer) -> tuple[bool, bool, bool]:
    return answer.flaw is None, answer.anonce is not None, answer.accepted
