# SPDX-License-Identifier: Apache-2.0
"""Answers that weir makes itself: their form, their fields, and what follows them (RFC 9110, RFC 9457)."""

import json
import re

import pytest
from support import weir as command
from support.client import RawClient, request
from support.upstream import OK, Peer, ScriptedUpstream

NEW_ID = re.compile("[0-9a-f]{32}")

REFUSED = {
    400: b"GET / HTTP/1.1\r\nHost: a b\r\n",
    405: b"CONNECT w:1 HTTP/1.1\r\nHost: w:1\r\n",
    413: b"POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 2000\r\n",
    414: b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: w\r\n",
    417: b"GET / HTTP/1.1\r\nHost: w\r\nExpect: x\r\n",
    501: b"POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: gzip\r\n",
    502: b"GET /502 HTTP/1.1\r\nHost: w\r\n",
    504: b"GET /504 HTTP/1.1\r\nHost: w\r\n",
    505: b"GET / HTTP/3.0\r\nHost: w\r\n",
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A weir whose answers are errors of its own, but for those to `/`."""

    def script(peer: Peer) -> None:
        target = peer.read_request().target
        if target == "/504":
            peer.wait_for_end()
        if target == "/":
            peer.send(OK)

    app = ScriptedUpstream(script)
    options = {"max_body": "1k", "max_target": "100", "response_timeout": "200ms", "threads": 1}
    proxy = command.Weir(tmp_path_factory.mktemp("failing"), app.address, **options)
    yield proxy, app
    proxy.kill()
    app.close()


@pytest.mark.parametrize(("status", "head"), REFUSED.items(), ids=REFUSED.keys())
def test_error_carries_its_request_id(failing, status, head):
    """Design §4: the same that upstream got, if it got one."""
    proxy, app = failing
    with RawClient(proxy.address) as client:
        response = client.exchange(head + b"\r\n")
    assert response.status == status
    assert NEW_ID.fullmatch(response.get("x-request-id"))
    assert response.get("content-type").startswith("text/plain")
    if status in (502, 504):
        assert app.requests[-1].all("x-request-id") == [response.get("x-request-id")]


@pytest.mark.parametrize("status", [417, 502, 504])
def test_error_keeps_the_request_id_of_a_trusted_peer(failing, status):
    """Design §4: so that the ingress finds it again."""
    with RawClient(failing[0].address) as client:
        response = client.exchange(REFUSED[status] + b"X-Request-ID: kept-1\r\n\r\n")
    assert (response.status, response.get("x-request-id")) == (status, "kept-1")


PROBLEM = [
    "application/problem+json", "APPLICATION/Problem+JSON", "text/html, application/problem+json",
    "application/problem+json;q=0.1",
    "application/problem+json; q=1.000", "application/problem+json;charset=utf-8",
    "text/plain;q=0.9,application/problem+json;q=0.5,*/*;q=0.1",
]  # fmt: skip
PLAIN = [
    "", "*/*", "application/*", "text/plain", "application/json", "application/problem+xml",
    "application/problem+json;q=0", "application/problem+json; q=0.000",
    "application/problem+jsonx", "xapplication/problem+json", 'text/html;a="application/problem+json"',
]  # fmt: skip


@pytest.mark.parametrize("accept", PROBLEM)
@pytest.mark.parametrize("status", [417, 502])
def test_error_is_a_problem_where_that_is_accepted(failing, status, accept):
    """RFC 9457 §3: the members it defines, and weir's own."""
    with RawClient(failing[0].address) as client:
        response = client.exchange(REFUSED[status] + f"Accept: {accept}\r\n\r\n".encode())
    assert response.status == status
    assert response.get("content-type") == "application/problem+json"
    problem = json.loads(response.body)
    assert (problem["status"], problem["request_id"]) == (status, response.get("x-request-id"))
    assert problem["title"] == response.reason
    assert {"type", "detail", "reason"} <= problem.keys()
    assert re.fullmatch("[a-z_]+", problem["reason"])


@pytest.mark.parametrize("accept", PLAIN, ids=ascii)
def test_error_is_text_otherwise(failing, accept):
    """RFC 9110 §12.5.1: a weight of 0 means not acceptable; a wildcard asks for nothing in particular."""
    with RawClient(failing[0].address) as client:
        response = client.exchange(REFUSED[502] + f"Accept: {accept}\r\n\r\n".encode())
    assert response.get("content-type").split(";")[0] == "text/plain"


# What follows an error


@pytest.mark.parametrize("accept", ["*/*", "application/problem+json"])
@pytest.mark.parametrize("status", [status for status in REFUSED if status not in (405, 505)])
def test_error_to_head_has_no_body(failing, status, accept):
    """RFC 9110 §9.3.2: its fields only; what is pipelined behind it is not mistaken for it."""
    data = re.sub(b"^[A-Z]+", b"HEAD", REFUSED[status]) + f"Accept: {accept}\r\n\r\n".encode()
    with RawClient(failing[0].address) as client:
        client.send(data + request())
        response = client.read_response("HEAD")
        assert (response.status, response.body) == (status, b"")
        if not response.closes:
            assert client.read_response().body == b"ok"
        client.finish_sending()
        client.expect_end()


@pytest.mark.parametrize("status", [502, 504])
def test_error_of_upstream_keeps_the_client(failing, status):
    """RFC 9112 §9.3: the client did nothing wrong, so its pipeline goes on."""
    with RawClient(failing[0].address) as client:
        client.send((REFUSED[status] + b"\r\n" + request()) * 3)
        statuses = [client.read_response().status for _ in range(6)]
    assert statuses == [status, 200] * 3


@pytest.mark.parametrize("status", [status for status in REFUSED if status not in (405, 505)])
@pytest.mark.parametrize("keeps", [b"", b"Connection: keep-alive\r\n"], ids=["close", "keep-alive"])
def test_error_to_http_1_0_is_framed_for_it(failing, status, keeps):
    """RFC 9112 §6.1, §9.3."""
    data = REFUSED[status].replace(b"HTTP/1.1", b"HTTP/1.0") + keeps + b"\r\n"
    with RawClient(failing[0].address) as client:
        response = client.exchange(data)
        # No expectation and no transfer coding in HTTP/1.0: the first is ignored, the second is malformed.
        assert response.status == {417: 200, 501: 400}.get(status, status)
        assert "transfer-encoding" not in response.names
        if not keeps or response.closes:
            client.expect_end()
    assert response.closes or (keeps and response.status in (200, 502, 504))


def test_405_says_what_is_allowed(failing):
    """RFC 9110 §15.5.6: MUST."""
    with RawClient(failing[0].address) as client:
        response = client.exchange(REFUSED[405] + b"\r\n")
    assert response.status == 405
    allowed = [method.strip() for method in (response.get("allow") or "").split(",")]
    assert "CONNECT" not in allowed
    assert {"GET", "HEAD", "POST"} <= set(allowed)


@pytest.mark.parametrize("status", REFUSED)
def test_error_says_nothing_that_the_client_has_said(failing, status):
    """RFC 9110 §17.2: nothing hostile is reflected, and a Date is there (§6.6.1)."""
    hostile = b"X-Evil: <script>alert(1)</script>\r\nReferer: http://evil.test/\r\n\r\n"
    with RawClient(failing[0].address) as client:
        response = client.exchange(REFUSED[status] + hostile)
    assert response.status == status
    assert (response.get("date") or "").endswith(" GMT")
    assert b"script" not in response.body
    assert not any("evil" in value or "script" in value for _, value in response.fields)
