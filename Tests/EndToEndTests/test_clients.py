"""Clients of other makes, directly against gunicorn and through weir: both ways they see the same."""

import contextlib
import functools
import hashlib
import json
import re
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from support.addresses import tcp_address
from support.client import fetch, request
from support.clients import CLIENTS, Client, Curl, Seen
from support.gunicorn import Gunicorn
from support.weir import Weir
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

MIB = 1024 * 1024
LARGE = hashlib.shake_128(b"large").digest(5 * MIB)
TEXT = {"name": "weïr", "quote": 'a "b" & c=d', "snowman": "☃"}

OF_ONE_HOP = {"connection", "date", "keep-alive", "transfer-encoding"}
"""Fields of a response that may differ: of one hop, or of the moment."""

ADDED = {
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
    "x-request-id", "x-request-start",
}  # fmt: skip
"""Fields that weir adds towards gunicorn (design §4)."""

VARYING = re.compile(r"(?<=boundary=)[-0-9a-f]+|-{20,}[-0-9a-f]+|(?<=Expires=)[^;]+")
"""Boundaries that a client makes up, and times that are counted from now."""

FRAMING = {"connection", "content-length", "expect", "keep-alive", "te", "transfer-encoding"}
"""Fields of a request that each hop writes anew."""


class Pod(NamedTuple):
    """gunicorn at its own address, and weirs that reach it over each transport."""

    gunicorn: Gunicorn
    direct: str
    weirs: dict[str, Weir]


@pytest.fixture(scope="module")
def pods(tmp_path_factory) -> Iterator[Callable[[str], Pod]]:
    """One pod for each worker class, started when it is first asked for."""
    with contextlib.ExitStack() as stack:

        def started(one):
            stack.callback(one.stop)
            return one

        @functools.cache
        def pod(worker_class: str) -> Pod:
            directory = tmp_path_factory.mktemp(worker_class)
            sockets = Path(tempfile.mkdtemp(prefix="weir-"))
            stack.callback(shutil.rmtree, sockets, ignore_errors=True)
            tcp, unix = tcp_address(), f"unix:{sockets / 'app.sock'}"
            options = ("--bind", unix)
            gunicorn = started(
                Gunicorn(directory, tcp, worker_class=worker_class, application="clients", options=options)
            )
            over = {"tcp": tcp, "unix": unix}
            weirs = {name: started(Weir(directory, over[name], threads=1)) for name in over}
            return Pod(gunicorn, tcp, weirs)

        yield pod


@pytest.fixture(params=["sync", "gthread", "gevent"])
def pod(request, pods) -> Pod:
    """Each of them."""
    return pods(request.param)


Action = Callable[[Client], Seen | list[Seen]]


def get(path: str, **fields: str) -> Action:
    """A GET."""
    return lambda client: client.exchange("GET", path, named(fields))


def named(fields: dict[str, str]) -> dict[str, str]:
    """Keywords as field names: `_` stands for `-`."""
    return {name.replace("_", "-"): value for name, value in fields.items()}


def with_body(method: str, path: str, body: bytes, **fields: str) -> Action:
    """A request with Content-Length."""
    return lambda client: client.exchange(method, path, named(fields), body)


def in_chunks(path: str, size: int, total: int) -> Action:
    """A PUT of the first `total` bytes from a generator."""

    def pieces() -> Iterator[bytes]:
        yield from (LARGE[start : min(start + size, total)] for start in range(0, total, size))

    return lambda client: client.exchange("PUT", path, None, pieces)


def keep_alive(client: Client) -> list[Seen]:
    """Many requests of one session."""
    turns = []
    for turn in range(5):
        turns.append(client.exchange("GET", f"/get?turn={turn}"))
        turns.append(client.exchange("POST", "/own/echo", None, b"turn %d" % turn))
        turns.append(client.exchange("GET", f"/status/{(200, 204, 304, 404, 500)[turn % 5]}"))
        turns.append(client.exchange("HEAD", "/own/sized/1"))
    return turns


def cookies(client: Client) -> list[Seen]:
    """Cookies that one answer sets come back with the next request, and go when they are deleted."""
    paths = ["/cookies/set?a=1&b=two", "/cookies", "/cookies/delete?a", "/cookies", "/own/cookies"]
    return [client.exchange("GET", path) for path in paths]


ACTIONS: dict[str, Action] = {
    "get": get("/get?a=1&b=&c&a=2"),
    "get-of-a-unicode-path": get("/anything/caf%C3%A9/%E2%98%83?q=%E2%98%83"),
    "get-with-fields": get("/headers", X_Custom="a, b", Accept_Language="de;q=0.5", User_Agent="weir-test"),
    "head": lambda client: client.exchange("HEAD", "/html"),
    "head-with-length": lambda client: client.exchange("HEAD", "/own/sized/16"),
    "head-of-chunks": lambda client: client.exchange("HEAD", "/own/generated/2"),
    "head-of-404": lambda client: client.exchange("HEAD", "/status/404"),
    "options": lambda client: client.exchange("OPTIONS", "/get"),
    "post": with_body("POST", "/post", b"plain body", Content_Type="text/plain"),
    "post-empty": with_body("POST", "/post", b""),
    "put": with_body("PUT", "/put", bytes(range(256)), Content_Type="application/octet-stream"),
    "patch": with_body("PATCH", "/patch", b"[]", Content_Type="application/json-patch+json"),
    "delete": lambda client: client.exchange("DELETE", "/delete"),
    "delete-with-body": with_body("DELETE", "/delete", b"body", Content_Type="text/plain"),
    "other-method": with_body("REPORT", "/own/echo", b"body"),
    "method-not-allowed": with_body("POST", "/get", b"body"),
    "form": lambda client: client.form("/post", TEXT),
    "json": lambda client: client.json("/post", TEXT),
    "multipart": lambda client: client.multipart("/post", "weir.bin", LARGE[:70_000]),
    "upload": with_body("POST", "/own/digest", LARGE),
    "upload-expecting-100": with_body("POST", "/own/digest", LARGE[:100_000], Expect="100-continue"),
    "upload-in-chunks": in_chunks("/own/digest", 77_777, len(LARGE)),
    "upload-in-small-chunks": in_chunks("/put", 7, 1000),
    "download": get("/own/sized/80"),
    "download-of-chunks": lambda client: client.download("/own/generated/80"),
    "streaming-json": lambda client: client.download("/stream/20"),
    "streaming-bytes": lambda client: client.download("/stream-bytes/65536?seed=7&chunk_size=1000"),
    "streaming-slowly": lambda client: client.download("/drip?duration=0.1&numbytes=5&code=200"),
    "gzip": lambda client: client.download("/gzip"),
    "deflate": lambda client: client.download("/deflate"),
    "brotli": lambda client: client.download("/brotli"),
    "range": get("/range/4096", Range="bytes=100-1999"),
    "range-from-the-end": get("/range/4096", Range="bytes=-10"),
    "range-not-satisfiable": get("/range/4096", Range="bytes=5000-"),
    "redirect": get("/redirect-to?url=%2Fget%3Fx%3D1&status_code=307"),
    "redirects-followed": lambda client: client.follow("/redirect/3"),
    "absolute-redirects-followed": lambda client: client.follow("/absolute-redirect/2"),
    "redirect-followed-with-cookies": lambda client: client.follow("/cookies/set?c=3&d=4"),
    "cookies": cookies,
    "repeated-fields": get("/response-headers?X-Twice=1&X-Twice=2&Server-Timing=a"),
    "etag-matches": get("/etag/v1", If_None_Match='"v1"'),
    "etag-differs": get("/etag/v1", If_Match='"v2"'),
    "cache-control": get("/cache/60"),
    "not-modified": get("/cache", If_Modified_Since="Sun, 22 Nov 2026 00:00:00 GMT"),
    "basic-auth": lambda client: client.authenticate("/basic-auth/user/pass%3Aword", "user", "pass:word"),
    "basic-auth-wrong": lambda client: client.authenticate("/basic-auth/user/right", "user", "wrong"),
    "bearer": get("/bearer", Authorization="Bearer abc.def~+/="),
    "delay": get("/delay/0.05"),
    "utf8": get("/encoding/utf8"),
    "image": get("/image/png"),
    "error-of-the-app": get("/own/error"),
    "keep-alive": keep_alive,
    **{f"status-{status}": get(f"/status/{status}") for status in (201, 202, 204, 304, 400, 404, 418, 429, 500, 503)},
}


def without(fields: Iterable[tuple[str, str]], names: set[str]) -> list[tuple[str, str]]:
    """The other fields, with their names in lower case, as HTTP compares them."""
    return sorted((name.lower(), value) for name, value in fields if name.lower() not in names)


def documents(text: str) -> list[dict]:
    """The JSON documents that follow each other in a text."""
    decoder, values = json.JSONDecoder(), []
    while text:
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:].lstrip()
    return values


def comparable(seen: Seen, address: str) -> object:
    """A response without what must differ: address, moment, fields of one hop, echoes of what weir adds."""

    def neutral(text: str) -> str:
        return VARYING.sub("…", text.replace(address, "ADDRESS"))

    fields = without(((name, neutral(value)) for name, value in seen.fields), OF_ONE_HOP)
    if len(seen.body) > 200_000:
        return seen.status, fields, hashlib.sha256(seen.body).hexdigest(), seen.interim
    body = neutral(seen.body.decode("latin-1"))
    if ("content-type", "application/json") not in fields:
        return seen.status, fields, body, seen.interim
    values = documents(body)
    for value in values:
        if "headers" in value:
            value["headers"] = dict(without(value["headers"].items(), ADDED | FRAMING))
            fields = without(fields, {"content-length"})
    return seen.status, fields, values, seen.interim


OF_BODIES_AND_CONNECTIONS = {
    "head-with-length", "head-of-chunks", "post", "post-empty", "delete-with-body", "form", "multipart",
    "upload", "upload-expecting-100", "upload-in-chunks", "upload-in-small-chunks", "download",
    "download-of-chunks", "streaming-slowly", "gzip", "redirects-followed", "cookies", "keep-alive",
    "status-204", "status-304", "error-of-the-app",
}  # fmt: skip
"""Actions in which the worker class can matter: those are asked of every client in each."""

NOT_OF_CURL_2 = {"upload", "upload-in-chunks", "upload-in-small-chunks", "redirects-followed"}
"""In HTTP/2 curl expects no 100; and Debian's 7.88 fails when it goes on with a connection, whoever the server is."""


CASES = [
    (worker_class, maker, name)
    for worker_class in ("sync", "gthread", "gevent")
    for maker in CLIENTS
    for name in ACTIONS
    if maker == "requests" or worker_class == "gthread" or name in OF_BODIES_AND_CONNECTIONS
    if maker != "curl-2" or name in OF_BODIES_AND_CONNECTIONS - NOT_OF_CURL_2
    if CLIENTS[maker].without_weir is None or worker_class == "gthread"
    if CLIENTS[maker].chunks or name not in ("upload-in-chunks", "upload-in-small-chunks")
]


@pytest.mark.parametrize(("pod", "maker", "name"), CASES, indirect=["pod"])
def test_passes_as_it_does_directly(pod, maker, name):
    """Status, fields, body and interim responses are the same with weir in between."""

    def outcome(address: str, make: type[Client] = CLIENTS[maker]) -> object:
        with make(address) as client:
            seen = ACTIONS[name](client)
        return [comparable(one, address) for one in (seen if isinstance(seen, list) else [seen])]

    expected = outcome(pod.direct, CLIENTS[maker].without_weir or CLIENTS[maker])
    for over in ("tcp", "unix") if maker == "requests" else ("unix",):
        assert outcome(pod.weirs[over].address) == expected, f"over {over}"


TARGETS = [
    "/raw",
    "/raw/",
    "/raw//a///b",
    "/raw/a/../b/./c/..",
    "/raw/%2e%2e/%2F%5c%00%0d%0a%7F%ff",
    "/raw/%c3%a9/%C3%A9/%e2%98%83",
    "/raw/;a=1;b/:@!$&'()*+,=-._~",
    "/raw?",
    "/raw??a=?&b=/&&c",
    "/raw?a=%20+%2B&a=&=b;c",
    "/raw?q=" + "0123456789abcdef" * 200,
    "http://weir.test/raw/absolute?form=1",
]
"""Targets whose every byte has a meaning for some application."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:40])
def test_target_passes_byte_for_byte(pod, target):
    """RFC 9112 §3.2: a gateway rewrites nothing but the form of the target."""
    expected = target.removeprefix("http://weir.test")
    for weir in pod.weirs.values():
        assert fetch(weir.address, request(target)).text == expected


@pytest.mark.parametrize("maker", ["requests", "httpx", "urllib3"])
def test_session_stays_on_one_connection(pod, maker):
    """Fifty requests with bodies of all kinds: whatever gunicorn does, the client need not connect again."""
    weir = pod.weirs["unix"]
    before = weir.sum("weir_connections_total")
    with CLIENTS[maker](weir.address) as client:
        for turn in range(10):
            assert client.exchange("GET", "/own/").body == b"hello"
            assert client.exchange("POST", "/own/echo", None, b"%d" % turn).body == b"%d" % turn
            assert client.exchange("HEAD", "/own/sized/1").status == 200
            assert client.exchange("GET", "/own/unchanged").status == 304
            assert len(client.download("/own/generated/2").body) == 128 * 1024
    assert weir.sum("weir_connections_total") == before + 1


def test_curl_stays_on_one_connection(pod):
    """curl itself tells how often it connected."""
    weir = pod.weirs["unix"]
    with Curl(weir.address) as curl:
        url = f"http://{weir.address}/own/empty"
        told = curl.run("--write-out", "%{num_connects} %{http_code}\\n", *[url] * 5)
    assert told == b"1 204\n" + b"0 204\n" * 4


def test_digest_authentication(pod):
    """A 401, then the request again with an answer that covers the target."""
    for weir in pod.weirs.values():
        with requests.Session() as session:
            url = f"http://{weir.address}/digest-auth/auth/user/secret"
            answer = session.get(url, auth=requests.auth.HTTPDigestAuth("user", "secret"), timeout=30)
        assert (answer.status_code, [one.status_code for one in answer.history]) == (200, [401])


MESSAGES = ["", "text", "weïr ☃", b"", b"\x00\xff" * 100, LARGE[:MIB], "ü" * 40_000]


@contextlib.contextmanager
def websocket(address: str, **options: object) -> Iterator[ClientConnection]:
    """A WebSocket to the echo."""
    uri = f"ws://{address}/own/websocket"
    with connect(uri, proxy=None, max_size=2 * MIB, open_timeout=30, **options) as peer:
        yield peer


@pytest.fixture(params=["direct", "tcp", "unix"])
def door(request, pod) -> str:
    """Where a WebSocket enters: what holds directly holds through weir."""
    return pod.direct if request.param == "direct" else pod.weirs[request.param].address


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_websocket_echoes(pod, door, compression):
    """RFC 6455 §5.6: text and binary, from nothing to 1 MiB, compressed or not."""
    with websocket(door, compression=compression) as peer:
        assert ("permessage-deflate" in peer.response.headers.get("Sec-WebSocket-Extensions", "")) == bool(compression)
        for message in MESSAGES:
            peer.send(message)
            assert peer.recv(30) == message


def test_websocket_takes_fragments_and_bursts(pod, door):
    """RFC 6455 §5.4, and many messages on their way at once."""
    with websocket(door) as peer:
        peer.send(["in ", "three ", "pieces"])
        assert peer.recv(30) == "in three pieces"
        for number in range(200):
            peer.send(str(number))
        assert [peer.recv(30) for _ in range(200)] == [str(number) for number in range(200)]


def test_websocket_answers_pings(pod, door):
    """RFC 6455 §5.5.3: the pong carries what the ping carried."""
    with websocket(door) as peer:
        for payload in (b"", b"payload", bytes(125)):
            assert peer.ping(payload).wait(30)


def test_websocket_closed_by_the_client(pod, door):
    """RFC 6455 §7.1.5: the server answers with the code that it was given."""
    with websocket(door) as peer:
        peer.close(3001, "enough")
        assert (peer.protocol.close_rcvd.code, peer.protocol.close_rcvd_then_sent) == (3001, False)


def test_websocket_closed_by_the_app(pod, door):
    """RFC 6455 §7.4.2: code and reason reach the client."""
    with websocket(door) as peer:
        peer.send("close 4001 as asked")
        with pytest.raises(ConnectionClosed):
            peer.recv(30)
        assert (peer.close_code, peer.close_reason) == (4001, "as asked")


def test_websocket_refused_by_the_app(pod, door):
    """A path without WebSocket answers as it does to everybody."""
    with pytest.raises(InvalidStatus) as refusal, connect(f"ws://{door}/status/403", proxy=None):
        pass
    assert refusal.value.response.status_code == 400


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_websocket_is_counted_as_a_tunnel(pod, over):
    """A 101 among the requests, in no duration family; the gauge falls when a client vanishes."""
    weir = pod.weirs[over]
    before = weir.metrics()
    with websocket(weir.address, compression=None) as peer:
        peer.send(bytes(1000))
        peer.recv(30)
        weir.expect("weir_tunnels", 1)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.socket.close()
        weir.expect("weir_tunnels", 0)
    after = weir.metrics()

    def grown(name: str, **labels: str) -> float:
        return after.sum(name, **labels) - before.sum(name, **labels)

    weir.expect("flask_response_code", before.sum("flask_response_code", status="101") + 1, status="101")
    assert grown("flask_request_duration_count") == 0
    assert grown("weir_tunnel_bytes_total", direction="receive") >= 1000
    assert grown("weir_tunnel_bytes_total", direction="transmit") >= 1000
    weir.expect("http_server_active_requests", 0)
    assert fetch(weir.address, request("/own/")).body == b"hello"
