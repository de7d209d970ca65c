"""Whatever a server sends, a request ends as an Answer or as Unavailable."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.platforms import Answer, Request, Unavailable
from provisioning.transport import Limits, Transport
from tests.provisioning.transport.site import Site

GOOD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n"
    b"Date: Sat, 21 Nov 2026 20:00:00 GMT\r\nRetry-After: 5\r\nLocation: /there\r\n\r\n" + b'{"name":"Ad"}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n3\r\nyou\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 302 Found\r\nLocation: //\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 429 Wait\r\nRetry-After: 99999999999999999999\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(b"text" * 50),
)


@st.composite
def answers(draw):
    octets = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(octets)))
        octets[place : place + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b"\r\n", b": "])
        )
    return bytes(octets[: draw(st.integers(0, len(octets)))] if draw(st.booleans()) else octets)


@pytest.fixture(scope="module")
def platform():
    sent = []

    def script(_):
        yield sent[-1]
        raise OSError  # hang up

    with Site(script) as site:
        limits = Limits(attempts=1, redirects=1, read_s=5, patience_s=1, body_octets=1 << 16)
        with Transport(site.url, limits, sleep=lambda _: None) as transport:
            yield sent, transport


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | answers())
def test_any_octets_end_as_an_answer_or_as_unavailable(platform, octets):
    sent, transport = platform
    sent.append(octets)

    def connector():
        return (yield [Request(path="/", what="anything", may_repeat=False)])

    (answer,) = transport.run(connector())
    if isinstance(answer, Unavailable):
        assert str(answer).startswith("anything: ")
        assert str(answer).isprintable()
    else:
        assert isinstance(answer, Answer)
        assert 200 <= answer.status < 500
