"""`latchkey why`."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import click

from crypto import MacAddress
from provisioning import (
    KeyStatus,
    NotFound,
    Store,
    complete_keys,
    database_path,
    db_option,
    find_key,
    json_option,
    open_database,
    parse_zone,
    render_instant,
)

from . import reader
from .cli import parse_since
from .file import decisions_path
from .line_format import printable, render_json
from .reader import Wanted, Whose
from .why import Answer, KnownKey, Told, explain, find_suspects, local_reason, read_decision

_MOST_KEYS: Final = 50
_MOST_LINES: Final = 10
_MOST_OWN: Final = 500
_MOST_READ: Final = 20_000  # refused strangers of one venue: more of them is a storm, and none is singled out


@click.command("why")
@click.argument("who", metavar="WHO|MAC|UNIT", shell_complete=complete_keys)
@click.option("--since", metavar="T", default="24h", show_default=True, help="Decisions since then, as `latchkey log`.")
@json_option
@db_option
@click.pass_context
def why(context: click.Context, who: str, since: str, as_json: bool) -> None:
    """Say why somebody cannot connect: by a person's name, a unit, a key or a device's address.

    Their keys and devices, what the server decided about them lately, and the devices that were refused at the same
    place for a passphrase nobody has. Times are those of the venue.
    """
    now = datetime.now(UTC)
    start = parse_since(since, now)
    path = decisions_path(database_path(context))
    device = _address(who)
    with open_database(context, readonly=True) as store:
        answer = Answer(keys=tuple(_known_keys(store, who, device)))
        whose = _whose(answer.keys, device)
        answer.decisions = tuple(_decisions(path, Wanted(since=start, whose=(whose,)), _MOST_OWN))
        if device is None:
            venues = sorted({known.venue for known in answer.keys if known.venue is not None})
            refused = [
                told for venue in venues for told in _decisions(path, Wanted(since=start, venue=venue), _MOST_READ)
            ]
            answer.suspects = find_suspects(refused, lambda mac: bool(store.devices.keys_of(mac)))
    answer.findings = explain(answer.keys, answer.decisions, answer.suspects, device=device, now=now, since=now - start)
    if as_json:
        click.echo(render_json(_view(answer, now)))
    else:
        for line in _render(answer, now):
            click.echo(printable(line))


def _address(text: str) -> MacAddress | None:
    digits = re.sub(r"[:.\-]", "", text)
    return MacAddress(bytes.fromhex(digits)) if re.fullmatch(r"[0-9A-Fa-f]{12}", digits) else None


def _whose(keys: Iterable[KnownKey], device: MacAddress | None) -> Whose:
    """Return which lines of the log are theirs."""
    devices = {str(seen.mac) for known in keys for seen in known.devices} | ({str(device)} if device else set())
    return Whose(key_ids=frozenset(str(known.key.id) for known in keys), devices=frozenset(devices))


def _known_keys(store: Store, who: str, device: MacAddress | None) -> Iterable[KnownKey]:
    """Yield the keys that are meant; NotFound, with names that may be meant, where there is none."""
    ids = store.devices.keys_of(device) if device is not None else store.keys.meant_by(who)
    if not ids and device is None:
        ids = (find_key(store, who).id,)
    ssids = {pool.id: str(pool.ssid) for pool in store.keypools.all(lambda *_: None)}
    places = {pool.id: pool.venue_ids for pool in store.keypools.all(lambda *_: None)}
    venues = {venue.id: venue.name for venue in store.venues.all(lambda *_: None)}
    found = [key for key in store.keys.get_many(ids, lambda *_: None) if key.grace_of is None]
    live = [key for key in found if key.status is not KeyStatus.REMOVED]
    if ids and not found:
        raise NotFound(f"what is meant by {who!r} cannot be read: `latchkey check` says which rows are damaged")
    for key in (live or found)[:_MOST_KEYS]:
        place = (key.unit.venue_id,) if key.unit is not None else places.get(key.keypool_id, ())
        venue = venues.get(place[0]) if len(place) == 1 else next(iter(venues.values())) if len(venues) == 1 else None
        yield KnownKey(key, ssids.get(key.keypool_id, "?"), venue, store.devices.sightings(key.id))


def _decisions(path: Any, wanted: Wanted, limit: int) -> Iterable[Told]:
    lines, _ = reader.read_back(path, wanted, limit)
    return filter(None, map(read_decision, lines))


def _render(answer: Answer, now: datetime) -> Iterable[str]:
    zone = parse_zone(answer.keys[0].key.time_zone if answer.keys else "UTC")
    for number, finding in enumerate(answer.findings, 1):
        yield f"{number}. {finding}"
    if not answer.findings:
        yield "nothing is known that would keep them out"
    for known in answer.keys:
        key = known.key
        yield ""
        unit = "" if key.unit is None else f", unit {key.unit.name}"
        yield f"key {key.id}  {key.identity}  on {known.ssid}{unit}{f', {known.venue}' if known.venue else ''}"
        begins = "always" if key.starts is None else render_instant(key.starts, parse_zone(key.time_zone))
        ends = "no end" if key.ends is None else render_instant(key.ends, parse_zone(key.time_zone))
        yield f"  {local_reason(key, now)}; window {begins} to {ends}; VLAN {key.effective_vlan or 'none'}"
        for seen in known.devices:
            name = f" {seen.name}" if seen.name else ""
            when = "not seen yet" if seen.last is None else f"last seen {render_instant(seen.last, zone)}"
            yield f"  device {seen.mac}{name}, {when}"
        if not known.devices:
            yield "  no device yet"
    if answer.decisions:
        yield ""
        yield "lately:"
        for told in answer.decisions[-_MOST_LINES:]:
            when, what = render_instant(told.at, zone), told.reason or told.how or ""
            yield f"  {when}  {told.outcome:7}{told.device}  {told.nas}  {what}"
    if answer.suspects:
        yield ""
        yield "refused there for a passphrase nobody has:"
        for suspect in answer.suspects:
            times = "once" if suspect.count == 1 else f"{suspect.count} times"
            yield f"  {suspect.device}  {times}, last {render_instant(suspect.last, zone)} by {suspect.nas}"


def _view(answer: Answer, now: datetime) -> dict[str, Any]:
    return {
        "findings": answer.findings,
        "keys": [
            {
                "id": known.key.id,
                "identity": known.key.identity,
                "ssid": known.ssid,
                "venue": known.venue,
                "unit": None if known.key.unit is None else known.key.unit.name,
                "state": local_reason(known.key, now),
                "time_zone": known.key.time_zone,
                "starts": _instant(known.key.starts),
                "ends": _instant(known.key.ends),
                "effective_vlan": known.key.effective_vlan,
                "devices": [
                    {"mac": str(seen.mac), "name": seen.name, "last_seen": _instant(seen.last)}
                    for seen in known.devices
                ],
            }
            for known in answer.keys
        ],
        "decisions": [
            {
                "ts": _instant(told.at),
                "event": told.outcome,
                "device": told.device,
                "nas": told.nas,
                "ssid": told.ssid,
                "reason": told.reason,
                "key": told.key_id,
            }
            for told in answer.decisions
        ],
        "suspects": [
            {"device": each.device, "count": each.count, "last": _instant(each.last), "nas": each.nas}
            for each in answer.suspects
        ],
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
