"""Service plans."""

from dataclasses import dataclass
from typing import Final

from ..errors import InvalidValue
from .rules.hours import Hours
from .rules.names import check_name

_MAX_VENDOR_OCTETS: Final = 247  # the longest value of one Vendor-Specific attribute
_MOST_OCTETS: Final = 2**63 - 1  # the largest integer of SQLite


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """What a key may use; absent is unlimited. Quotas are for one session: the access point counts."""

    id: int
    name: str
    download_kbps: int | None
    upload_kbps: int | None
    devices: int | None
    wireless_only: bool
    download_quota_octets: int | None = None
    upload_quota_octets: int | None = None
    total_quota_octets: int | None = None
    vlan_pool: str | None = None  # as the access point knows it
    hours: Hours | None = None  # when it may be used, in the venue's zone; None: always
    external_id: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "plan name")
        for number, what in ((self.download_kbps, "download"), (self.upload_kbps, "upload"), (self.devices, "devices")):
            if number is not None and not 1 <= number < 2**32:
                raise InvalidValue(f"{what} must be 1 to 4294967295, got {number}")
        for number, what in (
            (self.download_quota_octets, "download quota"),
            (self.upload_quota_octets, "upload quota"),
            (self.total_quota_octets, "total quota"),
        ):
            if number is not None and not 1 <= number <= _MOST_OCTETS:
                raise InvalidValue(f"{what} must be 1 to {_MOST_OCTETS} octets, got {number}")
        if self.external_id is not None:
            check_name(self.external_id, "external id")
        if self.vlan_pool is not None:
            check_name(self.vlan_pool, "VLAN pool")
            if (octets := len(self.vlan_pool.encode("utf-8"))) > _MAX_VENDOR_OCTETS:
                raise InvalidValue(f"VLAN pool has {octets} octets, more than {_MAX_VENDOR_OCTETS}")
