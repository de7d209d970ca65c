"""The body of an answer, as it comes in: decompressed, and cut off at a cap."""

import io
import zlib
from typing import Final

GZIP: Final = "gzip"
_GZIP_BITS: Final = 16 + zlib.MAX_WBITS


class BodyRefused(Exception):  # noqa: N818 (reads as what it is)
    """A body that is not read further; the text says why, and has nothing of it. may_help: as of Failed."""

    def __init__(self, text: str, *, may_help: bool = False) -> None:
        super().__init__(text)
        self.may_help = may_help


class Allowance:
    """Octets that may still come; shared by the answers that are held at the same time."""

    def __init__(self, octets: int) -> None:
        self.octets = octets
        self.left = octets

    def take(self, octets: int) -> None:
        if octets > self.left:
            raise BodyRefused(f"is larger than {self.octets:,} octets")
        self.left -= octets


class Body:
    """Collects one body; `encoding` is that of its Content-Encoding header."""

    def __init__(self, encoding: str, allowance: Allowance) -> None:
        if encoding not in ("", "identity", GZIP, "x-gzip"):
            raise BodyRefused("is compressed in a way that was not asked for")
        self._stream = None if encoding in ("", "identity") else zlib.decompressobj(_GZIP_BITS)
        self._allowance = allowance
        self._kept = io.BytesIO()  # it grows in place, and gives what it has without a copy
        self._taken = 0
        self._fed = False

    def add(self, octets: bytes) -> None:
        """Take what came; BodyRefused past the cap, at once: a small body can become a large one."""
        if self._stream is None:
            self._keep(octets)
            return
        self._fed = self._fed or bool(octets)
        while octets:
            try:
                self._keep(self._stream.decompress(octets, self._allowance.left + 1))
            except zlib.error:
                raise BodyRefused("is damaged: it cannot be decompressed", may_help=True) from None
            if self._stream.eof and (octets := self._stream.unused_data):  # another member, RFC 1952 section 2.2
                self._stream = zlib.decompressobj(_GZIP_BITS)
            else:
                octets = self._stream.unconsumed_tail

    def finish(self) -> bytes:
        """Return the body; BodyRefused where its compressed form was cut short."""
        if self._stream is not None and self._fed and not self._stream.eof:
            raise BodyRefused("is cut short", may_help=True)
        return self._kept.getvalue()

    def discard(self) -> None:
        """Give back what it took of the allowance."""
        self._allowance.left += self._taken
        self._kept = io.BytesIO()
        self._taken = 0

    def _keep(self, octets: bytes) -> None:
        self._allowance.take(len(octets))
        self._taken += len(octets)
        self._kept.write(octets)
