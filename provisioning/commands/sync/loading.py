"""The tables [sync.NAME] of latchkey.toml, as connectors that can be opened."""

import os
from collections.abc import Mapping
from pathlib import Path

from ...runner.configuration import Table, read_connectors
from ...runner.source import Connected, Hook, Sleep, Source


def load_sources(config: Path) -> Mapping[str, Source]:
    """Return the connectors of a configuration, by name; ConnectorRefused where it cannot be read at all.

    A table that is wrong says so when it is opened, so that it costs itself.
    """
    return {name: _source(table) for name, table in read_connectors(config, os.environ).items()}


def _source(table: Table) -> Source:
    def connect(hook: Hook, sleep: Sleep) -> Connected:
        return table.connect(lambda what, counts: hook(what, counts.answers), sleep=sleep)

    return Source(
        name=table.name,
        platform=table.platform,
        every=table.every,
        warnings=table.warnings,
        configure=table.open,
        connect=connect,
    )
