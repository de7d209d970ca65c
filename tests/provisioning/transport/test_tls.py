"""Certificates are verified, and one that does not do gets one clear line."""

import os
import socket
import ssl
import threading

import pytest

from provisioning.platforms import Request, Unavailable
from provisioning.transport import Limits, Transport
from tests.provisioning.transport.site import Clock, Site, make_certificate, one, reply

GET = Request(path="/team", what="the teams")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def good(folder):
    return make_certificate(folder, "good")


def test_platform_with_a_certificate_of_ca_file_is_read(good):
    def connector():
        return (yield [Request(path=f"/{number}", what="one") for number in range(50)])

    body = os.urandom(300_000)
    with Site(lambda _: reply(200, body), good.server) as site, Transport(site.url, ca_file=good.path) as transport:
        assert transport.run(one(GET)).body == body
        assert [answer.body for answer in transport.run(connector())] == [body] * 50


@pytest.mark.parametrize(
    ("members", "trusted", "text"),
    [
        ({"starts": -10, "ends": -1}, True, "the certificate of 127.0.0.1 has expired"),
        ({"starts": 1, "ends": 10}, True, "the certificate of 127.0.0.1 is not valid yet"),
        ({"address": "192.0.2.1"}, True, "the certificate of 127.0.0.1 is for another address"),
        ({}, False, "the certificate of 127.0.0.1 is signed by itself, and not in ca_file"),
    ],
)
def test_certificate_that_does_not_do_gets_one_clear_line_at_once(folder, good, members, trusted, text):
    certificate = make_certificate(folder, "bad", **members)
    with Site(lambda _: reply(), certificate.server) as site:
        with (
            Transport(site.url, ca_file=certificate.path if trusted else good.path) as transport,
            pytest.raises(Unavailable) as caught,
        ):
            transport.run(one(GET))
        assert site.asked == []
        assert site.connections == 1
    assert str(caught.value) == f"the teams: {text}"


def test_system_trust_is_what_counts_without_ca_file(good):
    with Site(lambda _: reply(), good.server) as site, Transport(site.url) as transport:
        with pytest.raises(Unavailable, match="is signed by itself"):
            transport.run(one(GET))
        assert site.asked == []


def test_server_without_tls_is_said_to_have_none():
    clock = Clock()
    with (
        Site(lambda _: reply()) as site,
        Transport(site.url.replace("http:", "https:"), Limits(attempts=1), **clock.members) as transport,
        pytest.raises(Unavailable, match="the teams: no TLS: "),
    ):
        transport.run(one(GET))


def test_handshake_that_drips_ends_at_the_time_out():
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip():
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB
            while not over.wait(0.02):
                try:
                    connection.sendall(b"\x02")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with (
            Transport(url, Limits(connect_s=0.3, attempts=1)) as transport,
            pytest.raises(Unavailable, match=r"the teams: no connection within 0\.3 s"),
        ):
            transport.run(one(GET))
    finally:
        over.set()
        thread.join()
        listener.close()


def test_ca_file_that_is_none_is_said(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    for ca_file in (path, tmp_path / "missing.pem"):
        with (
            Transport("https://127.0.0.1:1", ca_file=ca_file) as transport,
            pytest.raises(Unavailable, match="the teams: ca_file cannot be read as certificates"),
        ):
            transport.run(one(GET))


def test_old_tls_is_refused(good):
    context = good.server
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        Site(lambda _: reply(), context) as site,
        Transport(site.url, Limits(attempts=1), ca_file=good.path) as t,
        pytest.raises(Unavailable, match="no TLS"),
    ):
        t.run(one(GET))
