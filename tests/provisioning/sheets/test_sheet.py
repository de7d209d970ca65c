"""Sheets of keys, as spreadsheet programs write them, read as values."""

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress
from provisioning.errors import FileRefused, InvalidValue
from provisioning.model import KeyStatus
from provisioning.sheets.columns import parse_map
from provisioning.sheets.sheet import SheetOptions, SheetReader, SheetRow

MAC, MAC2 = MacAddress.parse("02:00:00:00:01:00"), MacAddress.parse("02:00:00:00:01:01")

FORMULA = "begins as a formula of a spreadsheet does (=, +, -, @): --force takes it"
STATUS = "is neither active nor suspended: --map COLUMN= leaves its column alone"
ROUNDED = "is a number that the spreadsheet has rounded: format the column as text"


def read(octets, maps=(), **options):
    octets = octets.encode() if isinstance(octets, str) else octets
    return SheetReader(io.BytesIO(octets), SheetOptions(mapping=parse_map(maps), **options)).read()


def values(sheet):
    """Return the fields of each row that are there, the passphrase as text."""
    return [
        {
            name: value.value.decode() if name == "passphrase" else value
            for name in SheetRow.__slots__
            if (value := getattr(row, name)) not in (None, ())
        }
        for row in sheet.rows
    ]


def refused(octets, **options):
    return [str(refusal) for refusal in read(octets, **options).refusals]


GERMAN = (
    "Name;Wohnung;Passwort;Einzug;Auszug;VLAN-ID;MAC-Adresse;Bemerkung\r\n"
    '"Müller, Jörg";4B;sunny-Otter-41;01.09.2026;31.08.2027;104;;"zahlt\r\nspät; ""immer"""\r\n'
    ";;;;;;;\r\n"
    "Ann Lee;5;maple-Falcon-77;15.09.2026;;;02-00-00-00-01-00;\r\n"
)
GERMAN_ROWS = [
    {
        "line": 2,
        "identity": "Müller, Jörg",
        "passphrase": "sunny-Otter-41",
        "unit": "4B",
        "starts": "2026-09-01",
        "ends": "2027-08-31",
        "vlan": 104,
    },
    {
        "line": 5,
        "identity": "Ann Lee",
        "passphrase": "maple-Falcon-77",
        "unit": "5",
        "starts": "2026-09-15",
        "macs": (MAC,),
    },
]


@pytest.mark.parametrize(
    ("octets", "encoded"),
    [
        # Excel in Germany: "CSV UTF-8", "CSV", "Unicode text" (tabs), and LibreOffice's own default.
        (b"\xef\xbb\xbf" + GERMAN.encode(), None),
        (
            GERMAN.encode("cp1252"),
            "read as Windows-1252, since line 2 is not UTF-8: where names look wrong, say --encoding",
        ),
        (b"\xff\xfe" + GERMAN.replace('spät; ""immer', 'spät\t ""immer').encode("utf-16-le"), "read as UTF-16"),
        (GERMAN.replace("\r\n", "\n").encode(), None),
        (GERMAN.replace("\r\n", "\r").encode("utf-8"), None),
    ],
)
def test_a_sheet_of_excel_in_germany_is_read(octets, encoded):
    sheet = read(octets)
    assert values(sheet) == GERMAN_ROWS
    assert sheet.refusals == ()
    assert sheet.fields == {"identity", "unit", "psk", "starts", "ends", "vlan", "mac"}
    assert sheet.notes == (
        *([encoded] if encoded else []),
        "read as separated by semicolons",
        "column 'Bemerkung' left alone: --map COLUMN=FIELD takes one",
        "starts read day first: 1 of 2 can be read in no other way",
        "ends read day first: 1 of 1 can be read in no other way",
    )


def test_a_sheet_of_excel_in_america_is_read():
    octets = (
        b"Resident,Apt,Building,Wi-Fi Key,Move-in,Move-out,External ID,Status\r\n"
        b'"Lee, Ann",4B,North,sunny-Otter-41,9/1/2026,8/31/2027 2:00 PM,17,Active\r\n'
        b"Bob Ray,5A,,maple-Falcon-77,9/15/2026,,18,SUSPENDED\r\n"
    )
    assert values(read(octets)) == [
        {
            "line": 2,
            "identity": "Lee, Ann",
            "passphrase": "sunny-Otter-41",
            "unit": "4B",
            "building": "North",
            "starts": "2026-09-01",
            "ends": "2027-08-31T14:00:00",
            "external_id": "17",
            "status": KeyStatus.ACTIVE,
        },
        {
            "line": 3,
            "identity": "Bob Ray",
            "passphrase": "maple-Falcon-77",
            "unit": "5A",
            "starts": "2026-09-15",
            "external_id": "18",
            "status": KeyStatus.SUSPENDED,
        },
    ]


def test_numbers_writes_a_title_before_its_table():
    sheet = read("Table 1\nName,Password\nZoë,sunny-Otter-41\n")
    assert [row.line for row in sheet.rows] == [3]
    assert sheet.notes == ("line 1 before the header left alone",)
    # Before a row that is no header, one cell is a row that is no key.
    assert refused("Table 1\nZoë,sunny-Otter-41\n") == ["line 1: 1 column, not 2 to 4"]


def test_below_a_title_a_header_in_other_words_is_no_key():
    with pytest.raises(FileRefused, match="line 3: reads like a header"):
        read("Hudson House\n\nTenant,Zauberwort\nZoë,sunny-Otter-41\n")


def test_without_a_header_columns_are_those_of_rlm_dpsk():
    sheet = read("ann,sunny-Otter-41,020000000100,12\nbob,maple-Falcon-77\n")
    assert values(sheet) == [
        {"line": 1, "identity": "ann", "passphrase": "sunny-Otter-41", "macs": (MAC,), "vlan": 12},
        {"line": 2, "identity": "bob", "passphrase": "maple-Falcon-77"},
    ]


def test_the_first_row_is_a_key_where_that_is_said():
    sheet = read("sunny-Otter-41;Name\n", header=False, maps=["2=name", "1=psk"])
    assert values(sheet) == [{"line": 1, "identity": "Name", "passphrase": "sunny-Otter-41"}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",sunny-Otter-41", "identity is empty"),
        ("a\x07n,sunny-Otter-41", "identity has a character that is not printable"),
        ("x" * 254 + ",sunny-Otter-41", "identity has 254 octets, more than 253"),
        ("ann,", "passphrase must be 8 to 63 octets or 64 hex digits, got 0"),
        ("ann,    ", "passphrase must be 8 to 63 octets or 64 hex digits, got 0"),
        ("ann,short77", "passphrase must be 8 to 63 octets or 64 hex digits, got 7"),
        ("ann,Café-Otter", "passphrase octet 4 of 11 is not printable ASCII"),
        ('ann,"sunny\n-Otter-41"', "passphrase has a line end within it (a row of lines 2 to 3)"),
        ("ann,1.23457E+15", f"the psk {ROUNDED}"),
        ('ann,"1,23457E+15"', f"the psk {ROUNDED}"),
        ("ann,sunny-Otter-41,zz", "mac is not a MAC address, 12 hex digits"),
        ("ann,sunny-Otter-41,20000000100", "mac is not a MAC address, 12 hex digits"),
        ("ann,sunny-Otter-41,,4095", "VLAN must be 1 to 4094, got 4095"),
        ("ann,sunny-Otter-41,,1.5", "vlanid is not a VLAN, 1 to 4094"),
        ("ann,sunny-Otter-41,,,4.00E+02", f"the unit {ROUNDED}"),
        ("ann,sunny-Otter-41,,,=1+1", f"the unit {FORMULA}"),
        ("=cmd|calc,sunny-Otter-41", f"the identity {FORMULA}"),
        ('"\t=1",sunny-Otter-41', f"the identity {FORMULA}"),
        ("ann,-sunny-Otter-41", f"the psk {FORMULA}"),
        ("ann,sunny-Otter-41,,,,31.12.26", "ends: a date needs a year of four digits"),
        ("ann,sunny-Otter-41,,,,03/04/2026", "ends: is day or month first? say --dates dmy or --dates mdy"),
        ("ann,sunny-Otter-41,,,,,former", f"status {STATUS}"),
        ("ann,sunny-Otter-41,,,,,,,x", "9 columns, not 8"),
        ('ann,"sunny-Otter-41', "a quote is left open"),
        ('"ann"x,sunny-Otter-41', "broken quote"),
    ],
)  # fmt: skip
def test_a_row_is_refused_by_line_and_field_without_the_cell(row, reason):
    found = refused(f"identity,psk,mac,vlan,unit,ends,status,floor\n{row}\n")
    assert found == [f"line 2: {reason}"]
    assert "Otter" not in found[0]


def test_a_character_of_no_encoding_is_refused_with_its_row():
    sheet = read("Name,Password\nZoë,sunny-Otter-41\n".encode() + b"M\xfcller,maple-Falcon-77\nann,correct horse\n")
    assert [row.line for row in sheet.rows] == [2, 4]
    assert [str(each) for each in sheet.refusals] == ["line 3: octet 2 is not UTF-8, as the file is elsewhere"]


def test_force_takes_what_a_spreadsheet_would_calculate():
    sheet = read("identity,psk\n=1+1,-sunny-Otter\nbob,1.23457E+15\n", formulas=True)
    assert [(row.identity, row.passphrase.value) for row in sheet.rows] == [
        ("=1+1", b"-sunny-Otter"),
        ("bob", b"1.23457E+15"),
    ]


def test_a_basement_is_no_formula_and_an_apostrophe_before_one_is_its_mark():
    sheet = read("identity,psk,floor\n'=1+1,'-sunny-Otter,-1\n'tis,''@maple-Falcon,\n")
    assert [(row.identity, row.passphrase.value, row.floor) for row in sheet.rows] == [
        ("=1+1", b"-sunny-Otter", "-1"),
        ("'tis", b"'@maple-Falcon", None),
    ]
    assert sheet.notes == ("3 cells read without the ' that keeps a spreadsheet from calculating",)


def test_line_ends_and_blanks_around_a_name_are_the_sheets_and_not_the_names():
    (row,) = read('identity,psk,unit\n" Ann\r\nLee ","sunny-Otter-41"," 4 B\xa0"\n').rows
    assert (row.identity, row.unit) == ("Ann Lee", "4 B")


def test_blanks_around_a_passphrase_are_kept_and_said():
    sheet = read("ann, sunny-Otter-41\nbob,maple-Falcon-77\neve,correct horse \n")
    assert sheet.rows[0].passphrase.value == b" sunny-Otter-41"
    assert sheet.notes == ("lines 1, 3: the passphrase begins or ends with a blank, which must be typed, too",)


def test_several_addresses_may_be_in_a_cell():
    (row,) = read("identity,psk,mac\nann,sunny-Otter-41,02:00:00:00:01:00 020000000101;02-00-00-00-01-00\n").rows
    assert row.macs == (MAC, MAC2)


def test_a_passphrase_need_not_be_there_where_it_is_not_asked_for():
    sheet = read("Name,Flat\nAnn,4B\n", need_psk=False)
    assert values(sheet) == [{"line": 2, "identity": "Ann", "unit": "4B"}]
    assert values(read("Name,Flat,psk\nAnn,4B,\n", need_psk=False)) == values(sheet)


def test_dates_are_read_as_told_and_a_column_that_contradicts_itself_is_refused():
    text = "Name,psk,From,To\na,sunny-Otter-41,03/04/2026,05/06/2026\n"
    assert [(row.starts, row.ends) for row in read(text, dates="mdy").rows] == [("2026-03-04", "2026-05-06")]
    assert [(row.starts, row.ends) for row in read(text, dates="dmy").rows] == [("2026-04-03", "2026-06-05")]
    mixed = "Name,psk,From\na,sunny-Otter-41,13/04/2026\nb,maple-Falcon-77,04/13/2026\nc,correct horse,2026-04-13\n"
    sheet = read(mixed)
    assert [row.identity for row in sheet.rows] == ["c"]
    assert [each.line for each in sheet.refusals] == [2, 3]
    impossible = "Name,psk,From\na,sunny-Otter-41,31/04/2026\nb,maple-Falcon-77,30/04/2026\n"
    assert refused(impossible) == ["line 2: starts: there is no such day"]
    with pytest.raises(InvalidValue, match="--dates 'ddmm': there is dmy, mdy, ymd"):
        SheetOptions(dates="ddmm")


def test_a_row_refused_for_both_its_dates_is_refused_once():
    text = "Name,psk,From,To\na,sunny-Otter-41,03/04/2026,05/06/2026\n"
    assert refused(text) == ["line 2: starts: is day or month first? say --dates dmy or --dates mdy"]


def test_an_empty_sheet_has_no_rows():
    for octets in (b"", b"\n\n", b"\xef\xbb\xbf", b"identity,psk\n", b",,,\r\n"):
        assert read(octets).rows == ()
    with pytest.raises(FileRefused, match="no header, whose columns --map could name"):
        read(b"", maps=["Flat=unit"])


@given(
    st.lists(st.binary(max_size=40), max_size=6),
    st.sampled_from([b"", b"Name,Password,Ends\n", b"identity;psk;mac;vlan\r\n", "Name,psk\n".encode("utf-16")]),
)
def test_arbitrary_octets_give_rows_or_refusals(lines, header):
    with suppress(FileRefused):
        sheet = read(header + b"\n".join(lines))
        numbers = [each.line for each in (*sheet.rows, *sheet.refusals)]
        assert len(numbers) == len(set(numbers))
        assert all(row.passphrase is not None for row in sheet.rows)
