"""The platforms: their payloads, and a connector each that makes a Reading of them. No sockets, no store.

# Rule: a platform is one package, and one line of the table here.
"""

from .exchange import (
    JSON_TYPE,
    Answer,
    Connector,
    Exchange,
    Known,
    PlatformError,
    Refused,
    Request,
    Unavailable,
    Unreadable,
    basic,
    bearer,
    json_body,
)
from .settings import SECRETS, ConnectorSettings, Credentials, NasPlace, Secret, UnitPlace

__all__ = [
    "JSON_TYPE",
    "SECRETS",
    "Answer",
    "Connector",
    "ConnectorSettings",
    "Credentials",
    "Exchange",
    "Known",
    "NasPlace",
    "PlatformError",
    "Refused",
    "Request",
    "Secret",
    "Unavailable",
    "UnitPlace",
    "Unreadable",
    "basic",
    "bearer",
    "json_body",
]
