# SPDX-License-Identifier: Apache-2.0
"""What upstream is told about the client, and whom weir believes (RFC 7239, RFC 9110 §7.6.3, design §4)."""

import re
import time

import pytest
from support import weir as command
from support.addresses import free_port
from support.client import RawClient, request
from support.upstream import OK, Arrived

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


@pytest.mark.parametrize(
    "peers",
    [
        "127.0.0.1",
        "127.0.0.0/8",
        "0.0.0.0/0",
        "10.0.0.0/8,127.0.0.1/32",
        "loopback",
        "unix,loopback",
        "127.0.0.0/31",
    ],
)
def test_peer_in_the_list_is_believed(stands, peers):
    """Design §3: networks, addresses and words; what it says is kept, and its address goes behind."""
    arrived = send(
        stands(trust_proxies=peers),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.test"),
        ("X-Forwarded-Port", "443"),
        ("Forwarded", "for=203.0.113.7;proto=https"),
        ("X-Request-ID", "kept-1"),
    )
    assert arrived.all("x-forwarded-for") == ["203.0.113.7, 127.0.0.1"]
    assert [arrived.all(f"x-forwarded-{name}") for name in ("proto", "host", "port")] == [
        ["https"],
        ["shop.test"],
        ["443"],
    ]
    assert arrived.all("x-request-id") == ["kept-1"]
    assert elements(arrived) == [{"for": "203.0.113.7", "proto": "https"}, hop("127.0.0.1")]


@pytest.mark.parametrize(
    "peers",
    [
        "none",
        "unix",
        "10.0.0.0/8",
        "127.0.0.2",
        "127.0.0.2/31",
        "128.0.0.0/1",
        "::1",
        "::/0",
        "192.168.0.0/16,fd00::/8",
    ],
)
def test_any_other_peer_is_not(stands, peers):
    """Design §4: what it says of others is replaced, all of it."""
    stand = stands(trust_proxies=peers)
    arrived = send(
        stand,
        ("X-Forwarded-For", "203.0.113.7"),
        ("x-forwarded-for", "203.0.113.8"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Forwarded-Ssl", "on"),
        ("X-Forwarded-Server", "evil"),
        ("Forwarded", "for=203.0.113.7;proto=https"),
        ("X-Request-ID", "evil-1"),
        ("X-Request-Start", "t=1"),
    )
    assert arrived.all("x-forwarded-for") == ["127.0.0.1"]
    assert [arrived.all(f"x-forwarded-{name}") for name in ("proto", "host", "port")] == [
        ["http"],
        ["weir.test"],
        ["80"],
    ]
    assert elements(arrived) == [hop("127.0.0.1")]
    assert not {"x-forwarded-prefix", "x-forwarded-ssl", "x-forwarded-server"} & arrived.names
    assert [bool(NEW_ID.fullmatch(value)) for value in arrived.all("x-request-id")] == [True]
    assert [value != "t=1" for value in arrived.all("x-request-start")] == [True]
    assert b"evil" not in arrived.head


@pytest.mark.parametrize(
    "peers", ["127.0.0.0/33", "::1/129", "127.0.0", "nobody", "127.0.0.1/", "127.0.0.1/x", "loopback/8"]
)
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


@pytest.mark.parametrize(
    ("host", "port"),
    [("weir.test", "80"), ("weir.test:81", "81"), ("[::1]", "80"), ("[::1]:81", "81"), ("weir.test:", "80")],
)
def test_port_is_the_one_that_was_asked_for(stands, host, port):
    """RFC 9110 §4.2.1: the port of the Host, 80 where it has none; that is what URLs are built from."""
    assert send(stands(**UNTRUSTED), host=host).all("x-forwarded-port") == [port]


def test_port_follows_the_scheme_that_is_believed(stands):
    """RFC 9110 §4.2.2: 443 for https where nobody names another."""
    assert send(stands(**TRUSTED), ("X-Forwarded-Proto", "https")).all("x-forwarded-port") == ["443"]


def test_forwarded_of_a_trusted_peer_in_several_lines_keeps_its_order(stands):
    """RFC 7239 §4: the list may be split over lines; the newest element is the last."""
    arrived = send(
        stands(**TRUSTED), ("Forwarded", "for=a"), ("X-B", "1"), ("forwarded", 'for="[::1]", for=b')
    )
    assert elements(arrived) == [{"for": "a"}, {"for": "[::1]"}, {"for": "b"}, hop("127.0.0.1")]


def test_words_of_a_peer_without_forwarded_are_translated(stands):
    """README, forwarding: whoever reads only Forwarded learns what X-Forwarded-* of a trusted peer say."""
    fields = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.test")]
    assert elements(send(stands(**TRUSTED), *fields)) == [
        {"for": "127.0.0.1", "host": "shop.test", "proto": "https"}
    ]
    assert elements(send(stands(**UNTRUSTED), *fields)) == [hop("127.0.0.1")]


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


@pytest.mark.parametrize(
    ("peers", "kept"),
    [("::1", True), ("::/0", True), ("loopback", True), ("127.0.0.0/8", False), ("::2/127", False)],
)
def test_ipv6_peer_is_matched_by_ipv6_networks(weir, upstream, peers, kept):
    """RFC 4291 §2.3."""
    app = upstream()
    address = f"[::1]:{free_port()}"
    weir(app, listen=address, trust_proxies=peers)
    with RawClient(address) as client:
        assert client.exchange(request(X_Request_ID="kept-1")).status == 200
    assert (app.only.all("x-request-id") == ["kept-1"]) == kept


@pytest.mark.parametrize(
    ("peers", "kept"),
    [
        ("unix", True),
        ("loopback,unix", True),
        ("loopback", False),
        ("none", False),
        ("0.0.0.0/0,::/0", False),
    ],
)
def test_unix_peer_is_believed_by_its_word_only(weir, upstream, short_path, peers, kept):
    """Design §3: it has no address; RFC 7239 §6.3: `unknown`, or nothing."""
    app = upstream()
    address = f"unix:{short_path / 'weir.sock'}"
    weir(app, listen=address, trust_proxies=peers)
    with RawClient(address) as client:
        assert (
            client.exchange(
                request(X_Request_ID="kept-1", X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="https")
            ).status
            == 200
        )
    assert (app.only.all("x-request-id") == ["kept-1"]) == kept
    assert app.only.all("x-forwarded-for") == (["203.0.113.7"] if kept else [])
    assert app.only.all("x-forwarded-proto") == ["https" if kept else "http"]
    assert elements(app.only) == [hop("unknown") | {"proto": "https" if kept else "http"}]


# X-Request-ID, X-Request-Start, Via

LONGEST = "a" * 128
KEPT = ["a", "0", "kept-1", "A.b_c~d+e/f=g:h@i-9", LONGEST, "550e8400-e29b-41d4-a716-446655440000"]
REPLACED = [
    "",
    " ",
    "a b",
    "a,b",
    "a;b",
    '"a"',
    "a'b",
    "<a>",
    "a{b}",
    "a\\b",
    "a%b",
    "a#b",
    "a?b",
    "a!b",
    "a\tb",
    "caf\xe9",
    LONGEST + "a",
    "a" * 5000,
]


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
@pytest.mark.parametrize(
    "sent", [[], ["1.0 a"], ["1.0 a, 1.1 b"], ["1.0 a", "1.1 b (comment, more)"]], ids=str
)
def test_via_grows_by_weir(stands, version, sent):
    """RFC 9110 §7.6.3: MUST; the version that was received, behind what came before."""
    arrived = send(stands(**UNTRUSTED), *[("Via", value) for value in sent], version=version)
    assert ", ".join(arrived.all("via")) == ", ".join([*sent, f"{version} weir"])
