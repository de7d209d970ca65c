"""FreeRADIUS's client asks in each dialect: it packs and reads every attribute by name, in its dictionaries or ours."""

import asyncio
import contextlib
import socket
import subprocess
import threading
from functools import partial
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import UnknownDevices
from radiusd import DIALECTS, Server, SharedSecret
from radiusd.codec import decode_request
from radiusd.sockets import bind
from tests.vendor_vectors import ANSWERED, LONG_FRAMES, SEARCHING, VECTORS, answered, named, write_raddb

pytestmark = [pytest.mark.peer("radclient"), pytest.mark.one_way("each question is another program to start")]
SECRET = SharedSecret(b"testing123")
SPA = MacAddress.parse("020000000201")
LOOKUP = (
    'User-Name = "020000000201", User-Password = "020000000201", '
    'Called-Station-Id = "02-00-00-00-00-00:Hudson House", Message-Authenticator = 0x00'
)


@pytest.fixture(scope="module", autouse=True)
def raddb(tmp_path_factory):
    """FreeRADIUS's dictionaries and ours: it packs and reads every vendor's attributes itself, by name."""
    return write_raddb(tmp_path_factory.mktemp("raddb"))


@pytest.fixture
def radclient(raddb):
    """Return a function: what radclient prints of a house's answer; it stands for an access point at `address`."""
    return partial(ask, raddb)


def ask(raddb, house, text, address="192.0.2.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        place = f"127.0.0.1:{server.getsockname()[1]}"
        command = ["radclient", "-d", str(raddb), "-x", "-r", "1", "-t", "60", place, "auth", "testing123"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, text=True, **pipes) as client:
            client.stdin.write(text)
            client.stdin.close()
            while client.poll() is None:
                with contextlib.suppress(TimeoutError):
                    datagram, source = server.recvfrom(4096)
                    server.sendto(house.send(datagram, address=address), source)
            return client.stdout.read()


def asked(recording):
    return DIALECTS["hostapd"].decode_request(decode_request(recording.datagram, SECRET))


def request(name, recording):
    """Return a dialect's request as radclient takes it."""
    station = (
        f'User-Name = "{recording.spa.value.hex()}", '
        f'Called-Station-Id = "{recording.aa.value.hex("-")}:{recording.ssid}", Message-Authenticator = 0x00'
    )
    return ", ".join((station, *named(name, asked(recording))))


RECORDED = ("wpa2-psk", "wpa2-psk-utf8-ssid", "psk-sha256-pmf", "ft-psk")
# That an FT frame does not fit is tested in test_dialects.
CASES = [(name, case) for name in SEARCHING for case in RECORDED if name in LONG_FRAMES or case != "ft-psk"]


def vlan(name):
    return [line.lower() for line in VECTORS[name]["radclient"].get("vlan", ['Tunnel-Private-Group-Id:0 = "110"'])]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_handshakes_asked_by_radclient_are_answered_in_the_dialects_words(house, radclient, recordings, name, case):
    recording = next(one for one in recordings if one.name == case)
    house.add_key(recording.ssid, recording.passphrase, vlan=110)
    house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", profile=name)
    house.start()
    answer = radclient(house, request(name, recording), "198.51.100.7").lower()
    assert "received access-accept" in answer, answer
    for line in (*answered(name, "accept", recording.passphrase, recording.pmk.value), *vlan(name)):
        assert line in answer, (line, answer)


QUOTAS = {
    "download_quota_octets": 20_000_000_000,
    "upload_quota_octets": 500_000_000,
    "total_quota_octets": 5_000_000_000,
    "vlan_pool": "residents",
}


@pytest.mark.parametrize("name", ["auto", *ANSWERED])
def test_lookups_asked_by_radclient_are_answered_by_profile(house, radclient, name):
    plan = house.store.plans.add("basic", download_kbps=20_000, upload_kbps=5_000, **QUOTAS)
    key = house.store.keys.get(
        house.add_key(Ssid(b"Hudson House"), b"a passphrase", vlan=110, devices=(SPA,), plan_id=plan.id)
    )
    house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", profile=name)
    answer = radclient(house.start(), LOOKUP, "198.51.100.7").lower()
    assert "received access-accept" in answer
    name = "hostapd" if name == "auto" else name
    for part in ("accept_of_lookup", "plan"):
        for line in (*answered(name, part, b"a passphrase", key.pmk.value), *vlan(name)):
            assert line in answer, (line, answer)


def test_cambiums_vlan_pool_is_for_keys_without_a_vlan(house, radclient):
    plan = house.store.plans.add("basic", **QUOTAS)
    other = SPA.value[:5] + b"\2"
    house.add_key(Ssid(b"Hudson House"), b"a passphrase", devices=(SPA,), plan_id=plan.id)
    house.add_key(Ssid(b"Hudson House"), b"another one", vlan=110, devices=(MacAddress(other),), plan_id=plan.id)
    house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", profile="cambium")
    house.start()
    answer = radclient(house, LOOKUP, "198.51.100.7")
    assert 'Cambium-VLAN-Pool-Id = "residents"' in answer
    assert "Tunnel-Private-Group-Id" not in answer
    answer = radclient(house, LOOKUP.replace(SPA.value.hex(), other.hex()), "198.51.100.7")
    assert 'Tunnel-Private-Group-Id:0 = "110"' in answer
    assert "Cambium-VLAN-Pool-Id" not in answer


def test_mikrotik_without_message_authenticator_shows_a_password(house, radclient):
    """An empty one will do, in 16 encrypted octets, which radclient leaves out: see engine/test_unsigned."""
    house.add_key(Ssid(b"Hudson House"), b"a passphrase", devices=(SPA,))
    house.store.nases.add(
        ip_network("198.51.100.0/24"), b"testing123", profile="mikrotik", require_message_authenticator=False
    )
    text = 'User-Name = "02:00:00:00:02:01", Called-Station-Id = "02-00-00-00-00-00:Hudson House"'
    house.start()
    for password in ("02:00:00:00:02:01", "02-00-00-00-02-01"):
        answer = radclient(house, f'{text}, User-Password = "{password}"', "198.51.100.7")
        assert 'Mikrotik-Wireless-PSK = "a passphrase"' in answer


def test_cisco_is_told_why(house, radclient, recordings):
    recording = recordings[0]
    house.add_key(recording.ssid, b"another passphrase")
    house.start()
    whole = request("cisco", recording)
    for text, cause in ((whole, 2), (whole.rpartition(", ")[0], 6)):
        answer = radclient(house, text)
        assert "Received Access-Reject" in answer
        assert f'Cisco-AVPair = "cisco-easy-psk-error-cause={cause}"' in answer


def test_merakis_probe_is_answered(house, radclient):
    answer = radclient(
        house.start(), 'User-Name = "meraki_8021x_test", User-Password = "x", Message-Authenticator = 0x00'
    )
    assert "Received Access-Reject" in answer


def test_offered_keys_are_several_tunnel_passwords(house, radclient):
    for n in range(32):
        house.add_key(Ssid(b"Hudson House"), b"passphrase %d" % n)
    house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", unknown_devices=UnknownDevices.OFFER)
    answer = radclient(house.start(), LOOKUP, "198.51.100.7")
    assert [f'Tunnel-Password:0 = "passphrase {n}"' in answer for n in range(32)] == [True] * 32


class TestOnRealSockets:
    """The server with its own sockets; radclient sends from an address of each NAS."""

    @pytest.fixture(autouse=True)
    def setup(self, raddb):
        self.raddb = raddb

    def ask(self, address, text, source):
        command = ["radclient", "-d", str(self.raddb), "-x", "-r", "1", "-t", "60"]
        command += [f"127.0.0.1:{address[1]}", "auth", "testing123"]
        text += f", Packet-Src-IP-Address = {source}"
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=90, check=False).stdout

    @pytest.fixture
    def served(self, house, recordings):
        for recording in recordings:
            house.add_key(recording.ssid, recording.passphrase, vlan=110)
        house.add_key(Ssid(b"Guests"), b"a passphrase", vlan=7, devices=(SPA,))
        self.sources = {}
        for number, name in enumerate(sorted(DIALECTS), 1):
            self.sources[name] = f"127.0.2.{number}"
            house.store.nases.add(ip_network(self.sources[name]), b"testing123", name=name, profile=name)
        loops, servers, started = [], [], threading.Event()

        async def main():
            with bind(("127.0.0.1", 0), receive_buffer=1 << 20) as listening:
                servers.append(Server(house.open_store, [listening]))
                loops.append(asyncio.get_running_loop())
                task = asyncio.create_task(servers[0].run())
                await servers[0].ready.wait()
                started.set()
                await task

        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        assert started.wait(60)
        yield servers[0].addresses[0]
        loops[0].call_soon_threadsafe(servers[0].stop)
        thread.join(20)

    def test_every_dialect_finds_its_key(self, served, recordings):
        for recording in recordings:
            for name in SEARCHING if recording.name != "ft-psk" else LONG_FRAMES:
                answer = self.ask(served, request(name, recording), self.sources[name]).lower()
                for line in (*answered(name, "accept", recording.passphrase, recording.pmk.value), *vlan(name)):
                    assert line in answer, (name, line, answer)

    def test_every_profile_answers_its_lookup(self, served):
        text = (
            'User-Name = "02-00-00-00-02-01", User-Password = "02-00-00-00-02-01",'
            ' Called-Station-Id = "0200.0000.0000:Guests", Message-Authenticator = 0x00'
        )
        for name, source in self.sources.items():
            answer = self.ask(served, text, source)
            accepted = "Received Access-Accept" in answer
            assert accepted is (name in ANSWERED), (name, answer)
