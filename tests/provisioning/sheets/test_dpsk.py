"""The file that FreeRADIUS's rlm_dpsk reads, in and out."""

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress, Pmk
from provisioning import Device, FileRefused, Key, KeyStatus, Passphrase, Refusal
from provisioning.sheets import DpskRows, SheetOptions, SheetReader, is_dpsk, render_rows

MAC = MacAddress.parse("02:00:00:00:01:00")


def read(octets, *, header=True, formulas=False):
    reader = SheetReader(io.BytesIO(octets), SheetOptions(header=header, formulas=formulas))
    return reader, list(DpskRows(reader, formulas=formulas))


def rows(octets, **options):
    _, parsed = read(octets, **options)
    assert not any(isinstance(row, Refusal) for row in parsed), parsed
    return [(draft.identity, draft.passphrase.value, draft.devices, draft.vlan) for _, draft in parsed]


def refusals(octets):
    return [str(row) for row in read(octets)[1] if isinstance(row, Refusal)]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"ann,sunny-Otter-41", [("ann", b"sunny-Otter-41", (), None)]),
        (b"ann,sunny-Otter-41\n", [("ann", b"sunny-Otter-41", (), None)]),
        (b"identity,psk\nann,sunny-Otter-41\n", [("ann", b"sunny-Otter-41", (), None)]),
        (b"\xef\xbb\xbfidentity,psk\r\nann,sunny-Otter-41\r\n", [("ann", b"sunny-Otter-41", (), None)]),
        (b"\xef\xbb\xbfann,sunny-Otter-41\r\n\r\n", [("ann", b"sunny-Otter-41", (), None)]),
        (b'"Identity", PSK ,MAC,VLANID\nann,sunny-Otter-41,,\n', [("ann", b"sunny-Otter-41", (), None)]),
        (b"ann,sunny-Otter-41,020000000100,12\n", [("ann", b"sunny-Otter-41", (MAC,), 12)]),
        (b"ann,sunny-Otter-41,02-00-00-00-01-00\n", [("ann", b"sunny-Otter-41", (MAC,), None)]),
        (b"ann,sunny-Otter-41,,,,\n", [("ann", b"sunny-Otter-41", (), None)]),
        (b"ann,sunny-Otter-41,,4094\n", [("ann", b"sunny-Otter-41", (), 4094)]),
        (b'"Archer, Ann","quo""te, d"\n', [("Archer, Ann", b'quo"te, d', (), None)]),
        (b"ann, blanks stay \n", [("ann", b" blanks stay ", (), None)]),
        ("Zoë,sunny-Otter-41\n".encode(), [("Zoë", b"sunny-Otter-41", (), None)]),
        (b"ann," + b"aB" * 32, [("ann", b"aB" * 32, (), None)]),
        (b"ann," + b"x" * 63, [("ann", b"x" * 63, (), None)]),
        # Only the first line can be a header.
        (b"a,sunny-Otter-41\npsk,identity\n", [("a", b"sunny-Otter-41", (), None), ("psk", b"identity", (), None)]),
        ("Z\xf6e,sunny-Otter-41\n".encode("cp1252"), [("Z\xf6e", b"sunny-Otter-41", (), None)]),
        ("ann,sunny-Otter-41,,7\n".encode("utf-16"), [("ann", b"sunny-Otter-41", (), 7)]),
    ],
)  # fmt: skip
def test_sound_files_are_read(octets, expected):
    assert rows(octets) == expected


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"ann,short77", "line 1: passphrase must be 8 to 63 octets or 64 hex digits, got 7"),
        (b"ann,", "line 1: passphrase must be 8 to 63 octets or 64 hex digits, got 0"),
        (b"ann," + b"x" * 64, "line 1: passphrase of 64 characters must be all hex digits"),
        (b"ann," + b"a" * 65, "line 1: passphrase must be 8 to 63 octets or 64 hex digits, got 65"),
        (b"ann,tab\there-it-is", "line 1: passphrase octet 4 of 14 is not printable ASCII"),
        (b"ann,nul\0here-it-is", "line 1: passphrase octet 4 of 14 is not printable ASCII"),
        ("ann,Café-Otter".encode(), "line 1: passphrase octet 4 of 11 is not printable ASCII"),
        (b"ann,sunny-Otter-41,zz", "line 1: mac is not a MAC address, 12 hex digits"),
        (b"ann,020000000100,sunny-Otter-41", "line 1: mac is not a MAC address, 12 hex digits"),
        (b"ann,sunny-Otter-41,,0", "line 1: VLAN must be 1 to 4094, got 0"),
        (b"ann,sunny-Otter-41,,4095", "line 1: VLAN must be 1 to 4094, got 4095"),
        (b"ann,sunny-Otter-41,,-1", "line 1: vlanid is not a VLAN, 1 to 4094"),
        ("ann,sunny-Otter-41,,²".encode(), "line 1: vlanid is not a VLAN, 1 to 4094"),
        (b"ann,sunny-Otter-41,," + b"9" * 4000, "line 1: vlanid is not a VLAN, 1 to 4094"),
        (b",sunny-Otter-41", "line 1: identity is empty"),
        (b"  ,sunny-Otter-41", "line 1: identity is empty"),
        (b"a\x07n,sunny-Otter-41", "line 1: identity has a character that is not printable"),
        (b"x" * 254 + b",sunny-Otter-41", "line 1: identity has 254 octets, more than 253"),
        (b"ann", "line 1: 1 column, not 2 to 4"),
        (b"ann,sunny-Otter-41,,,x", "line 1: 5 columns, not 2 to 4"),
        (b"identity,psk\nann,sunny-Otter-41,020000000100", "line 2: 3 columns, not 2"),
        (b'"ann,sunny-Otter-41', "line 1: a quote is left open"),
        (b'"ann"x,sunny-Otter-41', "line 1: broken quote"),
        (b"ann,sunny-\xff-Otter", "line 1: passphrase octet 7 of 14 is not printable ASCII"),
        (b"x," * 40_000, "line 1: more than 65,536 octets without a line end"),
        *(
            (
                start + b"cmd|calc,sunny-Otter-41",
                "line 1: the identity begins as a formula of a spreadsheet does (=, +, -, @): --force takes it",
            )
            for start in (b"=", b"+", b"-", b"@")
        ),
    ],
)
def test_unsound_lines_are_refused_by_number_without_the_passphrase(octets, reason):
    assert refusals(octets) == [reason]
    assert "Otter" not in reason


def test_an_open_quote_spoils_its_own_row_only():
    octets = b'ann,"sunny-Otter-41\nbob,maple-Falcon-77\n\n"eve\n"\ndan,correct horse\n'
    assert [row.line if isinstance(row, Refusal) else row[0] for row in read(octets)[1]] == [1, 2, 4, 6]
    assert refusals(octets) == [
        "line 1: a quote is left open",
        "line 4: 1 column, not 2 to 4 (a row of lines 4 to 5)",
    ]


def test_a_line_break_within_a_cell_makes_no_resident_of_its_second_half():
    octets = b'ann,sunny-Otter-41\n"Lee\nhalf,\nKim",maple-Falcon-77\ndan,5" screens are\n'
    assert [str(row) if isinstance(row, Refusal) else row[1].identity for row in read(octets)[1]] == [
        "ann",
        "line 2: identity has a character that is not printable (a row of lines 2 to 4)",
        "dan",
    ]


@pytest.mark.parametrize(
    "row",
    [
        "Ann Lee,sunny-Otter-41",
        "Flat 4B,maple-Falcon-77",
        "Guest,guestpass99",
        "resident 0,passphrase 0",
        "Guest,maple falcon owl",
        "Zimmer 12,Kennwort1",
        "ann,Password-Otter-41",
        "Ann Lee,Kennwort-Falke-77",
        "ann,guest2026",
        "Tenant,keystone41",
        "4B,sunny-Otter-41,,104",
        "ann,sunny-Otter-41,de:de:00:11:22:33",
        "Name of the Rose,Umberto-1980",
        "key,wpa2-" + "ab" * 20,
        "ann," + "ab" * 32,
    ],
)
def test_a_key_is_no_header(row):
    assert len(rows(row.encode())) == 1


@pytest.mark.parametrize(
    ("octets", "separator"),
    [
        (b"ann;sunny-Otter-41;;12\nbob;maple,Falcon-77\n", "semicolons"),
        (b"identity;psk\r\nann;sunny-Otter-41\r\n", "semicolons"),
        (b'sep=;\r\nidentity;psk\r\n"ann";"sunny;Otter-41"\r\n', "semicolons"),
        (b"identity\tpsk\tmac\nann\tsunny-Otter-41\t020000000100\n", "tabs"),
        (b"sep=,\nann,sunny;Otter-41\n", None),
        (b"ann,sunny;Otter-41\n", None),
    ],
)
def test_semicolons_and_tabs_are_read_and_said(octets, separator):
    reader, parsed = read(octets)
    drafts = [draft for _, draft in parsed]
    assert drafts[0].identity == "ann"
    assert drafts[0].passphrase.value in (b"sunny-Otter-41", b"sunny;Otter-41")
    assert reader.notes() == ([f"read as separated by {separator}"] if separator else [])
    if len(drafts) > 1:
        assert drafts[1].passphrase.value == b"maple,Falcon-77"


@pytest.mark.parametrize("row", ['"Lee; Ann",sunny-Otter-41', '"Lee, Ann";sunny-Otter-41', "ann,sunny;Otter-41"])
def test_a_file_that_quotes_what_separates_is_read(row):
    ((identity, *_),) = rows(row.encode())
    assert identity in ("Lee; Ann", "Lee, Ann", "ann")


def test_empty_rows_of_a_spreadsheet_are_none():
    assert len(rows(b'ann,sunny-Otter-41\n,,,\n;;\n , \n"",""\n\t\nbob,maple-Falcon-77\n')) == 2


@pytest.mark.parametrize(
    ("octets", "ours"),
    [
        (b"ann,sunny-Otter-41\n", True),
        (b"Identity, PSK\nann,sunny-Otter-41\n", True),
        (b"identity,psk,mac,vlanid\n", True),
        (b"psk,identity\n", False),
        (b"identity,psk,vlanid\n", False),
        (b"Name,Password\n", False),
        (b"identity,psk,mac,vlan\n", False),
    ],
)
def test_what_is_its_file(octets, ours):
    assert is_dpsk(read(octets)[0].columns) is ours


@given(st.lists(st.binary(max_size=60)))
def test_arbitrary_octets_give_rows_or_refusals(lines):
    with suppress(FileRefused):
        for row in read(b"\n".join(lines))[1]:
            assert isinstance(row, tuple | Refusal)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)


PSK = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63).map(str.encode),
    st.binary(min_size=32, max_size=32).map(lambda octets: octets.hex().encode()),
)


@given(
    identity=TEXT,
    psk=PSK,
    mac=st.one_of(st.none(), st.binary(min_size=6, max_size=6).map(MacAddress)),
    vlan=st.one_of(st.none(), st.integers(1, 4094)),
)
def test_what_is_written_is_read_again(identity, psk, mac, vlan):
    key = Key(
        id=1,
        keypool_id=1,
        identity=identity,
        passphrase=Passphrase(psk),
        pmk=Pmk(bytes(32)),
        unit=None,
        subscriber=None,
        plan=None,
        vlan=vlan,
        effective_vlan=None,
        starts=None,
        ends=None,
        status=KeyStatus.ACTIVE,
        status_reason=None,
        status_at=None,
    )
    devices = [Device(1, mac, 1)] if mac else []
    text = "".join(render_rows([(key, devices)]))
    assert rows(text.encode(), header=False, formulas=True) == [
        (identity, psk, tuple(device.mac for device in devices), vlan)
    ]
