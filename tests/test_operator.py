"""An operator's trial: radclient asks with something wrong each time, and the log alone must say what, and what to do.

Nobody looks at the request, the database or the code here: the line in the log has to be enough.
"""

import itertools
import json
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from crypto import Akm, MacAddress, Ssid, passphrase_to_pmk
from pcaps import make_handshake

pytestmark = pytest.mark.peer("radclient")
ROOT = Path(__file__).parents[1]
SSID = Ssid.parse("Hudson House")
SECRET = "testing123"


class Operator:
    """`latchkey` and radclient, and nothing else."""

    def __init__(self, folder):
        self.folder = folder
        self.stderr = folder / "serve.log"
        self.run("init")
        self.run("venue", "add", "Hudson House", "--nas-identifier", "ap1")
        self.run("venue", "add", "Annexe", "--nas-identifier", "ap2")
        self.run("pool", "add", "Hudson House", "--venue", "Hudson House")
        self.run("nas", "add", "127.0.0.1", "--any-venue", "--secret-file", "-", "--name", "house-aps", text=SECRET)
        for who, passphrase, *more in (
            ("Ann Lee", "the-right-passphrase"),
            ("Bob", "moved-out-in-october", "--ends", "2025-10-31"),
            ("Cy", "has-not-paid-his-rent"),
            ("Di", "moves-in-next-century", "--starts", "2099-01-01"),
            ("Ed", "lost-his-phone-in-may"),
        ):
            self.run("key", "add", "--identity", who, "--passphrase-file", "-", *more, text=passphrase)
        self.run("key", "suspend", "Cy", "--reason", "delinquent")
        self.run("key", "remove", "Ed")

    def run(self, *arguments, text=""):
        command = [sys.executable, "-m", "latchkey", "--db", str(self.folder / "latchkey.db"), *arguments]
        result = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def serve(self, *arguments):
        command = [sys.executable, "-m", "latchkey", "--db", str(self.folder / "latchkey.db"), "serve", *arguments]
        with self.stderr.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"], cwd=ROOT, stderr=output
            )
        pattern = re.compile(r"listen\W+(127\.0\.0\.1:\d+)\W+metrics\W+(127\.0\.0\.1:\d+)")
        deadline = time.monotonic() + 60
        while (found := pattern.search(self.stderr.read_text("utf-8"))) is None:
            assert self.process.poll() is None, self.stderr.read_text("utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.address, self.metrics = found[1], f"http://{found[2]}/metrics"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0

    def ask(self, text, *, secret=SECRET, source="127.0.0.1", signed=True):
        """Ask once, and return what radclient says."""
        text += f", Packet-Src-IP-Address = {source}" + (", Message-Authenticator = 0x00" if signed else "")
        command = ["radclient", "-x", "-r", "1", "-t", "1", self.address, "auth", secret]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False).stdout

    def scrape(self):
        with urlopen(self.metrics, timeout=20) as answer:  # noqa: S310 (http, on loopback)
            page: bytes = answer.read()
        return page.decode()

    def read(self, *arguments):
        """Return the last line of the log, as `latchkey log` shows it to whom filters so."""
        return self.run("log", "-n", "1", *arguments).rstrip("\n")


def request(passphrase, *, ssid="Hudson House", device=1, identifier="ap1"):
    """Return what hostapd sends of a device with this passphrase, as radclient takes it."""
    spa = MacAddress(b"\2\1\0\0\0" + bytes([device]))
    pmk = passphrase_to_pmk(passphrase.encode(), Ssid.parse(ssid))
    made = make_handshake(Akm.PSK, pmk, ssid=Ssid.parse(ssid), spa=spa)
    name = spa.value.hex()
    return (
        f'User-Name = "{name}", User-Password = "{name}", NAS-Identifier = "{identifier}", '
        f'Calling-Station-Id = "{spa.value.hex("-")}", Called-Station-Id = "{made.aa.value.hex("-")}:{ssid}", '
        f"FreeRADIUS-802.1X-Anonce = 0x{made.anonce.hex()}, FreeRADIUS-802.1X-EAPoL-Key-Msg = 0x{made.m2.octets.hex()}"
    )


def eventually(check):
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    operator = Operator(tmp_path_factory.mktemp("operator"))
    operator.serve("--workers", "2")
    yield operator
    operator.stop()


# What is asked, and what the line must name: what is wrong, whose key it is, where, and (for metrics) one word for it.
REJECTED = {
    "an expired key": (
        request("moved-out-in-october"),
        'reason="expired 2025-10-31 23:59 UTC" who=Bob key=2',
        "expired",
    ),
    "a suspended key": (request("has-not-paid-his-rent"), 'reason="suspended: delinquent" who=Cy key=3', "suspended"),
    "a key of next century": (
        request("moves-in-next-century"),
        'reason="starts 2099-01-01 00:00 UTC" who=Di key=4',
        "not-yet-valid",
    ),
    "a removed key": (request("lost-his-phone-in-may"), 'reason="removed {today}" who=Ed key=5', "removed"),
    "a wrong passphrase": (
        request("the-wrong-passphrase"),
        'reason="unknown passphrase" nas=house-aps',
        "unknown-passphrase",
    ),
    "a wrong SSID": (
        request("the-right-passphrase", ssid="Hudson Hose"),
        'reason="no keypool has this SSID" nas=house-aps venue="Hudson House" ssid="Hudson Hose"',
        "no-keypool",
    ),
    "an SSID in another spelling": (
        request("the-right-passphrase", ssid="hudson-house"),
        'reason="no keypool has this SSID, one has Hudson House" nas=house-aps',
        "no-keypool",
    ),
    "the SSID at another venue": (
        request("the-right-passphrase", identifier="ap2"),
        'reason="no keypool of this venue has this SSID, one elsewhere has" nas=house-aps venue=Annexe',
        "no-keypool",
    ),
    "an access point of no venue": (
        request("the-right-passphrase", identifier="ap3"),
        "no venue has the NAS-Identifier (it sends ap3), nor its NAS one",
        "no-keypool",
    ),
    "a device's address alone": (
        'User-Name = "020100000001", User-Password = "020100000001", NAS-Identifier = "ap1", '
        'Called-Station-Id = "020000000000:Hudson House"',
        'reason="unknown device" nas=house-aps',
        "unknown-device",
    ),
}
DEVICE = "02:01:00:00:00:01"


@pytest.mark.parametrize("what", REJECTED)
def test_reject_is_explained_by_its_line(operator, what):
    text, says, code = REJECTED[what]
    assert "Received Access-Reject" in operator.ask(text)
    line = operator.read("--device", "0201.0000.0001", "--outcome", "reject")
    assert says.format(today=f"{datetime.now(UTC):%Y-%m-%d}") in line
    assert f"device={DEVICE}" in line
    assert line in operator.stderr.read_text("utf-8")
    if what == "a wrong SSID":
        assert operator.read("--ssid", "Hudson Hose") == line
    count = re.compile(rf'latchkey_requests_total{{.*nas="house-aps",outcome="reject",reason="{code}"}} [1-9]')
    eventually(lambda: count.search(operator.scrape()))


DISCARDED = {
    "a wrong secret": (
        {"secret": "testing124"},
        "wrong-secret",
        "the shared secret of NAS house-aps is the likely cause",
    ),
    "an unknown NAS": (
        {"source": "127.0.0.7"},
        "unknown-source source=127.0.0.7:",
        "no NAS has this address: if it is an access point of yours, `latchkey nas add` it",
    ),
    "an unsigned request": (
        {"signed": False},
        "unsigned",
        "no Message-Authenticator, and this NAS must send one (NAS house-aps)",
    ),
}


@pytest.mark.parametrize("what", DISCARDED)
def test_discard_is_explained_by_its_line(operator, what):
    options, cause, says = DISCARDED[what]
    assert "Received" not in operator.ask(request("the-right-passphrase"), **options)
    line = operator.read("--outcome", "discard")
    assert f"discard cause={cause}" in line
    assert says in line
    count = re.compile(rf'latchkey_discards_total{{cause="{cause.split()[0]}"}} [1-9]')
    eventually(lambda: count.search(operator.scrape()))


def test_accept_says_who_where_and_how(operator):
    answer = operator.ask(request("the-right-passphrase", device=9))
    assert 'Tunnel-Password:0 = "the-right-passphrase"' in answer
    view = json.loads(operator.read("--device", "02-01-00-00-00-09", "--json"))
    assert {name: view[name] for name in ("event", "who", "key", "nas", "venue", "ssid", "how", "dialect")} == {
        "event": "accept",
        "who": "Ann Lee",
        "key": 1,
        "nas": "house-aps",
        "venue": "Hudson House",
        "ssid": "Hudson House",
        "how": "search",
        "dialect": "hostapd",
    }
    assert operator.read("--venue", "Annexe", "--device", "02-01-00-00-00-09") == ""


def test_log_follows_the_server(operator):
    command = [sys.executable, "-m", "latchkey", "--db", str(operator.folder / "latchkey.db"), "log", "-f", "-n", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        found: list[str] = []
        reader = threading.Thread(target=lambda: found.extend(itertools.islice(following.stdout or (), 1)))
        reader.start()

        def seen():
            operator.ask(request("the-right-passphrase", device=10))
            return bool(found)

        eventually(seen)
        following.send_signal(signal.SIGTERM)
        reader.join(20)
    assert 'accept who="Ann Lee"' in found[0]


def test_nothing_secret_is_in_any_of_it(operator):
    kept = (operator.folder / "latchkey.db-log").read_text("utf-8")
    for text in (kept, operator.stderr.read_text("utf-8"), operator.scrape()):
        assert not [
            secret for secret in (SECRET, "the-right", "the-wrong", "moved-out-in", "not-paid") if secret in text
        ]


def test_one_process_shows_the_same(operator):
    operator.stop()
    operator.serve("--log-format", "json")
    assert "Received Access-Accept" in operator.ask(request("the-right-passphrase", device=11))
    eventually(lambda: 'outcome="accept",reason="search"} 1.0' in operator.scrape())
    *_, ready, accept = map(json.loads, operator.stderr.read_text("utf-8").splitlines())
    assert (ready["event"], ready["keys"]) == ("ready", 5)
    assert json.loads(operator.read("--json")) == accept
