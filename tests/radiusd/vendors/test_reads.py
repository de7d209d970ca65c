"""What each dialect reads is what it says it reads, and the fast path tells requests apart by all of it."""

import pytest

from crypto import CryptoError
from radiusd import DIALECTS, DialectError
from radiusd.fastpath.parse import IGNORED
from radiusd.model import Reject, Request
from radiusd.vendors import attribute_name, is_probe, recognise
from radiusd.vendors.recognition import READS
from tests.radiusd.vendors.test_pieces import SPOILT, example, published, spoil
from tests.vendor_vectors import SEARCHING, UNPUBLISHED, VECTORS


class Recorder(dict):
    """Attributes that remember which of them somebody looked for."""

    def __init__(self, attributes):
        super().__init__(attributes)
        self.read = set()

    def get(self, kind, default=None):
        self.read.add(kind)
        return super().get(kind, default)

    def __getitem__(self, kind):
        self.read.add(kind)
        return super().__getitem__(kind)

    def __contains__(self, kind):
        self.read.add(kind)
        return super().__contains__(kind)


def requests():
    """Give attributes of requests in every dialect, whole and with each piece missing or doubled, and of lookups."""
    station = {kind: values for kind, values in example().attributes.items() if isinstance(kind, int)}
    yield from (station, {**station, 79: [b"eap"]}, {30: station[30], 1: [b"225edc49b7aa"]}, {})
    for name in SEARCHING:
        yield published(name)
        for entry in VECTORS[name]["pieces"].values():
            for how in ("missing", "twice"):
                yield spoil(published(name), entry["at"], entry["called"], SPOILT[how])
    for kind in UNPUBLISHED.values():
        yield {**station, kind: [bytes(9)]}
    for dialect in DIALECTS.values():
        for kind in dialect.reads:
            yield {**station, kind: [b"Hudson House"]}


@pytest.fixture(params=DIALECTS)
def dialect(request):
    return DIALECTS[request.param]


def test_a_dialect_reads_its_markers_and_what_it_says(dialect):
    for attributes in requests():
        asked = Request(1, 1, bytes(16), Recorder(attributes), b"", True)
        try:
            dialect.decode_request(asked)
            error = None
        except (DialectError, CryptoError) as refused:
            error = refused
        dialect.encode_reject(asked, Reject("unknown passphrase", error))
        undeclared = asked.attributes.read - dialect.reads - set(dialect.markers)
        assert not undeclared, [attribute_name(kind) for kind in undeclared]


def test_recognition_reads_markers_and_what_it_says():
    markers = {marker for dialect in DIALECTS.values() for marker in dialect.markers}
    for attributes in requests():
        asked = Request(1, 1, bytes(16), Recorder(attributes), b"", True)
        for profile in ("auto", *DIALECTS):
            recognise(asked, profile)
        is_probe(asked)
        assert asked.attributes.read <= markers | READS


def test_the_fast_path_passes_over_nothing_that_is_read():
    read = {kind for dialect in DIALECTS.values() for kind in (*dialect.reads, *dialect.markers)} | READS
    numbers = {kind if isinstance(kind, int) else kind[0] for kind in read}
    assert not numbers & set(IGNORED)
