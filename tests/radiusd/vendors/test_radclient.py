"""FreeRADIUS's client asks in each dialect, by its dictionaries where they know it, and reads the answer."""

import asyncio
import contextlib
import socket
import subprocess
import threading
from ipaddress import ip_network

import pytest

from crypto import MacAddress, Ssid
from provisioning import UnknownDevices
from radiusd import DIALECTS, Server, SharedSecret
from radiusd.codec import decode_request
from radiusd.sockets import bind

pytestmark = pytest.mark.peer("radclient")
SECRET = SharedSecret(b"testing123")
SPA = MacAddress.parse("020000000201")
LOOKUP = (
    'User-Name = "020000000201", User-Password = "020000000201", '
    'Called-Station-Id = "02-00-00-00-00-00:Hudson House", Message-Authenticator = 0x00'
)


def radclient(house, text, address="192.0.2.1"):
    """Return what radclient prints of the answer of `house`, which takes it for an access point at `address`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        place = f"127.0.0.1:{server.getsockname()[1]}"
        command = ["radclient", "-x", "-r", "1", "-t", "60", place, "auth", "testing123"]
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


def by_name(name, handshake):
    """Return the vendor's part of a request as radclient takes it."""
    anonce, frame, ssid = handshake.anonce.hex(), handshake.m2.octets.hex(), handshake.ssid.value
    if name in ("hostapd", "openwifi"):
        own = f"FreeRADIUS-802.1X-Anonce = 0x{anonce}, FreeRADIUS-802.1X-EAPoL-Key-Msg = 0x{frame}"
        return own if name == "hostapd" else f"{own}, Attr-26.58888.1 = 0x{handshake.aa.value.hex('-').encode().hex()}"
    if name in ("ruckus", "ruckus-dpsk"):
        return (
            f'Ruckus-SSID = "{ssid.decode()}", Ruckus-BSSID = 0x{handshake.aa.value.hex()}, '
            f"Ruckus-DPSK-AKM-Suite = 0x{handshake.akm:08x}, Ruckus-DPSK-Cipher = 4, "
            f"Ruckus-DPSK-Anonce = 0x{anonce}, Ruckus-DPSK-EAPOL-Key-Frame = 0x{frame}"
        )
    asked = DIALECTS[name].encode_request(handshake, None)
    own = [one for one in asked if not isinstance(one.type, int)]  # its dictionary lacks them: the octets, then
    return ", ".join(f"Attr-{'.'.join(map(str, one.type))} = 0x{one.value.hex()}" for one in own)


ANSWERS = {
    "hostapd": 'Tunnel-Password:0 = "{passphrase}"',
    "openwifi": 'Tunnel-Password:0 = "{passphrase}"',
    "ruckus": "MS-MPPE-Recv-Key = 0x{pmk}",
    "ruckus-dpsk": "0x00{pmk}",
    "eleven": 'Cisco-AVPair = "psk={passphrase}"',
    "mist": 'Cisco-AVPair = "psk={passphrase}"',
    "cambium": 'Cisco-AVPair = "psk={passphrase}"',
    "meraki": 'Tunnel-Password:0 = "{passphrase}"',
    "cisco": 'Cisco-AVPair = "psk={passphrase}"',
    "omada": "0x0122{pmk}",
}


RECORDED = ("wpa2-psk", "wpa2-psk-utf8-ssid", "psk-sha256-pmf", "ft-psk")
# An FT frame fits no other attribute than hostapd's; that it is refused there is tested in test_dialects.
IN_PIECES = ("hostapd", "openwifi")
CASES = [(name, case) for name in ANSWERS for case in RECORDED if name in IN_PIECES or case != "ft-psk"]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_handshakes_asked_by_radclient_are_answered_in_the_dialects_words(house, recordings, name, case):
    recording = next(one for one in recordings if one.name == case)
    handshake = asked(recording)
    house.add_key(recording.ssid, recording.passphrase, vlan=110)
    house.store.inventory.add_nas(ip_network("198.51.100.0/24"), b"testing123", profile=name)
    house.start()
    text = (
        f'User-Name = "{recording.spa.value.hex()}", '
        f'Called-Station-Id = "{recording.aa.value.hex("-")}:{recording.ssid}", '
        f"{by_name(name, handshake)}, Message-Authenticator = 0x00"
    )
    answer = radclient(house, text, "198.51.100.7")
    assert "Received Access-Accept" in answer, answer
    expected = ANSWERS[name].format(passphrase=recording.passphrase.decode(), pmk=recording.pmk.value.hex())
    assert expected.lower() in answer.lower()
    assert 'Tunnel-Private-Group-Id:0 = "110"' in answer


QUOTAS = {
    "download_quota_octets": 20_000_000_000,
    "upload_quota_octets": 500_000_000,
    "total_quota_octets": 5_000_000_000,
    "vlan_pool": "residents",
}


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("auto", ['Tunnel-Password:0 = "a passphrase"', 'Tunnel-Private-Group-Id:0 = "110"']),
        ("mikrotik", ['Mikrotik-Wireless-PSK = "a passphrase"', "Mikrotik-Wireless-VLANID = 110"]),
        ("cisco", ['Cisco-AVPair = "psk-mode=ascii"', 'Cisco-AVPair = "psk=a passphrase"']),
        ("fortinet", ['Tunnel-Password:0 = "a passphrase"']),
        ("huawei", [b"a passphrase".hex()]),
        ("aruba", ["Aruba-MPSK-Passphrase = 0x" + b"a passphrase".hex(), b"key-1".hex(), 'Group-Id:0 = "110"']),
        ("unifi", ['Tunnel-Password:0 = "a passphrase"', 'Tunnel-Private-Group-Id:0 = "110"']),
        ("meraki", ['Tunnel-Password:0 = "a passphrase"']),
        ("omada", ['Tunnel-Password:0 = "a passphrase"']),
        ("cambium", ['Tunnel-Password:0 = "a passphrase"', "WISPr-Bandwidth-Max-Up = 5000000"]),
        (
            "cambium",
            [
                "Cambium-Traffic-Quota-Limit-Up = 500000000",
                "Cambium-Traffic-Quota-Limit-Down = 2820130816",
                "Cambium-Traffic-Quota-Limit-Down-Gigwords = 4",
                "Cambium-Traffic-Quota-Limit-Total = 705032704",
                "Cambium-Traffic-Quota-Limit-Total-Gigwords = 1",
            ],
        ),
        ("openwifi", ["WISPr-Bandwidth-Max-Up = 5000000", "WISPr-Bandwidth-Max-Down = 20000000"]),
        ("mikrotik", ['Mikrotik-Rate-Limit = "5M/20M"', "802.1q"]),
        ("zyxel", ['Tunnel-Password:0 = "a passphrase"']),
        ("generic", ['Tunnel-Password:0 = "a passphrase"']),
        ("eleven", ['Cisco-AVPair = "psk=a passphrase"']),
        ("mist", ['Cisco-AVPair = "psk=a passphrase"']),
    ],
)
def test_lookups_asked_by_radclient_are_answered_by_profile(house, profile, says):
    plan = house.store.inventory.add_plan("basic", download_kbps=20_000, upload_kbps=5_000, **QUOTAS)
    house.add_key(Ssid(b"Hudson House"), b"a passphrase", vlan=110, devices=(SPA,), plan_id=plan.id)
    house.store.inventory.add_nas(ip_network("198.51.100.0/24"), b"testing123", profile=profile)
    answer = radclient(house.start(), LOOKUP, "198.51.100.7")
    assert "Received Access-Accept" in answer
    for line in says:
        assert line.lower() in answer.lower(), answer


def test_cambiums_vlan_pool_is_for_keys_without_a_vlan(house):
    plan = house.store.inventory.add_plan("basic", **QUOTAS)
    other = SPA.value[:5] + b"\2"
    house.add_key(Ssid(b"Hudson House"), b"a passphrase", devices=(SPA,), plan_id=plan.id)
    house.add_key(Ssid(b"Hudson House"), b"another one", vlan=110, devices=(MacAddress(other),), plan_id=plan.id)
    house.store.inventory.add_nas(ip_network("198.51.100.0/24"), b"testing123", profile="cambium")
    house.start()
    answer = radclient(house, LOOKUP, "198.51.100.7")
    assert 'Cambium-VLAN-Pool-Id = "residents"' in answer
    assert "Tunnel-Private-Group-Id" not in answer
    answer = radclient(house, LOOKUP.replace(SPA.value.hex(), other.hex()), "198.51.100.7")
    assert 'Tunnel-Private-Group-Id:0 = "110"' in answer
    assert "Cambium-VLAN-Pool-Id" not in answer


def test_mikrotiks_empty_password_is_enough(house):
    house.add_key(Ssid(b"Hudson House"), b"a passphrase", devices=(SPA,))
    house.store.inventory.add_nas(
        ip_network("198.51.100.0/24"), b"testing123", profile="mikrotik", require_message_authenticator=False
    )
    text = 'User-Name = "02:00:00:00:02:01", User-Password = "", Called-Station-Id = "02-00-00-00-00-00:Hudson House"'
    assert 'Mikrotik-Wireless-PSK = "a passphrase"' in radclient(house.start(), text, "198.51.100.7")


def test_cisco_is_told_why(house, recordings):
    recording = recordings[0]
    house.add_key(recording.ssid, b"another passphrase")
    house.start()
    own = by_name("cisco", asked(recording))
    name = f'User-Name = "{recording.spa.value.hex()}", Message-Authenticator = 0x00'
    for text, cause in ((f"{name}, {own}", 2), (f"{name}, {own.rpartition(', ')[0]}", 6)):
        answer = radclient(house, text)
        assert "Received Access-Reject" in answer
        assert f'Cisco-AVPair = "cisco-easy-psk-error-cause={cause}"' in answer


def test_merakis_probe_is_answered(house):
    answer = radclient(
        house.start(), 'User-Name = "meraki_8021x_test", User-Password = "x", Message-Authenticator = 0x00'
    )
    assert "Received Access-Reject" in answer


def test_offered_keys_are_several_tunnel_passwords(house):
    for n in range(32):
        house.add_key(Ssid(b"Hudson House"), b"passphrase %d" % n)
    house.store.inventory.add_nas(ip_network("198.51.100.0/24"), b"testing123", unknown_devices=UnknownDevices.OFFER)
    answer = radclient(house.start(), LOOKUP, "198.51.100.7")
    assert [f'Tunnel-Password:0 = "passphrase {n}"' in answer for n in range(32)] == [True] * 32


class TestOnRealSockets:
    """The server with its own sockets; radclient sends from an address of each NAS."""

    @staticmethod
    def ask(address, text, source):
        command = ["radclient", "-x", "-r", "1", "-t", "60", f"127.0.0.1:{address[1]}", "auth", "testing123"]
        text += f", Packet-Src-IP-Address = {source}, Message-Authenticator = 0x00"
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=90, check=False).stdout

    @pytest.fixture
    def served(self, house, recordings):
        for recording in recordings:
            house.add_key(recording.ssid, recording.passphrase, vlan=110)
        house.add_key(Ssid(b"Guests"), b"a passphrase", vlan=7, devices=(SPA,))
        self.sources = {}
        for number, name in enumerate(sorted(DIALECTS), 1):
            self.sources[name] = f"127.0.2.{number}"
            house.store.inventory.add_nas(ip_network(self.sources[name]), b"testing123", name=name, profile=name)
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
            for name, expected in ANSWERS.items():
                if name not in IN_PIECES and recording.name == "ft-psk":
                    continue
                text = (
                    f'User-Name = "{recording.spa.value.hex()}", '
                    f'Called-Station-Id = "{recording.aa.value.hex("-")}:{recording.ssid}", '
                    f"{by_name(name, asked(recording))}"
                )
                answer = self.ask(served, text, self.sources[name])
                said = expected.format(passphrase=recording.passphrase.decode(), pmk=recording.pmk.value.hex())
                assert said.lower() in answer.lower(), (name, answer)
                assert 'Tunnel-Private-Group-Id:0 = "110"' in answer

    def test_every_profile_answers_its_lookup(self, served):
        text = (
            'User-Name = "02-00-00-00-02-01", User-Password = "02-00-00-00-02-01",'
            ' Called-Station-Id = "0200.0000.0000:Guests"'
        )
        for name, source in self.sources.items():
            answer = self.ask(served, text, source)
            accepted = "Received Access-Accept" in answer
            assert accepted is (name != "extreme"), (name, answer)
