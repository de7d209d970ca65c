"""Access-Requests made here, asked by radclient of the server, read by FreeRADIUS and tshark."""

import asyncio
import random
import re
import socket
import subprocess
import threading
from ipaddress import ip_network

import pytest

from crypto import Akm, Ssid
from pcaps.make.conversation import DEFAULT_SECRET, ask, converse
from pcaps.make.recipe import Recipe, parse_credential
from pcaps.make.scene import make_capture
from pcaps.make.session import make_session
from pcaps.make.writer import WIRE, save_capture
from provisioning import KeyDraft, MasterKey, Passphrase, Store
from radiusd import DIALECTS, DialectError, Question, Server, SharedSecret, decode_request
from radiusd.ciphers import decrypt_hidden
from radiusd.sockets import bind
from tests.vendor_vectors import ANSWERED, LONG_FRAMES, SEARCHING, answered, named, named_lookup, write_raddb

SSID, PASSPHRASE = Ssid(b"Hudson House"), b"sunny-Otter-41"
SECRET = SharedSecret(DEFAULT_SECRET)


def make(generator="wpa2", akm=None, passphrase=PASSPHRASE, seed=1):
    rng = random.Random(seed)
    recipe = Recipe.parse(generator, ssid="Hudson House", akm=akm, nas_identifier="hudson-house-ap1")
    return make_session(recipe, parse_credential(SSID, passphrase), rng), rng


def key_in(granted):
    """Return what an Accept gave: the passphrase, or the PMK."""
    return granted.passphrases[0] if granted.passphrases else granted.pmk


@pytest.mark.parametrize("name", ANSWERED)
def test_a_conversation_ends_in_the_sessions_key(name):
    session, rng = make()
    conversation = converse(session, DIALECTS[name], SECRET, rng)
    assert bool(conversation.after_m2) is (name in SEARCHING)
    assert bool(conversation.before_association) is (name not in SEARCHING or DIALECTS[name].accepts_unknown)
    exchange = (*conversation.before_association, *conversation.after_m2)[-1]
    granted = Question(datagram=exchange.request, dialect=DIALECTS[name], secret=SECRET).read(exchange.reply)
    assert key_in(granted) in (PASSPHRASE, session.pmk.value)


def test_omadas_first_answer_gives_no_key():
    session, rng = make()
    first = converse(session, DIALECTS["omada"], SECRET, rng).before_association[0]
    granted = Question(datagram=first.request, dialect=DIALECTS["omada"], secret=SECRET).read(first.reply)
    assert (granted.passphrases, granted.pmk) == ((), None)


@pytest.mark.parametrize("name", [name for name in SEARCHING if name not in LONG_FRAMES])
def test_an_ft_frame_that_does_not_fit_is_refused(name):
    session, rng = make("ft")
    with pytest.raises(DialectError, match="room for"):
        ask(session, DIALECTS[name], SECRET, rng)


@pytest.mark.parametrize("name", [name for name in DIALECTS if name not in ANSWERED])
def test_an_unpublished_layout_is_refused(name):
    session, rng = make()
    with pytest.raises(DialectError, match="unpublished"):
        converse(session, DIALECTS[name], SECRET, rng)


def test_a_seed_repeats_identifier_and_authenticator():
    first, second = (ask(make()[0], DIALECTS["ruckus"], SECRET, random.Random(5)) for _ in range(2))
    assert first.datagram == second.datagram
    assert ask(make()[0], DIALECTS["ruckus"], SECRET, random.Random(6)).datagram[:20] != first.datagram[:20]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server on a real socket that knows the passphrase, and an address of a NAS for each dialect."""
    path, master_key = tmp_path_factory.mktemp("served") / "latchkey.db", MasterKey.generate()
    store = Store.create(path, master_key)
    venue = store.venues.add("Hudson House", nas_identifiers=["hudson-house-ap1"])
    pool = store.keypools.add(SSID, venue_ids=[venue.id])
    device = make()[0].handshake.spa  # lookups know the device, searches find it
    store.keys.add(pool.id, KeyDraft(passphrase=Passphrase(PASSPHRASE), devices=(device,)))
    sources = {}
    for number, name in enumerate(sorted(DIALECTS), 1):
        sources[name] = f"127.0.3.{number}"
        store.nases.add(ip_network(sources[name]), DEFAULT_SECRET, name=name, profile=name)
    loops, servers, started = [], [], threading.Event()

    async def main():
        with bind(("127.0.0.1", 0), receive_buffer=1 << 20) as listening:
            servers.append(Server(lambda: Store.open(path, master_key), [listening]))
            loops.append(asyncio.get_running_loop())
            task = asyncio.create_task(servers[0].run())
            await servers[0].ready.wait()
            started.set()
            await task

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert started.wait(60)
    yield servers[0].addresses[0], sources
    loops[0].call_soon_threadsafe(servers[0].stop)
    thread.join(20)
    store.close()


CASES = [
    *((name, "wpa2", None) for name in ANSWERED),
    *((name, "cambium", "psk-sha256") for name in SEARCHING),
    *((name, "ft", None) for name in LONG_FRAMES),
]


@pytest.mark.parametrize(("name", "generator", "akm"), CASES)
def test_the_server_answers_the_datagram_as_it_is(served, name, generator, akm):
    (_, port), sources = served
    session, rng = make(generator, akm)
    question = ask(session, DIALECTS[name], SECRET, rng)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((sources[name], 0))
        client.settimeout(30)
        client.sendto(question.datagram, ("127.0.0.1", port))
        granted = question.read(client.recv(4096))
    assert key_in(granted) in (PASSPHRASE, session.pmk.value)


def as_text(datagram):
    """Return a request as radclient takes it: each attribute of the standards in its octets."""
    request = decode_request(datagram, SECRET)
    clear = decrypt_hidden(request.first(2), request.authenticator, SECRET).rstrip(b"\0").decode()
    lines = [f'User-Password = "{clear}"', "Message-Authenticator = 0x00"]
    for kind, values in request.attributes.items():
        if isinstance(kind, int) and kind not in (2, 80, 188):
            lines += [f"Attr-{kind} = 0x{value.hex()}" for value in values]
    return lines


@pytest.mark.peer("radclient")
@pytest.mark.parametrize(("name", "generator", "akm"), CASES)
def test_radclient_gets_the_key(served, tmp_path, name, generator, akm):
    (_, port), sources = served
    session, rng = make(generator, akm)
    lines = as_text(ask(session, DIALECTS[name], SECRET, rng).datagram)
    lines += named(name, session.handshake) if name in SEARCHING else named_lookup(name, session.handshake)
    command = ["radclient", "-d", str(write_raddb(tmp_path)), "-x", "-r", "1", "-t", "60"]
    command += [f"127.0.0.1:{port}", "auth", DEFAULT_SECRET.decode()]
    text = ", ".join((*lines, f"Packet-Src-IP-Address = {sources[name]}"))
    said = subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout.lower()
    assert "received access-accept" in said, said
    part = "accept" if name in SEARCHING else "accept_of_lookup"
    for line in answered(name, part, PASSPHRASE, session.pmk.value):
        assert line in said, said


RADIUSD_CONF = """
prefix = /usr
name = freeradius
libdir = /usr/lib/freeradius
logdir = {folder}
run_dir = {folder}
raddbdir = {folder}
correct_escapes = true
security {{ allow_vulnerable_openssl = yes }}
client all {{
    ipaddr = 127.0.0.1
    secret = testing123
    require_message_authenticator = yes
}}
modules {{ }}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{ }}
}}
"""


@pytest.fixture(scope="module")
def freeradius(tmp_path_factory):
    """Start FreeRADIUS with nothing but its debug output; give a function that sends to it and returns what it said."""
    folder = tmp_path_factory.mktemp("freeradius")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "radiusd.conf").write_text(RADIUSD_CONF.format(folder=folder, port=port))
    write_raddb(folder)
    output = (folder / "output").open("w+")
    command = ["freeradius", "-X", "-d", str(folder), "-n", "radiusd"]
    with subprocess.Popen(
        command, stdout=output, stderr=subprocess.STDOUT, env={"PATH": "/usr/sbin:/usr/bin"}
    ) as server:

        def wait_for(text, start=0):
            for _ in range(600):
                said = (folder / "output").read_text(errors="replace")[start:]
                if text in said:
                    return said
                assert server.poll() is None, said
                threading.Event().wait(0.05)
            raise AssertionError(said)

        def send(datagram):
            start = len((folder / "output").read_text(errors="replace"))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(datagram, ("127.0.0.1", port))
            return wait_for("Sent Access-Reject", start)

        wait_for("Ready to process requests")
        yield send
        server.terminate()
        server.wait(20)
    output.close()


@pytest.mark.peer("freeradius")
@pytest.mark.parametrize("name", ANSWERED)
def test_freeradius_reads_every_attribute_by_name(freeradius, name):
    """The request as it was made is, to FreeRADIUS, what radclient would have packed of the vectors' lines."""
    session, rng = make()
    handshake = session.handshake
    said = freeradius(ask(session, DIALECTS[name], SECRET, rng).datagram)
    own = named(name, handshake) if name in SEARCHING else named_lookup(name, handshake)
    wanted = (
        f'Calling-Station-Id = "{handshake.spa.value.hex("-").upper()}"',
        f'Called-Station-Id = "{handshake.aa.value.hex("-").upper()}:Hudson House"',
        "NAS-Port-Type = Wireless-802.11",
        *own,
    )
    read = {plain(line.partition(")")[2].strip()) for line in said.splitlines() if " = " in line}
    assert {plain(line) for line in wanted} <= read


def plain(line):
    """Return a line NAME = VALUE with its value as octets or text, whichever way it is written."""
    name, _, value = line.partition(" = ")
    if value.startswith('"'):
        octets = re.sub(rb'\\([0-7]{3}|[rnt"\\])', _unescape, value[1:-1].encode("utf-8", "surrogateescape"))
        return name, octets.rstrip(b"\0")  # of which FreeRADIUS leaves one out
    if value.startswith("0x") and name == "WLAN-AKM-Suite":  # an integer to FreeRADIUS
        return name, str(int(value, 16))
    return name, value


def _unescape(match):
    code = match[1]
    return bytes((int(code, 8),)) if len(code) == 3 else {b"r": b"\r", b"n": b"\n", b"t": b"\t"}.get(code, code)


def tshark(path, condition, *fields):
    command = ["tshark", "-n", "-r", str(path), "-Y", condition, "-T", "fields"]
    command += ["-o", "radius.shared_secret:testing123", "-o", "radius.validate_authenticator:TRUE"]
    for field in fields:
        command += ["-e", field]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in result.stdout.splitlines()]


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("name", ANSWERED)
def test_tshark_reads_the_conversation_on_the_second_interface(tmp_path, name):
    session, rng = make()
    frames = make_capture(session, rng, 1_795_200_000_000_000, converse(session, DIALECTS[name], SECRET, rng))
    path = tmp_path / "x.pcapng"
    save_capture(path, frames)
    # tshark warns of octets after a NUL in any text, which Cisco's AVPairs are full of; nothing is an error.
    assert tshark(path, "_ws.malformed or _ws.expert.severity >= 0x00800000", "_ws.expert.message") == []
    rows = tshark(path, "radius", "frame.interface_name", "radius.code", "radius.authenticator.invalid")
    pairs = 2 if DIALECTS[name].accepts_unknown else 1
    assert rows == [["wire", "1", ""], ["wire", "2", "0"]] * pairs  # 0: not invalid
    order = tshark(
        path, "radius or eapol or wlan.fc.type_subtype in {11, 1}", "radius.code", "wlan_rsna_eapol.keydes.msgnr"
    )
    asked = [[["1", ""], ["2", ""]][code] for code in (0, 1)]
    lookup = [] if name in SEARCHING and not DIALECTS[name].accepts_unknown else asked
    search = asked if name in SEARCHING else []
    none = ["", ""]
    expected = [none, *lookup, none, none, ["", "1"], ["", "2"], *search, ["", "3"], ["", "4"]]
    assert order == expected


def test_without_a_conversation_nothing_is_on_the_wire():
    session, rng = make()
    assert all(frame.interface is not WIRE for frame in make_capture(session, rng, 0))
    assert session.handshake.akm is Akm.PSK
