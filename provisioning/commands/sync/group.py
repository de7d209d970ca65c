"""The group of commands `sync`."""

import click

from ..command_group import CommandGroup
from .adopting import sync_adopt, sync_disown
from .checking import sync_check
from .drifting import sync_drift
from .plans import sync_accept, sync_plan, sync_release
from .running import sync_run
from .status import sync_status


@click.group(cls=CommandGroup)
def sync() -> None:
    """Keep properties as their platforms have them, and controllers as the keys are here.

    Each platform or controller is a table [sync.NAME] of latchkey.toml. Keys come from the platforms vault, eleven,
    storedge and leap, NASes from encloud; ruckus-one is a controller, which is told of the keys that are here.

    \b
    latchkey sync check               ask each platform for one real page
    latchkey sync plan hudson         what would be done; the first time a person has to accept it
    latchkey sync accept hudson-1     do exactly that
    latchkey sync run --every 5m      and go on from there
    latchkey sync status              how it went, and what waits for a person

    What people made by hand, here or at a controller, is never touched, and nobody's passphrase changes. Where too many
    would lose their access at once nothing is done: the connector is held until a person has accepted its plan.
    """


for command in (
    sync_run,
    sync_plan,
    sync_accept,
    sync_release,
    sync_status,
    sync_drift,
    sync_check,
    sync_adopt,
    sync_disown,
):
    sync.add_command(command)
