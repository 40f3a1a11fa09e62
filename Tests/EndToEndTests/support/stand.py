# SPDX-License-Identifier: Apache-2.0
"""A weir and an upstream that many tests share: each case has a target of its own."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from support.client import RawClient, Response, request
from support.http2 import Http2Client
from support.upstream import OK, Arrived, Peer, ScriptedUpstream
from support.waiting import eventually_equal
from support.weir import Weir

Exchange = Callable[[Peer, Arrived], None]


class Stand:
    """One weir in front of one upstream, both as good as new after every test."""

    def __init__(self, directory: Path, **options: object) -> None:
        self._exchanges: dict[str, tuple[Exchange, bool]] = {}
        self._numbers = itertools.count(1)
        self.app = ScriptedUpstream(self._serve)
        try:
            self.proxy = Weir(directory, self.app.address, **{"threads": 1, **options})
        except BaseException:
            self.app.close()
            raise

    def _serve(self, peer: Peer) -> None:
        """One exchange after another, each as its target wants it."""
        keeps = True
        while keeps:
            arrived = peer.read_head()
            exchange, keeps = self._exchanges.get(arrived.target, (_answering(OK), True))
            exchange(peer, arrived)

    def play(self, exchange: Exchange, keeps: bool = False) -> str:
        """The target whose requests `exchange` serves; then the upstream connection is closed or kept."""
        target = f"/case/{next(self._numbers)}"
        self._exchanges[target] = (exchange, keeps)
        return target

    def answer(self, response: bytes, keeps: bool = True) -> str:
        """The target whose requests have this response once they are whole."""
        return self.play(_answering(response), keeps)

    def arrived(self, target: str) -> list[Arrived]:
        """The requests for `target` that reached the upstream."""
        return [one for one in self.app.requests if one.target == target]

    def deliver(self, client: Http2Client, octets: bytes, target: str, count: int = 1) -> None:
        """Sends requests for `target`, and waits until as many have reached the upstream."""
        client.send(octets)
        eventually_equal(lambda: len(self.arrived(target)), count, f"requests for {target}")

    def client(self, **options: object) -> RawClient:
        """A new connection to weir."""
        return RawClient(self.proxy.address, **options)

    def fetch(self, data: bytes, method: str = "GET") -> Response:
        """One request on a connection of its own."""
        with self.client() as client:
            return client.exchange(data, method)

    def forward(self, data: bytes, method: str = "GET") -> Arrived:
        """One request that is answered with 200, as it reached the upstream."""
        seen = len(self.app.requests)
        response = self.fetch(data, method)
        assert response.status == 200, response
        assert len(self.app.requests) == seen + 1
        return self.app.requests[-1]

    def refuse(self, data: bytes, *statuses: int, begun: bool = False) -> Response:
        """Expects one refusal and the end, and nothing upstream but perhaps a part that had `begun`."""
        seen = len(self.app.requests)
        with self.client() as client:
            with contextlib.suppress(ConnectionError):
                client.send(data + request("/smuggled"))
            response = client.read_response()
            assert response.status in statuses, response
            assert response.closes
            client.expect_end()
        assert [one for one in self.app.requests[seen:] if one.complete or not begun] == []
        return response

    @contextlib.contextmanager
    def counts(self, name: str, count: float = 1, **labels: str) -> Iterator[None]:
        """Expects a figure to grow by `count` through what happens inside."""
        before = self.proxy.sum(name, **labels)
        yield
        eventually_equal(lambda: self.proxy.sum(name, **labels) - before, count, f"{name}{labels}")

    def check(self) -> None:
        """Fails when weir has died or has sent the upstream something malformed."""
        status = self.proxy.exit_status
        assert status is None, f"{self.proxy.name} died with {status}:\n{self.proxy.stderr[-2000:]}"
        failures = list(self.app.failures)
        self.app.failures.clear()
        if failures:
            raise failures[0]

    def comes_to_rest(self) -> None:
        """Waits until weir holds nothing any more, whatever the tests have done to it."""
        for name in (
            "http_server_active_requests",
            "weir_connections",
            "weir_upstream_connections",
            "weir_tunnels",
            "weir_spill_files",
            "weir_spill_bytes",
        ):
            self.proxy.expect(name, 0)

    def close(self) -> None:
        """Ends both."""
        self.proxy.kill()
        with contextlib.suppress(Exception):
            self.app.close()


def _answering(response: bytes) -> Exchange:
    """Reads the request to its end, and answers it."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(response)

    return exchange
