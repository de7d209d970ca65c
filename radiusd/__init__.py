"""The server: octets to decisions and back."""

from .client import Question
from .codec import SharedSecret
from .engine import Engine
from .errors import AuthenticityError, DialectError, PacketError, RadiusError, ServeError, UnsignedError
from .follower import Follower
from .index import Index
from .journal import Journal
from .model import Granted, Lookup, Source, Subject
from .server import Server, parse_address, render_address, serve_forever
from .vendors import DIALECTS, Dialect

__all__ = [
    "DIALECTS",
    "AuthenticityError",
    "Dialect",
    "DialectError",
    "Engine",
    "Follower",
    "Granted",
    "Index",
    "Journal",
    "Lookup",
    "PacketError",
    "Question",
    "RadiusError",
    "ServeError",
    "Server",
    "SharedSecret",
    "Source",
    "Subject",
    "UnsignedError",
    "parse_address",
    "render_address",
    "serve_forever",
]
