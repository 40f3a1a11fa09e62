"""The Flask app behind gunicorn: one route for each kind of response that weir has to pass on."""

import hashlib
import os
import time
from pathlib import Path

from flask import Flask, Response, jsonify, redirect, request

app = Flask(__name__)
GATES = Path(os.environ["GATES"])
PIECE = bytes(range(256)) * 256  # 64 KiB


@app.get("/")
def hello() -> str:
    return "hello"


@app.route("/echo", methods=["POST", "PUT", "PATCH", "DELETE"])
def echo() -> Response:
    return Response(request.get_data(), mimetype=request.mimetype or "application/octet-stream")


@app.route("/digest", methods=["POST", "PUT"])
def digest() -> Response:
    seen, size = hashlib.sha256(), 0
    while piece := request.stream.read(65536):
        seen.update(piece)
        size += len(piece)
    return jsonify(sha256=seen.hexdigest(), size=size)


@app.get("/seen")
def seen() -> Response:
    """What the app sees of the request, as WSGI hands it over."""
    return jsonify(
        headers=[list(pair) for pair in request.headers],
        path=request.environ["RAW_URI"],
        remote=request.remote_addr or "",
        scheme=request.scheme,
    )


@app.get("/sized/<int:pieces>")
def sized(pieces: int) -> Response:
    return Response(PIECE * pieces, mimetype="application/octet-stream")


@app.get("/generated/<int:pieces>")
def generated(pieces: int) -> Response:
    return Response((PIECE for _ in range(pieces)), mimetype="application/octet-stream")


@app.get("/gated/<name>")
def gated(name: str) -> Response:
    """The second piece is produced once the test has opened the gate."""

    def pieces():
        yield b"first"
        deadline = time.monotonic() + 10
        while not (GATES / name).exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        yield b"last"

    return Response(pieces(), mimetype="text/event-stream")


@app.get("/empty")
def empty() -> Response:
    return Response(status=204)


@app.get("/unchanged")
def unchanged() -> Response:
    return Response(status=304, headers={"ETag": '"v1"'})


@app.get("/moved")
def moved() -> Response:
    return redirect("/elsewhere?x=1", 302)


@app.get("/cookies")
def cookies() -> Response:
    response = Response("cookies")
    response.set_cookie("a", "1", path="/")
    response.set_cookie("b", "2", httponly=True)
    response.set_cookie("c", "3", max_age=60)
    return response


@app.get("/error")
def error() -> Response:
    raise RuntimeError("on purpose")


@app.get("/mix")
def mix() -> Response:
    """A status and a delay of the caller's choice."""
    time.sleep(int(request.args["micros"]) / 1e6)
    status = int(request.args["status"])
    return Response("" if status in (204, 304) else f"status {status}\n", status)
