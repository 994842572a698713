"""Health, metrics and status of the running agent, for this machine only."""

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

#: Status, media type, body.
Answer = tuple[HTTPStatus, str, bytes]
Page = Callable[[], Answer]

LOOPBACK = "127.0.0.1"


def json_answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """Return a value as JSON."""
    return status, "application/json", json.dumps(value).encode()


class LocalHttp:
    """Answers GET for its pages on a loopback port; port 0 lets the system choose one."""

    def __init__(self, pages: dict[str, Page], *, port: int = 0) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, port), _handler(pages))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="local-http", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers with the page of a path."""

        timeout = 5

        def do_GET(self) -> None:
            page = pages.get(self.path) if self._is_local() else None
            status, media_type, body = page() if page else json_answer({"hint": "Not here."}, HTTPStatus.NOT_FOUND)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _is_local(self) -> bool:
            """Refuse a page in a browser that reaches this machine under a name of its own (DNS rebinding)."""
            return self.headers.get("Host", "").rpartition(":")[0] in {LOOPBACK, "localhost"}

        def log_message(self, *_: object) -> None:
            """Say nothing: a reading is no event."""

    return Handler
