"""The vendors' vectors, and the lists of dialects that follow from them and the table: no test keeps a list by hand.

What a dialect does not have, its file does not have (`request`: it forwards no handshake) or says (`unpublished`).
"""

import tomllib
from pathlib import Path

from radiusd import DIALECTS
from radiusd.vendors.names import FOLDER as DICTIONARIES

FOLDER = Path(__file__).parent / "vectors" / "vendors"
_FILES = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
VECTORS = {name: _FILES[name] for name in DIALECTS if name in _FILES}  # in the order of the table
STRAY = set(_FILES) ^ set(DIALECTS)  # a file without a dialect, or the other way round

ANSWERED = [name for name, vectors in VECTORS.items() if "accept" in vectors]
SEARCHING = [name for name, vectors in VECTORS.items() if "request" in vectors]
UNPUBLISHED = {name: tuple(vectors["unpublished"]) for name, vectors in VECTORS.items() if "unpublished" in vectors}
LONG_FRAMES = [name for name in SEARCHING if VECTORS[name].get("fragments")]

PASSPHRASE = b"hashcat!"
PMK = bytes.fromhex("0857172bd4d3ebb34cf00f3619726008d27558926d963a547332fab033023b82")


def octets(vectors):
    """Return the octets of a list of attributes in hex, which may stand in a table under `attributes`."""
    lines = vectors if isinstance(vectors, list) else vectors["attributes"]
    return bytes.fromhex("".join(lines).replace(" ", ""))


def answer(name, *, lookup):
    """Return the vectors of the Access-Accept to a lookup or to a handshake."""
    vectors = VECTORS[name]
    return vectors.get("accept_of_lookup", vectors["accept"]) if lookup else vectors["accept"]


def in_clear(name, *, lookup):
    """Return whether the published layout of an answer shows the key to whoever sees it pass."""
    shown = octets(answer(name, lookup=lookup))
    return PASSPHRASE in shown or PMK in shown


def _asks_alike(name):
    """Return whether a dialect's requests are those of the one it varies, so that only a profile tells them apart."""
    base = DIALECTS[name].variant_of
    return base is not None and octets(VECTORS[name]["request"]) == octets(VECTORS[base.name]["request"])


SHOWN = [name for name in SEARCHING if not _asks_alike(name)]  # their requests show them, whatever the profile


def write_raddb(folder):
    """Make `folder` one that FreeRADIUS's programs take with -d: their own dictionaries, and over them all of ours."""
    ours = "".join(f"$INCLUDE {path}\n" for path in sorted(DICTIONARIES.glob("dictionary.*")))
    (folder / "dictionary").write_text(f"$INCLUDE /usr/share/freeradius/dictionary\n{ours}")
    return folder


def named(name, handshake, part="request"):
    """Return what radclient sends for a handshake besides the station, one NAME = VALUE each."""
    values = {
        "ssid": handshake.ssid.value.decode(),
        "aa": handshake.aa.value.hex(),
        "aa_text": handshake.aa.value.hex("-"),
        "spa": handshake.spa.value.hex(),
        "akm": handshake.akm.to_bytes(4).hex(),
        "anonce": handshake.anonce.hex(),
        "anonce_escaped": _escape(handshake.anonce),
        "m2": handshake.m2.octets.hex(),
        "m2_escaped": _escape(handshake.m2.octets),
    }
    return [line.format_map(values) for line in VECTORS[name]["radclient"].get(part, ())]


def named_lookup(name, handshake):
    """Return the same where only the device's address is asked about."""
    return named(name, handshake, "lookup")


def _escape(value):
    """Return octets as FreeRADIUS takes them inside quotes."""
    return "".join(f"\\{octet:03o}" for octet in value)


def answered(name, part, passphrase, pmk):
    """Return the lines that radclient prints of an answer."""
    values = {"passphrase": passphrase.decode(), "passphrase_hex": passphrase.hex(), "pmk": pmk.hex()}
    lines = VECTORS[name]["radclient"]
    if part == "accept_of_lookup" and part not in lines:
        part = "accept"
    return [line.format_map(values).lower() for line in lines.get(part, ())]
