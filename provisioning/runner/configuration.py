"""The connectors of latchkey.toml: what each table [sync.NAME] says, and one clear line for each mistake in it.

A table with a mistake costs itself: the others are read. Secrets and certificates are looked at when a connector is
opened, so that what only lists connectors needs none.
"""

import os
import ssl
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from ..errors import ConnectorRefused, InvalidValue
from ..model.rules.spans import parse_span
from ..model.rules.zones import parse_zone
from ..platforms import (
    PLATFORMS,
    SECRETS,
    ConnectorSettings,
    Credentials,
    NasPlace,
    PlatformError,
    Secret,
    UnitPlace,
    plain_uid,
)
from ..selectors import parse_network
from ..sync import Limits, shorten
from ..transport import Address, Counts, InvalidUrl, Transport
from ..transport import Limits as TransportLimits
from .nases import NasAdder
from .run import Configured
from .secret_files import SecretPlace
from .tables import (
    EVERYWHERE,
    NEEDS,
    SHARED,
    USES,
    ConnectorTable,
    LimitsTable,
    NasTable,
    TransportTable,
    UnitTable,
)

_TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "units": UnitTable,
    "nas": NasTable,
    "limits": LimitsTable,
    "transport": TransportTable,
}
_FORMS: Final = ("", "_file", "_env")
_MOST_NAME: Final = 64
_LONGEST: Final = timedelta(days=31)
_KINDS: Final = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "too_long": "is too long",
    "string_too_long": "is too long",
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """One [sync.NAME] as it was read.

    mistakes: a line each; where there are any, it cannot be opened
    warnings: a line each; what it says has no effect
    """

    name: str
    platform: str
    every: timedelta | None = None
    mistakes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    _said: ConnectorTable | None = field(default=None, repr=False)
    _path: Path = Path()
    _environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def open(self) -> Configured:
        """Return the connector; ConnectorRefused where the table is wrong, or a file that it names cannot be read."""
        said = self._checked()
        secrets = self._secrets(said)
        mistakes = list(_unreadable(secrets.values(), self._environ))
        nases = {plain_uid(uid): self._secret(place, "secret", f"nas.{uid}.") for uid, place in said.nas.items()}
        mistakes += _unreadable((place for place in nases.values() if place is not None), self._environ)
        if (ca_file := self._ca_file(said)) is not None:
            mistakes += _untrustworthy(ca_file)
        settings = self._settings(said, secrets)
        try:
            connector = PLATFORMS[self.platform](settings)
        except PlatformError as error:
            mistakes.append(str(error))
        if mistakes:
            raise ConnectorRefused(self._line(mistake) for mistake in mistakes)
        limits = said.limits
        return Configured(
            settings=settings,
            connector=connector,
            limits=Limits(
                stops_percent=limits.ends_percent,
                stops_units=limits.ends_units,
                small_units=limits.small_units,
                small_stops=limits.small_ends,
                moves_percent=limits.moves_percent,
                missing_readings=limits.missing_readings,
                missing_hours=limits.missing_hours,
            ),
            venues=dict(said.venues),
            nas_places=frozenset(settings.nases),
            nases=NasAdder(settings.nases, nases, self._environ) if settings.nases else None,
        )

    def connect(
        self,
        progress: Callable[[str, Counts], None] | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Transport:
        """Return what runs its generators; see Transport. ConnectorRefused as `open`."""
        said = self._checked()
        asked = said.transport
        limits = TransportLimits(
            connections=asked.connections,
            connect_s=asked.connect_s,
            read_s=asked.read_s,
            request_s=asked.request_s,
            patience_s=asked.patience_s,
            body_octets=asked.body_mb << 20,
        )
        return Transport(said.url, limits, ca_file=self._ca_file(said), progress=progress, sleep=sleep)

    def _ca_file(self, said: ConnectorTable) -> Path | None:
        return None if said.ca_file is None else self._path.parent / said.ca_file

    def _checked(self) -> ConnectorTable:
        if self._said is None or self.mistakes:
            raise ConnectorRefused(self._line(mistake) for mistake in self.mistakes)
        return self._said

    def _line(self, text: str) -> str:
        place = f"[sync.{self.name}]"
        return f"{self._path.name}: {text if text.startswith(place) else f'{place} {text}'}"

    def _settings(self, said: ConnectorTable, secrets: Mapping[Secret, SecretPlace]) -> ConnectorSettings:
        def load(name: Secret) -> str | None:
            place = secrets.get(name)
            return None if place is None else place.read(self._environ)

        return ConnectorSettings(
            name=self.name,
            platform=self.platform,
            url=said.url,
            credentials=Credentials(load),
            username=said.username,
            client_id=said.client_id,
            tenant=said.tenant,
            sites=said.sites,
            ssid=said.ssid,
            timezone=said.timezone,
            write_back=said.write_back,
            units={id_: UnitPlace(**place.model_dump()) for id_, place in said.units.items()},
            nases={
                plain_uid(uid): NasPlace(address=place.address, profile=place.profile, name=place.name)
                for uid, place in said.nas.items()
            },
            pools=dict(said.pools),
            batches=said.batches,
            namespace=said.namespace,
        )

    def _secrets(self, said: ConnectorTable) -> dict[Secret, SecretPlace]:
        """Return where the secrets are that the platform has a use for."""
        found = {name: self._secret(said, name) for name in SECRETS if name in USES[self.platform]}
        return {name: place for name, place in found.items() if place is not None}

    def _secret(self, said: Any, name: str, prefix: str = "") -> SecretPlace | None:
        value, file, variable = (getattr(said, name + form) for form in _FORMS)
        if file is not None:
            return SecretPlace(f"{prefix}{name}_file", file=self._path.parent / file)
        if variable is not None:
            return SecretPlace(f"{prefix}{name}_env", variable=variable)
        return None if value is None else SecretPlace(prefix + name, value=value, table_file=self._path)


def read_connectors(path: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Table]:
    """Return the tables [sync.NAME] of a file by name; ConnectorRefused where the file as a whole cannot be read."""
    try:
        whole = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConnectorRefused([f"cannot read {path}: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ConnectorRefused([f"{path.name}: octet {error.start} is not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConnectorRefused([f"{path.name}: {error}"]) from None
    tables = whole.get("sync", {})
    if not isinstance(tables, dict):
        raise ConnectorRefused([f"{path.name}: sync must be tables, [sync.NAME]"])
    return {name: _read(name, table, path, environ) for name, table in tables.items()}


def _read(name: str, table: object, path: Path, environ: Mapping[str, str]) -> Table:
    platform = table.get("platform") if isinstance(table, dict) else None
    platform = platform if isinstance(platform, str) else ""
    said: ConnectorTable | None = None
    warnings: list[str] = []
    if not 0 < len(name) <= _MOST_NAME or not name.isprintable() or name != name.strip() or "/" in name:
        mistakes = [f"a name has 1 to {_MOST_NAME} printable characters, without a slash"]
        name = "".join(character if character.isprintable() else "?" for character in name)[:_MOST_NAME]
    elif not isinstance(table, dict):
        mistakes = ["must be a table"]
    else:
        try:
            said = ConnectorTable.model_validate(table)
            mistakes = list(_mistakes(said))
        except ValidationError as error:
            mistakes = [_explain(each, platform) for each in error.errors(include_url=False, include_input=False)]
        if platform in USES:
            for key, is_shared in _useless(platform, table):
                (warnings if is_shared else mistakes).append(f"{key} is nothing that {platform} has a use for")
    place = f"[sync.{name}]"
    every = None if mistakes or said is None or said.every is None else parse_span(said.every)
    return Table(
        name=name,
        platform=platform,
        every=every,
        mistakes=tuple(mistakes),
        warnings=tuple(f"{path.name}: {place} {warning}" for warning in warnings),
        _said=said,
        _path=path,
        _environ=environ,
    )


def _mistakes(said: ConnectorTable) -> Iterator[str]:
    """Yield what is wrong with a table whose keys are all known and of their kind."""
    if said.platform not in USES:
        yield f"platform {said.platform[:40]!r} is not known; there is {', '.join(USES)}"
    try:
        Address.parse(said.url)
    except InvalidUrl as error:
        yield f"url {error}"
    for key, check in (("timezone", parse_zone), ("every", _check_every)):
        value = getattr(said, key)
        if value is not None:
            try:
                check(value)
            except InvalidValue as error:
                yield f"{key}: {error}"
    if said.ssid is not None and len(said.ssid.encode()) > 32:
        yield "ssid is longer than 32 octets"
    for name in SECRETS:
        yield from _check_forms(said, name)
    for uid, place in said.nas.items():
        yield from _check_forms(place, "secret", f"nas.{uid}.", needed=True)
        try:
            parse_network(place.address)
        except InvalidValue as error:
            yield f"nas.{uid}.address: {error}"
    for key in NEEDS.get(said.platform, ()):
        forms = [key + form for form in _FORMS] if key in SECRETS else [key]
        if not any(getattr(said, form) for form in forms):
            yield f"{' or '.join([*forms[1:], forms[0]])} is missing, which {said.platform} needs"
    if said.platform == "leap" and (said.username or not any((said.token, said.token_file, said.token_env))):
        if not said.username:
            yield "username is missing, which leap needs"
        if not any((said.password, said.password_file, said.password_env)):
            yield "password_file or password_env or password is missing, which leap needs"


def _check_forms(said: Any, name: str, prefix: str = "", *, needed: bool = False) -> Iterator[str]:
    given = [prefix + name + form for form in _FORMS if getattr(said, name + form) is not None]
    if len(given) > 1:
        yield f"{' and '.join(given)} exclude each other"
    if needed and not given:
        yield f"{prefix}{name}_file or {name}_env or {name} is missing"


def _check_every(text: str) -> None:
    if parse_span(text) > _LONGEST:
        raise InvalidValue(f"{text!r} is longer than {_LONGEST.days} days")


def _useless(platform: str, table: Mapping[str, object]) -> Iterator[tuple[str, bool]]:
    """Yield each key that a platform has no use for, and whether it is one that any platform's table may have."""
    for key in table:
        if key not in ConnectorTable.model_fields:
            continue
        plain = _plain(key)
        if plain not in EVERYWHERE and plain not in USES[platform]:
            yield key, plain in SHARED


def _plain(key: str) -> str:
    """Return a key without the ending that says where a secret is."""
    return next((name for name in SECRETS if key in (name, f"{name}_file", f"{name}_env")), key)


def _explain(error: Any, platform: str) -> str:
    """Return a line for what pydantic refused, with nothing of the value: that may be a secret."""
    place = shorten(".".join(str(part) for part in error["loc"]))
    kind = error["type"]
    if kind == "extra_forbidden":
        allowed = list(_TABLES.get(str(error["loc"][0]), ConnectorTable).model_fields)
        if len(error["loc"]) == 1 and platform in USES:
            allowed = [key for key in allowed if _plain(key) in EVERYWHERE | USES[platform]]
        return f"{place} is not known; allowed here: {', '.join(allowed)}"
    return f"{place} {_KINDS.get(kind) or error['msg'].replace('Input should be', 'must be')}"


def _untrustworthy(ca_file: Path) -> Iterator[str]:
    try:
        ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        yield f"ca_file: {ca_file} has no certificates in PEM form"
    except OSError as error:
        yield f"ca_file: cannot read {ca_file}: {error.strerror}"


def _unreadable(places: Iterable[SecretPlace], environ: Mapping[str, str]) -> Iterator[str]:
    for place in places:
        try:
            place.read(environ)
        except InvalidValue as error:
            yield str(error)
