"""Request Authenticators that have proven something."""

import os

from radiusd import SharedSecret
from radiusd.model import Request
from radiusd.state.proofs import Proofs

SECRET = SharedSecret(b"testing123")


def request(authenticator, octets=b"one request"):
    return Request(1, 7, authenticator, {}, octets, signed=False)


def test_an_authenticator_proves_one_request_and_its_repetitions():
    proofs, first, second = Proofs(), os.urandom(16), os.urandom(16)
    assert proofs.take(request(first), SECRET, 1.0)
    assert not proofs.take(request(first, b"another"), SECRET, 2.0)
    assert proofs.take(request(first), SECRET, 3.0)
    assert proofs.take(request(second, b"another"), SECRET, 3.0)
    assert proofs.take(request(first, b"another"), SharedSecret(b"another secret"), 3.0)
    assert not proofs.take(request(first, b"another"), SECRET, 86_000.0)
    assert proofs.take(request(first, b"another"), SECRET, 87_000.0)


def test_workers_know_of_each_other_s():
    proofs, authenticator = Proofs(), os.urandom(16)
    child = os.fork()
    if not child:
        os._exit(0 if proofs.take(request(authenticator), SECRET, 1.0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not proofs.take(request(authenticator, b"another"), SECRET, 2.0)
    assert proofs.take(request(authenticator), SECRET, 2.0)
