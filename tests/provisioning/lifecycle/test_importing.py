"""Keys from files into the store."""

import io
import sqlite3
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from crypto import MacAddress
from provisioning import (
    Device,
    FileRefused,
    ImportOptions,
    ImportRefused,
    InvalidValue,
    KeyDraft,
    KeyStatus,
    Passphrase,
    Refusal,
    Store,
    derive_pmks,
    import_keys,
)
from provisioning.lifecycle.importing.report import Imported
from provisioning.lifecycle.keys import reset
from provisioning.lifecycle.undo import undo
from provisioning.sheets import SheetOptions, begins_as_formula, render_example

MAC = MacAddress.parse("02:00:00:00:01:00")
NOW = datetime(2026, 11, 21, 18, tzinfo=UTC)


def bring(store, pool, octets, *, header=True, formulas=False, progress=None, derive=derive_pmks, **options):
    wanted = ImportOptions(
        sheet=SheetOptions(header=header, formulas=formulas), pool=None if pool is None else str(pool.id), **options
    )
    return import_keys(store, io.BytesIO(octets), wanted, name="people.csv", now=NOW, progress=progress, derive=derive)


def ids_of(done):
    return [id_ for ids in done.ids for id_ in ids]


REFUSED_HEADERS = [
    "Unit,Wi-Fi Password (8-63)",
    "Resident,Zauberwort",
    "Full name,Geheim",
    "Bewohner,Schlüssel",
    "Wohnung;Kennwort",
    "Name;Schlüsselnummer;MAC-Adresse;VLAN",
    "Locataire;Clé",
    "ann,sunny,MAC",
    "who,what,device,vlan id",
    "Name,Unit,Key,Phone,Email",
    "identity,mac",
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
READ_HEADERS = [
    "Name,Password",
    "Identity,Password",
    "identity,passphrase",
    "Tenant,Wi-Fi key",
    "password,resident",
    "Mieter,WLAN-Passwort",
    "Nom,Mot de passe",
    "Nombre,Contraseña",
    "Inquilino\tClave del wifi",
    "psk,identity",
    "mac,identity,psk",
    '"Name","Password"',
]


@pytest.mark.parametrize("header", READ_HEADERS)
def test_a_header_in_other_words_tells_which_column_is_which(store, pool, header):
    cells = ["020000000100" if "mac" in name.lower() else None for name in header.replace("\t", ",").split(",")]
    first_is_psk = header.startswith(("psk", "password"))
    values = iter(["sunny-Otter-41", "ann"] if first_is_psk else ["ann", "sunny-Otter-41"])
    row = ",".join(cell or next(values) for cell in cells).replace(",", "\t" if "\t" in header else ",")
    assert bring(store, pool, f"{header}\n{row}\n".encode()).count == 1
    assert [(key.identity, key.passphrase.value) for key in store.keys.select()] == [("ann", b"sunny-Otter-41")]


@pytest.mark.parametrize("header", REFUSED_HEADERS)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_header_in_other_words_is_no_key(store, pool, header, encoding):
    octets = f"{header}\nann,sunny-Otter-41\n".encode(encoding)
    for octets_before in (b"", b",,,\n", b"sep=;\n" if ";" in header else b""):
        for keep_going in (False, True):  # in the order of its columns, "Ann Archer" may be a passphrase
            with pytest.raises(FileRefused, match=r"^people\.csv: line [12]: reads like a header") as caught:
                bring(store, pool, octets_before + octets, keep_going=keep_going)
            assert str(caught.value).endswith("; nothing imported")
    assert list(store.keys.select()) == []


def test_the_first_row_is_a_key_where_that_is_said(store, pool):
    assert bring(store, pool, b"Name,Password\nann,sunny-Otter-41\n", header=False).count == 2
    assert [(key.identity, key.passphrase.value) for key in store.keys.select()] == [
        ("Name", b"Password"),
        ("ann", b"sunny-Otter-41"),
    ]


@pytest.mark.parametrize("row", ["Lee, Ann;sunny-Otter-41", "Ann;sunny-Otter,maple-Falcon", "Lee, Ann;sunny;12"])
def test_a_file_of_commas_or_semicolons_is_not_guessed(store, pool, row):
    with pytest.raises(FileRefused) as caught:
        bring(store, pool, row.encode(), keep_going=True)
    assert str(caught.value) == (
        "people.csv: line 1: separated by commas or by semicolons? Begin with a header, identity,psk or identity;psk;"
        " nothing imported"
    )
    octets = f"identity;psk;mac\n{row}\n".encode().replace(b"sunny;12", b"sunny-Otter-41;")
    assert bring(store, pool, octets).count == 1
    assert [key.identity for key in store.keys.select()] == [row.split(";")[0]]


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (b"PK\x03\x04\x14\0\x06\0" + bytes(range(256)) * 9, "a workbook (xlsx, ods) or another zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old workbook (xls)"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
    ],
)
def test_a_file_of_another_kind_is_named(store, pool, octets, what):
    with pytest.raises(FileRefused) as caught:
        bring(store, pool, octets, keep_going=True)
    said = f"people.csv: it is {what}: save it as CSV UTF-8, separated by commas; nothing imported"
    assert str(caught.value) == said


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


def test_a_dry_run_checks_all_and_adds_nothing(store, pool):
    store.keys.add(pool.id, KeyDraft(identity="x", passphrase=Passphrase(b"sunny-Otter-41")))
    before = store.changes.revision()
    done = bring(store, pool, BAD, keep_going=True, dry_run=True)
    assert (done.count, len(ids_of(done)), [refusal.line for refusal in done.refusals]) == (3, 0, [2, 4, 5, 6, 8])
    with pytest.raises(ImportRefused, match="line 1: passphrase already in use on this SSID"):
        bring(store, pool, b"ann,sunny-Otter-41\n", dry_run=True)
    assert store.changes.revision() == before
    assert bring(store, pool, BAD, keep_going=True).count == 3


def test_the_example_is_a_file_to_import(store, pool):
    first, second = render_example(), render_example()
    assert bring(store, pool, first.encode()).count == bring(store, pool, second.encode()).count == 3
    shipped = (Path(__file__).parents[3] / "docs" / "residents.example.csv").read_bytes()
    assert bring(store, pool, shipped).count == 3
    assert shipped.splitlines()[0] == first.encode().splitlines()[0]


def test_a_file_is_imported_whole(store, pool):
    before = store.changes.revision()
    done = bring(store, pool, b"ann,sunny-Otter-41,020000000100,12\r\nbob,maple-Falcon-77\r\n")
    assert done == Imported(count=2, ids=(range(1, 3),))
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
    assert len(ids_of(done)) == 3
    assert [key.identity for key in store.keys.select()] == ["x", "bob", "lee", "noa"]
    assert all(store.keys.get(id_) for id_ in ids_of(done))


def test_keeping_going_with_nothing_left_imports_nothing(store, pool):
    before = store.changes.revision()
    done = bring(store, pool, b"eve,short77\n", keep_going=True)
    assert (len(ids_of(done)), len(done.refusals), store.changes.revision()) == (0, 1, before)


def test_a_raw_pmk_equal_to_a_derived_one_is_found_after_derivation(store, pool):
    digits = derive_pmks([b"sunny-Otter-41"], pool.ssid)[0].tobytes().hex()
    octets = f"ann,sunny-Otter-41\nbob,{digits}\n".encode()
    with pytest.raises(ImportRefused, match="line 2: same passphrase as line 1"):
        bring(store, pool, octets)
    assert len(ids_of(bring(store, pool, octets, keep_going=True))) == 1


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

    done = bring(store, pool, lines, progress=report, derive=derive)
    assert len(ids_of(done)) == count
    assert list(seen) == ["reading", "encrypting", "storing"]
    assert seen["storing"][-1] == seen["encrypting"][-1] == count
    batches = list(store.keys.batches(lapsed_since=datetime.now(UTC)))
    assert [len(batch.ids) for batch in batches] == [16_384, count - 16_384]
    stored = np.concatenate([batch.pmks for batch in batches])
    assert (stored == derive([b""] * count, pool.ssid)).all()


def test_an_import_takes_bounded_memory_for_each_key(store, pool):
    count = 20_000
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
    assert known == {b"\2\1" + each.to_bytes(4): key_id for each, key_id in enumerate(ids_of(done))}


SHEET = "Name,psk,unit,subscriber,tag,mac\n"
MAC2 = MacAddress.parse("02:00:00:00:01:01")


def update(store, text, *, show=lambda _: None, **options):
    wanted = ImportOptions(sheet=SheetOptions(need_psk=False), update=True, **options)
    return import_keys(store, io.BytesIO(text.encode()), wanted, name="people.csv", now=NOW, show=show)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (lambda store: store.keys.set_status(1, KeyStatus.REMOVED, now=NOW), "key 1 was removed meanwhile"),
        (
            lambda store: store.keys.set_status(1, KeyStatus.SUSPENDED, now=NOW),
            "key 1 was changed meanwhile: import the file again",
        ),
    ],
)
def test_what_another_has_changed_meanwhile_is_not_overwritten(store, pool, path, master_key, meanwhile, reason):
    bring(store, pool, b"ann,sunny-Otter-41\nbob,maple-Falcon-77\n")

    def change(_):
        with Store.open(path, master_key) as other:
            meanwhile(other)

    text = "Name,vlan\nann,7\nbob,8\n"
    with pytest.raises(ImportRefused, match=f"line 2: {reason}; nothing imported"):
        update(store, text, show=change)
    assert [key.vlan for key in store.keys.select(status=KeyStatus.ACTIVE)] in ([None], [None, None])
    store.keys.reset(2, Passphrase(b"correct horse 1"))
    assert update(store, "Name,vlan\nbob,8\n").changed[0].changes == ("vlan none -> 8",)


def test_a_passphrase_that_is_taken_meanwhile_is_refused_by_line(store, pool, path, master_key):
    def take(_):
        with Store.open(path, master_key) as other:
            other.keys.add(pool.id, KeyDraft(identity="eve", passphrase=Passphrase(b"maple-Falcon-77")))

    octets = b"ann,sunny-Otter-41\nbob,maple-Falcon-77\n"
    options = ImportOptions(keep_going=True)
    done = import_keys(store, io.BytesIO(octets), options, name="people.csv", now=NOW, show=take)
    assert (done.count, done.refusals) == (1, (Refusal(2, "passphrase already in use on this SSID"),))
    assert {key.identity for key in store.keys.select()} == {"eve", "ann"}


def test_an_import_that_takes_a_device_from_another_key_gives_it_back_when_it_is_undone(store, pool):
    bring(store, pool, b"ann,sunny-Otter-41,020000000100\n")
    bring(store, pool, b"bob,maple-Falcon-77,020000000100\neve,correct horse 1,020000000101\n")
    assert {(device.mac, device.key_id) for device in store.devices.of_keys()} == {(MAC, 2), (MAC2, 3)}
    undo(store, max(entry.id for entry in store.audit.entries()), author="")
    assert [(device.mac, device.key_id, device.registered) for device in store.devices.of_keys()] == [(MAC, 1, True)]


def test_a_tag_is_of_one_key_of_a_subscriber(store, pool):
    rows = "ann,sunny-Otter-41,,Lee,phone,\nbob,maple-Falcon-77,,Lee,phone,\neve,correct horse 1,,Ray,phone,\n"
    with pytest.raises(ImportRefused, match="line 3: tag: line 2 gives it to another key of the subscriber"):
        bring(store, pool, (SHEET + rows).encode())
    for dry_run in (True, False):
        assert bring(store, pool, (SHEET + rows).encode(), keep_going=True, dry_run=dry_run).count == 2
    with pytest.raises(ImportRefused, match=r"line 2: tag: key [0-9]+ of the subscriber has it"):
        bring(store, pool, (SHEET + "kim,battery staple,,Lee,phone,\n").encode())
    with pytest.raises(ImportRefused, match=r"line 2: tag: key [0-9]+ of the subscriber has it"):
        update(store, "Name,subscriber\neve,Lee\n")
    assert update(store, "Name,subscriber,tag\neve,Lee,tablet\n").changed[0].changes == (
        "subscriber Ray -> Lee",
        "tag phone -> tablet",
    )


def test_more_units_than_a_venue_may_have_are_refused_by_line(store, pool, monkeypatch):
    monkeypatch.setattr("provisioning.store.units.MOST_UNITS", 2)
    rows = "".join(f"r{each},passphrase {each},W{each},,,\n" for each in range(4))
    done = bring(store, pool, (SHEET + rows).encode(), create_units=True, keep_going=True)
    assert [refusal.line for refusal in done.refusals] == [4, 5]
    assert (done.count, done.units, len(store.units.all())) == (2, 2, 2)


def test_a_key_that_cannot_be_opened_is_mended_by_an_update(store, pool, path):
    bring(store, pool, b"ann,sunny-Otter-41\nbob,maple-Falcon-77\n")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE keys SET passphrase = x'00', pmk = x'00' WHERE id = 1")
    with pytest.raises(ImportRefused, match="line 2: key 1 cannot be opened: a passphrase mends it"):
        update(store, "Name,vlan\nann,7\n")
    assert update(store, "Name,vlan,psk\nann,7,correct horse 1\n").missing[0].identity == "bob"
    assert (found := store.keys.get(1)).passphrase == Passphrase(b"correct horse 1")
    assert found.vlan == 7


def test_former_passphrases_go_along_and_end_with_another_one(store, pool):
    bring(store, pool, b"ann,sunny-Otter-41\n")
    reset(store, 1, Passphrase(b"maple-Falcon-77"), now=NOW, grace=timedelta(hours=1))
    done = update(store, "Name,vlan,ends\nann,7,2026-11-21 18:30\n")
    assert (len(done.changed), done.missing) == (1, ())
    half_past = NOW + timedelta(minutes=30)
    assert [(key.vlan, key.ends) for key in store.keys.select()] == [(7, half_past), (7, half_past)]
    update(store, "Name,psk\nann,correct horse 1\n")
    assert [key.passphrase.value for key in store.keys.select(status=KeyStatus.ACTIVE)] == [b"correct horse 1"]
