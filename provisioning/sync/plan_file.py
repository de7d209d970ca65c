"""A plan as text: JSON that a person can read, without secrets, and packed for the store, with all that is in it.

Packed it is a line of JSON for each step and fault: a plan for 100,000 people is never in memory as one text.
"""

import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache, lru_cache
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

FORMAT: Final = 2
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


def dump_plan(plan: Plan) -> bytes:
    """Return a plan as JSON for a person; without passphrases, so that it can be read and named, but not applied."""
    parts = {each.name: _plain(getattr(plan, each.name), with_secrets=False) for each in fields(plan)}
    return json.dumps({"format": FORMAT} | parts, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")


def plan_id(text: bytes) -> str:
    """Return the id of the plan that a file holds; NotAPlan where it holds none."""
    try:
        value = json.loads(text)
    except ValueError:
        raise NotAPlan("it is not JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise NotAPlan("it has no id")
    return str(value["id"])


def pack_plan(plan: Plan) -> bytes:
    """Return a plan with its passphrases, compressed: for the store, which seals it."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as file:
        for line in _lines(plan):
            file.write(json.dumps(line).encode() + b"\n")
    return packed.getvalue()


def _lines(plan: Plan) -> Iterator[Json]:
    whole = {name: _plain(getattr(plan, name), with_secrets=True) for name in _WHOLE}
    yield {"format": FORMAT} | whole
    for name in _MANY:
        for each in getattr(plan, name):
            yield {name: _plain(each, with_secrets=True)}


def unpack_plan(packed: bytes) -> Plan:
    """Return a plan that `pack_plan` made; NotAPlan for one of another version."""
    parts: Json = {name: [] for name in _MANY}
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        whole = json.loads(file.readline())
        if whole.pop("format", None) != FORMAT:
            raise NotAPlan("it was made by another version: make a new one")
        for line in file:
            for name, value in json.loads(line).items():
                parts[name].append(_MANY[name](value))
    whole["made_at"] = _instant(whole["made_at"])
    whole["holds"] = tuple(whole["holds"])
    parts = {name: tuple(values) for name, values in parts.items()}
    return Plan(**whole, **parts)


def _plain(value: Any, *, with_secrets: bool) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, tuple):
        return [_plain(each, with_secrets=with_secrets) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("latin-1") if with_secrets else None
    if isinstance(value, (Action, Kind, Standing)):
        return value.value
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no part of a plan")
    return {
        name: _plain(each, with_secrets=with_secrets)
        for name, default in _fields(value.__class__)
        if (each := getattr(value, name)) is not default and each != default
    }


@cache
def _fields(type_: type[Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((each.name, each.default) for each in fields(type_))


def _load_step(value: Json) -> Step:
    kind = Kind(value["kind"])
    said = value.get("said")
    return Step(
        action=Action(value["action"]),
        kind=kind,
        id=value["id"],
        venue=_same(value["venue"]),
        label=value["label"],
        record=value.get("record"),
        unit=value.get("unit"),
        fields=tuple(_load_field(each["name"], each["before"], each["after"]) for each in value.get("fields", ())),
        reason=_same(value.get("reason", "")),
        said=None if said is None else _load_said(_TYPES[kind], said | {"id": value["id"]}),
        stops=value.get("stops", False),
        moves=value.get("moves", False),
        returns=value.get("returns", False),
        passes=value.get("passes", False),
    )


# What many steps say in the same words is kept once: a plan for 100,000 people takes half the memory so.
_same: Final = lru_cache(maxsize=4096)(str)
_load_field: Final = lru_cache(maxsize=4096)(Field)
_load_instant: Final = lru_cache(maxsize=4096)(datetime.fromisoformat)


def _load_said(type_: type[Said], value: Json) -> Said:
    loaded: Json = {}
    for name, each in value.items():
        if each is None:
            loaded[name] = None
        elif name in _INSTANTS:
            loaded[name] = _load_instant(each)
        elif name in ("venue", "pool"):
            loaded[name] = _same(each)
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
        value.get("label"),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _load_missing(value: Json) -> Missing:
    return Missing(value["id"], _instant(value["since"]), value["readings"])


_MANY: Final[Mapping[str, Callable[[Any], Any]]] = {
    "steps": _load_step,
    "faults": _load_fault,
    "waiting": _load_step,
    "missing": _load_missing,
    "agreed": str,
}
_WHOLE: Final = tuple(each.name for each in fields(Plan) if each.name not in _MANY)
