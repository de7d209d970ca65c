"""CSV in and out."""

import gzip
import io
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MacAddress, Pmk
from provisioning import (
    Device,
    FileRefused,
    ImportRefused,
    InvalidValue,
    Key,
    KeyDraft,
    KeyStatus,
    Passphrase,
    Refusal,
    derive_pmks,
    import_keys,
)
from provisioning.bulk import Imported, begins_as_formula, render_example, render_rows
from provisioning.csv_rows import KeyRows, Row

MAC = MacAddress.parse("02:00:00:00:01:00")


def bring(store, pool, octets, **options):
    return import_keys(store, pool.id, pool.ssid, io.BytesIO(octets), name="people.csv", **options)


def rows(octets, **options):
    parsed = list(KeyRows(io.BytesIO(octets), **options))
    assert all(isinstance(row, Row) for row in parsed), parsed
    drafts = [row.draft for row in parsed if isinstance(row, Row)]
    return [(draft.identity, draft.passphrase.value, draft.devices, draft.vlan) for draft in drafts]


def refusals(octets):
    return [str(row) for row in KeyRows(io.BytesIO(octets)) if isinstance(row, Refusal)]


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
        (b"ann,sunny-Otter-41,,4094\n", [("ann", b"sunny-Otter-41", (), 4094)]),
        (b'"Archer, Ann","quo""te, d"\n', [("Archer, Ann", b'quo"te, d', (), None)]),
        (b"ann, blanks stay \n", [("ann", b" blanks stay ", (), None)]),
        ("Zoë,sunny-Otter-41\n".encode(), [("Zoë", b"sunny-Otter-41", (), None)]),
        (b"ann," + b"aB" * 32, [("ann", b"aB" * 32, (), None)]),
        (b"ann," + b"x" * 63, [("ann", b"x" * 63, (), None)]),
        # Only the first line can be a header.
        (b"a,sunny-Otter-41\npsk,identity\n", [("a", b"sunny-Otter-41", (), None), ("psk", b"identity", (), None)]),
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
        (b"ann,one\rtwo-three", "line 1: carriage returns within the line: save the file with LF or CRLF line ends"),
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
        (b"ann,sunny-Otter-41,,,", "line 1: 5 columns, not 2 to 4"),
        (b"identity,psk\nann,sunny-Otter-41,020000000100", "line 2: 3 columns, not 2"),
        (b'"ann,sunny-Otter-41', "line 1: a quote is left open: a line break within a cell is not read"),
        (b'"ann"x,sunny-Otter-41', "line 1: broken quote"),
        (
            b"ann,sunny-\xff-Otter",
            "line 1: octet 11 is not UTF-8 but Windows-1252, it seems: save the file as CSV UTF-8",
        ),
        (b"x" * 5000, "line 1: more than 4096 octets without a line end"),
        (b"ann," + b"x" * 4093, "line 1: more than 4096 octets without a line end"),
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


def test_an_open_quote_spoils_its_own_line_only():
    octets = b'ann,"sunny-Otter-41\nbob,maple-Falcon-77\n\n"eve\n"\ndan,correct horse\n'
    parsed = list(KeyRows(io.BytesIO(octets)))
    assert [type(row).__name__ for row in parsed] == ["Refusal", "Row", "Refusal", "Refusal", "Row"]
    assert [row.line for row in parsed] == [1, 2, 4, 5, 6]


def test_a_line_break_within_a_cell_makes_no_resident_of_its_second_half():
    octets = b'ann,sunny-Otter-41\n"Lee\nhalf,\nKim",maple-Falcon-77\ndan,5" screens are\n'
    parsed = list(KeyRows(io.BytesIO(octets)))
    assert [type(row).__name__ for row in parsed] == ["Row", "Refusal", "Refusal", "Refusal", "Row"]
    assert str(parsed[3]) == "line 4: belongs to the quote left open in line 2, it seems"


HEADERS = [
    "Name,Password",
    "Identity,Password",
    "identity,passphrase",
    "Tenant,Wi-Fi key",
    "Unit,Wi-Fi Password (8-63)",
    "password,resident",
    "Resident,Zauberwort",
    "Full name,Geheim",
    "Mieter,WLAN-Passwort",
    "Bewohner,Schlüssel",
    "Wohnung;Kennwort",
    "Name;Netzwerkschlüssel;MAC-Adresse;VLAN",
    "Nom,Mot de passe",
    "Locataire;Clé Wi-Fi",
    "Nombre,Contraseña",
    "Inquilino\tClave del wifi",
    "ann,sunny,MAC",
    "who,what,device,vlan id",
    "Name,Unit,Password,Phone,Email",
    "psk,identity",
    "mac,identity,psk",
    "identity,mac",
    '"Name","Password"',
    "Wohnung,Kennwort1",
    "Wohnung;Kennwort 1",
    "Bewohnerin,Passwort_01",
    "Wohnung,Kennwort1:",
    "Who is it,Password2026!",
    "Locataire,Mot de passe 1",
    "Residente,Contraseña1",
    "Mieter,Schlüssel12",
    "Mieter,WPA2-Schlüssel 1",
    "Tenant,Password-Otter-41",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_header_in_other_words_is_no_key(store, pool, header, encoding):
    octets = f"{header}\nann,sunny-Otter-41\n".encode(encoding)
    for octets_before in (b"", b",,,\n", b"sep=;\n" if ";" in header else b""):
        for keep_going in (False, True):  # in the order of its columns, "Ann Archer" may be a passphrase
            with pytest.raises(FileRefused, match=r"^people\.csv: line [12]: .*identity,psk,mac,vlanid") as caught:
                bring(store, pool, octets_before + octets, keep_going=keep_going)
            assert str(caught.value).endswith("; nothing imported")
    assert list(store.keys.select()) == []


def test_the_first_row_is_a_key_where_that_is_said(store, pool):
    assert bring(store, pool, b"Name,Password\nann,sunny-Otter-41\n", header=False).count == 2
    assert [(key.identity, key.passphrase.value) for key in store.keys.select()] == [
        ("Name", b"Password"),
        ("ann", b"sunny-Otter-41"),
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
    parser = KeyRows(io.BytesIO(octets))
    drafts = [row.draft for row in parser if isinstance(row, Row)]
    assert drafts[0].identity == "ann"
    assert drafts[0].passphrase.value in (b"sunny-Otter-41", b"sunny;Otter-41")
    assert parser.notes() == ([f"read as separated by {separator}"] if separator else [])
    if len(drafts) > 1:
        assert drafts[1].passphrase.value == b"maple,Falcon-77"


@pytest.mark.parametrize("row", ["Lee, Ann;sunny-Otter-41", "Ann;sunny-Otter,maple-Falcon", "Lee, Ann;sunny;12"])
def test_a_file_of_commas_or_semicolons_is_not_guessed(store, pool, row):
    with pytest.raises(FileRefused) as caught:
        bring(store, pool, row.encode(), keep_going=True)
    assert str(caught.value) == (
        "people.csv: line 1: separated by commas or by semicolons? Begin with a header, identity,psk or identity;psk;"
        " nothing imported"
    )
    octets = f"identity;psk;mac\n{row}\n".encode()
    assert next(draft[0] for draft in rows(octets.replace(b"sunny;12", b"sunny-Otter-41"))) == row.split(";")[0]


@pytest.mark.parametrize("row", ['"Lee; Ann",sunny-Otter-41', '"Lee, Ann";sunny-Otter-41', "ann,sunny;Otter-41"])
def test_a_file_that_quotes_what_separates_is_read(row):
    ((identity, *_),) = rows(row.encode())
    assert identity in ("Lee; Ann", "Lee, Ann", "ann")


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        ("ann,sunny-Otter-41\n".encode("utf-16"), "UTF-16 text"),
        ("ann,sunny-Otter-41\n".encode("utf-16-le"), "UTF-16 text"),
        ("ann,sunny-Otter-41\n".encode("utf-16-be"), "UTF-16 text"),
        (b"PK\x03\x04\x14\0\x06\0" + bytes(range(256)) * 9, "a workbook (xlsx, ods) or another zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old workbook (xls)"),
        (gzip.compress(b"ann,sunny-Otter-41\n", mtime=0), "compressed (gzip)"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
    ],
)
def test_a_file_of_another_kind_is_named(store, pool, octets, what):
    with pytest.raises(FileRefused) as caught:
        bring(store, pool, octets, keep_going=True)
    said = f"people.csv: it is {what}: save it as CSV UTF-8, separated by commas; nothing imported"
    assert str(caught.value) == said


def test_empty_rows_of_a_spreadsheet_are_none():
    assert len(rows(b'ann,sunny-Otter-41\n,,,\n;;\n , \n"",""\n\t\nbob,maple-Falcon-77\n')) == 2


def test_blanks_around_a_passphrase_are_kept_and_said(store, pool):
    done = bring(store, pool, b"ann, sunny-Otter-41\nbob,maple-Falcon-77\neve,correct horse \n")
    assert done.notes == ("lines 1, 3: the passphrase begins or ends with a blank, which must be typed, too",)
    assert next(key.passphrase.value for key in store.keys.select()) == b" sunny-Otter-41"


def test_formulas_are_taken_by_force(store, pool):
    octets = b"=HYPERLINK(1),sunny-Otter-41\n@SUM(A1),maple-Falcon-77\n"
    with pytest.raises(ImportRefused):
        bring(store, pool, octets)
    assert bring(store, pool, octets, formulas=True).count == 2
    assert [begins_as_formula(key) for key in store.keys.select()] == [True, True]


def test_a_file_without_line_ends_is_not_read_whole():
    class Endless(io.RawIOBase):
        """Sixty million octets without a line end, then a key."""

        left = 60_000_000
        largest = 0

        def readline(self, size=-1, /):
            assert size is not None
            assert size > 0
            type(self).largest = max(self.largest, size)
            if self.left > 0:
                self.left -= size
                return b"x" * size
            return b"\nann,sunny-Otter-41\n".splitlines(keepends=True)[self.line()] if self.line() < 2 else b""

        def line(self):
            self.lines = getattr(self, "lines", -1) + 1
            return self.lines // 2

    parsed = list(KeyRows(Endless()))
    assert [type(row).__name__ for row in parsed] == ["Refusal", "Row"]
    assert Endless.largest < 5000


def test_a_dry_run_checks_all_and_adds_nothing(store, pool):
    store.keys.add(pool.id, KeyDraft(identity="x", passphrase=Passphrase(b"sunny-Otter-41")))
    before = store.changes.revision()
    done = bring(store, pool, BAD, keep_going=True, dry_run=True)
    assert (done.count, len(done.ids), [refusal.line for refusal in done.refusals]) == (3, 0, [2, 4, 5, 6, 8])
    with pytest.raises(ImportRefused, match="line 1: passphrase already in use on this SSID"):
        bring(store, pool, b"ann,sunny-Otter-41\n", dry_run=True)
    assert store.changes.revision() == before
    assert bring(store, pool, BAD, keep_going=True).count == 3


def test_the_example_is_a_file_to_import(store, pool):
    first, second = render_example(), render_example()
    assert bring(store, pool, first.encode()).count == bring(store, pool, second.encode()).count == 3
    shipped = (Path(__file__).parents[2] / "docs" / "residents.example.csv").read_bytes()
    assert bring(store, pool, shipped).count == 3
    assert shipped.splitlines()[0] == first.encode().splitlines()[0]


@given(st.lists(st.binary(max_size=60)))
def test_arbitrary_octets_give_rows_or_refusals(lines):
    with suppress(FileRefused):
        for row in KeyRows(io.BytesIO(b"\n".join(lines))):
            assert isinstance(row, Row | Refusal)


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


def test_a_file_is_imported_whole(store, pool):
    before = store.changes.revision()
    done = bring(store, pool, b"ann,sunny-Otter-41,020000000100,12\r\nbob,maple-Falcon-77\r\n")
    assert done == Imported(count=2, ids=range(1, 3))
    keys = list(store.keys.select())
    assert [(key.identity, key.vlan) for key in keys] == [("ann", 12), ("bob", None)]
    assert [key.pmk.value for key in keys] == [
        pmk.tobytes() for pmk in derive_pmks([b"sunny-Otter-41", b"maple-Falcon-77"], pool.ssid)
    ]
    assert list(store.devices.of_keys()) == [Device(pool.id, MAC, 1, registered=True)]
    assert [(each.first_id, each.last_id) for each in store.changes.since(before)] == [(1, 2), (1, 2)]


BAD = (
    b"identity,psk,mac\n"
    b"ann,sunny-Otter-41\n"  # in the store
    b"bob,maple-Falcon-77,020000000001\n"
    b"eve,short77\n"
    b"dan,maple-Falcon-77\n"  # bob's
    b"kim,correct horse,020000000001\n"  # bob's device
    b"lee," + b"ab" * 32 + b"\n"
    b"mia," + b"AB" * 32 + b"\n"  # lee's, spelled otherwise
    b"noa,battery staple\n"
)


def test_nothing_is_imported_where_a_line_is_refused(store, pool):
    store.keys.add(pool.id, KeyDraft(identity="x", passphrase=Passphrase(b"sunny-Otter-41")))
    with pytest.raises(ImportRefused) as caught:
        bring(store, pool, BAD)
    assert [refusal.line for refusal in caught.value.refusals] == [4, 5, 6, 8]
    assert str(caught.value) == "people.csv: 4 lines refused; nothing imported"
    assert caught.value.shown() == [
        "line 4: passphrase must be 8 to 63 octets or 64 hex digits, got 7",
        "line 5: same passphrase as line 3",
        "line 6: same MAC address as line 3",
        "line 8: same passphrase as line 7",
    ]
    with pytest.raises(ImportRefused) as caught:
        bring(store, pool, b"bob,maple-Falcon-77\nann,sunny-Otter-41\n")
    assert caught.value.refusals == (Refusal(2, "passphrase already in use on this SSID"),)
    assert len(list(store.keys.select())) == 1


def test_told_to_keep_going_it_imports_the_rest(store, pool):
    store.keys.add(pool.id, KeyDraft(identity="x", passphrase=Passphrase(b"sunny-Otter-41")))
    done = bring(store, pool, BAD, keep_going=True)
    assert [refusal.line for refusal in done.refusals] == [2, 4, 5, 6, 8]
    assert len(done.ids) == 3
    assert [key.identity for key in store.keys.select()] == ["x", "bob", "lee", "noa"]
    assert all(store.keys.get(id_) for id_ in done.ids)


def test_keeping_going_with_nothing_left_imports_nothing(store, pool):
    before = store.changes.revision()
    done = bring(store, pool, b"eve,short77\n", keep_going=True)
    assert (len(done.ids), len(done.refusals), store.changes.revision()) == (0, 1, before)


def test_a_raw_pmk_equal_to_a_derived_one_is_found_after_derivation(store, pool):
    digits = derive_pmks([b"sunny-Otter-41"], pool.ssid)[0].tobytes().hex()
    octets = f"ann,sunny-Otter-41\nbob,{digits}\n".encode()
    with pytest.raises(ImportRefused, match="line 2: same passphrase as line 1"):
        bring(store, pool, octets)
    assert len(bring(store, pool, octets, keep_going=True).ids) == 1


@pytest.mark.parametrize("octets", [b"", b"\n\n", b"\xef\xbb\xbf", b"identity,psk\n"])
def test_a_file_without_rows_is_refused(store, pool, octets):
    with pytest.raises(InvalidValue, match=r"people\.csv has no keys"):
        bring(store, pool, octets)


def test_many_refusals_are_counted_not_listed(store, pool):
    with pytest.raises(ImportRefused, match=r"40 lines refused; nothing imported$") as caught:
        bring(store, pool, b"eve,short77\n" * 40)
    shown = caught.value.shown()
    assert len(shown) == 11
    assert shown[9].startswith("line 10: ")
    assert shown[10] == "and 30 more"


def test_long_work_reports_its_stages(store, pool):
    count = 20_000
    lines = b"".join(b"r%d,passphrase %d\n" % (number, number) for number in range(count))
    seen: dict[str, list[int]] = {}

    def derive(passphrases, ssid, progress=None):
        assert ssid == pool.ssid
        return np.random.default_rng(1).integers(0, 256, (len(passphrases), 32), dtype=np.uint8)

    def report(stage, done, total):
        seen.setdefault(stage, []).append(done)

    done = import_keys(
        store,
        pool.id,
        pool.ssid,
        io.BytesIO(lines),
        name="people.csv",
        progress=report,
        derive=derive,
    )
    assert len(done.ids) == count
    assert list(seen) == ["reading", "encrypting", "storing"]
    assert seen["storing"][-1] == seen["encrypting"][-1] == count
    batches = list(store.keys.batches(lapsed_since=datetime.now(UTC)))
    assert [len(batch.ids) for batch in batches] == [16_384, count - 16_384]
    stored = np.concatenate([batch.pmks for batch in batches])
    assert (stored == derive([b""] * count, pool.ssid)).all()


def test_an_import_takes_bounded_memory_for_each_key(store, pool):
    count = 50_000
    lines = b"".join(b"resident %d,passphrase %07d,0201%08x\n" % (each, each, each) for each in range(count))
    pmks = np.random.default_rng(1).integers(0, 256, (count, 32), dtype=np.uint8)
    tracemalloc.start()
    try:
        bring(store, pool, lines, derive=lambda *_: pmks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / count < 670  # of which 410 are the drafts
    assert len(list(store.devices.of_keys())) == count


def test_registrations_of_one_file_that_fill_several_writes_are_all_there(store, pool):
    count = 16_385
    lines = b"".join(b"r%d,passphrase %d,0201%08x\n" % (each, each, each) for each in range(count))
    pmks = np.random.default_rng(1).integers(0, 256, (count, 32), dtype=np.uint8)
    done = bring(store, pool, lines, derive=lambda *_: pmks)
    known = {device.mac.value: device.key_id for device in store.devices.of_keys()}
    assert known == {b"\2\1" + each.to_bytes(4): key_id for each, key_id in enumerate(done.ids)}
