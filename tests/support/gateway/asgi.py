"""Speaking ASGI to an application event by event, where an HTTP client would be too polite."""

import asyncio
import json
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass, field
from typing import Any

from portal.gateway.gateway import FunctionGateway
from portal.gateway.http.exchange import Event, Scope

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(slots=True)
class Exchange:
    """One request, and what came back."""

    path: str
    method: str = "POST"
    headers: Headers = ()
    query: bytes = b""
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    sent: list[Event] = field(default_factory=list)
    #: How many body events the application asked for.
    received: int = 0

    def scope(self) -> Scope:
        """Return the connection's scope."""
        return {
            "type": "http",
            "method": self.method,
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query,
            "headers": list(self.headers),
        }

    def feed(self, body: bytes, *, more: bool = False) -> None:
        """Let a part of the body arrive."""
        self.events.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def hang_up(self) -> None:
        """Let the caller close the connection."""
        self.events.put_nowait({"type": "http.disconnect"})

    async def _receive(self) -> Event:
        event = await self.events.get()
        self.received += 1
        return event

    async def _send(self, event: Event) -> None:
        self.sent.append(event)

    async def run(self, app: FunctionGateway) -> None:
        """Let the application serve it to its end."""
        await app(self.scope(), self._receive, self._send)

    @property
    def status(self) -> int:
        """The answer's status."""
        return int(self.sent[0]["status"])

    @property
    def answer_headers(self) -> dict[str, str]:
        """The answer's headers."""
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}


async def pieces(count: int, piece: bytes) -> AsyncIterable[bytes]:
    """Return a body in chunks, without a Content-Length."""
    for _ in range(count):
        yield piece


def json_of(exchange: Exchange) -> Any:
    """Return the answer's body."""
    return json.loads(exchange.sent[1]["body"])
