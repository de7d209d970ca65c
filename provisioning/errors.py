"""What can be refused or go wrong while keeping the operator's data.

ProvisioningError
├── StoreError            the database: locked, read-only, damaged, not a database, full
│   ├── StoreMissing      there is no database at that path
│   ├── StoreReplaced     another file lies at the path now, or other contents in the file
│   ├── RowDamaged        one row cannot be opened; the others may be
│   ├── RowRefused        one row breaks a rule of the database itself; the others may not
│   └── NewerDatabase     written by a later Latchkey
├── MasterKeyError        missing, unreadable, too widely readable, or another database's
├── InvalidValue          a value outside its kind: a date, a network, a VLAN, a passphrase; also a ValueError
├── NotFound              no venue, unit, pool, plan, NAS or key of that name
├── Ambiguous             several of that name; the message lists their ids
├── AlreadyExists         the name, network or SSID is taken
├── DuplicateKey          the passphrase is in use where the two keys could meet
├── CannotUndo            a change that cannot be taken back any more
├── Occupied              something else still belongs to it
├── KeyRemoved            a removed key stays removed
├── ConnectorRefused      a table [sync.NAME] of latchkey.toml that says what cannot be: a line for each mistake
├── ImportRefused         rows of a CSV file, each with its line number
└── FileRefused           a CSV file that cannot be read as one: its header, its encoding, or not CSV at all

No message holds a passphrase, PMK or shared secret, and DuplicateKey never says whose the other key is.
InvalidValue is both because one constructor checks a value wherever it comes from: as a ValueError it is a mistake of
ours, on a command line or in a file it is the operator's, who gets its text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class ProvisioningError(Exception):
    """Base of what `provisioning` raises about the world outside the program."""


class StoreError(ProvisioningError):
    """The database cannot be used as asked."""


class StoreMissing(StoreError):  # noqa: N818 (reads as what it is)
    """No database at the given path."""


class StoreReplaced(StoreError):  # noqa: N818
    """What was read so far is of another database than the one that is there now."""


class RowDamaged(StoreError):  # noqa: N818
    """A row that does not decrypt, or holds what cannot be: altered or damaged from outside."""

    def __init__(self, table: str, id_: int, what: str = "") -> None:
        super().__init__(f"{what or table} of row {id_} cannot be decrypted: the database was altered")
        self.table = table
        self.id = id_


class RowRefused(StoreError):  # noqa: N818
    """A row that a rule of the database itself does not let in."""


class NewerDatabase(StoreError):  # noqa: N818
    """A database with migrations that this version does not know."""


class MasterKeyError(ProvisioningError):
    """The master key is missing, unreadable, or does not open this database."""


class InvalidValue(ProvisioningError, ValueError):  # noqa: N818
    """Not a value of its kind."""


class NotFound(ProvisioningError):  # noqa: N818
    """Nothing of that name or id."""


class Ambiguous(ProvisioningError):  # noqa: N818
    """More than one thing of that name."""


class AlreadyExists(ProvisioningError):  # noqa: N818
    """The name, network or SSID is taken."""


class KeyRemoved(ProvisioningError):  # noqa: N818
    """The key was removed, which is final."""


class CannotUndo(ProvisioningError):  # noqa: N818
    """A change that cannot be taken back any more."""


class Occupied(ProvisioningError):  # noqa: N818
    """Something else still belongs to it."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Position of a refused key in its batch, and of the earlier one it repeats (None: one in the store)."""

    position: int
    earlier: int | None


class DuplicateKey(ProvisioningError):  # noqa: N818
    """The passphrase is in use on an SSID where both keys could meet.

    Of keys that are being added `duplicates` tells which; of keys that are being changed `key_ids`.
    """

    def __init__(self, duplicates: Sequence[Duplicate] = (), message: str = "", *, key_ids: Iterable[int] = ()) -> None:
        super().__init__(message or "passphrase already in use on this SSID")
        self.duplicates = tuple(duplicates)
        self.key_ids = frozenset(key_ids)


class ConnectorRefused(ProvisioningError):  # noqa: N818
    """A connector's configuration that cannot be used."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one line of a CSV file was not imported."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class ImportRefused(ProvisioningError):  # noqa: N818
    """Rows that cannot be imported, so that nothing was."""

    SHOWN = 10

    def __init__(self, name: str, refusals: Sequence[Refusal], beside: str = "") -> None:
        """beside: a file that the refused rows are in"""
        what = str(refusals[0]) if len(refusals) == 1 else f"{len(refusals):,} lines refused"
        super().__init__(f"{name}: {what}; nothing imported{f', see {beside}' if beside else ''}")
        self.refusals = tuple(refusals)

    def shown(self) -> list[str]:
        """Return the first refusals, a line each, and how many more there are; nothing where the message has it."""
        if len(self.refusals) == 1:
            return []
        more = len(self.refusals) - self.SHOWN
        return [*map(str, self.refusals[: self.SHOWN]), *([f"and {more:,} more"] if more > 0 else [])]


class FileRefused(ProvisioningError):  # noqa: N818
    """The file as a whole is not what an import reads."""
