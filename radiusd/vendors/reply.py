"""What an Access-Accept says in the attributes that several vendors share, written and read back."""

from functools import lru_cache
from typing import Protocol

from ..model import Accept, Attribute, Granted, Offer, Rates, Reply, Salted, Sendable
from .attributes import (
    CHARGEABLE_USER_IDENTITY,
    CLASS,
    SESSION_TIMEOUT,
    TUNNEL_MEDIUM_TYPE,
    TUNNEL_PASSWORD,
    TUNNEL_PRIVATE_GROUP_ID,
    TUNNEL_TYPE,
    WISPR_DOWN,
    WISPR_UP,
)

_MAX_BPS = 2**32 - 1
_VLAN_TYPE, _IEEE_802 = bytes.fromhex("0000000d"), bytes.fromhex("00000006")  # tag 0 (RFC 2868 3.1, 3.2)


class Decrypt(Protocol):
    """Opens a salted value, Tunnel-Password with its tag octet, MS-MPPE-Recv-Key without; else raises PacketError."""

    def __call__(self, value: bytes, *, tagged: bool = True) -> bytes: ...


def tunnel_password(passphrase: bytes) -> Salted:
    """Return Tunnel-Password with a tag octet (RFC 2868 3.5): hostapd skips it without one."""
    return Salted(TUNNEL_PASSWORD, passphrase, 0)


def parse_tunnel_passwords(reply: Reply, decrypt: Decrypt) -> tuple[bytes, ...]:
    """Return what is in every Tunnel-Password."""
    return tuple(decrypt(value) for value in reply.every(TUNNEL_PASSWORD))


def shared_accept(accept: Accept) -> tuple[Sendable, ...]:
    """Return what most dialects' Accepts carry besides the key: VLAN (RFC 3580 3.31), key name, end of session."""
    return *_vlan(accept.key.effective_vlan), *name_and_end(accept)


def shared_offer(offer: Offer) -> tuple[Sendable, ...]:
    """Return the same for keys of which one will be used: no name, since nobody knows yet which."""
    return *_vlan(offer.vlan), *_session_timeout(offer.session_timeout_s)


def name_and_end(accept: Accept) -> tuple[Sendable, ...]:
    """Return the opaque name of the key, for accounting, and the end of the session."""
    name = accept.session_key_name
    attributes: tuple[Sendable, ...] = (Attribute(CLASS, name), *_session_timeout(accept.session_timeout_s))
    return (*attributes, chargeable_user_identity(accept)) if accept.name_asked else attributes


def chargeable_user_identity(accept: Accept) -> Attribute:
    """Return the opaque name of the key as accounting repeats it (RFC 4372)."""
    return Attribute(CHARGEABLE_USER_IDENTITY, accept.session_key_name)


def _session_timeout(seconds: int | None) -> tuple[Attribute, ...]:
    return () if seconds is None else (Attribute(SESSION_TIMEOUT, seconds.to_bytes(4)),)


def wispr(rates: Rates) -> tuple[Attribute, ...]:
    """Return WISPr-Bandwidth-Max-Up and -Down: bits per second, up being client to network."""
    return tuple(
        Attribute(kind, min(kbps * 1000, _MAX_BPS).to_bytes(4))
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
    session_key_names: tuple[bytes, ...] = (),
) -> Granted:
    """Return the key (and the VLAN, if not RFC 3580's) that a dialect has found in an Accept, with what all carry."""
    return Granted(
        passphrases=passphrases,
        pmk=pmk,
        vlan=_parse_vlan(reply) if vlan is None else vlan,
        rates=rates or Rates(),
        session_key_names=session_key_names,
        session_timeout_s=_parse_session_timeout(reply),
        class_=reply.first(CLASS),
        chargeable_user_identity=reply.first(CHARGEABLE_USER_IDENTITY),
    )


def _parse_vlan(reply: Reply) -> int | None:
    """Return the VLAN of untagged tunnel attributes, or None where they do not name one."""
    group = reply.first(TUNNEL_PRIVATE_GROUP_ID)
    if reply.first(TUNNEL_TYPE) != _VLAN_TYPE or reply.first(TUNNEL_MEDIUM_TYPE) != _IEEE_802:
        return None
    return int(group) if group is not None and group.isdigit() else None


def _parse_session_timeout(reply: Reply) -> int | None:
    """Return Session-Timeout in seconds."""
    value = reply.first(SESSION_TIMEOUT)
    return None if value is None or len(value) != 4 else int.from_bytes(value)
