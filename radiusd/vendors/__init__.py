"""Dialects: how each vendor's access points ask and want to be answered. docs/adding-a-vendor.md walks through one."""

from .dialect import Dialect
from .names import attribute_name, load_dictionary
from .recognition import Recognised, is_probe, recognise
from .reply import Decrypt
from .station import device_address, parse_called_station, station_address
from .table import DIALECTS, PROFILES

__all__ = [
    "DIALECTS",
    "PROFILES",
    "Decrypt",
    "Dialect",
    "Recognised",
    "attribute_name",
    "device_address",
    "is_probe",
    "load_dictionary",
    "parse_called_station",
    "recognise",
    "station_address",
]
