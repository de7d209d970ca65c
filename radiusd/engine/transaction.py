"""One Access-Request under way, and the search that it may need."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from crypto import Handshake, MacAddress

from ..model import Decision, Reject, Request, Sendable, Source, Subject
from ..state.index import Keyring
from ..state.topology import Client
from ..vendors import Dialect
from .duplicates import Exchange

_NAS_IDENTIFIER: Final = 32


class Phase(enum.Enum):
    """Where a request stands. DECIDING -> SEARCHING -> DECIDING ..., and from either to OVER, which is final."""

    DECIDING = enum.auto()  # its next step may be taken
    SEARCHING = enum.auto()  # it waits for its search
    OVER = enum.auto()  # answered, or given up


@dataclass(slots=True, eq=False)
class Transaction:
    """Everything about a request; what has a default is filled in on the way."""

    client: Client
    source: Source
    request: Request
    exchange: Exchange
    dialect: Dialect
    started: float
    others: tuple[str, ...] = ()  # further dialects that the request shows
    proven: bool = True  # whoever asks has the secret; else nothing is learned from what they ask
    subject: Subject | None = None
    venue: str | None = None
    keyrings: tuple[Keyring, ...] = ()
    decision: Decision | None = None
    attributes: tuple[Sendable, ...] = field(default=(), repr=False)  # of the answer
    phase: Phase = Phase.DECIDING
    search: "Search | None" = None
    reply: bytes | None = field(default=None, repr=False)

    @property
    def outcome(self) -> "bytes | Search | None":
        """Return what is to be done now: send a reply, run a search, nothing."""
        return self.search if self.phase is Phase.SEARCHING else self.reply

    def wait(self, search: "Search") -> None:
        """Leave the request to a search."""
        self.phase, self.search = Phase.SEARCHING, search

    def resume(self) -> None:
        """Go on with a request whose search has come to something, or may not be needed."""
        if self.phase is not Phase.SEARCHING:
            raise ValueError(f"a request that is {self.phase.name} has no search to come back from")
        self.phase = Phase.DECIDING

    def end(self, reply: bytes | None) -> None:
        """End the request, with its reply or without one."""
        self.phase, self.reply = Phase.OVER, reply

    @property
    def device(self) -> MacAddress:
        """Return the station that a request which was understood is about."""
        assert self.subject is not None  # noqa: S101 (it was understood)
        return self.subject.spa if isinstance(self.subject, Handshake) else self.subject.device

    @property
    def nas_names(self) -> tuple[str, ...]:
        """Return what the NAS is known by, in lower case: what it calls itself, its name, its network."""
        identifier = self.request.first(_NAS_IDENTIFIER)
        own = () if identifier is None else (identifier.decode("utf-8", "backslashreplace").lower(),)
        return (*own, *self.client.names)

    @property
    def keys(self) -> int:
        """Return how many keys could be meant."""
        keys = 0
        for _, pool in self.keyrings:
            keys += len(pool)
        return keys


class Search:
    """A handshake on its way through whole pools. run() belongs to a worker thread, everything else to the engine."""

    def __init__(self, transaction: Transaction, handshake: Handshake, refusal: Reject | None) -> None:
        self.transaction = transaction
        self.handshake = handshake
        self.keyrings = transaction.keyrings  # that are searched
        self.refusal = refusal  # why the keys found so far may not be used
        self.hit: tuple[int, int] | None = None  # keypool and key
        # Whose it is: what one device asks of the same keypools is searched one after the other.
        self.owner = tuple(keyring.keypool_id for keyring in self.keyrings), handshake.spa.value
        self.seconds = 0.0  # in its threads, so far
        self._hits: Iterator[tuple[int, int]] | None = None

    @property
    def begun(self) -> bool:
        """Return whether it has been run before."""
        return self._hits is not None

    def run(self, threads: int = 1) -> None:
        """Go on to the next key that made this MIC; `hit` is None when there is none left."""
        if self._hits is None:
            self._hits = self._search(threads)
        self.hit = next(self._hits, None)

    def _search(self, threads: int) -> Iterator[tuple[int, int]]:
        for keypool_id, pool in self.keyrings:
            for key_id in pool.find(self.handshake, threads=threads):
                yield keypool_id, key_id
