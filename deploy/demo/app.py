# SPDX-License-Identifier: Apache-2.0
"""A small Flask application to try weir with: one route for each thing a proxy can get wrong."""

import hashlib
import time

from flask import Flask, Response, abort, jsonify, request
from werkzeug.middleware.proxy_fix import ProxyFix

SECONDS_MAX = 120
BYTES_MAX = 1 << 30
BLOCK = bytes(range(256)) * 256

app = Flask(__name__)
# weir in front is the one proxy to believe.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1)


def number(name, default, most):
    """The query's `name`, refused unless it is a number from 0 to `most`."""
    try:
        value = type(default)(request.args.get(name, default))
    except ValueError:
        abort(400, f"{name} is not a number")
    if not 0 <= value <= most:
        abort(400, f"{name} must be from 0 to {most}")
    return value


def text(lines):
    return Response("".join(f"{line}\n" for line in lines), mimetype="text/plain")


@app.get("/")
def hello():
    return text(
        [
            "Hello from Flask behind weir.",
            f"You are {request.remote_addr}, asked {request.host} by {request.scheme}.",
        ]
    )


@app.get("/slow")
def slow():
    seconds = number("seconds", 1.0, SECONDS_MAX)
    time.sleep(seconds)
    return text([f"Slept {seconds:g} s."])


@app.route("/status/<int:code>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def status(code):
    if not 200 <= code <= 599:
        abort(400, "a status is from 200 to 599")
    if code in (204, 304):
        return Response(status=code)
    response = text([f"You asked for {code}."])
    response.status_code = code
    if code in (301, 302, 303, 307, 308):
        response.headers["Location"] = "/"
    return response


@app.get("/stream")
def stream():
    """Server-sent events: each must arrive when it is sent, not when all are."""
    count = number("count", 5, 1000)
    seconds = number("seconds", 1.0, SECONDS_MAX)

    def events():
        for index in range(count):
            if index:
                time.sleep(seconds)
            yield f"id: {index}\ndata: {time.time():.3f}\n\n"

    return Response(events(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


@app.post("/upload")
def upload():
    digest, length = hashlib.sha256(), 0
    while block := request.stream.read(1 << 16):
        digest.update(block)
        length += len(block)
    return jsonify(length=length, sha256=digest.hexdigest())


@app.get("/large")
def large():
    left = number("bytes", 1 << 20, BYTES_MAX)

    def blocks():
        remaining = left
        while remaining:
            block = BLOCK[:remaining]
            remaining -= len(block)
            yield block

    headers = {"Content-Length": str(left)}
    return Response(blocks(), mimetype="application/octet-stream", headers=headers)


@app.route("/headers", methods=["GET", "POST"])
def headers():
    """What arrived, in order, repeated fields included."""
    return jsonify(
        method=request.method,
        target=request.environ.get("RAW_URI"),
        headers=list(request.headers.items()),
    )


@app.get("/error")
def error():
    raise RuntimeError("this route fails on purpose")
