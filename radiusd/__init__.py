"""The server: octets to decisions and back."""

from .accounting import Accounting
from .client import Question
from .codec import ACCESS_ACCEPT, SharedSecret, decode_request, decode_unverified, encode_reply
from .config import Config, Settings
from .engine import Engine
from .errors import (
    AuthenticityError,
    ConfigError,
    DialectError,
    LogError,
    PacketError,
    RadiusError,
    ServeError,
    UnsignedError,
)
from .follower import Follower
from .index import Index
from .journal import Journal
from .model import Accept, Attribute, Granted, How, Lookup, Request, Source, Subject
from .server import Server
from .serving import serve_forever
from .sockets import parse_address, render_address
from .vendors import DIALECTS, Dialect, device_address, network, recognise

__all__ = [
    "ACCESS_ACCEPT",
    "DIALECTS",
    "Accept",
    "Accounting",
    "Attribute",
    "AuthenticityError",
    "Config",
    "ConfigError",
    "Dialect",
    "DialectError",
    "Engine",
    "Follower",
    "Granted",
    "How",
    "Index",
    "Journal",
    "LogError",
    "Lookup",
    "PacketError",
    "Question",
    "RadiusError",
    "Request",
    "ServeError",
    "Server",
    "Settings",
    "SharedSecret",
    "Source",
    "Subject",
    "UnsignedError",
    "decode_request",
    "decode_unverified",
    "device_address",
    "encode_reply",
    "network",
    "parse_address",
    "recognise",
    "render_address",
    "serve_forever",
]
