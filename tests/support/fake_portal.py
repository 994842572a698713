"""A portal that enrols: a real socket with real TLS, so that the agent's client is not faked."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from deploy.servers.tls import server_tls
from tests.support.tickets import PROVIDER_ID, Controller

Answer = tuple[int, bytes]


def enrolment_answer(controller: Controller, **changes: Any) -> dict[str, Any]:
    """Return what a portal answers to a good enrolment."""
    return {
        "provider_id": PROVIDER_ID,
        "name": "attic",
        "certificate_pem": "-----BEGIN CERTIFICATE-----\n",
        "root_key_pem": controller.root.public.pem,
        "broker": {
            "url": "amqp://127.0.0.1:5672",
            "vhost": "chainfaas",
            "user": "provider-1",
            "password": "broker-secret",
        },
        "jobs_queue": "jobs.x",
        "control_queue": "control.x",
        "heartbeat_seconds": 15,
        "allowed_registries": ["http://localhost:5000"],
        "a_later_field": "ignored",
        **changes,
    }


@dataclass
class FakePortal:
    """Answers with what `answer` returns, and notes what it was sent; None means to hang up."""

    url: str
    ca_file: Path
    controller: Controller = field(default_factory=Controller)
    answer: Callable[[dict[str, Any]], Answer | None] = field(init=False)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answer = lambda _: self.enrolled()

    def enrolled(self, **changes: Any) -> Answer:
        """Return the answer to a good enrolment."""
        return 200, json.dumps(enrolment_answer(self.controller, **changes)).encode()


@contextmanager
def fake_portal(directory: Path) -> Iterator[FakePortal]:
    """Run a portal on a port of its own."""
    tls = server_tls(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate_file, tls.key_file)
    holder: list[FakePortal] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(holder)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        holder.append(FakePortal(url=f"https://localhost:{server.server_address[1]}", ca_file=tls.ca_file))
        yield holder[0]
        server.shutdown()
        thread.join()


def _handler(holder: list[FakePortal]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = {"path": self.path, **json.loads(body)}
            holder[0].requests.append(request)
            answer = holder[0].answer(request)
            if answer is not None:
                self._send(*answer)

        def do_GET(self) -> None:
            self._send(200, b"{}")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
