"""What a NAS's devices that nobody has registered are answered with."""

import json
import sqlite3
from ipaddress import ip_network

from provisioning import Store, UnknownDevices


def test_is_said_when_a_nas_is_added(cli):
    cli.ok("nas", "add", "10.0.0.1", "--secret", "testing123")
    cli.ok("nas", "add", "10.0.0.2", "--secret", "testing123", "--unknown-devices", "offer")
    cli.ok("nas", "add", "10.0.0.3", "--secret", "testing123", "--unknown-devices", "offer", "--profile", "unifi")
    cli.ok("nas", "add", "10.0.0.4", "--secret", "testing123", "--unknown-devices", "reject", "--profile", "cisco")
    listed = json.loads(cli.ok("nas", "list", "--json"))
    assert [each["unknown_devices"] for each in listed] == ["reject", "offer", "offer", "reject"]
    assert "UNKNOWN DEVICES" in cli.ok("nas", "list")


def test_is_refused_for_access_points_that_try_one_key_only(cli):
    said = cli.refused(
        "nas", "add", "10.0.0.1", "--secret", "testing123", "--unknown-devices", "offer", "--profile", "cisco"
    )
    assert said == (
        "access points of profile cisco do not try several keys: offering them needs profile"
        " auto, hostapd, openwifi or unifi"
    )
    assert json.loads(cli.ok("nas", "list", "--json")) == []
    assert cli.run("nas", "add", "10.0.0.1", "--secret", "testing123", "--unknown-devices", "maybe").exit_code == 2


def test_nases_of_an_older_database_reject(store, path, master_key):
    store.nases.add(ip_network("10.0.0.1"), b"s", unknown_devices=UnknownDevices.OFFER)
    store.close()
    raw = sqlite3.connect(path)
    raw.execute("ALTER TABLE nases DROP COLUMN unknown_devices")
    raw.execute("DELETE FROM _sqlite_migrations WHERE name = '0003_unknown_devices'")
    raw.commit()
    raw.close()
    with Store.open(path, master_key) as again:
        (nas,) = again.nases.all()
        assert (nas.secret, nas.unknown_devices) == (b"s", UnknownDevices.REJECT)
        again.nases.add(ip_network("10.0.0.2"), b"s", unknown_devices=UnknownDevices.OFFER)
    with Store.open(path, master_key, readonly=True) as again:
        assert [nas.unknown_devices.value for nas in again.nases.all()] == ["reject", "offer"]
