"""A few of the requests that `differential.py` compares at length, and its checks can fail."""

import pytest

from radiusd import DIALECTS
from tests.fuzz.differential import SERVED, Differential, FindingError
from tests.vendor_vectors import ANSWERED


@pytest.fixture
def differential(tmp_path):
    one = Differential(tmp_path, seed=1)
    yield one
    one.close()


def test_fast_path_and_engine_answer_alike(differential):
    differential.run(1500)
    assert min(differential.codes[code] for code in (2, 3, None)) > 100


def test_portable_server_and_engine_answer_alike(tmp_path):
    portable = Differential(tmp_path, seed=2, portable=True)
    try:
        portable.run(300)
    finally:
        portable.close()
    assert min(portable.codes[code] for code in (2, 3, None)) > 20


def test_each_dialect_goes_the_fast_way_with_each_akm_that_it_can_carry(differential):
    carried = {(base.dialect, base.kind) for base in differential.bases if base.known and base.kind in SERVED}
    assert len(carried) > 50
    differential.answered.clear()
    for base in differential.bases:
        differential.compare(base, base.datagram, differential.addresses(base)[1])
    silent = {place for place in carried if not differential.answered[place]}
    assert {name for name, _ in silent} <= set(DIALECTS) - set(ANSWERED)  # whose layouts are unpublished


def test_an_answer_that_is_another_is_a_finding(differential, monkeypatch):
    base = next(base for base in differential.bases if base.known)
    monkeypatch.setattr(differential.judge, "handle", lambda *_: b"\3")
    with pytest.raises(FindingError, match=base.dialect):
        differential.compare(base, base.datagram, "192.0.2.1")
