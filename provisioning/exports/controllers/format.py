"""What a format is given, and what it gives."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from crypto import MacAddress

from ...model import Device, Passphrase


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingKey:
    """A key that may be used now, or the former passphrase of one that may be."""

    id: int  # of the key, of a former passphrase too
    identity: str
    passphrase: Passphrase
    vlan: int | None  # that its devices land in: its own, else its unit's, the venue's offset included
    devices: tuple[Device, ...]  # known with it
    only: tuple[MacAddress, ...] | None  # no other devices may use it; None: any may
    ends: datetime | None
    former: bool = False  # works until its grace period is over

    @property
    def is_pmk(self) -> bool:
        """Return whether what is kept is the PMK itself, which nobody can type as a passphrase."""
        return len(self.passphrase.value) == 64

    @property
    def text(self) -> str:
        """Return the passphrase, which is ASCII."""
        return self.passphrase.value.decode("ascii")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A key that is not in the file, and why. The reason holds nothing of its passphrase."""

    id: int
    identity: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What whoever uses the file should know, once."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerFormat:
    """A file that another program reads."""

    name: str  # of `--format`
    purpose: str  # for the help, a few words
    render: Callable[[Iterable[LivingKey]], Iterator[str | LeftOut | Remark]]  # lines have their ends
