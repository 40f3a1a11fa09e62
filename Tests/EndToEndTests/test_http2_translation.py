# SPDX-License-Identifier: Apache-2.0
"""What HTTP/2 becomes in HTTP/1.1 towards upstream, and HTTP/1.1 in HTTP/2 towards the client (RFC 9113 §8)."""

import functools
import gzip
import json
import re
import threading
from collections.abc import Callable

import pytest
from support.addresses import free_port, tcp_address
from support.buffering import EITHER, KIB, STREAMED, Gated
from support.client import chunked, request
from support.http2_client import PREFACE, Code, StreamClient, settings
from support.upstream import OK, Arrived, Peer
from support.waiting import eventually_equal

NEW_ID = re.compile("[0-9a-f]{32}")
SHORT = "300ms"


@pytest.fixture
def client(stand):
    """A connection to the stand."""
    with StreamClient(stand.proxy.address) as one:
        yield one


def forwarded(stand, client: StreamClient, target: str = "/", *args: object, **options: object) -> Arrived:
    """One request that is answered with 200, as it reached upstream."""
    seen = len(stand.app.requests)
    stream = client.open(target, *args, **options)
    assert client.response(stream).status == 200
    (arrived,) = stand.app.requests[seen:]
    return arrived


# Requests, as upstream sees them


def test_pseudo_fields_become_the_line_and_the_host(stand, client):
    """RFC 9113 §8.3.1: the target byte for byte, the authority first among the fields."""
    arrived = forwarded(stand, client, "/a%20b//c/../d?e=f&g=%C3%A9", authority="weir.test:8000")
    assert arrived.line == "GET /a%20b//c/../d?e=f&g=%C3%A9 HTTP/1.1"
    assert arrived.fields[0] == ("Host", "weir.test:8000")
    assert not [name for name, _ in arrived.fields if name.startswith(":")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "REPORT", "M-SEARCH"])
def test_method_passes(stand, client, method):
    """Known or not (RFC 9110 §9.1)."""
    target = stand.answer(OK if method != "HEAD" else OK[:-2])
    assert client.fetch(target, method).status == 200
    assert stand.arrived(target)[0].line == f"{method} {target} HTTP/1.1"


def test_asterisk_is_the_target_of_options(stand, client):
    """RFC 9113 §8.3.1: `*` without a path."""
    assert forwarded(stand, client, "*", "OPTIONS").line == "OPTIONS * HTTP/1.1"


def test_fields_pass_in_order_and_as_they_are(stand, client):
    """RFC 9110 §5.3: repeated ones too."""
    sent = [("x-b", "1"), ("x-a", "a, b"), ("x-b", "2; q=\"x\""), ("accept", "*/*"), ("x-empty", ""), ("x-a", "c")]
    arrived = forwarded(stand, client, extra=sent)
    kept = {name for name, _ in sent}
    assert [(name.lower(), value) for name, value in arrived.fields if name.lower() in kept] == sent


def test_bytes_beyond_ascii_pass(stand, client):
    """RFC 9110 §5.5: obs-text is opaque."""
    assert forwarded(stand, client, extra=[("x-name", "caf\xc3\xa9 \xff")]).all("x-name") == ["caf\xc3\xa9 \xff"]


@pytest.mark.parametrize(
    ("crumbs", "joined"),
    [(["a=1"], "a=1"), (["a=1", "b=2", "c=3"], "a=1; b=2; c=3"), (["a=1; b=2", "c=3"], "a=1; b=2; c=3")],
    ids=str,
)
def test_cookie_crumbs_are_joined(stand, client, crumbs, joined):
    """RFC 9113 §8.2.3: one field, whatever was between them."""
    sent = [pair for crumb in crumbs for pair in (("cookie", crumb), ("x-between", "1"))]
    assert forwarded(stand, client, extra=sent).all("cookie") == [joined]


@pytest.mark.parametrize("stand", [{"trust_proxies": "none"}], ids=["untrusted"], indirect=True)
def test_forwarding_fields_are_those_of_http_1(stand, client):
    """Design §4: who asks, what for, and how it came here: `Via` says 2.0 (RFC 9110 §7.6.3)."""
    lies = {"x_forwarded_for": "203.0.113.7", "x_forwarded_proto": "https", "forwarded": "for=203.0.113.7"}
    arrived = forwarded(stand, client, authority="weir.test:81", via="1.0 a", x_request_id="evil", **lies)
    assert arrived.all("x-forwarded-for") == ["127.0.0.1"]
    assert arrived.all("x-forwarded-proto") == ["http"]
    assert arrived.all("x-forwarded-host") == ["weir.test:81"]
    assert arrived.all("x-forwarded-port") == ["81"]
    assert arrived.all("forwarded") == ['for=127.0.0.1;host="weir.test:81";proto=http']
    assert ", ".join(arrived.all("via")) == "1.0 a, 2.0 weir"
    assert [bool(NEW_ID.fullmatch(value)) for value in arrived.all("x-request-id")] == [True]
    assert [bool(re.fullmatch("t=[0-9]{16}", value)) for value in arrived.all("x-request-start")] == [True]


def test_trusted_peer_is_believed_as_in_http_1(stand, client):
    """Design §4."""
    arrived = forwarded(stand, client, x_forwarded_for="203.0.113.7", x_forwarded_proto="https", x_request_id="kept-1")
    assert arrived.all("x-forwarded-for") == ["203.0.113.7, 127.0.0.1"]
    assert arrived.all("x-forwarded-proto") == ["https"]
    assert arrived.all("x-request-id") == ["kept-1"]


def test_each_stream_has_an_id_of_its_own(stand, client):
    """One request, one id."""
    seen = len(stand.app.requests)
    streams = [client.open() for _ in range(50)]
    for stream in streams:
        client.response(stream)
    assert len({one.all("x-request-id")[0] for one in stand.app.requests[seen:]}) == 50


def test_fields_of_one_hop_do_not_pass(stand, client):
    """RFC 9110 §7.6.1: TE is the only one that HTTP/2 has."""
    arrived = forwarded(stand, client, te="trailers", proxy="http://evil", x_good="1")
    assert not {"te", "connection", "proxy", "transfer-encoding", "content-length", "upgrade"} & arrived.names
    assert arrived.all("x-good") == ["1"]


def test_names_with_underscores_are_dropped(stand, client):
    """Design §4: WSGI takes `x_forwarded_for` for `x-forwarded-for`."""
    arrived = forwarded(stand, client, extra=[("x_forwarded_for", "6.6.6.6"), ("x_a", "1"), ("x-a", "2")])
    assert not [name for name in arrived.names if "_" in name]
    assert arrived.all("x-a") == ["2"]


ALIKE = {
    "plain": {},
    "browser": {
        "user_agent": "Mozilla/5.0 (X11)", "accept": "text/html,*/*;q=0.8", "accept_language": "de,en;q=0.5",
        "accept_encoding": "gzip, deflate, br", "cookie": "a=1; b=2", "upgrade_insecure_requests": "1",
        "sec_fetch_mode": "navigate", "priority": "u=0, i", "cache_control": "max-age=0",
    },
    "behind an ingress": {
        "x_forwarded_for": "203.0.113.7, 10.0.0.1", "x_forwarded_proto": "https", "x_forwarded_host": "shop.test",
        "forwarded": "for=203.0.113.7", "x_request_id": "kept-1", "via": "1.1 ingress",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
    "conditional": {"if_none_match": '"a", "b"', "if_modified_since": "Sun, 22 Nov 2026 00:00:00 GMT"},
    "secrets": {"authorization": "Basic eDp5", "proxy_authorization": "Basic eDp5"},
}  # fmt: skip


def in_order(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields whose place is that of the client: crumbs of cookies and a length are known at the end of a head."""
    return [pair for pair in fields if pair[0] not in ("cookie", "content-length")]


@pytest.mark.parametrize("options", [{}, {"trust_proxies": "none"}], ids=["trusted", "untrusted"])
@pytest.mark.parametrize("fields", ALIKE.values(), ids=ALIKE.keys())
@pytest.mark.parametrize("body", [None, b"", b"abc"], ids=ascii)
def test_upstream_sees_the_same_as_of_http_1(stands, options, fields, body):
    """Line, fields and their order, body; but for the moment, the id and the version in `Via`."""
    stand = stands(**options)
    target = stand.answer(OK)
    method = "GET" if body is None else "POST"
    with StreamClient(stand.proxy.address) as client:
        assert client.fetch(target, method, body, **fields).status == 200
    assert stand.fetch(request(target, method, body, **fields)).status == 200
    two, one = stand.arrived(target)

    def comparable(arrived: Arrived) -> list[tuple[str, str]]:
        varying = {"x-request-start": "now"}
        if options or "x_request_id" not in fields:
            varying["x-request-id"] = "new"
        pairs = [(name.lower(), varying.get(name.lower(), value)) for name, value in arrived.fields]
        return [(name, value.replace("2.0 weir", "1.1 weir")) for name, value in pairs]

    assert two.line == one.line
    assert sorted(comparable(two)) == sorted(comparable(one))
    assert in_order(comparable(two)) == in_order(comparable(one))
    assert two.body == one.body == (body or b"")


@pytest.mark.parametrize("kind", ["unix", "IPv6"])
def test_preface_decides_on_every_listener(weir, upstream, short_path, kind):
    """RFC 9113 §3.3: whatever the transport."""
    app = upstream()
    address = f"unix:{short_path / 'weir.sock'}" if kind == "unix" else f"[::1]:{free_port()}"
    proxy = weir(app, listen=address, threads=1)
    with StreamClient(address) as client:
        for _ in range(3):
            assert client.fetch("/", "POST", b"abc").body == b"ok"
        proxy.expect("weir_connections", 1, protocol="http/2")
    expected = {"unix": "for=unknown", "IPv6": 'for="[::1]"'}[kind]
    assert all(expected in one.all("forwarded")[0] for one in app.requests)


# Bodies of requests


@EITHER
@pytest.mark.parametrize("size", [0, 1, 16_384, 65_535, 65_536, 300_000])
@pytest.mark.parametrize("length", [True, False], ids=["length", "no-length"])
def test_body_arrives_whole(stand, client, size, length):
    """RFC 9113 §8.1: counted or not; towards upstream it has one framing, which is right."""
    target = stand.answer(OK)
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]
    stream = client.open(target, "POST", ends=False, **({"content_length": str(size)} if length else {}))
    client.send_body(stream, body)
    assert client.response(stream).status == 200
    (arrived,) = stand.arrived(target)
    assert arrived.complete and arrived.body == body
    if length:
        assert arrived.all("content-length") == [str(size)]


@STREAMED
def test_body_without_length_is_streamed_in_chunks(stand, client):
    """--request-buffer 0: its end is not known when its head goes on."""
    target = stand.answer(OK)
    stream = client.open(target, "POST", ends=False)
    eventually_equal(lambda: len(stand.arrived(target)), 1, "the head is upstream")
    client.send_body(stream, b"abc")
    client.response(stream)
    (arrived,) = stand.arrived(target)
    assert (arrived.all("transfer-encoding"), arrived.all("content-length")) == (["chunked"], [])


def test_body_without_length_is_counted_when_collected(stand, client):
    """Design §5: gunicorn sees it when it is whole, with its length."""
    target = stand.answer(OK)
    stream = client.open(target, "POST", ends=False)
    client.send_body(stream, b"abc", ends=False)
    client.settle()
    assert stand.arrived(target) == []
    client.send_body(stream, b"def")
    client.response(stream)
    (arrived,) = stand.arrived(target)
    assert (arrived.all("content-length"), arrived.all("transfer-encoding")) == (["6"], [])
    assert arrived.body == b"abcdef"


def test_request_that_ends_with_its_head_has_no_body(stand, client):
    """RFC 9113 §8.1: END_STREAM on HEADERS."""
    arrived = forwarded(stand, client, "/", "POST")
    assert arrived.all("transfer-encoding") == []
    assert arrived.all("content-length") in ([], ["0"])


@EITHER
def test_trailers_of_a_request_end_it(stand, client):
    """RFC 9113 §8.1; as fields they would be taken for what they are not."""
    target = stand.answer(OK)
    stream = client.open(target, "POST", ends=False)
    client.send_body(stream, b"abc", ends=False)
    client.send_trailers(stream, x_forwarded_for="6.6.6.6", x_checksum="1")
    assert client.response(stream).status == 200
    (arrived,) = stand.arrived(target)
    assert arrived.complete and arrived.body == b"abc"
    assert "x-checksum" not in arrived.names
    assert "6.6.6.6" not in str(arrived.fields)
    assert client.fetch().body == b"ok"


def test_collected_body_is_asked_for_with_100(stand, client):
    """RFC 9110 §10.1.1: weir wants the body, and upstream is not bothered with the expectation."""
    target = stand.answer(OK)
    stream = client.open(target, "POST", ends=False, content_length="3", expect="100-continue")
    client.until(lambda: client.on(stream).interim, "100")
    assert client.on(stream).interim_statuses == [100]
    client.send_body(stream, b"abc")
    assert client.response(stream).status == 200
    assert stand.arrived(target)[0].body == b"abc"


@STREAMED
def test_100_of_upstream_passes(stand, client):
    """RFC 9110 §15.2.1: when the body is streamed the app says whether it wants it."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        assert arrived.all("expect") == ["100-continue"]
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.read_body(arrived)
        peer.send(OK)

    stream = client.open(stand.play(exchange), "POST", ends=False, content_length="3", expect="100-continue")
    client.until(lambda: client.on(stream).interim, "100")
    client.send_body(stream, b"abc")
    answer = client.response(stream)
    assert (answer.status, answer.interim_statuses) == (200, [100])


# Responses, as the client sees them


def test_response_has_its_fields_in_lower_case(stand, client):
    """RFC 9113 §8.2: in order, repeated ones apart; none of those for one connection (§8.2.2)."""
    answer = client.fetch(
        stand.answer(
            b"HTTP/1.1 200 Fine\r\nServer: app\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nSet-Cookie: a=1\r\n"
            b"Connection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nX-Private: 1\r\nX-UPPER: Value\r\n"
            b"Set-Cookie: b=2\r\nProxy-Connection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
        )
    )
    assert answer.fields == [
        (":status", "200"), ("server", "app"), ("date", "Sun, 22 Nov 2026 00:00:00 GMT"), ("set-cookie", "a=1"),
        ("x-upper", "Value"), ("set-cookie", "b=2"), ("content-length", "2"),
    ]  # fmt: skip
    assert answer.body == b"ok"


def test_date_is_added_where_it_is_missing(stand, client):
    """RFC 9110 §6.6.1."""
    answer = client.fetch(stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    assert len(answer.all("date")) == 1


@pytest.mark.parametrize("status", [200, 201, 226, 301, 404, 418, 451, 500, 503, 599])
def test_status_passes_without_its_reason(stand, client, status):
    """RFC 9113 §8.3.2."""
    answer = client.fetch(stand.answer(b"HTTP/1.1 %d Some words\r\nContent-Length: 1\r\n\r\nx" % status))
    assert (answer.status, answer.body) == (status, b"x")
    assert "words" not in str(answer.fields)


WITHOUT_BODY = {
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "1000"),
    "HEAD, chunked": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 1000\r\n\r\n", "1000"),
    "length 0": ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"),
}


@pytest.mark.parametrize("case", WITHOUT_BODY.values(), ids=WITHOUT_BODY.keys())
def test_response_without_body_ends_with_its_head(stand, client, case):
    """RFC 9113 §8.1, RFC 9110 §6.4.1: one HEADERS frame that ends the stream."""
    method, response, length = case
    stream = client.open(stand.answer(response), method)
    answer = client.response(stream)
    assert answer.get("content-length") == length
    assert [(one.kind, one.ends) for one in client.of(stream)] == [("Headers", True)]
    assert client.fetch().body == b"ok"


BODIES = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef", True, b"abcdef"),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc", b"def"), True, b"abcdef"),
    "until close": (b"HTTP/1.1 200 OK\r\n\r\nabcdef", False, b"abcdef"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabcdef", False, b"abcdef"),
    "HTTP/1.0 with length": (b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nabcdef", False, b"abcdef"),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabcdef", False, b"abcdef"),
    "empty chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True, b""),
    "empty until close": (b"HTTP/1.1 200 OK\r\n\r\n", False, b""),
}


@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("response_buffer", [0, "1m"])
def test_body_of_any_framing_becomes_data(stands, case, response_buffer):
    """RFC 9113 §8.1: whatever upstream does to its connection, the stream ends once and the client's goes on."""
    response, keeps, body = case
    stand = stands(response_buffer=response_buffer)
    target = stand.answer(response, keeps)
    with StreamClient(stand.proxy.address) as client:
        for _ in range(2):
            stream = client.open(target)
            answer = client.response(stream)
            assert (answer.status, answer.body) == (200, body)
            frames = client.of(stream)
            assert [one.ends for one in frames] == [False] * (len(frames) - 1) + [True]
            assert {one.kind for one in frames[1:]} <= {"Data"}
        assert client.fetch().body == b"ok"


def test_trailers_of_a_response_follow_its_body(stand, client):
    """RFC 9113 §8.1: as fields behind DATA."""
    response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Checksum: 7\r\nX-T: u\r\n\r\n"
    stream = client.open(stand.answer(response))
    answer = client.response(stream)
    assert answer.body == b"abc"
    assert answer.trailers == [("x-checksum", "7"), ("x-t", "u")]
    assert (client.of(stream)[-1].kind, client.of(stream)[-1].ends) == ("Headers", True)


def test_interim_responses_come_first(stand, client):
    """RFC 9113 §8.1: each as HEADERS that do not end the stream, before the final ones."""
    released = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\n\r\n")
        peer.wait_for(released)
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n" + OK)

    stream = client.open(stand.play(exchange, keeps=True))
    client.until(lambda: client.on(stream).interim, "103")
    released.set()
    answer = client.response(stream)
    assert answer.interim == [[(":status", "103"), ("link", "</a.css>")], [(":status", "103"), ("link", "</b.css>")]]
    assert (answer.status, answer.body) == (200, b"ok")


TEXT = b"The weir lets all of the river through, and measures it. " * 400


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_text_is_compressed(stands, framing):
    """--gzip, as in HTTP/1.1; a length of before would be wrong."""
    how = b"Content-Length: %d\r\n\r\n" % len(TEXT) + TEXT
    if framing == "chunked":
        how = b"Transfer-Encoding: chunked\r\n\r\n" + chunked(TEXT[:100], TEXT[100:])
    stand = stands(gzip=6)
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\n" + how)
    with StreamClient(stand.proxy.address) as client:
        answer = client.fetch(target, accept_encoding="gzip")
        assert (answer.get("content-encoding"), answer.get("content-length")) == ("gzip", None)
        assert (answer.get("vary"), answer.get("etag")) == ("Accept-Encoding", 'W/"a"')
        assert gzip.decompress(answer.body) == TEXT
        plain = client.fetch(target)
        assert (plain.get("content-encoding"), plain.body) == (None, TEXT)


# Answers of weir's own


def refused(stand, client: StreamClient, start: Callable[[], int], status: int, reason: str) -> int:
    """An answer of weir's own to the request that `start` makes, counted under its reason; the connection goes on."""
    codes = stand.counts("flask_response_code", status=str(status))
    with stand.counts("weir_gateway_errors_total", reason=reason), codes:
        stream = start()
        answer = client.response(stream)
        assert answer.status == status
    assert answer.get("content-type").startswith("text/plain")
    assert answer.get("content-length") == str(len(answer.body))
    assert answer.text.startswith(f"{status} ")
    assert len(answer.all("x-request-id")) == len(answer.all("date")) == 1
    assert client.fetch().body == b"ok"
    assert client.goaways == []
    return stream


def test_target_too_long_is_414(stand, client):
    """--max-target, on both sides of its edge, whatever fields come with it."""
    fields = {"accept": "text/plain", "x_a": "b"}
    assert client.fetch("/" + "a" * (16 * KIB - 1), **fields).status == 200
    refused(stand, client, lambda: client.open("/" + "a" * 16 * KIB, **fields), 414, "target_too_long")


@pytest.mark.parametrize("stand", [{"max_headers": 10}], ids=["10"], indirect=True)
def test_too_many_fields_are_431(stand, client):
    """--max-headers, on both sides of its edge; Host is one of them."""
    assert client.fetch(**{f"x_{number}": "1" for number in range(9)}).status == 200
    fields = {f"x_{number}": "1" for number in range(10)}
    refused(stand, client, lambda: client.open(**fields), 431, "too_many_fields")


@pytest.mark.parametrize("size", [33_000, 60_000])
def test_large_head_is_431(stand, client, size):
    """--max-header-bytes: with CONTINUATION frames; the compression state goes on with what was refused."""
    assert client.fetch(x_large="a" * 30_000).status == 200
    with stand.counts("weir_http2_errors_total", reason="header_list_too_large"):
        start = functools.partial(client.open, x_large="b" * size, x_indexed="c")
        refused(stand, client, start, 431, "head_too_long")
    assert forwarded(stand, client, x_indexed="c").all("x-indexed") == ["c"]


def test_head_below_the_limit_is_served_wherever_its_bytes_are(stand, client):
    """--max-header-bytes: nothing counts twice."""
    fields = {"x_large": "a" * 12_000, "x_small": "b", "x_last": "c"}
    assert client.fetch("/" + "a" * 16_000, **fields).status == 200


def test_connect_is_405(stand, client):
    """RFC 9110 §9.3.6: weir is no tunnel to anywhere."""
    head = [(":method", "CONNECT"), (":authority", "weir.test:443")]
    refused(stand, client, lambda: client.open_with(head, ends=False), 405, "connect_method")


@pytest.mark.parametrize("host", ["a b", "a/b", "user@weir.test", "weir.test:x"])
def test_bad_authority_is_400(stand, client, host):
    """RFC 9113 §8.3.1: as a bad Host in HTTP/1.1, or a malformed stream."""
    answer = client.on(client.open(authority=host))
    client.until(lambda: answer.ended or answer.reset is not None, "an answer")
    assert answer.reset == Code.PROTOCOL_ERROR or answer.status == 400
    assert client.fetch().body == b"ok"


def unfinished(client: StreamClient, target: str, body: bytes, length: int | None = None) -> int:
    """A request whose body has begun."""
    stream = client.open(target, "POST", False, **({} if length is None else {"content_length": str(length)}))
    client.send_body(stream, body, ends=False)
    return stream


@pytest.mark.parametrize("stand", [{"max_body": "100k"}], ids=["100k"], indirect=True)
@pytest.mark.parametrize("length", [None, 100 * KIB + 1], ids=["no-length", "length"])
def test_body_too_large_is_413(stand, client, length):
    """--max-body: whether it says so or not; the rest of it is not wanted (RFC 9113 §8.1)."""
    assert client.fetch("/", "POST", bytes(100 * KIB)).status == 200
    body = bytes(100 * KIB + 1)
    stream = refused(stand, client, lambda: unfinished(client, "/", body, length), 413, "body_too_large")
    client.expect_reset(stream, Code.NO_ERROR)


@pytest.mark.parametrize(
    "stand", [{"body_timeout": SHORT}, {"body_timeout": SHORT, "request_buffer": 0}], ids=["collected", "streamed"],
    indirect=True,
)  # fmt: skip
@pytest.mark.parametrize("part", [b"", b"abc"], ids=ascii)
def test_body_that_stops_is_408(stand, client, part):
    """--body-timeout: a stream's, while the others go on."""
    target = stand.answer(OK)
    stream = refused(stand, client, lambda: unfinished(client, target, part), 408, "body_timeout")
    client.expect_reset(stream, Code.NO_ERROR)
    assert not any(one.complete for one in stand.arrived(target))


FAULTS = {
    "closed": ("upstream_closed", b""),
    "bad head": ("bad_response", b"HTTP/1.1 xyz\r\n\r\n"),
    "half a head": ("upstream_closed", b"HTTP/1.1 200 OK\r\nX-A"),
    "too large": ("response_head_too_large", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n"),
    "bad length": ("bad_response", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
    "switch": ("unexpected_upgrade", b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"),
    "interim": ("too_many_interim", b"HTTP/1.1 103 X\r\n\r\n" * 33 + OK),
}


@pytest.mark.parametrize(("reason", "response"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_of_upstream_is_502(stand, client, reason, response):
    """As in HTTP/1.1, with the same reasons."""
    target = stand.answer(response, keeps=False)
    refused(stand, client, lambda: client.open(target), 502, reason)
    with stand.counts("weir_gateway_errors_total", reason=reason):
        assert stand.fetch(request(target)).status == 502


@pytest.mark.parametrize("stand", [{"response_timeout": SHORT}], ids=[SHORT], indirect=True)
def test_silent_upstream_is_504(stand, client):
    """--response-timeout."""
    target = stand.play(lambda peer, _: peer.wait_for_end())
    refused(stand, client, lambda: client.open(target), 504, "response_timeout")


def test_absent_upstream_is_502(weir):
    """--upstream-wait; each stream has its answer."""
    proxy = weir(tcp_address(), ready=False, threads=1, upstream_wait="0s")
    with StreamClient(proxy.address) as client:
        streams = [client.request("/", method, body) for method, body in (("GET", None), ("POST", b"x"))]
        assert [client.response(stream).status for stream in streams] == [502, 502]
    proxy.expect("weir_gateway_errors_total", 2, reason="upstream_refused")


def test_full_queue_is_503(stands):
    """--queue-limit: for streams as for connections (RFC 9110 §10.2.3)."""
    stand = stands(slots=1, queue_limit=1)
    gate = Gated()
    target = stand.play(gate, keeps=True)
    with StreamClient(stand.proxy.address) as client:
        first, second, third = (client.open(target) for _ in range(3))
        answer = client.response(third)
        assert (answer.status, answer.get("retry-after")) == (503, "1")
        gate.may_answer.set()
        assert [client.response(stream).body for stream in (first, second)] == [b"ok", b"ok"]


def test_problem_is_told_in_json_to_who_asks_for_it(stand, client):
    """RFC 9457."""
    target = stand.answer(b"", keeps=False)
    plain = client.fetch(target, accept="text/plain", x_request_id="kept-1")
    assert (plain.status, plain.get("content-type")) == (502, "text/plain; charset=utf-8")
    answer = client.fetch(target, accept="application/problem+json", x_request_id="kept-2")
    assert answer.get("content-type") == "application/problem+json"
    told = json.loads(answer.body)
    assert (told["status"], told["reason"], told["request_id"]) == (502, "upstream_closed", "kept-2")


def test_head_request_gets_no_body_with_an_error(stand, client):
    """RFC 9110 §9.3.2: an answer of weir's own ends with its head too."""
    stream = client.open(stand.answer(b"", keeps=False), "HEAD")
    assert client.response(stream).status == 502
    assert [(one.kind, one.ends) for one in client.of(stream)] == [("Headers", True)]


# Max-Forwards (RFC 9110 §7.6.2)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
def test_max_forwards_is_counted_down(stand, client, method):
    """RFC 9110 §7.6.2."""
    assert forwarded(stand, client, "/", method, max_forwards="7").all("max-forwards") == ["6"]


def test_trace_that_ends_here_is_reflected(stand, client):
    """RFC 9110 §9.3.8: what weir has understood, without what is nobody's business."""
    answer = client.fetch("/t?u", "TRACE", max_forwards="0", x_probe="1", cookie="a=b", authorization="Basic x")
    assert (answer.status, answer.get("content-type")) == (200, "message/http")
    assert answer.text.startswith("TRACE /t?u HTTP/1.1\r\n")
    assert "x-probe: 1\r\n" in answer.text
    assert "cookie" not in answer.text and "authorization" not in answer.text


@pytest.mark.parametrize("target", ["*", "/"])
def test_options_that_ends_here_is_answered_by_weir(stand, client, target):
    """RFC 9110 §9.3.7."""
    seen = len(stand.app.requests)
    answer = client.fetch(target, "OPTIONS", max_forwards="0")
    assert (answer.status, bool(answer.get("allow"))) == (200, True)
    assert len(stand.app.requests) == seen


# PROXY protocol

TCP4 = b"PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\r\n"


def test_proxy_header_comes_before_the_preface(stands):
    """--proxy-protocol accept: every stream of the connection has the client that the header names."""
    stand = stands(proxy_protocol="accept")
    with StreamClient(stand.proxy.address, first=TCP4) as client:
        for _ in range(2):
            arrived = forwarded(stand, client)
            assert arrived.all("x-forwarded-for") == ["203.0.113.7"]
            assert 'for=203.0.113.7' in arrived.all("forwarded")[0]


@pytest.mark.parametrize("cut", [1, 20, len(TCP4) - 1, len(TCP4), len(TCP4) + 1, len(TCP4) + 23])
def test_proxy_header_and_preface_may_be_cut_anywhere(stands, cut):
    """TCP knows no messages."""
    stand = stands(proxy_protocol="accept")
    with stand.client() as raw:
        raw.send_cut(TCP4 + PREFACE + settings(), cut)
        assert raw.read_exactly(9)[3] == 4, "SETTINGS come first"


def test_each_stream_has_a_proxy_header_upstream(upstream, weir):
    """--proxy-protocol send: one upstream connection a request, each behind a header."""
    lines = []

    def script(peer: Peer) -> None:
        lines.append(peer.read_line())
        peer.read_request()
        peer.send(OK)
        peer.wait_for_end()

    app = upstream(script)
    proxy = weir(app, threads=1, proxy_protocol="send")
    with StreamClient(proxy.address) as client:
        streams = [client.open(x_forwarded_for=f"203.0.113.{number}") for number in range(1, 6)]
        assert [client.response(stream).body for stream in streams] == [b"ok"] * 5
    assert sorted(line.split()[2] for line in lines) == [b"203.0.113.%d" % number for number in range(1, 6)]
    assert app.connections == 5
