"""Health and metrics of a process over HTTP, for its own machine and whoever watches it."""

import json
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

LOOPBACK = "127.0.0.1"
#: By which a page in a browser cannot reach this machine under a name of its own (DNS rebinding).
LOCAL_NAMES = frozenset({LOOPBACK, "localhost"})
#: How long a request may take to arrive, and how many are answered at one time; one more is hung up on.
_SECONDS = 5
_MOST_AT_ONCE = 16


class HealthAnswer(NamedTuple):
    """What a page is at this moment."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    media_type: str = "application/json"


Page = Callable[[], HealthAnswer]
#: Whether all is well, and what else there is to tell.
Health = Callable[[], tuple[bool, Mapping[str, object]]]


def health_page(health: Health) -> Page:
    """Return a page with a process's health as JSON: its status is 200 when all is well, else 503."""

    def page() -> HealthAnswer:
        well, details = health()
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return HealthAnswer(json.dumps({"healthy": well, **details}).encode(), status)

    return page


def watched(health: Health, metrics: Callable[[], bytes]) -> dict[str, Page]:
    """Return `/healthz`, and `/metrics` in Prometheus' format."""
    media_type = "text/plain; version=0.0.4; charset=utf-8"
    return {"/healthz": health_page(health), "/metrics": lambda: HealthAnswer(metrics(), media_type=media_type)}


@contextmanager
def serving(address: tuple[str, int], pages: Mapping[str, Page], *, names: Collection[str] = ()) -> Iterator[int]:
    """Answer GET for pages by their paths, on threads; yields the port (0 lets the system choose one).

    `names` are those by which it may be asked; any, when there are none.

    :raises OSError: when the address cannot be used.
    """
    server = _Server(address, _handler(pages, names))
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Answers a bounded number of requests at one time."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # The timeout of the handler begins again with each byte.
        late = threading.Timer(_SECONDS, _read_no_more, (request,))
        late.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            late.cancel()
            self._places.release()


def _read_no_more(request: socket.socket) -> None:
    # It may have been answered at this very moment.
    with suppress(OSError):
        request.shutdown(socket.SHUT_RD)


def _handler(pages: Mapping[str, Page], names: Collection[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SECONDS

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0]) if self._is_meant() else None
            answer = page() if page else HealthAnswer(b'{"reason": "not_found"}', HTTPStatus.NOT_FOUND)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)

        def _is_meant(self) -> bool:
            return not names or self.headers.get("Host", "").rpartition(":")[0] in names

        def log_message(self, *_: object) -> None:
            """Say nothing: a reading is no event."""

    return Handler
