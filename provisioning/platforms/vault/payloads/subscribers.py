"""Subscribers and their subscriptions: H1 listSubscribers, H2 listSubscriptions. Only what a key needs of a person."""

from typing import Final

from pydantic import Field, TypeAdapter

from ...fields import OpaqueId, OptionalId, Text
from .common import Moment, Record, either, instant_names

TOKEN: Final = ("SubscriberToken", "SubscriberID")  # one identity under two names


class Subscriber(Record):
    """A person or account."""

    id: OpaqueId = Field(validation_alias=either(*TOKEN))
    given_name: Text = Field(None, validation_alias="GivenName")
    family_name: Text = Field(None, validation_alias="FamilyName")
    status: Text = Field(None, validation_alias=either("Status", "AccountStatus"))
    venue: OptionalId = Field(None, validation_alias="VenueID")
    external_id: OptionalId = Field(None, validation_alias="externalSubscriberID")

    @property
    def name(self) -> str | None:
        return " ".join(filter(None, (self.given_name, self.family_name))) or None


class Subscription(Record):
    """One subscriber's stay in one unit."""

    id: OptionalId = Field(None, validation_alias=either("SubscriptionID", "subscriptionId"))
    subscriber: OpaqueId = Field(validation_alias=either(*TOKEN))
    venue: OptionalId = Field(None, validation_alias="VenueID")
    unit: OptionalId = Field(None, validation_alias="UnitID_internal")
    plan: OptionalId = Field(None, validation_alias="ServicePlanID")
    status: Text = Field(None, validation_alias="Status")
    starts: Moment = Field(None, validation_alias=instant_names("StartDateTimeUTC", "start"))
    ends: Moment = Field(None, validation_alias=instant_names("EndDateTimeUTC", "end"))
    external_id: OptionalId = Field(None, validation_alias="externalSubscriptionID")


SUBSCRIBERS: Final = TypeAdapter(list[Subscriber])
SUBSCRIPTIONS: Final = TypeAdapter(list[Subscription])
