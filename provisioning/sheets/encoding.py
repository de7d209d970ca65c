"""The text of a file that a spreadsheet program wrote, line by line, and what it was written in.

Excel writes UTF-8 with a byte order mark, UTF-16 ("Unicode text"), or the old code page of its country, and never says
which; LibreOffice and Numbers write UTF-8. What is certain is read; what is likely, Windows-1252, is read and said in a
note; what cannot be told is refused. No message holds a cell.
"""

import codecs
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from ..errors import FileRefused, InvalidValue

LONGEST_LINE: Final = 65_536
_BLOCK: Final = 65_536
_CODE_PAGE: Final = "cp1252"
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
# What a file begins with that is no text.
_MAGIC: Final = (
    (b"PK\x03\x04", "a workbook (xlsx, ods) or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old workbook (xls)"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3\0", "an SQLite database"),
)
# What a zip archive holds, by the names in its first octets.
_WORKBOOKS: Final = (
    (b"opendocument.spreadsheet", "a LibreOffice or OpenOffice workbook (ods)"),
    (b".iwa", "a Numbers workbook"),
    (b"xl/", "an Excel workbook (xlsx)"),
    (b"[Content_Types].xml", "an Excel workbook (xlsx)"),
)
_MARKUP: Final = ((b"<html", "a web page (HTML)"), (b"<table", "a web page (HTML)"), (b"<?xml", "XML"))
_SAVE: Final = "save it as CSV UTF-8, separated by commas"


class TextLines:
    """The lines of one file, each with its end: LF, CRLF or CR. Iterate once."""

    def __init__(
        self, file: BinaryIO, *, encoding: str | None = None, progress: Callable[[int], object] | None = None
    ) -> None:
        """Look at the beginning of a file; FileRefused where it is no text.

        encoding: what the file is written in, where somebody said it; InvalidValue unless Python knows it
        progress: told now and then how many octets are read
        """
        self.broken: dict[int, str] = {}  # by number: why a line is not the text it should be
        self._file = file
        self._progress = progress
        self._notes: list[str] = []
        self._told = encoding
        self._decided: str | None = None  # what lines that are not ASCII are written in
        self._wide: str | None = None  # what the whole file is decoded from, where its line ends are not single octets
        self._number = 0
        head = file.read(_BLOCK)
        self._head = head
        if encoding is not None:
            self._wide = _known(encoding)
            return
        _check_text(head)
        for mark, codec, said in _BOMS:
            if head.startswith(mark):
                self._head = head[len(mark) :]
                self._decided, self._wide = ("utf-8", None) if codec == "utf-8" else (None, codec)
                if said != "UTF-8":
                    self._notes.append(f"read as {said}")
                return
        if name := _wide_by_pattern(head):
            self._wide = name
            self._notes.append("read as UTF-16, which the file does not say but looks like")

    def __iter__(self) -> Iterator[str]:
        """Yield the lines. Of one in `broken` the text is as near as it can be; FileRefused where nothing can be told.

        A line that is too long is cut off.
        """
        blocks = self._blocks() if self._wide is None else _transcode(self._blocks(), self._wide)
        for lines in _split(blocks):
            begun = self._number > 0
            texts = self._decode(lines)
            if not begun and texts:
                texts[0] = texts[0].removeprefix("\ufeff")
            yield from texts

    def notes(self) -> list[str]:
        """Return how the file was read, where that is not certain or not usual; complete when all lines are read."""
        return list(self._notes)

    def _blocks(self) -> Iterator[bytes]:
        block, octets = self._head, 0
        self._head = b""
        while block:
            octets += len(block)
            if self._progress is not None:
                self._progress(octets)
            yield block
            block = self._file.read(_BLOCK)

    def _decode(self, lines: list[bytes]) -> list[str]:
        """Return the text of the next lines."""
        first = self._number + 1
        self._number += len(lines)
        longest = max(map(len, lines), default=0) > LONGEST_LINE
        if not longest and self._decided != _CODE_PAGE:
            try:
                texts = list(map(bytes.decode, lines))
            except UnicodeDecodeError:
                pass
            else:
                if self._decided is None and not all(map(str.isascii, texts)):
                    self._decided = "utf-8"
                return texts
        return [self._decode_line(number, line) for number, line in enumerate(lines, first)]

    def _decode_line(self, number: int, line: bytes) -> str:
        if len(line) > LONGEST_LINE:
            self.broken[number] = f"more than {LONGEST_LINE:,} octets without a line end"
            return line[:LONGEST_LINE].decode("utf-8", "surrogateescape")
        if line.isascii():
            return line.decode("ascii")
        try:
            if self._decided != _CODE_PAGE:
                text = line.decode("utf-8")
                self._decided = "utf-8"
                return text
        except UnicodeDecodeError as error:
            if self._wide is not None or self._decided == "utf-8":
                self.broken[number] = (
                    f"a character that is not {self._told or self._wide}"
                    if self._wide is not None
                    else f"octet {error.start + 1} is not UTF-8, as the file is elsewhere"
                )
                return line.decode("utf-8", "surrogateescape")
        return self._decode_page(number, line)

    def _decode_page(self, number: int, line: bytes) -> str:
        """Return the text of a line that is not UTF-8, as that of Windows-1252; FileRefused where it is neither."""
        try:
            text = line.decode(_CODE_PAGE)
        except UnicodeDecodeError as error:
            raise FileRefused(
                f"line {number}: octet {error.start + 1} is neither UTF-8 nor Windows-1252: save the file as CSV UTF-8,"
                " or say --encoding, as cp850 or mac_roman"
            ) from None
        if self._decided is None:
            self._decided = _CODE_PAGE
            self._notes.append(
                f"read as Windows-1252, since line {number} is not UTF-8: where names look wrong, say --encoding"
            )
        return text


def _known(encoding: str) -> str:
    """Return the name of a codec for text; InvalidValue where there is none."""
    try:
        name = codecs.lookup(encoding).name
        b"text".decode(name)  # not one that makes octets of octets, as base64
    except UnicodeDecodeError:
        pass  # too few of them for a character
    except (LookupError, TypeError, ValueError):
        raise InvalidValue(f"--encoding {encoding[:40]!r} is not known: utf-8, utf-16, cp1252, cp850, ...") from None
    return "utf-8-sig" if name == "utf-8" else name


def _check_text(head: bytes) -> None:
    """Raise FileRefused where a file's first octets are not those of text."""
    what = next((what for magic, what in _MAGIC if head.startswith(magic)), None)
    if head.startswith(b"PK\x03\x04"):
        what = next((what for name, what in _WORKBOOKS if name in head), what)
    begin = head.removeprefix(codecs.BOM_UTF8).lstrip()[:16].lower()
    what = next((what for tag, what in _MARKUP if begin.startswith(tag)), what)
    if what is not None:
        raise FileRefused(f"it is {what}: {_SAVE}")


def _wide_by_pattern(head: bytes) -> str | None:
    """Return which UTF-16 a file without a byte order mark is in: every other octet of its commas and letters is 0."""
    sample = head[: 4096 & ~1]
    pairs = len(sample) // 2
    low, high = sample[1 : pairs * 2 : 2].count(0), sample[0 : pairs * 2 : 2].count(0)
    if pairs and low * 4 >= pairs and high * 20 < pairs:
        return "utf-16-le"
    if pairs and high * 4 >= pairs and low * 20 < pairs:
        return "utf-16-be"
    if sample.count(0) * 3 > len(sample):
        raise FileRefused(f"it is no text: {_SAVE}")
    return None


def _transcode(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the same text in UTF-8; what is no character of `encoding` becomes what is none of UTF-8."""
    wide = encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if wide else "surrogateescape")
    try:
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeError:
        raise FileRefused(f"it is not {encoding} throughout: {_SAVE}") from None


def _split(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines that end in each block; of one that is too long only so much as shows it."""
    rest = b""
    for block in blocks:
        lines = (rest + block).splitlines(keepends=True)  # of octets: LF, CRLF, CR and nothing else
        rest = b""
        if lines and not lines[-1].endswith(b"\n"):  # a CR may be half of a CRLF
            rest = lines.pop()[: LONGEST_LINE + 1]
        yield lines
    if rest:
        yield [rest]
