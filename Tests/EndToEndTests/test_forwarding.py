# SPDX-License-Identifier: Apache-2.0
"""What upstream is told about the client, and whom weir believes (RFC 7239, RFC 9110 §7.6.3, design §4)."""

import json
import re
import time

import pytest
from support import weir as command
from support.addresses import free_port
from support.client import RawClient, request
from support.upstream import OK, Arrived, Peer, ScriptedUpstream

TRUSTED = {"trust_proxies": "loopback,unix"}
UNTRUSTED = {"trust_proxies": "none"}
PAIR = re.compile(r'([a-z]+)=([!#$%&\'*+.^_`|~0-9A-Za-z-]+|"[^"\\]*")')
NEW_ID = re.compile("[0-9a-f]{32}")


def send(stand, *fields: tuple[str, str], version: str = "1.1", target: str = "/", host: str = "weir.test"):
    """One request with these fields, as it reached the upstream."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return stand.forward(f"GET {target} HTTP/{version}\r\nHost: {host}\r\n{lines}\r\n".encode("latin-1"))


def elements(arrived: Arrived) -> list[dict[str, str]]:
    """The elements of Forwarded, without their quotes; what RFC 7239 §4 does not allow fails."""
    found = []
    for element in ", ".join(arrived.all("forwarded")).split(", "):
        pairs = [PAIR.fullmatch(pair) for pair in element.split(";")]
        assert all(pairs), element
        found.append({pair[1]: pair[2].strip('"') for pair in pairs})
    return found


def hop(address: str, host: str = "weir.test") -> dict[str, str]:
    """The element that weir adds for a peer (RFC 7239 §5): this hop, which is plain HTTP."""
    return {"for": address, "host": host, "proto": "http"}


# Whom weir believes


@pytest.mark.parametrize("peers", ["127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "10.0.0.0/8,127.0.0.1/32", "loopback", "unix,loopback", "127.0.0.0/31"])
def test_peer_in_the_list_is_believed(stands, peers):
    """Design §3: networks, addresses and words; what it says is kept, and its address goes behind."""
    arrived = send(
        stands(trust_proxies=peers), ("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.test"),
        ("X-Forwarded-Port", "443"), ("Forwarded", "for=203.0.113.7;proto=https"), ("X-Request-ID", "kept-1"),
    )  # fmt: skip
    assert arrived.all("x-forwarded-for") == ["203.0.113.7, 127.0.0.1"]
    assert [arrived.all(f"x-forwarded-{name}") for name in ("proto", "host", "port")] == [["https"], ["shop.test"], ["443"]]
    assert arrived.all("x-request-id") == ["kept-1"]
    assert elements(arrived) == [{"for": "203.0.113.7", "proto": "https"}, hop("127.0.0.1")]


@pytest.mark.parametrize("peers", ["none", "unix", "10.0.0.0/8", "127.0.0.2", "127.0.0.2/31", "128.0.0.0/1", "::1", "::/0", "192.168.0.0/16,fd00::/8"])
def test_any_other_peer_is_not(stands, peers):
    """Design §4: what it says of others is replaced, all of it."""
    stand = stands(trust_proxies=peers)
    arrived = send(
        stand, ("X-Forwarded-For", "203.0.113.7"), ("x-forwarded-for", "203.0.113.8"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Port", "443"), ("Forwarded", "for=203.0.113.7;proto=https"), ("X-Request-ID", "evil-1"), ("X-Forwarded-Prefix", "/evil"),
        ("X-Forwarded-Ssl", "on"), ("X-Forwarded-Server", "evil"), ("X-Request-Start", "t=1"),
    )  # fmt: skip
    port = stand.proxy.address.rsplit(":", 1)[1]
    assert arrived.all("x-forwarded-for") == ["127.0.0.1"]
    assert [arrived.all(f"x-forwarded-{name}") for name in ("proto", "host", "port")] == [["http"], ["weir.test"], [port]]
    assert elements(arrived) == [hop("127.0.0.1")]
    assert not {"x-forwarded-prefix", "x-forwarded-ssl", "x-forwarded-server"} & arrived.names
    assert [bool(NEW_ID.fullmatch(value)) for value in arrived.all("x-request-id")] == [True]
    assert [value != "t=1" for value in arrived.all("x-request-start")] == [True]
    assert b"evil" not in arrived.head


@pytest.mark.parametrize("peers", ["127.0.0.0/33", "::1/129", "127.0.0", "nobody", "127.0.0.1/", "127.0.0.1/x", "loopback/8"])
def test_list_that_is_no_list_is_refused(peers):
    """Design §3: one line that names the option and the value, exit 64."""
    result = command.run("--trust-proxies", peers)
    assert result.returncode == 64
    assert "trust-proxies" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_repeated_option_adds_up(weir, upstream):
    """Design §3: a list may be repeated, or separated by commas."""
    app = upstream()
    proxy = weir(app, trust_proxies="10.0.0.0/8,127.0.0.1")
    with RawClient(proxy.address) as client:
        assert client.exchange(request(X_Request_ID="kept-1")).status == 200
    assert app.only.all("x-request-id") == ["kept-1"]


# X-Forwarded-For and Forwarded


@pytest.mark.parametrize(
    ("sent", "joined"),
    [
        ([], "127.0.0.1"),
        (["203.0.113.7"], "203.0.113.7, 127.0.0.1"),
        (["203.0.113.7,10.0.0.1"], "203.0.113.7,10.0.0.1, 127.0.0.1"),
        (["203.0.113.7", "10.0.0.1"], "203.0.113.7, 10.0.0.1, 127.0.0.1"),
        (["2001:db8::7"], "2001:db8::7, 127.0.0.1"),
        (["203.0.113.7:1234"], "203.0.113.7:1234, 127.0.0.1"),
        (["unknown"], "unknown, 127.0.0.1"),
        ([""], "127.0.0.1"),
        (["not an address; '\"<>"], "not an address; '\"<>, 127.0.0.1"),
    ],
    ids=str,
)
def test_trusted_chain_grows_by_the_peer(stands, sent, joined):
    """Design §4: appended, in one line or several, order kept."""
    arrived = send(stands(**TRUSTED), *[("X-Forwarded-For", value) for value in sent])
    chain = ", ".join(value for value in arrived.all("x-forwarded-for") if value)
    assert chain.removeprefix(", ") == joined


@pytest.mark.parametrize("host", ["weir.test", "weir.test:8000", "[::1]:8000", "127.0.0.1"])
@pytest.mark.parametrize("options", [TRUSTED, UNTRUSTED], ids=["trusted", "untrusted"])
def test_forwarded_element_is_valid(stands, host, options):
    """RFC 7239 §4: a host with a colon is no token, so it is quoted."""
    arrived = send(stands(**options), host=host)
    assert elements(arrived) == [hop("127.0.0.1", host)]
    assert arrived.all("x-forwarded-host") == [host]


def test_forwarded_of_a_trusted_peer_in_several_lines_keeps_its_order(stands):
    """RFC 7239 §4: the list may be split over lines; the newest element is the last."""
    arrived = send(stands(**TRUSTED), ("Forwarded", "for=a"), ("X-B", "1"), ("forwarded", 'for="[::1]", for=b'))
    assert elements(arrived) == [{"for": "a"}, {"for": "[::1]"}, {"for": "b"}, hop("127.0.0.1")]


def test_absolute_target_names_the_forwarded_host(stands):
    """RFC 9112 §3.2.2: the Host of the request is void, here too."""
    arrived = send(stands(**UNTRUSTED), target="http://real.test:81/x", host="void.test")
    assert (arrived.all("host"), arrived.all("x-forwarded-host")) == (["real.test:81"], ["real.test:81"])
    assert elements(arrived) == [hop("127.0.0.1", "real.test:81")]
    assert b"void.test" not in arrived.head


def test_peer_on_ipv6_is_written_as_each_field_wants_it(weir, upstream):
    """RFC 7239 §6: in brackets and quotes; X-Forwarded-For takes it bare."""
    app = upstream()
    address = f"[::1]:{free_port()}"
    weir(app, listen=address, trust_proxies="none")
    with RawClient(address) as client:
        assert client.exchange(request()).status == 200
    assert app.only.all("x-forwarded-for") == ["::1"]
    assert elements(app.only) == [hop("[::1]")]
    assert app.only.all("x-forwarded-port") == [address.rsplit(":", 1)[1]]


@pytest.mark.parametrize(("peers", "kept"), [("::1", True), ("::/0", True), ("loopback", True), ("127.0.0.0/8", False), ("::2/127", False)])
def test_ipv6_peer_is_matched_by_ipv6_networks(weir, upstream, peers, kept):
    """RFC 4291 §2.3."""
    app = upstream()
    address = f"[::1]:{free_port()}"
    weir(app, listen=address, trust_proxies=peers)
    with RawClient(address) as client:
        assert client.exchange(request(X_Request_ID="kept-1")).status == 200
    assert (app.only.all("x-request-id") == ["kept-1"]) == kept


@pytest.mark.parametrize(("peers", "kept"), [("unix", True), ("loopback,unix", True), ("loopback", False), ("none", False), ("0.0.0.0/0,::/0", False)])
def test_unix_peer_is_believed_by_its_word_only(weir, upstream, short_path, peers, kept):
    """Design §3: it has no address; RFC 7239 §6.3: `unknown`, or nothing."""
    app = upstream()
    address = f"unix:{short_path / 'weir.sock'}"
    weir(app, listen=address, trust_proxies=peers)
    with RawClient(address) as client:
        assert client.exchange(request(X_Request_ID="kept-1", X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")).status == 200
    assert (app.only.all("x-request-id") == ["kept-1"]) == kept
    assert app.only.all("x-forwarded-for") == (["203.0.113.7"] if kept else [])
    assert app.only.all("x-forwarded-proto") == ["https" if kept else "http"]
    assert elements(app.only) == [hop("unknown")]


# X-Request-ID, X-Request-Start, Via

LONGEST = "a" * 128
KEPT = ["a", "0", "kept-1", "A.b_c~d+e/f=g:h@i-9", LONGEST, "550e8400-e29b-41d4-a716-446655440000"]
REPLACED = ["", " ", "a b", "a,b", "a;b", '"a"', "a'b", "<a>", "a{b}", "a\\b", "a%b", "a#b", "a?b", "a!b", "a\tb", "caf\xe9", LONGEST + "a", "a" * 5000]


@pytest.mark.parametrize("value", KEPT, ids=lambda value: value[:40])
def test_request_id_of_a_trusted_peer_is_kept(stands, value):
    """Design §4: 1 to 128 harmless characters."""
    assert send(stands(**TRUSTED), ("X-Request-ID", value)).all("x-request-id") == [value]


@pytest.mark.parametrize("value", REPLACED, ids=lambda value: ascii(value)[:40])
def test_other_request_id_is_replaced(stands, value):
    """Design §4: it goes into logs and answers, so it cannot be just anything."""
    (new,) = send(stands(**TRUSTED), ("X-Request-ID", value)).all("x-request-id")
    assert NEW_ID.fullmatch(new)


def test_repeated_request_id_becomes_one(stands):
    """One request has one."""
    arrived = send(stands(**TRUSTED), ("X-Request-ID", "one"), ("x-request-id", "two"))
    assert len(arrived.all("x-request-id")) == 1


def test_new_request_ids_differ(stands):
    """Over one connection and over several."""
    stand = stands(**UNTRUSTED)
    target = stand.answer(OK)
    for _ in range(5):
        with stand.client() as client:
            client.send(request(target) * 20)
            assert [client.read_response().status for _ in range(20)] == [200] * 20
    ids = {value for one in stand.arrived(target) for value in one.all("x-request-id")}
    assert len(ids) == 100
    assert all(NEW_ID.fullmatch(value) for value in ids)


def test_request_start_is_now(stands):
    """Design §4: microseconds since the epoch, at the request's first byte."""
    before = time.time_ns() // 1000
    (value,) = send(stands(**UNTRUSTED)).all("x-request-start")
    assert re.fullmatch(r"t=[0-9]{16}", value)
    assert before - 2_000_000 <= int(value[2:]) <= time.time_ns() // 1000 + 2_000_000


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("sent", [[], ["1.0 a"], ["1.0 a, 1.1 b"], ["1.0 a", "1.1 b (comment, more)"]], ids=str)
def test_via_grows_by_weir(stands, version, sent):
    """RFC 9110 §7.6.3: MUST; the version that was received, behind what came before."""
    arrived = send(stands(**UNTRUSTED), *[("Via", value) for value in sent], version=version)
    assert ", ".join(arrived.all("via")) == ", ".join([*sent, f"{version} weir"])


# Answers that weir makes itself

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
    """A weir whose every answer is an error of its own."""
    def script(peer: Peer) -> None:
        if peer.read_request().target == "/504":
            peer.wait_for_end()

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
    "application/problem+json", "APPLICATION/Problem+JSON", "text/html, application/problem+json", "application/problem+json;q=0.1",
    "application/problem+json; q=1.000", "application/problem+json;charset=utf-8", "text/plain;q=0.9,application/problem+json;q=0.5,*/*;q=0.1",
]  # fmt: skip
PLAIN = [
    "", "*/*", "application/*", "text/plain", "application/json", "application/problem+xml", "application/problem+json;q=0", "application/problem+json; q=0.000",
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
