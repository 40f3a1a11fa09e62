# SPDX-License-Identifier: Apache-2.0
"""Upgrades: offered, accepted, refused, and the tunnel that follows a 101 (RFC 9110 §7.8, §15.2.2)."""

import hashlib
import signal
import threading

import pytest
from support.client import RawClient, chunked, request
from support.upstream import OK, Arrived, Gone, Peer
from support.waiting import eventually_equal, settled

MIB = 1024 * 1024
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def offer(target: str, protocol: str = "websocket", method: str = "GET", **fields: str) -> bytes:
    """A request that offers to switch."""
    return request(target, method, Connection="Upgrade", Upgrade=protocol, **fields)


def echo(peer: Peer, arrived: Arrived) -> None:
    """Switches, then sends everything back until the client ends."""
    peer.send(SWITCH)
    while True:
        try:
            peer.send(peer.read_exactly(1))
        except Gone:
            return


def switched(client: RawClient, data: bytes) -> None:
    """Sends an offer and reads the 101."""
    client.send(data)
    head = client.read_head()
    assert head.status == 101, head


# The handshake


def test_websocket_handshake_passes_both_ways(stand):
    """RFC 6455 §4, RFC 9110 §7.8: hop-by-hop fields are written anew, the rest passes."""
    target = stand.play(echo)
    keys = {
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Protocol": "chat",
    }
    with stand.client() as client:
        client.send(offer(target, **keys))
        head = client.read_head()
        assert (head.status, head.get("sec-websocket-accept")) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        assert [value.lower() for value in head.all("connection")] == ["upgrade"]
        assert head.all("upgrade") == ["websocket"]
        assert not {"content-length", "transfer-encoding"} & head.names
        client.send(b"ping")
        assert client.read_exactly(4) == b"ping"
    arrived = stand.arrived(target)[0]
    assert [value.lower() for value in arrived.all("connection")] == ["upgrade"]
    assert arrived.all("upgrade") == ["websocket"]
    assert {name: arrived.all(name.replace("_", "-")) for name in keys} == {
        name: [value] for name, value in keys.items()
    }


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [("WebSocket", "websocket"), ("websocket", "WebSocket"), ("chat", "chat"), ("irc/6.9", "irc/6.9"),
     ("a, b/2", "b/2"), ("TLS/1.0, chat", "chat")],
    ids=ascii,
)  # fmt: skip
def test_any_token_may_be_offered(stand, protocol, answer):
    """RFC 9110 §7.8: names are compared without case; upstream chooses one of those offered."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(f"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: {answer}\r\n\r\n".encode())
        peer.send(peer.read_exactly(4))

    target = stand.play(exchange)
    with stand.client() as client:
        switched(client, offer(target, protocol))
        client.send(b"ping")
        assert client.read_exactly(4) == b"ping"
        client.expect_end()
    assert stand.arrived(target)[0].all("upgrade") == [protocol]


@pytest.mark.parametrize(
    "connection",
    ["upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade, X-A", "upgrade,,", " ,Upgrade"],
    ids=ascii,
)
def test_option_is_found_in_any_case_and_place(stand, connection):
    """RFC 9110 §7.6.1, §7.8."""
    target = stand.play(echo)
    with stand.client() as client:
        switched(client, request(target, Connection=connection, Upgrade="websocket", X_A="1"))
        client.send(b"x")
        assert client.read_exactly(1) == b"x"
    assert [value.lower() for value in stand.arrived(target)[0].all("connection")] == ["upgrade"]


NOT_OFFERED = {
    "no option": request("%", Upgrade="websocket"),
    "other option": request("%", Connection="keep-alive", Upgrade="websocket"),
    "option alone": request("%", Connection="upgrade"),
    "h2c": request(
        "%", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AAMAAABkAAQAAP__"
    ),
    "H2C": request("%", Connection="Upgrade", Upgrade="H2C"),
    "HTTP/1.0": b"GET % HTTP/1.0\r\nHost: w\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n",
    "length": request("%", "POST", b"abc", Connection="upgrade", Upgrade="websocket"),
    "chunked": request("%", "POST", Transfer_Encoding="chunked", Connection="upgrade", Upgrade="websocket")
    + b"3\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("data", NOT_OFFERED.values(), ids=NOT_OFFERED.keys())
def test_what_cannot_switch_is_served_as_plain_http(stand, data):
    """RFC 9110 §7.8: ignored in HTTP/1.0 and without the option; h2c and bodies by design §4."""
    target = stand.answer(OK)
    with stand.client() as client:
        for _ in range(2):
            assert client.exchange(data.replace(b"%", target.encode())).body == b"ok"
    for arrived in stand.arrived(target):
        assert not {"upgrade", "http2-settings"} & arrived.names
        assert "upgrade" not in ",".join(arrived.all("connection")).lower()


@pytest.mark.parametrize("protocol", ["h2c, websocket", "websocket, h2c", "websocket,H2C"])
def test_h2c_is_never_among_what_is_forwarded(stand, protocol):
    """Design §4: whether the rest of the list is offered or not."""
    target = stand.answer(OK)
    assert stand.fetch(offer(target, protocol)).status == 200
    assert "h2c" not in ",".join(stand.arrived(target)[0].all("upgrade")).lower()


@pytest.mark.parametrize(
    "protocol",
    ["", "web socket", '"websocket"', "websocket/", "/1", "a;b", "web\x0bsocket", "\xe9"],
    ids=ascii,
)
def test_malformed_offer_never_becomes_a_tunnel(stand, protocol):
    """RFC 9110 §7.8: tokens; refused, or served without switching."""
    target = stand.answer(OK)
    data = f"GET {target} HTTP/1.1\r\nHost: w\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n"
    assert stand.fetch(data.encode("latin-1")).status in (200, 400)
    assert not [one for one in stand.arrived(target) if "upgrade" in one.names]


REFUSALS = {
    "200": OK,
    "403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    "426": b"HTTP/1.1 426 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno",
    "404": b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"no"),
}


@pytest.mark.parametrize("response", REFUSALS.values(), ids=REFUSALS.keys())
def test_refused_upgrade_stays_http(stand, response):
    """RFC 9110 §7.8: a server may ignore it; the connection goes on, pipelined requests too."""
    target = stand.answer(response)
    with stand.client() as client:
        client.send(offer(target) + request())
        assert client.read_response().body in (b"ok", b"no")
        assert client.read_response().body == b"ok"
        assert client.exchange(request()).body == b"ok"
    assert stand.arrived(target)[0].all("upgrade") == ["websocket"]


@pytest.mark.parametrize(
    "fields", [b"", b"Upgrade: chat\r\n", b"Upgrade: h2c\r\n", b"Upgrade: websocket, chat\r\n"], ids=ascii
)
def test_switch_to_what_was_not_offered_is_502(stand, fields):
    """RFC 9110 §7.8: a server must not switch to a protocol that was not indicated."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\n" + fields + b"\r\n")
        peer.wait_for_end()

    with stand.counts("weir_gateway_errors_total", reason="unexpected_upgrade"):
        with stand.client() as client:
            assert client.exchange(offer(stand.play(exchange))).status == 502


def test_interim_responses_come_before_the_switch(stand):
    """RFC 9110 §15.2."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + SWITCH + b"hello")

    with stand.client() as client:
        client.send(offer(stand.play(exchange)))
        assert [client.read_head().status for _ in range(2)] == [103, 101]
        assert client.read_to_end() == b"hello"


# The tunnel


def test_bytes_beside_the_heads_belong_to_the_tunnel(stand):
    """RFC 9110 §7.8: the first byte behind each head, in the same segment, is of the new protocol."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH + b"\x81\x05hello")
        peer.send(peer.read_exactly(12))

    with stand.client() as client:
        client.send(offer(stand.play(exchange)) + b"GET / HTTP/1")
        assert client.read_head().status == 101
        assert client.read_exactly(7) == b"\x81\x05hello"
        assert client.read_exactly(12) == b"GET / HTTP/1"


def test_much_data_may_come_right_behind_the_offer(stand):
    """RFC 9110 §7.8: more than any buffer holds, before the 101; it waits for it."""
    data = hashlib.shake_128(b"early").digest(300_000)

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        peer.send(peer.read_exactly(len(data)))

    with stand.client() as client:
        sender = threading.Thread(target=client.send, args=(offer(stand.play(exchange)) + data,))
        sender.start()
        assert client.read_head().status == 101
        assert client.read_exactly(len(data)) == data
        sender.join(10)


def test_post_without_a_body_may_switch(stand):
    """RFC 9110 §7.8: the method does not matter, a length of 0 is no body."""
    with stand.client() as client:
        switched(client, request(stand.play(echo), "POST", b"", Connection="upgrade", Upgrade="websocket"))
        client.send(b"x")
        assert client.read_exactly(1) == b"x"


def test_client_that_ends_before_the_switch_still_hears_it(stand):
    """TCP: one direction ended, the other has not begun."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH + b"hello")
        got.append(peer.read_to_end())
        peer.send(b" and goodbye")

    got: list[bytes] = []
    with stand.client() as client:
        client.send(offer(stand.play(exchange)) + b"early")
        client.finish_sending()
        assert client.read_head().status == 101
        assert client.read_to_end() == b"hello and goodbye"
    assert got == [b"early"]


@pytest.mark.parametrize("field", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"], ids=ascii)
def test_switch_has_no_framing(stand, field):
    """RFC 9112 §6.1, §6.3: a 101 ends with its head; such fields are removed, or it is broken."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH.replace(b"Upgrade:", field + b"Upgrade:") + b"hello")

    with stand.client() as client:
        client.send(offer(stand.play(exchange)))
        head = client.read_head()
        assert head.status in (101, 502)
        if head.status == 101:
            assert not {"content-length", "transfer-encoding"} & head.names
            assert client.read_to_end() == b"hello"


def test_offer_on_a_connection_that_dies_is_made_again(weir, upstream):
    """RFC 9110 §9.2.2: GET is idempotent until somebody answers."""

    def dying(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.read_request()

    app = upstream(dying, lambda peer: echo(peer, peer.read_request()))
    with RawClient(weir(app, threads=1).address) as client:
        assert client.exchange(request()).status == 200
        switched(client, offer("/"))
        client.send(b"x")
        assert client.read_exactly(1) == b"x"
    assert app.connections == 2


def test_tunnel_does_not_outlive_the_drain(weir, upstream):
    """README, signals: what is left at the end of --drain-timeout is cut."""
    app = upstream(lambda peer: echo(peer, peer.read_request()))
    proxy = weir(app, threads=1, drain_timeout="300ms")
    with RawClient(proxy.address) as client:
        switched(client, offer("/"))
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() in (0, 1)
        client.expect_end()


def test_nothing_in_a_tunnel_is_read_as_http(stand):
    """Design §2: any bytes, both ways, also those that look like messages."""
    target = stand.play(echo)
    before = len(stand.app.requests)
    data = request("/smuggled") + OK + bytes(range(256)) + b"\r\n\r\n\n\n" + SWITCH
    with stand.client() as client:
        switched(client, offer(target))
        client.send(data)
        assert client.read_exactly(len(data)) == data
    assert len(stand.app.requests) == before + 1


def test_client_may_end_first(stand):
    """RFC 6455 §7.1.1, TCP: one direction ends, the other goes on."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        got.append(peer.read_to_end())
        peer.send(b"and still here")

    got: list[bytes] = []
    with stand.client() as client:
        switched(client, offer(stand.play(exchange)))
        client.send(b"last words")
        client.finish_sending()
        assert client.read_to_end() == b"and still here"
    assert got == [b"last words"]


def test_upstream_may_end_first(stand):
    """TCP: the same the other way round."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH + b"last words")
        peer.finish_sending()
        got.append(peer.read_to_end())
        ended.set()

    got: list[bytes] = []
    ended = threading.Event()
    with stand.client() as client:
        switched(client, offer(stand.play(exchange)))
        assert client.read_to_end() == b"last words"
        client.send(b"and still here")
        client.finish_sending()
        assert ended.wait(10)
    assert got == [b"and still here"]


@pytest.mark.parametrize("leave", [RawClient.abort, RawClient.close], ids=["reset", "close"])
def test_client_that_leaves_a_tunnel_ends_it(stand, leave):
    """The upstream connection is closed with it."""
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        peer.read_to_end()
        ended.set()

    client = stand.client()
    switched(client, offer(stand.play(exchange)))
    eventually_equal(lambda: stand.proxy.sum("weir_tunnels"), 1, "tunnels")
    leave(client)
    assert ended.wait(10)
    eventually_equal(lambda: stand.proxy.sum("weir_tunnels"), 0, "tunnels")


@pytest.mark.parametrize("leave", [Peer.close, Peer.reset], ids=["FIN", "RST"])
def test_upstream_that_leaves_a_tunnel_ends_it(stand, leave):
    """The client learns of it; a reset is passed on as one, or as an end."""
    target = stand.play(lambda peer, arrived: (peer.send(SWITCH), peer.wait_for(seen), leave(peer)))
    seen = threading.Event()
    with stand.client() as client:
        switched(client, offer(target))
        seen.set()
        client.expect_end()
    eventually_equal(lambda: stand.proxy.sum("weir_tunnels"), 0, "tunnels")


def test_much_data_crosses_a_tunnel_both_ways_at_once(stand):
    """Every byte in its place, 16 MiB each way, whichever side is slower."""
    data = hashlib.shake_128(b"tunnel").digest(MIB) * 16
    received: list[bytes] = []

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        sender = threading.Thread(target=peer.send, args=(data,))
        sender.start()
        received.append(peer.read_exactly(len(data)))
        sender.join(10)

    with stand.client() as client:
        switched(client, offer(stand.play(exchange)))
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        assert client.read_exactly(len(data)) == data
        sender.join(10)
        client.expect_end()
    assert received == [data]


@pytest.mark.parametrize("side", ["client", "upstream"])
def test_side_of_a_tunnel_that_does_not_read_stops_the_other(stand, side):
    """Bounded memory: back-pressure instead of a growing buffer."""
    sent = [0]
    go_on = threading.Event()
    size = 32 * MIB

    def push(send) -> None:
        for _ in range(size // 65_536):
            send(bytes(65_536))
            sent[0] += 65_536

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        if side == "client":
            push(peer.send)
        else:
            peer.wait_for(go_on)
            assert len(peer.read_to_end()) == size

    stand.proxy.metrics()
    before = stand.proxy.resident_bytes
    with stand.client(receive_buffer=65_536) as client:
        switched(client, offer(stand.play(exchange)))
        if side == "upstream":
            pusher = threading.Thread(target=push, args=(client.send,), daemon=True)
            pusher.start()
        assert 0 < settled(lambda: sent[0], "what could be sent") < size
        assert stand.proxy.resident_bytes - before < 8 * MIB
        go_on.set()
        if side == "client":
            assert len(client.read_exactly(size)) == size
        else:
            pusher.join(10)
            client.finish_sending()
            client.expect_end()
    assert sent[0] == size
    assert stand.proxy.resident_bytes - before < 8 * MIB


def test_idle_tunnel_ends_after_its_own_time_out(stands):
    """--tunnel-timeout, and no other: a byte in either direction starts it anew."""
    stand = stands(
        tunnel_timeout="1s",
        idle_timeout="100ms",
        response_timeout="100ms",
        body_timeout="100ms",
        send_timeout="100ms",
    )
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(SWITCH)
        for _ in range(4):
            peer.send(peer.read_exactly(1))
        peer.read_to_end()
        ended.set()

    with stand.client() as client:
        switched(client, offer(stand.play(exchange)))
        for _ in range(4):
            assert not client.readable(0.3)
            client.send(b"x")
            assert client.read_exactly(1) == b"x"
        client.expect_end()
    assert ended.wait(10)


def test_tunnel_is_counted_apart(stands):
    """Design §4, §6: a status 101, bytes by direction, and nothing in the families of durations."""
    stand = stands(upstream_idle_timeout="3s")
    before = stand.proxy.metrics()
    durations = [
        "flask_request_duration_count", "http_server_request_duration_seconds_count",
        "weir_upstream_duration_seconds_count",
        "weir_upstream_response_start_seconds_count",
    ]  # fmt: skip
    target = stand.play(echo)
    with stand.client() as client:
        switched(client, offer(target))
        stand.proxy.expect("weir_tunnels", 1)
        client.send(b"12345")
        assert client.read_exactly(5) == b"12345"
    stand.proxy.expect("weir_tunnels", 0)
    stand.proxy.expect("flask_response_code", 1, status="101")
    stand.proxy.expect(
        "weir_tunnel_bytes_total",
        before.sum("weir_tunnel_bytes_total", direction="receive") + 5,
        direction="receive",
    )
    stand.proxy.expect(
        "weir_tunnel_bytes_total",
        before.sum("weir_tunnel_bytes_total", direction="transmit") + 5,
        direction="transmit",
    )
    after = stand.proxy.metrics()
    assert after.sum("flask_requests") == before.sum("flask_requests") + 1
    assert {name: after.sum(name) for name in durations} == {name: before.sum(name) for name in durations}
    assert after.sum("weir_gateway_errors_total") == before.sum("weir_gateway_errors_total")
