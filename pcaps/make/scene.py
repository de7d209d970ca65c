"""Whole captures: beacon, authentication, association, handshake, protected data both ways, deauthentication."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scapy.packet import Packet

from crypto import Fte, Handshake, MacAddress

from . import frames
from .ccmp import CcmpKey
from .conversation import Conversation, Exchange
from .ethernet import exchange_frames
from .four_way import CCMP_KEY_OCTETS, GroupKey, association_elements, four_way
from .handshake import make_mde
from .radio import Air
from .session import Session, draw_address
from .transition import Transition
from .writer import Frame

_BEACON_GAP_US: Final = frames.BEACON_INTERVAL_TU * 1024
_GATEWAY_IP, _DEVICE_IP, _NETMASK = "192.0.2.1", "192.0.2.57", "255.255.255.0"  # RFC 5737
_LEASE_S: Final = 3600
_THINKING_US: Final = 300


def make_capture(
    session: Session, rng: random.Random, start_us: int, conversation: Conversation | None = None
) -> tuple[Frame, ...]:
    """Return what a radio beside both hears of a session, from the beacon to the end; for FT, also of a move.

    start_us:     the time of the first frame, since 1970
    conversation: what goes over the access point's wire meanwhile
    """
    air, gateway = Air(start_us), draw_address(rng)
    bss = _associate(air, session, GroupKey(value=rng.randbytes(CCMP_KEY_OCTETS)), conversation, gateway)
    _get_address(air, bss, gateway, transaction=rng.getrandbits(32))
    _find_gateway(air, bss, gateway)
    if session.handshake.ft is not None:
        bss = _move(air, Transition.draw(session, rng))
        _find_gateway(air, bss, gateway)
    air.send(frames.deauthentication(bss.spa, bss.aa, bss.aa))
    return tuple(air.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bss:
    """One access point as a station has it: addresses and the keys between them."""

    aa: MacAddress
    spa: MacAddress
    pairwise: CcmpKey
    group: CcmpKey

    @classmethod
    def of(cls, aa: MacAddress, spa: MacAddress, ptk: bytes, gtk: GroupKey) -> "_Bss":
        return cls(aa=aa, spa=spa, pairwise=CcmpKey(ptk[32:48]), group=CcmpKey(gtk.value, gtk.key_id))

    def up(self, air: Air, destination: MacAddress, body: Packet) -> None:
        """Send from the station."""
        header = frames.to_access_point(self.spa, self.aa, destination, protected=True)
        air.send_protected(header, body, self.pairwise)

    def down(self, air: Air, source: MacAddress, body: Packet) -> None:
        """Send to the station."""
        header = frames.from_access_point(self.spa, self.aa, source, protected=True)
        air.send_protected(header, body, self.pairwise)

    def flood(self, air: Air, source: MacAddress, body: Packet) -> None:
        """Send to all stations."""
        header = frames.from_access_point(frames.BROADCAST, self.aa, source, protected=True)
        air.send_protected(header, body, self.group)


def _associate(
    air: Air, session: Session, gtk: GroupKey, conversation: Conversation | None, gateway: MacAddress
) -> _Bss:
    handshake = session.handshake
    aa, spa, security = handshake.aa, handshake.spa, association_elements(handshake)
    _beacon(air, aa, handshake)
    air.send(frames.authentication(spa, aa, aa, 1, frames.OPEN_SYSTEM))
    _ask(air, () if conversation is None else conversation.before_association, aa, gateway)
    air.send(frames.authentication(aa, spa, aa, 2, frames.OPEN_SYSTEM))
    air.send(frames.association_request(spa, aa, handshake.ssid, security))
    air.send(frames.association_response(spa, aa, _initial_elements(handshake)))
    four = four_way(session, gtk)
    down = frames.from_access_point(spa, aa, aa, protected=False)
    up = frames.to_access_point(spa, aa, aa, protected=False)
    air.send(down / frames.eapol(four.m1))
    air.send(up / frames.eapol(four.m2))
    _ask(air, () if conversation is None else conversation.after_m2, aa, gateway)
    air.send(down / frames.eapol(four.m3))
    air.send(up / frames.eapol(four.m4))
    return _Bss.of(aa, spa, session.ptk, gtk)


def _ask(air: Air, exchanges: Iterable[Exchange], aa: MacAddress, gateway: MacAddress) -> None:
    """Let the access point ask its server, by way of the gateway, while the air is silent."""
    for exchange in exchanges:
        asked, answered = exchange_frames(exchange, aa, gateway, air.now_us)
        air.frames += (asked, answered)
        air.wait(answered.at_us - asked.at_us + _THINKING_US)


def _beacon(air: Air, aa: MacAddress, handshake: Handshake) -> None:
    air.send(frames.beacon(aa, handshake.ssid, association_elements(handshake), air.uptime_us))
    air.wait(_BEACON_GAP_US // 2)


def _initial_elements(handshake: Handshake) -> bytes:
    """Return what an FT association response names: the mobility domain and both key holders (13.4.2)."""
    ft = handshake.ft
    if ft is None:
        return b""
    return make_mde(ft.mdid).encode() + Fte(r1kh_id=ft.r1kh_id, r0kh_id=ft.r0kh_id).encode()


def _get_address(air: Air, bss: _Bss, gateway: MacAddress, *, transaction: int) -> None:
    lease = (
        ("server_id", _GATEWAY_IP),
        ("lease_time", _LEASE_S),
        ("subnet_mask", _NETMASK),
        ("router", _GATEWAY_IP),
        ("name_server", _GATEWAY_IP),
    )
    asked = (("requested_addr", _DEVICE_IP), ("server_id", _GATEWAY_IP))
    for kind, options, answer in (("discover", (), "offer"), ("request", asked, "ack")):
        request = frames.dhcp_from_client(bss.spa, transaction, ("message-type", kind), *options)
        bss.up(air, frames.BROADCAST, request)
        reply = frames.dhcp_from_server(_GATEWAY_IP, bss.spa, _DEVICE_IP, transaction, ("message-type", answer), *lease)
        bss.down(air, gateway, reply)


def _find_gateway(air: Air, bss: _Bss, gateway: MacAddress) -> None:
    """Ask for the gateway's address; the access point repeats the question to all, the gateway answers."""
    question = frames.arp_request(bss.spa, _DEVICE_IP, _GATEWAY_IP)
    bss.up(air, frames.BROADCAST, question)
    bss.flood(air, bss.spa, question)
    bss.down(air, gateway, frames.arp_reply(gateway, _GATEWAY_IP, bss.spa, _DEVICE_IP))


def _move(air: Air, move: Transition) -> _Bss:
    handshake, aa = move.session.handshake, move.target
    spa = handshake.spa
    _beacon(air, aa, handshake)
    algorithm = frames.FAST_BSS_TRANSITION
    air.send(frames.authentication(spa, aa, aa, 1, algorithm, move.authentication_request))
    air.send(frames.authentication(aa, spa, aa, 2, algorithm, move.authentication_response))
    air.send(frames.reassociation_request(spa, aa, handshake.aa, handshake.ssid, move.reassociation_request))
    air.send(frames.reassociation_response(spa, aa, move.reassociation_response))
    return _Bss.of(aa, spa, move.ptk, move.gtk)
