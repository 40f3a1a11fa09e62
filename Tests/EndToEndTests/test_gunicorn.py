"""A real gunicorn behind weir: both worker classes, over TCP and over a unix socket."""

import hashlib
import http.client
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.addresses import tcp_address
from support.client import RawClient, chunked, fetch, request
from support.gunicorn import Gunicorn
from support.weir import Weir

PIECE = bytes(range(256)) * 256
MIB = 1024 * 1024


class Pod(NamedTuple):
    """weir and gunicorn side by side."""

    weir: Weir
    gunicorn: Gunicorn


@pytest.fixture(
    scope="module",
    params=[(kind, over) for kind in ("sync", "gthread") for over in ("tcp", "unix")],
    ids=lambda pair: "-".join(pair),
)
def pod(request, tmp_path_factory) -> Iterator[Pod]:
    """One pod for each worker class and transport."""
    kind, over = request.param
    directory = tmp_path_factory.mktemp(f"{kind}-{over}")
    sockets = Path(tempfile.mkdtemp(prefix="weir-"))
    address = tcp_address() if over == "tcp" else f"unix:{sockets / 'app.sock'}"
    gunicorn = Gunicorn(directory, address, worker_class=kind)
    try:
        weir = Weir(directory, address, threads=1)
        try:
            yield Pod(weir, gunicorn)
        finally:
            weir.stop()
    finally:
        gunicorn.stop()
        shutil.rmtree(sockets, ignore_errors=True)


def connection(pod: Pod) -> http.client.HTTPConnection:
    """A client of another make than the tests' own."""
    host, port = pod.weir.address.rsplit(":", 1)
    return http.client.HTTPConnection(host, int(port), timeout=30)


def test_get(pod):
    """The plainest case, with gunicorn's own fields intact."""
    response = fetch(pod.weir.address, request("/"))
    assert (response.status, response.reason, response.body) == (200, "OK", b"hello")
    assert response.get("content-type") == "text/html; charset=utf-8"
    assert response.get("content-length") == "5"
    assert (response.get("server") or "").startswith("gunicorn")
    assert response.get("date")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_body_reaches_the_app(pod, method):
    """Bytes and media type."""
    body = bytes(range(256))
    message = request("/echo", method, body, Content_Type="application/x-weir")
    response = fetch(pod.weir.address, message)
    assert (response.status, response.body) == (200, body)
    assert response.get("content-type") == "application/x-weir"


def test_large_upload_by_length(pod):
    """8 MiB, compared by hash."""
    body = hashlib.shake_128(b"upload").digest(8 * MIB)
    client = connection(pod)
    client.request("POST", "/digest", body)
    answer = json.load(client.getresponse())
    client.close()
    assert answer == {"sha256": hashlib.sha256(body).hexdigest(), "size": 8 * MIB}


def test_large_upload_in_chunks(pod):
    """RFC 9112 §7.1: chunks of sizes that match no buffer."""
    body = hashlib.shake_128(b"upload").digest(8 * MIB)
    client = connection(pod)
    pieces = (body[start : start + 77_777] for start in range(0, len(body), 77_777))
    client.request("POST", "/digest", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    answer = json.load(client.getresponse())
    client.close()
    assert answer == {"sha256": hashlib.sha256(body).hexdigest(), "size": 8 * MIB}


def test_large_download_by_length(pod):
    """8 MiB with Content-Length."""
    response = fetch(pod.weir.address, request("/sized/128"))
    assert response.get("content-length") == str(8 * MIB)
    assert response.body == PIECE * 128


def test_large_download_from_a_generator(pod):
    """gunicorn sends chunks when the app gives no length."""
    response = fetch(pod.weir.address, request("/generated/128"))
    assert response.all("transfer-encoding") == ["chunked"]
    assert response.body == PIECE * 128


def test_large_download_until_close(pod):
    """RFC 9112 §6.3: HTTP/1.0 knows no chunks; the end of the connection ends the body."""
    with RawClient(pod.weir.address) as client:
        response = client.exchange(b"GET /generated/128 HTTP/1.0\r\n\r\n")
        assert not {"transfer-encoding", "content-length"} & response.names
        assert response.body == PIECE * 128
        client.expect_end()


@pytest.mark.parametrize("path", ["/", "/sized/16", "/generated/2"])
def test_head_has_no_body(pod, path):
    """RFC 9110 §9.3.2; the connection goes on."""
    with RawClient(pod.weir.address) as client:
        head = client.exchange(request(path, "HEAD"), "HEAD")
        assert head.status == 200
        if path == "/sized/16":
            assert head.get("content-length") == str(MIB)
        assert client.exchange(request("/")).body == b"hello"


def test_204_has_no_body(pod):
    """RFC 9110 §15.3.5."""
    with RawClient(pod.weir.address) as client:
        assert client.exchange(request("/empty")).status == 204
        assert client.exchange(request("/")).body == b"hello"


def test_304_has_no_body(pod):
    """RFC 9110 §15.4.5."""
    with RawClient(pod.weir.address) as client:
        response = client.exchange(request("/unchanged", If_None_Match='"v1"'))
        assert (response.status, response.get("etag")) == (304, '"v1"')
        assert client.exchange(request("/")).body == b"hello"


def test_redirect_keeps_its_location(pod):
    """RFC 9110 §10.2.2: weir does not rewrite it."""
    response = fetch(pod.weir.address, request("/moved"))
    assert (response.status, response.get("location")) == (302, "/elsewhere?x=1")


def test_each_cookie_keeps_its_field(pod):
    """RFC 6265 §3: Set-Cookie fields are not to be folded into one."""
    cookies = fetch(pod.weir.address, request("/cookies")).all("set-cookie")
    assert [cookie.split(";")[0] for cookie in cookies] == ["a=1", "b=2", "c=3"]


@pytest.mark.parametrize(("path", "status"), [("/no/such/path", 404), ("/error", 500)])
def test_errors_of_the_app_are_its_own(pod, path, status):
    """weir adds nothing to them."""
    response = fetch(pod.weir.address, request(path))
    assert response.status == status
    assert response.body.startswith(b"<!doctype html>")
    assert pod.weir.sum("weir_gateway_errors_total") == 0


def test_response_arrives_while_it_is_produced(pod):
    """The first piece is here before the app has made the second."""
    name = f"gate-{len(list(pod.gunicorn.gates.iterdir()))}"
    with RawClient(pod.weir.address) as client:
        client.send(request(f"/gated/{name}"))
        head = client.read_head()
        assert head.get("content-type") == "text/event-stream; charset=utf-8"
        assert client.read_chunk() == b"first"
        assert not client.readable(0)
        (pod.gunicorn.gates / name).touch()
        assert client.read_chunk() == b"last"
        assert client.read_chunk() == b""


def test_app_sees_who_asked(pod):
    """X-Forwarded-* as WSGI hands them over, the path as the client wrote it."""
    message = request("/seen?a=%20b", X_Forwarded_For="203.0.113.7", X_Custom="value", X_Forwarded_Proto="https")
    seen = json.loads(fetch(pod.weir.address, message).body)
    fields = dict(seen["headers"])
    assert seen["path"] == "/seen?a=%20b"
    assert fields["Host"] == "weir.test"
    assert fields["X-Custom"] == "value"
    assert fields["X-Forwarded-For"] == "203.0.113.7, 127.0.0.1"
    assert fields["X-Forwarded-Proto"] == "https"
    assert fields["X-Forwarded-Host"] == "weir.test"
    assert seen["scheme"] == "https", "gunicorn trusts X-Forwarded-Proto from loopback and unix peers"


def test_client_connection_is_kept_whatever_gunicorn_does(pod):
    """RFC 9112 §9.3: a sync worker closes after each response, the client does not notice."""
    with RawClient(pod.weir.address) as client:
        for _ in range(5):
            response = client.exchange(request("/"))
            assert (response.status, response.closes) == (200, False)


def test_client_that_asks_for_close_gets_it(pod):
    """RFC 9112 §9.6; the app is not told (RFC 9110 §7.6.1)."""
    with RawClient(pod.weir.address) as client:
        response = client.exchange(request("/seen", Connection="close, X-Private", X_Private="1"))
        assert response.closes
        client.expect_end()
    assert "X-Private" not in dict(json.loads(response.body)["headers"])


def test_pipelined_requests_are_answered_in_order(pod):
    """RFC 9112 §9.3.2, although gunicorn itself never sees two at once."""
    messages = [
        request("/echo", "POST", b"one"),
        request("/"),
        request("/echo", "PUT", Transfer_Encoding="chunked") + chunked(b"th", b"ree"),
        request("/empty"),
        request("/echo", "POST", b"five"),
    ]
    with RawClient(pod.weir.address) as client:
        client.send(b"".join(messages))
        assert [client.read_response().body for _ in messages] == [b"one", b"hello", b"three", b"", b"five"]


def test_connections_to_gunicorn_are_reused_where_it_keeps_them(pod):
    """gthread keeps a connection, sync closes each (gunicorn's documented behaviour)."""
    fetch(pod.weir.address, request("/"))
    before = pod.weir.sum("weir_upstream_connects_total")
    with RawClient(pod.weir.address) as client:
        for _ in range(20):
            assert client.exchange(request("/")).status == 200
    opened = pod.weir.sum("weir_upstream_connects_total") - before
    if pod.gunicorn.worker_class == "sync":
        assert opened == 20
    else:
        assert opened <= 1
