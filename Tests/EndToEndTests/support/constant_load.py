# SPDX-License-Identifier: Apache-2.0
"""So many requests a second, whatever becomes of those before: each has a number, each answer is checked."""

import asyncio
import itertools
import threading
import time
import zlib
from dataclasses import dataclass, field

from support.addresses import split
from support.client import request
from support.waiting import eventually

RATE = 200
IN_FLIGHT_MAX = 8000
SECONDS_MAX = 60
"""After that it stops by itself, and a request that has waited so long has failed."""


@dataclass
class Answer:
    """What has become of one request."""

    number: int
    method: str
    status: int = 0
    """0 when the connection ended instead."""
    fields: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """Why this is not the one right answer to its request."""


class ConstantLoad:
    """Requests to apps/ledger.py at a constant rate, on as many kept connections as it takes."""

    def __init__(
        self,
        address: str,
        rate: float = RATE,
        methods: tuple[str, ...] = ("GET", "POST"),
        action: str = "answer/0",
    ) -> None:
        self.answers: list[Answer] = []
        self.sent = 0
        self._host, self._port = split(address)[1]
        self._rate = rate
        self._methods = methods
        self._action = action
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "ConstantLoad":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(SECONDS_MAX + 10)

    def finish(self) -> list[Answer]:
        """Sends no more, and waits until everything sent has been answered."""
        self._stop.set()
        self._thread.join(SECONDS_MAX + 10)
        assert not self._thread.is_alive(), f"{self.sent - len(self.answers)} requests without an answer"
        if self._failure is not None:
            raise self._failure
        assert len(self.answers) == self.sent
        return self.answers

    def wait_for_sent(self, more: int) -> None:
        """Lets it send that many more, which takes as long as the rate says."""
        goal = self.sent + more
        eventually(lambda: self.sent >= goal or self._failure, f"{more} more requests sent", 60)

    def wait_for_answers(self, more: int) -> None:
        """Waits until that many more have come back."""
        goal = len(self.answers) + more
        eventually(lambda: len(self.answers) >= goal or self._failure, f"{more} more answers", 60)

    def _work(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:
            self._failure = error

    async def _send_all(self) -> None:
        """Sends each request when it is due; one that is late is not left out."""
        begun = time.monotonic()
        tasks: set[asyncio.Task[None]] = set()
        try:
            for number in itertools.count(1):
                due = begun + number / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._stop.is_set() or due - begun > SECONDS_MAX:
                    break
                assert len(tasks) < IN_FLIGHT_MAX, "too many requests in flight"
                self.sent = number
                task = asyncio.create_task(self._exchange(number))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            while tasks:
                await asyncio.wait(set(tasks))
        finally:
            for _, writer in self._idle:
                writer.close()

    async def _exchange(self, number: int) -> None:
        method = self._methods[number % len(self._methods)]
        body = f"body of {number} ".encode() * (1 + number % 60) if method == "POST" else b""
        answer = Answer(number, method)
        try:
            async with asyncio.timeout(SECONDS_MAX):
                content = await self._ask(answer, body)
        except Exception as error:  # Whatever it is, it is what this request got.
            answer.fault = repr(error)
        else:
            expected = f"{method} {number} {zlib.crc32(body)}\n".encode()
            if answer.status != 200 or content != expected:
                answer.fault = f"{answer.status}: {content[:200]!r}"
        self.answers.append(answer)

    async def _ask(self, answer: Answer, body: bytes) -> bytes:
        """One exchange, on an idle connection if there is one; the response's content."""
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        keeps = False
        try:
            target = f"/{answer.number}/{self._action}"
            writer.write(request(target, answer.method, body if answer.method == "POST" else None))
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            answer.status = int(lines[0].split(" ")[1])
            pairs = (line.split(":", 1) for line in lines[1:])
            answer.fields = {name.lower(): value.strip() for name, value in pairs}
            content = await reader.readexactly(int(answer.fields["content-length"]))
            keeps = answer.fields.get("connection", "").lower() != "close"
            return content
        finally:
            if keeps:
                self._idle.append((reader, writer))
            else:
                writer.close()


def faults(answers: list[Answer]) -> list[str]:
    """Every request that had not its own right answer."""
    return [f"{one.method} {one.number}: {one.fault}" for one in answers if one.fault]
