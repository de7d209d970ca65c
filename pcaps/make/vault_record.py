"""A packet under the field names of VAULT's API 3.0.0, "Generate ...", in its letter case, then what it lacks.

VAULT writes addresses as AA:BB:CC:DD:EE:FF and everything else in lower-case hex. Every value is a string, a number, a
bool or None, so that one record is one row of a table.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from crypto import ElementId, MacAddress, Ssid, encode_element, walk_elements
from radiusd import DIALECTS, Attribute

from ..errors import OptionError
from .session import Session

Record = Mapping[str, str | int | bool | None]

DPSK_PARAMS: Final = (26, 25053, 153)
LONGEST_EXPIRATION_DAYS: Final = 365
_MESSAGES: Final = {
    "wpa2": "Standard WPA2-PSK packet generated successfully",
    "cambium": "Cambium ePSK packet generated successfully",
    "ruckus": "Ruckus DPSK Attribute 153 generated successfully",
    "ft": "FT-PSK (802.11r) packet generated successfully with full key hierarchy",
}


def expiration(days: int | None, today: date) -> datetime | None:
    """Return the midnight, UTC, at which a DPSK of `days` days ends; None, for 0 and None, is never."""
    if days is None or days == 0:
        return None
    if not 0 < days <= LONGEST_EXPIRATION_DAYS:
        raise OptionError(f"--expiration-days: must be 0 to {LONGEST_EXPIRATION_DAYS}, got {days}")
    return datetime.combine(today + timedelta(days=days), time(), UTC)


def render_packet(generator: str, session: Session) -> Record:
    """Return the record of a wpa2, cambium or ft packet."""
    return {**_handshake(session), **_ft(session), **_outcome(generator), **_more(session)}


def render_dpsk(session: Session, *, venue_id: str | None, expires: datetime | None) -> Record:
    """Return the record of a ruckus packet: the DPSK, then a handshake of it and the attribute on the air."""
    credential = session.credential
    passphrase = None if credential.passphrase is None else credential.passphrase.decode("ascii")
    params = _dpsk_params(session)
    return {
        "Attribute153": session.credential.text.decode("ascii"),
        "DPSKPassphrase": passphrase,
        "PMK": session.pmk.value.hex(),
        "ExpirationDate": None if expires is None else f"{expires:%Y-%m-%dT%H:%M:%S.000Z}",
        "SSID": _ssid(session.handshake.ssid),
        "VenueID": venue_id,
        **_outcome("ruckus"),
        **_handshake(session),
        "DPSKParams": params.hex(),
        "DPSKParamsAttribute": _vendor_specific(params).hex(),
        **_more(session),
    }


def _handshake(session: Session) -> Record:
    handshake = session.handshake
    return {
        "EAPOLFrame": handshake.m2.octets.hex(),
        "ANonce": handshake.anonce.hex(),
        "SNonce": handshake.m2.snonce.hex(),
        "BSSID": _address(handshake.aa),
        "MACAddress": _address(handshake.spa),
        "PMK": session.pmk.value.hex(),
        "KeyVersion": handshake.key_version,
    }


def _ft(session: Session) -> Record:
    ft, keys = session.handshake.ft, session.ft
    if ft is None or keys is None:
        return {}
    elements = _whole_elements(session.handshake.m2.key_data)
    return {
        "PMK_R0": keys.pmk_r0.key.hex(),
        "PMK_R1": keys.pmk_r1.key.hex(),
        "FTIE": elements[ElementId.FAST_BSS_TRANSITION].hex(),
        "MDIE": elements[ElementId.MOBILITY_DOMAIN].hex(),
        "R0KH_ID": _text(ft.r0kh_id),
        "R1KH_ID": _address(MacAddress(ft.r1kh_id)),
        "MDID": ft.mdid.hex(),
        "PMKR0Name": keys.pmk_r0.name.hex(),
        "PMKR1Name": keys.pmk_r1.name.hex(),
    }


def _outcome(generator: str) -> Record:
    return {"message": _MESSAGES[generator], "errorProcessing": False}


def _more(session: Session) -> Record:
    handshake = session.handshake
    return {
        "KCK": session.kck.hex(),
        "MIC": handshake.m2.mic.hex(),
        "RSNE": _whole_elements(handshake.m2.key_data)[ElementId.RSN].hex(),
        "AKM": str(handshake.akm),
        "SSID": _ssid(handshake.ssid),
        "PSK": session.credential.text.decode("ascii"),
        "NAS-Identifier": None if session.nas_identifier is None else _text(session.nas_identifier),
    }


def _dpsk_params(session: Session) -> bytes:
    """Return Ruckus-DPSK-Params as an access point sends it, by the server's own module for the vendor."""
    attributes = DIALECTS["ruckus"].encode_request(session.handshake, session.nas_identifier)
    return next(each.value for each in attributes if isinstance(each, Attribute) and each.type == DPSK_PARAMS)


def _vendor_specific(value: bytes) -> bytes:
    """Return the whole Vendor-Specific attribute around a value of DPSK-Params (RFC 2865 5.26)."""
    kind, vendor, number = DPSK_PARAMS
    return bytes([kind, 8 + len(value)]) + vendor.to_bytes(4) + bytes([number, 2 + len(value)]) + value


def _whole_elements(key_data: bytes) -> dict[int, bytes]:
    """Return the elements that this package has put into an M2, header included, by identifier."""
    return {identifier: encode_element(identifier, body) for _, identifier, body in walk_elements(key_data)}


@lru_cache(maxsize=16)  # a bulk has one
def _ssid(ssid: Ssid) -> str:
    return str(ssid)


def _address(address: MacAddress) -> str:
    return address.value.hex(":").upper()


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
