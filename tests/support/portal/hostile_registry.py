"""A registry over a real socket that answers whatever a test wants, also what no honest registry would."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


#: Path with query, and headers, to the answer.
Behaviour = Callable[[str, Mapping[str, str]], Reply]


@dataclass(slots=True)
class HostileRegistry:
    """Where it listens, and what it was asked."""

    host: str
    behave: Behaviour
    asked: list[tuple[str, str]] = field(default_factory=list)
    #: Set when the test is over, for answers that never come by themselves.
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def hostile_registry(behave: Behaviour) -> Iterator[HostileRegistry]:
    """Run one on a port of its own."""
    state = HostileRegistry(host="", behave=behave)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Authorization", "")))
            reply = state.behave(self.path, dict(self.headers))
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.host = f"localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            state.over.set()
            server.shutdown()
            thread.join()
