"""Health and metrics are told over HTTP."""

import asyncio
import json

import pytest
from prometheus_client import CollectorRegistry, Counter

from scheduler.health import HealthServer


async def ask(server: HealthServer, request: bytes) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.splitlines()[0], body


@pytest.mark.parametrize(("well", "status"), [(True, b"HTTP/1.1 200 OK"), (False, b"HTTP/1.1 503 Service Unavailable")])
def test_health_says_what_holds(well: bool, status: bytes) -> None:  # noqa: FBT001 - parametrized
    async def play() -> None:
        server = HealthServer(lambda: {"leads": True, "broker": well}, CollectorRegistry())
        await server.start("127.0.0.1", 0)
        line, body = await ask(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await server.stop()

        assert line == status
        assert json.loads(body) == {"leads": True, "broker": well}

    asyncio.run(play())


def test_metrics_are_shown_and_nothing_else() -> None:
    async def play() -> None:
        registry = CollectorRegistry()
        Counter("jobs", "Jobs.", registry=registry).inc()
        server = HealthServer(dict, registry)
        await server.start("127.0.0.1", 0)

        assert b"jobs_total 1.0" in (await ask(server, b"GET /metrics HTTP/1.1\r\n\r\n"))[1]
        assert (await ask(server, b"GET /secret HTTP/1.1\r\n\r\n"))[0].endswith(b"404 Not Found")
        assert (await ask(server, b"\r\n\r\n"))[0].endswith(b"404 Not Found")
        await server.stop()

    asyncio.run(play())
