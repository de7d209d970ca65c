"""Formats that are left out, as no document of their vendor's states them: by name, with what was found instead.

A file that is nearly right is taken by a controller with columns in the wrong place, which nobody sees until a tenant
stands outside.
"""

from typing import Final

_INSTEAD: Final = "`--format sheet` has every field"

# Name of `--format`, and why it is refused.
UNDOCUMENTED: Final = {
    # Found: nothing of Cambium's on such a file.
    "cnmaestro": "no document of Cambium's that could be found states the columns of cnMaestro's ePSK import:"
    f" {_INSTEAD} to bring into its own",
    # Found: SmartZone Public API, "Dynamic PSK": downloadDpskCsvSample ("PHASE1 or PHASE2") and dpsk/upload; SmartZone
    # Administrator Guide, "Working with Dynamic PSKs". RUCKUS One's "Importing DPSK Passphrases from a CSV File" is
    # about another product, and about another file.
    "smartzone": "no document of Ruckus's that could be found states the columns of SmartZone's DPSK file, only that"
    f" the controller gives a sample: {_INSTEAD} to fill that in from",
}
