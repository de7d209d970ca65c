"""The files that `key export` writes for hostapd, with a real access point that asks no server.

hostapd of Debian 12 and 13 is 2.10, which takes the entries of sae_password_file one by one, as lines of hostapd.conf.
"""

import pytest

from tests.air.guest import Guest
from tests.air.site import Air, Station, start_hostapd
from tests.test_serving import latchkey

pytestmark = [
    pytest.mark.air,
    pytest.mark.peer("qemu-system-x86_64", "busybox", "hostapd", "wpa_supplicant", "iw"),
]
SSID = "Hudson House"
REGISTERED = "02:00:00:00:01:00"  # the station on radio 1, Ann's
PHRASES = {
    "Ann Lee": ' "quoted" #1 |mac ',
    "Bob Ray": "keyid=9 vlanid=8 x",
    "Cy Novak": "a suspended one",
    "Di": "0123456789abcdef" * 4,
}
ACCESS_POINT = f"""ssid={SSID}
wpa=2
wpa_key_mgmt=WPA-PSK SAE
rsn_pairwise=CCMP
ieee80211w=1
wpa_psk_file=/etc/psks
dynamic_vlan=1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("latchkey")
    latchkey(folder, "init")
    latchkey(folder, "venue", "add", SSID)
    latchkey(folder, "pool", "add", SSID)
    latchkey(folder, "unit", "add", SSID, "12B", "--vlan", "110")
    options = {"Ann Lee": ("--unit", "12B", "--mac", REGISTERED), "Bob Ray": ("--vlan", "120")}
    for name, phrase in PHRASES.items():
        arguments = ("--identity", name, "--passphrase-file", "-", *options.get(name, ()))
        latchkey(folder, "key", "add", *arguments, text=f"{phrase}\n")
    latchkey(folder, "key", "suspend", "Cy Novak")
    return folder


def exported(folder, form, status=0):
    """Return the file that is written; the exit status is 1 where a key is left out."""
    file = folder / form
    latchkey(folder, "key", "export", "--format", form, "--show-secrets", str(file), status=status)
    return file.read_text()


@pytest.fixture(scope="module")
def air(kernel, tmp_path_factory):
    guest = Guest(tmp_path_factory.mktemp("guest"), kernel, radios=3)
    yield Air(guest, str)
    guest.stop()


@pytest.fixture(scope="module")
def access_point(air, folder):
    air.guest.write("/etc/psks", exported(folder, "hostapd"))
    passwords = exported(folder, "sae-passwords", status=1)  # Di's PMK is none
    lines = "".join(f"sae_password={line}\n" for line in passwords.splitlines())
    (access_point,) = start_hostapd(air, {0: ACCESS_POINT + lines})
    return access_point


@pytest.fixture(scope="module")
def stations(air):
    return [Station(air, radio) for radio in (1, 2)]


def network(name, key_mgmt, **more):
    quoted = PHRASES[name] if len(PHRASES[name]) == 64 else f'"{PHRASES[name]}"'
    secret = {"SAE": "sae_password", "WPA-PSK": "psk"}[key_mgmt]
    plain = {"ssid": f'"{SSID}"', secret: quoted, "key_mgmt": key_mgmt, "scan_freq": "2412", "ieee80211w": "1"}
    return plain | more


def join(access_point, station, network):
    """Return what hostapd knows of a station that got in."""
    station.connect(network)
    found = access_point.station(station)
    station.stop()
    return found


@pytest.mark.parametrize(
    ("radio", "name", "keyid", "vlan"),
    [(0, "Ann Lee", "1", "110"), (1, "Ann Lee", "1", "110"), (1, "Bob Ray", "2", "120"), (1, "Di", "4", None)],
)
def test_wpa2_lets_any_device_in_with_the_vlan_and_number_of_its_key(access_point, stations, radio, name, keyid, vlan):
    found = join(access_point, stations[radio], network(name, "WPA-PSK"))
    assert (found["keyid"], found.get("vlan_id", "0")) == (keyid, vlan or "0")


def test_a_suspended_key_stays_outside(access_point, stations):
    stations[1].start(network("Cy Novak", "WPA-PSK"))
    stations[1].says("reason=WRONG_KEY")
    stations[1].stop()


def test_wpa3_lets_a_known_device_in_with_its_vlan(access_point, stations):
    found = join(access_point, stations[0], network("Ann Lee", "SAE"))
    assert (found["AKMSuiteSelector"], found["vlan_id"]) == ("00-0f-ac-8", "110")


def test_wpa3_lets_any_device_in_that_sends_the_keys_number(access_point, stations):
    found = join(access_point, stations[1], network("Bob Ray", "SAE", sae_password_id='"2"'))
    assert (found["AKMSuiteSelector"], found["vlan_id"]) == ("00-0f-ac-8", "120")


def test_wpa3_lets_no_other_device_in_with_a_known_devices_passphrase(access_point, stations):
    stations[1].start(network("Ann Lee", "SAE"))
    stations[1].says("CTRL-EVENT-SSID-TEMP-DISABLED|CTRL-EVENT-AUTH-REJECT|auth_failures")
    stations[1].stop()
