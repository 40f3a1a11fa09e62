# SPDX-License-Identifier: Apache-2.0
"""Bodies that are made while they are sent: each piece passes at once, either way (design §4)."""

import threading

import pytest
from support.buffering import STREAMED
from support.client import RawClient, Truncated, request
from support.upstream import OK, Arrived, Peer

EVENTS = [b"data: %d\n\n" % number for number in range(5)]
HEADS = {
    "chunked": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    % len(b"".join(EVENTS)),
    "close": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
}


def piece(framing: str, data: bytes) -> bytes:
    """One event as upstream writes it."""
    return b"%x\r\n%s\r\n" % (len(data), data) if framing == "chunked" else data


@pytest.mark.parametrize("framing", HEADS)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_each_event_arrives_before_the_next_exists(stand, framing, version):
    """RFC 9112 §6.3, §7.1: the head before any of them, whatever ends the body on either side."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HEADS[framing])
        for event, go_on in zip(EVENTS, taken, strict=True):
            peer.wait_for(go_on)
            peer.send(piece(framing, event))
        if framing == "chunked":
            peer.send(b"0\r\n\r\n")

    taken = [threading.Event() for _ in EVENTS]
    target = stand.play(exchange, keeps=framing in ("chunked", "length"))
    with stand.client() as client:
        client.send(f"GET {target} {version}\r\nHost: w\r\nAccept: text/event-stream\r\n\r\n".encode())
        head = client.read_head()
        chunks = head.all("transfer-encoding") == ["chunked"]
        assert chunks <= (version == "HTTP/1.1")
        for event, go_on in zip(EVENTS, taken, strict=True):
            go_on.set()
            assert (client.read_chunk() if chunks else client.read_exactly(len(event))) == event
        if chunks:
            assert client.read_chunk() == b""
        if version == "HTTP/1.1":
            assert client.exchange(request()).body == b"ok"
        else:
            client.expect_end()


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_single_bytes_are_not_collected(stand, framing):
    """Design §4: not even one byte waits for more."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HEADS[framing])
        for _ in range(20):
            peer.send(piece(framing, b"."))
            peer.wait_for(seen)
            seen.clear()

    seen = threading.Event()
    with stand.client() as client:
        client.send(request(stand.play(exchange)))
        client.read_head()
        for _ in range(20):
            assert client.read_chunk() == b"."
            seen.set()


def test_long_poll_waits_for_its_answer(stand):
    """RFC 6202 §2.1: others are served meanwhile, what is pipelined behind it waits."""
    answer = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.wait_for(answer)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    target = stand.play(exchange, keeps=True)
    with stand.client() as client:
        client.send(request(target) + request())
        for _ in range(5):
            assert stand.fetch(request()).body == b"ok"
        assert not client.readable(0.1)
        answer.set()
        assert [client.read_response().body for _ in range(2)] == [b"late", b"ok"]


def test_many_streams_go_on_side_by_side(stand):
    """One loop, fifty streams: each gets each event."""
    rounds = [threading.Event() for _ in range(3)]

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HEADS["chunked"])
        for number, go_on in enumerate(rounds):
            peer.wait_for(go_on)
            peer.send(piece("chunked", b"%d" % number))

    target = stand.play(exchange)
    clients = [stand.client() for _ in range(50)]
    for client in clients:
        client.send(request(target))
    for client in clients:
        assert client.read_head().status == 200
    for number, go_on in enumerate(rounds):
        go_on.set()
        assert [client.read_chunk() for client in clients] == [b"%d" % number] * 50
    for client in clients:
        client.close()


@pytest.mark.parametrize("leave", [RawClient.abort, RawClient.close], ids=["reset", "close"])
def test_stream_without_a_listener_ends(stand, leave):
    """The app learns that its client has gone from its connection."""
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HEADS["chunked"])
        try:
            while True:
                peer.send(piece("chunked", b"tick"))
                if gone.is_set():
                    ended.wait(0.01)
        finally:
            ended.set()

    gone = threading.Event()
    client = stand.client()
    client.send(request(stand.play(exchange)))
    client.read_head()
    assert client.read_chunk()
    leave(client)
    gone.set()
    assert ended.wait(10)


def test_empty_chunks_are_never_passed_on(stand):
    """RFC 9112 §7.1: a chunk of no bytes would be the end."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HEADS["chunked"])
        for byte in b"3\r\nabc\r\n":
            peer.send(bytes([byte]))
        peer.wait_for(seen)
        peer.send(b"0\r\n\r\n")

    seen = threading.Event()
    with stand.client() as client:
        client.send(request(stand.play(exchange, keeps=True)))
        client.read_head()
        got = b""
        while len(got) < 3:
            assert (more := client.read_chunk())
            got += more
        seen.set()
        assert (got, client.read_chunk()) == (b"abc", b"")


# Uploads


@STREAMED
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_each_piece_of_an_upload_arrives_before_the_next_is_sent(stand, framing):
    """RFC 9112 §6: head first, then each piece as it comes, the answer last."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        for number in range(1, 6):
            if arrived.all("content-length"):
                peer.read_some_body(arrived, 10 * number)
            else:
                while len(arrived.body) < 10 * number:
                    peer.read_chunk(arrived)
            read[number - 1].set()
        if not arrived.all("content-length"):
            assert not peer.read_chunk(arrived)
        peer.send(OK)

    read = [threading.Event() for _ in range(5)]
    target = stand.play(exchange, keeps=True)
    with stand.client() as client:
        how = {"Content_Length": "50"} if framing == "length" else {"Transfer_Encoding": "chunked"}
        client.send(request(target, "POST", **how))
        for number, done in enumerate(read):
            client.send(piece(framing, b"%d" % number * 10))
            assert done.wait(10)
        if framing == "chunked":
            client.send(b"0\r\n\r\n")
        assert client.read_response().body == b"ok"
    assert bytes(stand.arrived(target)[0].body) == b"".join(b"%d" % number * 10 for number in range(5))


@STREAMED
def test_conversation_over_one_exchange(stand):
    """RFC 9112 §9.3: request and response bodies advance turn by turn."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HEADS["chunked"])
        while peer.read_chunk(arrived):
            peer.send(piece("chunked", bytes(arrived.body)))
            arrived.body.clear()
        peer.send(b"0\r\n\r\n")

    target = stand.play(exchange, keeps=True)
    with stand.client() as client:
        client.send(request(target, "POST", Transfer_Encoding="chunked"))
        client.read_head()
        for number in range(10):
            client.send(piece("chunked", b"turn %d" % number))
            assert client.read_chunk() == b"turn %d" % number
        client.send(b"0\r\n\r\n")
        assert client.read_chunk() == b""


def test_stream_that_breaks_is_cut_after_what_was_sent(stand):
    """RFC 9112 §8: every whole event arrives, then the connection ends without a last chunk."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HEADS["chunked"] + b"".join(piece("chunked", event) for event in EVENTS))

    with stand.client() as client:
        client.send(request(stand.play(exchange)))
        if client.read_head().status == 200:
            got = b""
            with pytest.raises(Truncated):
                while True:
                    got += client.read_chunk()
            assert got == b"".join(EVENTS)
