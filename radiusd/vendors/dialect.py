"""What a vendor's module must say about its dialect, and the pieces that most of them share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from crypto import Handshake, MacAddress, Ssid

from ..errors import DialectError, UnsupportedError
from ..model import (
    Accept,
    Attribute,
    AttributeType,
    Granted,
    Hidden,
    Lookup,
    Offer,
    Rates,
    Reject,
    Reply,
    Request,
    Sendable,
    Subject,
)

USER_NAME, USER_PASSWORD, SESSION_TIMEOUT, CLASS = 1, 2, 27, 25
CALLED_STATION_ID, CALLING_STATION_ID, NAS_IDENTIFIER, NAS_PORT_TYPE = 30, 31, 32, 61
TUNNEL_TYPE, TUNNEL_MEDIUM_TYPE, TUNNEL_PRIVATE_GROUP_ID = 64, 65, 81
CHARGEABLE_USER_IDENTITY, TUNNEL_PASSWORD, EAP_MESSAGE = 89, 69, 79
WISPR_UP, WISPR_DOWN = (26, 14122, 7), (26, 14122, 8)
_MOST_BPS = 2**32 - 1
_WIRELESS_802_11 = (19).to_bytes(4)

# MAC:SSID. The MAC in any format; the SSID is whatever follows the first colon after its twelve digits, as raw octets.
_CALLED_STATION = re.compile(rb"((?:[0-9A-Fa-f][-:. ]?){11}[0-9A-Fa-f])(?::(.*))?", re.DOTALL)
_VLAN_TYPE, _IEEE_802 = bytes.fromhex("0000000d"), bytes.fromhex("00000006")  # tag 0 (RFC 2868 3.1, 3.2)


class Decrypt(Protocol):
    """Opens a salted value, Tunnel-Password with its tag octet, MS-MPPE-Recv-Key without; else raises PacketError."""

    def __call__(self, value: bytes, *, tagged: bool = True) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one vendor asks and wants to be answered.

    The server uses decode_request, encode_accept and what follows it; whoever plays the access point, the other two.
    """

    name: str  # also that of the NAS's profile
    markers: tuple[AttributeType, ...] = ()  # a request with one of them is in this dialect
    variant_of: "Dialect | None" = None  # its requests are this dialect's where the NAS has this profile
    nas_identifier_prefix: bytes | None = (
        None  # a lookup from a NAS-Identifier that begins so, where the NAS has no profile
    )
    probe_user: bytes | None = None  # the User-Name under which its devices try whether a server lives
    decode_request: Callable[[Request], Subject]  # raises DialectError, EapolError, UnsupportedAkm
    encode_accept: Callable[[Accept], tuple[Sendable, ...]]
    encode_request: Callable[[Subject, bytes | None], tuple[Sendable, ...]]  # the second: NAS-Identifier
    decode_accept: Callable[[Reply, Decrypt], Granted]
    recognises: Callable[[Request], bool] | None = None  # of a request with a marker that others use too: is it ours?
    encode_reject: Callable[[Request, Reject], tuple[Sendable, ...]] = lambda _request, _reject: ()
    reply_depends_on_handshake: bool = False  # a lookup is answered otherwise than a handshake
    accepts_unknown: bool = False  # an empty Accept for a device that a lookup does not find; it is asked again later
    encode_offer: Callable[[Offer], tuple[Sendable, ...]] | None = None  # for access points that try several keys
    decode_key_name: Callable[[Request, Decrypt], bytes | None] | None = None  # the key of a session, out of accounting

    def shows_handshake(self, request: Request) -> bool:
        """Return whether the request is more than a lookup: one of this dialect's own attributes is in it."""
        marked = any(marker in request.attributes for marker in self.markers)
        return marked and (self.recognises is None or self.recognises(request))


def device_address(request: Request) -> MacAddress:
    """Return the station's address: Calling-Station-Id, else User-Name."""
    for kind in (CALLING_STATION_ID, USER_NAME):
        value = request.first(kind)
        if value is not None:
            try:
                return _parse_mac(value)
            except ValueError:
                continue
    raise DialectError("no device address (SPA) in Calling-Station-Id or User-Name")


def _parse_mac(value: bytes) -> MacAddress:
    if len(value) in (12, 17):  # nearly always: in half the time
        return MacAddress(bytes.fromhex(value.translate(None, b"-:.").decode("ascii")))
    return MacAddress.parse(value)


def network(request: Request) -> tuple[MacAddress, Ssid]:
    """Return AA and SSID from Called-Station-Id."""
    value = request.first(CALLED_STATION_ID)
    if value is None:
        raise DialectError("no SSID and no AA: Called-Station-Id is missing")
    return _split_called_station(value)


@lru_cache(maxsize=4096)  # an access point repeats it in every request
def _split_called_station(value: bytes) -> tuple[MacAddress, Ssid]:
    match = _CALLED_STATION.fullmatch(value)
    if match is None:
        raise DialectError("no AA: Called-Station-Id does not begin with a MAC address")
    address, ssid = match.groups()
    if not ssid:
        raise DialectError("no SSID after the MAC address in Called-Station-Id")
    if len(ssid) > 32:
        raise DialectError(f"SSID of {len(ssid)} octets in Called-Station-Id, 32 are allowed")
    return MacAddress.parse(address), Ssid(ssid)


def parse_ssid(octets: bytes, what: str) -> Ssid:
    """Return the SSID that a dialect's own field holds."""
    if not 1 <= len(octets) <= 32:
        raise DialectError(f"SSID of {len(octets)} octets in {what}, 1 to 32 are allowed")
    return Ssid(octets)


def decode_lookup(request: Request, ssid: Ssid | None = None) -> Lookup:
    """Return the question which key a device has, asked by its address alone.

    ssid: from the dialect's own attribute; else Called-Station-Id must have it
    """
    for kind in request.attributes:
        if isinstance(kind, tuple) and kind[:2] == (245, 26):
            raise DialectError(f"no ANonce and no M2: 245.26 is of vendor {kind[2]} type {kind[3]}, not 11344")
    if request.first(EAP_MESSAGE) is not None:
        raise UnsupportedError("EAP-Message: the network asks for 802.1X, not for a passphrase")
    if ssid is not None:
        return Lookup(device=device_address(request), ssid=ssid)
    aa, ssid = network(request)
    return Lookup(device=device_address(request), ssid=ssid, aa=aa)


def encode_station(
    subject: Subject, nas_identifier: bytes | None, *, name: bytes | None = None, password: bytes | None = None
) -> tuple[Sendable, ...]:
    """Return what every access point asks with: the station as name and password, the network it is on.

    name, password: as this vendor writes them, if not as hostapd does
    """
    spa = station(subject)
    name = spa.value.hex().encode() if name is None else name
    attributes: list[Sendable] = [
        Attribute(USER_NAME, name),
        Hidden(USER_PASSWORD, name if password is None else password),
    ]
    if nas_identifier is not None:
        attributes.append(Attribute(NAS_IDENTIFIER, nas_identifier))
    attributes += (
        Attribute(CALLED_STATION_ID, render_called_station(subject.aa or MacAddress(bytes(6)), subject.ssid)),
        Attribute(NAS_PORT_TYPE, _WIRELESS_802_11),
        Attribute(CALLING_STATION_ID, spa.value.hex("-").upper().encode()),
    )
    return tuple(attributes)


def station(subject: Subject) -> MacAddress:
    """Return the address of the device that is asked about."""
    return subject.spa if isinstance(subject, Handshake) else subject.device


def only(request: Request, kind: AttributeType, what: str) -> bytes | None:
    """Return the value of an attribute that may come once, None where it is absent."""
    values = request.every(kind)
    if len(values) > 1:
        raise DialectError(f"{what} comes {len(values)} times")
    return values[0] if values else None


def render_called_station(aa: MacAddress, ssid: Ssid) -> bytes:
    """Return Called-Station-Id as hostapd writes it."""
    return aa.value.hex("-").upper().encode() + b":" + ssid.value


def shared_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return what most dialects' Accepts carry besides the key: VLAN (RFC 3580 3.31), key name, end of session."""
    return *_vlan(accept.key.effective_vlan), *name_and_end(accept)


def shared_offer(offer: Offer) -> tuple[Sendable, ...]:
    """Return the same for keys of which one will be used: no name, since nobody knows yet which."""
    return *_vlan(offer.vlan), *_session_timeout(offer.session_timeout_s)


def name_and_end(accept: Accept) -> tuple[Sendable, ...]:
    """Return the opaque name of the key, for accounting, and the end of the session."""
    attributes: tuple[Sendable, ...] = (Attribute(CLASS, accept.key_name), *_session_timeout(accept.session_timeout_s))
    if accept.name_asked:
        attributes += (Attribute(CHARGEABLE_USER_IDENTITY, accept.key_name),)
    return attributes


def _session_timeout(seconds: int | None) -> tuple[Attribute, ...]:
    return () if seconds is None else (Attribute(SESSION_TIMEOUT, seconds.to_bytes(4)),)


def wispr(rates: Rates) -> tuple[Attribute, ...]:
    """Return WISPr-Bandwidth-Max-Up and -Down: bits per second, up being client to network."""
    return tuple(
        Attribute(kind, min(kbps * 1000, _MOST_BPS).to_bytes(4))
        for kind, kbps in ((WISPR_UP, rates.upload_kbps), (WISPR_DOWN, rates.download_kbps))
        if kbps is not None
    )


def parse_wispr(reply: Reply) -> Rates:
    """Return the rates of WISPr's attributes."""
    up, down = reply.first(WISPR_UP), reply.first(WISPR_DOWN)
    return Rates(
        download_kbps=None if down is None else int.from_bytes(down) // 1000,
        upload_kbps=None if up is None else int.from_bytes(up) // 1000,
    )


@lru_cache(maxsize=4096)
def _vlan(vlan: int | None) -> tuple[Attribute, ...]:
    if vlan is None:
        return ()
    return (
        Attribute(TUNNEL_TYPE, _VLAN_TYPE),
        Attribute(TUNNEL_MEDIUM_TYPE, _IEEE_802),
        Attribute(TUNNEL_PRIVATE_GROUP_ID, b"%d" % vlan),  # tag 0: no tag octet (RFC 2868 3.6)
    )


def granted(
    reply: Reply,
    *,
    passphrases: tuple[bytes, ...] = (),
    pmk: bytes | None = None,
    vlan: int | None = None,
    rates: Rates | None = None,
    key_names: tuple[bytes, ...] = (),
) -> Granted:
    """Return the key (and the VLAN, if not RFC 3580's) that a dialect has found in an Accept, with what all carry."""
    return Granted(
        passphrases=passphrases,
        pmk=pmk,
        vlan=parse_vlan(reply) if vlan is None else vlan,
        rates=rates or Rates(),
        key_names=key_names,
        session_timeout_s=parse_session_timeout(reply),
        class_=reply.first(CLASS),
        chargeable_user_identity=reply.first(CHARGEABLE_USER_IDENTITY),
    )


def parse_vlan(reply: Reply) -> int | None:
    """Return the VLAN of untagged tunnel attributes, or None where they do not name one."""
    group = reply.first(TUNNEL_PRIVATE_GROUP_ID)
    if reply.first(TUNNEL_TYPE) != _VLAN_TYPE or reply.first(TUNNEL_MEDIUM_TYPE) != _IEEE_802:
        return None
    return int(group) if group is not None and group.isdigit() else None


def parse_session_timeout(reply: Reply) -> int | None:
    """Return Session-Timeout in seconds."""
    value = reply.first(SESSION_TIMEOUT)
    return None if value is None or len(value) != 4 else int.from_bytes(value)
