"""What Flask makes of a request's client, with and without werkzeug's ProxyFix."""

from flask import Flask, Response, jsonify, request, url_for
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

flask = Flask(__name__)


@flask.get("/who")
def who() -> Response:
    return jsonify(
        remote=request.remote_addr or "",
        secure=request.is_secure,
        url=url_for("who", _external=True),
    )


app = DispatcherMiddleware(
    flask,
    {
        "/one": ProxyFix(flask, x_for=1, x_proto=1, x_host=1, x_port=1),
        "/two": ProxyFix(flask, x_for=2, x_proto=1, x_host=1, x_port=1),
    },
)
