"""NASes that a platform names, made with what is configured about them."""

import hmac
from collections.abc import Iterator, Mapping
from typing import Final

from ..errors import InvalidValue
from ..model import Nas
from ..platforms import NasPlace
from ..selectors import parse_network
from ..store import Store
from ..sync import SaidNas
from .secret_files import SecretPlace

_UNSAID_PROFILE: Final = "auto"
_SHORTEST: Final = 8  # octets of a shared secret: one recorded request gives a shorter one to who tries them all


class NasAdder:
    """Makes a NAS of one that the platform names, and says where one is not what is configured any more."""

    def __init__(
        self, places: Mapping[str, NasPlace], secrets: Mapping[str, SecretPlace | None], environ: Mapping[str, str]
    ) -> None:
        """places, secrets: by the platform's id of it"""
        self._places = places
        self._secrets = secrets
        self._environ = environ

    def differences(self, nas: Nas, id_: str) -> Iterator[tuple[str, str]]:
        """Yield what of a NAS that was made of one is not what is configured: the field, and what sets it right.

        A secret that cannot be read, and a profile that is not said, differ in nothing.
        """
        place = self._places.get(id_)
        if place is None:
            return
        set_ = f"`latchkey nas set {nas.id}"
        if (network := parse_network(place.address)) != nas.network:
            text = f"{nas.network} here, {network} in the configuration: {set_} --address {network}` makes it so"
            yield "address", text
        if place.profile not in (_UNSAID_PROFILE, nas.profile):
            text = f"{nas.profile} here, {place.profile} in the configuration: {set_} --profile {place.profile}`"
            yield "profile", f"{text} makes it so"
        kept = self._secrets.get(id_)
        try:
            is_other = kept is not None and not hmac.compare_digest(kept.read(self._environ).encode(), nas.secret)
        except InvalidValue:
            is_other = False
        if is_other:
            yield "secret", f"another one here than in the configuration: {set_} --secret-file FILE` makes it so"

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
