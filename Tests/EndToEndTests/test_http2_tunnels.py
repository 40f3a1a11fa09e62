# SPDX-License-Identifier: Apache-2.0
"""WebSockets over HTTP/2: an extended CONNECT becomes an upgrade, its stream a tunnel (RFC 8441)."""

import base64
import hashlib
import os
import shutil
import signal
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.buffering import KIB, MIB, SLACK, resting_bytes
from support.gunicorn import Gunicorn
from support.http2_client import WINDOW, WINDOW_MAX, Answer, Code, Ended, StreamClient, fill, headers
from support.upstream import OK, Arrived, Gone, Peer
from support.waiting import settled
from support.weir import Weir

SHORT = "300ms"
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
LARGE = hashlib.shake_128(b"large").digest(4 * MIB)


@pytest.fixture
def client(stand):
    """A connection to the stand."""
    with StreamClient(stand.proxy.address) as one:
        yield one


def connect(client: StreamClient, target: str, protocol: str = "websocket", **fields: str) -> int:
    """An extended CONNECT (RFC 8441 §4)."""
    fields = {"sec_websocket_version": "13", **fields} if protocol == "websocket" else fields
    return client.open(target, "CONNECT", ends=False, protocol=protocol, **fields)


def opened(client: StreamClient, target: str, **options: str) -> Answer:
    """A tunnel that upstream has agreed to."""
    answer = client.head(connect(client, target, **options))
    assert answer.status == 200, answer
    return answer


def received(client: StreamClient, answer: Answer, count: int) -> bytes:
    """Takes so many bytes that have come through a tunnel."""
    client.until(lambda: len(answer.body) >= count or answer.is_over, f"{count} bytes")
    taken = bytes(answer.body[:count])
    del answer.body[:count]
    return taken


def echo(peer: Peer, arrived: Arrived) -> None:
    """Switches, then sends everything back until the client ends."""
    peer.send(SWITCH)
    while True:
        try:
            peer.send(peer.read_some())
        except Gone:
            return


# The handshake


def test_connect_becomes_an_upgrade(stand, client):
    """RFC 8441 §5: a GET with a key that weir makes; pseudo-fields and protocol where HTTP/1.1 has them."""
    target = stand.play(echo)
    answer = opened(client, target, sec_websocket_protocol="chat", origin="http://weir.test", cookie="a=b")
    (arrived,) = stand.arrived(target)
    assert arrived.line == f"GET {target} HTTP/1.1"
    assert arrived.all("host") == ["weir.test"]
    assert [value.lower() for value in arrived.all("connection")] == ["upgrade"]
    assert arrived.all("upgrade") == ["websocket"]
    assert [len(base64.b64decode(key, validate=True)) for key in arrived.all("sec-websocket-key")] == [16]
    assert arrived.all("sec-websocket-version") == ["13"]
    assert arrived.all("sec-websocket-protocol") == ["chat"]
    assert (arrived.all("origin"), arrived.all("cookie")) == (["http://weir.test"], ["a=b"])
    assert not {"content-length", "transfer-encoding"} & arrived.names
    assert not {"upgrade", "connection", "sec-websocket-accept", "content-length"} & answer.names


def test_each_key_is_new(stand, client):
    """RFC 6455 §4.1."""
    target = stand.play(echo)
    for _ in range(10):
        opened(client, target)
    assert len({one.all("sec-websocket-key")[0] for one in stand.arrived(target)}) == 10


def test_key_of_the_client_is_not_passed_beside_weirs(stand, client):
    """RFC 8441 §5: there is none in HTTP/2; two would be refused by every server."""
    target = stand.play(echo)
    connect(client, target, sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==")
    client.settle()
    for arrived in stand.arrived(target):
        assert len(arrived.all("sec-websocket-key")) == 1


def test_fields_of_the_switch_pass(stand, client):
    """RFC 8441 §5.1: the subprotocol and the rest."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\nSet-Cookie: a=b\r\n\r\n"))
        peer.wait_for_end()

    answer = opened(client, stand.play(exchange), sec_websocket_protocol="chat, other")
    assert (answer.get("sec-websocket-protocol"), answer.get("set-cookie")) == ("chat", "a=b")


def test_other_protocols_may_be_asked_for(stand, client):
    """RFC 8441 §4: :protocol is any token."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
        peer.send(peer.read_exactly(4))

    target = stand.play(exchange)
    answer = opened(client, target, protocol="chat")
    client.send_body(answer.stream, b"ping", ends=False)
    assert received(client, answer, 4) == b"ping"
    (arrived,) = stand.arrived(target)
    assert (arrived.all("upgrade"), arrived.all("sec-websocket-key")) == (["chat"], [])


REFUSALS = {
    "403": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, b"no"),
    "404": (b"HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 404, b"no"),
    "302": (b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, b""),
    "426": (b"HTTP/1.1 426 X\r\nConnection: upgrade\r\nUpgrade: chat\r\nContent-Length: 2\r\n\r\nno", 426, b"no"),
}


@pytest.mark.parametrize(("response", "status", "body"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusal_is_an_ordinary_response(stand, client, response, status, body):
    """RFC 8441 §5: with its body and its end; nothing of the stream is left."""
    for _ in range(2):
        answer = client.response(connect(client, stand.answer(response)))
        assert (answer.status, answer.body) == (status, body)
    assert client.fetch().body == b"ok"
    stand.proxy.expect("weir_tunnels", 0)


def test_success_without_a_switch_is_none(stand, client):
    """RFC 8441 §5: to a CONNECT 200 says that there is a tunnel; an app that ignores the offer means another thing."""
    answer = client.on(connect(client, stand.answer(OK)))
    client.until(lambda: answer.is_over, "an answer")
    assert answer.fields is None or not 200 <= answer.status < 300, answer
    assert client.fetch().body == b"ok"


def test_protocol_needs_connect(stand, client):
    """RFC 8441 §4: with another method the stream is malformed."""
    (stream,) = client.take_streams(1)
    head = [(":method", "GET"), (":scheme", "http"), (":authority", "w"), (":path", "/"), (":protocol", "websocket")]
    client.send_raw(headers(stream, client.encode(head), ends_stream=False))
    client.expect_reset(stream, Code.PROTOCOL_ERROR)
    assert client.fetch().body == b"ok"


def test_handshake_that_fails_is_502(stand, client):
    """As in HTTP/1.1: a switch to what was not asked for, and no response at all."""
    switch = SWITCH.replace(b"Upgrade: websocket", b"Upgrade: chat")
    for response in (switch, b""):
        answer = client.response(connect(client, stand.answer(response, keeps=False)))
        assert answer.status == 502
    assert client.fetch().body == b"ok"


# The tunnel


def test_bytes_go_both_ways(stand, client):
    """RFC 8441 §5: DATA is the tunnel; what comes with the switch belongs to it."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH + b"\x81\x05hello")
        peer.send(peer.read_exactly(9))
        peer.send(peer.read_exactly(4))

    answer = opened(client, stand.play(exchange))
    assert received(client, answer, 7) == b"\x81\x05hello"
    client.send_body(answer.stream, b"some data", ends=False)
    assert received(client, answer, 9) == b"some data"
    client.send_body(answer.stream, b"more", ends=False)
    assert received(client, answer, 4) == b"more"
    assert client.response(answer.stream).body == b""


def test_data_before_the_switch_waits_for_it(stand, client):
    """RFC 9110 §9.3.6: a client may be optimistic; no byte is lost or read as HTTP."""
    may_switch = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.wait_for(may_switch)
        peer.send(SWITCH)
        peer.send(peer.read_exactly(40_005))

    stream = connect(client, stand.play(exchange))
    client.send_body(stream, b"early" + LARGE[:40_000], ends=False)
    client.settle()
    may_switch.set()
    answer = client.head(stream)
    assert received(client, answer, 40_005) == b"early" + LARGE[:40_000]


def test_much_data_goes_both_ways_at_once(stand, client):
    """4 MiB through windows of 65,535 bytes, each way as fast as its reader."""
    answer = opened(client, stand.play(echo))
    client.send_body(answer.stream, LARGE, ends=False)
    assert received(client, answer, len(LARGE)) == LARGE


def test_client_may_end_first(stand, client):
    """RFC 8441 §5: END_STREAM is the end of one direction; the other goes on."""
    got: list[bytes] = []

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        got.append(peer.read_to_end())
        peer.send(b"and still here")

    answer = opened(client, stand.play(exchange))
    client.send_body(answer.stream, b"last words")
    assert client.response(answer.stream).body == b"and still here"
    assert got == [b"last words"]
    stand.proxy.expect("weir_tunnels", 0)


def test_upstream_may_end_first(stand, client):
    """The same the other way round."""
    got: list[bytes] = []

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH + b"last words")
        peer.finish_sending()
        got.append(peer.read_to_end())

    answer = opened(client, stand.play(exchange))
    client.until(lambda: answer.ended, "the end of upstream's direction")
    assert answer.body == b"last words"
    client.settle()
    client.send_some(answer.stream, b"and still here", ends=True)
    stand.proxy.expect("weir_tunnels", 0)
    assert got == [b"and still here"]
    assert answer.reset in (None, Code.NO_ERROR)


@pytest.mark.parametrize("away", ["RST_STREAM", "RST"])
def test_client_that_leaves_ends_the_upstream_connection(stand, client, away):
    """RFC 8441 §5; other streams are none the wiser."""
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        peer.wait_for_end()
        ended.set()

    answer = opened(client, stand.play(exchange))
    stand.proxy.expect("weir_tunnels", 1)
    if away == "RST":
        client.abort()
    else:
        client.reset(answer.stream)
    assert ended.wait(10)
    stand.proxy.expect("weir_tunnels", 0)
    if away == "RST_STREAM":
        assert client.fetch().body == b"ok"


def test_upstream_that_breaks_off_resets_the_stream(stand, client):
    """RFC 8441 §5: a TCP reset is RST_STREAM with CANCEL, so that nothing looks whole."""
    seen = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH + b"some")
        peer.wait_for(seen)
        peer.reset()

    answer = opened(client, stand.play(exchange))
    assert received(client, answer, 4) == b"some"
    seen.set()
    client.expect_reset(answer.stream, Code.CANCEL)
    assert not answer.ended
    assert client.fetch().body == b"ok"


def test_many_tunnels_and_requests_share_a_connection(stand, client):
    """Each has its own bytes."""
    target = stand.play(echo)
    answers = [opened(client, target) for _ in range(30)]
    stand.proxy.expect("weir_tunnels", 30)
    for turn in range(5):
        for number, one in enumerate(answers):
            client.send_body(one.stream, b"%d-%d" % (turn, number), ends=False)
        assert client.fetch().body == b"ok"
        for number, one in enumerate(answers):
            expected = b"%d-%d" % (turn, number)
            assert received(client, one, len(expected)) == expected
    for one in answers:
        client.send_body(one.stream, b"")
    for one in answers:
        client.response(one.stream)
    stand.proxy.expect("weir_tunnels", 0)


def test_tunnel_that_is_not_read_holds_up_itself_only(stand):
    """RFC 9113 §5.2: upstream waits, and weir holds little meanwhile."""
    sent = [0]

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        for start in range(0, len(LARGE) * 8, 64 * KIB):
            peer.send(LARGE[start % len(LARGE) :][: 64 * KIB])
            sent[0] = start + 64 * KIB

    with StreamClient(stand.proxy.address, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        answer = opened(client, stand.play(exchange))
        assert settled(lambda: sent[0], "what upstream could send") < 8 * len(LARGE)
        assert stand.proxy.sum("weir_buffer_bytes") <= resting_bytes(1) + 128 * KIB + SLACK
        assert client.fetch().body == b"ok"
        client.grant(answer.stream, WINDOW_MAX - WINDOW)
        assert received(client, answer, 8 * len(LARGE)) == LARGE * 8


def test_tunnel_that_upstream_does_not_read_goes_on_when_it_does(stand):
    """RFC 9113 §5.2: the client waits with its window closed, and every byte arrives."""
    may_read = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        peer.wait_for(may_read)
        peer.send(hashlib.sha256(peer.read_exactly(4 * len(LARGE))).digest())

    body = memoryview(LARGE * 4)
    with StreamClient(stand.proxy.address) as client:
        answer = opened(client, stand.play(exchange))
        sent = fill(client, answer.stream, body)
        assert sent < len(body)
        assert stand.proxy.sum("weir_buffer_bytes") <= resting_bytes(1) + WINDOW + SLACK
        may_read.set()
        client.send_body(answer.stream, body[sent:], ends=False)
        assert received(client, answer, 32) == hashlib.sha256(body).digest()


# Metrics, limits, ends


def test_tunnel_is_counted(stand, client):
    """README, metrics: as a switch, with its bytes, in no duration; it is active for as long as it lasts."""
    before = stand.proxy.sum("http_server_request_duration_seconds_count")
    with stand.counts("weir_tunnel_bytes_total", 4, direction="receive"):
        with stand.counts("weir_tunnel_bytes_total", 4, direction="transmit"), stand.counts("flask_requests"):
            with stand.counts("flask_response_code", status="101"):
                answer = opened(client, stand.play(echo))
                stand.proxy.expect("weir_tunnels", 1)
                client.send_body(answer.stream, b"ping", ends=False)
                assert received(client, answer, 4) == b"ping"
            client.send_body(answer.stream, b"")
            client.response(answer.stream)
    stand.proxy.expect("weir_tunnels", 0)
    assert stand.proxy.sum("http_server_request_duration_seconds_count") == before


@pytest.mark.parametrize("stand", [{"slots": 1}], ids=["1 slot"], indirect=True)
def test_tunnel_holds_its_slot(stand, client):
    """README, slots: until it ends."""
    answer = opened(client, stand.play(echo))
    stream = client.open("/")
    stand.proxy.expect("weir_queue_length", 1)
    client.settle()
    assert client.on(stream).fields is None
    client.send_body(answer.stream, b"")
    assert client.response(stream).body == b"ok"


@pytest.mark.parametrize("stand", [{"tunnel_timeout": SHORT}], ids=[SHORT], indirect=True)
def test_silent_tunnel_is_cut(stand, client):
    """--tunnel-timeout: the stream, not the connection."""
    with stand.counts("weir_gateway_errors_total", reason="tunnel_timeout"):
        answer = opened(client, stand.play(echo))
        client.until(lambda: answer.is_over, "it is cut")
    stand.proxy.expect("weir_tunnels", 0)
    assert client.fetch().body == b"ok"
    assert client.goaways == []


@pytest.mark.parametrize("stand", [{"tunnel_timeout": "1s", "idle_timeout": SHORT}], ids=["1s"], indirect=True)
def test_tunnel_that_talks_now_and_then_lives(stand, client):
    """--tunnel-timeout is silence; --idle-timeout is for connections without a stream."""
    answer = opened(client, stand.play(echo))
    for _ in range(5):
        assert not threading.Event().wait(0.4)
        client.send_body(answer.stream, b"ping", ends=False)
        assert received(client, answer, 4) == b"ping"


def test_tunnel_does_not_outlive_the_drain(weir, upstream):
    """README, signals: what is left at the end of --drain-timeout is cut."""
    app = upstream(lambda peer: echo(peer, peer.read_request()))
    proxy = weir(app, threads=1, drain_timeout=SHORT)
    with StreamClient(proxy.address) as client:
        answer = opened(client, "/")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() in (0, 1)
        with pytest.raises(Ended):
            client.until(lambda: False, "the end of the connection")
        assert client.goaways and not answer.ended


# A real application: flask-sock under gunicorn


class Pod(NamedTuple):
    """weir and gunicorn side by side."""

    weir: Weir
    gunicorn: Gunicorn


@pytest.fixture(scope="module")
def pod(tmp_path_factory) -> Iterator[Pod]:
    """The app that echoes, behind threads."""
    directory = tmp_path_factory.mktemp("tunnels")
    sockets = Path(tempfile.mkdtemp(prefix="weir-"))
    gunicorn = Gunicorn(directory, f"unix:{sockets / 'app.sock'}", workers=1, threads=16, application="clients")
    try:
        weir = Weir(directory, gunicorn.address, threads=2)
        try:
            yield Pod(weir, gunicorn)
            weir.expect("weir_tunnels", 0)
        finally:
            weir.kill()
    finally:
        gunicorn.stop()
        shutil.rmtree(sockets, ignore_errors=True)


TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def framed(opcode: int, payload: bytes) -> bytes:
    """A whole message of a client, masked (RFC 6455 §5.2, §5.3)."""
    key = os.urandom(4)
    size = len(payload)
    if size < 126:
        length = struct.pack(">B", 0x80 | size)
    elif size < 65_536:
        length = struct.pack(">BH", 0x80 | 126, size)
    else:
        length = struct.pack(">BQ", 0x80 | 127, size)
    mask = (key * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
    return bytes([0x80 | opcode]) + length + key + masked


def next_frame(client: StreamClient, answer: Answer) -> tuple[int, bytes]:
    """The next whole message of the server, which does not mask."""
    first, second = received(client, answer, 2)
    assert first & 0xF0 == 0x80 and not second & 0x80
    size = second
    if second == 126:
        (size,) = struct.unpack(">H", received(client, answer, 2))
    elif second == 127:
        (size,) = struct.unpack(">Q", received(client, answer, 8))
    return first & 0x0F, received(client, answer, size)


def test_flask_sock_echoes(pod):
    """Text and binary of every length form, a ping, and the closing handshake."""
    with StreamClient(pod.weir.address) as client:
        answer = opened(client, "/own/websocket")
        messages = [(TEXT, "weïr ☃".encode()), (BINARY, b""), (BINARY, LARGE[:126]), (TEXT, b"a" * 65_535)]
        for opcode, payload in [*messages, (BINARY, LARGE[:MIB])]:
            client.send_body(answer.stream, framed(opcode, payload), ends=False)
            assert next_frame(client, answer) == (opcode, payload)
        client.send_body(answer.stream, framed(PING, b"are you there"), ends=False)
        assert next_frame(client, answer) == (PONG, b"are you there")
        client.send_body(answer.stream, framed(CLOSE, struct.pack(">H", 1000)), ends=False)
        opcode, payload = next_frame(client, answer)
        assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 1000))
        client.until(lambda: answer.is_over, "the app has ended the connection")
        assert client.fetch("/own/").text == "hello"


def test_flask_socks_share_a_connection(pod):
    """Ten at once, beside ordinary requests."""
    with StreamClient(pod.weir.address) as client:
        answers = [opened(client, "/own/websocket") for _ in range(10)]
        pod.weir.expect("weir_tunnels", 10)
        for number, one in enumerate(answers):
            client.send_body(one.stream, framed(TEXT, b"%d" % number), ends=False)
        assert client.fetch("/own/").text == "hello"
        for number, one in enumerate(answers):
            assert next_frame(client, one) == (TEXT, b"%d" % number)
        for one in answers[:5]:
            client.send_body(one.stream, framed(CLOSE, struct.pack(">H", 1000)), ends=True)
        for one in answers[5:]:
            client.reset(one.stream)
        pod.weir.expect("weir_tunnels", 0)


@pytest.mark.parametrize(("path", "status"), [("/own/no/such/path", 404), ("/own/empty", 400)])
def test_app_without_a_websocket_there_refuses(pod, path, status):
    """Flask knows no such route, or one that is no WebSocket: an ordinary response, and the connection goes on."""
    with StreamClient(pod.weir.address) as client:
        answer = client.response(connect(client, path))
        assert (answer.status, answer.get("content-type")) == (status, "text/html; charset=utf-8")
        assert client.fetch("/own/").text == "hello"


def test_app_that_wants_a_version_says_so(pod):
    """RFC 6455 §4.2.2: a handshake that the app refuses is an ordinary error."""
    with StreamClient(pod.weir.address) as client:
        answer = client.response(client.open("/own/websocket", "CONNECT", ends=False, protocol="websocket"))
        assert 400 <= answer.status < 600
        assert client.fetch("/own/").text == "hello"
