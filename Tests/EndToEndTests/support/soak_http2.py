# SPDX-License-Identifier: Apache-2.0
"""The soak's clients that speak HTTP/2: many requests at once, and every way to give them up."""

import contextlib
import zlib
from dataclasses import dataclass

from support.http2_client import (
    WINDOW,
    WINDOW_MAX,
    Answer,
    Ended,
    StreamClient,
    StreamReset,
    continuation,
    headers,
    in_turns,
    ping,
    priority_update,
)
from support.soak import BROKEN, PATTERN, SOUND, Visitor

FLOOD = 4000
"""More PINGs than weir bears."""


@dataclass
class Asked:
    """A request that upstream answers soundly, and the body of its answer."""

    target: str
    method: str = "GET"
    body: bytes | None = None
    length: bool = False
    expected: bytes = b""


class StreamVisitor(Visitor):
    """One client thread whose connections speak HTTP/2."""

    def _connect(self) -> StreamClient:
        self.tally.connections += 1
        narrow = 4096 if self._random.random() < 0.1 else None
        window = self._random.choice((1000, WINDOW, 10 * WINDOW))
        return StreamClient(self._address, timeout=60, receive_buffer=narrow, window=window)

    def _asked(self) -> Asked:
        size = self._size()
        told = b"%d %d" % (size, zlib.crc32(PATTERN[:size]))
        match self._random.choice(("get", "head", "length", "no length")):
            case "get":
                return Asked(f"/{self._random.choice(list(SOUND))}/{size}", expected=PATTERN[:size])
            case "head":
                return Asked("/checked/0", "HEAD")
            case "length":
                return Asked("/checked/0", "POST", PATTERN[:size], True, told)
            case _:
                return Asked("/checked/0", "POST", PATTERN[:size], False, told)

    def _open(self, client: StreamClient, asked: Asked) -> int:
        """Sends a head; what there is of a body has to follow."""
        fields = {"content_length": str(len(asked.body))} if asked.length and asked.body is not None else {}
        if self._random.random() < 0.2:
            fields["priority"] = self._random.choice(("u=0", "u=7", "u=3, i", "i"))
        return client.open(asked.target, asked.method, ends=asked.body is None, **fields)

    def _check(self, answer: Answer, expected: bytes) -> None:
        assert (answer.status, answer.body == expected) == (200, True), (answer.status, len(answer.body))
        self.tally.answered[200] += 1

    def _leave_all(self, client: StreamClient, count: int) -> None:
        """Ends the connection, with so many requests on it that were counted or not."""
        self.tally.abandoned += count
        self.tally.perhaps += count
        self._leave(client)

    def converse(self, client: StreamClient) -> None:
        """Rounds of requests at once, whose bodies are sent in turns."""
        for _ in range(self._random.randint(1, 3)):
            asked = {}
            for _ in range(self._random.randint(1, 12)):
                one = self._asked()
                asked[self._open(client, one)] = one
            bodies = {stream: one.body for stream, one in asked.items() if one.body is not None}
            for stream in in_turns(client, bodies, self._random.randint(1000, 16_384)):
                if self._random.random() < 0.01:
                    client.send_raw(priority_update(stream, b"u=1"))
            for stream, one in asked.items():
                self._check(client.response(stream), one.expected)
        if self._random.random() < 0.3:
            client.go_away()

    def be_refused(self, client: StreamClient) -> None:
        """Heads that weir does not take, between others that it does."""
        good = client.open("/sized/5")
        if self._random.random() < 0.5:
            stream, status, reason = client.open("/" + "a" * 20_000), 414, "target_too_long"
        else:
            head = [(":method", "CONNECT"), (":authority", "a:1")]
            stream, status, reason = client.open_with(head, ends=False), 405, "connect_method"
        assert client.response(stream).status == status
        self.tally.answered[status] += 1
        self.tally.refused[reason] += 1
        self._check(client.response(good), PATTERN[:5])

    def give_up_streams(self, client: StreamClient) -> None:
        """RST_STREAM at any moment, while the other streams go on."""
        left: dict[int, Asked] = {}
        for one in (self._asked() for _ in range(self._random.randint(2, 12))):
            stream = self._open(client, one)
            when = ("at once", "in the body", "before the answer", "in the answer", "never", "never")
            match self._random.choice(when):
                case "never":
                    if one.body is not None:
                        client.send_body(stream, one.body)
                    left[stream] = one
                    continue
                case "in the body" if one.body is not None:
                    client.send_body(stream, one.body[: self._random.randint(0, len(one.body))], ends=False)
                case "before the answer" if one.body is not None:
                    client.send_body(stream, one.body)
                case "in the answer" if one.body is None:
                    client.head(stream)
            self.tally.abandoned += 1
            self.tally.perhaps += 1
            if not client.on(stream).is_over:
                client.reset(stream)
        for stream, one in left.items():
            self._check(client.response(stream), one.expected)

    def abandon_connection(self, client: StreamClient) -> None:
        """Leaves with requests at every stage."""
        count = self._random.randint(1, 20)
        for _ in range(count):
            one = self._asked()
            stream = self._open(client, one)
            if one.body is not None and self._random.random() < 0.7:
                part = one.body[: self._random.randint(0, WINDOW)]
                client.send_some(stream, part, ends=len(part) == len(one.body))
        self._leave_all(client, count)

    def stop_in_a_head(self, client: StreamClient) -> None:
        """Leaves within a frame, or between those of one head."""
        good = client.open("/sized/5")
        (stream,) = client.take_streams(1)
        frames = headers(stream, client.head_block(x_large="~" * 2000)[:1500], ends_headers=False)
        frames += continuation(stream, b"")
        client.send_raw(frames[: self._random.randint(1, len(frames))])
        if self._random.random() < 0.5:
            # Whatever has begun before is served all the same.
            self._check(client.response(good), PATTERN[:5])
            self._leave(client)
        else:
            self._leave_all(client, 1)

    def stall(self, _: StreamClient) -> None:
        """Opens no windows, or a little, and leaves."""
        self.tally.connections += 1
        with StreamClient(self._address, timeout=60, window=self._random.choice((0, 1, 1000)), grants=False) as client:
            if self._random.random() < 0.5:
                client.grant(0, WINDOW_MAX - WINDOW)
            streams = [client.open(f"/{self._random.choice(list(SOUND))}/{len(PATTERN)}")
                       for _ in range(self._random.randint(1, 10))]  # fmt: skip
            for stream in streams:
                assert client.head(stream).status == 200
                self.tally.answered[200] += 1
                self.tally.abandoned += 1
                if self._random.random() < 0.5 and not client.on(stream).is_over:
                    client.grant(stream, self._random.randint(1, 20_000))
                if self._random.random() < 0.3:
                    client.reset(stream)
            self._leave(client)

    def meet_broken_upstream(self, client: StreamClient) -> None:
        """Several 502, or responses that are cut; never one that looks whole and is not."""
        streams = []
        for _ in range(self._random.randint(1, 6)):
            name = self._random.choice(list(BROKEN))
            body = PATTERN[: self._size()] if self._random.random() < 0.5 else None
            streams.append(client.request(f"/{name}/{self._size()}", "GET" if body is None else "POST", body))
        for stream in streams:
            try:
                answer = client.response(stream)
                assert answer.status == 502, answer.status
                self.tally.answered[502] += 1
            except StreamReset:
                if client.on(stream).fields is None:
                    self.tally.unseen += 1
                    self.tally.abandoned += 1
                else:
                    self.tally.answered[client.on(stream).status] += 1
                    self.tally.truncated += 1

    def meet_early_answer(self, client: StreamClient) -> None:
        """Is answered, wholly, before its body is through."""
        stream = client.open("/early/100", "POST", ends=False)
        client.send_body(stream, PATTERN)
        answer = client.response(stream)
        assert (answer.status, answer.body) == (413, PATTERN[:100])
        self.tally.answered[413] += 1

    def tunnel(self, client: StreamClient) -> None:
        """Bytes both ways on several streams, until either side ends one."""
        for _ in range(self._random.randint(1, 4)):
            size = self._size() + 1
            answer = client.head(client.open(f"/tunnel/{size}", "CONNECT", ends=False, protocol="echo"))
            assert answer.status == 200, answer
            self.tally.answered[101] += 1
            sent = self._random.choice((size, self._random.randint(0, size)))
            client.send_body(answer.stream, PATTERN[:sent], ends=False)
            client.until(lambda answer=answer, sent=sent: len(answer.body) >= sent, "the echo")
            assert answer.body == PATTERN[:sent]
            if sent < size and self._random.random() < 0.7:
                client.reset(answer.stream)
            elif sent < size:
                client.send_body(answer.stream, b"")

    def flood(self, client: StreamClient) -> None:
        """PING without end, beside requests that are cut off with the connection."""
        count = self._random.randint(0, 5)
        for _ in range(count):
            client.open(f"/sized/{self._size()}")
        self.tally.abandoned += count
        self.tally.perhaps += count
        client.send_raw(ping() * FLOOD)
        with contextlib.suppress(Ended):
            client.until(lambda: False, "the end")

    def come_and_go(self, client: StreamClient) -> None:
        """Connects for nothing."""
        self._leave(client)


StreamVisitor.VISITS = {
    StreamVisitor.converse: 25,
    StreamVisitor.be_refused: 10,
    StreamVisitor.give_up_streams: 20,
    StreamVisitor.abandon_connection: 20,
    StreamVisitor.stop_in_a_head: 10,
    StreamVisitor.stall: 10,
    StreamVisitor.meet_broken_upstream: 10,
    StreamVisitor.meet_early_answer: 5,
    StreamVisitor.tunnel: 10,
    StreamVisitor.flood: 2,
    StreamVisitor.come_and_go: 5,
}
