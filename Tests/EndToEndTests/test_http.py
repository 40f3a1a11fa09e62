"""What weir does to HTTP/1 messages on their way, seen byte for byte at both ends."""

import contextlib
import hashlib
import socket
import threading
import time

import pytest
from support.client import RawClient, Truncated, chunked, fetch, request
from support.upstream import OK, Peer, answering, once
from support.waiting import eventually_equal, settled

MIB = 1024 * 1024

# What weir adds towards gunicorn (design §4); everything else that arrives came from the client.
ADDED = {
    "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded",
    "x-request-id", "x-request-start", "via", "connection",
}  # fmt: skip


# Requests, as they arrive upstream


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a%2Fb/../c;d?x=1&y=%20&&z",
        "//double//slash/",
        "/?",
        "/%00%ff?q=a+b",
        "/sub~delims!$&'()*+,;=:@",
    ],
)
def test_target_passes_unchanged(weir, upstream, target):
    """RFC 9110 §7.1, §4.2.3: a proxy does not rewrite the path or the query."""
    app = upstream()
    response = fetch(weir(app).address, request(target))
    assert (response.status, response.body) == (200, b"ok")
    assert app.only.line == f"GET {target} HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "M-SEARCH"])
def test_method_passes_unchanged(weir, upstream, method):
    """RFC 9110 §9.1: methods are case-sensitive tokens, known or not."""
    app = upstream()
    assert fetch(weir(app).address, request("/", method, body=b"x")).status == 200
    assert (app.only.method, bytes(app.only.body)) == (method, b"x")


def test_options_asterisk_passes(weir, upstream):
    """RFC 9112 §3.2.4."""
    app = upstream()
    assert fetch(weir(app).address, request("*", "OPTIONS")).status == 200
    assert app.only.line == "OPTIONS * HTTP/1.1"


def test_fields_keep_order_and_values(weir, upstream):
    """RFC 9110 §5.3: order matters among fields of one name; §5.5: values are opaque octets."""
    sent = [
        (b"Host", b"example.org:8000"),
        (b"X-Case", b"MiXeD"),
        (b"x-dup", b"one"),
        (b"Accept", b"*/*;q=0.5,  text/html"),
        (b"X-Dup", b"two"),
        (b"X-Empty", b""),
        (b"X-Latin", b"caf\xe9"),
        (b"X-Utf8", "žluťoučký".encode()),
        (b"X-Tab", b"a\tb"),
        (b"Cookie", b'a=b; c="d e"'),
        (b"Authorization", b"Bearer a.b.c=="),
        (b"X-DUP", b"three"),
        (b"!#$%&'*+-.^`|~09", b"every token character but _"),
    ]
    app = upstream()
    head = b"GET / HTTP/1.1\r\n" + b"".join(b"%s: %s\r\n" % pair for pair in sent) + b"\r\n"
    assert fetch(weir(app).address, head).status == 200
    arrived = [(name.lower(), value) for name, value in app.only.fields if name.lower() not in ADDED]
    assert arrived == [(name.decode().lower(), value.decode("latin-1")) for name, value in sent]


def test_white_space_around_a_value_is_not_part_of_it(weir, upstream):
    """RFC 9112 §5.1."""
    app = upstream()
    head = b"GET / HTTP/1.1\r\nHost:weir.test\r\nX-Padded: \t a  b\t \r\n\r\n"
    assert fetch(weir(app).address, head).status == 200
    assert app.only.all("x-padded") == ["a  b"]
    assert app.only.all("host") == ["weir.test"]


def test_empty_lines_before_a_request_are_ignored(weir, upstream):
    """RFC 9112 §2.2."""
    app = upstream()
    assert fetch(weir(app).address, b"\r\n\r\n" + request("/late")).status == 200
    assert app.only.line == "GET /late HTTP/1.1"


def test_hop_by_hop_fields_of_a_request_are_dropped(weir, upstream):
    """RFC 9110 §7.6.1."""
    app = upstream()
    head = (
        b"GET / HTTP/1.1\r\nHost: weir.test\r\nConnection: Keep-Alive, X-Named ,x-other\r\n"
        b"X-Named: 1\r\nX-Stays: 2\r\nX-Other: 3\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Connection: keep-alive\r\nTE: trailers\r\nconnection: X-Third\r\nX-Third: 4\r\n\r\n"
    )
    assert fetch(weir(app).address, head).status == 200
    gone = {"x-named", "x-other", "x-third", "keep-alive", "proxy-connection", "te"}
    assert not gone & app.only.names
    assert app.only.all("x-stays") == ["2"]
    assert all("x-" not in value.lower() for value in app.only.all("connection"))


def test_h2c_upgrade_is_never_forwarded(weir, upstream):
    """RFC 9113 §3.1 took it away; design §4."""
    app = upstream()
    response = fetch(
        weir(app).address,
        request(Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AAMAAABkAAQAAP__"),
    )
    assert response.status == 200
    assert not {"upgrade", "http2-settings"} & app.only.names


def test_connection_cannot_remove_framing_or_forwarding_fields(weir, upstream):
    """Design §4: `Connection: host` must not take the Host away."""
    app = upstream()
    named = "Host, Content-Length, X-Forwarded-For, X-Forwarded-Proto, close"
    response = fetch(weir(app).address, request("/", "POST", b"12345", Connection=named))
    assert response.status == 200
    assert app.only.all("host") == ["weir.test"]
    assert bytes(app.only.body) == b"12345"
    assert app.only.all("x-forwarded-for") == ["127.0.0.1"]
    assert app.only.all("x-forwarded-proto") == ["http"]


@pytest.mark.parametrize("name", ["REMOTE_USER", "X_Forwarded_For", "Content_Length", "x_", "_"])
def test_names_with_an_underscore_are_dropped(weir, upstream, name):
    """In WSGI `X_Y` and `X-Y` are the same variable: the client could forge what weir vouches for."""
    app = upstream()
    head = f"GET / HTTP/1.1\r\nHost: weir.test\r\n{name}: 6\r\nX-After: 7\r\n\r\n".encode()
    assert fetch(weir(app).address, head).status == 200
    assert not any("_" in arrived for arrived in app.only.names)
    assert app.only.all("x-after") == ["7"]
    assert app.only.all("x-forwarded-for") == ["127.0.0.1"]


def test_forwarded_fields_are_added(weir, upstream):
    """The app learns who asked, and for what."""
    app = upstream()
    proxy = weir(app)
    port = proxy.address.rsplit(":", 1)[1]
    head = f"GET / HTTP/1.1\r\nHost: {proxy.address}\r\n\r\n".encode()
    assert fetch(proxy.address, head).status == 200
    assert app.only.all("x-forwarded-for") == ["127.0.0.1"]
    assert app.only.all("x-forwarded-proto") == ["http"]
    assert app.only.all("x-forwarded-host") == [proxy.address]
    assert app.only.all("x-forwarded-port") == [port]


def test_forwarded_fields_of_a_trusted_peer_are_believed(weir, upstream):
    """A client on loopback is trusted by default, as an ingress in the pod would be."""
    app = upstream()
    head = request(
        X_Forwarded_For="203.0.113.7, 10.0.0.1",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="shop.example",
        X_Forwarded_Port="443",
    )
    assert fetch(weir(app).address, head).status == 200
    assert app.only.all("x-forwarded-for") == ["203.0.113.7, 10.0.0.1, 127.0.0.1"]
    assert app.only.all("x-forwarded-proto") == ["https"]
    assert app.only.all("x-forwarded-host") == ["shop.example"]
    assert app.only.all("x-forwarded-port") == ["443"]


def test_request_id_of_a_trusted_peer_is_kept(weir, upstream):
    """Design §4."""
    app = upstream()
    assert fetch(weir(app).address, request(X_Request_ID="from-the-ingress-1")).status == 200
    assert app.only.all("x-request-id") == ["from-the-ingress-1"]


# Heads and bodies in pieces

WHOLE = [
    pytest.param(request("/cut?a=b", X_Field="value"), b"", id="no body"),
    pytest.param(request("/cut", "POST", b"body bytes"), b"body bytes", id="Content-Length"),
    pytest.param(
        request("/cut", "POST", Transfer_Encoding="chunked") + chunked(b"body ", b"x" * 17),
        b"body " + b"x" * 17,
        id="chunked",
    ),
]


@pytest.mark.parametrize("request_buffer", [0, "1m"])
@pytest.mark.parametrize(("message", "body"), WHOLE)
def test_a_request_may_be_cut_at_every_byte(weir, upstream, message, body, request_buffer):
    """TCP keeps no boundaries: two reads, the cut anywhere."""
    app = upstream()
    with RawClient(weir(app, threads=1, request_buffer=request_buffer).address) as client:
        for cut in range(1, len(message)):
            client.send_cut(message, cut)
            response = client.read_response()
            assert (response.status, response.body) == (200, b"ok"), f"cut at {cut}"
    assert len(app.requests) == len(message) - 1
    assert {bytes(arrived.body) for arrived in app.requests} == {body}
    assert len({arrived.line for arrived in app.requests}) == 1


@pytest.mark.parametrize("request_buffer", [0, "1m"])
@pytest.mark.parametrize(("message", "body"), WHOLE)
def test_a_request_may_arrive_byte_by_byte(weir, upstream, message, body, request_buffer):
    """Every read gives one byte."""
    app = upstream()
    with RawClient(weir(app, threads=1, request_buffer=request_buffer).address) as client:
        client.send_cut(message, *range(1, len(message)))
        assert client.read_response().status == 200
    assert bytes(app.only.body) == body


RESPONSES = [
    pytest.param(b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 4\r\n\r\nfour", id="Content-Length"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"fo", b"ur"), id="chunked"
    ),
    pytest.param(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour",
        id="interim",
    ),
]


@pytest.mark.parametrize("message", RESPONSES)
def test_a_response_may_be_cut_at_every_byte(weir, upstream, message):
    """The same towards upstream. The reads may merge: that they do not is likely, not certain."""
    cuts = iter(range(1, len(message)))

    def script(peer: Peer) -> None:
        while True:
            peer.read_request()
            cut = next(cuts)
            peer.send(message[:cut])
            time.sleep(0.001)
            peer.send(message[cut:])

    app = upstream(script)
    with RawClient(weir(app, threads=1).address) as client:
        for cut in range(1, len(message)):
            response = client.exchange(request())
            assert (response.status, response.body) == (200, b"four"), f"cut at {cut}"


# Pipelining and connections


def test_pipelined_requests_are_answered_in_order(weir, upstream):
    """RFC 9112 §9.3.2."""

    def script(peer: Peer) -> None:
        while True:
            arrived = peer.read_request()
            body = f"{arrived.target} {len(arrived.body)}".encode()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    app = upstream(script)
    sizes = [0, 3, 0, 70_000, 1, 0, 0, 9, 0, 2]
    messages = [
        request(f"/{number}", "POST", b"b" * size) if size else request(f"/{number}")
        for number, size in enumerate(sizes)
    ]
    with RawClient(weir(app).address) as client:
        sender = threading.Thread(target=client.send, args=(b"".join(messages),))
        sender.start()
        answers = [client.read_response().text for _ in messages]
        sender.join()
    assert answers == [f"/{number} {size}" for number, size in enumerate(sizes)]
    assert [arrived.target for arrived in app.requests] == [f"/{n}" for n in range(len(sizes))]


def test_nothing_after_connection_close_is_read(weir, upstream):
    """RFC 9112 §9.6."""
    app = upstream()
    with RawClient(weir(app).address) as client:
        response = client.exchange(request("/last", Connection="close") + request("/never"))
        assert response.status == 200
        assert response.closes
        client.expect_end()
    assert app.only.target == "/last"


def test_http_1_0_client_gets_a_chunked_response_until_close(weir, upstream):
    """RFC 9112 §6.1: no transfer coding to HTTP/1.0; §6.3: the end of the connection ends it."""
    app = upstream(
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"one ", b"two"))
    )
    with RawClient(weir(app).address) as client:
        head_and_body = client.exchange(b"GET / HTTP/1.0\r\n\r\n")
        assert (head_and_body.status, head_and_body.body) == (200, b"one two")
        assert "transfer-encoding" not in head_and_body.names
        client.expect_end()
    assert app.only.line == "GET / HTTP/1.1"


def test_http_1_0_closes_by_default_and_keeps_alive_when_asked(weir, upstream):
    """RFC 9112 §9.3."""
    app = upstream()
    proxy = weir(app)
    with RawClient(proxy.address) as client:
        for _ in range(3):
            response = client.exchange(b"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
            assert (response.status, response.body) == (200, b"ok")
            assert [value.lower() for value in response.all("connection")] == ["keep-alive"]
        response = client.exchange(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n")
        assert (response.status, response.body) == (200, b"ok")
        client.expect_end()
    assert len(app.requests) == 4


def test_half_closed_client_still_gets_its_response(weir, upstream):
    """A client that has nothing more to say may shut its side down."""
    shut = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.wait_for(shut)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        peer.send(b"def")

    app = upstream(script)
    with RawClient(weir(app).address) as client:
        client.send(request())
        client.finish_sending()
        app.wait_for_requests(1)
        shut.set()
        assert client.read_response().body == b"abcdef"
        client.expect_end()


def test_upstream_connection_is_reused(weir, upstream):
    """One connection carries one exchange after another, from whichever client."""
    app = upstream()
    proxy = weir(app, threads=1)
    for _ in range(5):
        assert fetch(proxy.address, request()).status == 200
    assert len(app.requests) == 5
    assert app.connections == 1


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["close", "HTTP/1.0"],
)
def test_upstream_that_closes_does_not_close_the_client(weir, upstream, response):
    """RFC 9110 §7.6.1: Connection is about one hop; a sync worker closes after each response."""
    app = upstream(once(response))
    with RawClient(weir(app).address) as client:
        for _ in range(3):
            answer = client.exchange(request())
            assert (answer.status, answer.body, answer.version) == (200, b"ok", "1.1")
            assert not answer.closes
    assert app.connections == 3


# Responses


def test_hop_by_hop_fields_of_a_response_are_dropped_and_others_kept(weir, upstream):
    """RFC 9110 §7.6.1, §5.3."""
    app = upstream(
        answering(
            b"HTTP/1.1 299 Rather Fine\r\nServer: scripted\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
            b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nSet-Cookie: a=1; Path=/\r\n"
            b"X-Latin: caf\xe9\r\nSet-Cookie: b=2, c\r\nContent-Length: 2\r\n\r\nok"
        )
    )
    answer = fetch(weir(app).address, request())
    assert (answer.status, answer.reason) == (299, "Rather Fine")
    assert not {"x-hop", "keep-alive"} & answer.names
    assert answer.all("set-cookie") == ["a=1; Path=/", "b=2, c"]
    assert answer.get("server") == "scripted"
    assert answer.get("date") == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert answer.get("x-latin") == "caf\xe9"


def test_a_response_may_have_an_empty_reason(weir, upstream):
    """RFC 9112 §4: the phrase is optional, the space before it is not."""
    app = upstream(answering(b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"))
    assert fetch(weir(app).address, request()).body == b"ok"


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (b"204 No Content", b""),
        (b"304 Not Modified", b'ETag: "v1"\r\n'),
        (b"304 Not Modified", b"Content-Length: 12345\r\n"),
    ],
)
def test_statuses_without_a_body_end_with_their_head(weir, upstream, status, fields):
    """RFC 9112 §6.3: whatever Content-Length says."""
    app = upstream(answering(b"HTTP/1.1 %s\r\n%s\r\n" % (status, fields)))
    with RawClient(weir(app, threads=1).address) as client:
        for _ in range(2):
            assert client.exchange(request()).status == int(status[:3])
    assert app.connections == 1


def test_head_response_keeps_its_length_and_the_connection(weir, upstream):
    """RFC 9110 §9.3.2, §8.6."""
    app = upstream(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"))
    with RawClient(weir(app, threads=1).address) as client:
        for _ in range(2):
            response = client.exchange(request("/", "HEAD"), "HEAD")
            assert response.get("content-length") == "12345"
        client.finish_sending()
        client.expect_end()
    assert app.connections == 1


def test_response_until_close_arrives_whole(weir, upstream):
    """RFC 9112 §6.3: without a length the end of the connection is the end of the body."""
    body = bytes(range(256)) * 1000
    app = upstream(once(b"HTTP/1.1 200 OK\r\n\r\n" + body))
    assert fetch(weir(app).address, request()).body == body


def test_chunk_extensions_and_trailers_do_not_disturb_a_response(weir, upstream):
    """RFC 9112 §7.1.1, §7.1.2."""
    app = upstream(
        answering(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'003;a=b;c="d"\r\nabc\r\n0A\r\n0123456789\r\n0;last\r\nX-Trailer: t\r\n\r\n'
        )
    )
    with RawClient(weir(app, threads=1).address) as client:
        for _ in range(2):
            assert client.exchange(request()).body == b"abc0123456789"
    assert app.connections == 1


@pytest.mark.parametrize("response_buffer", [0, "1m"])
@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_003])
def test_response_bodies_of_every_size_arrive_whole(weir, upstream, size, response_buffer):
    """On either side of the sizes that buffers tend to have."""
    body = hashlib.shake_128(b"weir").digest(size)
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (size, body)
    pieces = [body[start : start + 10_007] for start in range(0, size, 10_007)]
    in_chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(*pieces)

    def script(peer: Peer) -> None:
        while True:
            peer.send(sized if peer.read_request().target == "/sized" else in_chunks)

    with RawClient(weir(upstream(script), response_buffer=response_buffer).address) as client:
        assert client.exchange(request("/sized")).body == body
        assert client.exchange(request("/chunked")).body == body


def test_early_hints_pass_to_http_1_1_only(weir, upstream):
    """RFC 8297 §2; RFC 9110 §15.2: no 1xx to HTTP/1.0."""
    app = upstream(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n" + OK))
    proxy = weir(app)
    with RawClient(proxy.address) as client:
        for _ in range(2):
            response = client.exchange(request())
            assert [head.status for head in response.interim] == [103]
            assert response.interim[0].get("link") == "</s.css>; rel=preload"
            assert (response.status, response.body) == (200, b"ok")
    with RawClient(proxy.address) as client:
        response = client.exchange(b"GET / HTTP/1.0\r\n\r\n")
        assert (response.interim, response.status, response.body) == ([], 200, b"ok")


def test_continue_reaches_a_client_that_waits_for_it(weir, upstream):
    """RFC 9110 §10.1.1: the body is sent only after 100."""

    def script(peer: Peer) -> None:
        arrived = peer.read_head()
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.read_body(arrived)
        peer.send(OK)

    app = upstream(script)
    with RawClient(weir(app, request_buffer=0).address) as client:
        client.send(request("/", "POST", Content_Length="5", Expect="100-continue"))
        assert client.read_head().status == 100
        client.send(b"12345")
        response = client.read_response()
        assert (response.status, response.body) == (200, b"ok")
    assert bytes(app.only.body) == b"12345"


def test_refused_expectation_leaves_no_body_behind(weir, upstream):
    """RFC 9110 §10.1.1: a final answer instead of 100; the unsent body is not read as a request."""

    def script(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")

    app = upstream(script)
    with RawClient(weir(app, request_buffer=0).address) as client:
        client.send(request("/", "POST", Content_Length="60", Expect="100-continue"))
        response = client.read_response()
        assert (response.status, response.body) == (403, b"no")
        with contextlib.suppress(ConnectionError):
            client.send(request("/smuggled").ljust(60, b"x"))
            client.finish_sending()
        client.read_to_end()
    assert app.only.target == "/"


# Request bodies


def test_chunked_request_is_framed_anew(weir, upstream):
    """RFC 9112 §7.1.1: extensions are for one hop; design §4: framing is rebuilt, never copied."""
    app = upstream()
    message = (
        request("/", "POST", Transfer_Encoding="Chunked")
        + b'0003;secret="ext"\r\nabc\r\n00000A\r\n0123456789\r\n00;x\r\nX-Trailer: t\r\n\r\n'
    )
    with RawClient(weir(app).address) as client:
        assert client.exchange(message).status == 200
        assert client.exchange(request("/next")).status == 200
    arrived = app.requests[0]
    assert bytes(arrived.body) == b"abc0123456789"
    assert len(arrived.all("content-length")) + len(arrived.all("transfer-encoding")) == 1
    assert b"secret" not in arrived.raw_body
    assert b"0003" not in arrived.raw_body
    assert [one.target for one in app.requests] == ["/", "/next"]


@pytest.mark.parametrize("repeated", [b"3\r\nContent-Length: 3", b"3, 3"])
def test_equal_content_lengths_become_one(weir, upstream, repeated):
    """RFC 9110 §8.6: never do two of them reach upstream."""
    app = upstream()
    message = request("/", "POST", Content_Length="3").replace(
        b"Content-Length: 3\r\n", b"Content-Length: " + repeated + b"\r\n"
    )
    assert fetch(weir(app).address, message + b"abc").status == 200
    assert app.only.all("content-length") == ["3"]
    assert bytes(app.only.body) == b"abc"


def test_a_response_without_reason_or_its_space_is_passed_on(weir, upstream):
    """RFC 9112 §4: a status cannot be read differently for it; it is written with the space."""
    app = upstream(answering(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"))
    response = fetch(weir(app).address, request())
    assert (response.status, response.reason, response.body) == (200, "", b"ok")


@pytest.mark.parametrize("request_buffer", [0, "1m"])
@pytest.mark.parametrize("size", [1, 16_384, 65_536, 1_000_003])
def test_request_bodies_of_every_size_arrive_whole(weir, upstream, size, request_buffer):
    """By length and in chunks."""
    body = hashlib.shake_128(b"weir").digest(size)
    app = upstream()
    with RawClient(weir(app, request_buffer=request_buffer).address) as client:
        assert client.exchange(request("/", "PUT", body)).status == 200
        pieces = [body[start : start + 10_007] for start in range(0, size, 10_007)]
        message = request("/", "PUT", Transfer_Encoding="chunked") + chunked(*pieces)
        assert client.exchange(message).status == 200
    assert [bytes(arrived.body) for arrived in app.requests] == [body, body]


def test_bodies_stream_both_ways_at_once(weir, upstream):
    """Each half arrives before the other side has sent its second half."""
    halfway = threading.Event()

    def script(peer: Peer) -> None:
        arrived = peer.read_head()
        peer.read_some_body(arrived, 1000)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        halfway.set()
        peer.read_body(arrived)
        peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    app = upstream(script)
    with RawClient(weir(app, request_buffer=0).address) as client:
        client.send(request("/", "POST", Content_Length="2000") + b"a" * 1000)
        assert halfway.wait(10)
        head = client.read_head()
        assert head.all("transfer-encoding") == ["chunked"]
        assert client.read_exactly(10) == b"5\r\nfirst\r\n"
        client.send(b"b" * 1000)
        assert client.read_chunk() == b"last"
        assert client.read_chunk() == b""
    assert bytes(app.only.body) == b"a" * 1000 + b"b" * 1000


def test_response_chunks_arrive_one_by_one(weir, upstream):
    """What upstream sends goes to the client at once, whatever its type (design §4)."""
    taken = [threading.Event() for _ in range(5)]

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for number, event in enumerate(taken):
            peer.send(b"<%d> " % number)
            peer.wait_for(event)

    with RawClient(weir(upstream(script)).address) as client:
        client.send(request())
        client.read_head()
        for number, event in enumerate(taken):
            assert client.read_exactly(4) == b"<%d> " % number
            event.set()


# Back-pressure

BIG = 64 * MIB
HELD_MAX = 48 * MIB
"""More than every kernel buffer on the way, and well below all of it."""
GROWTH_MAX = 8 * MIB


def big_pieces():
    """64 MiB in pieces of 64 KiB, each different."""
    for number in range(BIG // 65_536):
        yield number.to_bytes(8) * 8192


BIG_DIGEST = hashlib.sha256()
for _piece in big_pieces():
    BIG_DIGEST.update(_piece)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_client_that_does_not_read_stops_the_response(weir, upstream, framing):
    """Bounded memory: weir takes from upstream only what it can pass on or hold within its limits."""
    sent = [0]

    def script(peer: Peer) -> None:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        peer.read_request()
        if framing == "length":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in big_pieces():
            peer.send(piece if framing == "length" else b"10000\r\n" + piece + b"\r\n")
            sent[0] += len(piece)
        if framing == "chunked":
            peer.send(b"0\r\n\r\n")

    proxy = weir(upstream(script), threads=1, response_buffer=0)
    proxy.metrics()
    before = proxy.resident_bytes
    with RawClient(proxy.address, receive_buffer=65_536) as client:
        client.send(request())
        head = client.read_head()
        assert 0 < settled(lambda: sent[0], "what upstream could send") < HELD_MAX
        assert proxy.resident_bytes - before < GROWTH_MAX
        digest = hashlib.sha256()
        if framing == "length":
            for _ in range(BIG // 65_536):
                digest.update(client.read_exactly(65_536))
        else:
            assert head.all("transfer-encoding") == ["chunked"]
            while chunk := client.read_chunk():
                digest.update(chunk)
        assert digest.digest() == BIG_DIGEST.digest()
        assert proxy.resident_bytes - before < GROWTH_MAX


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_slow_upstream_stops_the_upload(weir, upstream, framing):
    """The same the other way round."""
    go_on = threading.Event()
    digest = hashlib.sha256()

    def script(peer: Peer) -> None:
        arrived = peer.read_head()
        peer.wait_for(go_on)
        if framing == "length":
            for start in range(0, BIG, MIB):
                peer.read_some_body(arrived, MIB)
                digest.update(arrived.body)
                arrived.body.clear()
                assert start + MIB <= BIG
        else:
            while peer.read_chunk(arrived):
                digest.update(arrived.body)
                arrived.body.clear()
                arrived.raw_body.clear()
        peer.send(OK)

    proxy = weir(upstream(script, receive_buffer=65_536), threads=1, request_buffer=0)
    proxy.metrics()
    before = proxy.resident_bytes
    sent = [0]
    with RawClient(proxy.address) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)

        def upload() -> None:
            if framing == "length":
                client.send(request("/", "PUT", Content_Length=str(BIG)))
            else:
                client.send(request("/", "PUT", Transfer_Encoding="chunked"))
            for piece in big_pieces():
                client.send(piece if framing == "length" else b"10000\r\n" + piece + b"\r\n")
                sent[0] += len(piece)
            if framing == "chunked":
                client.send(b"0\r\n\r\n")

        sender = threading.Thread(target=upload, daemon=True)
        sender.start()
        assert settled(lambda: sent[0], "what the client could send") < HELD_MAX
        assert proxy.resident_bytes - before < GROWTH_MAX
        go_on.set()
        assert client.read_response().status == 200
        sender.join(10)
        assert not sender.is_alive()
    assert digest.digest() == BIG_DIGEST.digest()
    assert proxy.resident_bytes - before < GROWTH_MAX


# Clients that leave


@pytest.mark.parametrize("leave", [RawClient.abort, RawClient.close], ids=["reset", "close"])
def test_client_that_leaves_during_the_response_frees_the_upstream(weir, upstream, leave):
    """The upstream connection is closed, and the abort is counted once."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        try:
            for piece in big_pieces():
                peer.send(piece)
        finally:
            ended.set()

    proxy = weir(upstream(script), threads=1, response_buffer=0)
    client = RawClient(proxy.address, receive_buffer=65_536)
    client.send(request())
    assert client.read_head().status == 200
    leave(client)
    assert ended.wait(10)
    proxy.expect("weir_client_aborts_total", 1)
    proxy.expect("http_server_active_requests", 0)
    proxy.expect("weir_connections", 0)


def test_client_that_resets_while_it_waits_frees_the_upstream(weir, upstream):
    """No response byte has been sent yet: the work is for nobody."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.wait_for_end()
        ended.set()

    app = upstream(script)
    proxy = weir(app, threads=1)
    client = RawClient(proxy.address)
    client.send(request())
    app.wait_for_requests(1)
    client.abort()
    assert ended.wait(10)
    proxy.expect("weir_client_aborts_total", 1)
    proxy.expect("http_server_active_requests", 0)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("leave", [RawClient.abort, RawClient.close], ids=["reset", "close"])
def test_upload_cut_short_never_looks_complete_upstream(weir, upstream, framing, leave):
    """RFC 9112 §8: an incomplete request is not acted upon."""
    arrived_first, ended = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        arrived = peer.read_head()
        if framing == "length":
            peer.read_some_body(arrived, 10)
        else:
            peer.read_chunk(arrived)
        arrived_first.set()
        try:
            peer.read_body(arrived)
        finally:
            ended.set()

    app = upstream(script)
    proxy = weir(app, threads=1, request_buffer=0)
    client = RawClient(proxy.address)
    if framing == "length":
        client.send(request("/", "POST", Content_Length="20") + b"0123456789")
    else:
        client.send(request("/", "POST", Transfer_Encoding="chunked") + b"a\r\n0123456789\r\n")
    assert arrived_first.wait(10)
    leave(client)
    assert ended.wait(10)
    assert not app.only.complete
    proxy.expect("weir_client_aborts_total", 1)
    eventually_equal(lambda: proxy.sum("http_server_active_requests"), 0, "active requests")


def test_surplus_bytes_of_a_response_poison_nobody(weir, upstream):
    """RFC 9112 §6.3, design §4: what follows the body is thrown away with its connection."""
    surplus = OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    app = upstream(answering(surplus))
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        for _ in range(3):
            assert client.exchange(request()).body == b"ok"
        client.finish_sending()
        client.expect_end()
    assert app.connections == 3


@pytest.mark.parametrize("status", [204, 304])
def test_body_where_none_may_be_poisons_nobody(weir, upstream, status):
    """RFC 9112 §6.3: such a response ends with its head."""
    app = upstream(answering(b"HTTP/1.1 %d X\r\nContent-Length: 6\r\n\r\npoison" % status))
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        client.send(request())
        assert client.read_head().status == status
        client.send(request())
        assert client.read_head().status == status
    with pytest.raises(Truncated):
        with RawClient(proxy.address) as client:
            client.send(request(Connection="close"))
            client.read_head()
            client.read_head()
