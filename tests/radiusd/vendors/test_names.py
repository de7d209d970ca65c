"""Names and numbers of attributes: ours are FreeRADIUS's where it has them, and pyrad and radclient load the files."""

import re
import subprocess
from pathlib import Path

import pytest
from pyrad.packet import AuthPacket

from radiusd import DIALECTS, SharedSecret, decode_request
from radiusd.vendors import attribute_name, load_dictionary
from radiusd.vendors.names import FOLDER
from tests.radiusd.vendors.test_octets import REPLY_KINDS
from tests.vendor_vectors import UNPUBLISHED, write_raddb

FILES = sorted(FOLDER.glob("dictionary.*"))


def definitions(text):
    """Give number and name of each attribute that a dictionary defines."""
    vendors = {}
    vendor = None
    for line in text.splitlines():
        match line.split():
            case ["VENDOR", name, number, *_]:
                vendors[name] = int(number)
            case ["BEGIN-VENDOR", name, *_]:
                vendor = vendors.get(name)
            case ["END-VENDOR", *_]:
                vendor = None
            case ["ATTRIBUTE", name, number, *_] if re.fullmatch(r"\d+(\.\d+)*", number):
                kinds = tuple(map(int, number.split(".")))
                yield ((26, vendor, *kinds) if vendor is not None else kinds[0]), name


OURS = {kind: name for path in FILES for kind, name in definitions(path.read_text("utf-8"))}


def test_every_attribute_that_is_read_or_sent_has_a_name():
    kinds = {kind for dialect in DIALECTS.values() for kind in (*dialect.markers, *dialect.reads)}
    for kind in {*kinds, *REPLY_KINDS, *UNPUBLISHED.values()}:
        assert re.match(r"[A-Z]", attribute_name(kind)), kind


def test_unknown_attributes_are_called_by_their_number():
    assert attribute_name((26, 25053, 153)) == "Ruckus-DPSK-Params"
    assert attribute_name((26, 25053, 153, 3)) == "Ruckus-DPSK-Anonce"
    assert attribute_name((26, 25053, 153, 9)) == "26.25053.153.9"
    assert attribute_name((26, 1, 2)) == "26.1.2"
    assert attribute_name((241, 3)) == "241.3"
    assert attribute_name(250) == "attribute 250"


def test_pyrad_has_them_all():
    dictionary = load_dictionary()
    assert set(OURS.values()) == set(dictionary.attributes)
    assert {kind: attribute_name(kind) for kind in OURS} == OURS


@pytest.mark.peer("radclient")
def test_they_are_freeradius_s():
    """Those of Debian's 3.2.1; Eleven's, Meraki's and UniFi's came with later ones, the others have none there."""
    folder = Path("/usr/share/freeradius")
    texts = [path.read_text("utf-8", "replace") for path in sorted(folder.glob("dictionary.*"))]
    theirs = {}
    for text in texts:
        for kind, name in definitions(text):
            theirs.setdefault(kind, set()).add(name)
    by_name = {name: kind for kind, names in theirs.items() for name in names}
    common = [kind for kind in OURS if kind in theirs]
    assert len(common) > 50
    for kind in common:
        assert OURS[kind] in theirs[kind]
    for kind, name in OURS.items():
        assert by_name.get(name, kind) == kind


@pytest.mark.peer("radclient")
def test_radclient_loads_them(tmp_path):
    command = ["radclient", "-d", str(write_raddb(tmp_path)), "-x", "-r", "1", "-t", "0.1", "127.0.0.1:9", "auth", "x"]
    said = subprocess.run(command, input='User-Name = "x"', capture_output=True, text=True, check=False)
    assert "Sent Access-Request" in said.stdout, said


def test_pyrad_packs_by_name_what_a_dialect_reads():
    secret = SharedSecret(b"testing123")
    packet = AuthPacket(secret=secret.value, dict=load_dictionary(), id=1)
    packet["Ruckus-SSID"] = "Hudson House"
    packet["Calling-Station-Id"] = "02-00-00-00-02-01"
    packet["EAP-Message"] = b"eap"
    packet.add_message_authenticator()
    asked = decode_request(packet.RequestPacket(), secret)
    assert {attribute_name(kind) for kind in asked.attributes} == {
        "Ruckus-SSID",
        "Calling-Station-Id",
        "EAP-Message",
        "Message-Authenticator",
    }
