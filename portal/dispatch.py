"""Which part of the portal answers a connection: gateway, Django, or the server itself (health and metrics)."""

import ipaddress
import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from wire.codec import canonical_json

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispatcher:
    """One ASGI application over two hosts."""

    portal: Application
    gateway: Application
    #: Host name on which functions answer.
    functions_host: str
    #: Whether the database answers.
    is_healthy: Callable[[], Awaitable[bool]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one connection to the part that answers it; the gateway is told when the process starts and ends."""
        if scope["type"] == "lifespan":
            await self.gateway(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1002})
        elif scope["path"] == "/metrics":
            await self._tell_metrics(scope, send)
        elif _host(scope) == self.functions_host:
            await self.gateway(scope, receive, send)
        elif scope["path"] == "/healthz":
            await self._tell_health(send)
        else:
            await self.portal(scope, receive, send)

    async def _tell_health(self, send: Send) -> None:
        healthy = await self.is_healthy()
        body = canonical_json({"status": "ok" if healthy else "failing", "database": healthy})
        await _answer(send, 200 if healthy else 503, "application/json", body)

    async def _tell_metrics(self, scope: Scope, send: Send) -> None:
        if _from_loopback(scope):
            await _answer(send, 200, CONTENT_TYPE_LATEST, _metrics())
        else:
            await _answer(send, 404, "text/plain; charset=utf-8", b"There is nothing here.\n")


def _host(scope: Scope) -> str:
    value = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    # `name:port`, or `[address]:port`; urlsplit knows an IPv6 host without its brackets.
    return value[1:].partition("]")[0] if value.startswith("[") else value.partition(":")[0]


def _from_loopback(scope: Scope) -> bool:
    """Return whether somebody on this machine asks, and not for somebody else."""
    client = (scope.get("client") or ("",))[0]
    forwarded = any(name in _FORWARDED for name, _ in scope["headers"])
    try:
        return ipaddress.ip_address(client).is_loopback and not forwarded
    except ValueError:
        return False


def _metrics() -> bytes:
    """Return this process's numbers, or those of all workers together where gunicorn runs several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call] # the library's
    return generate_latest(together)


async def _answer(send: Send, status: int, content_type: str, body: bytes) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
