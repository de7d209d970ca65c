"""Venues and their units: C1 listVenues, C4 listVenueDetails, D1 listVenueUnits, D3 listVenueUnitDetails."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from ...exchange import Unreadable
from ...fields import Number, OpaqueId, OptionalId, Text
from .common import Record, either

_NETWORK: Final = "NetworkConfiguration"


def _several(value: object) -> tuple[str, ...]:
    """Return one name or several, exactly as they are."""
    if value is None:
        return ()
    each: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in each):
        raise PydanticCustomError("latchkey", "is neither a text nor a list of texts")
    return tuple(name for name in each if name.strip())


class Venue(Record):
    """A venue, as either call has it."""

    id: OpaqueId = Field(validation_alias="VenueID")
    name: Text = Field(None, validation_alias="VenueName")
    nas_identifiers: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        (), validation_alias=either("NAS-Identifier", within=_NETWORK)
    )
    time_zone: Text = Field(None, validation_alias="TZ")
    offset: Number = Field(None, validation_alias=either("WirelessOnlyPlanVLANOffset", within=_NETWORK))
    units: Number = Field(None, validation_alias="UnitCount")


class Unit(Record):
    """A unit of a venue. The VLAN is promised by no list."""

    id: OpaqueId = Field(validation_alias="UnitID_internal")
    name: Text = Field(None, validation_alias="UnitID")
    building: Text = Field(None, validation_alias="UnitBuilding")
    floor: Text = Field(None, validation_alias="UnitFloor")
    external_id: OptionalId = Field(None, validation_alias="externalVenueUnitID")
    vlan: Number = None


VENUES: Final = TypeAdapter(list[Venue])
UNITS: Final = TypeAdapter(list[Unit])


def find_details(answer: Any, venue: str, what: str) -> dict[str, Any]:
    """Return the object of a venue: flat, by its VenueID, or as `data`; Unreadable where it is another's or none."""
    if isinstance(answer, dict):
        for place in (answer, answer.get(venue), answer.get("data")):
            if isinstance(place, dict) and ("VenueID" in place or "VenueName" in place):
                if place.get("VenueID", venue) != venue:
                    raise Unreadable(f"{what}: the answer is about another venue")
                return {"VenueID": venue} | place
    raise Unreadable(f"{what}: there is no venue in the answer")
