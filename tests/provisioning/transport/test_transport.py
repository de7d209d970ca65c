"""Generators run against real servers."""

import gzip
import logging
import signal
import threading
import time
import zlib
from email.utils import formatdate

import pytest

from provisioning.platforms import Answer, PlatformError, Refused, Request, Unavailable, bearer
from provisioning.transport import InvalidUrl, Limits, Transport
from tests.provisioning.transport.site import Clock, Site, one, reply

GET = Request(path="/team", what="the teams")
POST = Request(method="POST", path="/ack", what="an acknowledgement", body=b"secret-body", may_repeat=False)
SECRET = "hunter2-" + "x" * 8


def test_request_goes_out_as_it_is_said_and_its_answer_comes_back():
    request = Request(
        method="POST",
        path="/a b",
        what="a thing",
        query=(("q", "1&2"),),
        headers=(bearer("t"), ("Content-Type", "application/json")),
        body=b'{"x":1}',
    )
    with Site(lambda _: reply(201, b"made", "X-A: 1", "x-a: 2", "Set-Cookie: s=1")) as site:
        with Transport(site.url + "/v2") as transport:
            answer = transport.run(one(request))
        (asked,) = site.asked
    assert (answer.status, answer.body, answer.request) == (201, b"made", request)
    assert answer.headers["x-a"] == "1, 2"
    assert "set-cookie" not in answer.headers
    assert (asked.method, asked.target, asked.body) == ("POST", "/v2/a%20b?q=1%262", b'{"x":1}')
    assert asked.headers["authorization"] == "Bearer t"
    assert asked.headers["host"] == site.url.removeprefix("http://")
    assert asked.headers["user-agent"].startswith("latchkey/")


def test_cookies_are_not_kept_and_the_connection_is():
    def twice():
        yield GET
        yield GET

    with Site(lambda _: reply(200, b"{}", "Set-Cookie: s=1")) as site, Transport(site.url) as transport:
        transport.run(twice())
        assert [asked.connection for asked in site.asked] == [1, 1]
        assert not any("cookie" in asked.headers for asked in site.asked)


def test_list_is_answered_side_by_side_and_in_order():
    together = threading.Barrier(4)

    def script(asked):
        number = int(asked.target.rpartition("/")[2])
        if number < 4:
            together.wait(10)  # breaks where fewer than four come at once
        return reply(200, b"%d" % number)

    def connector():
        answers = yield [Request(path=f"/{number}", what=f"number {number}") for number in range(100)]
        return [answer.body for answer in answers]

    with Site(script) as site, Transport(site.url, Limits(connections=4)) as transport:
        assert transport.run(connector()) == [b"%d" % number for number in range(100)]
        assert site.most_at_once <= 4
        assert site.connections <= 4


def test_slow_answer_holds_up_nobody_but_itself():
    others = threading.Event()
    seen = []

    def script(asked):
        if asked.target == "/slow":
            assert others.wait(10)
        seen.append(asked.target)
        if len(seen) == 20:
            others.set()
        return reply()

    def connector():
        yield [
            Request(path="/slow", what="slow"),
            *(Request(path=f"/{number}", what="quick") for number in range(20)),
        ]

    with Site(script) as site, Transport(site.url, Limits(connections=2)) as transport:
        transport.run(connector())
    assert seen[-1] == "/slow"


def test_one_of_a_list_without_an_answer_is_unavailable_and_the_others_are_not():
    def connector():
        return (yield [Request(path=path, what=path) for path in ("/a", "/bad", "/c")])

    clock = Clock()
    with (
        Site(lambda asked: reply(500 if asked.target == "/bad" else 200)) as site,
        Transport(site.url, **clock.members) as transport,
    ):
        a, bad, c = transport.run(connector())
    assert isinstance(a, Answer)
    assert isinstance(c, Answer)
    assert isinstance(bad, Unavailable)
    assert str(bad) == "/bad: HTTP 500 (5 attempts)"
    assert bad.status == 500
    assert clock.slept == [1, 2, 4, 8]


def test_unavailable_is_thrown_where_it_was_asked_and_may_be_caught():
    def connector():
        try:
            yield Request(path="/bad", what="first")
        except Unavailable as error:
            answer = yield Request(path="/good", what="second")
            return str(error), answer.status

    with (
        Site(lambda asked: reply(502 if asked.target == "/bad" else 204, b"")) as site,
        Transport(site.url, Limits(attempts=1)) as transport,
    ):
        assert transport.run(connector()) == ("first: HTTP 502", 204)


def test_what_a_generator_raises_passes_and_an_empty_list_is_answered():
    def connector():
        assert (yield []) == []
        raise Refused("no")

    with Transport("http://127.0.0.1:1") as transport, pytest.raises(Refused, match="no"):
        transport.run(connector())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 409, 422])
def test_refusals_are_answers_and_asked_once(status):
    with Site(lambda _: reply(status)) as site, Transport(site.url) as transport:
        assert transport.run(one(GET)).status == status
        assert len(site.asked) == 1


# Asking again.


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_busy_platform_is_asked_again_ever_later(status):
    clock = Clock()
    with (
        Site(lambda _: reply(status if len(site.asked) < 4 else 200)) as site,
        Transport(site.url, **clock.members) as transport,
    ):
        assert transport.run(one(GET)).status == 200
    assert clock.slept == [1, 2, 4]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_not_be_repeated_is_not(status):
    with Site(lambda _: reply(status)) as site, Transport(site.url) as transport:
        with pytest.raises(Unavailable, match=f"an acknowledgement: HTTP {status}$") as caught:
            transport.run(one(POST))
        assert len(site.asked) == 1
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("value", "waits"),
    [
        ("7", [7]),
        (lambda clock: formatdate(clock.now() + 20, usegmt=True), [20]),
        (lambda clock: formatdate(clock.now() - 20, usegmt=True), [1]),
        ("0", [1]),
        ("soon", [1]),
        ("-5", [1]),
        ("", [1]),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept(value, waits, status):
    clock = Clock()
    text = value if isinstance(value, str) else value(clock)
    with (
        Site(lambda _: reply(status, b"", f"Retry-After: {text}") if len(site.asked) == 1 else reply()) as site,
        Transport(site.url, **clock.members) as transport,
    ):
        assert transport.run(one(GET)).status == 200
    assert sum(clock.slept) == sum(waits)


def test_platform_that_wants_to_be_left_alone_for_long_is():
    clock = Clock()
    with Site(lambda _: reply(429, b"", "Retry-After: 3600")) as site:
        with (
            Transport(site.url, **clock.members) as transport,
            pytest.raises(Unavailable, match="the teams: HTTP 429, and asks to be left alone for 3600 s"),
        ):
            transport.run(one(GET))
        assert len(site.asked) == 1
    assert clock.slept == []


@pytest.mark.parametrize("status", [429, 503])
def test_platform_that_wants_to_be_left_alone_for_long_is_asked_nothing_else_until_then(status):
    def connector(paths):
        outcomes = yield [Request(path=path, what=path) for path in paths]
        return [each.status if isinstance(each, Answer) else str(each) for each in outcomes]

    clock = Clock()
    with (
        Site(lambda _: reply(status, b"", "Retry-After: 3600") if len(site.asked) == 1 else reply()) as site,
        Transport(site.url, Limits(connections=1), **clock.members) as transport,
    ):
        first, *others = transport.run(connector(f"/{n}" for n in range(100)))
        assert first == f"/0: HTTP {status}, and asks to be left alone for 3600 s"
        assert set(others) == {
            f"/{n}: not asked, as the platform asks to be left alone for 3600 s" for n in range(1, 100)
        }
        assert transport.run(connector(["/a"])) != [200], "what follows in the same process"
        assert len(site.asked) == 1
        assert 3500 < transport.quiet_s <= 3600
        clock.sleep(3601)
        assert transport.quiet_s == 0
        assert transport.run(connector(["/a"])) == [200]


@pytest.mark.parametrize("status", [429, 503])
def test_429_for_an_hour_ends_when_patience_does(status):
    clock = Clock()
    started = clock()
    with Site(lambda _: reply(status)) as site, Transport(site.url, **clock.members) as transport:
        with pytest.raises(Unavailable, match=f"the teams: HTTP {status} .* attempts"):
            transport.run(one(GET))
        assert 10 < len(site.asked) < 25
    assert 800 < clock() - started <= 900


def test_what_is_given_up_says_what_came_last():
    clock = Clock()
    with (
        Site(lambda _: reply(500)) as site,
        Transport(site.url, Limits(patience_s=4), **clock.members) as transport,
        pytest.raises(Unavailable) as caught,
    ):
        transport.run(one(GET))
    assert str(caught.value) == "the teams: HTTP 500, given up: no answer to anything for 4 s (3 attempts)"
    assert caught.value.status == 500


def test_patience_is_of_the_run_not_of_each_request():
    def connector():
        failed = 0
        for number in range(50):
            try:
                yield Request(path=f"/{number}", what=f"number {number}")
            except Unavailable as error:
                failed += 1
                last = str(error)
        return failed, last

    clock = Clock()
    started = clock()
    with Site(lambda _: reply(429)) as site, Transport(site.url, **clock.members) as transport:
        failed, last = transport.run(connector())
        assert len(site.asked) < 40
    assert failed == 50
    assert last == "number 49: given up: no answer to anything for 900 s"
    assert clock() - started <= 901


def test_platform_that_allows_one_request_a_second_is_read_to_the_end():
    clock = Clock()
    allowed = {}

    def script(asked):
        second = int(clock())
        allowed[second] = allowed.get(second, 0) + 1
        return reply() if allowed[second] == 1 else reply(429, b"", "Retry-After: 1")

    def connector():
        return (yield [Request(path=f"/{number}", what="one") for number in range(256)])

    with Site(script) as site, Transport(site.url, **clock.members) as transport:
        answers = transport.run(connector())
    assert all(isinstance(answer, Answer) for answer in answers)
    assert len(site.asked) < 560  # one that is answered and one that is refused each second, once it has learned


def test_run_ends_however_slowly_it_gets_on():
    clock = Clock()

    def script(asked):
        clock.time += 10
        return reply()

    def connector():
        while True:
            yield GET

    with Site(script) as site, Transport(site.url, Limits(run_s=1000), **clock.members) as transport:
        with pytest.raises(Unavailable, match="the teams: the run is given up after 1000 s"):
            transport.run(connector())
        assert len(site.asked) <= 101


def test_requests_of_one_run_are_capped_and_the_next_run_starts_anew():
    def connector(count):
        for _ in range(count):
            yield GET
        return "read"

    with Site(lambda _: reply()) as site, Transport(site.url, Limits(requests=10)) as transport:
        assert transport.run(connector(10)) == "read"
        with pytest.raises(Unavailable, match="the teams: more than 10 requests in one run"):
            transport.run(connector(11))
        assert transport.run(connector(10)) == "read"
        assert len(site.asked) == 30


# No answer.


def test_nobody_there():
    clock = Clock()
    with Site(lambda _: reply()) as site:
        pass
    with (
        Transport(site.url, **clock.members) as transport,
        pytest.raises(Unavailable, match=r"the teams: no connection: Connection refused \(5 attempts\)"),
    ):
        transport.run(one(GET))
    assert clock.slept == [1, 2, 4, 8]


def test_host_that_is_not_there():
    with (
        Transport("https://platform.invalid", Limits(attempts=1)) as transport,
        pytest.raises(Unavailable, match="the teams: no connection: "),
    ):
        transport.run(one(GET))


def test_connection_that_is_reset_is_made_again():
    clock = Clock()
    with (
        Site(lambda _: reply() if len(site.asked) == 3 else None) as site,
        Transport(site.url, **clock.members) as transport,
    ):
        assert transport.run(one(GET)).status == 200
    assert clock.slept == [1, 2]


def test_kept_connection_that_the_server_closed_costs_no_attempt():
    def script(asked):
        yield reply()
        raise OSError  # hang up

    def connector():
        yield GET
        started = time.monotonic()
        while site._connections[0].fileno() != -1:
            assert time.monotonic() - started < 10
            time.sleep(0.001)
        return (yield POST)

    with Site(script) as site, Transport(site.url, Limits(attempts=1)) as transport:
        assert transport.run(connector()).status == 200
        assert [asked.connection for asked in site.asked] == [1, 2]


def test_kept_connection_that_the_server_closes_when_it_is_asked_is_made_again():
    clock = Clock()

    def script(asked):
        return reply() if len(site.asked) != 2 else None

    def connector():
        yield GET
        return (yield GET)

    with Site(script) as site, Transport(site.url, **clock.members) as transport:
        assert transport.run(connector()).status == 200
        assert [asked.connection for asked in site.asked] == [1, 1, 2]
    assert clock.slept == [1]


def test_silent_server_ends_at_the_time_out():
    def script(asked):
        site.closing.wait(20)

    with (
        Site(script) as site,
        Transport(site.url, Limits(read_s=0.2, attempts=1)) as transport,
        pytest.raises(Unavailable, match=r"the teams: nothing came for 0\.2 s"),
    ):
        transport.run(one(GET))


@pytest.mark.parametrize("place", ["head", "body"])
def test_dripping_server_ends_at_the_deadline_of_the_whole_request(place):
    def script(asked):
        octets = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" if place == "body" else b""
        yield octets
        while not site.closing.wait(0.02):
            yield b"H" if place == "head" else b"x"

    limits = Limits(read_s=5, request_s=0.4, attempts=1)
    with (
        Site(script) as site,
        Transport(site.url, limits) as transport,
        pytest.raises(Unavailable, match=r"the teams: the answer (takes too long|is cut short, or not HTTP)"),
    ):
        transport.run(one(GET))


def test_head_without_an_end_is_refused():
    def script(asked):
        yield b"HTTP/1.1 200 OK\r\n"
        while not site.closing.is_set():
            yield b"X-Filler: " + b"x" * 1000 + b"\r\n"

    with (
        Site(script) as site,
        Transport(site.url, Limits(attempts=1)) as transport,
        pytest.raises(Unavailable, match="cut short, or not HTTP"),
    ):
        transport.run(one(GET))


@pytest.mark.parametrize(
    "octets",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nConte",
        b"SSH-2.0-hunter2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 101 Switching\r\nUpgrade: hunter2\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
)
def test_answer_that_is_cut_short_or_no_http_is_none(octets):
    clock = Clock()

    def script(asked):
        yield octets
        raise OSError  # hang up

    with Site(script) as site, Transport(site.url, Limits(attempts=2), **clock.members) as transport:
        with pytest.raises(Unavailable, match="the teams: the answer is cut short, or not HTTP") as caught:
            transport.run(one(GET))
        assert len(site.asked) == 2
    assert "hunter2" not in str(caught.value)


def test_body_that_is_longer_than_it_says_costs_the_next_request_an_attempt_and_no_more():
    clock = Clock()

    def connector():
        yield GET
        return (yield GET).body

    with (
        Site(lambda _: reply(200, b"true") + (b"{}" if len(site.asked) == 1 else b"")) as site,
        Transport(site.url, **clock.members) as transport,
    ):
        assert transport.run(connector()) == b"true"
    assert clock.slept == [1]


def test_answer_without_a_length_ends_with_its_connection():
    def script(asked):
        yield b"HTTP/1.0 200 OK\r\n\r\nwhole"
        raise OSError

    with Site(script) as site, Transport(site.url) as transport:
        assert transport.run(one(GET)).body == b"whole"


# Redirects.


def test_redirect_to_another_host_is_refused_and_the_credentials_stay_here():
    with Site(lambda _: reply()) as other:
        location = f"Location: {other.url.replace('127.0.0.1', 'localhost')}/?token={SECRET}"
        with (
            Site(lambda _: reply(302, b"", location)) as site,
            Transport(site.url) as transport,
            pytest.raises(Unavailable, match="redirected to what is another server; that is refused") as caught,
        ):
            transport.run(one(Request(path="/", what="a list", headers=(bearer("t"),))))
        assert other.asked == []
    assert SECRET not in str(caught.value)


def test_redirect_to_plain_http_elsewhere_is_refused():
    with (
        Site(lambda _: reply(301, b"", "Location: http://api.example.net/")) as site,
        Transport(site.url) as transport,
        pytest.raises(Unavailable, match="plain http"),
    ):
        transport.run(one(GET))


def test_redirect_on_the_same_host_is_followed_a_few_times():
    def script(asked):
        if asked.target == "/loop":
            return reply(307, b"", "Location: /loop")
        return reply(308, b"", "Location: /there?page=1") if asked.target == "/team" else reply(200, b"there")

    with Site(script) as site, Transport(site.url) as transport:
        answer = transport.run(one(Request(path="/team", what="teams", headers=(bearer("t"),))))
        assert (answer.body, site.targets) == (b"there", ["/team", "/there?page=1"])
        assert site.asked[1].headers["authorization"] == "Bearer t"
        with pytest.raises(Unavailable, match="more than 3 redirects"):
            transport.run(one(Request(path="/loop", what="a loop")))
        assert len(site.asked) == 2 + 4


def test_only_get_is_redirected():
    with Site(lambda _: reply(307, b"", "Location: /there")) as site, Transport(site.url) as transport:
        with pytest.raises(Unavailable, match="a redirect, which is followed for GET alone"):
            transport.run(one(Request(method="POST", path="/", what="a post", body=b"x")))
        assert len(site.asked) == 1


def test_request_with_a_url_of_its_own_goes_there_and_only_by_safe_ways():
    def connector(url):
        return (yield Request(path="", what="a token", url=url, query=(("a", "b"),)))

    with Site(lambda _: reply(200, b"other")) as other, Transport("http://127.0.0.1:1/v2") as transport:
        assert transport.run(connector(other.url + "/token?x=1")).body == b"other"
        assert transport.run(connector(other.url)).body == b"other"
        assert other.targets == ["/token?x=1&a=b", "/?a=b"]
        with pytest.raises(Unavailable, match="a token: its URL is plain http"):
            transport.run(connector("http://api.example.net/token"))


# Bodies.


def test_body_is_cut_off_at_the_cap_while_it_comes():
    sent = []

    def script(asked):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
        while len(sent) < 1024:
            yield b"x" * (1 << 20)
            sent.append(1)

    with Site(script) as site, Transport(site.url, Limits(body_octets=4 << 20)) as transport:
        with pytest.raises(Unavailable, match=r"the teams: the answer is larger than 4,194,304 octets$"):
            transport.run(one(GET))
        assert len(site.asked) == 1
    assert len(sent) < 64


def test_cap_is_that_of_all_answers_to_one_list():
    def connector():
        return (yield [Request(path="/", what="one") for _ in range(8)])

    with (
        Site(lambda _: reply(200, b"x" * 100_000)) as site,
        Transport(site.url, Limits(body_octets=450_000, connections=1)) as transport,
    ):
        answers = transport.run(connector())
        assert sum(isinstance(answer, Answer) for answer in answers) == 4
        assert all(isinstance(answer, Answer) for answer in transport.run(connector())[:4])


def test_body_that_is_given_up_counts_no_longer():
    clock = Clock()

    def script(asked):
        return reply(200 if len(site.asked) > 3 else 500, b"x" * 900)

    with Site(script) as site, Transport(site.url, Limits(body_octets=1000), **clock.members) as transport:
        assert len(transport.run(one(GET)).body) == 900


def test_compressed_body_is_opened():
    text = b'{"name": "Hudson House"}' * 10_000
    packed = gzip.compress(text[:1000], mtime=0) + gzip.compress(text[1000:], mtime=0)

    def script(asked):
        assert asked.headers["accept-encoding"] == "gzip"
        return reply(200, packed, "Content-Encoding: gzip")

    with Site(script) as site, Transport(site.url) as transport:
        assert transport.run(one(GET)).body == text


def test_bomb_is_cut_off_at_the_cap_when_it_is_opened():
    packed = gzip.compress(b"\0" * (256 << 20), 9)
    assert len(packed) < 300_000
    with (
        Site(lambda _: reply(200, packed, "Content-Encoding: gzip")) as site,
        Transport(site.url, Limits(body_octets=8 << 20)) as transport,
        pytest.raises(Unavailable, match="larger than 8,388,608 octets"),
    ):
        transport.run(one(GET))


@pytest.mark.parametrize(
    ("encoding", "octets", "text"),
    [
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-9], "is cut short"),
        ("gzip", b"no gzip at all", "is damaged"),
        ("br", b"x", "compressed in a way that was not asked for"),
        ("deflate", zlib.compress(b"x"), "compressed in a way that was not asked for"),
        ("gzip, gzip", gzip.compress(b"x", mtime=0), "compressed in a way that was not asked for"),
    ],
)
def test_body_that_cannot_be_opened_is_no_answer(encoding, octets, text):
    clock = Clock()
    with (
        Site(lambda _: reply(200, octets, f"Content-Encoding: {encoding}")) as site,
        Transport(site.url, **clock.members) as transport,
        pytest.raises(Unavailable, match=text),
    ):
        transport.run(one(GET))


# What is told.


def test_clock_of_the_platform_is_compared_with_ours():
    clock = Clock()
    offsets = iter([3, -7200, 5])

    def script(asked):
        return reply(200, b"", f"Date: {formatdate(clock.now() + next(offsets), usegmt=True)}")

    def connector():
        for _ in range(3):
            yield GET

    with Site(script) as site, Transport(site.url, **clock.members) as transport:
        transport.run(connector())
        assert transport.clock_skew_s == -7200
    with Site(lambda _: reply(200, b"", "Date: yesterday")) as site, Transport(site.url) as transport:
        transport.run(one(GET))
        assert transport.clock_skew_s == 0


def test_progress_is_told():
    clock = Clock()
    told = []

    def tell(what, counts):
        told.append((what, counts.requests, counts.answers, counts.repeated))

    with (
        Site(lambda _: reply(500 if len(site.asked) == 1 else 200)) as site,
        Transport(site.url, progress=tell, **clock.members) as transport,
    ):
        transport.run(one(GET))
    assert told == [("the teams", 1, 0, 1), ("the teams", 2, 1, 1)]


def test_progress_is_told_while_nothing_comes_and_what_it_raises_comes_out():
    clock = Clock()
    told = []

    def tell(what, _):
        told.append((what, clock()))
        if len(told) == 5:
            raise KeyboardInterrupt

    with (
        Site(lambda _: reply(429, b"", "Retry-After: 200")) as site,
        Transport(site.url, progress=tell, **clock.members) as transport,
    ):
        with pytest.raises(KeyboardInterrupt):
            transport.run(one(GET))
        assert told == [("the teams", 1_000.0 + 10 * number) for number in range(5)]
        assert len(site.asked) == 1


@pytest.mark.parametrize("status", [401, 429, 500, 302, 0])
def test_nothing_secret_is_in_a_message(status, caplog):
    request = Request(
        method="GET",
        path=f"/{SECRET}",
        what="a list",
        query=(("token", SECRET),),
        headers=(bearer(SECRET),),
        body=SECRET.encode(),
    )
    page = f"<p>{SECRET}".encode()
    with (
        Site(
            lambda _: reply(status, page, f"Location: https://{SECRET}.example/") if status else page + b"\r\n\r\n"
        ) as site,
        Transport(site.url, Limits(attempts=1, patience_s=0.5)) as transport,
    ):
        try:
            text = repr(transport.run(one(request)).check())
        except PlatformError as error:
            text = f"{error} {error!r}"
    assert SECRET not in text
    assert SECRET not in caplog.text


def test_header_that_http_cannot_carry_is_refused_without_telling_it():
    with Site(lambda _: reply()) as site, Transport(site.url) as transport:
        with pytest.raises(Unavailable, match="a list: its path or a header has something") as caught:
            transport.run(one(Request(path="/", what="a list", headers=(bearer(f"{SECRET}\r\nX: y"),))))
        assert site.asked == []
    assert SECRET not in str(caught.value)


def test_libraries_log_nothing(caplog):
    caplog.set_level(logging.DEBUG)
    request = Request(path=f"/{SECRET}", what="a list", query=(("token", SECRET),), headers=(bearer(SECRET),))
    with Site(lambda _: reply(200, b"{}", f"X-Token: {SECRET}")) as site, Transport(site.url) as transport:
        transport.run(one(request))
    assert [record for record in caplog.records if record.name.startswith(("http", "h11", "anyio"))] == []
    assert SECRET not in caplog.text


def test_environment_says_nothing_about_the_way(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Site(lambda _: reply()) as site, Transport(site.url) as transport:
        assert transport.run(one(GET)).status == 200
        assert "authorization" not in site.asked[0].headers


@pytest.mark.parametrize("place", ["head", "body"])
def test_interrupt_ends_a_run_at_once_and_the_next_one_is_not_hurt(place):
    silent = True

    def script(asked):
        if not silent:
            yield reply()
            return
        if place == "body":
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        site.closing.wait(60)

    with Site(script) as site, Transport(site.url, Limits(connections=1)) as transport:
        with pytest.raises(KeyboardInterrupt):
            transport.run(one(GET))
        silent = False
        assert transport.run(one(GET)).status == 200
        assert [asked.connection for asked in site.asked] == [1, 2]


def test_unsafe_base_is_refused():
    with pytest.raises(InvalidUrl, match="plain http"):
        Transport("http://api.example.net")


def test_connections_are_closed_when_the_connector_fails():
    def connector():
        yield [GET] * 4
        raise Refused("no")

    with Site(lambda _: reply()) as site:
        with Transport(site.url) as transport, pytest.raises(Refused):
            transport.run(connector())
        started = time.monotonic()
        for connection in site._connections:
            while connection.fileno() != -1:  # the server's side closes when ours did
                assert time.monotonic() - started < 10
                time.sleep(0.001)
