"""The platforms: their payloads, and a connector each that makes a Reading of them. No sockets, no store.

# Rule: a platform is one package, and one line of the table here.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Final

from .exchange import (
    JSON_TYPE,
    Acknowledges,
    Answer,
    Connector,
    Exchange,
    Known,
    NewId,
    PlatformError,
    Refused,
    Request,
    StoredKey,
    Unavailable,
    Unreadable,
    WritesAgain,
    WritesBack,
    basic,
    bearer,
    json_body,
)
from .settings import SECRETS, ConnectorSettings, Credentials, NasPlace, Secret, UnitPlace, plain_uid

_PACKAGES: Final = {
    "vault": "vault",
    "eleven": "eleven",
    "storedge": "storedge",
    "leap": "leap",
    "encloud": "encloud",
    "ruckus-one": "ruckus_one",
}


class _Platforms(Mapping[str, Callable[[ConnectorSettings], Connector]]):
    """What a table's `platform` stands for; a package is imported when its connector is asked for."""

    def __getitem__(self, name: str) -> Callable[[ConnectorSettings], Connector]:
        found: Callable[[ConnectorSettings], Connector] = import_module(
            f".{_PACKAGES[name]}.connector", __name__
        ).Connector
        return found

    def __contains__(self, name: object) -> bool:  # without importing it
        return name in _PACKAGES

    def __iter__(self) -> Iterator[str]:
        return iter(_PACKAGES)

    def __len__(self) -> int:
        return len(_PACKAGES)


PLATFORMS: Final[Mapping[str, Callable[[ConnectorSettings], Connector]]] = _Platforms()

__all__ = [
    "JSON_TYPE",
    "PLATFORMS",
    "SECRETS",
    "Acknowledges",
    "Answer",
    "Connector",
    "ConnectorSettings",
    "Credentials",
    "Exchange",
    "Known",
    "NasPlace",
    "NewId",
    "PlatformError",
    "Refused",
    "Request",
    "Secret",
    "StoredKey",
    "Unavailable",
    "UnitPlace",
    "Unreadable",
    "WritesAgain",
    "WritesBack",
    "basic",
    "bearer",
    "json_body",
    "plain_uid",
]
