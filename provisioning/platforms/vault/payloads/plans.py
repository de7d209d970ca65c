"""Service plans: I1 listServicePlans, which answers a bare list."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, TypeAdapter

from ...exchange import Unreadable
from ...fields import Number, OpaqueId, Text
from .common import Record, Rows, are_true, records

_NAMES: Final = ("ServicePlans", "AvailableServicePlans", "ServicePlanList", "data")
_ENVELOPE: Final = frozenset({"message", "errorProcessing", "statusCode", "success", "SupportedLocales"})


class Plan(Record):
    """Speeds in kbit/s. The cycle, of which samples exceed the documented range, is not read."""

    id: OpaqueId = Field(validation_alias="ServicePlanID")
    name: Text = Field(None, validation_alias="ServicePlanName")
    download_kbps: Number = Field(None, validation_alias="DownloadKbps")
    upload_kbps: Number = Field(None, validation_alias="UploadKbps")
    devices: Number = Field(None, validation_alias="ConcurrentDevices")
    wireless_only: Annotated[bool, BeforeValidator(are_true)] = Field(False, validation_alias="WirelessOnlyPlan")


PLANS: Final = TypeAdapter(list[Plan])


def find_plans(answer: Any, what: str) -> Rows:
    """Return the plans of an answer: the list itself, a member of it, or an object that has them by their ids."""
    if isinstance(answer, dict):
        for name in _NAMES:
            if name in answer:
                return records(answer[name], "ServicePlanID", what)
        by_id = {key: each for key, each in answer.items() if key not in _ENVELOPE}
        if not by_id or not all(isinstance(each, dict) for each in by_id.values()):
            raise Unreadable(f"{what}: there are no plans in the answer")
        return records(by_id, "ServicePlanID", what)
    return records(answer, "ServicePlanID", what)
