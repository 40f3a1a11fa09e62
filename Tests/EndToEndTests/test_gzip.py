# SPDX-License-Identifier: Apache-2.0
"""Responses in gzip: for whom, which, and what is different about them then (design §4, RFC 9110 §8.4, §12.5.3)."""

import contextlib
import gzip
import os
import subprocess
import threading
import zlib
from collections.abc import Iterator

import httpx
import pytest
import requests
from support.client import RawClient, Response, Truncated, chunked, fetch, request
from support.upstream import Arrived, Peer
from support.waiting import eventually

GZIP = {"gzip": 6}
TEXT = b"The weir lets all of the river through, and measures it. " * 40
TYPE = "Content-Type: text/plain\r\n"
ACCEPTS = {"Accept_Encoding": "gzip"}


@pytest.fixture
def stand(stands):
    """The stand that compresses."""
    return stands(**GZIP)


def counted(fields: str = TYPE, body: bytes = TEXT, status: str = "200 OK") -> bytes:
    """A response with its length."""
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


def in_chunks(*pieces: bytes, fields: str = TYPE) -> bytes:
    """A response in chunks."""
    return f"HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n".encode() + chunked(*pieces)


def until_close(body: bytes = TEXT, fields: str = TYPE) -> bytes:
    """A response that ends with its connection."""
    return f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + body


def is_compressed(response: Response, body: bytes = TEXT) -> bool:
    """Whether it came in gzip; either way its body must be the right one."""
    coding = response.get("content-encoding")
    assert (gzip.decompress(response.body) if coding == "gzip" else response.body) == body
    return coding == "gzip"


# Which responses


@pytest.mark.parametrize(
    ("response", "keeps"),
    [(counted(), True), (in_chunks(TEXT[:1], TEXT[1:]), True), (until_close(), False)],
    ids=["length", "chunked", "close"],
)
def test_body_of_every_framing_goes_in_gzip_and_in_chunks(stand, response, keeps):
    """RFC 9112 §6.1: its length is not known, and the connection goes on."""
    target = stand.answer(response, keeps)
    with stand.client() as client:
        for _ in range(3):
            answer = client.exchange(request(target, **ACCEPTS))
            assert is_compressed(answer)
            assert len(answer.body) < len(TEXT) / 4
            assert answer.all("transfer-encoding") == ["chunked"]
            assert answer.all("vary") == ["Accept-Encoding"]
            assert answer.all("content-length") == []
            assert not answer.closes


@pytest.mark.parametrize("size", [859, 860, 4_096, 70_000, 1_000_000, 3_000_000])
@pytest.mark.parametrize("compresses", [True, False], ids=["text", "noise"])
def test_body_of_any_size_is_whole(stand, size, compresses):
    """From the smallest that is compressed on, also where compression makes it longer."""
    body = (TEXT * (size // len(TEXT) + 1))[:size] if compresses else os.urandom(size)
    target = stand.answer(counted(body=body))
    assert is_compressed(stand.fetch(request(target, **ACCEPTS)), body) == (size >= 860)


def test_small_body_of_unknown_length_is_compressed(stand):
    """Nobody knows in time that it is small."""
    assert is_compressed(stand.fetch(request(stand.answer(in_chunks(b"x")), **ACCEPTS)), b"x")
    assert is_compressed(stand.fetch(request(stand.answer(in_chunks()), **ACCEPTS)), b"")


@pytest.mark.parametrize(
    "response",
    [
        counted("Content-Type: image/png\r\n"),
        counted(""),
        counted(TYPE + "Cache-Control: public, no-transform\r\n"),
        counted(TYPE, TEXT[:859]),
        counted(TYPE + "Content-Range: bytes 0-2279/9999\r\n", status="206 Partial Content"),
    ],
    ids=["type", "no type", "no-transform", "small", "part"],
)
def test_response_that_nobody_gets_in_gzip_passes_byte_for_byte(stands, stand, response):
    """Not even a Vary is added: the same weir without --gzip would say the same."""
    plain = stands()
    answers = [one.fetch(request(one.answer(response), **ACCEPTS)) for one in (stand, plain)]
    for answer in answers:
        answer.fields = [field for field in answer.fields if field[0] != "Date"]
    assert answers[0] == answers[1]


def test_encoded_body_is_not_encoded_again(stand):
    """RFC 9110 §8.4: what gunicorn has compressed passes."""
    body = gzip.compress(TEXT * 40)
    answer = stand.fetch(request(stand.answer(counted(TYPE + "Content-Encoding: gzip\r\n", body)), **ACCEPTS))
    assert answer.body == body
    assert answer.all("content-encoding") == ["gzip"]
    assert answer.get("content-length") == str(len(body))


@pytest.mark.parametrize(
    ("status", "method"), [("204 No Content", "GET"), ("304 Not Modified", "GET"), ("200 OK", "HEAD")]
)
def test_response_without_a_body_passes_as_it_is(stand, status, method):
    """RFC 9110 §8.6: its fields are about another body."""
    fields = f'{TYPE}ETag: "a"\r\n' + ("" if status.startswith("204") else "Content-Length: 5000\r\n")
    response = f"HTTP/1.1 {status}\r\n{fields}\r\n".encode()
    target = stand.answer(response)
    with stand.client() as client:
        for _ in range(2):
            answer = client.exchange(request(target, method, **ACCEPTS), method)
            assert answer.get("etag") == '"a"'
            assert "content-encoding" not in answer.names
            assert answer.get("content-length") == (None if status.startswith("204") else "5000")


@pytest.mark.parametrize(
    ("known", "tag", "accepts", "expected"),
    [('W/"a"', '"a"', True, ('W/"a"', "Accept-Encoding")), ('"b", W/"a"', '"a"', True, ('W/"a"', "Accept-Encoding")),
     ('"a"', '"a"', True, ('"a"', None)), ('W/"a"', 'W/"a"', True, ('W/"a"', None)),
     ('W/"a"', '"a"', False, ('"a"', None))],
    ids=["weakened", "among others", "strong", "weak in the app", "no gzip"],
)  # fmt: skip
def test_304_names_the_tag_that_the_client_got(stand, known, tag, accepts, expected):
    """RFC 9110 §15.4.5, RFC 9111 §4.3.4: by a strong one a cache would not find the body that it has."""
    target = stand.answer(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode())
    with stand.client() as client:
        for _ in range(2):
            answer = client.exchange(request(target, If_None_Match=known, **(ACCEPTS if accepts else {})))
            assert answer.status == 304
            assert (answer.get("etag"), answer.get("vary")) == expected
            assert answer.names.isdisjoint({"content-encoding", "transfer-encoding"})


def test_head_leaves_although_more_is_to_come(stand):
    """What waits for the body waits no longer when upstream goes on, and then pauses."""
    size = 65_536 * 3

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(f"HTTP/1.1 200 OK\r\n{TYPE}Content-Length: {size + 1}\r\n\r\n".encode() + b"x" * size)
        peer.wait_for(seen)
        peer.send(b".")

    seen = threading.Event()
    reader, received = inflater(), b""
    with stand.client() as client:
        client.send(request(stand.play(exchange, keeps=True), **ACCEPTS))
        client.read_head()
        while len(received) < size:
            received += reader.decompress(client.read_chunk())
        seen.set()
        while chunk := client.read_chunk():
            received += reader.decompress(chunk)
    assert received == b"x" * size + b"."


def test_error_pages_are_compressed_too(stand):
    """Text is text; what weir says itself is short, and is not."""
    response = counted(body=TEXT, status="500 Internal Server Error")
    assert is_compressed(stand.fetch(request(stand.answer(response), **ACCEPTS)))
    with RawClient(stand.proxy.address) as client:
        answer = client.exchange(b"GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n")
        assert (answer.status, "content-encoding" in answer.names) == (400, False)


# For whom


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("gzip", True), ("x-gzip", True), ("*", True), ("br;q=1, gzip;q=0.1", True), ("identity;q=0, gzip", True),
     ("br", False), ("gzip;q=0", False), ("*;q=0", False), ("gzip;q=0, *", False),
     ("identity, gzip;q=0.5", False), ("", False)],
)  # fmt: skip
def test_client_gets_the_coding_that_it_accepts(stand, accepted, expected):
    """RFC 9110 §12.5.3; caches learn either way that it depends on the client (§12.5.5)."""
    answer = stand.fetch(request(stand.answer(counted()), Accept_Encoding=accepted))
    assert is_compressed(answer) == expected
    assert answer.all("vary") == ["Accept-Encoding"]
    assert answer.get("content-length") == (None if expected else str(len(TEXT)))


def test_client_that_asks_for_no_coding_gets_none(stand):
    """RFC 9110 §12.5.3 would allow any."""
    answer = stand.fetch(request(stand.answer(counted())))
    assert not is_compressed(answer)
    assert answer.all("vary") == ["Accept-Encoding"]


def test_without_the_option_nothing_is_compressed(stands):
    """--gzip off, the default."""
    stand = stands()
    answer = stand.fetch(request(stand.answer(counted()), **ACCEPTS))
    assert not is_compressed(answer)
    assert "vary" not in answer.names
    assert stand.proxy.sum("weir_compressed_responses_total") == 0


def test_what_the_client_accepts_reaches_gunicorn(stand):
    """The app may compress by itself."""
    arrived = stand.forward(request(Accept_Encoding="br, gzip;q=0.5"))
    assert arrived.all("accept-encoding") == ["br, gzip;q=0.5"]


@pytest.mark.parametrize(
    ("response", "keeps", "expected"),
    [(counted(), True, False), (in_chunks(TEXT), True, True), (until_close(), False, True)],
    ids=["length", "chunked", "close"],
)
def test_http10_client_keeps_a_length_that_it_needs(stand, response, keeps, expected):
    """RFC 9112 §6.3: without one the connection would end, as it does anyway where there is none."""
    target = stand.answer(response, keeps)
    head = f"GET {target} HTTP/1.0\r\nHost: w\r\nConnection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n"
    with stand.client() as client:
        answer = client.exchange(head.encode())
        assert is_compressed(answer) == expected
        assert "transfer-encoding" not in answer.names
        if expected:
            client.expect_end()
        else:
            assert is_compressed(client.exchange(head.encode())) == expected


# What is different then


def test_fields_about_the_body_change_with_it(stand):
    """RFC 9110 §8.8.1, §14.3: a weak tag, no ranges, no digests; all others stay, in order."""
    fields = (
        f'Server: a\r\n{TYPE}ETag: "v1"\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nDigest: md5=x\r\n'
        "Repr-Digest: y\r\nContent-Digest: y\r\nVary: Cookie\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: now\r\n"
    )
    target = stand.answer(counted(fields))
    answer = stand.fetch(request(target, **ACCEPTS))
    assert is_compressed(answer)
    assert answer.fields == [
        ("Server", "a"),
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Date", "now"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Encoding", "gzip"),
        ("ETag", 'W/"v1"'),
        ("Vary", "Cookie, Accept-Encoding"),
    ]
    answer = stand.fetch(request(target))
    assert not is_compressed(answer)
    assert (answer.get("etag"), answer.get("vary")) == ('"v1"', "Cookie, Accept-Encoding")
    assert answer.names >= {"accept-ranges", "content-md5", "digest", "repr-digest", "content-digest"}


@pytest.mark.parametrize("vary", ["*", "Accept-Encoding", "Cookie, accept-encoding"])
def test_vary_that_says_so_already_stays(stand, vary):
    """RFC 9110 §12.5.5: also the one that says everything."""
    target = stand.answer(counted(f"{TYPE}Vary: {vary}\r\n"))
    for fields in (ACCEPTS, {}):
        assert stand.fetch(request(target, **fields)).all("vary") == [vary]


# As it is made


def inflater() -> "zlib._Decompress":
    """What reads gzip piece by piece."""
    return zlib.decompressobj(31)


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_each_event_can_be_read_before_the_next_exists(stand, framing):
    """Design §4: flushed when upstream pauses, so that server-sent events stay live."""
    events = [b"data: %d\n\n" % number for number in range(10)]

    def exchange(peer: Peer, arrived: Arrived) -> None:
        coding = "Transfer-Encoding: chunked\r\n" if framing == "chunked" else ""
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{coding}\r\n".encode())
        for event, go_on in zip(events, taken, strict=True):
            peer.wait_for(go_on)
            peer.send(b"%x\r\n%s\r\n" % (len(event), event) if coding else event)
        if coding:
            peer.send(b"0\r\n\r\n")

    taken = [threading.Event() for _ in events]
    target = stand.play(exchange, keeps=framing == "chunked")
    reader = inflater()
    with stand.client() as client:
        client.send(request(target, **ACCEPTS))
        assert client.read_head().all("content-encoding") == ["gzip"]
        for event, go_on in zip(events, taken, strict=True):
            go_on.set()
            assert reader.decompress(client.read_chunk()) == event
        while chunk := client.read_chunk():
            assert reader.decompress(chunk) == b""
        assert reader.eof
        assert is_compressed(client.exchange(request(stand.answer(counted()), **ACCEPTS)))


@pytest.mark.parametrize("size", [65_536, 2 * 65_536, 500_000])
def test_pause_after_reads_that_were_full_is_flushed_too(stand, size):
    """What one read takes at most is no sign of a pause; that nothing follows is."""
    body = (TEXT * (size // len(TEXT) + 1))[:size]

    def exchange(peer: Peer, arrived: Arrived) -> None:
        head = f"HTTP/1.1 200 OK\r\n{TYPE}Content-Length: {size + 1}\r\n\r\n".encode()
        # Whole reads, if the kernel hands them over in one piece; the head is in a read of its own.
        peer.send(head)
        peer.wait_for(began)
        peer.send(body)
        peer.wait_for(seen)
        peer.send(b".")

    began, seen = threading.Event(), threading.Event()
    reader, received = inflater(), bytearray()
    with stand.client() as client:
        client.send(request(stand.play(exchange, keeps=True), **ACCEPTS))
        client.read_head()
        began.set()
        while len(received) < size:
            received += reader.decompress(client.read_chunk())
        seen.set()
        while chunk := client.read_chunk():
            received += reader.decompress(chunk)
    assert bytes(received) == body + b"."
    assert reader.eof


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_body_that_ends_early_never_looks_whole(stand, version):
    """RFC 9112 §8: no last chunk, and no end of the gzip stream."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(f"HTTP/1.1 200 OK\r\n{TYPE}Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n".encode())
        peer.wait_for(seen)

    seen = threading.Event()
    reader = inflater()
    target = stand.play(exchange)
    with stand.client() as client, stand.counts("weir_gateway_errors_total", reason="response_truncated"):
        client.send(f"GET {target} {version}\r\nHost: w\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        client.read_head()
        if version == "HTTP/1.1":
            assert reader.decompress(client.read_chunk()) == b"begin"
            seen.set()
            with pytest.raises(Truncated):
                client.read_chunk()
        else:
            assert reader.decompress(client.read_some()) == b"begin"
            seen.set()
            with pytest.raises(ConnectionResetError):
                while client.socket.recv(65_536):
                    pass
    assert not reader.eof


def test_broken_chunks_cut_the_body_off(stand):
    """What upstream sends wrongly is not covered up by compression."""
    response = in_chunks(TEXT)[: -len(b"0\r\n\r\n")] + b"zz\r\n"
    with stand.client() as client:
        client.send(request(stand.answer(response, keeps=False), **ACCEPTS))
        assert client.read_response().status == 502


@contextlib.contextmanager
def slow_client(stand, target: str) -> Iterator[RawClient]:
    """A client that has asked for a body in gzip and reads none of it yet."""
    with stand.client(receive_buffer=4_096) as client:
        client.send(request(target, **ACCEPTS))
        yield client


@pytest.mark.parametrize("options", [GZIP, {**GZIP, "response_buffer": "64k"}, {**GZIP, "response_buffer": "0"}])
def test_slow_client_gets_the_whole_body(stands, options):
    """Design §5: what it has not taken waits compressed, in memory, in a file, or in gunicorn."""
    stand = stands(**options)
    body = os.urandom(4_000_000)
    target = stand.answer(counted(body=body))
    with slow_client(stand, target) as client:
        eventually(lambda: client.readable(0), "the response begins")
        if options.get("response_buffer") != "0":
            # gunicorn is free although the client has read nothing.
            stand.proxy.expect("weir_slots_busy", 0)
        assert is_compressed(client.read_response(), body)
        assert client.exchange(request()).body == b"ok"


def test_clients_that_leave_harm_nobody(stand):
    """Whatever was begun for them ends with them, and the next ones are served."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(f"HTTP/1.1 200 OK\r\n{TYPE}Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n".encode())
        peer.wait_for_end()

    target = stand.play(exchange)
    with stand.counts("weir_compressions_refused_total", 0), stand.counts("weir_compressed_responses_total", 301):
        # More than are compressed at a time, so that none may be forgotten.
        for _ in range(6):
            for _ in range(50):
                client = stand.client()
                client.send(request(target, **ACCEPTS))
                client.read_head()
                client.abort()
            stand.proxy.expect("http_server_active_requests", 0)
        assert is_compressed(stand.fetch(request(stand.answer(counted()), **ACCEPTS)))


def test_more_streams_than_can_be_compressed_pass_as_they_are(stands):
    """256 a thread, 270 KiB each: beyond, a response goes uncompressed, and is counted."""
    stand = stands(gzip=1)
    rest = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(f"HTTP/1.1 200 OK\r\n{TYPE}Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n".encode())
        peer.wait_for(rest)
        peer.send(b"0\r\n\r\n")

    target = stand.play(exchange)
    with contextlib.ExitStack() as stack, stand.counts("weir_compressions_refused_total", 4):
        clients = [stack.enter_context(stand.client()) for _ in range(260)]
        heads = []
        for client in clients:
            client.send(request(target, **ACCEPTS))
            heads.append(client.read_head())
        codings = [head.get("content-encoding") for head in heads]
        assert codings == ["gzip"] * 256 + [None] * 4
        assert all(head.get("vary") == "Accept-Encoding" for head in heads)
        rest.set()
        for client, head in zip(clients, heads, strict=True):
            body = client.read_body(head)
            assert (gzip.decompress(body) if head.get("content-encoding") else body) == b"begin"
    assert is_compressed(stand.fetch(request(stand.answer(counted()), **ACCEPTS)))


def test_many_at_once_do_not_mix(stands):
    """Two loops, forty clients, bodies of their own."""
    stand = stands(**GZIP, threads=2)
    bodies = [b"%d " % number * 3_000 for number in range(40)]
    targets = [stand.answer(counted(body=body)) for body in bodies]
    clients = [stand.client() for _ in bodies]
    for _ in range(3):
        for client, target in zip(clients, targets, strict=True):
            client.send(request(target, **ACCEPTS))
        for client, body in zip(clients, bodies, strict=True):
            assert is_compressed(client.read_response(), body)
    for client in clients:
        client.close()


# Counted, and read by others


def test_bytes_are_counted_on_both_sides(stand):
    """What went in, what came out, how often."""
    target = stand.answer(counted())
    names = ("weir_compressed_responses_total", "weir_compression_bytes_total", "weir_compression_bytes_total")
    labels = ({}, {"direction": "in"}, {"direction": "out"})
    before = [stand.proxy.sum(name, **label) for name, label in zip(names, labels, strict=True)]
    answer = stand.fetch(request(target, **ACCEPTS))
    stand.fetch(request(target))
    grown = [1, len(TEXT), len(answer.body)]
    for name, label, old, growth in zip(names, labels, before, grown, strict=True):
        stand.proxy.expect(name, old + growth, **label)


def test_clients_in_use_understand_it(stand):
    """curl, requests, httpx: they decode by themselves, and check the framing."""
    target = stand.answer(counted(body=TEXT * 100))
    url = f"http://{stand.proxy.address}{target}"
    said = subprocess.run(
        ["curl", "-sS", "--compressed", url], capture_output=True, timeout=20, check=True
    )
    assert said.stdout == TEXT * 100
    with requests.Session() as session, httpx.Client() as client:
        for answer in [session.get(url, timeout=20), session.get(url, timeout=20), client.get(url), client.get(url)]:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.content == TEXT * 100


@pytest.mark.parametrize("options", [{}, GZIP], ids=["off", "on"])
def test_metrics_come_in_gzip_to_who_asks(stands, options):
    """Design §6: whatever --gzip says, for Prometheus always asks."""
    admin = stands(**options).proxy.admin
    for method in ("GET", "HEAD"):
        answer = fetch(admin, request("/metrics", method, Connection="close", **ACCEPTS), method)
        assert (answer.status, answer.get("content-encoding"), answer.get("vary")) == (200, "gzip", "Accept-Encoding")
        if method == "GET":
            assert b"\nflask_requests " in gzip.decompress(answer.body)
            assert answer.get("content-length") == str(len(answer.body))
    plain = fetch(admin, request("/metrics", Connection="close", Accept_Encoding="gzip;q=0"))
    assert "content-encoding" not in plain.names
    assert (b"\nflask_requests " in plain.body, plain.get("vary")) == (True, "Accept-Encoding")
    assert "content-encoding" not in fetch(admin, request("/-/ready", Connection="close", **ACCEPTS)).names
