"""NASes that a platform names, made with what is configured about them."""

from collections.abc import Mapping

from ..errors import InvalidValue
from ..platforms import NasPlace
from ..selectors import parse_network
from ..store import Store
from ..sync import SaidNas
from .secret_files import SecretPlace

_SHORTEST = 8  # octets of a shared secret: one recorded request gives a shorter one to who tries them all


class NasAdder:
    """Makes a NAS of one that the platform names."""

    def __init__(
        self, places: Mapping[str, NasPlace], secrets: Mapping[str, SecretPlace | None], environ: Mapping[str, str]
    ) -> None:
        """places, secrets: by the platform's id of it"""
        self._places = places
        self._secrets = secrets
        self._environ = environ

    def __call__(self, store: Store, said: SaidNas, venue_id: int) -> int:
        """Return our id of a new NAS at a venue; InvalidValue where its secret is none."""
        place, kept = self._places[said.id], self._secrets[said.id]
        if kept is None:
            raise InvalidValue("its shared secret is not configured")
        secret = kept.read(self._environ).encode()
        if len(secret) < _SHORTEST:
            raise InvalidValue(f"{kept.key}: a shared secret has {_SHORTEST} octets or more")
        name = place.name or said.name or said.id
        return store.nases.add(
            parse_network(place.address), secret, name=name, venue_id=venue_id, profile=place.profile
        ).id
