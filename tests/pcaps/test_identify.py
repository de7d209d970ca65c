"""Whose handshakes: the library and the command."""

import gzip
import json
import os
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

import latchkey
from crypto import Akm, MacAddress, Ssid
from pcaps import CaptureError, FormatError, Outcome, Words, identify_by_store, identify_by_words
from pcaps.verdicts import capture_time, render_verdicts
from provisioning import KeyDraft, KeyStatus, Passphrase, create_store, quote, quote_octets
from tests.pcaps.air import PASSPHRASE, SSID, VECTORS, Air

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RECORDINGS = tomllib.loads((VECTORS / "hwsim/requests.toml").read_text("utf-8"))["case"]
FIELDS = ["station", "bssid", "ssid", "akm", "verdict", "identity", "key_id", "reason"]


def words(tmp_path, *lines, name="words.txt"):
    path = tmp_path / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def capture(*frames):
    return Air.pcap([Air.radiotap(frame) for frame in frames])


def station(number):
    return MacAddress(b"\2\0\0\0\3" + bytes([number]))


def house(*handshakes):
    frames = [Air.beacon()]
    for handshake in handshakes:
        frames += Air.frames(handshake)
    return capture(*frames)


@pytest.fixture
def store(tmp_path):
    with create_store(tmp_path / "latchkey.db", {}) as store:
        yield store


@pytest.fixture
def run(tmp_path):
    """Run the command in the test's folder; return status, lines of stdout, stderr."""

    def run(*arguments):
        result = CliRunner().invoke(latchkey.cli, ["--db", str(tmp_path / "latchkey.db"), *map(str, arguments)])
        if isinstance(result.exception, CaptureError):
            raise result.exception
        return result.exit_code, result.stdout.splitlines(), result.stderr

    return run


def add(store, pool, identity, passphrase, **draft):
    return store.keys.add(pool.id, KeyDraft(identity=identity, passphrase=Passphrase(passphrase), **draft))


# Word lists.


def judge(read, tmp_path, octets, *lines):
    with Words(words(tmp_path, *lines)) as list_:
        return list(identify_by_words(read(octets).attempts, list_))


@pytest.mark.parametrize("akm", [Akm.WPA_PSK, Akm.PSK, Akm.PSK_SHA256])
def test_a_word_list_names_the_passphrase(read, tmp_path, akm):
    (verdict,) = judge(read, tmp_path, house(Air.handshake(akm=akm)), b"wrong one", b"short", PASSPHRASE, b"never read")
    assert (verdict.outcome, verdict.passphrase, verdict.reason) == (Outcome.MATCHED, PASSPHRASE, None)


def test_a_word_list_without_it(read, tmp_path):
    handshake = Air.handshake()
    (verdict,) = judge(read, tmp_path, house(handshake), b"wrong one", b"wrong two")
    assert verdict.outcome is Outcome.UNMATCHED
    assert verdict.reason == "none of 2 passphrases fits; the access point knows one that does"
    frames = Air.frames(handshake, messages=(1, 2))
    (verdict,) = judge(read, tmp_path, capture(Air.beacon(), *frames), b"wrong one", b"wrong two")
    assert verdict.reason == "none of 2 passphrases fits; no M3 followed"


@pytest.mark.parametrize("place", [0, 999, 1000, 1001, 1599, 16_500])
def test_long_lists_by_the_kernels_short_ones_by_hashlib(read, tmp_path, place, monkeypatch):
    """Two networks, both passphrases around the seams between batches; slow derivation is replaced, not its use."""
    import hashlib

    import numpy as np

    sizes = []

    def derive(passphrases, ssid, **_):
        sizes.append(len(passphrases))
        made = b"".join(hashlib.sha256(each + ssid.value).digest() for each in passphrases)
        return np.frombuffer(made, np.uint8).reshape(-1, 32)

    monkeypatch.setattr("pcaps.identify.pmk_batch", derive)
    from crypto import Pmk, sign

    other = Ssid(b"Other")
    lines = [b"passphrase %d" % n for n in range(place + 1)]
    handshakes = []
    for seed, (ssid, word) in enumerate([(SSID, lines[place]), (other, lines[0])], 1):
        unsigned = Air.handshake(ssid=ssid, seed=seed, aa=MacAddress(b"\2\0\0\0\0" + bytes([seed])))
        handshakes.append(sign(Pmk(hashlib.sha256(word + ssid.value).digest()), unsigned))
    frames = [Air.beacon(bssid=h.aa, ssid=h.ssid.value) for h in handshakes]
    for handshake in handshakes:
        frames += Air.frames(handshake)
    verdicts = judge(read, tmp_path, capture(*frames), *lines)
    assert [verdict.passphrase for verdict in verdicts] == [lines[place], lines[0]]
    assert max(sizes) <= (200 if place < 500 else 16_384)
    assert min(sizes) == 1 or place > 0


def test_words_are_what_a_station_could_use(tmp_path):
    lines = [b"", b"seven77", b"eight888", b"x" * 63, b"x" * 64, b"a0" * 32, "gr\xfc\xdfe dich".encode(), b"dos line\r"]
    expected = [b"eight888", b"x" * 63, b"a0" * 32, "gr\xfc\xdfe dich".encode(), b"dos line"]
    plain = words(tmp_path, *lines)
    packed = tmp_path / "words.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        with Words(path) as list_:
            assert list(list_) == expected
            assert list_.skipped == 2
            assert list_.position == list_.size == path.stat().st_size
    with Words(words(tmp_path, b"x" * 1_000_000, b"after it")) as list_:
        assert list(list_) == [b"after it"]


def test_a_word_list_that_cannot_be_read(tmp_path):
    with pytest.raises(FormatError, match=r"cannot read .*: No such file"):
        Words(tmp_path / "nothing")
    damaged = tmp_path / "words.gz"
    damaged.write_bytes(gzip.compress(b"passphrase\n" * 1000)[:-20])
    with Words(damaged) as list_, pytest.raises(FormatError, match="cannot be read to its end"):
        list(list_)


def test_damage_on_the_air_is_no_wrong_passphrase(read, tmp_path):
    frames = [Air.radiotap(Air.with_fcs(frame), flags=0x10) for frame in (Air.beacon(), *Air.frames(Air.handshake()))]
    broken = bytearray(frames[2])
    broken[-40] ^= 1  # in the MIC
    (verdict,) = judge(read, tmp_path, Air.pcap([*frames[:2], bytes(broken), *frames[3:]]), PASSPHRASE)
    assert (verdict.outcome, verdict.capture_at_fault) == (Outcome.UNTESTABLE, True)
    assert verdict.reason == "frame 3: the M2 was damaged on the air, its FCS is wrong"


# The store.


def test_the_store_names_the_resident(read, store):
    venue = store.venues.add("Hudson House")
    pool = store.keypools.add(SSID, venue_ids=[venue.id])
    unit = store.units.add(venue.id, "12B")
    add(store, pool, "Bo Chen", b"another-passphrase")
    key_id = add(store, pool, "Ann Lee", PASSPHRASE, unit_id=unit.id)
    (verdict,) = identify_by_store(read(house(Air.handshake())).attempts, store, NOW)
    assert (verdict.outcome, verdict.reason, verdict.passphrase) == (Outcome.MATCHED, None, None)
    assert (verdict.key.id, verdict.key.identity, verdict.key.unit.name) == (key_id, "Ann Lee", "12B")


@pytest.mark.parametrize("column", ["pmk", "passphrase"])
def test_key_that_cannot_be_opened_hides_no_other(store, run, tmp_path, column):
    pool = store.keypools.add(SSID)
    bad = add(store, pool, "Bob", b"another passphrase")
    good = add(store, pool, "Ann", PASSPHRASE)
    with store._db.writing():
        store._db.execute(f"UPDATE keys SET {column} = zeroblob(60) WHERE id = ?", (bad,))  # noqa: S608
    other = Air.handshake(seed=2, spa=station(2), passphrase=b"another passphrase")
    (tmp_path / "air.pcap").write_bytes(house(Air.handshake(), other))
    _, lines, stderr = run("identify", tmp_path / "air.pcap", "--json")
    assert [json.loads(line)["key_id"] for line in lines] == [good, None]
    assert stderr.count(f"row {bad} of keys cannot be opened") == 1


def test_every_keypool_of_the_ssid_and_no_other_is_searched(read, store):
    venues = [store.venues.add(name) for name in ("North", "South")]
    pools = [store.keypools.add(SSID, venue_ids=[venue.id]) for venue in venues]
    other = store.keypools.add(Ssid(b"Other"), venue_ids=[venues[0].id])
    add(store, pools[0], "north", b"passphrase of north")
    add(store, pools[1], "south", b"passphrase of south")
    add(store, other, "elsewhere", PASSPHRASE)
    octets = house(
        Air.handshake(seed=1, spa=station(1), passphrase=b"passphrase of south"),
        Air.handshake(seed=2, spa=station(2), passphrase=b"passphrase of north"),
        Air.handshake(seed=3, spa=station(3)),
    )
    verdicts = list(identify_by_store(read(octets).attempts, store, NOW))
    assert [verdict.key.identity if verdict.key else None for verdict in verdicts] == ["south", "north", None]
    assert verdicts[2].reason == "none of 2 keys fits; the access point knows one that does"


def test_an_ssid_without_keypool(read, store):
    (verdict,) = identify_by_store(read(house(Air.handshake())).attempts, store, NOW)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNMATCHED, "there is no keypool of this SSID")


def test_a_key_that_is_not_valid_is_named_with_why_and_a_valid_one_before_it(read, store):
    pool = store.keypools.add(SSID)
    past = NOW - timedelta(days=30)
    expired = add(store, pool, "before", PASSPHRASE, ends=past)
    attempts = read(house(Air.handshake())).attempts
    (verdict,) = identify_by_store(attempts, store, NOW)
    assert (verdict.key.id, verdict.reason) == (expired, "expired 2026-10-22 12:00 UTC")
    current = add(store, pool, "now", PASSPHRASE, starts=past)
    (verdict,) = identify_by_store(attempts, store, NOW)
    assert (verdict.key.id, verdict.reason) == (current, None)
    store.keys.set_status(current, KeyStatus.REMOVED, now=NOW - timedelta(days=3), reason=None)
    store.keys.set_status(expired, KeyStatus.REMOVED, now=NOW - timedelta(days=91), reason=None)
    (verdict,) = identify_by_store(attempts, store, NOW)
    assert (verdict.key.id, verdict.reason) == (current, "removed 2026-11-18")


def test_large_pools_are_searched_by_the_kernels(read, store, monkeypatch):
    """The same verdicts either way."""
    pool = store.keypools.add(SSID)
    for number in range(5):
        add(store, pool, f"resident {number}", b"passphrase %d" % number)
    octets = house(
        *(Air.handshake(seed=n + 1, spa=station(n), passphrase=b"passphrase %d" % n) for n in range(7)),
        Air.handshake(akm=Akm.WPA_PSK, seed=9, spa=station(9), passphrase=b"passphrase 3"),
        Air.handshake(akm=Akm.PSK_SHA256, seed=10, spa=station(10), passphrase=b"passphrase 4"),
    )
    attempts = read(octets).attempts
    slow = [verdict.key and verdict.key.identity for verdict in identify_by_store(attempts, store, NOW)]
    assert slow == [*(f"resident {n}" for n in range(5)), None, None, "resident 3", "resident 4"]
    monkeypatch.setattr("pcaps.identify._HASHLIB_TESTS", 0)
    fast = [verdict.key and verdict.key.identity for verdict in identify_by_store(attempts, store, NOW)]
    assert fast == slow


# The command.


@pytest.mark.parametrize("case", RECORDINGS, ids=lambda case: case["name"])
def test_recordings_are_identified_from_the_store(run, store, case):
    pool = store.keypools.add(Ssid.parse(case["ssid"]))
    add(store, pool, "Somebody", b"somebody-elses-key")
    key_id = add(store, pool, "Ann Lee", case["passphrase"].encode())
    path = VECTORS / "hwsim" / case["capture"]
    status, lines, errors = run("identify", path)
    assert (status, errors) == (0, "1 matched\n")
    (line,) = lines
    assert line.startswith("2026-11-20T19:2")
    name = quote_octets(case["ssid"].encode())  # as in the server's log
    quoted = f'{case["station"]}  {case["bssid"]}  {name}  {case["akm"]}   matched who="Ann Lee" key={key_id}'
    assert line.endswith(quoted)
    status, lines, errors = run("identify", "--json", path)
    (line,) = lines
    view = json.loads(line)
    assert [name for name in view if name in FIELDS] == FIELDS
    expected = [case["station"], case["bssid"], case["ssid"], case["akm"], "matched", "Ann Lee", key_id, None]
    assert [view[name] for name in FIELDS] == expected
    assert "passphrase" not in view
    assert case["passphrase"] not in line


@pytest.mark.parametrize("case", RECORDINGS, ids=lambda case: case["name"])
def test_recordings_are_identified_from_a_word_list(run, tmp_path, case):
    path = words(tmp_path, b"first of all", case["passphrase"].encode())
    status, (line,), errors = run("identify", VECTORS / "hwsim" / case["capture"], "--passphrases", path, "--json")
    view = json.loads(line)
    assert (status, errors, view["verdict"], view["passphrase"]) == (0, "", "matched", case["passphrase"])
    assert (view["identity"], view["key_id"], view["unit"]) == (None, None, None)
    status, (line,), errors = run("identify", VECTORS / "hwsim" / case["capture"], "--passphrases", path)
    assert f"matched passphrase={quote(case['passphrase'])}" in line
    assert errors == "1 matched\n"


def test_one_bad_handshake_does_not_hide_the_others(run, tmp_path):
    good, bad = Air.handshake(seed=1), Air.handshake(seed=2, spa=station(2))
    frames = [Air.beacon(), *Air.frames(good), *Air.frames(bad, messages=(2,))]
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(*frames) + b"tail")
    status, lines, errors = run("identify", path, "--passphrases", words(tmp_path, PASSPHRASE, b"short"))
    assert status == 1
    assert [line.split("00-0F-AC:2   ")[1] for line in lines] == [
        "matched passphrase=sunny-Otter-41",
        'untestable reason="frame 6: no ANonce: no M1 before it"',
    ]
    assert errors.splitlines() == [
        f"latchkey: {tmp_path}/words.txt: skipped 1 line that cannot be a passphrase",
        "1 matched, 1 untestable",
        f"latchkey: {path}: frame 7: the file ends within its header, after 4 of 16 octets",
        f"latchkey: {path}: 1 of 2 handshakes cannot be tested: frame 6: no ANonce: no M1 before it",
    ]


def test_a_network_that_cannot_be_searched_is_no_failure_and_needs_no_store(run, tmp_path):
    from dataclasses import replace

    handshake = Air.handshake()
    sae = replace(handshake.m2, key_data=handshake.m2.key_data[:-3] + b"\x08\0\0").octets
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(Air.beacon(), Air.frames(handshake)[0], Air.eapol(2, sae)))
    status, (line,), errors = run("identify", path, "--json")
    view = json.loads(line)
    assert (status, errors, view["verdict"], view["akm"]) == (0, "", "untestable", "00-0F-AC:8")
    assert view["reason"] == "frame 3: AKM 00-0F-AC:8, SAE (WPA3), can not be searched"


def test_a_capture_without_handshakes_is_status_1(run, tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(*[Air.beacon()] * 3))
    assert run("identify", path) == (1, [], f"latchkey: {path}: no handshake in 3 frames\n")


def test_hidden_networks_by_option(run, tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(*Air.frames(Air.handshake(ssid=Ssid("Café".encode())))))
    list_ = words(tmp_path, PASSPHRASE)
    status, (line,), errors = run("identify", path, "--passphrases", list_)
    assert (status, "untestable" in line, "no SSID" in errors) == (1, True, True)
    status, (line,), errors = run("identify", path, "--passphrases", list_, "--ssid", "Café")
    assert (status, "matched" in line, errors) == (0, True, "1 matched\n")


def test_names_cannot_move_the_cursor(run, tmp_path):
    ssid = Ssid(b'a\x1b[2J\n"\xff')
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(Air.beacon(ssid=ssid.value), *Air.frames(Air.handshake(ssid=ssid))))
    _, (line,), _ = run("identify", path, "--passphrases", words(tmp_path, PASSPHRASE))
    assert line.isprintable()


def test_the_command_as_a_process(tmp_path):
    """One line on stderr, the status, and neither compiler nor scapy on the way to a few candidates."""

    def run(*arguments):
        script = (
            "import sys, latchkey\nstatus = latchkey.main()\n"
            "print(sorted({'numba', 'scapy'} & set(sys.modules)))\nsys.exit(status)"
        )
        return subprocess.run(
            [sys.executable, "-c", script, "identify", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    result = run(VECTORS / "hwsim/wpa2-psk.pcap", "--passphrases", words(tmp_path, b"sunny-Otter-41"))
    assert (result.returncode, result.stderr) == (0, "1 matched\n")
    line, modules = result.stdout.splitlines()
    assert "matched" in line
    assert modules == "[]"
    result = run(words(tmp_path, b"no capture"))
    message = "words.txt is not a capture file: it begins with 6e6f2063, which is neither pcap nor pcapng\n"
    assert (result.returncode, result.stderr) == (1, f"latchkey: {tmp_path}/{message}")
    result = run(VECTORS / "hwsim/wpa2-psk.pcap", "--ssid", "x" * 33)
    assert (result.returncode, result.stderr) == (1, "latchkey: --ssid: SSID must be 1 to 32 octets, got 33\n")
    result = run(VECTORS / "hwsim/wpa2-psk.pcap")
    assert result.returncode == 1
    assert re.fullmatch(r"latchkey: no database at /.*/latchkey\.db: run `latchkey init`, .*\n", result.stderr)


def test_unit_and_validity_are_said(run, store, tmp_path):
    venue = store.venues.add("Hudson House")
    pool = store.keypools.add(SSID, venue_ids=[venue.id])
    unit = store.units.add(venue.id, "12B")
    add(store, pool, "Ann Lee", PASSPHRASE, unit_id=unit.id, ends=datetime(2026, 10, 31, tzinfo=UTC))
    path = tmp_path / "x.pcap"
    path.write_bytes(house(Air.handshake()))
    _, (line,), _ = run("identify", path)
    assert line.endswith('matched who="Ann Lee" key=1 unit=12B reason="expired 2026-10-31 00:00 UTC"')
    _, (line,), _ = run("identify", path, "--json")
    view = json.loads(line)
    assert (view["unit"], view["reason"], view["frame"]) == ("12B", "expired 2026-10-31 00:00 UTC", 3)
    assert view["time"] == "2026-11-18T11:06:40.002Z"


def test_a_capture_of_an_ssid_without_keypool_is_tested_and_says_so(run, store, tmp_path):
    """Exit status 0, as the help says: nothing was wrong with the capture."""
    path = tmp_path / "x.pcap"
    path.write_bytes(house(Air.handshake()))
    status, (line,), errors = run("identify", path)
    assert line.endswith('unmatched reason="there is no keypool of this SSID"')
    assert (status, errors) == (0, "0 matched, 1 unmatched\n")
    assert "no keypool has the SSID" in " ".join(
        CliRunner().invoke(latchkey.cli, ["identify", "--help"]).stdout.split()
    )


def test_columns_stand_under_their_headings_whatever_the_letters(read, store):
    """An SSID of letters of two columns each, one without a name, and one of a later age."""
    from rich.cells import cell_len

    wide, odd = Ssid("静かな家".encode()), Ssid(b"x")
    handshakes = [
        Air.handshake(seed=seed, ssid=ssid, aa=MacAddress(b"\2\0\0\0\0" + bytes([seed])))
        for seed, ssid in enumerate((wide, odd), 1)
    ]
    frames = [Air.beacon(bssid=each.aa, ssid=each.ssid.value) for each in handshakes]
    frames += [frame for each in handshakes for frame in Air.frames(each)]
    verdicts = list(identify_by_store(read(capture(*frames)).attempts, store, NOW))
    plain = list(render_verdicts(verdicts))
    assert plain[0].split("  ")[3] == '"静かな家"'
    shown = [re.sub("\x1b\\[\\d*m", "", line) for line in render_verdicts(verdicts, header=True, colour=True)]
    assert shown[1:] == plain
    starts = {cell_len(line[: line.index(word)]) for line, word in zip(shown, ("AKM", "00-0F", "00-0F"), strict=True)}
    assert len(starts) == 1
    starts = {
        cell_len(line[: line.rindex(word)]) for line, word in zip(shown, ("verdict", "unma", "unma"), strict=True)
    }
    assert len(starts) == 1
    assert list(render_verdicts([], header=True)) == []


def test_a_terminal_gets_a_header_and_colours(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(house(Air.handshake()))
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "latchkey", "identify", str(path)]
    command += ["--passphrases", str(words(tmp_path, PASSPHRASE))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for silent in ({}, {"NO_COLOR": "1"}):
        subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment | silent, cwd=ROOT, check=True)
        shown = os.read(ours, 4096).decode().splitlines()
        assert ("\x1b[32mmatched" in shown[-1], len(shown)) == (not silent, 2)
    os.close(ours)
    os.close(theirs)


def test_many_flaws_are_not_many_lines(run, tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(Air.pcap([b""] * 150))
    status, lines, errors = run("identify", path)
    assert (status, lines, len(errors.splitlines())) == (1, [], 101)
    assert errors.endswith("x.pcap: and 50 more like these\n")


def test_a_year_that_cannot_be_is_no_time():
    assert capture_time(10**21) == ""
    assert capture_time(0) == "1970-01-01T00:00:00.000Z"


def test_a_pipe_is_a_capture_too(tmp_path):
    list_ = words(tmp_path, b"sunny-Otter-41")
    command = [sys.executable, "-m", "latchkey", "identify", "-", "--passphrases", str(list_)]
    octets = (VECTORS / "hwsim/wpa2-psk.pcap").read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, input=octets, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"1 matched\n")
    assert b"matched" in result.stdout
