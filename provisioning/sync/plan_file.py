"""A plan as text: JSON for the store, with the passphrases in it, and for a file, without."""

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from .plan import Action, Field, Missing, Plan, Step
from .statement import (
    Fault,
    Kind,
    Said,
    SaidDevice,
    SaidKey,
    SaidNas,
    SaidPlan,
    SaidPool,
    SaidSubscriber,
    SaidUnit,
    SaidVenue,
    Standing,
)

FORMAT: Final = 1
_TYPES: Final[dict[Kind, type[Said]]] = {
    Kind.VENUE: SaidVenue,
    Kind.POOL: SaidPool,
    Kind.PLAN: SaidPlan,
    Kind.UNIT: SaidUnit,
    Kind.SUBSCRIBER: SaidSubscriber,
    Kind.KEY: SaidKey,
    Kind.NAS: SaidNas,
}
_INSTANTS: Final = frozenset({"starts", "ends", "last_seen"})
Json: TypeAlias = dict[str, Any]


class NotAPlan(ValueError):  # noqa: N818
    """A text that is no plan of this version."""


def dump_plan(plan: Plan, *, with_secrets: bool) -> bytes:
    """Return a plan as JSON.

    with_secrets: with passphrases, for the store, which seals it; without, a plan can be read but not applied
    """
    return json.dumps(
        {"format": FORMAT} | {each.name: _plain(getattr(plan, each.name), with_secrets) for each in fields(plan)},
        ensure_ascii=False,
        indent=None if with_secrets else 1,
    ).encode()


def plan_id(text: bytes) -> str:
    """Return the id of the plan that a file holds; NotAPlan where it holds none."""
    try:
        value = json.loads(text)
    except ValueError:
        raise NotAPlan("it is not JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise NotAPlan("it has no id")
    return str(value["id"])


def load_plan(text: bytes) -> Plan:
    """Return a plan that `dump_plan` made with its secrets."""
    value = json.loads(text)
    if value.get("format") != FORMAT:
        raise NotAPlan("it was made by another version: make a new one")
    return Plan(
        id=value["id"],
        connector=value["connector"],
        platform=value["platform"],
        made_at=datetime.fromisoformat(value["made_at"]),
        basis=value["basis"],
        steps=tuple(map(_load_step, value["steps"])),
        holds=tuple(value["holds"]),
        faults=tuple(map(_load_fault, value["faults"])),
        waiting=tuple(map(_load_step, value["waiting"])),
        missing=tuple(Missing(each["id"], _instant(each["since"]), each["readings"]) for each in value["missing"]),
        is_complete=value["is_complete"],
    )


def _plain(value: Any, with_secrets: bool) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(each, with_secrets) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("latin-1") if with_secrets else None
    if isinstance(value, (Action, Kind, Standing)):
        return value.value
    if is_dataclass(value):
        return {
            each.name: _plain(value_, with_secrets)
            for each in fields(value)
            if (value_ := getattr(value, each.name)) != each.default
        }
    return value


def _load_step(value: Json) -> Step:
    kind = Kind(value["kind"])
    said = value.get("said")
    return Step(
        action=Action(value["action"]),
        kind=kind,
        id=value["id"],
        venue=value["venue"],
        label=value["label"],
        record=value.get("record"),
        unit=value.get("unit"),
        fields=tuple(Field(each["name"], each["before"], each["after"]) for each in value.get("fields", ())),
        reason=value.get("reason", ""),
        said=None if said is None else _load_said(_TYPES[kind], said),
        stops=value.get("stops", False),
        moves=value.get("moves", False),
    )


def _load_said(type_: type[Said], value: Json) -> Said:
    loaded: Json = {}
    for name, each in value.items():
        if name in _INSTANTS:
            loaded[name] = _instant(each)
        elif name == "standing":
            loaded[name] = Standing(each)
        elif name == "passphrase":
            loaded[name] = each.encode("latin-1")
        elif name == "devices" and type_ is SaidKey:
            loaded[name] = tuple(SaidDevice(**device) for device in each)
        elif isinstance(each, list):
            loaded[name] = tuple(each)
        else:
            loaded[name] = each
    made: Said = type_(**loaded)
    return made


def _load_fault(value: Json) -> Fault:
    kind = value.get("kind")
    return Fault(
        value["platform"],
        value["venue"],
        None if kind is None else Kind(kind),
        value.get("record"),
        value.get("field"),
        value["text"],
        value.get("is_unreadable", False),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
