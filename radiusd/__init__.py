"""The server: octets to decisions and back."""

from .addresses import is_loopback, parse_address, render_address
from .ciphers import SharedSecret
from .client import Question
from .codec import ACCESS_ACCEPT, decode_request, decode_unverified, encode_reply
from .config import Config, Settings
from .engine.accounting import Accounting
from .engine.engine import Engine
from .engine.journal import Journal
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
from .model import Accept, Attribute, Granted, How, Lookup, Request, Source, Subject
from .server.process import serve_forever
from .server.service import Server
from .state.follower import Follower
from .state.index import Index
from .vendors import DIALECTS, PROFILES, Dialect, attribute_name, device_address, parse_called_station, recognise

__all__ = [
    "ACCESS_ACCEPT",
    "DIALECTS",
    "PROFILES",
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
    "attribute_name",
    "decode_request",
    "decode_unverified",
    "device_address",
    "encode_reply",
    "is_loopback",
    "parse_address",
    "parse_called_station",
    "recognise",
    "render_address",
    "serve_forever",
]
