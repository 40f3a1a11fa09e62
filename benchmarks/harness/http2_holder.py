# SPDX-License-Identifier: Apache-2.0
"""A program: HOST PORT CONNECTIONS, so many HTTP/2 connections that each get one answer, and then stay open.

It says `ready` when all have theirs, and goes on until its standard input ends.
"""

import socket
import struct
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
ACK, END_STREAM, END_HEADERS = 0x1, 0x1, 0x4
STREAM = 1
FRAME_HEAD = 9


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """RFC 9113 §4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(index: int, value: str) -> bytes:
    """A field with a name of HPACK's static table, for the dynamic one (RFC 7541 §6.2.1)."""
    return bytes([0x40 | index, len(value)]) + value.encode()


def request(authority: str) -> bytes:
    """GET / with the fields that the loads send; the first three are in the static table."""
    fields = b"\x82\x86\x84" + literal(1, authority) + literal(58, "weir-benchmark") + literal(19, "*/*")
    return PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_STREAM | END_HEADERS, STREAM, fields)


def receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := connection.recv(count - len(data))):
            raise ConnectionError("closed before the answer was whole")
        data += more
    return data


def take_answer(connection: socket.socket) -> None:
    """Reads the response to its end, and says what each frame demands."""
    is_ended = are_settings_acknowledged = False
    while not (is_ended and are_settings_acknowledged):
        head = receive(connection, FRAME_HEAD)
        kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
        payload = receive(connection, int.from_bytes(head[:3]))
        if kind in (RST_STREAM, GOAWAY):
            raise ConnectionError(f"ended by frame {kind}: {payload.hex()}")
        if kind in (SETTINGS, PING) and not flags & ACK:
            connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        are_settings_acknowledged |= kind == SETTINGS and bool(flags & ACK)
        is_ended |= kind in (DATA, HEADERS) and stream == STREAM and bool(flags & END_STREAM)


def main(host: str, port: str, count: str) -> None:
    held = []
    for _ in range(int(count)):
        connection = socket.create_connection((host, int(port)), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request(f"{host}:{port}"))
        take_answer(connection)
        held.append(connection)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
