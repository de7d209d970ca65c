"""Formats that are left out, as no document of their vendor's states them: by name, with what was found instead.

A file that is nearly right is taken by a controller with columns in the wrong place, which nobody sees until a tenant
stands outside.
"""

from typing import Final

_INSTEAD: Final = "`--format sheet` has every field"

# Name of `--format`, and why it is refused.
UNDOCUMENTED: Final = {
    # cnMaestro On-Premises User Guide and its help pages name ePSKs, and no file to import them from.
    "cnmaestro": "no document of Cambium's that could be found states the columns of cnMaestro's ePSK import:"
    f" {_INSTEAD} to bring into its own",
    # SmartZone Public API, "Dynamic PSK": downloadDpskCsvSample ("PHASE1 or PHASE2") and dpsk/upload, no columns.
    "smartzone": "no document of Ruckus's that could be found states the columns of SmartZone's DPSK file, only that"
    f" the controller gives a sample: {_INSTEAD} to fill that in from",
}
