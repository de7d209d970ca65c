"""802.11 frames with scapy: management, EAPOL and data, and the small IP network behind them.

Every function returns a Dot11 frame without sequence number, radiotap header or protection; `air` adds those.
"""

from typing import Any, Final

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dot11 import (
    Dot11,
    Dot11AssoReq,
    Dot11AssoResp,
    Dot11Auth,
    Dot11Beacon,
    Dot11Deauth,
    Dot11Elt,
    Dot11ReassoReq,
    Dot11ReassoResp,
)
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, LLC, SNAP
from scapy.packet import Packet, Raw

from crypto import ElementId, MacAddress, Ssid

BROADCAST: Final = MacAddress(b"\xff" * 6)
CHANNEL: Final = 6
FREQUENCY_MHZ: Final = 2437
OPEN_SYSTEM, FAST_BSS_TRANSITION = 0, 2  # authentication algorithms (9.4.1.1)
LEAVING: Final = 3  # reason: the sender is leaving the BSS (9.4.1.7)
BEACON_INTERVAL_TU: Final = 100

_MANAGEMENT, _DATA = 0, 2
_ASSOCIATION_REQUEST, _ASSOCIATION_RESPONSE, _REASSOCIATION_REQUEST, _REASSOCIATION_RESPONSE = 0, 1, 2, 3
_BEACON, _AUTHENTICATION, _DEAUTHENTICATION = 8, 11, 12
_CAPABILITIES: Final = 0x1104  # ESS, privacy, short slot; scapy has the octets the other way round
_AID: Final = 0xC001
_LISTEN_INTERVAL: Final = 5
_ACK_TIME_US: Final = 314  # the duration field of a frame that is acknowledged at 1 Mbit/s

_EIGHT_RATES: Final = bytes.fromhex("82848b960c121824")
_FOUR_RATES: Final = bytes.fromhex("3048606c")
_EMPTY_TIM: Final = bytes.fromhex("00020000")

_EAPOL: Final = 0x888E
_IPV4, _ARP = 0x0800, 0x0806
_BOOTPS, _BOOTPC = 67, 68


def beacon(aa: MacAddress, ssid: Ssid, security: bytes, timestamp_us: int) -> Packet:
    """Return a beacon. security: RSNE and, for FT, MDE"""
    body = Dot11Beacon(timestamp=timestamp_us, beacon_interval=BEACON_INTERVAL_TU, cap=_CAPABILITIES)
    elements = (
        *_first_rates(ssid),
        Dot11Elt(ID=ElementId.DSSS_PARAMETERS, info=bytes([CHANNEL])),
        Dot11Elt(ID=ElementId.TIM, info=_EMPTY_TIM),
        Dot11Elt(ID=ElementId.ERP, info=bytes(1)),
        *_more_rates(),
    )
    return _management(_BEACON, BROADCAST, aa, aa, _join(body, *elements, Raw(security)))


def authentication(
    sender: MacAddress, receiver: MacAddress, aa: MacAddress, number: int, algorithm: int, elements: bytes = b""
) -> Packet:
    """Return the authentication frame with this transaction sequence number."""
    body = _join(Dot11Auth(algo=algorithm, seqnum=number, status=0), *_raw(elements))
    return _management(_AUTHENTICATION, receiver, sender, aa, body)


def association_request(spa: MacAddress, aa: MacAddress, ssid: Ssid, security: bytes) -> Packet:
    """Return what the station asks."""
    body = Dot11AssoReq(cap=_CAPABILITIES, listen_interval=_LISTEN_INTERVAL)
    return _management(_ASSOCIATION_REQUEST, aa, spa, aa, _asking(body, ssid, security))


def association_response(spa: MacAddress, aa: MacAddress, elements: bytes) -> Packet:
    """Return the access point's consent. elements: for FT, MDE and FTE"""
    body = Dot11AssoResp(cap=_CAPABILITIES, status=0, AID=_AID)
    return _management(_ASSOCIATION_RESPONSE, spa, aa, aa, _answering(body, elements))


def reassociation_request(spa: MacAddress, aa: MacAddress, current: MacAddress, ssid: Ssid, elements: bytes) -> Packet:
    """Return what the station asks the access point `aa`, being on `current`."""
    body = Dot11ReassoReq(cap=_CAPABILITIES, listen_interval=_LISTEN_INTERVAL, current_AP=str(current))
    return _management(_REASSOCIATION_REQUEST, aa, spa, aa, _asking(body, ssid, elements))


def reassociation_response(spa: MacAddress, aa: MacAddress, elements: bytes) -> Packet:
    """Return the access point's consent."""
    body = Dot11ReassoResp(cap=_CAPABILITIES, status=0, AID=_AID)
    return _management(_REASSOCIATION_RESPONSE, spa, aa, aa, _answering(body, elements))


def deauthentication(sender: MacAddress, receiver: MacAddress, aa: MacAddress) -> Packet:
    """Return the end of an association."""
    return _management(_DEAUTHENTICATION, receiver, sender, aa, Dot11Deauth(reason=LEAVING))


def to_access_point(spa: MacAddress, aa: MacAddress, destination: MacAddress, *, protected: bool) -> Packet:
    """Return the header of a data frame from the station (9.3.2.1)."""
    return _data("to_DS", aa, spa, destination, protected)


def from_access_point(receiver: MacAddress, aa: MacAddress, source: MacAddress, *, protected: bool) -> Packet:
    """Return the header of a data frame from the access point, to one station or to all."""
    return _data("from_DS", receiver, aa, source, protected)


def eapol(octets: bytes) -> Packet:
    """Return the body of a data frame that carries an 802.1X frame."""
    return _snap(_EAPOL) / Raw(octets)


def arp_request(sender: MacAddress, sender_ip: str, wanted_ip: str) -> Packet:
    """Return the body of a data frame that asks all for an address."""
    return _snap(_ARP) / ARP(op="who-has", hwsrc=str(sender), psrc=sender_ip, hwdst="00:00:00:00:00:00", pdst=wanted_ip)


def arp_reply(sender: MacAddress, sender_ip: str, asker: MacAddress, asker_ip: str) -> Packet:
    """Return the body of a data frame that answers."""
    return _snap(_ARP) / ARP(op="is-at", hwsrc=str(sender), psrc=sender_ip, hwdst=str(asker), pdst=asker_ip)


def dhcp_from_client(client: MacAddress, transaction: int, *options: Any) -> Packet:
    """Return the body of a data frame with a DHCPDISCOVER or DHCPREQUEST (RFC 2131)."""
    message = BOOTP(op=1, chaddr=client.value + bytes(10), xid=transaction) / DHCP(options=[*options, "end"])
    addresses = IP(src="0.0.0.0", dst="255.255.255.255", ttl=64)  # noqa: S104 (this host has none yet)
    return _snap(_IPV4) / addresses / UDP(sport=_BOOTPC, dport=_BOOTPS) / message


def dhcp_from_server(server_ip: str, client: MacAddress, given_ip: str, transaction: int, *options: Any) -> Packet:
    """Return the body of a data frame with a DHCPOFFER or DHCPACK."""
    message = BOOTP(op=2, chaddr=client.value + bytes(10), xid=transaction, yiaddr=given_ip, siaddr=server_ip) / DHCP(
        options=[*options, "end"]
    )
    return _snap(_IPV4) / IP(src=server_ip, dst=given_ip, ttl=64) / UDP(sport=_BOOTPS, dport=_BOOTPC) / message


def _management(subtype: int, receiver: MacAddress, sender: MacAddress, aa: MacAddress, body: Packet) -> Packet:
    header = Dot11(
        type=_MANAGEMENT,
        subtype=subtype,
        ID=_duration(receiver),
        addr1=str(receiver),
        addr2=str(sender),
        addr3=str(aa),
    )
    return header / body


def _data(direction: str, first: MacAddress, second: MacAddress, third: MacAddress, protected: bool) -> Packet:
    return Dot11(
        type=_DATA,
        subtype=0,
        FCfield=f"{direction}+protected" if protected else direction,
        ID=_duration(first),
        addr1=str(first),
        addr2=str(second),
        addr3=str(third),
    )


def _duration(receiver: MacAddress) -> int:
    return 0 if receiver == BROADCAST else _ACK_TIME_US


def _asking(body: Packet, ssid: Ssid, elements: bytes) -> Packet:
    return _join(body, *_first_rates(ssid), *_more_rates(), *_raw(elements))


def _answering(body: Packet, elements: bytes) -> Packet:
    return _join(body, Dot11Elt(ID=ElementId.SUPPORTED_RATES, info=_EIGHT_RATES), *_more_rates(), *_raw(elements))


def _first_rates(ssid: Ssid) -> tuple[Packet, ...]:
    return Dot11Elt(ID=ElementId.SSID, info=ssid.value), Dot11Elt(ID=ElementId.SUPPORTED_RATES, info=_EIGHT_RATES)


def _more_rates() -> tuple[Packet, ...]:
    return (Dot11Elt(ID=ElementId.EXTENDED_RATES, info=_FOUR_RATES),)


def _raw(octets: bytes) -> tuple[Packet, ...]:
    return (Raw(octets),) if octets else ()


def _snap(protocol: int) -> Packet:
    return LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=protocol)


def _join(first: Packet, *rest: Packet) -> Packet:
    for each in rest:
        first = first / each
    return first
