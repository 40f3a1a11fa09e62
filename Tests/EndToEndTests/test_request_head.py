# SPDX-License-Identifier: Apache-2.0
"""Request lines and fields: what passes unchanged, what is refused (RFC 9110, RFC 9112 §2 to §5)."""

import pytest
from support.client import RawClient, request
from support.upstream import OK

HOST = b"Host: weir.test\r\n"
HEAD = b"GET /a?b=c HTTP/1.1\r\nHost: weir.test\r\nX-A: one two\r\nX-B:\tthree\r\n\r\n"


def line(method: str, target: str, version: str = "HTTP/1.1", host: str = "weir.test") -> bytes:
    """A request of nothing but its line and Host, in Latin-1 so that every byte can be spelled."""
    return f"{method} {target} {version}\r\nHost: {host}\r\n\r\n".encode("latin-1")


# Request targets

ORIGIN_TARGETS = [
    "/%2e%2E/%41?%26", "/?", "/??", "/a?b?c/d", "/a;p=1,2:@!$&'()*+=", "/.//../", "///", "/" + "a" * 8000,
]  # fmt: skip


@pytest.mark.parametrize("target", ORIGIN_TARGETS, ids=[target[:20] for target in ORIGIN_TARGETS])
def test_origin_form_passes_byte_for_byte(stand, target):
    """RFC 9112 §3.2.1, RFC 9110 §7.7: the path and the query are not rewritten."""
    assert stand.forward(line("GET", target)).line == f"GET {target} HTTP/1.1"


ABSOLUTE_TARGETS = [
    # (target, as upstream sees it, its Host)
    ("http://other.test/a?b", "/a?b", "other.test"),
    ("http://other.test", "/", "other.test"),
    ("http://other.test?q=1", "/?q=1", "other.test"),
    ("http://other.test/?", "/?", "other.test"),
    ("http://other.test:8080/x", "/x", "other.test:8080"),
    ("HTTP://other.test/", "/", "other.test"),
    ("http://[::1]:81/a", "/a", "[::1]:81"),
    ("http://other.test//a//", "//a//", "other.test"),
    ("http://other.test/http://third.test/", "/http://third.test/", "other.test"),
    ("http://other.test/@a", "/@a", "other.test"),
    ("http://other.test?a@b", "/?a@b", "other.test"),
]


@pytest.mark.parametrize(("target", "path", "host"), ABSOLUTE_TARGETS)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_absolute_form_decides_the_host(stand, target, path, host, version):
    """RFC 9112 §3.2.2: the Host of the request is ignored and replaced."""
    arrived = stand.forward(line("GET", target, version))
    assert (arrived.target, arrived.all("host")) == (path, [host])


def test_absolute_form_of_http_1_0_needs_no_host(stand):
    """RFC 9112 §3.2.2, §3.2: upstream gets the one that the target names."""
    arrived = stand.forward(b"GET http://other.test/x HTTP/1.0\r\n\r\n")
    assert (arrived.target, arrived.all("host")) == ("/x", ["other.test"])


def test_options_for_a_whole_server_becomes_an_asterisk(stand):
    """RFC 9112 §3.2.4: an empty path and no query, so the last proxy sends `*`."""
    assert stand.forward(line("OPTIONS", "http://other.test")).line == "OPTIONS * HTTP/1.1"
    assert stand.forward(line("OPTIONS", "http://other.test/")).line == "OPTIONS / HTTP/1.1"


BAD_TARGETS = [
    # RFC 9112 §3.2: none of the four forms
    "a", "?q", "weir.test", "weir.test:80", "*x", "/ /", "/#f", "/a#", "#", "mailto:a", "http:/x", "http:x",
    # RFC 9110 §4.2.1, §4.2.4: an empty host, userinfo
    "http://", "http:///x", "http://:80/", "http://user@weir.test/", "http://user:pass@weir.test/",
    "http://@weir.test/",
    # RFC 3986 §3.2
    "http://[::1/", "http://::1/", "http://weir.test:x/", "http://weir.test:80:80/", "http://a b/",
    "http://weir.test:-1/",
    "http://weir.test\\x/", "http://weir.test/#f", "http://weir.test#f", "//weir.test/#",
    # RFC 9112 §3.2.3, §3.2.4: forms of other methods
    "*",
    # RFC 9112 §3: white space and control bytes
    "/a\tb", "/a\x0bb", "/a\x0cb", "/\x1f", "/\x00", "/\x7f", "\\", "\\/a",
]  # fmt: skip


@pytest.mark.parametrize("target", BAD_TARGETS, ids=[ascii(target) for target in BAD_TARGETS])
def test_bad_target_is_400(stand, target):
    """RFC 9112 §3.2: an invalid request-target is refused, not repaired."""
    stand.refuse(line("GET", target), 400)


@pytest.mark.parametrize("target", ["weir.test:443", "/", "*", "http://weir.test/", "weir.test"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_connect_is_refused_in_every_form(stand, target, version):
    """RFC 9110 §9.3.6, design §4: 405; what is no target for CONNECT may be called malformed."""
    stand.refuse(line("CONNECT", target, version), 405, *([] if target == "weir.test:443" else [400]))


# Versions


@pytest.mark.parametrize("version", ["HTTP/1.2", "HTTP/1.9"])
def test_higher_minor_version_is_served_as_1_1(stand, version):
    """RFC 9110 §2.5: it is processed as the highest minor version known, and answered with that."""
    with stand.client() as client:
        for _ in range(2):
            response = client.exchange(line("GET", "/", version))
            assert (response.status, response.version, response.closes) == (200, "1.1", False)
    assert stand.app.requests[-1].line == "GET / HTTP/1.1"


@pytest.mark.parametrize(
    "version",
    ["HTTP/1.10", "HTTP/11.1", "HTTP/01.1", "HTTP/1.", "HTTP/.1", "HTTP/1,1", "HTTP/1", "HTTP/", "HTTP/a.b",
     "http/1.1", "Http/1.1", "HTTPS/1.1", "XHTTP/1.1", "HTTP/1.1x", "HTTP/1.-1", "HTTP\\1.1", "HTTP/ 1.1",
     "HTTP /1.1",
     "HTTP/1.1\x0b", "HTTP/1.1\t", "\tHTTP/1.1", " HTTP/1.1", "ICAP/1.0", "HTTP/\xb9.1"],
    ids=ascii,
)  # fmt: skip
def test_malformed_version_is_400(stand, version):
    """RFC 9112 §2.3: two digits, the letters in upper case, nothing around them."""
    stand.refuse(line("GET", "/", version), 400)


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/2.1", "HTTP/3.0", "HTTP/9.9"])
def test_higher_major_version_is_505(stand, version):
    """RFC 9110 §15.6.6."""
    stand.refuse(line("GET", "/", version), 505)


@pytest.mark.parametrize("version", ["HTTP/0.9", "HTTP/0.0"])
def test_version_before_1_is_refused(stand, version):
    """RFC 9112 §2.3: HTTP/0.9 had no version to write, so it may be called malformed as well."""
    stand.refuse(line("GET", "/", version), 400, 505)


HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(32)) + bytes.fromhex("20") + bytes(range(160))


@pytest.mark.parametrize(
    "data", [HELLO, HELLO + b"\r\n\r\n", b"\x80\x2e\x01\x03\x01"], ids=["TLS", "TLS, CRLF", "SSLv2"]
)
def test_tls_on_the_port_is_refused(stand, data):
    """RFC 9112 §3: the first byte can begin no request, so nothing has to be waited for."""
    stand.refuse(data, 400)


# Methods


@pytest.mark.parametrize(
    "method", ["get", "Get", "GETT", "G", "!#$%&'*+-.^_`|~09az", "A" * 32, "PRI", "HTTP"]
)
def test_any_token_is_a_method(stand, method):
    """RFC 9110 §9.1: case-sensitive, known or not."""
    assert stand.forward(line(method, "/")).method == method


@pytest.mark.parametrize(
    "method", ["G ET", "GE\tT", "G\x00T", "(GET)", "G,T", "G/T", "G:T", "G@T", "GET\x7f", "G\xc9T",
    "\xef\xbb\xbfGET", '"GET"', ""],
    ids=ascii,
)  # fmt: skip
def test_method_that_is_no_token_is_400(stand, method):
    """RFC 9110 §5.6.2."""
    stand.refuse(line(method, "/"), 400)


@pytest.mark.parametrize("length", [33, 100, 10_000])
def test_long_method_is_refused(stand, length):
    """RFC 9112 §3 would have 501; the README says 400."""
    stand.refuse(line("A" * length, "/"), 400, 501)


# Host

GOOD_HOSTS = [
    "weir.test", "WEIR.Test", "weir.test.", "weir.test:80", "weir.test:", "weir.test:65535", "127.0.0.1",
    "127.0.0.1:8000",
    "[::1]", "[::1]:8000", "[2001:db8::7:1]", "xn--bcher-kva.test", "a_b.test", "a-b", "a~b", "a%20b", "0",
]  # fmt: skip


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_host_passes_unchanged(stand, host):
    """RFC 9110 §7.2: uri-host with an optional port."""
    assert stand.forward(line("GET", "/", host=host)).all("host") == [host]


BAD_HOSTS = [
    "a/b", "a/", "/", "http://a", "a?b", "a#b", "a@b", "a:b@c", "@", "a b", "a\tb", "a, b", "a:80:80", "a:-1",
    "a:+1", "a:8x",
    "a: 80", "a :80", "::1", "[::1", "::1]", "[::1]x", "[]", "[::1]:x", "[g::]", "a\\b", "a^b", "a`b", "a{b}",
    "a|b", '"a"', "<a>",
    "a%", "a%2", "a%zz", "caf\xe9", "\xc3\xa9", "a\x00", "a\x01", "a\x7f", "a\x0bb",
    "weir.test:99999999999999999999",
]  # fmt: skip


@pytest.mark.parametrize("host", BAD_HOSTS, ids=ascii)
def test_bad_host_is_400(stand, host):
    """RFC 9112 §3.2: a Host with an invalid value."""
    stand.refuse(line("GET", "/", host=host), 400)


@pytest.mark.parametrize(
    "fields",
    [
        b"", b"Hos: a\r\n", b"X-Host: a\r\n", b"Host : a\r\n", b"Host\t: a\r\n", b" Host: a\r\n",
        b"Host: a\r\n b\r\n", b"Host\x00: a\r\n",
        b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nX-A: b\r\nhost: a\r\n",
        b"HOST: a\r\nhOST:\r\n",
        b"Host:\r\nHost:\r\n", b"Host: a\r\nHost : b\r\n", b"Host:\r\n\ta\r\n",
    ],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("target", [b"/", b"http://weir.test/"], ids=["origin", "absolute"])
def test_missing_or_repeated_host_is_400(stand, fields, target):
    """RFC 9112 §3.2: exactly one, in HTTP/1.1, whatever the target says."""
    stand.refuse(b"GET " + target + b" HTTP/1.1\r\n" + fields + b"\r\n", 400)


@pytest.mark.parametrize("fields", [b"", b"Host: a\r\n"], ids=ascii)
def test_http_1_0_reaches_upstream_with_one_host(stand, fields):
    """RFC 9112 §3.2: HTTP/1.0 may lack it, the HTTP/1.1 request that weir makes of it may not."""
    assert len(stand.forward(b"GET / HTTP/1.0\r\n" + fields + b"\r\n").all("host")) == 1


@pytest.mark.parametrize("fields", [b"Host: a\r\nHost: a\r\n", b"Host: a/b\r\n", b"Host : a\r\n"], ids=ascii)
def test_bad_host_of_http_1_0_is_400(stand, fields):
    """RFC 9112 §3.2: any request with more than one, or an invalid one."""
    stand.refuse(b"GET / HTTP/1.0\r\n" + fields + b"\r\n", 400)


# Field lines


@pytest.mark.parametrize(
    "byte", [*b'"(),/;<=>?@[\\]{}', *range(10), *range(11, 33), 0x7F, 0x80, 0xC3, 0xFF], ids=hex
)
@pytest.mark.parametrize(
    "shape", [b"X%cA: 1\r\n", b"%cX: 1\r\n", b"X%c: 1\r\n"], ids=["within", "first", "last"]
)
def test_byte_that_is_no_token_in_a_name_is_400(stand, shape, byte):
    """RFC 9110 §5.1, §5.6.2; RFC 9112 §5.1."""
    stand.refuse(b"GET / HTTP/1.1\r\n" + HOST + shape % byte + b"\r\n", 400)


@pytest.mark.parametrize("byte", [*range(9), *range(11, 32), 0x7F], ids=hex)
@pytest.mark.parametrize(
    "shape", [b"X-A: a%cb\r\n", b"X-A: %c\r\n", b"X-A: a%c\r\n"], ids=["within", "alone", "last"]
)
def test_control_byte_in_a_value_is_400(stand, shape, byte):
    """RFC 9110 §5.5, RFC 9112 §2.2."""
    stand.refuse(b"GET / HTTP/1.1\r\n" + HOST + shape % byte + b"\r\n", 400)


def test_every_other_byte_of_a_value_passes(stand):
    """RFC 9110 §5.5: visible, space, tab and obs-text, none of them touched."""
    value = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)]).decode("latin-1")
    head = f"GET / HTTP/1.1\r\nHost: weir.test\r\nX-All: <{value}>\r\n\r\n".encode("latin-1")
    assert stand.forward(head).all("x-all") == [f"<{value}>"]


@pytest.mark.parametrize(
    ("lines", "value"),
    [(b"X-V:a", "a"), (b"X-V: \t a\t \t", "a"), (b"X-V:", ""), (b"X-V: \t ", ""), (b"X-V: :a: b:", ":a: b:"),
     (b"x-v: a", "a"),
     (b"X-V: " + b"v" * 20_000, "v" * 20_000), (b"X-V: \"a\\\"b\"", '"a\\"b"'), (b"X-V: a,,b, ,", "a,,b, ,")],
    ids=range(9),
)  # fmt: skip
def test_value_loses_only_the_white_space_around_it(stand, lines, value):
    """RFC 9112 §5.1."""
    assert stand.forward(b"GET / HTTP/1.1\r\n" + HOST + lines + b"\r\n\r\n").all("x-v") == [value]


@pytest.mark.parametrize("fold", [b" ", b"\t", b"  x", b" x: y", b"\t\r\n x"], ids=ascii)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_folded_line_is_400(stand, fold, place):
    """RFC 9112 §5.2: obs-fold, and white space before the first field (§2.2)."""
    lines = [HOST, b"X-A: a\r\n", b"X-B: b\r\n"]
    lines.insert({"first": 0, "middle": 2, "last": 3}[place], fold + b"\r\n")
    stand.refuse(b"GET / HTTP/1.1\r\n" + b"".join(lines) + b"\r\n", 400)


@pytest.mark.parametrize("byte", [b"\r", b"\n", b"\0"], ids=["CR", "LF", "NUL"])
def test_stray_byte_anywhere_in_a_head_is_400(stand, byte):
    """RFC 9112 §2.2, RFC 9110 §5.5: at each place from the second byte to the one before the last CRLF."""
    for place in range(1, len(HEAD) - 2):
        stand.refuse(HEAD[:place] + byte + HEAD[place:], 400)


@pytest.mark.parametrize("byte", [b"\r", b"\0"], ids=["CR", "NUL"])
def test_stray_byte_before_a_head_is_400(stand, byte):
    """RFC 9112 §2.2: only CRLF may be ignored there."""
    stand.refuse(byte + HEAD, 400)


@pytest.mark.parametrize("end", [b"\n", b"\r"], ids=["LF", "CR"])
def test_line_end_of_one_byte_anywhere_in_a_head_is_400(stand, end):
    """RFC 9112 §2.2: each CRLF of the head in turn loses its other half."""
    for number in range(HEAD.count(b"\r\n")):
        before = b"\r\n".join(HEAD.split(b"\r\n")[: number + 1])
        stand.refuse(before + end + HEAD[len(before) + 2 :] + b"X-Z: z\r\n\r\n", 400)


# Heads in pieces

WRONG = {
    "bare LF": b"GET / HTTP/1.1\r\nHost: w\nX: y\r\n\r\n",
    "both framings": b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "obs-fold": b"GET / HTTP/1.1\r\nHost: w\r\nX: y\r\n z\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\nX-Host: w\r\n\r\n",
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG.keys())
def test_refusal_is_the_same_wherever_the_head_is_cut(stand, data):
    """TCP keeps no boundaries: a cut must not hide what is wrong."""
    seen = len(stand.app.requests)
    for cut in range(1, len(data)):
        with stand.client() as client:
            client.send(data[:cut])
            client.send(data[cut:])
            assert client.read_response().status == 400, f"cut at {cut}"
            client.expect_end()
    assert len(stand.app.requests) == seen


def test_head_cut_at_every_byte_arrives_the_same(stand):
    """Name, colon, white space, value and line end: none of them depends on where a read ends."""
    with stand.client() as client:
        seen = len(stand.app.requests)
        for cut in range(1, len(HEAD)):
            client.send_cut(HEAD, cut)
            assert client.read_response().status == 200, f"cut at {cut}"
    changing = {"x-request-id", "x-request-start"}
    arrived = [
        (one.line, [pair for pair in one.fields if pair[0].lower() not in changing])
        for one in stand.app.requests[seen:]
    ]
    assert len(arrived) == len(HEAD) - 1
    assert arrived == [arrived[0]] * len(arrived)


# Limits: the last that passes, the first that does not


def test_head_of_32_kib_passes_and_one_byte_more_is_431(stand):
    """RFC 6585 §5, design §3: the default."""
    room = 32 * 1024 - len(request(X_Fill=""))
    assert stand.forward(request(X_Fill="v" * room)).all("x-fill") == ["v" * room]
    stand.refuse(request(X_Fill="v" * (room + 1)), 431)


def test_100_fields_pass_and_one_more_is_431(stand):
    """RFC 6585 §5, design §3: the default; empty ones and Host count as well."""
    assert len(stand.forward(request(**{f"X_{n}": "" for n in range(99)})).all("x-98")) == 1
    stand.refuse(request(**{f"X_{n}": "" for n in range(100)}), 431)


def test_same_name_a_hundred_times_counts_a_hundred_times(stand):
    """RFC 9110 §5.3: the lines keep their order."""
    head = b"GET / HTTP/1.1\r\n" + HOST
    arrived = stand.forward(head + b"".join(b"X-N: %d\r\n" % n for n in range(99)) + b"\r\n")
    assert arrived.all("x-n") == [str(n) for n in range(99)]
    stand.refuse(head + b"X-N: 1\r\n" * 100 + b"\r\n", 431)


def test_name_may_be_long(stand):
    """RFC 9110 §5.4: no limit but that of the head."""
    assert len(stand.forward(request(**{"x" * 4000: "1"})).all("x" * 4000)) == 1


# Empty lines


def test_empty_lines_between_requests_are_ignored(stand):
    """RFC 9112 §2.2: old clients send a CRLF behind a body."""
    target = stand.answer(OK)
    with stand.client() as client:
        for _ in range(3):
            assert client.exchange(request(target, "POST", b"body") + b"\r\n").body == b"ok"
        assert client.exchange(b"\r\n\r\n\r\n" + request(target)).body == b"ok"
    assert len(stand.arrived(target)) == 4


@pytest.mark.parametrize("end", [RawClient.finish_sending, RawClient.abort], ids=["FIN", "RST"])
@pytest.mark.parametrize("data", [b"", b"\r\n", b"G", HEAD[:-1], HEAD[:-2], HEAD[:-4]], ids=ascii)
def test_unfinished_head_is_no_request(stand, data, end):
    """RFC 9112 §8: it never reaches upstream, and needs no answer."""
    seen = len(stand.app.requests)
    with stand.client() as client:
        client.send(data)
        end(client)
        if end is RawClient.finish_sending and (answer := client.read_to_end()):
            assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))
    assert stand.fetch(request()).status == 200
    assert len(stand.app.requests) == seen + 1
