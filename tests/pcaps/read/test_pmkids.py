"""PMKIDs: where a capture shows one, what they are tested with, and what hashcat's tools make of our lines."""

import hmac
import json
import subprocess

import pytest
from click.testing import CliRunner

import latchkey
from crypto import Akm, MacAddress, Pmk, Ssid, derive_pmkid, passphrase_to_pmk
from pcaps import ExportError, Outcome, Words, hc22000_pmkid, identify_by_store, identify_by_words
from pcaps.read.pmkids import Pmkid, Source
from provisioning import KeyDraft, Passphrase, create_store
from tests.pcaps.air import AA, PASSPHRASE, RSNE, SPA, SSID, Air
from tests.pcaps.test_identify import NOW

PMK = passphrase_to_pmk(PASSPHRASE, SSID)
OTHER = MacAddress(b"\2\0\0\0\3\7")


def pmkid(akm=Akm.PSK, *, aa=AA, spa=SPA, pmk=PMK):
    """Return IEEE Std 802.11 12.7.1.3's PMKID, by hmac alone."""
    return hmac.digest(pmk.value, b"PMK Name" + aa.value + spa.value, "sha1" if akm is Akm.PSK else "sha256")[:16]


def kde(value):
    return bytes.fromhex("dd14000fac04") + value


def m1(value, *, version=2, spa=SPA, data=None, info=0x0088, **form):
    octets = Air.key_frame(info | version, 1, b"\x81" * 32, data=kde(value) if data is None else data)
    return Air.eapol(1, octets, spa=spa, **form)


def security(akm, *pmkids):
    rsne = bytearray(RSNE)
    rsne[19] = akm
    body = bytes(rsne[2:]) + (len(pmkids).to_bytes(2, "little") + b"".join(pmkids) if pmkids else b"")
    return bytes([48, len(body)]) + body


def beacon(*akms):
    return Air.beacon() + security(akms[0]) if akms else Air.beacon()


def found(read, *frames, **options):
    return read(Air.pcap([Air.radiotap(frame) for frame in frames]), **options).attempts


def test_the_formula_is_the_published_one():
    """hashcat's own example of mode 22000, its passphrase beside it (hashcat --example-hashes -m 22000)."""
    value, aa, spa = "4d4fe7aac3a2cecab195321ceb99a7d0", "fc690c158264", "f4747f87f9f4"
    pmk = passphrase_to_pmk(b"hashcat!", Ssid(b"hashcat-essid"))
    assert derive_pmkid(pmk, Akm.PSK, MacAddress.parse(aa), MacAddress.parse(spa)).hex() == value
    assert derive_pmkid(PMK, Akm.PSK_SHA256, AA, SPA) == pmkid(Akm.PSK_SHA256)
    with pytest.raises(ValueError, match="00-0F-AC:4 has no PMKID"):
        derive_pmkid(PMK, Akm.FT_PSK, AA, SPA)


@pytest.mark.parametrize(
    ("frames", "akm", "source"),
    [
        ((beacon(), m1(pmkid())), Akm.PSK, Source.ACCESS_POINT),
        ((beacon(2), m1(pmkid(), qos=True)), Akm.PSK, Source.ACCESS_POINT),
        ((m1(pmkid(), version=1), beacon(2)), Akm.PSK, Source.ACCESS_POINT),
        ((beacon(6), m1(pmkid(Akm.PSK_SHA256), version=3)), Akm.PSK_SHA256, Source.ACCESS_POINT),
        ((m1(pmkid(Akm.PSK_SHA256), version=3), beacon()), Akm.PSK_SHA256, Source.ACCESS_POINT),
        ((Air.association(rsne=security(2, pmkid())),), Akm.PSK, Source.STATION),
        ((Air.association(rsne=security(2, pmkid()), again=True),), Akm.PSK, Source.STATION),
        ((Air.association(rsne=security(6, b"\1" * 16, pmkid(Akm.PSK_SHA256))),), Akm.PSK_SHA256, Source.STATION),
    ],
)
def test_a_pmkid_alone_names_the_passphrase(read, tmp_path, frames, akm, source):
    attempts = found(read, *frames)
    (attempt,) = [each for each in attempts if each.pmkid.value != b"\1" * 16]
    assert (attempt.pmkid.value, attempt.pmkid.source, attempt.akm) == (pmkid(akm), source, str(akm))
    assert (attempt.station, attempt.bssid, attempt.ssid, attempt.how) == (SPA, AA, SSID, "pmkid")
    path = tmp_path / "words"
    path.write_bytes(b"not this one\n" + PASSPHRASE + b"\n")
    with Words(path) as words:
        (verdict,) = identify_by_words((attempt,), words)
    assert (verdict.outcome, verdict.passphrase) == (Outcome.MATCHED, PASSPHRASE)
    path.write_bytes(b"not this one\n")
    with Words(path) as words:
        (verdict,) = identify_by_words((attempt,), words)
    assert (verdict.outcome, verdict.reason) == (Outcome.UNMATCHED, "none of 1 passphrases makes this PMKID")


@pytest.mark.parametrize(
    "frames",
    [
        (beacon(2), m1(bytes(16))),  # zeros name nothing
        (beacon(1), m1(pmkid())),  # 802.1X has a PMK that no passphrase makes
        (beacon(8), m1(pmkid(), version=0)),  # SAE's are of another kind
        (beacon(4), m1(pmkid(), version=3)),  # and so are FT's
        (beacon(2), m1(pmkid(), info=0x1088)),  # encrypted
        (beacon(2), m1(b"", data=kde(pmkid())[:-1])),  # overruns
        (beacon(2), m1(b"", data=bytes.fromhex("dd08000fac04") + b"\1" * 4)),
        (beacon(2), m1(b"", data=b"\xdd\0" + kde(pmkid()))),  # what follows padding
        (beacon(2), m1(pmkid())[:-1]),  # cut
        (beacon(2), Air.association(rsne=security(2, bytes(16)))),
        (beacon(2), Air.association(rsne=security(1, pmkid()))),
        (beacon(2), Air.association(rsne=security(4, pmkid()))),
        (Air.association(rsne=security(1)), m1(pmkid())),
    ],
)
def test_what_names_no_pmk_of_a_passphrase_is_no_attempt(read, frames):
    assert found(read, *frames) == ()


def test_a_handshake_says_more_than_a_pmkid(read):
    handshake = Air.handshake()
    first, *rest = Air.frames(handshake)
    named = Air.eapol(1, Air.key_frame(0x008A, 1, handshake.anonce, data=kde(pmkid())))
    (attempt,) = found(read, Air.beacon(), named, *rest)
    assert (attempt.handshake, attempt.pmkid, attempt.how) == (handshake, None, None)
    other = m1(pmkid(spa=OTHER), spa=OTHER)
    assert [each.how for each in found(read, Air.beacon(), named, *rest, other)] == [None, "pmkid"]
    whole = found(read, Air.beacon(), named, first, named)
    assert [(each.number, each.how) for each in whole] == [(2, "pmkid")]  # repetitions are one


def test_where_the_m2_cannot_be_tested_the_pmkid_is(read):
    handshake = Air.handshake()
    _, m2, *_ = Air.frames(handshake)
    attempts = found(read, Air.beacon(), m1(pmkid()), m2[:-4])
    assert [(each.handshake, each.how) for each in attempts] == [(None, "pmkid"), (None, None)]


def test_a_damaged_frame_names_nobody(read):
    for frame in (m1(pmkid()), Air.association(rsne=security(2, pmkid()))):
        broken = bytearray(Air.with_fcs(frame))
        broken[-6] ^= 1
        packets = [Air.radiotap(Air.with_fcs(beacon(2)), flags=0x10), Air.radiotap(bytes(broken), flags=0x10)]
        assert read(Air.pcap(packets)).attempts == ()


def test_without_a_name_it_cannot_be_tested(read):
    (attempt,) = found(read, m1(pmkid()))
    assert (attempt.testable, attempt.capture_at_fault) == (None, True)
    assert attempt.reason == "frame 1: no SSID: nothing in the capture names the network; use --ssid"
    (attempt,) = found(read, m1(pmkid()), ssid=SSID)
    assert attempt.pmkid.ssid == SSID


def test_on_a_wire(read):
    octets = Air.key_frame(0x008A, 1, b"\x81" * 32, data=kde(pmkid()))
    packet = Air.ethernet(octets, source=AA, destination=SPA)
    (attempt,) = read(Air.pcap([packet], link=1), ssid=SSID).attempts
    assert attempt.pmkid.value == pmkid()
    assert read(Air.pcap([Air.cooked(octets, source=AA)], link=113), ssid=SSID).attempts == ()


def test_the_store_names_the_resident(read, tmp_path):
    with create_store(tmp_path / "latchkey.db", {}) as store:
        pool = store.keypools.add(SSID)
        for number in range(5):
            store.keys.add(
                pool.id, KeyDraft(identity=f"flat {number}", passphrase=Passphrase(b"passphrase %d" % number))
            )
        key_id = store.keys.add(pool.id, KeyDraft(identity="Ann Lee", passphrase=Passphrase(PASSPHRASE)))
        attempts = found(read, beacon(2), m1(pmkid()), m1(pmkid(spa=OTHER, pmk=Pmk(bytes(32))), spa=OTHER))
        verdicts = list(identify_by_store(attempts, store, NOW))
        assert [verdict.key and verdict.key.id for verdict in verdicts] == [key_id, None]
        assert verdicts[1].reason == "none of 6 keys makes this PMKID"
    path = tmp_path / "x.pcap"
    path.write_bytes(Air.pcap([Air.radiotap(frame) for frame in (beacon(2), m1(pmkid()))]))
    command = ["--db", str(tmp_path / "latchkey.db"), "identify", str(path)]
    result = CliRunner().invoke(latchkey.cli, command)
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert f'matched who="Ann Lee" key={key_id} how=pmkid\n' in result.stdout
    view = json.loads(CliRunner().invoke(latchkey.cli, [*command, "--json"]).stdout)
    assert (view["verdict"], view["identity"], view["frame"]) == ("matched", "Ann Lee", 2)


def of(akm=Akm.PSK, source=Source.ACCESS_POINT, spa=SPA):
    return Pmkid(value=pmkid(akm, spa=spa), akm=akm, ssid=SSID, aa=AA, spa=spa, source=source)


def test_lines_for_hashcat():
    line = f"WPA*01*{pmkid().hex()}*{AA.value.hex()}*{SPA.value.hex()}*{SSID.value.hex()}***"
    assert hc22000_pmkid(of()) == line + "01"
    assert hc22000_pmkid(of(source=Source.STATION)) == line + "04"
    with pytest.raises(ExportError, match="no line for a PMKID of AKM 00-0F-AC:6"):
        hc22000_pmkid(of(Akm.PSK_SHA256))


@pytest.fixture
def converted(tmp_path):
    """Return the capture of a PMKID in M1, and the line that `latchkey convert` writes of it."""
    path = tmp_path / "pmkid.pcap"
    path.write_bytes(Air.pcap([Air.radiotap(frame) for frame in (beacon(2), m1(pmkid()))]))
    result = CliRunner().invoke(latchkey.cli, ["convert", str(path), "--hc22000", str(tmp_path / "lines")])
    assert result.exit_code == 0, result.output
    return path, tmp_path / "lines"


@pytest.mark.peer("hcxpcapngtool", "hcxhashtool")
def test_hcxtools_write_and_read_the_same_line(converted, tmp_path):
    path, lines = converted
    subprocess.run(["hcxpcapngtool", "-o", tmp_path / "theirs", path], capture_output=True, check=True)
    theirs = (tmp_path / "theirs").read_text().strip()
    assert lines.read_text().strip()[: len(theirs)] == theirs  # before 6.3 without a source
    command = ["hcxhashtool", "-i", lines, "--type=1", "-o", tmp_path / "read", "--info=stdout"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert pmkid().hex() in result.stdout
    assert str(SSID) in result.stdout


@pytest.mark.peer("hashcat")
def test_hashcat_finds_the_passphrase(converted, tmp_path):
    _, lines = converted
    with lines.open("a") as file:
        file.write(hc22000_pmkid(of(source=Source.STATION, spa=OTHER)) + "\n")
    words, results = tmp_path / "words", tmp_path / "found"
    words.write_bytes(b"not this one\n" + PASSPHRASE + b"\n")
    files = ["--potfile-disable", "--outfile", results, "--outfile-format", "2", "--session", "pmkid"]
    command = ["hashcat", "-m", "22000", "--quiet", "--force", "--self-test-disable", *files, lines, words]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert results.read_text().splitlines() == [PASSPHRASE.decode()] * 2


@pytest.mark.peer("aircrack-ng")
def test_aircrack_ng_finds_the_passphrase_in_the_same_capture(converted, tmp_path):
    """Its own test has two such frames: a beacon, and an M1 with a PMKID."""
    path, _ = converted
    words = tmp_path / "words"
    words.write_bytes(b"not this one\n" + PASSPHRASE + b"\n")
    command = ["aircrack-ng", "-q", "-a", "2", "-b", str(AA), "-w", words, "-l", tmp_path / "key", path]
    subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert (tmp_path / "key").read_text() == PASSPHRASE.decode()
