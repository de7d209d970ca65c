"""`set`: options of which only those given count, and "" takes a field away."""

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any, Final

import click

from ..errors import AlreadyExists, InvalidValue
from ..model.rules.zones import parse_instant


class _Cleared(enum.Enum):
    CLEARED = "cleared"


CLEARED: Final = _Cleared.CLEARED


class Clearable(click.ParamType):  # type: ignore[type-arg]  # generic in click 8.5, not in 8.1
    """A value of another type, or "" for none."""

    def __init__(self, inner: Any = str) -> None:
        self._inner: Any = click.types.convert_type(inner)
        self.name = self._inner.name

    def get_metavar(self, *arguments: Any, **named: Any) -> Any:
        return self._inner.get_metavar(*arguments, **named)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return CLEARED if value in ("", CLEARED) else self._inner.convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        return self._inner.shell_complete(ctx, param, incomplete)


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that were said, None for what was taken away."""
    return {name: None if value is CLEARED else value for name, value in fields.items() if value is not None}


def refuse_empty(fields: dict[str, Any]) -> None:
    """Raise InvalidValue where "" was said of something that is only being made."""
    for name, value in fields.items():
        if value is CLEARED:
            raise InvalidValue(f"--{name.replace('_', '-')} is empty")


def require_some(fields: object) -> None:
    """Raise UsageError where nothing was said."""
    if not fields:
        raise click.UsageError("say what is to change: --help shows what there is")


@contextmanager
def naming(record: str) -> Iterator[None]:
    """Say of a value that is refused whose it is."""
    try:
        yield
    except (InvalidValue, AlreadyExists) as error:
        text = str(error)
        raise type(error)(text if record in text else f"{record}: {text}") from None


def enter_instant(option: str, text: str, zone: tzinfo, *, end_of_day: bool = False) -> datetime:
    """Return what an option says of a time, in UTC; InvalidValue names the option."""
    with naming(option):
        return parse_instant(text, zone, end_of_day=end_of_day)


class YesNo(click.ParamType):  # type: ignore[type-arg]
    """yes or no."""

    name = "yes|no"

    def get_metavar(self, *_arguments: Any, **_named: Any) -> str:
        return "yes|no"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, bool) else click.BOOL.convert(value, param, ctx)
