"""Health and metrics over HTTP, on the machine itself."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

#: Seconds that one slow client may take.
_PATIENCE = 5

Health = Callable[[], tuple[bool, dict[str, object]]]


@contextmanager
def serving(address: tuple[str, int], *, registry: CollectorRegistry, health: Health) -> Iterator[tuple[str, int]]:
    """Serve /healthz and /metrics on a thread; yields the address that was taken (port 0: any free one)."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE

        def do_GET(self) -> None:
            if self.path == "/healthz":
                well, details = health()
                status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, "application/json", json.dumps({"healthy": well, **details}).encode())
            elif self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"only /healthz and /metrics are here\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Keep requests out of the log."""

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield address[0], server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
