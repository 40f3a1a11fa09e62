"""Ways to wire client, ingress, weir, gunicorn and ProxyFix: Flask knows the client in each."""

import json
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.addresses import tcp_address
from support.client import RawClient, request
from support.gunicorn import Gunicorn
from support.weir import Weir

CLIENT = "203.0.113.7"
"""Whom an ingress, or a PROXY header, speaks for."""

INGRESS = {
    "X_Forwarded_For": CLIENT,
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "app.example",
    "X_Forwarded_Port": "443",
}
"""What an ingress that ends TLS says."""

OPTIONS = {
    "plain": (),
    "proxy-protocol": ("--proxy-protocol", "v1"),
    "distrustful": ("--forwarded-allow-ips", "192.0.2.1"),
}
"""gunicorns by name, and what each is started with."""


class Who(NamedTuple):
    """What the application knows."""

    remote: str
    secure: bool
    url: str


class Wirings:
    """The gunicorns, each on TCP and on a unix socket, and weirs that are started when first asked for."""

    def __init__(self, directory: Path, sockets: Path) -> None:
        self._directory = directory
        self._sockets = sockets
        self._started: list[Weir | Gunicorn] = []
        self._upstreams: dict[tuple[str, str], str] = {}
        self._weirs: dict[object, Weir] = {}

    def upstream(self, gunicorn: str, over: str) -> str:
        """The address of a gunicorn over `tcp` or `unix`."""
        if (gunicorn, over) not in self._upstreams:
            addresses = tcp_address(), f"unix:{self._sockets / f'{gunicorn}.sock'}"
            directory = self._directory / gunicorn
            directory.mkdir()
            options = ("--bind", addresses[1], *OPTIONS[gunicorn])
            self._started.append(
                Gunicorn(directory, addresses[0], workers=1, application="wirings", options=options)
            )
            self._upstreams.update(zip(((gunicorn, "tcp"), (gunicorn, "unix")), addresses, strict=True))
        return self._upstreams[gunicorn, over]

    def weir(self, gunicorn: str, over: str, **options: str) -> Weir:
        """The weir with these options in front of that gunicorn."""
        key = gunicorn, over, *options.items()
        if key not in self._weirs:
            self._weirs[key] = Weir(self._directory, self.upstream(gunicorn, over), threads=1, **options)
            self._started.append(self._weirs[key])
        return self._weirs[key]

    def unix_listener(self, over: str) -> str:
        """The address of a weir that listens on a unix socket."""
        address = f"unix:{self._sockets / f'weir-{over}.sock'}"
        self.weir("plain", over, listen=address)
        return address

    def stop(self) -> None:
        """Ends all of them, the weirs first."""
        for one in reversed(self._started):
            one.stop()


@pytest.fixture(scope="module")
def wirings(tmp_path_factory) -> Iterator[Wirings]:
    """All of them."""
    sockets = Path(tempfile.mkdtemp(prefix="weir-"))
    made = Wirings(tmp_path_factory.mktemp("wirings"), sockets)
    yield made
    made.stop()
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture(params=["tcp", "unix"])
def over(request) -> str:
    """How weir reaches gunicorn; most wirings do not depend on it."""
    return request.param


def ask(address: str, path: str, host: str | None = None, prelude: bytes = b"", **fields: str) -> Who:
    """What the application knows of this request; `Host` is the address unless given."""
    message = request(path, **fields).replace(b"weir.test", (host or address).encode())
    with RawClient(address) as client:
        response = client.exchange(prelude + message)
    assert response.status == 200, response
    return Who(**json.loads(response.body))


# A client of weir's own port


def test_client_with_proxy_fix(wirings, over):
    """ProxyFix with a count of one: X-Forwarded-* of weir are true."""
    address = wirings.weir("plain", over).address
    assert ask(address, "/one/who") == Who("127.0.0.1", False, f"http://{address}/one/who")


def test_client_without_proxy_fix(wirings, over):
    """Flask then sees gunicorn's peer, which is weir: nobody over a unix socket."""
    address = wirings.weir("plain", over).address
    expected = Who("127.0.0.1" if over == "tcp" else "", False, f"http://{address}/who")
    assert ask(address, "/who") == expected


def test_client_of_a_published_port(wirings, over):
    """`docker run -p 80:8000`, or a Service: the URL has the port that the client asked, which Host tells."""
    address = wirings.weir("plain", over).address
    assert ask(address, "/one/who", "app.example") == Who("127.0.0.1", False, "http://app.example/one/who")
    expected = Who("127.0.0.1", False, "http://app.example:8080/one/who")
    assert ask(address, "/one/who", "app.example:8080") == expected


# Behind an ingress that weir trusts


def test_ingress_with_proxy_fix(wirings, over):
    """weir appends the ingress to X-Forwarded-For, so the client is the second from the right."""
    address = wirings.weir("plain", over).address
    expected = Who(CLIENT, True, "https://app.example/two/who")
    assert ask(address, "/two/who", "app.internal:8000", **INGRESS) == expected


def test_ingress_with_too_small_a_count(wirings, over):
    """With a count of one for X-Forwarded-For the application sees the ingress."""
    address = wirings.weir("plain", over).address
    expected = Who("127.0.0.1", True, "https://app.example/one/who")
    assert ask(address, "/one/who", "app.internal:8000", **INGRESS) == expected


def test_two_proxies_before_weir(wirings, over):
    """What the client itself has put in front is not counted."""
    address = wirings.weir("plain", over).address
    chain = {**INGRESS, "X_Forwarded_For": f"198.51.100.66, {CLIENT}"}
    expected = Who(CLIENT, True, "https://app.example/two/who")
    assert ask(address, "/two/who", "app.internal", **chain) == expected


def test_ingress_that_keeps_host_and_names_no_port(wirings, over):
    """The port is that of the scheme: the listener's is none of the client's business."""
    address = wirings.weir("plain", over).address
    fields = {"X_Forwarded_For": CLIENT, "X_Forwarded_Proto": "https"}
    expected = Who(CLIENT, True, "https://app.example/two/who")
    assert ask(address, "/two/who", "app.example", **fields) == expected


def test_ingress_that_names_the_scheme_otherwise(wirings, over):
    """gunicorn refuses a request whose X-Forwarded-Ssl and X-Forwarded-Proto disagree."""
    address = wirings.weir("plain", over).address
    who = ask(address, "/who", "app.example", X_Forwarded_Ssl="on")
    assert (who.secure, who.url) == (True, "https://app.example/who")


def test_gunicorn_believes_the_scheme_without_proxy_fix(wirings, over):
    """forwarded_allow_ips has loopback by default, and unix peers always."""
    address = wirings.weir("plain", over).address
    who = ask(address, "/who", "app.example", **INGRESS)
    assert (who.secure, who.url) == (True, "https://app.example/who")


def test_gunicorn_that_trusts_another_peer_only(wirings, over):
    """forwarded_allow_ips holds over TCP, and means nothing over a unix socket; ProxyFix does not ask it."""
    address = wirings.weir("distrustful", over).address
    assert ask(address, "/who", "app.example", **INGRESS).secure == (over == "unix")
    assert ask(address, "/two/who", "app.example", **INGRESS).secure


# Peers that lie


def test_lies_of_an_untrusted_peer(wirings, over):
    """All four fields are replaced."""
    address = wirings.weir("plain", over, trust_proxies="none").address
    expected = Who("127.0.0.1", False, f"http://{address}/one/who")
    assert ask(address, "/one/who", Forwarded="for=1.2.3.4;proto=https", **INGRESS) == expected


@pytest.mark.parametrize("field", ["X_Forwarded_Ssl", "X_Forwarded_Protocol"])
def test_lies_that_only_gunicorn_would_believe(wirings, over, field):
    """secure_scheme_headers has three names; an untrusted peer gets none of them through."""
    address = wirings.weir("plain", over, trust_proxies="none").address
    value = {"X_Forwarded_Ssl": "on", "X_Forwarded_Protocol": "ssl"}[field]
    assert not ask(address, "/who", **{field: value}).secure


def test_lies_in_longer_chains(wirings, over):
    """ProxyFix that counts one too many finds nothing, and leaves gunicorn's peer."""
    address = wirings.weir("plain", over, trust_proxies="none").address
    expected = "127.0.0.1" if over == "tcp" else ""
    assert ask(address, "/two/who", X_Forwarded_For="1.2.3.4, 5.6.7.8").remote == expected


# PROXY protocol towards gunicorn


def test_proxy_protocol_to_gunicorn(wirings, over):
    """remote_addr is right without ProxyFix, and Host is the client's own."""
    address = wirings.weir("proxy-protocol", over, proxy_protocol="send").address
    for _ in range(3):
        assert ask(address, "/who") == Who("127.0.0.1", False, f"http://{address}/who")


def test_proxy_protocol_to_gunicorn_behind_an_ingress(wirings, over):
    """The rightmost untrusted address of X-Forwarded-For goes in the header; the scheme is gunicorn's to take."""
    address = wirings.weir("proxy-protocol", over, proxy_protocol="send").address
    assert ask(address, "/who", "app.example", **INGRESS) == Who(CLIENT, True, "https://app.example/who")
    chain = {**INGRESS, "X_Forwarded_For": f"198.51.100.66, {CLIENT}, 127.0.0.1"}
    assert ask(address, "/who", "app.example", **chain).remote == CLIENT
    longer = {**INGRESS, "X_Forwarded_For": "2001:db8::7"}
    assert ask(address, "/who", "app.example", **longer).remote == "2001:db8::7"


def test_proxy_protocol_to_gunicorn_with_lies(wirings, over):
    """An untrusted peer is itself the client."""
    options = {"proxy_protocol": "send", "trust_proxies": "none"}
    address = wirings.weir("proxy-protocol", over, **options).address
    assert ask(address, "/who", "app.example", **INGRESS) == Who("127.0.0.1", False, "http://app.example/who")


# PROXY protocol from a load balancer


def version_1(source: str, port: int) -> bytes:
    """The text form."""
    family, target = ("TCP6", "2001:db8::1") if ":" in source else ("TCP4", "192.0.2.1")
    return f"PROXY {family} {source} {target} 50000 {port}\r\n".encode()


def version_2(source: str, port: int) -> bytes:
    """The binary form, with a TLV that means nothing to weir."""
    if ":" in source:
        kind, family, target = 0x21, socket.AF_INET6, "2001:db8::1"
    else:
        kind, family, target = 0x11, socket.AF_INET, "192.0.2.1"
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    rest = addresses + struct.pack("!HH", 50000, port) + b"\xea\x00\x03abc"
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, kind, len(rest)) + rest


HEADERS: dict[str, Callable[[str, int], bytes]] = {"v1": version_1, "v2": version_2}


@pytest.mark.parametrize("source", [CLIENT, "2001:db8::7"])
@pytest.mark.parametrize("version", HEADERS)
def test_proxy_protocol_from_a_load_balancer(wirings, over, version, source):
    """The header's client is the peer: one for ProxyFix, and lies of its own are replaced."""
    address = wirings.weir("plain", over, proxy_protocol="accept").address
    prelude = HEADERS[version](source, 80)
    expected = Who(source, False, "http://app.example/one/who")
    assert ask(address, "/one/who", "app.example", prelude) == expected
    assert ask(address, "/one/who", "app.example", prelude, **INGRESS) == expected


@pytest.mark.parametrize("source", [CLIENT, "2001:db8::7"])
@pytest.mark.parametrize("version", HEADERS)
def test_proxy_protocol_on_both_sides(wirings, over, version, source):
    """From the load balancer to gunicorn, without ProxyFix."""
    address = wirings.weir("proxy-protocol", over, proxy_protocol="both").address
    expected = Who(source, False, "http://app.example/who")
    assert ask(address, "/who", "app.example", HEADERS[version](source, 80)) == expected


# A unix listener


def test_unix_listener_behind_an_ingress(wirings, over):
    """A unix peer has no address to append, so a count of one is the client."""
    address = wirings.unix_listener(over)
    expected = Who(CLIENT, True, "https://app.example/one/who")
    assert ask(address, "/one/who", "app.internal", **INGRESS) == expected


def test_unix_listener_without_an_ingress(wirings, over):
    """Nobody has an address; Host still makes the URL."""
    address = wirings.unix_listener(over)
    expected = Who("127.0.0.1" if over == "tcp" else "", False, "http://app.example/one/who")
    assert ask(address, "/one/who", "app.example") == expected
