# SPDX-License-Identifier: Apache-2.0
"""What requests mean to a proxy: Connection, Max-Forwards, pipelines, Expect (RFC 9110, RFC 9112 §9)."""

import contextlib
import threading

import pytest
from support.buffering import EITHER, STREAMED
from support.client import Truncated, chunked, request
from support.upstream import OK, Arrived, Peer
from support.waiting import settled

HOST = b"Host: weir.test\r\n"


def with_fields(fields: bytes, target: str = "/", method: str = "GET") -> bytes:
    """A request with these field lines, spelled byte for byte."""
    return f"{method} {target} HTTP/1.1\r\n".encode() + HOST + fields + b"\r\n"


# Connection (RFC 9110 §7.6.1)


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        (b"Connection: X-A\r\nX-A: 1\r\n", {"x-a"}),
        (b"X-A: 1\r\nConnection: x-a\r\n", {"x-a"}),
        (b"Connection: X-A\r\nX-A: 1\r\nx-a: 2\r\nX-a: 3\r\n", {"x-a"}),
        (b"Connection: X-A, X-B\r\nConnection: X-C\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n", {"x-a", "x-b", "x-c"}),
        (b"Connection: ,, X-A ,,\t,X-B,\r\nX-A: 1\r\nX-B: 2\r\n", {"x-a", "x-b"}),
        (b"Connection: X-A\tX-B\r\nX-A: 1\r\n", None),
        (b"Connection:\r\nX-A: 1\r\n", set()),
        (b"Connection: ,\r\n", set()),
        (b"Connection: absent\r\n", set()),
        (b"Keep-Alive: timeout=5, max=2\r\n", {"keep-alive"}),
        (b"Proxy-Connection: close\r\n", {"proxy-connection"}),
        (b"TE: trailers, deflate;q=0.5\r\nConnection: TE\r\n", {"te"}),
        (b"TE: trailers\r\n", {"te"}),
        (b"Upgrade: websocket\r\n", {"upgrade"}),
        (b"Connection: upgrade\r\n", {"upgrade"}),
        (b"Connection: HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", {"http2-settings"}),
        (b"Connection: X-A-B\r\nX-A: 1\r\n", set()),
        (b"Connection: " + b", ".join(b"X-%d" % n for n in range(16)) + b"\r\nX-0: 1\r\nX-15: 2\r\n",
        {"x-0", "x-15"}),
    ],
    ids=lambda value: ascii(value)[:60] if isinstance(value, bytes) else "",
)  # fmt: skip
def test_fields_of_one_hop_stay_behind(stand, fields, gone):
    """RFC 9110 §7.6.1: those that Connection names and those that are known to be so, all lines of them."""
    if gone is None:
        stand.refuse(with_fields(fields), 400)
        return
    arrived = stand.forward(with_fields(fields + b"X-Stays: 9\r\n"))
    assert not gone & arrived.names
    assert arrived.all("x-stays") == ["9"]
    assert not {option for value in arrived.all("connection") for option in value.lower().split(", ")} & {
        "x-a", "te", "upgrade", "http2-settings",
    }  # fmt: skip


def test_connection_that_names_too_many_fields_is_400(stand):
    """README, reasons: more than 16 would cost more than they are worth."""
    stand.refuse(with_fields(b"Connection: " + b", ".join(b"X-%d" % n for n in range(17)) + b"\r\n"), 400)


PROTECTED = [
    "Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
    "X-Forwarded-Port",
    "Authorization", "Cookie", "Content-Type", "Cache-Control", "X-Request-ID", "Content-Encoding",
]  # fmt: skip


@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.parametrize("spelled", [str.lower, str.upper, str], ids=["lower", "upper", "as is"])
def test_connection_cannot_take_away_what_matters(stand, name, spelled):
    """RFC 9110 §7.6.1, design §4: a sender must not name them; framing and forwarding would be forged."""
    fields = {"Authorization": "Basic eA==", "Cookie": "a=b", "Content-Type": "text/x",
    "Cache-Control": "no-cache",
              "X-Request-ID": "kept-1", "Content-Encoding": "br"}  # fmt: skip
    target = stand.answer(OK)
    message = request(target, "POST", b"12345", **fields, Connection=f"{spelled(name)}, keep-alive")
    with stand.client() as client:
        client.send(message + request(target))
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    first, second = stand.arrived(target)
    assert bytes(first.body) == b"12345"
    assert {key: first.all(key) for key in fields} == {key: [value] for key, value in fields.items()}
    assert (first.all("host"), len(first.all("x-forwarded-for")), second.method) == (["weir.test"], 1, "GET")


def test_connection_cannot_take_the_coding_away(stand):
    """RFC 9110 §7.6.1, RFC 9112 §6.1: `Connection: transfer-encoding` is an attack."""
    target = stand.answer(OK)
    message = request(target, "POST", Transfer_Encoding="chunked", Connection="transfer-encoding") + chunked(
        b"abc"
    )
    with stand.client() as client:
        client.send(message + request(target))
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert [bytes(one.body) for one in stand.arrived(target)] == [b"abc", b""]


@pytest.mark.parametrize(
    "value", ["close", "Close", "CLOSE", "keep-alive, close", "close, keep-alive", " ,close", "close,",
    "X-A, close", "\tclose\t"], ids=ascii
)  # fmt: skip
def test_close_is_heard_in_any_case_and_place(stand, value):
    """RFC 9112 §9.6: and it wins over keep-alive; what was pipelined behind it is not served."""
    target = stand.answer(OK)
    with stand.client() as client:
        client.send(request(target, Connection=value) + request(target))
        assert client.read_response().closes
        client.expect_end()
    assert len(stand.arrived(target)) == 1


@pytest.mark.parametrize("value", ["closed", "xclose", "clos", "close-x", "not-close"])
def test_similar_option_does_not_close(stand, value):
    """RFC 9110 §7.6.1: options are whole tokens."""
    with stand.client() as client:
        for _ in range(2):
            assert not client.exchange(request(Connection=value)).closes


@pytest.mark.parametrize(
    "value", ['"close"', "close;x", "clo se", "a/b", "(close)", "close\x0b", "caf\xe9"], ids=ascii
)
def test_connection_that_is_no_list_of_tokens_is_400(stand, value):
    """RFC 9110 §7.6.1: what it removes would be guesswork."""
    stand.refuse(with_fields(f"Connection: {value}\r\n".encode("latin-1")), 400)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_only_the_client_hop_hears_keep_alive(stand, version):
    """RFC 9112 §9.3: towards upstream weir decides by itself."""
    head = f"GET / HTTP/{version}\r\nHost: w\r\nConnection: Keep-Alive\r\nKeep-Alive: 300\r\n\r\n"
    with stand.client() as client:
        for _ in range(2):
            response = client.exchange(head.encode())
            assert (response.status, response.closes) == (200, False)
    assert stand.app.requests[-1].line == "GET / HTTP/1.1"
    assert "keep-alive" not in stand.app.requests[-1].names


# Max-Forwards (RFC 9110 §7.6.2)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
@pytest.mark.parametrize(
    ("sent", "forwarded"), [("1", "0"), ("2", "1"), ("10", "9"), ("007", "6"), ("255", "254")]
)
def test_max_forwards_is_counted_down(stand, method, sent, forwarded):
    """RFC 9110 §7.6.2."""
    arrived = stand.forward(request("/", method, Max_Forwards=sent))
    assert [int(value) for value in arrived.all("max-forwards")] == [int(forwarded)]


@pytest.mark.parametrize("value", ["0", "00"])
def test_trace_that_ends_here_is_reflected(stand, value):
    """RFC 9110 §9.3.8: message/http, without what is nobody's business."""
    secrets = {"Cookie": "a=b", "Authorization": "Basic x", "Proxy-Authorization": "Basic y"}
    seen = len(stand.app.requests)
    response = stand.fetch(request("/t?u", "TRACE", Max_Forwards=value, X_Probe="1", **secrets))
    assert (response.status, response.get("content-type")) == (200, "message/http")
    assert response.text.startswith("TRACE /t?u HTTP/1.1\r\n")
    assert "X-Probe: 1\r\n" in response.text
    assert not any(f"{name}:".lower() in response.text.lower() for name in secrets)
    assert len(stand.app.requests) == seen


@pytest.mark.parametrize("target", ["*", "/", "/x"])
def test_options_that_ends_here_is_answered_by_weir(stand, target):
    """RFC 9110 §9.3.7."""
    seen = len(stand.app.requests)
    with stand.client() as client:
        response = client.exchange(request(target, "OPTIONS", Max_Forwards="0"))
        assert response.status == 200
        assert response.get("allow")
        assert client.exchange(request()).status == 200
    assert len(stand.app.requests) == seen + 1


def test_body_of_options_that_ends_here_is_read_away(stand):
    """RFC 9110 §9.3.7: OPTIONS may have content, and what is behind it is the next request."""
    seen = len(stand.app.requests)
    body = request("/smuggled")
    with stand.client() as client:
        client.send(request("/", "OPTIONS", body, Max_Forwards="0") + request("/next"))
        first = client.read_response()
        assert first.status == 200
        if first.closes:
            client.expect_end()
        else:
            assert client.read_response().status == 200
    assert [one.target for one in stand.app.requests[seen:]] in ([], ["/next"])


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
@pytest.mark.parametrize(
    "fields",
    [
        b"Max-Forwards: 1\r\nMax-Forwards: 5\r\n",
        b"Max-Forwards: 0\r\nMax-Forwards: 1\r\n",
        b"Max-Forwards: 1\r\n 2\r\n",
    ],
    ids=ascii,
)
def test_repeated_max_forwards_is_400(stand, method, fields):
    """RFC 9110 §5.3, §7.6.2: it is no list, so two of them are no number."""
    stand.refuse(with_fields(fields, method=method), 400)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
@pytest.mark.parametrize("value", ["", "-1", "+1", "x", "1.5", "1, 2", "0x1", "1 1", '"1"'])
def test_malformed_max_forwards_is_400(stand, method, value):
    """RFC 9110 §7.6.2: 1*DIGIT."""
    with stand.counts("weir_gateway_errors_total", reason="bad_max_forwards"):
        assert stand.fetch(request("/", method, Max_Forwards=value)).status == 400


@pytest.mark.parametrize("value", ["0", "1", "x"])
def test_max_forwards_means_nothing_to_other_methods(stand, value):
    """RFC 9110 §7.6.2: MAY be ignored, and it passes as any field."""
    assert stand.forward(request("/", "GET", Max_Forwards=value)).all("max-forwards") == [value]


# Pipelines (RFC 9112 §9.3.2)


def test_a_hundred_requests_in_one_write_are_answered_in_order(stand):
    """RFC 9112 §9.3.2."""

    def echo(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        mark = arrived.all("x-n")[0].encode()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(mark), mark))

    target = stand.play(echo, keeps=True)
    with stand.client() as client:
        client.send(b"".join(request(target, X_N=str(n)) for n in range(100)))
        assert [client.read_response().text for _ in range(100)] == [str(n) for n in range(100)]


def test_pipeline_whose_answers_nobody_reads_waits(stand):
    """RFC 9112 §9.3.2: 10 MB of answers are not collected in memory, and none of them is lost."""
    body = bytes(20_000)
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    stand.proxy.metrics()
    before = stand.proxy.resident_bytes
    with stand.client(receive_buffer=65_536) as client:
        sender = threading.Thread(target=client.send, args=(request(target) * 500,))
        sender.start()
        assert settled(lambda: len(stand.app.requests), "requests at the upstream") > 0
        assert stand.proxy.resident_bytes - before < 8 * 1024 * 1024
        assert [client.read_response().body == body for _ in range(500)] == [True] * 500
        sender.join(10)


BAD = {
    "bare LF": (b"GET / HTTP/1.1\nHost: w\n\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "both framings": (
        b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "version": (b"GET / HTTP/3.0\r\nHost: w\r\n\r\n", 505),
    "rubbish": (b"\x16\x03\x01", 400),
    "CONNECT": (b"CONNECT w:1 HTTP/1.1\r\nHost: w:1\r\n\r\n", 405),
}


@pytest.mark.parametrize("good", [0, 1, 5])
@pytest.mark.parametrize(("data", "status"), BAD.values(), ids=BAD.keys())
def test_bad_request_ends_a_pipeline_in_its_place(stand, good, data, status):
    """RFC 9112 §9.3.2: what came before is answered first, what comes behind never reaches upstream."""
    target = stand.answer(OK)
    with stand.client() as client:
        client.send(request(target) * good + data + request(target))
        assert [client.read_response().status for _ in range(good)] == [200] * good
        response = client.read_response()
        assert (response.status, response.closes) == (status, True)
        client.expect_end()
    assert len(stand.arrived(target)) == good


@pytest.mark.parametrize("framing", ["length", "chunked", "empty"])
def test_request_behind_a_body_is_found(stand, framing):
    """RFC 9112 §6: the bytes behind a body are the next request, in the same read or not."""
    target = stand.answer(OK)
    bodies = {
        "length": request(target, "POST", b"abc"),
        "chunked": request(target, "POST", Transfer_Encoding="chunked") + chunked(b"abc"),
        "empty": request(target, "POST", b""),
    }
    message = bodies[framing] + request(target)
    with stand.client() as client:
        for cut in range(len(bodies[framing]) - 8, len(bodies[framing]) + 8):
            client.send_cut(message, cut)
            assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert [one.method for one in stand.arrived(target)] == ["POST", "GET"] * 16


def test_pipeline_goes_on_behind_an_error_of_the_app(stand):
    """RFC 9112 §9.3.2: a 500 of upstream is an answer as any other."""
    failing = stand.answer(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    with stand.client() as client:
        client.send(request(failing) + request() + request(failing) + request())
        assert [client.read_response().status for _ in range(4)] == [500, 200, 500, 200]


def test_pipeline_behind_an_upstream_that_closes_is_served(stand):
    """RFC 9110 §7.6.1: one upstream connection each, one client connection for all."""
    closing = stand.answer(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", keeps=False
    )
    with stand.client() as client:
        client.send(request(closing) * 5)
        assert [client.read_response().body for _ in range(5)] == [b"ok"] * 5


def test_pipeline_is_served_to_a_client_that_has_shut_its_side(stand):
    """RFC 9112 §9.6: it may still read."""
    with stand.client() as client:
        client.send(request() * 3)
        client.finish_sending()
        assert [client.read_response().status for _ in range(3)] == [200] * 3
        client.expect_end()


# Expect (RFC 9110 §10.1.1)


def waits_for_body(peer: Peer, arrived: Arrived) -> None:
    """An app that asks for the body when it is expected to."""
    if arrived.all("expect"):
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    peer.read_body(arrived)
    peer.send(OK)


@EITHER
@pytest.mark.parametrize("value", ["100-continue", "100-Continue", "100-CONTINUE"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_continue_is_asked_for_in_any_case(stand, value, framing):
    """RFC 9110 §10.1.1: exactly one 100, then the body, then the answer; the connection goes on."""
    target = stand.play(waits_for_body, keeps=True)
    how = {"Content_Length": "3"} if framing == "length" else {"Transfer_Encoding": "chunked"}
    with stand.client() as client:
        for _ in range(2):
            client.send(request(target, "POST", Expect=value, **how))
            assert client.read_head().status == 100
            client.send(b"abc" if framing == "length" else chunked(b"abc"))
            response = client.read_response()
            assert (response.status, response.interim) == (200, [])
    assert [bytes(one.body) for one in stand.arrived(target)] == [b"abc", b"abc"]


@EITHER
def test_body_that_does_not_wait_is_taken(stand):
    """RFC 9110 §10.1.1: the client need not wait; at most one 100."""
    target = stand.play(waits_for_body, keeps=True)
    with stand.client() as client:
        client.send(request(target, "POST", b"abc", Expect="100-continue") + request(target))
        response = client.read_response()
        assert (response.status, len(response.interim) <= 1) == (200, True)
        assert client.read_response().status == 200
    assert [bytes(one.body) for one in stand.arrived(target)] == [b"abc", b""]


@EITHER
@pytest.mark.parametrize(
    "head", [b"POST %b HTTP/1.0\r\nHost: w\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"]
)
def test_http_1_0_expects_nothing(stand, head):
    """RFC 9110 §10.1.1: MUST ignore; §15.2: no interim response for it."""
    target = stand.play(waits_for_body, keeps=True)
    response = stand.fetch(head % target.encode())
    assert (response.status, response.interim) == (200, [])
    assert bytes(stand.arrived(target)[0].body) == b"abc"


@EITHER
@pytest.mark.parametrize("fields", [{}, {"Content_Length": "0"}])
def test_continue_without_a_body_is_answered(stand, fields):
    """RFC 9110 §10.1.1: nobody waits for anything."""
    target = stand.answer(OK)
    with stand.client() as client:
        for _ in range(2):
            assert client.exchange(request(target, "POST", Expect="100-continue", **fields)).status == 200


@pytest.mark.parametrize(
    "value", ["200-ok", "100-continue, 200-ok", "100-continuex", "x=y", "100", "continue", "100-continue;q=1"]
)
@pytest.mark.parametrize("body", [None, b"abc"], ids=["no body", "body"])
def test_unknown_expectation_is_417(stand, value, body):
    """RFC 9110 §10.1.1: MAY, and weir says so instead of guessing."""
    seen = len(stand.app.requests)
    response = stand.fetch(request("/", "POST", body, Expect=value))
    assert response.status == 417
    assert len(stand.app.requests) == seen


@STREAMED
def test_final_answer_instead_of_continue_frees_both_sides(stand):
    """RFC 9110 §10.1.1: the unsent body is not waited for; that upstream connection is not used again."""

    def refusing(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        peer.wait_for_end()

    target = stand.play(refusing)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="100000", Expect="100-continue"))
        response = client.read_response()
        assert (response.status, response.body, response.interim) == (413, b"no", [])
        if response.closes:
            with contextlib.suppress(OSError):
                client.finish_sending()
            client.expect_end()
    assert stand.fetch(request()).body == b"ok"


@STREAMED
def test_weir_says_continue_when_the_app_says_nothing(stand):
    """RFC 9110 §10.1.1: a client that waits for 100 before an app that waits for the body is not stuck."""

    def silent(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)

    target = stand.play(silent, keeps=True)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="3", Expect="100-continue"))
        assert client.read_head().status == 100
        client.send(b"abc")
        response = client.read_response()
        assert (response.status, response.interim) == (200, [])
    assert bytes(stand.arrived(target)[0].body) == b"abc"


# Longer than weir waits for a 100 of the app.
PAUSE_SECONDS = 1.4


@STREAMED
def test_client_may_pause_after_the_continue_of_the_app(stand):
    """RFC 9110 §10.1.1: the wait for a 100 is over with it; the body has --body-timeout."""

    def willing(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.read_body(arrived)
        peer.send(OK)

    target = stand.play(willing, keeps=True)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="3", Expect="100-continue"))
        assert client.read_head().status == 100
        assert not client.readable(within=PAUSE_SECONDS)
        client.send(b"abc")
        assert client.read_response().status == 200


@STREAMED
def test_early_answer_ends_the_wait_for_a_continue(stand):
    """RFC 9110 §10.1.1: no 100 comes in the middle of a response, and it is not cut off."""
    goes_on = threading.Event()

    def streaming(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        assert goes_on.wait(10)
        peer.send(b"cd")

    target = stand.play(streaming)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="3", Expect="100-continue"))
        head = client.read_head()
        assert client.read_exactly(2) == b"ab"
        assert not client.readable(within=PAUSE_SECONDS)
        goes_on.set()
        assert (head.status, client.read_exactly(2)) == (200, b"cd")


@STREAMED
def test_app_that_dies_before_continue_is_502(stand):
    """RFC 9110 §15.6.3: the body was never sent, and is not read as a request."""

    def dying(peer: Peer, arrived: Arrived) -> None:
        peer.reset()

    target = stand.play(dying)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="30", Expect="100-continue"))
        assert client.read_response().status == 502
        with contextlib.suppress(OSError):
            client.send(request("/smuggled")[:30])
            client.finish_sending()
        with contextlib.suppress(Truncated):
            client.read_to_end()
    assert stand.arrived("/smuggled") == []


@STREAMED
def test_client_that_leaves_instead_of_continuing_frees_the_app(stand):
    """RFC 9110 §10.1.1: upstream's connection ends, nothing looks complete."""
    ended = threading.Event()

    def waiting(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.wait_for_end()
        ended.set()

    target = stand.play(waiting)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="3", Expect="100-continue"))
        assert client.read_head().status == 100
        client.abort()
    assert ended.wait(10)
    assert not stand.arrived(target)[0].complete
