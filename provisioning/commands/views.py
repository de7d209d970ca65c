"""What a command prints: values as JSON-ready dicts, dicts as aligned columns. Secrets only where asked for."""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from ..errors import InvalidValue
from ..model import (
    Key,
    KeyLabel,
    Keypool,
    KeyRow,
    Nas,
    NasLabel,
    Operator,
    ServicePlan,
    Sighting,
    Unit,
    Venue,
    keypool_id,
    plan_id,
)
from ..model.rules.zones import parse_zone, render_instant
from ..selectors import describe_scope

View = dict[str, Any]

_STATE_COLOURS: Final = {
    "valid": "green",
    "starts": "cyan",
    "suspended": "yellow",
    "expired": "red",
    "removed": "red",
    "damaged": "red",
}
_KEY_FIELDS: Final = (
    "id",
    "identity",
    "ssid",
    "keypool_id",
    "unit",
    "subscriber",
    "plan",
    "vlan",
    "effective_vlan",
    "starts",
    "ends",
    "status",
    "status_reason",
    "status_at",
    "state",
    "tag",
    "external_id",
    "platform_id",
    "subscription_id",
    "card_batch_id",
    "grace_of",
    "removes_at",
    "time_zone",
)
_MEASURED: Final = 1000  # rows that decide the width of columns; a million are not kept to align them


def view_venue(venue: Venue) -> View:
    return {
        "id": venue.id,
        "name": venue.name,
        "nas_identifiers": list(venue.nas_identifiers),
        "wireless_only_vlan_offset": venue.wireless_only_vlan_offset,
        "time_zone": venue.time_zone,
        "vlans_wired": _text(venue.vlan_ranges.wired_unit),
        "vlans_wireless": _text(venue.vlan_ranges.local_wireless_only),
        "vlans_roaming": _text(venue.vlan_ranges.global_roaming),
        "allow_overlap": venue.allow_overlap,
        "external_id": venue.external_id,
        "platform_id": venue.platform_id,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def view_operator(operator: Operator) -> View:
    return {"name": operator.name, "time_zone": operator.time_zone, "allow_overlap": operator.allow_overlap}


def view_unit(unit: Unit, venue_names: Mapping[int, str]) -> View:
    return {
        "id": unit.id,
        "venue": venue_names[unit.venue_id],
        "name": unit.name,
        "building": unit.building,
        "floor": unit.floor,
        "vlan": unit.vlan,
        "purpose": unit.purpose.value,
        "external_id": unit.external_id,
        "internal_id": unit.internal_id,
        "allow_overlap": unit.allow_overlap,
    }


def view_keypool(pool: Keypool, venue_names: dict[int, str], keys: int, operator: str = "") -> View:
    return {
        "id": pool.id,
        "ssid": str(pool.ssid),
        "ssid_hex": pool.ssid.value.hex(),
        "scope": pool.scope.value,
        "venues": describe_scope(pool, venue_names) if pool.venue_ids else None,
        "venue_ids": list(pool.venue_ids),
        "keys": keys,
        "display_order": pool.display_order,
        "platform_id": _keypool_id(operator, pool),
    }


def _keypool_id(operator: str, pool: Keypool) -> str | None:
    """Return VAULT's KeyPoolID, None for an SSID that has none: what is not UTF-8."""
    try:
        return keypool_id(operator, pool.ssid, pool.scope_id)
    except InvalidValue:
        return None


def view_plan(plan: ServicePlan, operator: str = "") -> View:
    return {
        "id": plan.id,
        "name": plan.name,
        "download_kbps": plan.download_kbps,
        "upload_kbps": plan.upload_kbps,
        "devices": plan.devices,
        "wireless_only": plan.wireless_only,
        "download_quota_octets": plan.download_quota_octets,
        "upload_quota_octets": plan.upload_quota_octets,
        "total_quota_octets": plan.total_quota_octets,
        "vlan_pool": plan.vlan_pool,
        "hours": _text(plan.hours),
        "external_id": plan.external_id,
        "platform_id": plan_id(operator, plan.name) if operator else None,
    }


def view_nas(nas: Nas, venue_names: Mapping[int, str], *, secrets: bool) -> View:
    view: View = {
        "id": nas.id,
        "network": str(nas.network),
        "name": nas.name,
        "venue": None if nas.venue_id is None else venue_names.get(nas.venue_id),
        "profile": nas.profile,
        "require_message_authenticator": nas.require_message_authenticator,
        "unknown_devices": nas.unknown_devices.value,
        "answers": nas.answers.value,
        "any_venue": nas.any_venue,
        "enabled": nas.enabled,
        "former_secret_until": view_instant(nas.former_secret_until),
    }
    if secrets:
        view["secret"] = nas.secret.decode("utf-8", "backslashreplace")
        if nas.former_secret is not None:
            view["former_secret"] = nas.former_secret.decode("utf-8", "backslashreplace")
    return view


def view_key(key: Key, ssids: Mapping[int, str], now: datetime, *, secrets: bool) -> View:
    view: View = {
        "id": key.id,
        "identity": key.identity,
        "ssid": ssids.get(key.keypool_id),
        "keypool_id": key.keypool_id,
        "unit": key.unit.name if key.unit else None,
        "subscriber": key.subscriber.name if key.subscriber else None,
        "plan": key.plan.name if key.plan else None,
        "vlan": key.vlan,
        "effective_vlan": key.effective_vlan,
        "starts": view_instant(key.starts),
        "ends": view_instant(key.ends),
        "status": key.status.value,
        "status_reason": key.status_reason,
        "status_at": view_instant(key.status_at),
        "state": key.validity(now) or "valid",
        "tag": key.tag,
        "external_id": key.external_id,
        "platform_id": key.platform_id,
        "subscription_id": key.subscription_id,
        "card_batch_id": key.card_batch_id,
        "grace_of": key.grace_of,
        "removes_at": view_instant(key.removes_at),
        "time_zone": key.time_zone,
    }
    if secrets:
        view["passphrase"] = None if key.erased else key.passphrase.value.decode("ascii")
        if key.erased:
            view["passphrase_erased"] = True
    return view


def view_key_row(row: KeyRow, ssids: Mapping[int, str], now: datetime) -> View:
    """Return what `view_key` does of the same key without its secrets; they are held together by a test."""
    return {
        "id": row.id,
        "identity": row.identity,
        "ssid": ssids.get(row.keypool_id),
        "keypool_id": row.keypool_id,
        "unit": row.unit,
        "subscriber": row.subscriber,
        "plan": row.plan,
        "vlan": row.vlan,
        "effective_vlan": row.effective_vlan,
        "starts": _view_seconds(row.starts),
        "ends": _view_seconds(row.ends),
        "status": row.status,
        "status_reason": row.status_reason,
        "status_at": _view_seconds(row.status_at),
        "state": row.validity(now) or "valid",
        "tag": row.tag,
        "external_id": row.external_id,
        "platform_id": row.platform_id,
        "subscription_id": row.subscription_id,
        "card_batch_id": row.card_batch_id,
        "grace_of": row.grace_of,
        "removes_at": _view_seconds(row.removes_at),
        "time_zone": row.time_zone or "UTC",
    }


def _view_seconds(at: int | None) -> str | None:
    return None if at is None else view_instant(datetime.fromtimestamp(at, UTC))


def localise(view: View, fields: Sequence[str] = ("starts", "ends", "status_at", "removes_at")) -> View:
    """Return a view for people: with the venue's own times, where those are not UTC's."""
    zone = view.get("time_zone")
    if zone in (None, "UTC"):
        return view
    local = {
        field: render_instant(datetime.fromisoformat(view[field]), parse_zone(zone))
        for field in fields
        if view.get(field) is not None
    }
    return view | local


def view_damaged_key(label: KeyLabel, ssids: Mapping[int, str], *, secrets: bool) -> View:
    """Return what can be said of a key that cannot be opened, in the fields of `view_key`."""
    view: View = dict.fromkeys(_KEY_FIELDS)
    view |= {
        "id": label.id,
        "identity": label.identity,
        "ssid": ssids.get(label.keypool_id),
        "keypool_id": label.keypool_id,
        "unit": label.unit,
        "status": None if label.status is None else label.status.value,
        "state": "damaged",
    }
    return view | ({"passphrase": None} if secrets else {})


def view_damaged_nas(label: NasLabel) -> View:
    """Return what can be said of a NAS that cannot be opened; its other fields are absent."""
    return {"id": label.id, "network": label.network and str(label.network), "name": label.name, "damaged": True}


def view_sightings(sightings: Iterable[Sighting]) -> list[View]:
    return [
        {
            "mac": str(each.mac),
            "first_seen": view_instant(each.first),
            "last_seen": view_instant(each.last),
            "registered": each.registered,
            "name": each.name,
            "tag": each.tag,
        }
        for each in sightings
    ]


def describe_sighting(sighting: View) -> str:
    """Return a device and when it was seen, in words."""
    name = f"{sighting['mac']} {sighting['name']!r}" if sighting.get("name") else sighting["mac"]
    last = sighting["last_seen"]
    return f"{name} (last seen {last})" if last else f"{name} (not seen yet)"


def view_instant(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def render_json(views: Iterable[View]) -> Iterator[str]:
    """Yield the lines of one JSON array, an object to a line."""
    yield "["
    line = ""
    for view in views:
        if line:
            yield f"{line},"
        line = json.dumps(view, ensure_ascii=False)
    if line:
        yield line
    yield "]"


def render_table(views: Iterable[View], columns: Sequence[str], *, colours: bool = False) -> Iterator[str]:
    """Yield a heading and a line per view, in columns as wide as the first thousand need; colours for a terminal."""
    rest = iter(views)
    first = [[_cell(view.get(column)) for column in columns] for view in itertools.islice(rest, _MEASURED)]
    if not first:
        return
    heading = [column.upper().replace("_", " ") for column in columns]
    widths = [max(map(_width, cells)) for cells in zip(heading, *first, strict=True)]
    more = ([_cell(view.get(column)) for column in columns] for view in rest)
    state = columns.index("state") if colours and "state" in columns else None
    yield _line(heading, widths)
    padded = "  ".join(f"{{:{width}}}" for width in widths).format  # a letter of ASCII takes one column
    for cells in itertools.chain(first, more):
        if state is None and "".join(cells).isascii():
            yield padded(*cells).rstrip()
        else:
            yield _line(cells, widths, state)


def _line(cells: Sequence[str], widths: Sequence[int], state: int | None = None) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
    if state is not None:
        colour = _STATE_COLOURS.get(re.split("[ :]", cells[state], maxsplit=1)[0])
        padded[state] = click.style(cells[state], fg=colour) + padded[state][len(cells[state]) :]
    return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Return the columns of a terminal that a text takes: an SSID may be in letters of two each."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def render_record(view: View) -> Iterator[str]:
    """Yield a line per field."""
    width = max(map(len, view))
    for name, value in view.items():
        yield f"{name.replace('_', ' '):{width}}  {_cell(value)}"


def _cell(value: object) -> str:
    if type(value) is str:  # nearly all are
        return value
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "-"
    return str(value)
