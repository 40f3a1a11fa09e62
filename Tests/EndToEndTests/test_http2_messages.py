# SPDX-License-Identifier: Apache-2.0
"""HTTP in HTTP/2: which messages are malformed, and what becomes of the others (RFC 9113 §8)."""

import contextlib
from collections.abc import Iterator

import pytest
from support.buffering import EITHER, STREAMED
from support.http2 import (
    WHOLE,
    Code,
    Fields,
    Flag,
    Http2Client,
    block,
    case,
    data,
    head,
    headers,
    opening,
    request,
)
from support.stand import Stand
from support.upstream import OK, Arrived, Peer

TRAILERS = headers(1, block([(b"x-trailer", b"t")]))


@contextlib.contextmanager
def nothing_arrives(stand: Stand, begun: bool = False) -> Iterator[None]:
    """Fails when a request reaches upstream meanwhile, but for the ordinary one behind it, and perhaps a part."""
    seen = len(stand.app.requests)
    yield
    others = [one for one in stand.app.requests[seen:] if one.target != "/alive"]
    assert [one.head for one in others if one.complete or not begun] == []


def control(**changes: bytes | None) -> Fields:
    """The control data of a request to which nothing else may be added, `None` taking one away."""
    fields = dict(head("/malformed")) | {b":" + name.encode(): value for name, value in changes.items()}
    return [(name, value) for name, value in fields.items() if value is not None]


def refuse(stand: Stand, http2: Http2Client, fields: Fields) -> None:
    """Expects a stream error or 400, nothing at the upstream, and a connection that goes on."""
    with nothing_arrives(stand):
        http2.send(headers(1, block(fields)))
        http2.expect_malformed(1)


def serve(stand: Stand, http2: Http2Client, fields: Fields) -> Arrived:
    """Expects 200, and gives the request as it reached upstream."""
    seen = len(stand.app.requests)
    http2.send(headers(1, block(fields)))
    assert http2.response(1).status == 200
    (arrived,) = stand.app.requests[seen:]
    return arrived


# §8.1: the order of frames


@EITHER
@pytest.mark.parametrize(
    "octets",
    [
        case("8.1", "trailers that do not end", headers(1, block([(b"x-trailer", b"t")]), Flag.END_HEADERS)),
        case("8.1", "trailers that do not end after DATA", data(1, b"x") + headers(1, b"", Flag.END_HEADERS)),
        case("8.1", "a second request head", request(1, "/second", flags=Flag.END_HEADERS)),
        case("8.1", ":method in trailers", headers(1, block([(b":method", b"GET")]))),
        case("8.1", ":path in trailers", headers(1, block([(b":path", b"/")]))),
        case("8.1", ":status in trailers", headers(1, block([(b":status", b"200")]))),
        case("8.1", "unknown pseudo-field in trailers", headers(1, block([(b":x", b"y")]))),
        case("8.1", "pseudo-field after a field in trailers", headers(1, block([(b"x-a", b"b"), (b":path", b"/")]))),
        case("8.2", "upper-case name in trailers", headers(1, block([(b"X-Trailer", b"t")]))),
        case("8.2.1", "LF in trailers", headers(1, block([(b"x-trailer", b"t\nx: y")]))),
        case("8.2.1", "CR in trailers", headers(1, block([(b"x-trailer", b"t\rx")]))),
        case("8.2.1", "NUL in trailers", headers(1, block([(b"x-trailer", b"\0")]))),
        case("8.2.1", "white space at the end in trailers", headers(1, block([(b"x-trailer", b"t ")]))),
        case("8.2.1", "colon in a name of trailers", headers(1, block([(b"x-a: b", b"t")]))),
        case("8.2.2", "connection-specific field in trailers", headers(1, block([(b"connection", b"close")]))),
        case("8.2.2", "transfer-encoding in trailers", headers(1, block([(b"transfer-encoding", b"chunked")]))),
    ],
)
def test_malformed_end_of_a_request_is_a_stream_error(stand, http2, octets):
    """RFC 9113 §8.1: PROTOCOL_ERROR, and upstream never sees the request whole."""
    with nothing_arrives(stand, begun=True):
        http2.send(opening(1, "/malformed") + octets)
        http2.expect_malformed(1)


@STREAMED
def test_trailers_go_on(stand, http2):
    """RFC 9113 §8.1: in chunks, behind the content."""
    target = stand.answer(OK)
    http2.send(opening(1, target) + data(1, b"abc") + TRAILERS)
    assert http2.response(1).status == 200
    (arrived,) = stand.arrived(target)
    assert (bytes(arrived.body), arrived.all("transfer-encoding")) == (b"abc", ["chunked"])
    assert arrived.raw_body.lower().endswith(b"0\r\nx-trailer: t\r\n")


@EITHER
def test_content_before_trailers_arrives(stand, http2):
    """RFC 9113 §8.1: whole, whatever becomes of the trailers."""
    target = stand.answer(OK)
    http2.send(opening(1, target) + data(1, b"abc") + data(1, b"def") + TRAILERS)
    assert http2.response(1).status == 200
    (arrived,) = stand.arrived(target)
    assert bytes(arrived.body) == b"abcdef"
    assert "x-trailer" not in arrived.names


@pytest.mark.parametrize(
    "trailers", [case("8.1", "without fields", []), case("8.1", "after no content", [(b"x-trailer", b"t")])]
)
def test_trailers_end_a_request(http2, trailers):
    """RFC 9113 §8.1."""
    http2.send(opening(1, "/alive") + headers(1, block(trailers)))
    assert http2.response(1).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "PUT", "POST", "QUERY", "x-own"])
@pytest.mark.parametrize("body", [b"", b"abc"], ids=["no content", "content"])
def test_any_method_may_have_content(stand, http2, method, body):
    """RFC 9113 §8.1, §8.3.1: its presence is said by frames alone."""
    target = stand.answer(OK if method != "HEAD" else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    http2.send(opening(1, target, method) + data(1, body, Flag.END_STREAM))
    assert http2.response(1).status == 200
    (arrived,) = stand.arrived(target)
    assert (arrived.method, bytes(arrived.body)) == (method, body)


# §8.1.1: content-length of requests


TOO_MUCH = [
    case("8.1.1", "more than it says", b"2", data(1, b"abc", Flag.END_STREAM)),
    case("8.1.1", "more than it says in several frames", b"2", data(1, b"ab") + data(1, b"c", Flag.END_STREAM)),
    case("8.1.1", "more than nothing", b"0", data(1, b"a", Flag.END_STREAM)),
    case("8.1.1", "more before trailers", b"2", data(1, b"abc") + TRAILERS),
    case("8.1.1", "more than nothing before trailers", b"0", data(1, b"a") + TRAILERS),
]


@pytest.mark.parametrize(("length", "octets"), TOO_MUCH)
def test_content_beyond_its_length_is_a_stream_error(stand, http2, length, octets):
    """RFC 9113 §8.1.1: PROTOCOL_ERROR; a request that is collected ends where its frames do."""
    with nothing_arrives(stand):
        http2.send(headers(1, block([*head("/malformed", "POST"), (b"content-length", length)]), Flag.END_HEADERS))
        http2.settle()
        http2.send(octets)
        http2.expect_malformed(1)


@STREAMED
@pytest.mark.parametrize(("length", "octets"), TOO_MUCH)
def test_content_beyond_its_length_never_reaches_upstream(stand, http2, length, octets):
    """RFC 9113 §8.1.1: what streams may have been answered before the error was there, and is no more than it says."""
    seen = len(stand.app.requests)
    http2.send(headers(1, block([*head("/malformed", "POST"), (b"content-length", length)]), Flag.END_HEADERS))
    http2.settle()
    http2.send(octets)
    one = http2.on(1)
    http2.until(lambda: one.reset is not None or one.ended, "an answer")
    http2.settle()
    if one.ended and one.status == 200:
        assert one.reset in (None, Code.NO_ERROR, Code.PROTOCOL_ERROR)
        http2.expect_served()
    else:
        http2.expect_malformed(1)
    arrived = [arrived for arrived in stand.app.requests[seen:] if arrived.target != "/alive"]
    assert len(arrived) <= 1
    assert all(len(arrived.body) <= int(length) for arrived in arrived)


@EITHER
@pytest.mark.parametrize(
    ("length", "octets"),
    [
        case("8.1.1", "less than it says", b"4", data(1, b"abc", Flag.END_STREAM)),
        case("8.1.1", "nothing", b"1", data(1, b"", Flag.END_STREAM)),
        case("8.1.1", "less before trailers", b"4", data(1, b"abc") + TRAILERS),
        case("8.1.1", "nothing before trailers", b"1", TRAILERS),
        case("8.1.1", "padding does not count", b"4", data(1, b"\1abc\0", Flag.PADDED | Flag.END_STREAM)),
    ],
)
def test_content_short_of_its_length_is_a_stream_error(stand, http2, length, octets):
    """RFC 9113 §8.1.1: PROTOCOL_ERROR, and upstream never sees the request whole."""
    with nothing_arrives(stand, begun=True):
        http2.send(headers(1, block([*head("/malformed", "POST"), (b"content-length", length)]), Flag.END_HEADERS))
        http2.send(octets)
        http2.expect_malformed(1)


@pytest.mark.parametrize("length", [b"1", b"100"])
def test_length_without_content_is_a_stream_error(stand, http2, length):
    """RFC 9113 §8.1.1: END_STREAM on the head means no content."""
    refuse(stand, http2, [*head("/malformed", "POST"), (b"content-length", length)])


@pytest.mark.parametrize(
    "lengths",
    [
        case("8.1.1", "differing", [b"3", b"4"]),
        case("8.1.1", "differing the other way", [b"4", b"3"]),
        case("8.1.1", "a list", [b"3, 4"]),
        case("8.1.1", "empty", [b""]),
        case("8.1.1", "signed", [b"+3"]),
        case("8.1.1", "negative", [b"-3"]),
        case("8.1.1", "hexadecimal", [b"0x3"]),
        case("8.1.1", "no number", [b"three"]),
        case("8.1.1", "2^64 more", [b"18446744073709551619"]),
    ],
)
@EITHER
def test_length_that_is_none_is_refused(stand, http2, lengths):
    """RFC 9113 §8.1.1, RFC 9110 §8.6."""
    fields = [*head("/malformed", "POST"), *((b"content-length", one) for one in lengths)]
    with nothing_arrives(stand):
        http2.send(headers(1, block(fields), Flag.END_HEADERS) + data(1, b"abc", Flag.END_STREAM))
        http2.expect_malformed(1)


def test_length_that_is_repeated_is_sent_once_or_refused(stand, http2):
    """RFC 9110 §8.6: the same value twice is one, or malformed."""
    seen = len(stand.app.requests)
    fields = [*head("/repeated", "POST"), (b"content-length", b"3"), (b"content-length", b"3")]
    http2.send(headers(1, block(fields), Flag.END_HEADERS) + data(1, b"abc", Flag.END_STREAM))
    one = http2.on(1)
    http2.until(lambda: one.ended or one.reset is not None, "an answer")
    if one.reset is None and one.status == 200:
        assert [(arrived.all("content-length"), bytes(arrived.body)) for arrived in stand.app.requests[seen:]] == [
            (["3"], b"abc")
        ]
    else:
        http2.expect_malformed(1)


@EITHER
@pytest.mark.parametrize(
    "octets",
    [
        case("8.1.1", "in one frame", data(1, b"abc", Flag.END_STREAM)),
        case("8.1.1", "in several", data(1, b"a") + data(1, b"bc") + data(1, b"", Flag.END_STREAM)),
        case("8.1.1", "padded", data(1, b"\7abc" + bytes(7), Flag.PADDED | Flag.END_STREAM)),
        case("8.1.1", "before trailers", data(1, b"abc") + TRAILERS),
    ],
)
def test_length_that_agrees_with_the_content_is_served(stand, http2, octets):
    """RFC 9113 §8.1.1."""
    target = stand.answer(OK)
    http2.send(opening(1, target, content_length="3") + octets)
    assert http2.response(1).status == 200
    assert bytes(stand.arrived(target)[0].body) == b"abc"


# §8.2: fields

BAD_NAMES = [
    b"X-Upper", b"x-uppeR", b"", b" ", b"x y", b" x", b"x ", b"x\ty", b"x\0", b"\0", b"x\ry", b"x\ny", b"x\r\ny: z",
    b"x\x1f", b"x\x7f", b"x\x80", b"x\xff", b"x\xc3\xa9", b"x:", b"x:y", b"x: y", b"x(", b"x)", b'x"', b"x,", b"x/",
    b"x;", b"x<", b"x=", b"x>", b"x?", b"x@", b"x[", b"x\\", b"x]", b"x{", b"x}",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: f"8.2.1 {ascii(name)}")
def test_name_that_is_none_is_malformed(stand, http2, name):
    """RFC 9113 §8.2, §8.2.1, RFC 9110 §5.1: lower-case tokens."""
    refuse(stand, http2, [*head("/malformed"), (name, b"value")])


BAD_VALUES = [
    b"\0", b"a\0b", b"\na", b"a\n", b"a\nb", b"a\rb", b"a\r\nx: y", b"a\r\n\r\nGET / HTTP/1.1", b"\ra", b"a\r",
    b" a", b"a ", b"\ta", b"a\t", b" ", b"\t", b"a\x01b", b"a\x1fb", b"a\x7fb", b"a\x0bb",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: f"8.2.1 {ascii(value)}")
def test_value_that_is_none_is_malformed(stand, http2, value):
    """RFC 9113 §8.2.1, RFC 9110 §5.5: no control characters, no white space around it."""
    refuse(stand, http2, [*head("/malformed"), (b"x-field", value)])


@pytest.mark.parametrize(
    "value",
    [b"", b"a b", b"a\tb", b"\x80\xff", "é".encode(), b"a,b;c=\"d\"", b":", b"!#$%&'*+.^_`|~", b"a  b"],
    ids=lambda value: f"8.2.1 {ascii(value)}",
)
def test_value_arrives_byte_for_byte(stand, http2, value):
    """RFC 9113 §8.2.1, RFC 9110 §5.5: what is allowed, as it is."""
    arrived = serve(stand, http2, [*head("/served"), (b"x-field", value)])
    assert arrived.all("x-field") == [value.decode("latin-1")]


@pytest.mark.parametrize("name", [b"x!#$%&'*+-.^`|~", b"0", b"x-9", b"-"], ids=lambda name: f"8.2.1 {ascii(name)}")
def test_name_arrives_as_it_is(stand, http2, name):
    """RFC 9110 §5.1, §5.6.2: any token."""
    arrived = serve(stand, http2, [*head("/served"), (name, b"v")])
    assert arrived.all(name.decode()) == ["v"]


def test_fields_keep_their_order(stand, http2):
    """RFC 9110 §5.3: of those with one name."""
    fields = [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3"), (b"x-c", b"4"), (b"x-a", b"5")]
    arrived = serve(stand, http2, [*head("/served"), *fields])
    kept = [(name.lower(), value) for name, value in arrived.fields if name.lower() in ("x-a", "x-b", "x-c")]
    assert kept == [(name.decode(), value.decode()) for name, value in fields]


CONNECTION_SPECIFIC = [
    (b"connection", b"close"), (b"connection", b"keep-alive"), (b"connection", b"x-other"), (b"connection", b""),
    (b"proxy-connection", b"keep-alive"), (b"keep-alive", b"timeout=5"), (b"transfer-encoding", b"chunked"),
    (b"transfer-encoding", b"identity"), (b"transfer-encoding", b""), (b"upgrade", b"h2c"), (b"upgrade", b"websocket"),
    (b"te", b"gzip"), (b"te", b"chunked"), (b"te", b"trailers, deflate"), (b"te", b"trailers;q=0.5"),
    (b"te", b"deflate, trailers"), (b"te", b"trailersx"),
]  # fmt: skip


@pytest.mark.parametrize("line", CONNECTION_SPECIFIC, ids=lambda line: "8.2.2 " + b": ".join(line).decode())
def test_connection_specific_field_is_malformed(stand, http2, line):
    """RFC 9113 §8.2.2: each of them, and TE but for trailers."""
    refuse(stand, http2, [*head("/malformed"), line])


@pytest.mark.parametrize("line", CONNECTION_SPECIFIC[:4], ids=lambda line: "8.2.2 " + b": ".join(line).decode())
def test_connection_specific_field_of_an_upload_is_malformed(stand, http2, line):
    """RFC 9113 §8.2.2: before its content has come."""
    with nothing_arrives(stand):
        http2.send(headers(1, block([*head("/malformed", "POST"), line]), Flag.END_HEADERS))
        http2.expect_malformed(1)


def test_te_trailers_is_served(stand, http2):
    """RFC 9113 §8.2.2: the only exception."""
    serve(stand, http2, [*head("/served"), (b"te", b"trailers")])


def test_cookie_crumbs_are_one_field(stand, http2):
    """RFC 9113 §8.2.3: wherever they are."""
    crumbs = [(b"cookie", b"a=1"), (b"x-between", b"b"), (b"cookie", b"c=2; d=3"), (b"cookie", b"e=4")]
    assert serve(stand, http2, [*head("/served"), *crumbs]).all("cookie") == ["a=1; c=2; d=3; e=4"]


# §8.3: control data

GET = head("/malformed")
BAD_CONTROL = [
    *(case("8.3.1", f"without {name}", control(**{name: None})) for name in ("method", "scheme", "path")),
    case("8.3.1", "nothing at all", []),
    case("8.3.1", "fields alone", [(b"x-a", b"b")]),
    *(case("8.3", f"{line[0].decode()} twice", [*GET, line]) for line in GET),
    *(case("8.3", f"{line[0].decode()} twice, differing", [*GET, (line[0], b"other")]) for line in GET),
    *(
        case("8.3", f"{line[0].decode()} after a field", [*(one for one in GET if one != line), (b"x-a", b"b"), line])
        for line in GET
    ),
    case("8.3", "all after a field", [(b"x-a", b"b"), *GET]),
    case("8.3", "unknown pseudo-field", [*GET, (b":unknown", b"x")]),
    case("8.3", "unknown pseudo-field at first", [(b":unknown", b"x"), *GET]),
    case("8.3", "pseudo-field without a name", [*GET, (b":", b"x")]),
    case("8.3", ":status", [*GET, (b":status", b"200")]),
    case("8.3", ":status at first", [(b":status", b"200"), *GET]),
    case("8.3", "upper-case pseudo-field", [*control(path=None), (b":Path", b"/malformed")]),
    case("RFC 8441 4", ":protocol without CONNECT", [*GET, (b":protocol", b"websocket")]),
    case("8.3.1", "empty :method", control(method=b"")),
    case("8.3.1", "empty :scheme", control(scheme=b"")),
    case("8.3.1", "empty :path", control(path=b"")),
    case("8.3.1", "empty :authority", control(authority=b"")),
    case("8.3.1", "empty :path of OPTIONS", control(method=b"OPTIONS", path=b"")),
    *(
        case("8.3.1", f":method {value!a}", control(method=value))
        for value in (
            b"GE T", b" GET", b"GET ", b"GET\0", b"G\rT", b"G\nT", b"GET / HTTP/1.1\r\nx: y\r\n", b"G(T", b"\xe9",
        )
    ),
    *(
        case("8.3.1", f":scheme {value!a}", control(scheme=value))
        for value in (b"ht tp", b"http\0", b"http\r\nx: y", b"http://", b"1http", b"h\xe9", b"+", b"http:")
    ),
    *(
        case("8.3.1", f":path {value!a}", control(path=value))
        for value in (
            b"malformed", b"*", b"?query", b"#", b" /", b"/ ", b"/a b", b"/a\tb", b"/\0", b"/a\rb", b"/a\nb",
            b"/ HTTP/1.1\r\nx: y\r\n\r\nGET /", b"/a#b", b"/\x7f", b"//\x01",
        )
    ),
    *(
        case("8.3.1", f":path * of {method.decode()}", control(method=method, path=b"*"))
        for method in (b"POST", b"HEAD", b"options", b"OPTIONSX")
    ),
    *(
        case("8.3.1", f":authority {value!a}", control(authority=value))
        for value in (
            b"user@weir.test", b"user:pass@weir.test", b"@weir.test", b"weir.test/", b"weir.test/path", b"weir test",
            b" weir.test", b"weir.test ", b"weir.test\0", b"weir.test\r\nx: y", b"weir.test\n", b"weir.test:port",
            b"weir.test:80:80", b"weir.test?", b"weir.test#", b"[::1", b"http://weir.test", b"weir\\test",
        )
    ),
    case("8.3.1", "host that differs", [*GET, (b"host", b"other.test")]),
    case("8.3.1", "host with another port", [*GET, (b"host", b"weir.test:8000")]),
    case("8.3.1", "host that is empty", [*GET, (b"host", b"")]),
    case("8.3.1", "two hosts of which one differs", [*GET, (b"host", b"weir.test"), (b"host", b"other.test")]),
    case("8.3.1", "neither :authority nor host", control(authority=None)),
    case("8.3.1", "empty host alone", [*control(authority=None), (b"host", b"")]),
    case("8.3.1", "host with userinfo alone", [*control(authority=None), (b"host", b"user@weir.test")]),
    case("8.3.1", "two hosts alone", [*control(authority=None), (b"host", b"a.test"), (b"host", b"b.test")]),
]  # fmt: skip


@pytest.mark.parametrize("fields", BAD_CONTROL)
def test_control_data_that_is_wrong_is_malformed(stand, http2, fields):
    """RFC 9113 §8.3, §8.3.1: PROTOCOL_ERROR or 400, and nothing upstream."""
    refuse(stand, http2, fields)


LINE = "GET /malformed HTTP/1.1"
HOSTLESS = control(authority=None)


@pytest.mark.parametrize(
    ("fields", "line", "host"),
    [
        case("8.3.1", "in any order", [*reversed(head("/a?b=%20c"))], "GET /a?b=%20c HTTP/1.1", "weir.test"),
        case("8.3.1", "https", control(scheme=b"https"), LINE, "weir.test"),
        case("8.3.1", "* of OPTIONS", control(method=b"OPTIONS", path=b"*"), "OPTIONS * HTTP/1.1", "weir.test"),
        case("8.3.1", "path of OPTIONS", control(method=b"OPTIONS", path=b"/a"), "OPTIONS /a HTTP/1.1", "weir.test"),
        case("8.3.1", "authority with a port", control(authority=b"weir.test:81"), LINE, "weir.test:81"),
        case("8.3.1", "IPv6", control(authority=b"[::1]:81"), LINE, "[::1]:81"),
        case("8.3.1", "host alone", [*HOSTLESS, (b"host", b"a.test")], LINE, "a.test"),
        case("8.3.1", "host that is the same", [*GET, (b"host", b"weir.test")], LINE, "weir.test"),
        case("8.3.1", "path of slashes", control(path=b"//a//"), "GET //a// HTTP/1.1", "weir.test"),
        case("8.3.1", "query alone", control(path=b"/?"), "GET /? HTTP/1.1", "weir.test"),
    ],
)
def test_control_data_becomes_a_request_line_and_host(stand, http2, fields, line, host):
    """RFC 9113 §8.3.1: Host once, from :authority where there is one."""
    arrived = serve(stand, http2, fields)
    assert (arrived.line, arrived.all("host")) == (line, [host])
    assert not any(name.startswith(":") for name, _ in arrived.fields)


# §8.5, RFC 8441: CONNECT

CONNECT = [(b":method", b"CONNECT"), (b":authority", b"weir.test:80")]
SCHEME = (b":scheme", b"http")
PATH = (b":path", b"/malformed")
PROTOCOL = (b":protocol", b"websocket")


@pytest.mark.parametrize(
    "fields",
    [
        case("8.5", "with :scheme", [*CONNECT, SCHEME]),
        case("8.5", "with :path", [*CONNECT, PATH]),
        case("8.5", "with both", [*CONNECT, SCHEME, PATH]),
        case("8.5", "without :authority", CONNECT[:1]),
        case("8.5", "with host in place of :authority", [*CONNECT[:1], (b"host", b"weir.test:80")]),
        case("RFC 8441 4", "extended without :scheme", [*CONNECT, PROTOCOL, PATH]),
        case("RFC 8441 4", "extended without :path", [*CONNECT, PROTOCOL, SCHEME]),
        case("RFC 8441 4", "extended without either", [*CONNECT, PROTOCOL]),
        case("RFC 8441 4", ":protocol twice", [*CONNECT, SCHEME, PATH, PROTOCOL, PROTOCOL]),
        case("RFC 8441 4", ":protocol after a field", [*CONNECT, SCHEME, PATH, (b"x-a", b"b"), PROTOCOL]),
    ],
)
@pytest.mark.parametrize("flags", [WHOLE, Flag.END_HEADERS], ids=["whole", "open"])
def test_connect_with_the_wrong_control_data_is_malformed(stand, http2, fields, flags):
    """RFC 9113 §8.5, RFC 8441 §4."""
    with nothing_arrives(stand):
        http2.send(headers(1, block(fields), flags))
        http2.expect_malformed(1)


@pytest.mark.parametrize("flags", [WHOLE, Flag.END_HEADERS], ids=["whole", "open"])
def test_connect_is_not_allowed(stand, http2, flags):
    """RFC 9113 §8.5, RFC 9110 §9.3.6: weir is no forward proxy; the connection goes on."""
    with nothing_arrives(stand):
        http2.send(headers(1, block(CONNECT), flags))
        http2.until(lambda: http2.on(1).ended, "an answer")
        http2.settle()
        assert http2.on(1).status == 405
        assert http2.on(1).reset in (None, Code.NO_ERROR)
        http2.expect_served()


# §8.1, §8.3.2: responses; the client checks :status, order and names of all of them


def answered(stand: Stand, http2: Http2Client, response: bytes, method: str = "GET"):
    """What becomes of an upstream's response."""
    return http2.fetch(stand.answer(response, keeps=False), method)


def test_hop_by_hop_fields_of_a_response_end_at_weir(stand, http2):
    """RFC 9113 §8.2.2: an intermediary must remove them."""
    fields = b"Connection: X-Named, keep-alive\r\nX-Named: n\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n"
    kept = b"X-Kept: k\r\nx-KEPT: l\r\n"
    response = answered(
        stand, http2, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + fields + kept + b"\r\n2\r\nok\r\n0\r\n\r\n"
    )
    assert (response.status, bytes(response.body)) == (200, b"ok")
    assert response.all("x-kept") == [b"k", b"l"]
    assert {b"x-named", b"content-length", b"te", b"trailer"} & {name for name, _ in response.fields} == set()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 203, 301, 404, 410, 500, 599])
def test_status_is_carried_over_without_its_reason(stand, http2, status, method):
    """RFC 9113 §8.3.2: three digits; Content-Length is kept."""
    body = b"" if method == "HEAD" else b"body"
    response = answered(stand, http2, b"HTTP/1.1 %d Some Reason\r\nContent-Length: 4\r\n\r\n" % status + body, method)
    assert (response.status, response.all("content-length"), bytes(response.body)) == (status, [b"4"], body)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_response_that_has_no_content_ends_with_its_head(stand, http2, status):
    """RFC 9113 §8.1."""
    response = answered(stand, http2, b"HTTP/1.1 " + status + b"\r\nX-Kept: k\r\n\r\n")
    assert (response.all("x-kept"), response.data_sizes) == ([b"k"], [])


def test_interim_responses_come_before_the_final_one(stand, http2):
    """RFC 9113 §8.1: HEADERS without END_STREAM, each."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </%d>\r\n\r\n"
    response = answered(stand, http2, early % 1 + early % 2 + OK)
    assert [one[0] for one in response.interim] == [(b":status", b"103")] * 2
    assert [value for one in response.interim for name, value in one if name == b"link"] == [b"</1>", b"</2>"]
    assert (response.status, bytes(response.body)) == (200, b"ok")


def test_response_trailers_are_carried_over(stand, http2):
    """RFC 9113 §8.1: HEADERS with END_STREAM behind the content."""
    response = answered(
        stand, http2, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: t\r\n\r\n"
    )
    assert (bytes(response.body), response.trailers) == (b"ok", [(b"x-trailer", b"t")])


@pytest.mark.parametrize(
    "begun",
    [
        case("8.1.1", "less than its length", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        case("8.1.1", "nothing of its length", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        case("8.1.1", "no last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        case("8.1.1", "no chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        case("8.1.1", "a bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnonsense\r\n"),
    ],
)
def test_response_that_is_cut_off_is_never_complete(stand, http2, begun):
    """RFC 9113 §8.1.1: INTERNAL_ERROR on the stream, and no END_STREAM."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(begun)

    http2.send(request(1, stand.play(exchange)))
    one = http2.on(1)
    http2.until(lambda: one.reset is not None or one.ended, "an end")
    if one.ended:
        assert one.status == 502, "a response that upstream has cut off was marked complete"
        assert one.reset is None
    else:
        assert one.reset == Code.INTERNAL_ERROR
        assert b"abc".startswith(bytes(one.body))
    http2.expect_served()


def test_more_than_the_length_of_a_response_is_cut(stand, http2):
    """RFC 9113 §8.1.1: the DATA frames add up to content-length."""
    response = answered(stand, http2, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef")
    assert (response.all("content-length"), bytes(response.body)) == ([b"3"], b"abc")
    http2.expect_served()


@pytest.mark.parametrize(
    "response",
    [
        case("8.2.1", "LF in a value", b"HTTP/1.1 200 OK\r\nX-A: b\nX-C: d\r\nContent-Length: 0\r\n\r\n"),
        case("8.2.1", "NUL in a value", b"HTTP/1.1 200 OK\r\nX-A: b\0\r\nContent-Length: 0\r\n\r\n"),
        case("8.2.1", "space in a name", b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n"),
        case("8.1.1", "two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\nx"),
        case("8.3.2", "status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
        case("8.6", "101 that nobody asked for", b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ],
)
def test_malformed_response_is_502(stand, http2, response):
    """RFC 9113 §8.1.1: never forwarded."""
    assert answered(stand, http2, response).status == 502
    http2.expect_served()
