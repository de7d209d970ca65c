"""What RUCKUS One sends, as far as it is needed."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from ..fields import parse_instant


def _as_instant(value: Any) -> datetime | None:
    return parse_instant(value, UTC)


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, populate_by_name=True)


class Token(_Payload):
    """The answer of the token endpoint (RFC 6749 5.1)."""

    access_token: SecretStr


class Pool(_Payload):
    """A DPSK service."""

    id: Annotated[str, Field(min_length=1, max_length=255)]
    name: str
    notifies: Annotated[bool, BeforeValidator(lambda value: value is not False)] = Field(
        False, alias="autoNotificationsEnabled"
    )  # absent: no; what is neither true nor false counts as true, since mails cannot be taken back


class PassphraseId(_Payload):
    """What of a row must be readable, so that it is known to be there."""

    id: Annotated[str, Field(min_length=1, max_length=255)]


class Passphrase(PassphraseId):
    """A row of a pool's passphrases; absent fields are absent, not null."""

    passphrase: SecretStr
    username: str | None = None
    vlan: int | None = Field(None, alias="vlanId")
    ends: Annotated[datetime | None, BeforeValidator(_as_instant)] = Field(None, alias="expirationDate")


class Operation(_Payload):
    """What a write is answered."""

    request_id: str | None = Field(None, alias="requestId")


class Activity(_Payload):
    """What became of a write; only `status` counts: errors are listed for successes as well."""

    status: str = ""

    @property
    def is_failed(self) -> bool:
        return self.status.upper() in ("FAIL", "FAILED")

    @property
    def is_done(self) -> bool:
        return self.status.upper() == "SUCCESS"
