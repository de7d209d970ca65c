"""Captures put together octet by octet, so that what reads them is not tested by what writes them."""

import pytest

from tests.pcaps.air import Air


@pytest.fixture
def air():
    return Air


@pytest.fixture
def read(tmp_path):
    """Return the findings in the octets of a capture."""
    from pcaps import Capture, read_handshakes

    def read(octets, **options):
        path = tmp_path / "capture"
        path.write_bytes(octets)
        with Capture.open(path) as capture:
            return read_handshakes(capture, **options)

    return read
