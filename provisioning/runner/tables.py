"""What a table [sync.NAME] may say, and what each platform has a use for.

# Rule: a key is a field here, in `_USES` of the platforms that it is for, and in latchkey.example.toml; a test holds
# the three together.
"""

from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_text(value: Any) -> Any:
    """Take floor = 3 for "3"."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_place(value: Any) -> Any:
    """Take a name alone for a table of it."""
    return value if isinstance(value, dict) else {"unit": value}


Text: TypeAlias = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=255)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=1024)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, frozen=True, allow_inf_nan=False)


class UnitTable(_Strict):
    """[sync.NAME.units]: where a unit is, by the platform's id of it (storEDGE: ledger, LEAP: property)."""

    unit: Text
    building: Text | None = None
    floor: Text | None = None
    vlan: Annotated[int | None, Field(ge=1, le=4094)] = None
    venue: Text | None = None


class NasTable(_Strict):
    """[sync.NAME.nas]: what RADIUS needs of a router, by its UID."""

    address: Name
    profile: Name = "auto"
    name: Name | None = None
    secret: Annotated[str | None, Field(repr=False)] = None
    secret_file: Name | None = None
    secret_env: Name | None = None


class LimitsTable(_Strict):
    """[sync.NAME.limits]: how much one synchronisation may take away before a person is asked."""

    ends_percent: Annotated[float, Field(ge=0, le=100)] = 10
    ends_units: Annotated[int, Field(ge=0, le=1_000_000)] = 25
    small_units: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    small_ends: Annotated[int, Field(ge=0, le=1_000_000)] = 2
    moves_percent: Annotated[float, Field(ge=0, le=100)] = 30
    missing_readings: Annotated[int, Field(ge=1, le=1000)] = 3
    missing_hours: Annotated[float, Field(ge=0, le=8760)] = 24


class TransportTable(_Strict):
    """[sync.NAME.transport]: how hard a platform is asked."""

    connections: Annotated[int, Field(ge=1, le=64)] = 8
    connect_s: Annotated[float, Field(ge=0.1, le=300)] = 10
    read_s: Annotated[float, Field(ge=0.1, le=3600)] = 30
    request_s: Annotated[float, Field(ge=0.1, le=7200)] = 300
    patience_s: Annotated[float, Field(ge=1, le=86_400)] = 900
    body_mb: Annotated[int, Field(ge=1, le=4096)] = 128


class ConnectorTable(_Strict):
    """[sync.NAME]"""

    platform: Name
    url: Annotated[Name, Field(repr=False)]
    every: Name | None = None
    ca_file: Name | None = None
    username: Name | None = None
    password: Annotated[str | None, Field(repr=False)] = None
    password_file: Name | None = None
    password_env: Name | None = None
    token: Annotated[str | None, Field(repr=False)] = None
    token_file: Name | None = None
    token_env: Name | None = None
    api_key: Annotated[str | None, Field(repr=False)] = None
    api_key_file: Name | None = None
    api_key_env: Name | None = None
    client_id: Name | None = None
    client_secret: Annotated[str | None, Field(repr=False)] = None
    client_secret_file: Name | None = None
    client_secret_env: Name | None = None
    tenant: Name | None = None
    sites: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    ssid: Name | None = None
    timezone: Name | None = None
    write_back: bool = False
    batches: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    namespace: bool = True
    venues: dict[str, Name] = {}
    units: dict[str, Annotated[UnitTable, BeforeValidator(_as_place)]] = {}
    nas: dict[str, NasTable] = {}
    pools: dict[str, Name] = {}
    limits: LimitsTable = LimitsTable()
    transport: TransportTable = TransportTable()


EVERYWHERE: Final = frozenset({"platform", "url", "every", "ca_file", "limits", "transport"})
USES: Final = {  # secrets without _file and _env
    "vault": {"username", "password", "sites", "ssid", "timezone", "write_back", "batches", "venues"},
    "eleven": {"token", "sites", "ssid", "timezone", "venues"},
    "storedge": {"token", "sites", "ssid", "timezone", "units", "venues"},
    "leap": {
        *("username", "password", "token", "sites", "ssid", "timezone"),
        *("write_back", "namespace", "units", "venues"),
    },
    "encloud": {"username", "password", "api_key", "sites", "timezone", "nas", "venues"},
    "ruckus-one": {"client_id", "client_secret", "tenant", "sites", "pools"},
}
NEEDS: Final = {
    "vault": ("username", "password"),
    "eleven": ("token",),
    "storedge": ("token", "sites", "ssid"),
    "leap": ("ssid", "timezone"),
    "encloud": ("username", "password", "api_key", "sites"),
    "ruckus-one": ("tenant", "client_id", "client_secret"),
}
# What one table for any platform may have: told where the platform has no use for it, not refused.
SHARED: Final = frozenset({"username", "password", "token", "api_key", "sites", "ssid", "timezone", "write_back"})
