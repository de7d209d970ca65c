"""The fuzzer's corpus is run with every test run, and its checks can fail."""

import time
from pathlib import Path

import pytest

from radiusd.engine.engine import Engine
from tests.fuzz.target import Target

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.fixture
def target(tmp_path):
    return Target(str(tmp_path))


def test_nothing_in_the_corpus_is_a_finding(target):
    assert len(CORPUS) > 200
    for path in CORPUS:
        target(path.read_bytes())


def spin(seconds):
    started = time.thread_time()
    while time.thread_time() - started < seconds:
        pass


def test_slow_datagram_is_a_finding(target, monkeypatch):
    resolve = Engine._resolve

    def slow(self, *args):
        spin(0.06)
        return resolve(self, *args)

    monkeypatch.setattr(Engine, "_resolve", slow)
    with pytest.raises(AssertionError, match="of the processor for one datagram"):
        target(max(CORPUS, key=lambda path: path.stat().st_size).read_bytes())


def test_exception_is_a_finding(target, monkeypatch):
    monkeypatch.setattr(Engine, "_resolve", lambda *_: 1 // 0)
    with pytest.raises(AssertionError, match="an error of ours"):
        target(CORPUS[0].read_bytes())


def test_answer_that_is_none_is_a_finding(target, monkeypatch):
    monkeypatch.setattr(target.front_end, "handle", lambda *_: b"\2\7\0\x14" + bytes(15))
    with pytest.raises(AssertionError):
        target(b"")
