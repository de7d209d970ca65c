"""Which URLs are asked, and where a path is appended."""

import pytest

from provisioning.transport import Address, InvalidUrl


@pytest.mark.parametrize(
    ("base", "path", "query", "target"),
    [
        ("https://api.example.net", "/team", (), "/team"),
        ("https://api.example.net/", "/team", (), "/team"),
        ("https://api.example.net/v2", "/team/T 1", (), "/v2/team/T%201"),
        ("https://api.example.net/v2/", "team", (), "/v2/team"),
        ("https://api.example.net/v2", "", (), "/v2"),
        ("https://api.example.net", "", (), "/"),
        ("https://acme.example.net/api/v1/property-relationship", "/", (), "/api/v1/property-relationship/"),
        ("https://api.example.net", "/hot%20link", (), "/hot%20link"),
        ("https://api.example.net", "/a\r\nX: y", (), "/a%0D%0AX:%20y"),
        ("https://api.example.net", "/u", (("email", "a+b@example.net"), ("q", "ü&=")), None),
        ("https://api.example.net", "/u?acked=false", (("limit", "100"),), "/u?acked=false&limit=100"),
    ],
)
def test_path_is_appended_to_the_base_as_it_is_printed(base, path, query, target):
    expected = target or "/u?email=a%2Bb%40example.net&q=%C3%BC%26%3D"
    assert Address.parse(base).target(path, query) == expected


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://api.example.net", "plain http"),
        ("http://192.168.1.1", "plain http"),
        ("http://localhost.example.net", "plain http"),
        ("http://127.0.0.1.example.net", "plain http"),
        ("http://0.0.0.0", "plain http"),
        ("https://user:hunter2@api.example.net", "user name"),
        ("https://hunter2@api.example.net", "user name"),
        ("http://127.0.0.1@evil.example", "user name"),
        ("https://api.example.net?token=hunter2", "query"),
        ("https://api.example.net#hunter2", "query or fragment"),
        ("api.example.net", "must be like"),
        ("ftp://api.example.net", "must be like"),
        ("https://", "must be like"),
        ("", "must be like"),
        ("https://api.example.net:99999", "no URL"),
        ("https://api.example.net:0", "must be like"),
        ("https://[::1", "no URL"),
        ("https://api.example.net/\n", "blank or a control"),
        ("https://api .example.net/", "blank or a control"),
        ("https://" + "x" * 64 + ".net", "no name"),
    ],
)
def test_what_is_no_safe_base_is_refused_without_repeating_it(url, text):
    with pytest.raises(InvalidUrl, match=text) as caught:
        Address.parse(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "header"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1:8080"),
        ("http://127.9.9.9", "127.9.9.9", 80, "127.9.9.9"),
        ("http://[::1]:81", "::1", 81, "[::1]:81"),
        ("http://localhost", "localhost", 80, "localhost"),
        ("HTTPS://API.Example.net", "api.example.net", 443, "api.example.net"),
        ("https://api.example.net:443", "api.example.net", 443, "api.example.net"),
        ("https://bücher.example", "xn--bcher-kva.example", 443, "xn--bcher-kva.example"),
    ],
)
def test_plain_http_is_for_this_machine_alone(url, host, port, header):
    address = Address.parse(url)
    assert (address.host, address.port, address.host_header) == (host, port, header)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/v3/team?page=2", "/v3/team?page=2"),
        ("site", "/v2/site"),
        ("https://api.example.net/v3", "/v3"),
        ("https://API.example.net:443/v3#x", "/v3"),
        ("?page=2", "/v2/team?page=2"),
    ],
)
def test_redirect_on_the_same_server_is_followed_to_its_target(location, target):
    assert Address.parse("https://api.example.net").redirected("/v2/team", location) == target


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("https://evil.example/v3", "another server"),
        ("//evil.example/v3", "another server"),
        ("https://api.example.net:8443/v3", "another server"),
        ("http://api.example.net/v3", "plain http"),
        ("http://127.0.0.1/v3", "another server"),
        ("https://api.example.net@evil.example/", "user name"),
        ("ftp://api.example.net/", "must be like"),
        ("https://[", "no URL"),
    ],
)
def test_redirect_elsewhere_is_refused(location, text):
    with pytest.raises(InvalidUrl, match=text):
        Address.parse("https://api.example.net").redirected("/v2/team", location)
