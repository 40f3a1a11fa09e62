"""Mixed traffic of clients and an upstream that break off at random moments, and what is certain about it."""

import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from support.client import Head, RawClient, Truncated, chunked, request
from support.upstream import Arrived, Gone, Peer

PATTERN = bytes(range(251)) * 4200  # 1 MiB; 251 is prime, so no buffer size repeats in it.
CLIENTS = 16
STREAM_PIECES = 10

REFUSED = {
    b"GET / HTTP/1.1\r\n\r\n": (400, "bad_host"),
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": (400, "bad_host"),
    b"GET / HTTP/1.1\nHost: a\n\n": (400, "bad_line_end"),
    b"GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n": (400, "control_byte"),
    b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n": (400, "bad_field_name"),
    b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n": (400, "line_folding"),
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n": (400, "bad_content_length"),
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n": (501, "unknown_transfer_coding"),
    b"GET / HTTP/3.0\r\nHost: a\r\n\r\n": (505, "unsupported_version"),
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n": (405, "connect_method"),
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n": (414, "target_too_long"),
}
"""Heads that never reach upstream, with the status and the reason of each."""


# The upstream: a path names what it does


def _head(status: int = 200, **fields: object) -> bytes:
    lines = [f"HTTP/1.1 {status} X"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _sized(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.read_body(arrived)
    peer.send(_head(Content_Length=size) + PATTERN[:size])


def _streamed(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.read_body(arrived)
    peer.send(_head(Transfer_Encoding="chunked"))
    for start in range(0, size, size // STREAM_PIECES + 1):
        piece = PATTERN[start : min(start + size // STREAM_PIECES + 1, size)]
        peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    peer.send(b"0\r\n\r\n")


def _until_close(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.read_body(arrived)
    peer.send(_head() + PATTERN[:size])
    raise Gone


def _closing(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.read_body(arrived)
    peer.send(_head(Content_Length=size, Connection="close") + PATTERN[:size])
    raise Gone


def _checked(peer: Peer, arrived: Arrived, _: int) -> None:
    peer.read_body(arrived)
    told = b"%d %d" % (len(arrived.body), zlib.crc32(arrived.body))
    peer.send(_head(Content_Length=len(told)) + told)


def _early(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.send(_head(413, Content_Length=size, Connection="close") + PATTERN[:size])
    peer.wait_for_end()


def _tunnel(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.send(_head(101, Connection="upgrade", Upgrade="echo"))
    while size > 0:
        data = peer.read_some()
        peer.send(data)
        size -= len(data)
    raise Gone


def _silent_end(peer: Peer, arrived: Arrived, _: int) -> None:
    peer.read_body(arrived)
    raise Gone


def _reset(peer: Peer, arrived: Arrived, _: int) -> None:
    peer.read_body(arrived)
    peer.reset()
    raise Gone


def _reset_in_upload(peer: Peer, arrived: Arrived, _: int) -> None:
    if lengths := arrived.all("content-length"):
        peer.read_some_body(arrived, int(lengths[0]) // 2)
    peer.reset()
    raise Gone


def _broken_off(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.read_body(arrived)
    peer.send(_head(Content_Length=size + 1000) + PATTERN[:size])
    raise Gone


def _reset_in_response(peer: Peer, arrived: Arrived, size: int) -> None:
    peer.read_body(arrived)
    peer.send(_head(Transfer_Encoding="chunked") + b"%x\r\n%s" % (size + 1000, PATTERN[:size]))
    peer.reset()
    raise Gone


Service = Callable[[Peer, Arrived, int], None]
SOUND: dict[str, Service] = {
    "sized": _sized, "streamed": _streamed, "until-close": _until_close, "closing": _closing,
}  # fmt: skip
BROKEN: dict[str, Service] = {
    "silent-end": _silent_end, "reset": _reset, "reset-in-upload": _reset_in_upload,
    "broken-off": _broken_off, "reset-in-response": _reset_in_response,
}  # fmt: skip
SERVICES = {**SOUND, **BROKEN, "checked": _checked, "early": _early, "tunnel": _tunnel}


def serve(peer: Peer) -> None:
    """The script of the upstream: `/sized/100` calls `_sized` with 100."""
    while True:
        arrived = peer.read_head()
        _, name, size = arrived.target.split("/")
        SERVICES[name](peer, arrived, int(size))
        arrived.body.clear()
        arrived.raw_body.clear()


# The clients


@dataclass
class Tally:
    """What clients know about the requests that they made."""

    answered: Counter[int] = field(default_factory=Counter)
    """By status: these were counted under it."""
    unseen: int = 0
    """Each was counted once, under a status that its client did not wait for."""
    perhaps: int = 0
    """Each was counted once or not at all: a reset may have thrown the request away unread."""
    refused: Counter[str] = field(default_factory=Counter)
    """Heads that weir refused, by reason."""
    truncated: int = 0
    """Responses of which the client missed the end."""
    abandoned: int = 0
    """Requests whose client left early."""
    connections: int = 0

    def add(self, other: "Tally") -> None:
        """Adds everything of another one."""
        self.answered += other.answered
        self.refused += other.refused
        for name in ("unseen", "perhaps", "truncated", "abandoned", "connections"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def least(self) -> int:
        """How many requests were counted at least."""
        return self.answered.total() + self.unseen

    @property
    def most(self) -> int:
        """How many requests were counted at most."""
        return self.least + self.perhaps


class Visitor:
    """One client thread: its chances, and its tally."""

    VISITS: ClassVar[dict[Callable[..., None], int]]
    """What visitors do, and how often."""

    def __init__(self, address: str, seed: str) -> None:
        self.tally = Tally()
        self.failure: BaseException | None = None
        self._address = address
        self._random = random.Random(seed)

    def work(self, deadline: float) -> None:
        """Visits until the deadline, or until something is wrong."""
        try:
            while time.monotonic() < deadline:
                visit = self._random.choices(list(self.VISITS), list(self.VISITS.values()))[0]
                with self._connect() as client:
                    visit(self, client)
        except BaseException as error:
            self.failure = error

    def _connect(self) -> RawClient:
        self.tally.connections += 1
        narrow = 4096 if self._random.random() < 0.1 else None
        return RawClient(self._address, timeout=60, receive_buffer=narrow)

    def _size(self) -> int:
        return int(2 ** self._random.uniform(0, 20)) - 1

    def _message(self, last: bool = False) -> tuple[bytes, str, bytes]:
        """A request that upstream answers soundly, its method and the body of its answer."""
        fields = {"Connection": "close"} if last else {}
        size = self._size()
        match self._random.choice(("get", "head", "length", "chunks")):
            case "get":
                path = f"/{self._random.choice(list(SOUND))}/{size}"
                return request(path, **fields), "GET", PATTERN[:size]
            case "head":
                return request("/checked/0", "HEAD", **fields), "HEAD", b""
            case "length":
                message = request("/checked/0", "POST", PATTERN[:size], **fields)
            case _:
                edges = sorted(self._random.choices(range(size + 1), k=3))
                pieces = [PATTERN[a:b] for a, b in zip([0, *edges], [*edges, size], strict=True) if a < b]
                head = request("/checked/0", "POST", Transfer_Encoding="chunked", **fields)
                message = head + chunked(*pieces)
        return message, "POST", b"%d %d" % (size, zlib.crc32(PATTERN[:size]))

    def _read(self, client: RawClient, method: str, expected: bytes) -> Head:
        response = client.read_response(method)
        assert (response.status, response.body == expected) == (200, True), (method, response.status)
        self.tally.answered[200] += 1
        return response

    def _leave(self, client: RawClient) -> bool:
        """Breaks off; true when it was with a reset, which throws away what weir has not read."""
        if self._random.random() < 0.5:
            client.close()
            return False
        client.abort()
        return True

    def converse(self, client: RawClient) -> None:
        """Requests one after the other, whole or in pieces; the last may end the connection."""
        for left in reversed(range(self._random.randint(1, 8))):
            last = left == 0 and self._random.random() < 0.5
            message, method, expected = self._message(last)
            cut = self._random.randrange(len(message))
            client.send(message[:cut])
            client.send(message[cut:])
            if left == 0 and self._random.random() < 0.2:
                client.finish_sending()
            if self._read(client, method, expected).closes:
                client.expect_end()
                return

    def converse_in_http_1_0(self, client: RawClient) -> None:
        """One request, answered until the end of the connection."""
        size = self._size()
        client.send(b"GET /streamed/%d HTTP/1.0\r\n\r\n" % size)
        self._read(client, "GET", PATTERN[:size])
        client.expect_end()

    def expect_continue(self, client: RawClient) -> None:
        """The body follows when weir or upstream has asked for it."""
        size = self._size()
        client.send(request("/checked/0", "POST", Content_Length=str(size), Expect="100-continue"))
        client.send(PATTERN[:size])
        self._read(client, "POST", b"%d %d" % (size, zlib.crc32(PATTERN[:size])))

    def pipeline(self, client: RawClient) -> None:
        """Requests at once; some clients read only the first answers."""
        messages = [self._message() for _ in range(self._random.randint(2, 6))]
        # A client that sends more than sockets hold has to read meanwhile.
        sender = threading.Thread(target=self._send_all, args=(client, [one[0] for one in messages]))
        wanted = len(messages) if self._random.random() < 0.7 else self._random.randrange(len(messages))
        sender.start()
        for _, method, expected in messages[:wanted]:
            self._read(client, method, expected)
        if wanted < len(messages):
            self.tally.perhaps += len(messages) - wanted
            self.tally.abandoned += len(messages) - wanted
            client.socket.shutdown(2)
        sender.join()
        if wanted < len(messages):
            self._leave(client)

    def _send_all(self, client: RawClient, messages: list[bytes]) -> None:
        try:
            client.send(b"".join(messages))
        except OSError:
            pass  # Its client has left, or fails for want of an answer.

    def be_refused(self, client: RawClient) -> None:
        """A head that weir does not take, perhaps behind one that it does."""
        message, (status, reason) = self._random.choice(list(REFUSED.items()))
        before = self._random.random() < 0.3
        client.send((request("/sized/5") if before else b"") + message)
        if before:
            self._read(client, "GET", PATTERN[:5])
        response = client.read_response()
        assert (response.status, response.closes) == (status, True)
        client.expect_end()
        self.tally.answered[status] += 1
        self.tally.refused[reason] += 1

    def abandon_request(self, client: RawClient) -> None:
        """Leaves at any byte of a request, before it has read anything."""
        message, _, _ = self._message()
        if self._random.random() < 0.2:
            message = request(f"/{self._random.choice(list(BROKEN))}/100", "POST", PATTERN[: self._size()])
        head = message.index(b"\r\n\r\n") + 4
        cut = self._random.choice((self._random.randrange(head), self._random.randint(head, len(message))))
        client.send(message[:cut])
        was_reset = self._leave(client)
        if cut >= head:
            self.tally.abandoned += 1
            self.tally.perhaps += was_reset
            self.tally.unseen += not was_reset

    def abandon_response(self, client: RawClient) -> None:
        """Leaves after any byte of a response's body."""
        path = f"/{self._random.choice(list(SOUND))}/{self._size()}"
        client.send(request(path, Connection="close"))
        self.tally.answered[client.read_head().status] += 1
        self.tally.abandoned += 1
        limit, seen = self._size(), 0
        while seen < limit and (data := client.read_some()):
            seen += len(data)
        self._leave(client)

    def meet_broken_upstream(self, client: RawClient) -> None:
        """Sees a 502, or a response that is cut; a reset may cost it the sight."""
        name = self._random.choice(list(BROKEN))
        body = PATTERN[: self._size()] if self._random.random() < 0.5 else None
        head = None
        try:
            client.send(request(f"/{name}/{self._size()}", "GET" if body is None else "POST", body))
            head = client.read_head()
            self.tally.answered[head.status] += 1
            client.read_body(head)
            assert head.status == 502, head
        except (Truncated, ConnectionError):
            if head is None:
                self.tally.unseen += 1
                self.tally.abandoned += 1
            else:
                assert head.status == 200, head
                self.tally.truncated += 1

    def meet_early_answer(self, client: RawClient) -> None:
        """Is answered before its body is through."""
        try:
            client.send(request("/early/100", "POST", PATTERN))
        except ConnectionError:
            pass  # The answer may be here all the same.
        try:
            head = client.read_head()
        except (Truncated, ConnectionError):
            self.tally.unseen += 1
            self.tally.abandoned += 1
        else:
            assert head.status == 413, head
            self.tally.answered[413] += 1

    def tunnel(self, client: RawClient) -> None:
        """Bytes both ways until either side ends it, upstream with some of the client's unread perhaps."""
        size = self._size()
        client.send(request(f"/tunnel/{size}", Connection="upgrade", Upgrade="echo"))
        head = client.read_head()
        assert head.status == 101, head
        self.tally.answered[101] += 1
        sent = min(self._random.choice((size, self._random.randint(0, size), size + self._size())), len(PATTERN))
        sender = threading.Thread(target=self._send_all, args=(client, [PATTERN[:sent]]))
        sender.start()
        if sent <= size:
            assert client.read_exactly(sent) == PATTERN[:sent]
        else:
            assert PATTERN.startswith(client.read_to_end())
        sender.join()
        if self._random.random() < 0.5:
            self._leave(client)

    def come_and_go(self, client: RawClient) -> None:
        """Connects for nothing."""
        self._leave(client)


Visitor.VISITS = {
    Visitor.converse: 20,
    Visitor.converse_in_http_1_0: 5,
    Visitor.expect_continue: 5,
    Visitor.pipeline: 15,
    Visitor.be_refused: 10,
    Visitor.abandon_request: 20,
    Visitor.abandon_response: 15,
    Visitor.meet_broken_upstream: 10,
    Visitor.meet_early_answer: 5,
    Visitor.tunnel: 10,
    Visitor.come_and_go: 5,
}


def send_mix(address: str, seed: str, seconds: float, kind: type[Visitor] = Visitor) -> Tally:
    """A round of mixed traffic; the same seed draws the same plans."""
    deadline = time.monotonic() + seconds
    visitors = [kind(address, f"{seed}-{number}") for number in range(CLIENTS)]
    threads = [threading.Thread(target=one.work, args=(deadline,), daemon=True) for one in visitors]
    for thread in threads:
        thread.start()
    total = Tally()
    for visitor, thread in zip(visitors, threads, strict=True):
        thread.join(seconds + 90)
        assert not thread.is_alive(), "a client never had its answer"
        if visitor.failure is not None:
            raise visitor.failure
        total.add(visitor.tally)
    return total
