"""What tests of all packages share."""

import os
import shutil

import pytest

_PATHS = (None, "/usr/sbin")  # Debian's servers, which only root has on its PATH


def pytest_runtest_setup(item):
    """Skip a test marked `peer("program", ...)` where a program is missing; fail it under LATCHKEY_REQUIRE_PEERS=1."""
    for marker in item.iter_markers("peer"):
        missing = [program for program in marker.args if not any(shutil.which(program, path=path) for path in _PATHS)]
        if missing and os.environ.get("LATCHKEY_REQUIRE_PEERS") == "1":
            pytest.fail(f"{', '.join(missing)} not installed, and LATCHKEY_REQUIRE_PEERS=1", pytrace=False)
        if missing:
            pytest.skip(f"{', '.join(missing)} not installed")
