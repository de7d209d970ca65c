"""A handshake that lacks a piece, or has one of a wrong length or twice, is refused in words that name the piece."""

import re

import pytest

from crypto import CryptoError
from radiusd import DIALECTS, DialectError, SharedSecret, decode_request
from radiusd.codec import encode_request
from radiusd.errors import MissingPieceError
from radiusd.model import Request
from radiusd.vendors.hostapd import DIALECT as HOSTAPD
from tests.vendor_vectors import SEARCHING, VECTORS, octets

SECRET = SharedSecret(b"testing123")
CALLED_STATION_ID = 30
WORDS = {"anonce": r"ANonce", "m2": r"M2|EAPOL-Key frame", "aa": r"AA", "ssid": r"SSID"}
# What takes a value to those that come instead.
SPOILT = {
    "missing": lambda _value: [],
    "twice": lambda value: [value, value],
    "cut": lambda value: [value[:-1]],
    "grown": lambda value: [value + b"x"],
    "empty": lambda _value: [b""],
}
CASES = [
    *((piece, how) for piece in ("anonce", "aa") for how in SPOILT),
    *(("m2", how) for how in ("missing", "twice", "empty")),
    ("m2", "98 octets"),
    *(("ssid", how) for how in ("missing", "twice", "empty")),
    ("ssid", "33 octets"),
]
SPOILT["33 octets"] = lambda value: [value.ljust(33, b"x")]
SPOILT["98 octets"] = lambda value: [value[:98]]


def published(name):
    """Return the attributes of the vectors' request, and of the station."""
    station = HOSTAPD.encode_station(HOSTAPD.decode_request(example()), None)
    own = octets(VECTORS[name]["request"])
    datagram = encode_request(1, bytes(16), station, SECRET, sign=False) + own
    datagram = datagram[:2] + len(datagram).to_bytes(2) + datagram[4:]
    return {kind: list(values) for kind, values in decode_request(datagram, SECRET).attributes.items()}


def example():
    called = b"64-66-B3-8E-C3-FC:TP-LINK_HASHCAT_TEST"
    octets_ = octets(VECTORS["hostapd"]["request"])
    attributes = b"\x1e" + bytes((len(called) + 2,)) + called + b"\x1f\x13" + b"22-5E-DC-49-B7-AA" + octets_
    return decode_request(b"\1\1" + (20 + len(attributes)).to_bytes(2) + bytes(16) + attributes, SECRET)


def spoil(attributes, place, called, change):
    """Apply a change to one piece, where its vectors say that it stands."""
    at = tuple(map(int, place.split(".")))
    if at == (CALLED_STATION_ID,):
        attributes[CALLED_STATION_ID] = spoil_called_station(attributes[CALLED_STATION_ID][0], called, change)
    elif at == (26, 9, 1):
        name = called.encode() + b"="
        pairs = [pair.partition(name) for pair in attributes[at]]
        attributes[at] = [one for _, found, rest in pairs if found for one in (name + new for new in change(rest))] + [
            before for before, found, _ in pairs if not found
        ]
    elif at in attributes:
        attributes[at] = [new for value in attributes[at] for new in change(value)]
    else:
        (value,) = attributes[at[:-1]]
        attributes[at[:-1]] = [b"".join(spoil_tlv(kind, one, at[-1], change) for kind, one in split(value))]
    return {kind: values for kind, values in attributes.items() if values}


def spoil_called_station(value, called, change):
    """Return what becomes of an attribute that holds two pieces: a second one of either is a second attribute."""
    address, ssid = value[:17], value[18:]
    changed = change(address if called == "AA" else ssid)
    if len(changed) > 1:
        return [value, value]
    if called == "SSID":
        return [address + (b":" + changed[0] if changed else b"")]
    return [(changed[0] if changed else b"") + b":" + ssid]


def split(value):
    while value:
        yield value[0], value[2 : value[1]]
        value = value[value[1] :]


def spoil_tlv(kind, value, wanted, change):
    return b"".join(bytes((kind, len(new) + 2)) + new for new in (change(value) if kind == wanted else [value]))


def refuse(name, attributes):
    """Return the error with which a dialect refuses a request."""
    with pytest.raises((DialectError, CryptoError)) as caught:
        DIALECTS[name].decode_request(Request(1, 1, bytes(16), attributes, b"", True))
    return caught.value


@pytest.mark.parametrize("name", SEARCHING)
def test_published_request_lacks_nothing(name):
    asked = DIALECTS[name].decode_request(Request(1, 1, bytes(16), published(name), b"", True))
    assert asked == HOSTAPD.decode_request(example())


@pytest.mark.parametrize("name", SEARCHING)
@pytest.mark.parametrize(("piece", "how"), CASES)
def test_each_piece_that_is_not_as_it_should_be_is_named(name, piece, how):
    entry = VECTORS[name]["pieces"][piece]
    attributes = published(name)
    if how == "missing" and "else" in entry:  # it is read where the first is absent
        attributes = spoil(attributes, entry["else"], entry["called"], SPOILT[how])
    attributes = spoil(attributes, entry["at"], entry["called"], SPOILT[how])
    error = refuse(name, attributes)
    names = [WORDS[piece], re.escape(entry["called"])]
    if how == "twice" and entry["at"] == "30":  # two pieces in one attribute
        names = ["Called-Station-Id"]
    assert re.search(rf"\b({'|'.join(names)})\b", str(error)), error
    if how == "missing":
        assert isinstance(error, MissingPieceError), error


@pytest.mark.parametrize("name", SEARCHING)
def test_station_that_is_nowhere_is_named(name):
    attributes = {kind: values for kind, values in published(name).items() if kind not in (1, 31)}
    entry = VECTORS[name]["pieces"].get("spa")
    if entry is not None:  # where the vendor's own attributes may hold it
        attributes = spoil(attributes, entry["at"], entry["called"], SPOILT["missing"])
    error = refuse(name, attributes)
    assert isinstance(error, MissingPieceError)
    assert "SPA" in str(error)
