"""The file of refused rows."""

import io

import pytest

from provisioning.errors import InvalidValue
from provisioning.sheets.columns import parse_map
from provisioning.sheets.refused import render_refused, write_refused
from provisioning.sheets.sheet import SheetOptions, SheetReader


def refused(octets, reasons=None, options=None):
    options = options or SheetOptions()
    if reasons is None:
        found = SheetReader(io.BytesIO(octets), options).read().refusals
        reasons = {refusal.line: refusal.reason for refusal in found}
    return "".join(render_refused(io.BytesIO(octets), options, reasons))


def test_rows_are_as_they_came_with_line_and_reason():
    octets = b'Name;Flat;Password\r\nAnn;4B;sunny-Otter-41\r\n"M\xfcller\r\nJ";5;short\r\n'
    octets += b"Bob;;\r\nEve;4;maple-Falcon-77;x\r\n"
    assert refused(octets) == (
        "\ufeffName;Flat;Password;line;reason\r\n"
        '"Müller\r\nJ";5;short;3;passphrase must be 8 to 63 octets or 64 hex digits, got 5 (a row of lines 3 to 4)\r\n'
        "Bob;;;5;passphrase must be 8 to 63 octets or 64 hex digits, got 0\r\n"
        "Eve;4;maple-Falcon-77;x;6;4 columns, not 3\r\n"
    )


def test_a_mended_file_of_refused_rows_can_be_imported():
    text = refused(b"Name,Password\nAnn,short\nBob,maple-Falcon-77\n")
    mended = text.replace("short", "sunny-Otter-41").encode()
    sheet = SheetReader(io.BytesIO(mended), SheetOptions()).read()
    assert [(row.identity, row.passphrase.value) for row in sheet.rows] == [("Ann", b"sunny-Otter-41")]
    assert sheet.notes == ()


def test_rows_without_a_header_get_one():
    assert refused(b"ann,short\nbob,maple-Falcon-77\n").splitlines() == [
        "\ufeffidentity,psk,mac,vlan,line,reason",
        'ann,short,,,1,"passphrase must be 8 to 63 octets or 64 hex digits, got 5"',
    ]
    options = SheetOptions(header=False, mapping=parse_map(["3=identity", "1=psk"]))
    assert refused(b"short,x,ann\n", options=options).splitlines()[0] == "\ufeffpsk,,identity,line,reason"


def test_a_row_whose_cells_cannot_be_told_is_there_as_its_text():
    assert refused(b'Name,Password\nAnn,"sunny\nBob,maple-Falcon-77\n').splitlines()[1] == (
        '"Ann,""sunny",,2,a quote is left open'
    )


def test_the_file_is_its_owners_and_never_another(tmp_path):
    source = tmp_path / "residents.csv"
    first = write_refused(source, iter(["a\r\n"]))
    second = write_refused(source, iter(["b\r\n"]))
    assert [first.name, second.name] == ["residents.refused.csv", "residents.refused-2.csv"]
    assert first.read_bytes() == b"a\r\n"
    assert first.stat().st_mode & 0o777 == second.stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_written_that_is_said(tmp_path):
    with pytest.raises(InvalidValue, match=r"cannot write .*residents\.refused\.csv: No such file or directory"):
        write_refused(tmp_path / "gone" / "residents.csv", iter([]))
