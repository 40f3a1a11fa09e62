"""httpbin, the Flask app with a WebSocket, and an echo of the raw target, behind one gunicorn."""

from collections.abc import Callable

import httpbin
from application import app as own
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server
from werkzeug.middleware.dispatcher import DispatcherMiddleware


class WholeSends:
    """The worker's socket, of which simple_websocket expects that each `send` sends everything."""

    def __init__(self, socket) -> None:
        self._socket = socket

    def __getattr__(self, name: str):
        return getattr(self._socket, name)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)


class WholeSendsMiddleware:
    """Hands the worker's socket to the app as `WholeSends`."""

    def __init__(self, application: Callable) -> None:
        self._application = application

    def __call__(self, environ: dict, start_response: Callable):
        environ["gunicorn.socket"] = WholeSends(environ["gunicorn.socket"])
        return self._application(environ, start_response)


@Sock(own).route("/websocket")
def websocket(peer: Server) -> None:
    """Echoes messages until it is asked to close with a code: `close 4001 bye`."""
    try:
        while True:
            message = peer.receive()
            if isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                peer.close(int(code), reason)
                return
            peer.send(message)
    except ConnectionClosed:
        # Told before the answer to the client's close has left, which gunicorn would cut.
        peer.thread.join(10)


def raw(environ: dict, start_response: Callable) -> list[bytes]:
    """The request target as gunicorn read it."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [environ["RAW_URI"].encode("latin-1")]


app = DispatcherMiddleware(httpbin.app, {"/own": WholeSendsMiddleware(own), "/raw": raw})
