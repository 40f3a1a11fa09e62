# SPDX-License-Identifier: Apache-2.0
"""The Flask app for bodies of any size: it reads and sends as fast as the test allows, and says how far it is."""

import hashlib
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, jsonify, request

app = Flask(__name__)
GATES = Path(os.environ["GATES"])
BLOCK = hashlib.shake_128(b"a block of a large body").digest(1_000_003)
"""Of a length that no buffer divides, so that nothing can change places unseen."""
PROGRESS: dict[str, int] = {}


def blocks(size: int) -> Iterator[bytes]:
    """A body of that size."""
    for _ in range(size // len(BLOCK)):
        yield BLOCK
    if rest := size % len(BLOCK):
        yield BLOCK[:rest]


def wait_until_allowed(name: str) -> None:
    """Waits until the test allows more bytes than there have been."""
    gate, deadline = GATES / name, time.monotonic() + 60
    while not gate.exists() or int(gate.read_text()) <= PROGRESS[name]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the test never opened {gate}")
        time.sleep(0.005)


@app.post("/upload/<name>")
def upload(name: str) -> Response:
    checksum = PROGRESS[name] = 0
    while True:
        wait_until_allowed(name)
        if not (piece := request.stream.read(65_536)):
            return jsonify(size=PROGRESS[name], checksum=checksum)
        checksum = zlib.crc32(piece, checksum)
        PROGRESS[name] += len(piece)


@app.get("/download/<name>/<int:size>")
def download(name: str, size: int) -> Response:
    def counted() -> Iterator[bytes]:
        PROGRESS[name] = 0
        for block in blocks(size):
            yield block
            PROGRESS[name] += len(block)

    headers = {"Content-Length": str(size)} if "length" in request.args else None
    return Response(counted(), mimetype="application/octet-stream", headers=headers)


@app.get("/progress/<name>")
def progress(name: str) -> str:
    return str(PROGRESS.get(name, -1))
