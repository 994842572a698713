"""Health and metrics over HTTP, for machines on the same host."""

import asyncio
import json
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_REQUEST_SECONDS = 5.0
_MAX_LINES = 100


class HealthServer:
    """Answers `/healthz` (200 when every check holds, else 503) and `/metrics`."""

    def __init__(self, checks: Callable[[], dict[str, bool]], registry: CollectorRegistry) -> None:
        self._checks = checks
        self._registry = registry
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, host, port)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                path = await _path(reader)
                status, content_type, body = self._answer(path)
                head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
                writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
                await writer.drain()
        except (TimeoutError, ValueError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str) -> tuple[str, str, bytes]:
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == "/healthz":
            checks = self._checks()
            status = "200 OK" if all(checks.values()) else "503 Service Unavailable"
            return status, "application/json", json.dumps(checks).encode()
        return "404 Not Found", "text/plain", b"/healthz or /metrics"


async def _path(reader: asyncio.StreamReader) -> str:
    parts = (await reader.readline()).decode("latin-1").split()
    for _ in range(_MAX_LINES):
        if not (await reader.readline()).strip():
            break
    return parts[1].partition("?")[0] if len(parts) > 1 else ""
