"""Playing the access point: against our own engine behind a real socket, and against servers that misbehave."""

import contextlib
import hashlib
import io
import json
import shutil
import socket
import subprocess
import threading
import time
import tomllib
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import latchkey
from crypto import Akm, CryptoError, MacAddress, Ssid, passphrase_to_pmk, warm_up
from pcaps import CaptureError, FormatError, SendError
from pcaps.send import Played, ask, check, load
from pcaps.sources import Choice, read_played
from radiusd import DIALECTS, Lookup, Question, RadiusError, SharedSecret, decode_request
from radiusd.codec import encode_reply
from radiusd.model import Salted
from tests.pcaps.air import AA, PASSPHRASE, SPA, SSID, VECTORS, Air
from tests.radiusd.house import House
from tests.vendor_vectors import SHOWN

SECRET = SharedSecret(b"testing123")
HOSTAPD = DIALECTS["hostapd"]
CASES = tomllib.loads((VECTORS / "hwsim/requests.toml").read_text("utf-8"))["case"]


@contextlib.contextmanager
def answering(answer):
    """Give the address of a UDP server that sends what `answer` makes of each datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        over = threading.Event()

        def work():
            while not over.is_set():
                try:
                    datagram, client = server.recvfrom(4096)
                except TimeoutError:
                    continue
                for reply in answer(datagram):
                    server.sendto(reply, client)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield server.getsockname()
        finally:
            over.set()
            thread.join()


@pytest.fixture
def server(tmp_path):
    """The address of our server, where the handshakes' resident lives."""
    house = House(tmp_path)
    for ssid in {SSID, *(Ssid.parse(case["ssid"]) for case in CASES)}:
        for passphrase in {PASSPHRASE, *(case["passphrase"].encode() for case in CASES)}:
            house.add_key(ssid, passphrase, vlan=110)
    house.start()
    warm_up()  # the first search may have to compile its kernels: not while somebody waits for it
    with answering(lambda datagram: [reply] if (reply := house.send(datagram)) is not None else []) as address:
        yield address
    house.close()


@pytest.fixture
def capture(tmp_path):
    """Write a capture of handshakes; return its path."""

    def write(*handshakes, name="x.pcap", beacon=True):
        frames = [Air.beacon()] if beacon else []
        for handshake in handshakes:
            frames += Air.frames(handshake)
        path = tmp_path / name
        path.write_bytes(Air.pcap([Air.radiotap(frame) for frame in frames]))
        return path

    return write


@pytest.fixture
def send(server):
    """Run the command against our server; return status, stdout, stderr."""

    def send(path, *options, secret=None):
        secret = SECRET.value.decode() if secret is None else secret
        options = ("send", str(path), "--server", f"{server[0]}:{server[1]}", "--secret", secret, *map(str, options))
        result = CliRunner().invoke(latchkey.cli, options)
        return result.exit_code, result.stdout, result.stderr

    return send


def played(subject, dialect="hostapd", secret=SECRET, **options):
    return Played(subject=subject, dialect=DIALECTS[dialect], secret=secret, **options)


# The library.


@pytest.mark.parametrize("dialect", SHOWN)
@pytest.mark.parametrize("akm", [Akm.PSK, Akm.PSK_SHA256])
def test_every_dialect_is_answered_with_a_key_that_fits(server, dialect, akm):
    what = played(Air.handshake(akm=akm), dialect)
    answer = ask(server, what, timeout_s=60)
    check(answer, what)
    assert (answer.fits, answer.granted.vlan, answer.tries, answer.signed) == (True, 110, 1, True)


def test_a_stranger_is_rejected(server):
    what = played(Air.handshake(passphrase=b"nobody's passphrase"))
    answer = ask(server, what)
    assert (answer.granted, answer.fits) == (None, None)
    with pytest.raises(SendError, match=r"^Access-Reject$"):
        check(answer, what)


def granting(*attributes, sign=True):
    """Return a server that grants these to everybody."""

    def answer(datagram):
        reply = encode_reply(decode_request(datagram, SECRET), 2, attributes, SECRET)
        return [reply if sign else unsigned(reply, datagram)]

    return answer


def unsigned(reply, datagram):
    """Return a reply without its Message-Authenticator, as servers wrote it before BlastRADIUS."""
    body = reply[38:]
    head = reply[:2] + (20 + len(body)).to_bytes(2)
    return head + hashlib.md5(head + datagram[4:20] + body + SECRET.value).digest() + body


@pytest.mark.parametrize(
    ("dialect", "attributes", "reason"),
    [
        ("hostapd", [], "without a key that an access point of dialect hostapd reads"),
        ("hostapd", [Salted(69, b"another passphrase", 0)], "with a key that does not fit the handshake"),
        ("hostapd", [Salted(69, b"short", 0)], "with a key that does not fit the handshake"),
        ("ruckus", [Salted((26, 311, 17), bytes(31))], "with a key that does not fit the handshake"),
        ("ruckus", [Salted(69, PASSPHRASE, 0)], "without a key that an access point of dialect ruckus reads"),
    ],
)
def test_an_accept_that_lets_nobody_in(dialect, attributes, reason):
    what = played(Air.handshake(), dialect)
    with answering(granting(*attributes)) as address, pytest.raises(SendError, match=reason):
        check(ask(address, what), what)


def test_one_of_several_keys_is_enough():
    keys = [Salted(69, b"another passphrase", 0), Salted(69, PASSPHRASE, 0)]
    with answering(granting(*keys)) as address:
        assert ask(address, played(Air.handshake())).fits


def test_an_answer_without_message_authenticator_is_taken_only_on_demand():
    what = played(Air.handshake())
    with answering(granting(Salted(69, PASSPHRASE, 0), sign=False)) as address:
        with pytest.raises(SendError, match="reply without Message-Authenticator"):
            ask(address, what, timeout_s=0.2, tries=1)
        answer = ask(address, what, unsigned=True)
    assert (answer.fits, answer.signed) == (True, False)
    with answering(granting(Salted(69, PASSPHRASE, 0))) as address:
        assert ask(address, what, unsigned=True).signed


def test_a_forged_answer_does_not_hide_the_right_one():
    right = granting(Salted(69, PASSPHRASE, 0))

    def answer(datagram):
        (reply,) = right(datagram)
        return [b"", reply[:4] + bytes(16) + reply[20:], bytes([reply[0], reply[1] ^ 1]) + reply[2:], reply]

    with answering(answer) as address:
        assert ask(address, played(Air.handshake())).fits


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda reply: reply[:4] + bytes(16) + reply[20:], "Response Authenticator is wrong"),
        (lambda reply: reply[:10], "datagram of 10 octets"),
        (lambda reply: b"\x0b" + reply[1:], "Response Authenticator is wrong"),
    ],
)
def test_a_wrong_answer_is_named(change, reason):
    right = granting(Salted(69, PASSPHRASE, 0))
    with (
        answering(lambda datagram: [change(right(datagram)[0])]) as address,
        pytest.raises(SendError, match=f"answer of 127.0.0.1:{address[1]}: {reason}"),
    ):
        ask(address, played(Air.handshake()), timeout_s=0.2, tries=1)


def test_a_challenge_is_no_answer():
    def answer(datagram):
        return [encode_reply(decode_request(datagram, SECRET), 11, [], SECRET)]

    with answering(answer) as address, pytest.raises(SendError, match="code 11 does not answer an Access-Request"):
        ask(address, played(Air.handshake()), timeout_s=0.1, tries=1)


def test_retries_send_the_same_octets():
    seen, right = [], granting(Salted(69, PASSPHRASE, 0))

    def answer(datagram):
        seen.append(datagram)
        return right(datagram) if len(seen) == 3 else []

    with answering(answer) as address:
        assert ask(address, played(Air.handshake()), timeout_s=0.1).tries == 3
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_silence_and_an_empty_port():
    what = played(Air.handshake())
    with (
        answering(lambda _: []) as address,
        pytest.raises(SendError, match=rf"no answer from 127.0.0.1:{address[1]} within 0.05 s, 2 times"),
    ):
        ask(address, what, timeout_s=0.05, tries=2)
    with pytest.raises(SendError, match=rf"cannot ask 127.0.0.1:{address[1]}: Connection refused"):
        ask(address, what)
    with pytest.raises(SendError, match=r"cannot ask name.invalid:1812: "):
        ask(("name.invalid", 1812), what)


@pytest.mark.parametrize("rate", [None, 500.0])
def test_a_load_counts_what_became_of_it(server, rate):
    right, stranger = Air.handshake(), Air.handshake(seed=2, spa=MacAddress(b"\2\0\0\0\1\x09"), passphrase=b"nobody's")
    tally = load(server, [played(right), played(stranger), played(right, "ruckus")], 300, rate=rate, timeout_s=60)
    assert (tally.sent, tally.fitting, tally.rejected) == (300, 200, 100)
    assert (tally.unfitting, tally.wrong, tally.lost) == (0, 0, 0)
    assert len(tally.times_ms) == 300
    assert 0 < tally.quantile_ms(0.5) <= tally.quantile_ms(0.99)
    assert tally.seconds > 0


def test_a_load_sees_what_is_lost_wrong_and_of_no_use():
    right = granting(Salted(69, PASSPHRASE, 0))
    useless, count = granting(), iter(range(1000))

    def answer(datagram):
        number = next(count) % 4
        reply = (useless if number == 1 else right)(datagram)[0]
        return [[reply], [reply], [reply[:4] + bytes(16) + reply[20:]], []][number]

    with answering(answer) as address:
        tally = load(address, [played(Air.handshake())], 40, timeout_s=0.3)
    assert (tally.fitting, tally.unfitting, tally.wrong, tally.lost) == (10, 10, 10, 20)  # a wrong answer is none
    with pytest.raises(SendError, match=rf"cannot ask 127.0.0.1:{address[1]}: Connection refused"):
        load(address, [played(Air.handshake())], 10_000)  # at once, since nobody is there any more


def test_no_two_requests_of_a_load_are_alike():
    seen, right = [], granting(Salted(69, PASSPHRASE, 0))

    def answer(datagram):
        seen.append(datagram)
        return right(datagram)

    recorded = Question.ask(HOSTAPD, Air.handshake(), SECRET).datagram
    with answering(answer) as address:
        load(address, [played(Air.handshake(), recorded=recorded)], 50, timeout_s=60)
        ask(address, played(Air.handshake(), recorded=recorded))
    assert len({datagram[4:20] for datagram in seen[:-1]}) == 50
    assert seen[-1] == recorded


# What is played.


def source(octets, **choice):
    file = io.BufferedReader(io.BytesIO(octets))
    return read_played(file, "x", Choice(secret=SECRET, **choice))


def test_a_request_in_hex_is_sent_as_it_is_under_its_own_secret_and_anew_under_another():
    datagram = bytes.fromhex(CASES[0]["access_request"])
    for text in (datagram.hex(), datagram.hex(" ").upper(), datagram.hex() + "\n", datagram.hex("\n", 40)):
        ((what,), reasons) = source(text.encode())
        assert (what.question().datagram, what.dialect.name, reasons) == (datagram, "hostapd", ())
    for options in ({"secret": SharedSecret(b"other")}, {"dialect": "ruckus"}, {"nas_identifier": b"other"}):
        ((what,), _) = read_played(
            io.BufferedReader(io.BytesIO(datagram.hex().encode())), "x", Choice(**{"secret": SECRET, **options})
        )
        assert what.recorded is None
        assert what.subject.ssid == Ssid.parse(CASES[0]["ssid"])
        assert what.nas_identifier == options.get("nas_identifier", b"hudson-house-ap1")
        assert what.dialect.name == options.get("dialect", "hostapd")


def test_a_lookup_in_hex_is_played_too(server):
    question = Question.ask(HOSTAPD, Lookup(device=SPA, ssid=SSID, aa=AA), SECRET)
    ((what,), _) = source(question.datagram.hex().encode())
    answer = ask(server, what)
    assert (answer.granted, answer.fits) == (None, None)  # a strange device


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"0", "not an Access-Request in hex: odd-length string"),
        (b"0102", "x is not an Access-Request: datagram of 2 octets"),
        (b"02020014" + b"00" * 16, "x is not an Access-Request: code 2"),
        (b"01" * 10_000, "more than an Access-Request has"),
        (b"nothing of the kind", "nor an Access-Request in hex"),
        (b"", "x is not a capture file: it is empty"),
    ],
)
def test_what_is_neither_capture_nor_request(octets, reason):
    with pytest.raises(FormatError, match=reason):
        source(octets)


@given(st.binary(max_size=400))
def test_arbitrary_hex_is_played_or_refused(octets):
    for each in (octets, b"\1\7" + (20 + len(octets)).to_bytes(2) + bytes(16) + octets):
        with contextlib.suppress(CaptureError, RadiusError, CryptoError):
            ((what,), _) = source(each.hex().encode())
            assert isinstance(what, Played)


def test_handshakes_of_a_capture_by_station(capture):
    other = MacAddress(b"\2\0\0\0\1\x09")
    octets = capture(Air.handshake(), Air.handshake(seed=2, spa=other)).read_bytes()
    both, _ = source(octets)
    assert [what.subject.spa for what in both] == [SPA, other]
    (one, _) = source(octets, station=other)
    assert [what.subject.spa for what in one] == [other]
    with pytest.raises(SendError, match=r"x: no handshake of 02:00:00:00:00:01 in 9 frames"):
        source(octets, station=AA)


def test_the_r0kh_of_ft_is_the_nas_identifier():
    ((what,), _) = source((VECTORS / "hwsim/ft-psk.pcap").read_bytes())
    assert what.nas_identifier == b"hudson-house-ap3"


# The command.


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_recordings_are_played_from_air_and_wire(send, tmp_path, case):
    hexed = tmp_path / "request.hex"
    hexed.write_text(case["access_request"])
    for path in (VECTORS / "hwsim" / case["capture"], hexed):
        status, output, errors = send(path, "--nas-identifier", case["nas_identifier"])
        assert (status, errors) == (0, "")
        assert output.startswith(f"accept station={case['station']} bssid={case['bssid']} ssid=")
        assert f" akm={case['akm']} dialect=hostapd message_authenticator=right response_authenticator=right " in output
        assert f' key="passphrase of {len(case["passphrase"])} octets" fits=yes vlan=110 ms=' in output
        assert case["passphrase"] not in output
        assert " attributes=Message-Authenticator,Tunnel-Password,Tunnel-Type," in output


def test_json_and_secrets(send, capture):
    status, output, _ = send(capture(Air.handshake()), "--json", "--dialect", "ruckus", "--show-secrets")
    view = json.loads(output)
    assert (status, view["answer"], view["fits"], view["key"], view["reason"]) == (0, "accept", True, "PMK", None)
    assert view["pmk"] == passphrase_to_pmk(PASSPHRASE, SSID).value.hex()
    assert view["passphrases"] == []
    _, output, _ = send(capture(Air.handshake()), "--json")
    assert not {"pmk", "passphrases"} & set(json.loads(output))
    assert PASSPHRASE.decode() not in output


def test_a_refusal_is_one_line_and_status_1(send, capture):
    path = capture(Air.handshake(), Air.handshake(seed=2, spa=MacAddress(b"\2\0\0\0\1\x09"), passphrase=b"nobody's"))
    status, output, errors = send(path)
    first, second = output.splitlines()
    assert status == 1
    assert first.startswith("accept ")
    assert second.startswith("reject station=02:00:00:00:01:09 ")
    assert errors == "latchkey: 02:00:00:00:01:09: Access-Reject\n"


def test_a_wrong_secret_is_one_line_and_status_1(send, capture):
    status, output, errors = send(capture(Air.handshake()), "--timeout", "0.1", "--retries", "0", secret="wrong")
    assert status == 1
    assert output.startswith("nothing station=")
    assert "within 0.1 s, 1 times: wrong address or port, a firewall, another shared secret" in errors
    assert len(errors.splitlines()) == 1


def test_handshakes_that_cannot_be_played_are_told(send, capture, tmp_path):
    path = capture(Air.handshake())
    path.write_bytes(path.read_bytes() + b"tail")
    status, _, errors = send(path)
    assert (status, errors) == (
        0,
        f"latchkey: {path}: frame 6: the file ends within its header, after 4 of 16 octets\n",
    )
    path = capture(Air.handshake(), beacon=False)
    status, output, errors = send(path)
    reason = "frame 2: no SSID: nothing in the capture names the network; use --ssid"
    assert (status, output, errors) == (1, "", f"latchkey: {path}: {reason}\n")
    assert send(capture(Air.handshake(), beacon=False), "--ssid", str(SSID))[0] == 0


def test_an_m2_that_a_dialect_has_no_room_for(send):
    status, output, errors = send(VECTORS / "hwsim/ft-psk.pcap", "--dialect", "ruckus")
    assert (status, output, len(errors.splitlines())) == (1, "", 1)
    assert "has room for 247 octets" in errors


def test_a_load_by_the_command(send, capture):
    status, output, errors = send(capture(Air.handshake()), "--count", "50", "--timeout", "60")
    assert (status, errors) == (0, "")
    assert output.startswith("sent=50 accepted=50 rejected=0 unfitting=0 wrong=0 lost=0 seconds=")
    status, output, _ = send(capture(Air.handshake()), "--count", "50", "--rate", "1000", "--timeout", "60", "--json")
    view = json.loads(output)
    assert (status, view["accepted"], view["p99_ms"] >= view["median_ms"]) == (0, 50, True)
    status, output, errors = send(capture(Air.handshake(passphrase=b"nobody's")), "--count", "5")
    assert output.startswith("sent=5 accepted=0 rejected=5 ")
    assert (status, errors) == (1, "latchkey: 5 of 5 requests were not answered with a key that fits\n")


def test_options_that_cannot_be(send, capture, tmp_path):
    path = capture(Air.handshake())
    for options, reason in (
        (("--station", "nobody"), "--station: not a MAC address"),
        (("--ssid", "x" * 33), "--ssid: SSID must be 1 to 32 octets, got 33"),
        (("--nas-identifier", ""), "--nas-identifier: must be 1 to 253 octets, got 0"),
        (("--server", "nowhere"), "'nowhere' is not ADDRESS:PORT"),
    ):
        status, output, errors = send(path, *options)
        assert (status, output, len(errors.splitlines())) == (1, "", 1)
        assert errors.startswith(f"latchkey: {reason}")
    nothing = tmp_path / "nothing"
    assert send(nothing) == (1, "", f"latchkey: cannot read {nothing}: No such file or directory\n")
    assert send(path, "--rate", "5")[0] == 2
    assert send(path, secret="")[0] == 2


def test_the_secret_from_a_file_and_the_request_from_stdin(server, tmp_path):
    file = tmp_path / "secret"
    file.write_text("testing123\n")
    request = CASES[0]["access_request"].encode()
    options = ["send", "-", "--server", f"{server[0]}:{server[1]}", "--secret-file", str(file)]
    result = CliRunner().invoke(latchkey.cli, options, input=request)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("accept ")


FREERADIUS = """
name = radiusd
prefix = /usr
libdir = /usr/lib/freeradius
dictionary = /usr/share/freeradius
logdir = %(folder)s
run_dir = %(folder)s
max_requests = 65536
security {
  allow_core_dumps = no
}
client loopback {
  ipaddr = 127.0.0.1
  secret = testing123
}
modules {
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = %(port)d
  }
  authorize {
    if (&FreeRADIUS-802.1X-EAPoL-Key-Msg && &NAS-Identifier == "hudson-house-ap1") {
      update control {
        Auth-Type := Accept
      }
      update reply {
        Message-Authenticator := 0x00
        Tunnel-Password:0 := "sunny-Otter-41"
        Tunnel-Type:0 := VLAN
        Tunnel-Medium-Type:0 := IEEE-802
        Tunnel-Private-Group-Id:0 := "110"
        Session-Timeout := 3600
      }
    }
    else {
      update control {
        Auth-Type := Reject
      }
    }
  }
}
"""


@pytest.fixture
def freeradius(tmp_path):
    """The address of a FreeRADIUS that hands one key to whoever shows a handshake in hostapd's attributes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "freeradius"
    folder.mkdir()
    (folder / "radiusd.conf").write_text(FREERADIUS % {"folder": folder, "port": port})
    log = folder / "log"
    program = shutil.which("freeradius") or "/usr/sbin/freeradius"  # which only root has on its PATH
    with log.open("wb") as output, subprocess.Popen([program, "-X", "-d", folder], stdout=output) as process:
        deadline = time.monotonic() + 20
        while "Ready to process requests" not in log.read_text("utf-8", "replace"):
            assert process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield "127.0.0.1", port
        process.terminate()


@pytest.mark.peer("freeradius")
def test_freeradius_answers(freeradius):
    """A server that did not come from us: its key is decrypted, its authenticators are checked."""
    with (VECTORS / "hwsim/wpa2-psk.pcap").open("rb") as file:
        ((what,), _) = read_played(file, "x", Choice(secret=SECRET, nas_identifier=b"hudson-house-ap1"))
    answer = ask(freeradius, what)
    check(answer, what)
    assert (answer.fits, answer.signed, answer.granted.vlan) == (True, True, 110)
    assert (answer.granted.passphrases, answer.granted.session_timeout_s) == ((b"sunny-Otter-41",), 3600)
    assert load(freeradius, [what], 200, timeout_s=60).fitting == 200
    elsewhere = replace(what, nas_identifier=b"another")
    with pytest.raises(SendError, match=r"^Access-Reject$"):
        check(ask(freeradius, elsewhere, unsigned=True), elsewhere)
