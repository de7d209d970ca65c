"""The vendors' vectors, and the lists of dialects that follow from them and the table: no test keeps a list by hand.

What a dialect does not have, its file does not have (`request`: it forwards no handshake) or says (`unpublished`).
"""

import tomllib
from pathlib import Path

from radiusd import DIALECTS

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
