"""Encryption at rest: one master key, AES-256-GCM for what is stored, HMAC-SHA256 to recognise it again.

Rule: an encrypted value is nonce (12 octets, random) || ciphertext || tag (16). Its associated data name table, column
and row, so that a value copied to another row or column does not decrypt. Random nonces bound one key to 2**32 values
(NIST SP 800-38D 8.3): a thousand times a million keys with two values each.
"""

import hmac
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import MasterKeyError, RowDamaged

KEY_VARIABLE: Final = "LATCHKEY_MASTER_KEY"
FILE_VARIABLE: Final = "LATCHKEY_MASTER_KEY_FILE"
NONCE_OCTETS: Final = 12
FINGERPRINT_OCTETS: Final = 16


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The 32 octets from which every key of the database follows (HKDF, RFC 5869)."""

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.value) != 32:
            raise ValueError(f"master key must be 32 octets, got {len(self.value)}")

    @classmethod
    def generate(cls) -> Self:
        return cls(os.urandom(32))

    @classmethod
    def load(cls, db_path: Path, environ: Mapping[str, str]) -> Self:
        """Return the key from LATCHKEY_MASTER_KEY, else from the file `key_path` names; MasterKeyError if neither."""
        if text := environ.get(KEY_VARIABLE):
            return cls._parse(text, KEY_VARIABLE)
        path = key_path(db_path, environ)
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                octets = file.read(256)
        except FileNotFoundError:
            raise MasterKeyError(
                f"no master key at {path}: restore it, or name it with {FILE_VARIABLE} or {KEY_VARIABLE}"
            ) from None
        except OSError as error:
            raise MasterKeyError(f"cannot read the master key {path}: {error.strerror}") from error
        if stat.S_IMODE(mode) & 0o077:
            raise MasterKeyError(f"master key {path} can be read by others: chmod 600 {path}")
        return cls._parse(octets.decode("ascii", "replace"), str(path))

    @classmethod
    def create(cls, db_path: Path, environ: Mapping[str, str]) -> Self:
        """Return the key that `load` would; where its file is missing, make one there, readable by its owner only."""
        path = key_path(db_path, environ)
        if environ.get(KEY_VARIABLE) or path.exists():
            return cls.load(db_path, environ)
        key = cls.generate()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key.value.hex().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())  # a database whose key a power cut took is lost
        except OSError as error:
            raise MasterKeyError(f"cannot write the master key {path}: {error.strerror}") from error
        return key

    @classmethod
    def _parse(cls, text: str, where: str) -> Self:
        digits = text.strip()
        try:
            if len(digits) == 64:
                return cls(bytes.fromhex(digits))
        except ValueError:
            pass  # says at which position: more than anyone needs to know of a key
        raise MasterKeyError(f"master key in {where} must be 64 hex digits")


def key_path(db_path: Path, environ: Mapping[str, str]) -> Path:
    """Return where the master key's file belongs: LATCHKEY_MASTER_KEY_FILE, else beside the database."""
    return Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else db_path.with_suffix(".key")


class Vault:
    """Seals and opens the database's secret values; holds the keys derived from the master key."""

    __slots__ = ("_aead", "_fingerprint_key")

    def __init__(self, master: MasterKey) -> None:
        self.use(master)

    def use(self, master: MasterKey) -> None:
        """Seal and open with this key from now on."""
        self._aead = AESGCM(_derive(master, b"latchkey encryption at rest"))
        self._fingerprint_key = _derive(master, b"latchkey fingerprint")

    def seal(self, column: str, row_id: int, value: bytes) -> bytes:
        """Return `value` encrypted for `column` ("table.column") of row `row_id`."""
        nonce = os.urandom(NONCE_OCTETS)
        return nonce + self._aead.encrypt(nonce, value, _place(column, row_id))

    def seal_rows(self, column: str, first_id: int, values: "list[bytes]") -> list[bytes]:
        """Return `values` encrypted for `column` of the rows from `first_id` on: `seal` for a million."""
        nonces = os.urandom(NONCE_OCTETS * len(values))  # one system call instead of a million
        encrypt, place = self._aead.encrypt, column.encode() + b":%d"
        sealed = []
        for offset, value in enumerate(values):
            nonce = nonces[offset * NONCE_OCTETS : (offset + 1) * NONCE_OCTETS]
            sealed.append(nonce + encrypt(nonce, value, place % (first_id + offset)))
        return sealed

    def unseal(self, column: str, row_id: int, sealed: bytes) -> bytes:
        """Return what `seal` was given; RowDamaged where value, place or master key differ."""
        try:
            return self._aead.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], _place(column, row_id))
        except (InvalidTag, ValueError, TypeError):  # of these the last where it is not octets
            raise RowDamaged(column.partition(".")[0], row_id, column) from None

    def unseal_rows(self, column: str, rows: "list[tuple[int, bytes]]") -> bytearray:
        """Return the opened values of (row id, sealed value) end to end, in one buffer."""
        decrypt, place = self._aead.decrypt, column.encode() + b":%d"
        try:
            return bytearray().join(
                [decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], place % row_id) for row_id, sealed in rows]
            )
        except (InvalidTag, ValueError, TypeError):
            for row_id, sealed in rows:
                self.unseal(column, row_id, sealed)  # names the row
            raise

    def fingerprint(self, pmk: bytes) -> bytes:
        """Return 16 octets by which equal PMKs are recognised without being stored."""
        return hmac.digest(self._fingerprint_key, pmk, "sha256")[:FINGERPRINT_OCTETS]


def _derive(master: MasterKey, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(master.value)


def _place(column: str, row_id: int) -> bytes:
    return f"{column}:{row_id}".encode()
