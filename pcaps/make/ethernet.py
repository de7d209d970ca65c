"""A conversation as UDP over Ethernet, between the access point and its RADIUS server, with scapy."""

from typing import Final

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from crypto import MacAddress

from .conversation import Exchange
from .writer import WIRE, Frame

RADIUS_PORT: Final = 1812
_NAS_PORT: Final = 49812
_NAS_IP, _SERVER_IP = "198.51.100.7", "198.51.100.20"  # RFC 5737
_ANSWER_TIME_US: Final = 900


def exchange_frames(exchange: Exchange, nas: MacAddress, server: MacAddress, at_us: int) -> tuple[Frame, Frame]:
    """Return request and reply; the reply comes after a search of ordinary length."""
    asked = Ether(src=str(nas), dst=str(server)) / IP(src=_NAS_IP, dst=_SERVER_IP, id=1)
    asked = asked / UDP(sport=_NAS_PORT, dport=RADIUS_PORT) / Raw(exchange.request)
    answered = Ether(src=str(server), dst=str(nas)) / IP(src=_SERVER_IP, dst=_NAS_IP, id=1)
    answered = answered / UDP(sport=RADIUS_PORT, dport=_NAS_PORT) / Raw(exchange.reply)
    return Frame(at_us, WIRE, bytes(asked)), Frame(at_us + _ANSWER_TIME_US, WIRE, bytes(answered))
