"""CSV in and out."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crypto import MacAddress, Pmk, Ssid
from provisioning import (
    Device,
    ImportRefused,
    InvalidValue,
    Key,
    KeyDraft,
    Keypool,
    KeyStatus,
    Passphrase,
    Refusal,
    Store,
    derive_pmks,
    import_keys,
)
from provisioning.bulk import Imported, Row, parse_rows, render_rows

MAC = MacAddress.parse("02:00:00:00:01:00")


def bring(store: Store, pool: Keypool, octets: bytes, *, keep_going: bool = False) -> Imported:
    return import_keys(store, pool.id, pool.ssid, io.BytesIO(octets), name="people.csv", keep_going=keep_going)


def rows(octets: bytes) -> list[tuple[str | None, bytes, tuple[MacAddress, ...], int | None]]:
    parsed = list(parse_rows(io.BytesIO(octets)))
    assert all(isinstance(row, Row) for row in parsed), parsed
    drafts = [row.draft for row in parsed if isinstance(row, Row)]
    return [(draft.identity, draft.passphrase.value, draft.devices, draft.vlan) for draft in drafts]


def refusals(octets: bytes) -> list[str]:
    return [str(row) for row in parse_rows(io.BytesIO(octets)) if isinstance(row, Refusal)]


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
def test_sound_files_are_read(octets: bytes, expected: list[object]) -> None:
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
        (b"ann,one\rtwo-three", "line 1: passphrase octet 4 of 13 is not printable ASCII"),
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
        (b"psk,identity\n", "line 1: the columns are identity,psk,mac,vlanid, in this order"),
        (b'"ann,sunny-Otter-41', "line 1: broken quote"),
        (b'"ann"x,sunny-Otter-41', "line 1: broken quote"),
        (b"ann,sunny-\xff-Otter", "line 1: octet 11 is not UTF-8"),
        ("ann,sunny-Otter-41".encode("utf-16"), "line 1: octet 1 is not UTF-8"),
        (b"x" * 5000, "line 1: line of 5000 octets"),
    ],
)
def test_unsound_lines_are_refused_by_number_without_the_passphrase(octets: bytes, reason: str) -> None:
    assert refusals(octets) == [reason]
    assert "Otter" not in reason


def test_an_open_quote_spoils_its_own_line_only() -> None:
    octets = b'ann,"sunny-Otter-41\nbob,maple-Falcon-77\n\n"eve\n"\ndan,correct horse\n'
    parsed = list(parse_rows(io.BytesIO(octets)))
    assert [type(row).__name__ for row in parsed] == ["Refusal", "Row", "Refusal", "Refusal", "Row"]
    assert [row.line for row in parsed] == [1, 2, 4, 5, 6]


@given(st.lists(st.binary(max_size=60)))
def test_arbitrary_octets_give_rows_or_refusals(lines: list[bytes]) -> None:
    for row in parse_rows(io.BytesIO(b"\n".join(lines))):
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
def test_what_is_written_is_read_again(identity: str, psk: bytes, mac: MacAddress | None, vlan: int | None) -> None:
    if {identity.lower(), psk.decode().lower()} <= {"identity", "psk", "mac", "vlanid"}:
        return
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
    assert rows(text.encode()) == [(identity, psk, tuple(device.mac for device in devices), vlan)]


def test_a_file_is_imported_whole(store: Store, pool: Keypool) -> None:
    before = store.changes.revision()
    done = bring(store, pool, b"ann,sunny-Otter-41,020000000100,12\r\nbob,maple-Falcon-77\r\n")
    assert done == Imported(range(1, 3), ())
    keys = list(store.keys.select())
    assert [(key.identity, key.vlan) for key in keys] == [("ann", 12), ("bob", None)]
    assert [key.pmk.value for key in keys] == [
        pmk.tobytes() for pmk in derive_pmks([b"sunny-Otter-41", b"maple-Falcon-77"], pool.ssid)
    ]
    assert list(store.devices.of_keys()) == [Device(pool.id, MAC, 1)]
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


def test_nothing_is_imported_where_a_line_is_refused(store: Store, pool: Keypool) -> None:
    store.keys.add(pool.id, KeyDraft(identity="x", passphrase=Passphrase(b"sunny-Otter-41")))
    with pytest.raises(ImportRefused) as caught:
        bring(store, pool, BAD)
    assert [refusal.line for refusal in caught.value.refusals] == [4, 5, 6, 8]
    assert str(caught.value) == (
        "people.csv: line 4: passphrase must be 8 to 63 octets or 64 hex digits, got 7;"
        " line 5: same passphrase as line 3; line 6: same MAC address as line 3;"
        " line 8: same passphrase as line 7; nothing imported"
    )
    with pytest.raises(ImportRefused) as caught:
        bring(store, pool, b"bob,maple-Falcon-77\nann,sunny-Otter-41\n")
    assert caught.value.refusals == (Refusal(2, "passphrase already in use on this SSID"),)
    assert len(list(store.keys.select())) == 1


def test_told_to_keep_going_it_imports_the_rest(store: Store, pool: Keypool) -> None:
    store.keys.add(pool.id, KeyDraft(identity="x", passphrase=Passphrase(b"sunny-Otter-41")))
    done = bring(store, pool, BAD, keep_going=True)
    assert [refusal.line for refusal in done.refusals] == [2, 4, 5, 6, 8]
    assert len(done.ids) == 3
    assert [key.identity for key in store.keys.select()] == ["x", "bob", "lee", "noa"]
    assert all(store.keys.get(id_) for id_ in done.ids)


def test_keeping_going_with_nothing_left_imports_nothing(store: Store, pool: Keypool) -> None:
    before = store.changes.revision()
    done = bring(store, pool, b"eve,short77\n", keep_going=True)
    assert (len(done.ids), len(done.refusals), store.changes.revision()) == (0, 1, before)


def test_a_raw_pmk_equal_to_a_derived_one_is_found_after_derivation(store: Store, pool: Keypool) -> None:
    digits = derive_pmks([b"sunny-Otter-41"], pool.ssid)[0].tobytes().hex()
    octets = f"ann,sunny-Otter-41\nbob,{digits}\n".encode()
    with pytest.raises(ImportRefused, match="line 2: same passphrase as line 1"):
        bring(store, pool, octets)
    assert len(bring(store, pool, octets, keep_going=True).ids) == 1


@pytest.mark.parametrize("octets", [b"", b"\n\n", b"\xef\xbb\xbf", b"identity,psk\n"])
def test_a_file_without_rows_is_refused(store: Store, pool: Keypool, octets: bytes) -> None:
    with pytest.raises(InvalidValue, match=r"people\.csv has no keys"):
        bring(store, pool, octets)


def test_many_refusals_are_counted_not_listed(store: Store, pool: Keypool) -> None:
    with pytest.raises(ImportRefused, match=r"line 10: [^;]*; and 30 more; nothing imported$") as caught:
        bring(store, pool, b"eve,short77\n" * 40)
    assert "\n" not in str(caught.value)


def test_long_work_reports_its_stages(store: Store, pool: Keypool) -> None:
    count = 20_000
    lines = b"".join(b"r%d,passphrase %d\n" % (number, number) for number in range(count))
    seen: dict[str, list[int]] = {}

    def derive(passphrases: Sequence[bytes], ssid: Ssid, progress: object = None) -> "NDArray[np.uint8]":
        assert ssid == pool.ssid
        return np.random.default_rng(1).integers(0, 256, (len(passphrases), 32), dtype=np.uint8)

    def report(stage: str, done: int, total: int) -> None:
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
