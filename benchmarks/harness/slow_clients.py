# SPDX-License-Identifier: Apache-2.0
"""A program: HOST PORT HEADS BODIES READERS, so many clients that send or take next to nothing each second.

It says `ready` when all are connected, and goes on until it is stopped. Whoever is turned away comes back.
"""

import socket
import sys
import time

HEAD = b"GET / HTTP/1.1\r\nHost: slow\r\nX: " + b"x" * 4000
UPLOAD = b"POST / HTTP/1.1\r\nHost: slow\r\nContent-Length: 100000\r\n\r\n"
DOWNLOAD = b"GET /large HTTP/1.1\r\nHost: slow\r\n\r\n"
RECEIVE_BUFFER = 4096
TAKEN_AT_ONCE = 1024


class SlowClient:
    """One of them; a step is all that it does in a second."""

    def __init__(self, kind: str, address: tuple[str, int]):
        self.kind, self.address = kind, address
        self.connect()

    def connect(self) -> None:
        self.socket = socket.socket()
        if self.kind == "reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.settimeout(10)
        self.socket.connect(self.address)
        self.place = 0
        # What belongs to the beginning leaves at once: it is the rest that takes its time.
        if self.kind != "head":
            self.socket.sendall(UPLOAD if self.kind == "body" else DOWNLOAD)
        self.socket.setblocking(False)

    def step(self) -> None:
        try:
            if self.kind == "head":
                self.socket.send(HEAD[self.place % len(HEAD) :][:1])
                self.place += 1
            elif self.kind == "body":
                self.socket.send(b"x")
            elif not self.socket.recv(TAKEN_AT_ONCE):
                raise ConnectionResetError
        except BlockingIOError:
            pass
        except OSError:
            self.socket.close()
            self.connect()


def main(host: str, port: str, *counts: str) -> None:
    kinds = zip(("head", "body", "reader"), map(int, counts), strict=True)
    address = (host, int(port))
    slow = [SlowClient(kind, address) for kind, count in kinds for _ in range(count)]
    print("ready", flush=True)
    while True:
        for each in slow:
            each.step()
            time.sleep(1 / len(slow))


if __name__ == "__main__":
    main(*sys.argv[1:])
