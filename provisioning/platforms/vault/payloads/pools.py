"""Keypools: F1 listKeypools."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from ...fields import Number, OpaqueId, OptionalId, Text
from .common import Record


def _venue_ids(value: Any) -> tuple[str, ...]:
    """Return the VenueIDs of a list of them, of a list of venues, or of an object that has them by VenueID."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple(id_ for id_, there in value.items() if there is not False)
    if not isinstance(value, list):
        raise PydanticCustomError("latchkey", "is neither a list nor an object")
    ids: list[Any] = [each.get("VenueID") if isinstance(each, dict) else each for each in value]
    if not all(isinstance(id_, str) for id_ in ids):
        raise PydanticCustomError("latchkey", "has a member that names no venue")
    return tuple(dict.fromkeys(ids))


class Pool(Record):
    """An SSID, which is taken exactly as it is."""

    id: OpaqueId = Field(validation_alias="KeyPoolID")
    ssid: str | None = Field(None, validation_alias="SSID")
    scope: Text = Field(None, validation_alias="Scope")
    mechanism: Text = Field(None, validation_alias="AuthenticationMechanism")
    order: Number = Field(None, validation_alias="DisplayOrder")
    controller: OptionalId = Field(None, validation_alias="RuckusR1ControllerID")
    venues: Annotated[tuple[str, ...], BeforeValidator(_venue_ids)] = Field((), validation_alias="ConnectedVenueList")


POOLS: Final = TypeAdapter(list[Pool])
