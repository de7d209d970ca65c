"""What the tests with an access point share: a kernel with simulated radios."""

import os
from pathlib import Path

import pytest

from tests.air.guest import find_kernel


@pytest.fixture(scope="session")
def kernel():
    folder = Path(os.environ.get("LATCHKEY_KERNEL", "/"))
    try:
        find_kernel(folder)
    except LookupError as error:
        if os.environ.get("LATCHKEY_REQUIRE_PEERS") == "1":
            pytest.fail(f"{error}, and LATCHKEY_REQUIRE_PEERS=1", pytrace=False)
        pytest.skip(str(error))
    return folder
