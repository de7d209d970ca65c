"""`latchkey.toml`: every limit of the server, its default and its range, in one place. Tables [sync.NAME] are not its.

# Rule: a limit is a field here and a line in latchkey.example.toml; a test holds the two together. `live` says whether
# SIGHUP changes it; what does not takes effect at the next start.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from .addresses import parse_address
from .errors import ConfigError, ServeError

T = TypeVar("T")
DEFAULT_PATH: Final = Path("latchkey.toml")
LOG_FORMATS: Final = ("text", "json")
_KINDS: Final = {int: "a whole number", float: "a number"}


def _limit(default: float, low: float, high: float, *, live: bool = True) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "live": live})


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """[searches]: requests of devices that are not known."""

    threads: int = _limit(0, 0, 256, live=False)  # 0: the worker's share of the processors
    waiting: int = _limit(512, 1, 100_000)
    waiting_each: int = _limit(64, 1, 100_000)
    patience_s: float = _limit(5.0, 0.1, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolDownLimits:
    """[cooldown]: devices that fail again and again."""

    failures: int = _limit(10, 1, 10_000)
    within_s: float = _limit(60.0, 1.0, 86_400.0)
    lasts_s: float = _limit(120.0, 0.0, 86_400.0)
    devices: int = _limit(16_384, 1, 10_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateLimits:
    """[duplicates]: answers kept to be sent again (RFC 5080 2.2.2: 5 to 30 s)."""

    lifetime_s: float = _limit(30.0, 5.0, 30.0)
    answers: int = _limit(65_536, 256, 10_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLimits:
    """[status]: Status-Server requests of one address (RFC 5997)."""

    per_second: float = _limit(5.0, 0.1, 10_000.0)
    burst: int = _limit(10, 1, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """[keys]: what of the store is kept at hand."""

    cached: int = _limit(65_536, 16, 10_000_000)
    lapsed_days: int = _limit(90, 0, 3_650, live=False)
    device_days: int = _limit(400, 30, 36_500, live=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """[log]: its form on stderr, and what is kept of it for `latchkey log`."""

    format: str = field(default="text", metadata={"choices": LOG_FORMATS, "live": False})
    size_mb: int = _limit(256, 0, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that latchkey.toml may say."""

    listen: tuple[str, ...] = field(default=("127.0.0.1:1812",), metadata={"live": False})
    acct: tuple[str, ...] = field(default=(), metadata={"live": False})
    workers: int = _limit(1, 1, 256, live=False)
    metrics: str = field(default="", metadata={"live": False})  # where; empty: nowhere
    receive_buffer: int = _limit(8 << 20, 4096, 1 << 30, live=False)
    searches: SearchLimits = SearchLimits()
    cooldown: CoolDownLimits = CoolDownLimits()
    duplicates: DuplicateLimits = DuplicateLimits()
    status: StatusLimits = StatusLimits()
    keys: KeyLimits = KeyLimits()
    log: LogLimits = LogLimits()


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the configuration comes from: a file, where there is one, and what the command line says instead."""

    path: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)  # as a table of the file; tables in it are nested

    def load(self) -> Config:
        """Return the configuration; ConfigError where the file or the command line says what cannot be."""
        config = Config() if self.path is None else load_config(self.path)
        return _parse_table(config, self.overrides, "the command line", "")


def default_path() -> Path | None:
    """Return ./latchkey.toml, which counts where no file is named, if it is there."""
    return DEFAULT_PATH if DEFAULT_PATH.exists() else None


def load_config(path: Path) -> Config:
    """Return what the file says, with defaults for what it does not."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: octet {error.start} is not UTF-8") from error
    return parse_config(text, str(path))


def parse_config(text: str, name: str) -> Config:
    """Return what the text says; ConfigError names `name`, the key and what is allowed."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {error}") from error
    if not isinstance(table.pop("sync", {}), dict):  # the connectors of `latchkey sync`, which reads them itself
        raise ConfigError(f"{name}: sync must be tables, [sync.NAME]")
    return _parse_table(Config(), table, name, "")


def differences(old: Config, new: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the keys that differ: those that can change at run time, and those that cannot."""
    before = {key: value for key, value, _ in _walk(old, "")}
    differ = [(key, live) for key, value, live in _walk(new, "") if before[key] != value]
    return tuple(key for key, live in differ if live), tuple(key for key, live in differ if not live)


def merge_live(old: T, new: T) -> T:
    """Return `old` with what can change at run time as `new` has it."""
    values: dict[str, Any] = {}
    for each in fields(old):  # type: ignore[arg-type]
        before, after = getattr(old, each.name), getattr(new, each.name)
        if is_dataclass(before):
            values[each.name] = merge_live(before, after)
        elif each.metadata["live"]:
            values[each.name] = after
    return replace(old, **values)  # type: ignore[type-var]


def _walk(section: Any, prefix: str) -> Iterator[tuple[str, Any, bool]]:
    """Yield each key of a configuration with its value, and whether that may change at run time."""
    for each in fields(section):
        value = getattr(section, each.name)
        if is_dataclass(value):
            yield from _walk(value, f"{each.name}.")
        else:
            yield prefix + each.name, value, each.metadata["live"]


def _parse_table(defaults: T, table: Mapping[str, Any], name: str, prefix: str) -> T:
    known = {each.name: each for each in fields(defaults)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in table.items():
        place = f"{name}: {prefix}{key}"
        if key not in known:
            raise ConfigError(f"{place} is not known; allowed here: {', '.join(known)}")
        default = getattr(defaults, key)
        if is_dataclass(default):
            if not isinstance(value, dict):
                raise ConfigError(f"{place} must be a table, [{key}]")
            values[key] = _parse_table(default, value, name, f"{key}.")
        elif isinstance(default, str):
            choices = known[key].metadata.get("choices")
            values[key] = _parse_choice(value, choices, place) if choices else _parse_address(value, place)
        elif isinstance(default, tuple):
            values[key] = _parse_addresses(value, place, needed=bool(default))
        else:
            values[key] = _parse_number(value, type(default), known[key].metadata, place)
    return replace(defaults, **values)  # type: ignore[type-var]


def _parse_number(value: object, kind: type, limits: Mapping[str, Any], place: str) -> float:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if (whole or (kind is float and isinstance(value, float))) and limits["low"] <= value <= limits["high"]:
        return value if whole and kind is int else float(value)  # type: ignore[arg-type,return-value]
    raise ConfigError(f"{place} must be {_KINDS[kind]} from {limits['low']} to {limits['high']}, not {value!r}")


def _parse_choice(value: object, choices: tuple[str, ...], place: str) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise ConfigError(f"{place} must be one of {', '.join(choices)}, not {value!r}")


def _parse_address(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f'{place} must be "ADDRESS:PORT", not {value!r}')
    return _parse_addresses([value], place)[0] if value else ""


def _parse_addresses(value: object, place: str, *, needed: bool = True) -> tuple[str, ...]:
    if not isinstance(value, list) or (needed and not value) or not all(isinstance(text, str) for text in value):
        raise ConfigError(f'{place} must be a list of "ADDRESS:PORT", not {value!r}')
    try:
        for text in value:
            parse_address(text)
    except ServeError as error:
        raise ConfigError(f"{place}: {error}") from error
    return tuple(value)
