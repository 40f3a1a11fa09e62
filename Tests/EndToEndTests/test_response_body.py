# SPDX-License-Identifier: Apache-2.0
"""Bodies of responses: every way to end one, early answers, surplus bytes (RFC 9112 §6.3, §7, §8)."""

import contextlib
import threading

import pytest
from support.buffering import EITHER, STREAMED
from support.client import Truncated, chunked, request
from support.upstream import OK, Arrived, Peer
from support.waiting import eventually_equal

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"

# Every end of a body

WHOLE = {
    # (response, whether upstream keeps the connection)
    "length": (SIZED + b"0123456789", True),
    "length, then close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + SIZED[17:] + b"0123456789", False),
    "chunked": (CHUNKED + chunked(b"01234", b"56789"), True),
    "chunked in any case": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED \r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
        True,
    ),
    "chunk sizes with zeros": (CHUNKED + b"000A\r\n0123456789\r\n000\r\n\r\n", True),
    "chunk extensions": (CHUNKED + b'a;x;y=z;q="\\";"\r\n' + b"0123456789\r\n0;end\r\n\r\n", True),
    "trailers": (CHUNKED + b"a\r\n0123456789\r\n0\r\nX-T: u\r\nExpires: never\r\n\r\n", True),
    "close": (UNTIL_CLOSE + b"0123456789", False),
    "close, HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n0123456789", False),
    "length, HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", False),
    "length, HTTP/1.0 kept": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + SIZED[17:] + b"0123456789",
        False,
    ),
}


@pytest.mark.parametrize(("response", "keeps"), WHOLE.values(), ids=WHOLE.keys())
@pytest.mark.parametrize("version", ["1.1", "1.0", "1.0 keep-alive"])
def test_whole_body_reaches_each_kind_of_client(stand, response, keeps, version):
    """RFC 9112 §6.1, §6.3, §9.3: no coding to HTTP/1.0, and what has no length there ends the connection."""
    target = stand.answer(response, keeps)
    number, _, option = version.partition(" ")
    head = f"GET {target} HTTP/{number}\r\nHost: w\r\n" + (f"Connection: {option}\r\n" if option else "")
    with stand.client() as client:
        for _ in range(2):
            answer = client.exchange(head.encode() + b"\r\n")
            assert (answer.status, answer.body) == (200, b"0123456789")
            if answer.closes or not {"content-length", "transfer-encoding"} & answer.names:
                client.expect_end()
                assert version != "1.1" or "close" in response.decode()
                break
        else:
            assert version != "1.0"


@pytest.mark.parametrize("name", ["chunked", "chunk extensions", "trailers"])
def test_chunks_of_a_response_may_be_cut_at_every_byte(stand, name):
    """RFC 9112 §7.1: the reads may merge; whatever they do, the body is the same."""
    response = WHOLE[name][0]

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(response[:cut])
        peer.wait_for(seen)
        peer.send(response[cut:])

    seen = threading.Event()
    for cut in range(len(CHUNKED), len(response)):
        seen.clear()
        with stand.client() as client:
            client.send(request(stand.play(exchange, keeps=True)))
            head = client.read_head()
            seen.set()
            assert client.read_body(head) == b"0123456789", f"cut at {cut}"


@pytest.mark.parametrize(
    "part",
    [SIZED, SIZED + b"012345678", CHUNKED, CHUNKED + b"3", CHUNKED + b"3\r\n", CHUNKED + b"3\r\nabc",
     CHUNKED + b"3\r\nabc\r",
     CHUNKED + b"3\r\nabc\r\n", CHUNKED + b"3\r\nabc\r\n0", CHUNKED + b"3\r\nabc\r\n0\r\n",
     CHUNKED + b"3\r\nabc\r\n0\r\n\r",
     CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n"],
    ids=lambda value: ascii(value[17:]),
)  # fmt: skip
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("leave", [Peer.close, Peer.reset], ids=["FIN", "RST"])
def test_body_that_ends_early_never_looks_whole(stand, part, version, leave):
    """RFC 9112 §8: the client's connection breaks; one that HTTP/1.0 ends by closing ends in a reset."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(part)
        peer.wait_for(seen)
        leave(peer)

    seen = threading.Event()
    target = stand.play(exchange)
    with stand.client() as client:
        client.send(f"GET {target} {version}\r\nHost: w\r\n\r\n".encode())
        answer = client.read_head()
        seen.set()
        if {"content-length", "transfer-encoding"} & answer.names:
            with pytest.raises(Truncated):
                client.read_body(answer)
        else:
            with pytest.raises(ConnectionResetError):
                while client.socket.recv(65_536):
                    pass
    assert len(stand.arrived(target)) == 1


def test_body_until_close_that_is_reset_never_looks_whole(stand):
    """RFC 9112 §8: a reset is no orderly end."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(UNTIL_CLOSE + b"abc")
        peer.wait_for(seen)
        peer.reset()

    seen = threading.Event()
    with stand.client() as client:
        client.send(request(stand.play(exchange)))
        answer = client.read_head()
        assert answer.all("transfer-encoding") == ["chunked"]
        assert client.read_chunk() == b"abc"
        seen.set()
        with pytest.raises(Truncated):
            client.read_chunk()


BROKEN_CHUNKS = [
    b"\r\n", b"+3\r\nabc\r\n", b"-3\r\nabc\r\n", b"0x3\r\nabc\r\n", b" 3\r\nabc\r\n", b"3 \r\nabc\r\n",
    b"3\nabc\r\n", b"3\rabc\r\n", b"3_\r\nabc\r\n",
    b"10000000000000003\r\nabc\r\n", b"fffffffffffffffd\r\nabc\r\n", b"f" * 100 + b"\r\n",
    b"3\r\nabc\n0\r\n\r\n", b"3\r\nabcX\r\n0\r\n\r\n",
    b"2\r\nabc\r\n0\r\n\r\n", b"4\r\nabc\r\n0\r\n\r\n", b'3;a="\n"\r\nabc\r\n', b"3;a\x00\r\nabc\r\n",
    b"3;a\nb\r\nabc\r\n", b"3;" + b"a" * 70_000 + b"\r\nabc\r\n",
    b"0\n\r\n", b"0\r\n\n", b"0\r\nX Y: z\r\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\n X: y\r\n\r\n",
    b"0\r\nX: y\nZ: z\r\n\r\n", b"0\r\nX: \x00\r\n\r\n", b"0\r\nX : y\r\n\r\n",
    b"0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", b"g\r\n", b"\x00\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("chunks", BROKEN_CHUNKS, ids=lambda value: ascii(value)[:40])
def test_broken_chunk_never_looks_like_the_end(stand, chunks):
    """RFC 9112 §7.1, §8: the client's connection is cut, upstream's is closed."""
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(CHUNKED + b"4\r\ngood\r\n")
        peer.wait_for(seen)
        peer.send(chunks)
        peer.wait_for_end()
        ended.set()

    seen = threading.Event()
    with stand.client() as client:
        client.send(request(stand.play(exchange)))
        client.read_head()
        assert client.read_chunk() == b"good"
        seen.set()
        with pytest.raises(Truncated):
            while client.read_chunk():
                pass
    assert ended.wait(10)
    assert stand.fetch(request()).body == b"ok"


# Statuses and methods without a body


@pytest.mark.parametrize(
    "framing",
    [b"", b"Content-Length: 10\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"],
    ids=ascii,
)
@pytest.mark.parametrize(
    ("method", "status"),
    [("GET", 204), ("POST", 204), ("GET", 304), ("HEAD", 200), ("HEAD", 404), ("HEAD", 204), ("HEAD", 304)],
)
def test_response_without_a_body_ends_with_its_head(stand, framing, method, status):
    """RFC 9112 §6.3: whatever the fields say; RFC 9110 §8.6: no length beside 204, that of GET for HEAD."""
    target = stand.answer(b"HTTP/1.1 %d X\r\n%s\r\n" % (status, framing))
    with stand.client() as client:
        for _ in range(2):
            response = client.exchange(request(target, method), method)
            assert (response.status, response.body) == (status, b"")
            if framing.startswith(b"Content-Length: 10") and status != 204:
                assert response.get("content-length") == "10"
        client.finish_sending()
        client.expect_end()


@pytest.mark.parametrize(
    "response",
    [b"HTTP/1.1 205 Reset Content\r\nContent-Length: 6\r\n\r\npoison",
     b"HTTP/1.1 205 Reset\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"poison"),
     b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 205 Reset\r\n\r\n"],
    ids=["length", "chunked", "nothing", "close"],
)  # fmt: skip
def test_reset_content_has_none(stand, response):
    """RFC 9110 §15.3.6: a server must not generate content, so `Content-Length: 0`."""
    target = stand.answer(response, keeps=False)
    with stand.client() as client:
        for _ in range(2):
            answer = client.exchange(request(target))
            assert (answer.status, answer.get("content-length"), answer.body) == (205, "0", b"")


@pytest.mark.parametrize(
    ("method", "response"),
    [
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
        ("HEAD", CHUNKED),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", SIZED + b"0123456789"),
        ("GET", CHUNKED + chunked(b"01")),
    ],
    ids=["204", "304", "HEAD, length", "HEAD, chunked", "length 0", "length", "chunked"],
)
@pytest.mark.parametrize("together", [True, False], ids=["one write", "later"])
def test_bytes_behind_a_response_reach_nobody(stand, method, response, together):
    """RFC 9112 §6.3, §9.2: thrown away with the connection that brought them."""
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(response + poison if together else response)
        if not together:
            peer.wait_for(seen)
            peer.send(poison)
        peer.wait_for_end()
        ended.set()

    seen = threading.Event()
    target = stand.play(exchange)
    with stand.client() as first, stand.client() as second:
        assert b"poison" not in first.exchange(request(target, method), method).body
        seen.set()
        assert ended.wait(10)
        for client in (first, second, first):
            assert client.exchange(request()).body == b"ok"


def test_body_of_get_where_upstream_thinks_of_head_is_cut(stand):
    """RFC 9112 §8: a length that is never sent is no complete message."""
    with stand.client() as client:
        client.send(request(stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", keeps=False)))
        with pytest.raises(Truncated):
            client.read_response()


# Answers before the request is whole (RFC 9112 §9.3, RFC 9110 §7.5)


EARLY = {
    "length": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    "length, close": b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
    "chunked": b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"no"),
    "HTTP/1.0": b"HTTP/1.0 403 Forbidden\r\n\r\nno",
}


@STREAMED
@pytest.mark.parametrize(
    ("response", "leave"),
    [(text, leave) for text in EARLY.values() for leave in ("closes",
     "waits") if b"1.0" not in text or leave == "waits"],
    ids=lambda value: ascii(value[:60]),
)  # fmt: skip
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_answer_before_the_end_of_an_upload_arrives_whole(stand, response, leave, framing):
    """RFC 9112 §9.6: it closes, but lingers, so that no reset takes the answer from the client."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(response)
        if response.startswith(b"HTTP/1.0"):
            peer.finish_sending()
        if leave == "waits":
            peer.wait_for_end()

    target = stand.play(exchange)
    with stand.client() as client:
        how = {"Content_Length": "1000000"} if framing == "length" else {"Transfer_Encoding": "chunked"}
        part = bytes(1000) if framing == "length" else b"3e8\r\n" + bytes(1000) + b"\r\n"
        client.send(request(target, "POST", **how) + part)
        head = client.read_head()
        assert (head.status, head.closes) == (403, True)
        with contextlib.suppress(ConnectionError):
            client.send(part * 100)
        assert client.read_body(head) == b"no"
        with contextlib.suppress(OSError):
            client.finish_sending()
        assert b"HTTP/1" not in client.read_to_end()
    assert not stand.arrived(target)[0].complete


@STREAMED
@pytest.mark.parametrize("first", ["reads", "sends"])
def test_client_that_goes_on_uploading_gets_the_early_answer(stand, first):
    """RFC 9112 §9.6: whether it reads beside its upload or only behind it, no reset destroys the 413."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")

    target = stand.play(exchange)

    def upload() -> None:
        with contextlib.suppress(OSError):
            client.send(request(target, "POST", bytes(32 * 1024 * 1024)))

    with stand.client() as client:
        sender = threading.Thread(target=upload)
        sender.start()
        if first == "sends":
            sender.join(10)
        response = client.read_response()
        assert (response.status, response.body, response.closes) == (413, b"no", True)
        client.close()
        sender.join(10)
        assert not sender.is_alive()


@EITHER
def test_early_answer_and_a_whole_upload_keep_the_client(stand):
    """RFC 9112 §9.3: both messages are whole in the end, so nothing has to be closed but by choice."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(OK)
        peer.read_body(arrived)

    target = stand.play(exchange, keeps=True)
    with stand.client() as client:
        response = client.exchange(request(target, "POST", b"x" * 10_000))
        assert response.body == b"ok"
        if response.closes:
            client.expect_end()
        else:
            assert client.exchange(request()).body == b"ok"
    assert stand.fetch(request()).body == b"ok"


@STREAMED
def test_request_behind_an_upload_that_was_answered_early_is_not_served(stand):
    """RFC 9112 §9.3.2: once an answer says close, the rest of the connection is only read to be forgotten."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        peer.wait_for_end()

    target = stand.play(exchange)
    behind = stand.answer(OK)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="100") + b"x" * 50)
        response = client.read_response()
        assert (response.status, response.closes) == (403, True)
        with contextlib.suppress(ConnectionError):
            client.send(b"x" * 50 + request(behind))
            client.finish_sending()
        assert client.read_to_end() == b""
    assert stand.arrived(behind) == []


def test_no_upstream_connection_is_left_behind(stand):
    """RFC 9112 §9.5: whatever the tests above did to it; the last ones idle for --upstream-idle-timeout."""
    assert stand.fetch(request()).status == 200
    eventually_equal(lambda: stand.app.open_connections, 0, "connections at the upstream")
