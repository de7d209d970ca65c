"""The line of an Access-Accept in the log, made of pieces that the fast path keeps: both ways write it here."""

from dataclasses import dataclass

from provisioning import Key

from ..log.line_format import quote_name, quote_octets
from ..model import How
from ..state.index import Keyring
from .transaction import Transaction


@dataclass(frozen=True, slots=True, eq=False)
class RequestLabels:
    """What the log and the counts say of a request, whichever device it is about."""

    nas: str
    venue: str | None
    ssid: bytes
    dialect: str
    how: How
    keyrings: tuple[Keyring, ...]
    where: str
    dialects: str

    @classmethod
    def of(cls, transaction: Transaction, how: How) -> "RequestLabels":
        """Return the labels of a request that was understood."""
        assert transaction.subject is not None  # noqa: S101 (it was understood)
        nas, ssid, dialect = transaction.client.nas.name, transaction.subject.ssid.value, transaction.dialect.name
        where = f" nas={quote_name(nas)} venue={quote_name(transaction.venue)} ssid={quote_octets(ssid)}"
        also = f" also={','.join(transaction.others)}" if transaction.others else ""
        dialects = f" dialect={dialect}{also}"
        return cls(nas, transaction.venue, ssid, dialect, how, transaction.keyrings, where, dialects)

    def measured(self, ms: float) -> str:
        """Return the piece of the line that says how the key was found, among how many, and how long that took."""
        keys = 0
        for _, pool in self.keyrings:
            keys += len(pool)
        return f"{self.how.value} keys={keys} ms={ms:.2f}"


@dataclass(slots=True, eq=False)
class ReplyLabels:
    """What the log says of an answer, and what makes it void."""

    key_id: int
    mac: bytes
    who: str
    device: str
    vlan: str
    sighted: object = None  # see `Sightings`

    @classmethod
    def of(cls, key: Key, mac: bytes) -> "ReplyLabels":
        """Return the labels of this key's answer for the device at this address."""
        vlan = "none" if key.effective_vlan is None else key.effective_vlan
        who = f"accept who={quote_name(key.identity)} key={key.id}"
        return cls(key.id, mac, who, f" device={mac.hex(':')} how=", f" vlan={vlan}")


Hit = tuple[RequestLabels, ReplyLabels]  # a request that the fast path answered


def accept_line(request: RequestLabels, reply: ReplyLabels, measured: str) -> str:
    """Return the line of an Access-Accept; `measured` is what RequestLabels.measured() returns."""
    return f"{reply.who}{request.where}{reply.device}{measured}{reply.vlan}{request.dialects}"
