"""The access point's RADIUS conversation about a session, in any dialect: datagrams, no sockets."""

import random
from dataclasses import dataclass
from typing import Final

from crypto import Handshake
from provisioning import Key, KeyStatus, Passphrase
from radiusd import (
    ACCESS_ACCEPT,
    Accept,
    Dialect,
    DialectError,
    How,
    Lookup,
    Question,
    SharedSecret,
    Subject,
    decode_request,
    encode_reply,
)

from .session import Session

DEFAULT_SECRET: Final = b"testing123"  # every RADIUS server's example
_SALT_BITS: Final = 15


@dataclass(frozen=True, slots=True)
class Exchange:
    """One Access-Request and its Access-Accept."""

    request: bytes
    reply: bytes


@dataclass(frozen=True, slots=True)
class Conversation:
    """What an access point asks before it lets a device associate, and what once it has an M2."""

    before_association: tuple[Exchange, ...]
    after_m2: tuple[Exchange, ...]


def ask(session: Session, dialect: Dialect, secret: SharedSecret, rng: random.Random) -> Question:
    """Return the Access-Request that carries the handshake; where the dialect has no room for it, the address alone."""
    return _ask(session.handshake, session, dialect, secret, rng)


def converse(session: Session, dialect: Dialect, secret: SharedSecret, rng: random.Random) -> Conversation:
    """Return the conversation that ends in this session's key."""
    before: tuple[Exchange, ...] = ()
    if dialect.accepts_unknown:  # Omada asks for the address first, and is content with an empty answer
        handshake = session.handshake
        stranger = Lookup(device=handshake.spa, ssid=handshake.ssid, aa=handshake.aa)
        question = _ask(stranger, session, dialect, secret, rng).datagram
        before = (Exchange(question, encode_reply(decode_request(question, secret), ACCESS_ACCEPT, (), secret)),)
    question = ask(session, dialect, secret, rng).datagram
    request = decode_request(question, secret)
    try:
        searched = isinstance(dialect.decode_request(request), Handshake)
    except DialectError:  # a vendor whose requests nobody can read
        searched = False
    accept = Accept(key=_key(session), how=How.SEARCH if searched else How.LOOKUP)
    salt = rng.getrandbits(_SALT_BITS)
    reply = encode_reply(request, ACCESS_ACCEPT, dialect.encode_accept(accept), secret, salt)
    exchange = Exchange(question, reply)
    return Conversation(before, (exchange,)) if searched else Conversation((*before, exchange), ())


def _ask(subject: Subject, session: Session, dialect: Dialect, secret: SharedSecret, rng: random.Random) -> Question:
    return Question.ask(
        dialect,
        subject,
        secret,
        nas_identifier=session.nas_identifier,
        identifier=rng.getrandbits(8),
        authenticator=rng.randbytes(16),
    )


def _key(session: Session) -> Key:
    """Return the key as a server would have it in its store."""
    return Key(
        id=1,
        keypool_id=1,
        identity="resident",
        passphrase=Passphrase(session.credential.text),
        pmk=session.pmk,
        unit=None,
        subscriber=None,
        plan=None,
        vlan=None,
        effective_vlan=None,
        starts=None,
        ends=None,
        status=KeyStatus.ACTIVE,
        status_reason=None,
        status_at=None,
    )
