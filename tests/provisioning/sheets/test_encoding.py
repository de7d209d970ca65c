"""What a sheet is written in."""

import gzip
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.errors import FileRefused, InvalidValue
from provisioning.sheets.encoding import LONGEST_LINE, TextLines

TEXT = "Name;Flat\r\nMüller, Jörg;4B\r\nZoë;€5\r\n"
LINES = ["Name;Flat\r\n", "Müller, Jörg;4B\r\n", "Zoë;€5\r\n"]


class Dribble(io.RawIOBase):
    """A file that gives a few octets at a time, as a pipe does."""

    def __init__(self, octets, step):
        super().__init__()
        self._octets, self._step, self._at = octets, step, 0

    def read(self, _size=-1, /):
        self._at += self._step
        return self._octets[self._at - self._step : self._at]


def read(octets, **options):
    lines = TextLines(io.BytesIO(octets), **options)
    return list(lines), lines.notes(), lines.broken


@pytest.mark.parametrize(
    ("octets", "note"),
    [
        (b"\xef\xbb\xbf" + TEXT.encode(), None),
        (TEXT.encode(), None),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "read as UTF-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "read as UTF-16"),
        (b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"), "read as UTF-32"),
        (TEXT.encode("utf-16-le"), "read as UTF-16, which the file does not say but looks like"),
        (TEXT.encode("utf-16-be"), "read as UTF-16, which the file does not say but looks like"),
        (
            TEXT.encode("cp1252"),
            "read as Windows-1252, since line 2 is not UTF-8: where names look wrong, say --encoding",
        ),
    ],
)
def test_what_excel_writes_is_read_and_what_is_not_certain_is_said(octets, note):
    assert read(octets) == (LINES, [note] if note else [], {})


@pytest.mark.parametrize("step", [1, 2, 3, 7])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "utf-8"])
def test_characters_and_line_ends_may_lie_across_reads(step, encoding):
    lines = TextLines(Dribble(TEXT.encode(encoding), step), encoding=encoding)
    assert list(lines) == LINES


@pytest.mark.parametrize("encoding", ["cp850", "mac_roman", "utf-8", "UTF-16", "latin-1", "cp1252"])
def test_what_is_told_is_taken(encoding):
    text = TEXT.replace("€", "E")
    lines, notes, broken = read(text.encode(encoding), encoding=encoding)
    assert ("".join(lines), notes, broken) == (text, [], {})


@pytest.mark.parametrize("encoding", ["base64", "rot13", "nosuch", "hex", "zlib"])
def test_an_encoding_that_is_none_is_refused(encoding):
    with pytest.raises(InvalidValue, match="is not known: utf-8, utf-16, cp1252, cp850"):
        TextLines(io.BytesIO(b"x"), encoding=encoding)


def test_a_code_page_that_is_not_windows_1252_is_not_taken_for_it():
    with pytest.raises(FileRefused) as caught:  # ü of the DOS code page is no character of Windows's
        read(TEXT.replace("€", "E").encode("cp850"))
    said = (
        "line 2: octet 2 is neither UTF-8 nor Windows-1252: save the file as CSV UTF-8, or say --encoding, as cp850 or"
    )
    assert str(caught.value) == f"{said} mac_roman"


def test_in_a_file_of_utf_8_one_line_of_other_octets_is_that_line_only():
    lines, notes, broken = read("Zoë\n".encode() + b"M\xfcller\nAnn\n")
    assert (lines[0], lines[2], notes) == ("Zoë\n", "Ann\n", [])
    assert broken == {2: "octet 2 is not UTF-8, as the file is elsewhere"}


def test_once_windows_1252_a_file_stays_it():
    lines, _, broken = read(b"M\xfcller\nZo\xc3\xab\n")
    assert (lines, broken) == (["Müller\n", "ZoÃ«\n"], {})


def test_a_lone_surrogate_spoils_its_line():
    lines, _, broken = read(b"\xff\xfe" + "a\nb".encode("utf-16-le") + b"\x00\xd8" + "\nc\n".encode("utf-16-le"))
    assert (len(lines), broken) == (3, {2: "a character that is not utf-16-le"})


def test_what_ends_within_a_character_is_refused():
    with pytest.raises(FileRefused, match="it is not utf-16-le throughout: save it as CSV UTF-8"):
        read(b"\xff\xfe" + "ann".encode("utf-16-le") + b"\x61")


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (b"PK\x03\x04\x14\0\x06\0\x08\0" + b"[Content_Types].xml" + bytes(99), "an Excel workbook (xlsx)"),
        (
            b"PK\x03\x04\x14\0\0\x08\0\0" + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            "a LibreOffice or OpenOffice workbook (ods)",
        ),
        (b"PK\x03\x04\x14\0\0\0\0\0" + b"Index/Document.iwa" + bytes(99), "a Numbers workbook"),
        (b"PK\x03\x04\x14\0\x06\0" + bytes(range(256)) * 9, "a workbook (xlsx, ods) or another zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old workbook (xls)"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\xef\xbb\xbf\r\n<html><table>", "a web page (HTML)"),
        (b'<?xml version="1.0"?>', "XML"),
        (gzip.compress(b"ann,sunny-Otter-41\n", mtime=0), "compressed (gzip)"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(octets, what):
    with pytest.raises(FileRefused) as caught:
        read(octets)
    assert str(caught.value) == f"it is {what}: save it as CSV UTF-8, separated by commas"


def test_octets_that_are_no_text_are_refused():
    with pytest.raises(FileRefused, match="it is no text"):
        read(bytes(range(4)) * 3 + bytes(900))


def test_line_ends_are_those_three_and_no_others():
    assert read(b"a\rb\r\nc\nd\x0be\x0cf\x1cg\xc2\x85h\xe2\x80\xa8i")[0] == [
        "a\r",
        "b\r\n",
        "c\n",
        "d\x0be\x0cf\x1cg\x85h\u2028i",
    ]


def test_a_file_without_line_ends_is_not_read_whole():
    class Endless(io.RawIOBase):
        left = 60_000_000

        def read(self, size=-1, /):
            assert 0 < size <= 65_536
            self.left -= size
            return b"x" * size if self.left > 0 else b"\nann\n" if self.left > -size else b""

    lines = TextLines(Endless())
    texts = list(lines)
    assert [len(text) for text in texts] == [LONGEST_LINE, 4]
    assert lines.broken == {1: "more than 65,536 octets without a line end"}


def test_progress_is_in_octets():
    seen = []
    list(TextLines(io.BytesIO(b"ann\n" * 50_000), progress=seen.append))
    assert seen == [65_536, 131_072, 196_608, 200_000]


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "utf-16", "cp1252", "shift_jis"]))
def test_arbitrary_octets_give_lines_or_a_refusal(octets, encoding):
    with suppress(FileRefused):
        lines = TextLines(io.BytesIO(octets), encoding=encoding)
        for number, text in enumerate(lines, 1):
            assert number in lines.broken or text.encode("utf-8")


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"), max_size=200))
def test_text_in_utf_8_and_utf_16_is_that_text(text):
    for encoding in ("utf-8-sig", "utf-16"):
        assert "".join(TextLines(io.BytesIO(text.encode(encoding)))) == text
