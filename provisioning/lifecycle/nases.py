"""NASes: another shared secret without a moment in which neither is taken."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ..errors import InvalidValue
from ..model import Nas
from ..store import Store


def change_nas(
    store: Store,
    nas_id: int,
    *,
    now: datetime,
    secret: bytes | None = None,
    grace: timedelta | None = None,
    **fields: Any,
) -> Nas:
    """Give a NAS's fields other values.

    secret: the new one; the former one is taken as well for `grace`, and without that no more
    """
    with store.change("nas.set"):
        nas = store.nases.get(nas_id)
        if grace is not None and (secret is None or secret == nas.secret):
            raise InvalidValue(f"NAS {nas.name!r}: grace is for a former secret, and no new one was given")
        if secret is not None and secret != nas.secret:
            until = None if grace is None else now.replace(microsecond=0) + grace
            former = None if grace is None else nas.secret
            fields |= {"secret": secret, "former_secret": former, "former_secret_until": until}
        changed = replace(nas, **fields)
        store.nases.save(changed)
        return changed
