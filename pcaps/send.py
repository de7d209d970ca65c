"""Plays the access point towards a RADIUS server: asks about handshakes, and checks what comes back."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from crypto import Handshake, Pmk, Ssid, passphrase_to_pmk, verify_mic
from radiusd import (
    AuthenticityError,
    Dialect,
    Granted,
    PacketError,
    Question,
    RadiusError,
    SharedSecret,
    Subject,
    attribute_name,
    render_address,
)

from .errors import SendError
from .load import LARGEST, Address, LoadGenerator, Shot, connect

_SOCKETS: Final = 16  # 256 identifiers each (RFC 2865 section 3)
_WINDOW: Final = 64  # requests under way where no rate is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What to ask about, as an access point of one dialect."""

    subject: Subject
    dialect: Dialect
    secret: SharedSecret = field(repr=False)
    nas_identifier: bytes | None = None
    recorded: bytes | None = field(default=None, repr=False)  # a request to be sent as it is

    def question(self, identifier: int = 0, *, fresh: bool = False) -> Question:
        """Return the request: as it was recorded, else made anew; `fresh` makes it anew in any case."""
        if self.recorded is not None and not fresh:
            return Question(datagram=self.recorded, dialect=self.dialect, secret=self.secret)
        return Question.ask(
            self.dialect, self.subject, self.secret, nas_identifier=self.nas_identifier, identifier=identifier
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose authenticators were right."""

    granted: Granted | None  # None: an Access-Reject
    fits: bool | None  # whether a key in it made the handshake's MIC; None where there was no handshake or no key
    seconds: float
    tries: int = 1
    signed: bool = True  # it carried a Message-Authenticator
    attributes: tuple[str, ...] = ()  # what it carried, by name, in order


def ask(server: Address, played: Played, *, timeout_s: float = 3.0, tries: int = 3, unsigned: bool = False) -> Answer:
    """Return the server's answer; SendError where there is none that an access point would take.

    Every try sends the same octets, as RFC 5080 2.2.1 wants it. unsigned: take an answer without Message-Authenticator
    """
    question = played.question()
    doubt: Exception | None = None
    with connect(server) as client:
        for number in range(1, tries + 1):
            started = time.perf_counter()
            try:
                client.send(question.datagram)
                while (left := started + timeout_s - time.perf_counter()) > 0:
                    client.settimeout(left)
                    reply = client.recv(LARGEST)
                    seconds = time.perf_counter() - started
                    try:
                        granted = question.read(reply, unsigned=unsigned)
                    except PacketError as error:
                        doubt = error  # anybody can send us anything: the right answer may be still to come
                        continue
                    return Answer(
                        granted=granted,
                        fits=_Keys().fit(played, granted),
                        seconds=seconds,
                        tries=number,
                        signed=not unsigned or _is_signed(question, reply),
                        attributes=tuple(map(attribute_name, question.decode(reply, unsigned=unsigned).attributes)),
                    )
            except TimeoutError:
                continue
            except OSError as error:
                raise SendError(f"cannot ask {render_address(server)}: {error.strerror}") from error
    if doubt is not None:
        raise SendError(f"answer of {render_address(server)}: {doubt}") from doubt
    raise SendError(
        f"no answer from {render_address(server)} within {timeout_s:g} s, {tries} times:"
        " wrong address or port, a firewall, another shared secret, or it does not know this NAS"
    )


def _is_signed(question: Question, reply: bytes) -> bool:
    """Return whether a reply that was read before carries a Message-Authenticator."""
    try:
        question.read(reply)
    except AuthenticityError:
        return False
    return True


def check(answer: Answer, played: Played) -> None:
    """Raise SendError unless the station would have got in."""
    if answer.granted is None:
        raise SendError("Access-Reject")
    if not answer.granted.passphrases and answer.granted.pmk is None:
        raise SendError(f"Access-Accept without a key that an access point of dialect {played.dialect.name} reads")
    if answer.fits is False:
        raise SendError("Access-Accept with a key that does not fit the handshake")


class _Keys:
    """Which keys fit which handshakes; a load is answered with the same few again and again."""

    def __init__(self) -> None:
        self._pmks: dict[tuple[bytes, Ssid], Pmk | None] = {}
        self._fit: dict[tuple[bytes, int], bool] = {}

    def fit(self, played: Played, granted: Granted | None) -> bool | None:
        """Return whether one of the keys is the one the station used."""
        handshake = played.subject
        if granted is None or not isinstance(handshake, Handshake):
            return None
        pmks = [self._pmk(passphrase, handshake.ssid) for passphrase in granted.passphrases]
        if granted.pmk is not None:
            pmks.append(Pmk(granted.pmk) if len(granted.pmk) == 32 else None)
        if not pmks:
            return None
        return any(pmk is not None and self._fits(pmk, handshake) for pmk in pmks)

    def _pmk(self, passphrase: bytes, ssid: Ssid) -> Pmk | None:
        if (passphrase, ssid) not in self._pmks:
            try:
                self._pmks[passphrase, ssid] = passphrase_to_pmk(passphrase, ssid)
            except ValueError:  # of a length that is none
                self._pmks[passphrase, ssid] = None
        return self._pmks[passphrase, ssid]

    def _fits(self, pmk: Pmk, handshake: Handshake) -> bool:
        key = (pmk.value, id(handshake))
        if key not in self._fit:
            self._fit[key] = verify_mic(pmk, handshake)
        return self._fit[key]


# A load.


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of a load."""

    sent: int = 0
    fitting: int = 0  # accepted, and the key fits; without a handshake, accepted with a key
    rejected: int = 0
    unfitting: int = 0
    wrong: int = 0  # answers that no access point would take
    lost: int = 0
    seconds: float = 0.0  # from the first request to the last answer
    times_ms: list[float] = field(default_factory=list, repr=False)

    def quantile_ms(self, share: float) -> float | None:
        """Return the time within which that share of the answers came."""
        if not self.times_ms:
            return None
        times = sorted(self.times_ms)
        return times[min(len(times) - 1, int(len(times) * share))]


@dataclass(slots=True)
class _Asked(Shot):
    played: Played = field(kw_only=True)


def load(
    server: Address,
    what: Sequence[Played],
    count: int,
    *,
    rate: float | None = None,
    timeout_s: float = 3.0,
    unsigned: bool = False,
) -> Tally:
    """Ask `count` times, round `what`, each time anew; at `rate` a second, else as fast as answers come.

    Nothing is sent twice: a request without an answer is lost.
    """
    tally, keys = Tally(sent=count), _Keys()
    with LoadGenerator(server, sockets=min(_SOCKETS, count)) as generator:

        def shots() -> Iterator[_Asked]:
            for number in range(count):
                played = what[number % len(what)]
                client, identifier = generator.slot()
                yield _Asked(played.question(identifier, fresh=True), client, played=played)

        window = _WINDOW if rate is None else None
        accept = partial(_count, tally, keys, unsigned)
        tally.seconds = generator.run(shots(), window=window, rate=rate, timeout_s=timeout_s, accept=accept)
    tally.lost = count - len(tally.times_ms)
    return tally


def _count(tally: Tally, keys: _Keys, unsigned: bool, shot: _Asked, seconds: float) -> bool:
    """Count an answer; return whether it is one that an access point would take."""
    try:
        granted = shot.question.read(shot.reply, unsigned=unsigned)
    except RadiusError:
        tally.wrong += 1
        return False
    tally.times_ms.append(seconds * 1e3)
    if granted is None:
        tally.rejected += 1
        return True
    answer = Answer(granted=granted, fits=keys.fit(shot.played, granted), seconds=seconds)
    try:
        check(answer, shot.played)
    except SendError:
        tally.unfitting += 1
    else:
        tally.fitting += 1
    return True
