"""What RUCKUS One sends, as far as it is needed."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, populate_by_name=True)


class Token(_Payload):
    """The answer of the token endpoint (RFC 6749 5.1)."""

    access_token: SecretStr
    expires_in: float = 3600


class Pool(_Payload):
    """A DPSK service."""

    id: str
    name: str
    notifies: bool = Field(False, alias="autoNotificationsEnabled")


class Passphrase(_Payload):
    """A row of a pool's passphrases; absent fields are absent, not null."""

    id: str
    passphrase: SecretStr = SecretStr("")
    username: str | None = None
    vlan: int | None = Field(None, alias="vlanId")
    ends: datetime | None = Field(None, alias="expirationDate")


class Operation(_Payload):
    """What a write is answered."""

    request_id: str | None = Field(None, alias="requestId")


class Activity(_Payload):
    """What became of a write; only `status` counts: errors are listed for successes as well."""

    status: str = ""
