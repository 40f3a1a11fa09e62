# SPDX-License-Identifier: Apache-2.0
"""PROXY headers in both versions, from clients and to upstream (haproxy's proxy-protocol.txt)."""

import contextlib
import ipaddress
import re
import struct
import threading

import pytest
from support.addresses import free_port, tcp_address
from support.client import RawClient, request
from support.upstream import OK, Peer

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
ACCEPT = {"proxy_protocol": "accept"}
TCP4 = b"PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\r\n"
TCP6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"


def addresses(source: str, destination: str) -> bytes:
    """Two addresses and ports, as version 2 has them."""
    packed = [ipaddress.ip_address(one).packed for one in (source, destination)]
    return b"".join(packed) + struct.pack(">HH", 56324, 443)


BODIES = {
    0x00: b"",
    0x11: addresses("203.0.113.7", "198.51.100.1"),
    0x21: addresses("2001:db8::7", "2001:db8::1"),
}
"""By family and protocol: unspecified, TCP over IPv4, TCP over IPv6 (§2.2)."""


def binary(
    command: int = 1,
    family: int = 0x11,
    body: bytes | None = None,
    tail: bytes = b"",
    version: int = 2,
    length: int | None = None,
) -> bytes:
    """A header of version 2 (§2.2)."""
    if body is None:
        body = BODIES[family]
    size = len(body) + len(tail) if length is None else length
    return SIGNATURE + bytes([version << 4 | command, family]) + struct.pack(">H", size) + body + tail


def tlv(kind: int, value: bytes) -> bytes:
    """One type-length-value (§2.2.6)."""
    return struct.pack(">BH", kind, len(value)) + value


# From clients

LONGEST = b"ffff:f0f0:ffff:ffff:ffff:ffff:ffff:ffff"
GOOD = {
    # (header, the client that upstream is told of)
    "v1 TCP4": (TCP4, "203.0.113.7"),
    "v1 TCP6": (TCP6, "2001:db8::7"),
    "v1 ports": (b"PROXY TCP4 203.0.113.7 198.51.100.1 0 65535\r\n", "203.0.113.7"),
    "v1 longest": (b"PROXY TCP6 %s %s 65535 65535\r\n" % (LONGEST, LONGEST), LONGEST.decode()),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v1 UNKNOWN, text": (b"PROXY UNKNOWN 1.2.3.4 x y z\r\n", "127.0.0.1"),
    "v1 UNKNOWN, longest": (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", "127.0.0.1"),
    "v2 TCP4": (binary(), "203.0.113.7"),
    "v2 TCP6": (binary(family=0x21), "2001:db8::7"),
    "v2 LOCAL": (binary(command=0, family=0x00), "127.0.0.1"),
    "v2 LOCAL, address": (binary(command=0), "127.0.0.1"),
    "v2 UNSPEC": (binary(family=0x00), "127.0.0.1"),
    "v2 UNSPEC, text": (binary(family=0x00, tail=b"whatever"), "127.0.0.1"),
    "v2 TLVs": (binary(tail=tlv(0x01, b"http/1.1") + tlv(0x02, b"weir.test") + tlv(0xE0,
    b"GET / HTTP/1.1\r\n\r\n")), "203.0.113.7"),
    "v2 NOOP, large": (binary(tail=tlv(0x04, bytes(2000))), "203.0.113.7"),
    "v2 NOOP": (binary(tail=tlv(0x04, bytes(200))), "203.0.113.7"),
    "v2 TCP6, TLVs": (binary(family=0x21, tail=tlv(0x05, b"id") * 20), "2001:db8::7"),
}  # fmt: skip


@pytest.mark.parametrize(("header", "client"), GOOD.values(), ids=GOOD.keys())
def test_header_names_the_client(stands, header, client):
    """§2.1, §2.2: for all requests of the connection, and nothing of it is read as HTTP."""
    stand = stands(**ACCEPT)
    target = stand.answer(OK)
    with stand.client() as connection:
        connection.send(header + request(target) + request(target))
        assert [connection.read_response().status for _ in range(2)] == [200, 200]
        assert connection.exchange(request(target)).status == 200
    assert [one.all("x-forwarded-for") for one in stand.arrived(target)] == [[client]] * 3


@pytest.mark.parametrize(
    "name", ["v1 TCP4", "v1 TCP6", "v1 UNKNOWN", "v2 TCP4", "v2 TCP6", "v2 LOCAL", "v2 TLVs"]
)
def test_header_may_be_cut_at_every_byte(stands, name):
    """§2: a receiver may see it in pieces, here with the request behind it."""
    stand = stands(**ACCEPT)
    header, client = GOOD[name]
    target = stand.answer(OK)
    for cut in range(1, len(header) + 1):
        with stand.client() as connection:
            connection.send_cut(header + request(target), cut)
            assert connection.read_response().status == 200, f"cut at {cut}"
    assert {value for one in stand.arrived(target) for value in one.all("x-forwarded-for")} == {client}
    assert len(stand.arrived(target)) == len(header)


@pytest.mark.parametrize("name", ["v1 TCP4", "v2 TLVs"])
def test_header_may_come_byte_by_byte(stands, name):
    """§2."""
    stand = stands(**ACCEPT)
    target = stand.answer(OK)
    with stand.client() as connection:
        for byte in GOOD[name][0]:
            connection.send(bytes([byte]))
        assert connection.exchange(request(target)).status == 200
    assert stand.arrived(target)[0].all("x-forwarded-for") == [GOOD[name][1]]


BAD = {
    # no header at all
    "request": request("/"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    "empty line": b"\r\n" + TCP4,
    "empty lines": b"\r\n\r\n" + TCP4,
    # §2.1
    "lower case": b"proxy TCP4 203.0.113.7 198.51.100.1 56324 443\r\n",
    "TCP5": b"PROXY TCP5 203.0.113.7 198.51.100.1 56324 443\r\n",
    "UDP4": b"PROXY UDP4 203.0.113.7 198.51.100.1 56324 443\r\n",
    "tcp4": b"PROXY tcp4 203.0.113.7 198.51.100.1 56324 443\r\n",
    "two spaces": b"PROXY  TCP4 203.0.113.7 198.51.100.1 56324 443\r\n",
    "two spaces later": b"PROXY TCP4 203.0.113.7  198.51.100.1 56324 443\r\n",
    "tab": b"PROXY\tTCP4 203.0.113.7 198.51.100.1 56324 443\r\n",
    "trailing space": b"PROXY TCP4 203.0.113.7 198.51.100.1 56324 443 \r\n",
    "leading space": b" " + TCP4,
    "LF": TCP4.replace(b"\r\n", b"\n"),
    "CR": TCP4.replace(b"\r\n", b"\r"),
    "nothing behind": b"PROXY\r\n",
    "TCP4 alone": b"PROXY TCP4\r\n",
    "no ports": b"PROXY TCP4 203.0.113.7 198.51.100.1\r\n",
    "one port": b"PROXY TCP4 203.0.113.7 198.51.100.1 56324\r\n",
    "three ports": b"PROXY TCP4 203.0.113.7 198.51.100.1 56324 443 1\r\n",
    "port too large": b"PROXY TCP4 203.0.113.7 198.51.100.1 65536 443\r\n",
    "port wraps": b"PROXY TCP4 203.0.113.7 198.51.100.1 4294967297 443\r\n",
    "negative port": b"PROXY TCP4 203.0.113.7 198.51.100.1 -1 443\r\n",
    "signed port": b"PROXY TCP4 203.0.113.7 198.51.100.1 +1 443\r\n",
    "hexadecimal port": b"PROXY TCP4 203.0.113.7 198.51.100.1 0x1 443\r\n",
    "no port": b"PROXY TCP4 203.0.113.7 198.51.100.1  443\r\n",
    "leading zero of a port": b"PROXY TCP4 203.0.113.7 198.51.100.1 056324 443\r\n",
    "three octets": b"PROXY TCP4 203.0.113 198.51.100.1 56324 443\r\n",
    "five octets": b"PROXY TCP4 203.0.113.7.1 198.51.100.1 56324 443\r\n",
    "octet too large": b"PROXY TCP4 203.0.113.256 198.51.100.1 56324 443\r\n",
    "leading zero": b"PROXY TCP4 203.0.113.07 198.51.100.1 56324 443\r\n",
    "hexadecimal": b"PROXY TCP4 0xcb.0.113.7 198.51.100.1 56324 443\r\n",
    "a number": b"PROXY TCP4 3405803783 198.51.100.1 56324 443\r\n",
    "a name": b"PROXY TCP4 localhost 198.51.100.1 56324 443\r\n",
    "bad destination": b"PROXY TCP4 203.0.113.7 x 56324 443\r\n",
    "IPv6 in TCP4": b"PROXY TCP4 2001:db8::7 2001:db8::1 56324 443\r\n",
    "IPv4 in TCP6": b"PROXY TCP6 203.0.113.7 198.51.100.1 56324 443\r\n",
    "brackets": b"PROXY TCP6 [2001:db8::7] [2001:db8::1] 56324 443\r\n",
    "two gaps": b"PROXY TCP6 2001::db8::7 2001:db8::1 56324 443\r\n",
    "zone": b"PROXY TCP6 fe80::1%lo 2001:db8::1 56324 443\r\n",
    "NUL": b"PROXY TCP4 203.0.113.7\x00 198.51.100.1 56324 443\r\n",
    "control byte": b"PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\x0b\r\n",
    "too long": b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",
    "without end": b"PROXY UNKNOWN " + b"f" * 5000,
    "twice": TCP4 + TCP4,
    # §2.2
    "version 1": binary(version=1),
    "version 3": binary(version=3),
    "command 2": binary(command=2),
    "command 15": binary(command=15),
    "TCP4 too short": binary(body=bytes(11)),
    "TCP4 of nothing": binary(body=b""),
    "TCP6 too short": binary(family=0x21, body=bytes(35)),
    "signature": SIGNATURE[:-1] + b"\r" + binary()[12:],
    "v2 twice": binary() + binary(),
    "v1, v2": TCP4 + binary(),
}  # fmt: skip


@pytest.mark.parametrize("header", BAD.values(), ids=BAD.keys())
def test_anything_else_is_closed_unserved(stands, header):
    """§2, §4: a receiver that expects a header must not serve a connection without one; a 400 may say so."""
    stand = stands(**ACCEPT)
    seen = len(stand.app.requests)
    with stand.client() as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(header + request("/unserved", Connection="close"))
        answer = connection.read_to_end()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert len(stand.app.requests) == seen


def test_connection_without_a_header_is_400(stands):
    """README: `accept` means that every connection has one."""
    stand = stands(**ACCEPT)
    with stand.client() as connection:
        response = connection.exchange(request())
        assert (response.status, response.closes) == (400, True)
        connection.expect_end()


@pytest.mark.parametrize(
    "part", [b"", b"P", TCP4[:-1], binary()[:5], binary()[:16], binary(length=60000)[:40]], ids=ascii
)
def test_header_that_stops_times_out(stands, part):
    """§2: it has the time of a head."""
    stand = stands(**ACCEPT, header_timeout="300ms", idle_timeout="300ms")
    with stand.client() as connection:
        connection.send(part)
        answer = connection.read_to_end()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))


def test_idle_connection_outlives_the_time_for_its_header(stands):
    """--header-timeout ends with the header: behind it the connection waits for a request."""
    stand = stands(**ACCEPT, header_timeout="300ms")
    with stand.client() as client:
        client.send(TCP4)
        assert not client.readable(within=0.8)
        assert client.exchange(request()).status == 200


@pytest.mark.parametrize(
    "header",
    [TCP4, TCP6, binary(), b"PROXY UNKNOWN\r\n", binary(command=0)],
    ids=["v1", "v1 TCP6", "v2", "UNKNOWN", "LOCAL"],
)
def test_header_of_an_untrusted_peer_closes(stands, header):
    """§5: only from known proxies; anybody else would be whoever he likes."""
    stand = stands(**ACCEPT, trust_proxies="10.0.0.0/8")
    seen = len(stand.app.requests)
    with stand.client() as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(header + request())
        answer = connection.read_to_end()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert len(stand.app.requests) == seen


@pytest.mark.parametrize("header", [TCP4, binary()], ids=["v1", "v2"])
def test_header_is_no_request_where_none_is_expected(stand, header):
    """RFC 9112 §3: without the option it is a malformed request line."""
    stand.refuse(header + request(), 400)


def test_client_behind_the_header_is_the_peer_that_is_judged(stands):
    """Design §4: what 203.0.113.7 says of others is not believed, though the load balancer is."""
    stand = stands(**ACCEPT)
    target = stand.answer(OK)
    fields = {"X_Forwarded_For": "6.6.6.6", "X_Request_ID": "evil", "Forwarded": "for=6.6.6.6"}
    with stand.client() as connection:
        assert connection.exchange(TCP4 + request(target, **fields)).status == 200
    arrived = stand.arrived(target)[0]
    assert arrived.all("x-forwarded-for") == ["203.0.113.7"]
    assert arrived.all("x-request-id") != ["evil"]
    assert [value.split(";")[0] for value in arrived.all("forwarded")] == ["for=203.0.113.7"]


def test_header_on_a_unix_listener_gives_it_an_address(weir, upstream, short_path):
    """§2: that is where a local load balancer would need it most."""
    app = upstream()
    address = f"unix:{short_path / 'weir.sock'}"
    weir(app, listen=address, proxy_protocol="accept")
    with RawClient(address) as connection:
        assert connection.exchange(TCP6 + request()).status == 200
    assert app.only.all("x-forwarded-for") == ["2001:db8::7"]


# To upstream


def reading(lines: list[bytes], served: int = 1):
    """A script that expects a header of version 1 on each connection."""

    def script(peer: Peer) -> None:
        lines.append(peer.read_line())
        for _ in range(served):
            peer.read_request()
            peer.send(OK)
        peer.wait_for_end()

    return script


V1 = re.compile(r"PROXY TCP([46]) ([0-9a-f.:]+) ([0-9a-f.:]+) ([0-9]{1,5}) ([0-9]{1,5})\r\n")


def told(line: bytes) -> tuple[str, int]:
    """The client that a header of version 1 names; both its addresses must be of its family (§2.1)."""
    match = V1.fullmatch(line.decode())
    assert match and len(line) <= 107, line
    versions = {ipaddress.ip_address(match[number]).version for number in (2, 3)}
    assert versions == {int(match[1])}, line
    return match[2], int(match[4])


def test_upstream_is_told_of_each_client(weir, upstream):
    """§2.1: address and port of the client, once on each connection; a connection is one client's."""
    lines: list[bytes] = []
    proxy = weir(upstream(reading(lines)), proxy_protocol="send", threads=1)
    ports = []
    for _ in range(3):
        with RawClient(proxy.address) as client:
            ports.append(client.socket.getsockname()[1])
            assert [client.exchange(request()).status for _ in range(2)] == [200, 200]
    assert [told(line) for line in lines] == [("127.0.0.1", port) for port in ports for _ in range(2)]
    listener = proxy.address.rsplit(":", 1)[1]
    assert {line.split()[-1].decode() for line in lines} == {listener}


def test_client_on_ipv6_is_told_as_such(weir, upstream):
    """§2.1: TCP6, whatever upstream itself is reached by."""
    lines: list[bytes] = []
    address = f"[::1]:{free_port()}"
    weir(upstream(reading(lines)), listen=address, proxy_protocol="send", threads=1)
    with RawClient(address) as client:
        port = client.socket.getsockname()[1]
        assert client.exchange(request()).status == 200
    assert told(lines[0]) == ("::1", port)


def test_upload_and_keep_alive_work_behind_the_header(weir, upstream):
    """§2.1: it comes first, then the request as ever, whatever its size."""
    lines: list[bytes] = []
    app = upstream(reading(lines))
    proxy = weir(app, proxy_protocol="send", threads=1)
    body = bytes(500_000)
    with RawClient(proxy.address) as client:
        for message in (request(), request("/", "POST", body), request(), request("/", "PUT", b"x")):
            assert client.exchange(message).status == 200
    assert [len(one.body) for one in app.requests] == [0, 500_000, 0, 1]
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 127.0.0.1", "203.0.113.7"),
        ("203.0.113.7,127.0.0.1,  ::1", "203.0.113.7"),
        ("203.0.113.7\t,\t127.0.0.1, ,", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("6.6.6.6, unknown", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_client_behind_a_trusted_peer_is_the_one_upstream_is_told_of(weir, upstream, chain, client):
    """README: the rightmost address of X-Forwarded-For that is not trusted."""
    lines: list[bytes] = []
    proxy = weir(upstream(reading(lines)), proxy_protocol="send", threads=1)
    with RawClient(proxy.address) as connection:
        assert connection.exchange(request(X_Forwarded_For=chain)).status == 200
    assert told(lines[0])[0] == client


@pytest.mark.parametrize(
    "header", [TCP4, TCP6, binary(), binary(family=0x21)], ids=["v1 TCP4", "v1 TCP6", "v2 TCP4", "v2 TCP6"]
)
def test_what_was_accepted_is_sent_on(weir, upstream, header):
    """`both`: in either version, out in version 1."""
    lines: list[bytes] = []
    proxy = weir(upstream(reading(lines)), proxy_protocol="both", threads=1)
    with RawClient(proxy.address) as connection:
        assert connection.exchange(header + request()).status == 200
    is_six = b"TCP6" in header or header[13:14] == b"\x21"
    assert told(lines[0]) == ("2001:db8::7" if is_six else "203.0.113.7", 56324)


def test_client_without_an_address_is_not_spoken_of(weir, upstream, short_path):
    """README: gunicorn refuses UNKNOWN, so a client on a unix socket goes without a header."""
    app = upstream()
    address = f"unix:{short_path / 'weir.sock'}"
    weir(app, listen=address, proxy_protocol="send", threads=1)
    with RawClient(address) as connection:
        assert [connection.exchange(request()).status for _ in range(2)] == [200, 200]
    assert len(app.requests) == 2


def test_retry_tells_upstream_again(weir, upstream):
    """§2.1: a held request goes out on a connection that begins with the header."""
    lines: list[bytes] = []
    address = tcp_address()
    proxy = weir(address, ready=False, proxy_protocol="send", threads=1, upstream_wait="20s")
    with RawClient(proxy.address, timeout=20) as client:
        client.send(request())
        proxy.expect("http_server_active_requests", 1)
        upstream(reading(lines), address=address)
        assert client.read_response().status == 200
    assert told(lines[0])[0] == "127.0.0.1"


def test_tunnel_begins_behind_the_header(weir, upstream):
    """RFC 9110 §7.8: header, request, 101, then bytes."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        assert told(peer.read_line())[0] == "127.0.0.1"
        peer.read_head()
        peer.send(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
        peer.send(peer.read_exactly(4))
        ended.set()

    proxy = weir(upstream(script), proxy_protocol="send", threads=1)
    with RawClient(proxy.address) as client:
        client.send(request(Connection="upgrade", Upgrade="chat"))
        assert client.read_head().status == 101
        client.send(b"ping")
        assert client.read_exactly(4) == b"ping"
    assert ended.wait(10)
