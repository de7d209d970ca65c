"""The server as a process of its own, beside the command line and the outside world: what only shows there."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import Akm, MacAddress, Ssid, passphrase_to_pmk, sign
from pcaps import make_handshake
from radiusd import DIALECTS, Lookup, Question, SharedSecret

ROOT = Path(__file__).parents[1]
SSID = Ssid.parse("Café: Résidents")
SECRET = SharedSecret(b"testing123")


def latchkey(folder, *arguments, text="", status=0):
    command = [sys.executable, "-m", "latchkey", "--db", str(folder / "latchkey.db"), *arguments]
    result = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout if status == 0 else result.stderr


class Serving:
    """`latchkey serve` on a port of its choice."""

    def __init__(self, folder, *options):
        self.log = folder / "serve.log"
        command = [sys.executable, "-m", "latchkey", "serve", "--listen", "127.0.0.1:0", *options]
        environ = os.environ | {"LATCHKEY_DB": str(folder / "latchkey.db")}
        before = len(self.text())
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
        pattern = re.compile(r" ready listen=127\.0\.0\.1:(\d+)")
        match = eventually(lambda: pattern.search(self.text(), before) or self.process.poll() is not None, 60)
        assert isinstance(match, re.Match), self.text()
        self.address = ("127.0.0.1", int(match[1]))

    def text(self):
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def send(self, datagram, timeout_s=5):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(self.address)
            client.settimeout(timeout_s)
            client.send(datagram)
            try:
                return client.recv(4096)
            except TimeoutError:
                return None

    def ask(self, subject):
        question = Question.ask(DIALECTS["hostapd"], subject, SECRET, nas_identifier=b"ap1")
        reply = self.send(question.datagram)
        assert reply is not None, self.text()
        return question.read(reply)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(20)


def eventually(check, seconds):
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return result


def station(number):
    return MacAddress(b"\2\1" + number.to_bytes(4, "big"))


def handshake(passphrase, number=0, akm=Akm.PSK):
    pmk = passphrase_to_pmk(passphrase.encode(), SSID)
    return make_handshake(akm, pmk, ssid=SSID, spa=station(number))


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("furnished")
    latchkey(tmp_path, "init")
    latchkey(tmp_path, "venue", "add", "Maison", "--nas-identifier", "ap1")
    latchkey(tmp_path, "pool", "add", "Café: Résidents", "--venue", "Maison")
    latchkey(tmp_path, "nas", "add", "127.0.0.1", "--secret-file", "-", "--name", "lab", text="testing123\n")
    rows = "".join(f"flat {n},passphrase {n},,{100 + n}\n" for n in range(200))
    (tmp_path / "keys.csv").write_text("identity,psk,mac,vlanid\n" + rows)
    latchkey(tmp_path, "key", "import", str(tmp_path / "keys.csv"), "--pool", "Café: Résidents")
    return tmp_path


@pytest.fixture
def folder(furnished, tmp_path):
    return shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def serving(folder):
    server = Serving(folder)
    yield server
    if server.process.poll() is None:
        server.stop()


def test_another_processs_changes_work_within_a_second(serving, folder):
    def settles(subject, granted):
        eventually(lambda: (serving.ask(subject) is not None) is granted, 1)

    newcomer = handshake("nobody has me yet")
    assert serving.ask(newcomer) is None
    pool = ("--pool", "Café: Résidents")
    latchkey(folder, "key", "add", *pool, "--identity", "Ann", "--passphrase-file", "-", text="nobody has me yet\n")
    settles(newcomer, True)
    latchkey(folder, "key", "suspend", "Ann", "--reason", "delinquent")
    settles(newcomer, False)
    assert 'reason="suspended: delinquent"' in serving.text()
    latchkey(folder, "key", "resume", "Ann")
    settles(newcomer, True)
    latchkey(folder, "key", "reset", "Ann", "--passphrase-file", "-", text="now something else\n")
    settles(newcomer, False)
    settles(handshake("now something else"), True)
    latchkey(folder, "key", "remove", "Ann")
    settles(handshake("now something else"), False)
    assert 'reason="removed ' in serving.text()
    assert serving.stop() == 0


def stretched(subject, pmk, octets):
    """Return the handshake with its M2 lengthened to `octets` by vendor elements, signed again."""
    key_data = subject.m2.key_data
    while (missing := octets - 99 - len(key_data)) > 1:
        body = min(missing - 2, 255 if missing - 257 != 1 else 254)
        key_data += bytes([221, body]) + bytes(body)
    return sign(pmk, replace(subject, m2=replace(subject.m2, key_data=key_data)))


@pytest.mark.parametrize("akm", [Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK])
@pytest.mark.parametrize(
    ("ssid", "passphrase"),
    [
        (b"xy", "8 chars!"),
        ("Ünïcödé, 32 octets: Résidents".encode()[:32], "a passphrase of sixty-three characters, " + "~" * 23),
        (b"\xff\xfe not UTF-8 \xc3", ' "quoted, with a comma" '),
        (b"a:b c,d=e", "6c" * 32),
    ],
)
def test_every_ssid_passphrase_and_frame_length_comes_through(serving, folder, ssid, passphrase, akm):
    name = Ssid(ssid)
    text = ssid.decode("utf-8", "surrogateescape")
    latchkey(folder, "pool", "add", text, "--venue", "Maison")
    arguments = ("--pool", text, "--identity", "odd", "--vlan", "4094", "--passphrase-file", "-")
    latchkey(folder, "key", "add", *arguments, text=passphrase + "\n")
    pmk = passphrase_to_pmk(passphrase.encode(), name)
    plain = make_handshake(akm, pmk, ssid=name, spa=station(1))
    eventually(lambda: serving.ask(plain), 1)
    shortest = len(plain.m2.octets)
    for octets in (shortest, *(length for length in (128, 129, 250, 251, 290, 600) if length > shortest + 1)):
        subject = stretched(plain, pmk, octets)
        assert len(subject.m2.octets) == octets
        granted = serving.ask(subject)
        assert granted is not None, serving.text()
        assert granted.passphrases == (passphrase.encode(),)
        assert granted.vlan == 4094


@pytest.mark.parametrize("akm", [Akm.PSK, Akm.PSK_SHA256, Akm.FT_PSK])
def test_killed_under_load_it_loses_no_key_and_no_device(serving, folder, akm):
    for n in range(60):
        granted = serving.ask(handshake(f"passphrase {n}", n, akm))
        assert granted is not None
        assert granted.passphrases == (f"passphrase {n}".encode(),)
        assert granted.vlan == 100 + n
    time.sleep(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:  # a load that is under way as it dies
        client.connect(serving.address)
        for n in range(60, 200):
            subject = handshake("passphrase 199", n, akm)
            client.send(Question.ask(DIALECTS["hostapd"], subject, SECRET, identifier=n).datagram)
        assert serving.stop(signal.SIGKILL) == -signal.SIGKILL
    again = Serving(folder)
    try:
        for n in range(60):
            assert again.ask(handshake(f"passphrase {n}", n, akm)) is not None
            assert f"device={station(n)} how=known" in again.text()
        for n in range(60, 200):
            assert again.ask(handshake(f"passphrase {n}", 1000 + n, akm)) is not None
        # What was learned serves an access point that knows no more than the address, too.
        lookup = again.ask(Lookup(device=station(7), ssid=SSID, aa=station(9)))
        assert lookup is not None
        assert lookup.passphrases == (b"passphrase 7",)
    finally:
        again.stop()


def test_nothing_secret_reaches_the_disk_or_the_log(serving, folder):
    for n in range(3):
        assert serving.ask(handshake(f"passphrase {n}", n)) is not None
    serving.send(b"\1\7" + bytes(18) + b"not even RADIUS")
    time.sleep(0.5)
    pmks = [passphrase_to_pmk(f"passphrase {n}".encode(), SSID).value for n in range(3)]
    secrets = [*(b"passphrase %d" % n for n in range(200)), b"testing123", *pmks, *(pmk.hex().encode() for pmk in pmks)]
    files = [path for path in folder.iterdir() if path.suffix != ".csv"]
    assert {path.name for path in files} >= {"latchkey.db", "latchkey.db-wal", "serve.log", "latchkey.key"}
    for path in files:
        octets = path.read_bytes()
        assert not [secret for secret in secrets if secret in octets], path
    serving.stop()
    octets = (folder / "latchkey.db").read_bytes()
    assert not [secret for secret in secrets if secret in octets]


def test_a_port_in_use_is_one_line_and_status_1(serving, folder):
    line = latchkey(folder, "serve", "--listen", f"127.0.0.1:{serving.address[1]}", status=1)
    assert line.count("\n") == 1
    assert str(serving.address[1]) in line
    assert "Traceback" not in line


def test_what_a_newcomer_gets_wrong_is_one_line_and_status_1(folder, tmp_path):
    def refused(*arguments):
        line = latchkey(folder, *arguments, status=1)
        assert line.count("\n") == 1, line
        assert "Traceback" not in line
        return line

    key = folder / "latchkey.key"
    octets = key.read_bytes()
    key.chmod(0o644)
    assert "latchkey.key" in refused("serve", "--listen", "127.0.0.1:0")
    key.chmod(0o600)
    key.write_bytes(os.urandom(32).hex().encode())
    assert "master key" in refused("serve", "--listen", "127.0.0.1:0")
    key.unlink()
    assert "latchkey.key" in refused("key", "list")
    key.write_bytes(octets)
    key.chmod(0o600)
    assert "nowhere" in refused("serve", "--listen", "nowhere")
    (folder / "latchkey.db").unlink()
    assert "latchkey init" in refused("serve", "--listen", "127.0.0.1:0")
