"""What is counted, how several processes add up, and that whoever asks for it cannot disturb the server."""

import json
import os
import socket
import threading
import time
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from crypto import MacAddress, Ssid
from provisioning import KeyStatus, UnknownDevices
from radiusd import ServeError, Source
from radiusd.codec import encode_request
from radiusd.metrics.counters import REQUEST_SECONDS, Counts, Histogram
from radiusd.metrics.exposition import Metrics, render_page
from radiusd.metrics.http import Endpoint, bind_stream
from radiusd.metrics.shared_memory import Slot
from radiusd.model import Attribute

SSID = Ssid(b"Hudson House")
DEVICE = MacAddress(b"\2\0\0\0\2\1")
GAUGES = {"searches_waiting": 1, "searches_running": 2, "keys": 3, "keypools": 4, "nases": 5, "devices": 6}
GAUGES |= {"store_age_seconds": 7, "store_damaged_rows": 8}


def samples(page, parse=text_string_to_metric_families):
    families = parse(page.decode())
    return {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}


class TestPlace:
    def test_last_that_was_written_is_read(self):
        place = Slot()
        assert place.read() is None
        for octets in (b"", b"first", b"second, longer", b"third"):
            assert place.write(octets)
            assert place.read() == octets

    def test_too_much_is_refused_and_what_was_there_stays(self):
        place = Slot(half=16)
        assert place.write(b"12345678")
        assert not place.write(b"123456789")
        assert place.read() == b"12345678"

    def test_writer_that_dies_within_a_line_leaves_what_was_there(self):
        place = Slot(half=32)
        for octets in (b"first", b"second"):
            place.write(octets)
        place._memory[8 + 32 : 8 + 64] = b"\xff" * 32  # the half that is not the latest
        assert place.read() == b"second"
        place._memory[8 + 8] ^= 1
        assert place.read() is None

    def test_other_processes_see_it(self):
        place = Slot()
        process = os.fork()
        if not process:
            place.write(b"from the child")
            os._exit(0)
        os.waitpid(process, 0)
        assert place.read() == b"from the child"


class TestCounts:
    @given(st.lists(st.floats(0, 10)))
    def test_histogram_is_the_one_of_the_client_library(self, values):
        registry = prometheus_client.CollectorRegistry()
        other = prometheus_client.Histogram("x", "x", buckets=REQUEST_SECONDS, registry=registry)
        counts = Counts()
        for value in values:
            other.observe(value)
            counts.request("ap", "hostapd", "accept", "known", value)
        mine = samples(render_page([shown(counts)], False)[1])
        expected = samples(prometheus_client.generate_latest(registry))
        for key, value in expected.items():
            if values and key[0] != "x_created":
                name = key[0].replace("x_", "latchkey_request_seconds_")
                assert mine[name, *sorted((*key[1:], "known"))] == pytest.approx(value)

    def test_several_are_added_up(self):
        counts = [Counts(), Counts()]
        for number, each in enumerate(counts, 1):
            each.request("ap", "hostapd", "accept", "known", 0.1, number)
            each.discards["malformed"] += number
            each.accounting["start"] += number
            each.log_lines_dropped["stderr"] += number
            each.duplicates, each.probes, each.status = number, number, number
            each.search(0.002, 100_000)
        total = Counts()
        for each in counts:
            total.add(json.loads(each.encode()))
        assert total.requests == {("ap", "hostapd", "accept", "known"): 3}
        assert (total.discards, total.accounting) == ({"malformed": 3}, {"start": 3})
        page = render_page([shown(total)], False)[1]
        assert b'latchkey_accounting_total{status="start"} 3.0' in page
        assert b'latchkey_log_lines_dropped_total{to="stderr"} 3.0' in page
        assert b'latchkey_log_lines_dropped_total{to="file"} 0.0' in page
        assert (total.duplicates, total.probes, total.status) == (3, 3, 3)
        assert (sum(total.search_keys.counts), total.search_keys.sum) == (2, 200_000)
        assert total.request_seconds["known"].sum == pytest.approx(0.3)

    def test_series_are_bounded(self):
        counts = Counts()
        for number in range(20_000):
            counts.request(f"ap {number}", "hostapd", "accept", "known", 0.1)
        assert len(counts.requests) == 16_385
        assert counts.requests["others", "hostapd", "accept", "known"] == 20_000 - 16_384
        assert Slot().write(counts.encode().encode())


def is_ended(client):
    """Return whether the other side has given a connection up."""
    client.settimeout(0.2)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def shown(counts, worker=1):
    """Return a place that a worker has shown its numbers in."""
    metrics = Metrics(("127.0.0.1", 0), 2)
    try:
        meter = metrics.meter(worker)
        with meter.counting(counts, lambda: GAUGES):
            pass
        return metrics.slots[worker - 1]
    finally:
        metrics.listener.close()


class TestPage:
    def test_both_formats_say_the_same(self):
        counts = Counts()
        counts.request('a "NAS"\n', "hostapd", "reject", "expired", 0.003)
        counts.search(0.002, 5)
        place = shown(counts)
        kind, text = render_page([place, place, Slot()], False)
        assert kind.startswith("text/plain; version=0.0.4")
        found = samples(text)
        kind, text = render_page([place, place, Slot()], True)
        assert kind.startswith("application/openmetrics-text")
        assert text.endswith(b"# EOF\n")
        assert found == samples(text, parse_openmetrics)
        assert found["latchkey_requests_total", 'a "NAS"\n', "expired", "hostapd", "reject"] == 2
        assert found["latchkey_request_seconds_bucket", "0.0025", "reject"] == 0
        assert found["latchkey_request_seconds_bucket", "0.005", "reject"] == 2
        assert found["latchkey_search_seconds_count",] == 2
        assert found["latchkey_search_keys_bucket", "10.0"] == 2
        assert (found["latchkey_searches_running",], found["latchkey_keys",], found["latchkey_workers",]) == (4, 3, 2)
        assert any(key[0] == "latchkey_build_info" for key in found)
        assert found["process_resident_memory_bytes", "1"] > 1e6

    def test_without_workers_there_is_a_page_too(self):
        assert samples(render_page([Slot()], False)[1])["latchkey_workers",] == 0

    def test_successor_counts_on(self):
        metrics = Metrics(("127.0.0.1", 0), 1)
        for expected in (1, 2, 3):
            counts = Counts()
            with metrics.meter().counting(counts, lambda: GAUGES):
                counts.request("ap", "hostapd", "accept", "known", 0.1)
            found = samples(render_page(metrics.slots, False)[1])
            assert found["latchkey_requests_total", "accept", "ap", "hostapd", "known"] == expected
        metrics.listener.close()


class TestReasons:
    """Each decision is counted under a word of a closed list, never under its text."""

    def counted(self, house):
        return {labels[2:] for labels in house.engine.journal.counts.requests}

    @pytest.mark.parametrize(
        ("draft", "status", "reason"),
        [
            ({"ends": -timedelta(days=20)}, None, "expired"),
            ({"starts": timedelta(days=11)}, None, "not-yet-valid"),
            ({}, KeyStatus.SUSPENDED, "suspended"),
            ({}, KeyStatus.REMOVED, "removed"),
        ],
    )
    def test_of_keys_that_may_not_be_used(self, house, handshake, lookup, draft, status, reason):
        window = {name: house.now + offset for name, offset in draft.items()}
        key_id = house.add_key(SSID, b"right-passphrase", devices=(DEVICE,), **window)
        if status is not None:
            house.store.keys.set_status(key_id, status, now=house.now, reason="a name that must not be a label")
        house.start()
        assert house.ask(handshake(b"right-passphrase")) is None
        assert self.counted(house) == {("reject", reason)}

    def test_of_everything_else(self, house, handshake, lookup):
        house.add_key(SSID, b"right-passphrase")
        house.store.nases.add(ip_network("198.51.100.0/24"), b"testing123", unknown_devices=UnknownDevices.OFFER)
        house.store.nases.add(ip_network("203.0.113.0/24"), b"testing123", profile="omada")
        house.start()
        house.ask(lookup())
        house.ask(lookup(), address="198.51.100.1")
        house.ask(lookup(), address="203.0.113.1")
        house.ask(lookup(ssid=Ssid(b"elsewhere")))
        house.ask(handshake(b"right-passphrase"))
        house.ask(handshake(b"right-passphrase"))
        house.ask(lookup())
        sae = handshake(b"right-passphrase")
        sae = replace(sae, m2=replace(sae.m2, key_data=sae.m2.key_data.replace(b"\0\x0f\xac\2", b"\0\x0f\xac\x08")))
        house.ask(sae)
        for attributes in ([], [Attribute(30, b"020000000000:Hudson House"), Attribute(79, b"\2\1\0\5\1")]):
            house.send(encode_request(1, bytes(16), attributes, house.secret))
        for _ in range(11):
            house.ask(handshake(b"wrong-passphrase", spa=MacAddress(b"\2\0\0\0\2\2")))
        assert self.counted(house) == {
            ("reject", "unknown-device"),
            ("accept", "offer"),
            ("admit", "unknown-device"),
            ("reject", "no-keypool"),
            ("accept", "search"),
            ("accept", "known"),
            ("accept", "lookup"),
            ("reject", "unknown-passphrase"),
            ("reject", "cooling-down"),
            ("reject", "unsupported"),
            ("reject", "malformed"),
        }
        searches = house.engine.journal.counts.search_keys
        assert sum(searches.counts) == 11

    def test_search_that_is_resumed_is_one(self, house, handshake):
        former = house.add_key(SSID, b"same-passphrase")
        house.store.keys.set_status(former, KeyStatus.REMOVED, now=house.now)
        house.add_key(SSID, b"same-passphrase")
        house.start()
        search = house.engine.receive(
            house.question(handshake(b"same-passphrase")).datagram, Source("192.0.2.1", 1), house.now
        )
        while not isinstance(search, bytes):
            search.run()
            search.seconds += 0.003
            search = house.engine.finish(search, house.now)
        counts = house.engine.journal.counts
        assert sum(counts.search_seconds.counts) == 1
        assert counts.search_seconds.sum == pytest.approx(0.006)


class TestEndpoint:
    @pytest.fixture
    def endpoint(self):
        listener = bind_stream(("127.0.0.1", 0))
        endpoint = Endpoint(listener, lambda openmetrics: ("text/plain", b"openmetrics" if openmetrics else b"text"))
        endpoint.start()
        yield listener.getsockname()
        endpoint.stop()
        listener.close()

    def get(self, address, path="/metrics", **options):
        with urlopen(Request(f"http://127.0.0.1:{address[1]}{path}", **options), timeout=20) as answer:  # noqa: S310
            return answer.read()

    def raw(self, address, octets):
        with socket.create_connection(address, timeout=20) as client:
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while block := client.recv(4096):
                answer += block
            return answer

    def test_page_is_got(self, endpoint):
        assert self.get(endpoint) == b"text"
        assert self.get(endpoint, "/metrics?name[]=x") == b"text"
        assert self.get(endpoint, headers={"Accept": "application/openmetrics-text;version=1.0.0"}) == b"openmetrics"
        assert self.get(endpoint, method="HEAD") == b""
        assert b"Content-Length: 4\r\n" in self.raw(endpoint, b"HEAD /metrics HTTP/1.0\r\n\r\n")

    @pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/metrics", "POST", 405)])
    def test_nothing_else_is(self, endpoint, path, method, status):
        with pytest.raises(HTTPError) as caught:
            self.get(endpoint, path, method=method)
        assert caught.value.code == status
        caught.value.close()

    @pytest.mark.parametrize(
        "octets",
        [b"", b"\r\n\r\n", b"GET /metrics\r\n\r\n", b"GET", b"\x16\x03\x01" * 9, b"GET / HTTP/1.1\r\n" + b"x" * 99_999],
    )
    def test_what_is_no_request_gets_nothing_or_400(self, endpoint, octets):
        try:
            answer = self.raw(endpoint, octets)
        except OSError:  # the connection is reset where there was more than is read
            answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
        assert self.get(endpoint) == b"text"

    @pytest.mark.parametrize("addresses", [1, 5, 40])
    def test_clients_that_say_nothing_keep_nobody_out(self, endpoint, addresses):
        """More than there is room for, of one address or of many: the oldest of the largest crowd goes."""
        silent = [
            socket.create_connection(endpoint, source_address=(f"127.0.1.{number % addresses + 1}", 0))
            for number in range(40)
        ]
        for _ in range(3):
            assert self.get(endpoint) == b"text"
        for each in silent:
            each.close()

    def test_one_address_holds_four_connections_and_all_together_sixteen(self, endpoint):
        def held(count, addresses):
            clients = [
                socket.create_connection(endpoint, source_address=(f"127.0.1.{number % addresses + 1}", 0))
                for number in range(count)
            ]
            assert self.get(endpoint) == b"text"  # so that all before it were accepted
            alive = [each for each in clients if not is_ended(each)]
            for each in clients:
                each.close()
            return alive, clients

        alive, clients = held(20, 1)
        assert alive == clients[-4:]  # the slowest went first
        alive, clients = held(40, 40)
        assert alive == clients[-15:]  # and one more that was answered

    def raw_or_nothing(self, endpoint):
        try:
            return self.get(endpoint)
        except OSError:
            return b""

    def test_failure_costs_one_answer(self, lines):
        pages = iter([None, ("text/plain", b"text")])
        listener = bind_stream(("127.0.0.1", 0))
        endpoint = Endpoint(listener, lambda _: next(pages))
        endpoint._pages[False] = (time.monotonic() - 9, ("", b""))
        endpoint.start()
        try:
            assert self.raw_or_nothing(listener.getsockname()) == b""
            assert any(line.startswith("error place=TypeError@http.py") for line in lines())
        finally:
            endpoint.stop()
            listener.close()

    def test_thread_ends_and_the_next_one_goes_on(self):
        listener = bind_stream(("127.0.0.1", 0))
        for text in (b"first", b"second"):
            endpoint = Endpoint(listener, lambda _, text=text: ("text/plain", text))
            endpoint.start()
            assert self.get(listener.getsockname()) == text
            endpoint.stop()
            assert not any(thread.name == "metrics" for thread in threading.enumerate())
        listener.close()

    def test_port_in_use_is_named(self, endpoint):
        with pytest.raises(ServeError, match=f"cannot show metrics on 127.0.0.1:{endpoint[1]}: Address already in use"):
            bind_stream(endpoint)


def test_histogram_sums():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value)
    assert (histogram.counts, histogram.sum) == ([2, 1, 1], 12.0)
