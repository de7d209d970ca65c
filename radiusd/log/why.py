"""Why somebody cannot connect: what the store says of their keys and devices, beside what the server decided lately.

Everything here is plain values in, findings out: `why_cli` asks the store and the log, and prints.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from crypto import MacAddress
from provisioning import Key, Sighting, code_of, parse_zone, render_instant

from .line_format import Line

_SUSPECTS: Final = 3  # devices with an unknown passphrase that are named
_LOCALLY_ADMINISTERED: Final = 0x02  # the second bit of an address's first octet (IEEE Std 802, 8.2.2)

# What to do about a reject, by the code of its reason.
_REMEDIES: Final = {
    "unknown-passphrase": "the passphrase was typed wrongly, or is of a key that is not on this SSID here",
    "unknown-device": "the access point asks by address only: register the device with `latchkey device add`",
    "expired": "the key's time is over: `latchkey key extend` prolongs it",
    "not-yet-valid": "the key is not valid yet: `latchkey key set --starts` lets it begin earlier",
    "suspended": "`latchkey key resume` or `latchkey subscriber resume` lets it work again",
    "removed": "the key was removed: `latchkey key restore` brings it back, or give them another",
    "reset": "the passphrase was changed: they need the new one (`latchkey key show --show-secrets`)",
    "no-keypool": "the SSID, or where it is valid, is not what the access point says: see `latchkey pool list`",
    "cooling-down": "the device has shown wrong passphrases again and again: it is tried again in a few minutes",
    "empty-keypool": "the keypool has no keys yet: `latchkey key add`",
    "outside-hours": "the plan's hours are over for now: `latchkey plan set --hours`, or another plan",
    "device-not-allowed": "the subscriber has a whitelist without this device: `latchkey whitelist add --mac`",
    "nas-not-allowed": "the subscriber has a whitelist without this access point: `latchkey whitelist add --nas`",
    "not-allowed": "the access point may not ask so: `latchkey nas set --answers`",
}


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key, and the devices it is known with."""

    key: Key
    ssid: str
    venue: str | None
    devices: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A decision of the server, in words."""

    at: datetime
    outcome: str
    device: str
    nas: str
    ssid: str
    reason: str | None
    key_id: int | None
    how: str | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A device that was refused for a passphrase nobody has."""

    device: str
    count: int
    last: datetime
    nas: str


@dataclass(slots=True)
class Answer:
    """What is known of why."""

    keys: tuple[KnownKey, ...] = ()
    decisions: tuple[Told, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    findings: list[str] = field(default_factory=list)  # the likeliest first


def read_decision(line: Line) -> Told | None:
    """Return a decision about a device, None of any other line."""
    if line.event not in ("accept", "reject", "admit"):
        return None
    try:
        at = datetime.fromisoformat(line.time)
    except ValueError:
        return None
    key = line.value("key")
    return Told(
        at=at,
        outcome=line.event,
        device=str(line.value("device")),
        nas=str(line.value("nas")),
        ssid=str(line.value("ssid")),
        reason=_text(line.value("reason")),
        key_id=key if isinstance(key, int) else None,
        how=_text(line.value("how")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def find_suspects(decisions: Iterable[Told], is_known: Callable[[MacAddress], bool]) -> tuple[Suspect, ...]:
    """Return the devices whose passphrase nobody has and that did not get in since, the latest first.

    is_known: says of a device whether it is known with somebody's key: that is not whom we look for
    """
    count: dict[str, int] = {}
    last: dict[str, Told] = {}
    for told in sorted(decisions, key=lambda each: each.at):
        if told.outcome == "accept":
            count.pop(told.device, None)
            last.pop(told.device, None)
        elif told.reason is not None and told.reason.startswith("unknown passphrase"):
            count[told.device] = count.get(told.device, 0) + 1
            last[told.device] = told
    found: list[Suspect] = []
    for device, told in sorted(last.items(), key=lambda each: each[1].at, reverse=True):
        if len(found) == _SUSPECTS:
            break
        if not _is_known(device, is_known):
            found.append(Suspect(device, count[device], told.at, told.nas))
    return tuple(found)


def _is_known(text: str, is_known: Callable[[MacAddress], bool]) -> bool:
    try:
        return is_known(MacAddress.parse(text))
    except ValueError:  # a request that named no device
        return True


def explain(
    keys: Sequence[KnownKey],
    decisions: Sequence[Told],
    suspects: Sequence[Suspect],
    *,
    device: MacAddress | None,
    now: datetime,
    since: timedelta,
) -> list[str]:
    """Return what may keep them out, the likeliest first, each with what to do."""
    findings = [*_explain_keys(keys, now), *_explain_decisions(decisions, keys)]
    if device is not None and not keys:
        findings.append(f"{device} is known with no key")
        if device.value[0] & _LOCALLY_ADMINISTERED:
            findings.append(f"{device} is an address that the device made up: phones use another one for each network")
    if keys and not any(each.outcome != "discard" for each in decisions):
        span = f"{since.total_seconds() / 3600:g} h"
        findings.append(f"no access point has asked about them in the last {span}: wrong SSID, or out of reach")
    if suspects and not any(each.outcome == "accept" for each in decisions):
        several = f"one of these {len(suspects)} devices" if len(suspects) > 1 else "this device"
        findings.append(f"probably {several}, refused there for a passphrase that nobody has")
    return list(dict.fromkeys(findings))


def _explain_keys(keys: Sequence[KnownKey], now: datetime) -> Iterable[str]:
    usable = [each for each in keys if each.key.validity(now) is None]
    for known in keys:
        key = known.key
        reason = key.validity(now)
        if reason is not None and not usable:
            remedy = _REMEDIES.get(code_of(reason))
            yield f"key {key.id} ({key.identity}): {local_reason(key, now)}" + (f": {remedy}" if remedy else "")
        if reason is None and key.plan is not None and key.plan.hours is not None:
            zone = parse_zone(key.time_zone)
            if not key.plan.hours.allows(now, zone):
                hours = f"{key.plan.hours}, {key.time_zone}"
                yield f"key {key.id}: now is outside the hours of plan {key.plan.name} ({hours})"
        if reason is None and key.whitelists.devices is not None:
            yield f"key {key.id}: only devices on the whitelist of {_owner(key)} may use it"


def local_reason(key: Key, now: datetime) -> str:
    """Return why a key may not be used, with times as they are at its venue."""
    zone = parse_zone(key.time_zone)
    reason = key.validity(now)
    match None if reason is None else code_of(reason):
        case "expired" if key.ends is not None:
            return f"expired {render_instant(key.ends, zone)}"
        case "not-yet-valid" if key.starts is not None:
            return f"starts {render_instant(key.starts, zone)}"
        case "removed" if key.status_at is not None:
            return f"removed {render_instant(key.status_at, zone)}"
        case "suspended" if key.status_at is not None:
            return f"{reason}, since {render_instant(key.status_at, zone)}"
    return "valid" if reason is None else str(reason)


def _owner(key: Key) -> str:
    return key.identity if key.subscriber is None else key.subscriber.name


def _explain_decisions(decisions: Sequence[Told], keys: Sequence[KnownKey]) -> Iterable[str]:
    latest: dict[str, Told] = {}
    for told in decisions:
        latest[told.device] = told
    zone = parse_zone(keys[0].key.time_zone if keys else "UTC")
    for told in sorted(latest.values(), key=lambda each: each.at, reverse=True):
        when = render_instant(told.at, zone)
        if told.outcome == "accept":
            yield f"{told.device} was let in at {when} by {told.nas}: it has a key; look at VLAN, DHCP and signal there"
        elif told.reason is not None:
            remedy = _REMEDIES.get(_code(told.reason))
            yield f"{told.device} was refused at {when} by {told.nas}: {told.reason}" + (
                f": {remedy}" if remedy else ""
            )


def _code(reason: str) -> str:
    """Return the code of a reason as it stands in the log."""
    for start, code in _CODES.items():
        if reason.startswith(start):
            return code
    return ""


_CODES: Final[Mapping[str, str]] = {
    "unknown passphrase: the keypool": "empty-keypool",
    "unknown passphrase": "unknown-passphrase",
    "unknown device": "unknown-device",
    "expired": "expired",
    "starts": "not-yet-valid",
    "suspended": "suspended",
    "subscriber": "suspended",
    "removed": "removed",
    "the passphrase was changed": "reset",
    "no keypool": "no-keypool",
    "cooling down": "cooling-down",
    "outside the hours": "outside-hours",
    "this device is not on": "device-not-allowed",
    "this NAS is not on": "nas-not-allowed",
    "this NAS may not": "not-allowed",
}
