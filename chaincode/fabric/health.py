"""Health of the chaincode server, over HTTP on a loopback address."""

import json
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Report = Callable[[], Mapping[str, Any]]
_SECONDS = 5


class _Handler(BaseHTTPRequestHandler):
    report: Report
    timeout = _SECONDS

    def do_GET(self) -> None:
        """Answer with the report."""
        known = self.path == "/healthz"
        body = json.dumps(self.report() if known else {"reason": "not_found"}).encode()
        self.send_response(HTTPStatus.OK if known else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Leave health checks out of the log."""


def serve_health(address: str, report: Report) -> ThreadingHTTPServer:
    """Answer `GET /healthz` until the process ends."""
    host, _, port = address.rpartition(":")
    handler = type("Handler", (_Handler,), {"report": staticmethod(report)})
    server = ThreadingHTTPServer((host, int(port)), handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
