"""What a table [sync.NAME] of latchkey.toml says. Values only: files are read where the table is (`runner`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from .exchange import Refused

Secret: TypeAlias = Literal["password", "token", "api_key", "client_secret"]
SECRETS: Final[tuple[Secret, ...]] = ("password", "token", "api_key", "client_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlace:
    """Where a unit is that the platform only has an id for."""

    unit: str
    building: str | None = None
    floor: str | None = None
    vlan: int | None = None
    venue: str | None = None  # as in `sites`, where the platform does not say it either


@dataclass(frozen=True, slots=True, kw_only=True)
class NasPlace:
    """What RADIUS needs of a router or access point, which its platform does not know."""

    address: str
    profile: str = "auto"
    name: str | None = None


def plain_uid(text: str) -> str:
    """Return a device's UID as a SaidNas has it: UIDs are written with and without separators, in either case."""
    return "".join(character for character in text if character.isalnum()).upper()


class Credentials:
    """The secrets of a connector: each is read when it is asked for, so that a renewed file counts at once."""

    def __init__(self, load: Callable[[Secret], str | None]) -> None:
        self._load = load

    def get(self, name: Secret) -> str:
        """Return a secret; Refused where none is configured."""
        value = self._load(name)
        if value is None:
            raise Refused(f"no {name} is configured: set {name}_file, {name}_env or {name}")
        return value

    def has(self, name: Secret) -> bool:
        """Return whether it is configured."""
        return self._load(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSettings:
    """One connector. What a platform has no use for is refused when the table is read (USED)."""

    name: str  # of the table
    platform: str
    url: str
    credentials: Credentials = field(repr=False)
    username: str | None = None
    client_id: str | None = None
    tenant: str | None = None
    sites: tuple[str, ...] = ()  # none: all that can be listed
    ssid: str | None = None
    timezone: str | None = None
    write_back: bool = False
    units: Mapping[str, UnitPlace] = field(default_factory=dict)  # [sync.NAME.units]: platform's id of it -> place
    nases: Mapping[str, NasPlace] = field(default_factory=dict)  # [sync.NAME.nas]: UID -> place
    pools: Mapping[str, str] = field(default_factory=dict)  # [sync.NAME.pools]: RUCKUS One's pool -> SSID
    batches: tuple[str, ...] = ()  # VAULT: scratch-card batches to read, KeyPoolID/BatchID
    namespace: bool = True  # LEAP: requests carry the XML namespace

    def require(self, *names: str) -> None:
        """Raise Refused where the table lacks one of these."""
        for name in names:
            if not getattr(self, name):
                raise Refused(f"[sync.{self.name}] has no {name}, which {self.platform} needs")
