# SPDX-License-Identifier: Apache-2.0
"""What gunicorn serves in the measurements that need a real one."""

import time
from collections.abc import Callable

HELLO = b"hello, weir\n"
LARGE = HELLO * (4 * 1024 * 1024 // len(HELLO))     # 4 MiB
SERVICE_SECONDS = 0.02


def app(environ: dict, start_response: Callable) -> list[bytes]:
    """`/` answers at once, `/large` with a few MiB, `/work` after 20 ms without using the processor."""
    path = environ["PATH_INFO"]
    if path == "/work":
        time.sleep(SERVICE_SECONDS)
    body = LARGE if path == "/large" else HELLO
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
