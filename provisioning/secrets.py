"""Encryption at rest: one master key, AES-256-GCM for what is stored, HMAC-SHA256 to recognise it again.

Rule: an encrypted value is version (1 octet, 1) || nonce (12, random) || ciphertext || tag (16). Its associated data
are the version, and the names of table, column and row, so that a value copied to another row or column does not
decrypt. Earlier values have no version, neither in front nor among these data: the tag tells which a value is. Random
nonces bound one key to 2**32 values (NIST SP 800-38D 8.3): a thousand times a million keys with two values each.
"""

import contextlib
import hmac
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from .errors import MasterKeyError, RowDamaged

KEY_VARIABLE: Final = "LATCHKEY_MASTER_KEY"
FILE_VARIABLE: Final = "LATCHKEY_MASTER_KEY_FILE"
CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
CREDENTIAL: Final = "latchkey.key"
NONCE_OCTETS: Final = 12
VERSION: Final = b"\x01"
_HEAD: Final = 1 + NONCE_OCTETS
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
        """Return the first of `candidates`; MasterKeyError where there is none."""
        return next(cls.candidates(db_path, environ))

    @classmethod
    def candidates(cls, db_path: Path, environ: Mapping[str, str]) -> Iterator[Self]:
        """Yield the keys that the database may be sealed with, likeliest first; MasterKeyError where there is none.

        That of LATCHKEY_MASTER_KEY alone; else those of the files that `key_paths` names, as far as they are there.
        """
        if text := environ.get(KEY_VARIABLE):
            yield cls._parse(text, KEY_VARIABLE)
            return
        found, trouble = False, None
        for path in key_paths(db_path, environ):
            try:
                key = cls.read(path, guarded=path.parent == credentials_folder(environ))
            except MasterKeyError as error:
                trouble = trouble or error
            else:
                found = True
                yield key
        if not found and trouble is not None:
            raise trouble

    @classmethod
    def read(cls, path: Path, *, guarded: bool = False) -> Self:
        """Return the key of a file; MasterKeyError where it cannot be read, or by others than its owner.

        guarded: the folder is closed to others, and the file's mode says nothing
        """
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
        if stat.S_IMODE(mode) & 0o077 and not guarded:
            raise MasterKeyError(f"master key {path} can be read by others: chmod 600 {path}")
        return cls._parse(octets.decode("ascii", "replace"), str(path))

    def write(self, path: Path) -> None:
        """Put the key into a new file, readable by its owner only; MasterKeyError where that cannot be."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(self.value.hex().encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())  # a database whose key a power cut took is lost
                sync_folder(path.parent)
            except BaseException:
                path.unlink()  # half a key would be taken for one that is damaged
                raise
        except OSError as error:
            raise MasterKeyError(f"cannot write the master key {path}: {error.strerror}") from error

    @classmethod
    def create(cls, db_path: Path, environ: Mapping[str, str]) -> Self:
        """Return the key that `load` would; where its file is missing, make one there, readable by its owner only."""
        path = key_path(db_path, environ)
        if environ.get(KEY_VARIABLE) or path.exists():
            return cls.load(db_path, environ)
        key = cls.generate()
        key.write(path)
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


def next_key_path(path: Path) -> Path:
    """Return where `rekey` puts a new key until the database is sealed with it."""
    return path.with_name(f"{path.name}.new")


def credentials_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where systemd has put what the unit loads (LoadCredential), None where it is not its service."""
    return Path(environ[CREDENTIALS_VARIABLE]) if environ.get(CREDENTIALS_VARIABLE) else None


def key_paths(db_path: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return where a master key may lie: as `key_path` has it, before that systemd's unless a file is named.

    Last comes where a `rekey` that was cut off between its two steps has left the new one.
    """
    path = key_path(db_path, environ)
    folder = None if environ.get(FILE_VARIABLE) else credentials_folder(environ)
    return [*([] if folder is None else [folder / CREDENTIAL]), path, next_key_path(path)]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        head = VERSION + os.urandom(NONCE_OCTETS)
        return head + self._aead.encrypt(head[1:], value, VERSION + _place(column, row_id))

    def seal_rows(self, column: str, first_id: int, values: "list[bytes]") -> list[bytes]:
        """Return `values` encrypted for `column` of the rows from `first_id` on: `seal` for a million."""
        nonces = os.urandom(NONCE_OCTETS * len(values))  # one system call instead of a million
        encrypt, place = self._aead.encrypt, VERSION + column.encode() + b":%d"
        sealed = []
        for offset, value in enumerate(values):
            nonce = nonces[offset * NONCE_OCTETS : (offset + 1) * NONCE_OCTETS]
            sealed.append(VERSION + nonce + encrypt(nonce, value, place % (first_id + offset)))
        return sealed

    def unseal(self, column: str, row_id: int, sealed: bytes) -> bytes:
        """Return what `seal` was given; RowDamaged where value, place or master key differ."""
        try:
            if sealed[:1] == VERSION:
                with contextlib.suppress(InvalidTag, ValueError):
                    return self._aead.decrypt(sealed[1:_HEAD], sealed[_HEAD:], VERSION + _place(column, row_id))
            # Of before the version, or an early one whose nonce begins like it.
            return self._aead.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], _place(column, row_id))
        except (InvalidTag, ValueError, TypeError):  # of these the last where it is not octets
            raise RowDamaged(column.partition(".")[0], row_id, column) from None

    def unseal_rows(self, column: str, rows: "list[tuple[int, bytes]]") -> bytearray:
        """Return the opened values of (row id, sealed value) end to end, in one buffer."""
        decrypt, place = self._aead.decrypt, VERSION + column.encode() + b":%d"
        try:
            return bytearray().join(
                [decrypt(sealed[1:_HEAD], sealed[_HEAD:], place % row_id) for row_id, sealed in rows]
            )
        except (InvalidTag, ValueError, TypeError):  # some have no version, or one cannot be opened
            return bytearray().join([self.unseal(column, row_id, sealed) for row_id, sealed in rows])

    def fingerprint(self, pmk: bytes) -> bytes:
        """Return 16 octets by which equal PMKs are recognised without being stored."""
        return hmac.digest(self._fingerprint_key, pmk, "sha256")[:FINGERPRINT_OCTETS]

    def fingerprints(self, pmks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the fingerprint of each of the PMKs, shape (n, 32): uint8, shape (n, 16)."""
        packed = bytearray()
        for pmk in pmks:
            packed += self.fingerprint(pmk.tobytes())
        return np.frombuffer(packed, np.uint8).reshape(-1, FINGERPRINT_OCTETS)


def _derive(master: MasterKey, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(master.value)


def _place(column: str, row_id: int) -> bytes:
    return f"{column}:{row_id}".encode()
