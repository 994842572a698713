"""Which part of the server answers: by host name, and what only this machine may ask."""

import asyncio
import json
from typing import Any

import pytest

from portal.dispatch import Dispatcher, Receive, Scope, Send


def part(name: str) -> Any:
    async def answer(scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "part", "name": name, "scope": scope["type"]})

    return answer


def ask(path: str = "/", *, host: str = "localhost:8443", healthy: bool = True, **more: Any) -> list[Any]:
    async def is_healthy() -> bool:
        return healthy

    async def receive() -> Any:
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    dispatcher = Dispatcher(
        portal=part("portal"), gateway=part("gateway"), functions_host="127.0.0.1", is_healthy=is_healthy
    )
    headers = [(b"host", host.encode()), *more.pop("headers", [])]
    scope = {"type": "http", "path": path, "headers": headers, "client": ("127.0.0.1", 5)} | more
    asyncio.run(dispatcher(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8443", "portal"),
        ("localhost", "portal"),
        ("127.0.0.1:8444", "gateway"),
        ("127.0.0.1", "gateway"),
        ("127.0.0.1:8443", "gateway"),
        ("LOCALHOST:8443", "portal"),
        ("evil.example", "portal"),
        ("127.0.0.1.evil.example", "portal"),
        ("[::1]:8443", "portal"),
        ("", "portal"),
    ],
)
def test_the_functions_host_is_the_gateways_and_all_else_the_portals(host: str, name: str) -> None:
    assert ask("/f/dora/word-count", host=host)[0]["name"] == name


def test_a_request_without_a_host_is_the_portals_which_refuses_it() -> None:
    assert ask(headers=[], host="")[0]["name"] == "portal"


def test_the_gateway_is_told_when_the_process_starts_and_ends() -> None:
    assert ask(type="lifespan")[0] == {"type": "part", "name": "gateway", "scope": "lifespan"}


def test_nobody_opens_a_websocket() -> None:
    assert ask(type="websocket")[0]["type"] == "websocket.close"


@pytest.mark.parametrize(("healthy", "status"), [(True, 200), (False, 503)])
def test_health_says_whether_the_database_answers(healthy: bool, status: int) -> None:  # noqa: FBT001 - the example
    start, body = ask("/healthz", healthy=healthy)

    assert start["status"] == status
    assert json.loads(body["body"])["database"] is healthy


def test_the_functions_host_has_a_health_of_its_own() -> None:
    assert ask("/healthz", host="127.0.0.1")[0]["name"] == "gateway"


def test_metrics_are_for_this_machine() -> None:
    start, body = ask("/metrics")

    assert start["status"] == 200
    assert b"python_info" in body["body"]
    assert ask("/metrics", host="127.0.0.1", client=("::1", 5))[0]["status"] == 200


@pytest.mark.parametrize(
    "more",
    [
        {"client": ("192.0.2.1", 5)},
        {"client": ("10.0.0.1", 5)},
        {"client": None},
        {"client": ("", 0)},
        {"headers": [(b"x-forwarded-for", b"127.0.0.1")]},
        {"headers": [(b"forwarded", b"for=127.0.0.1")]},
    ],
)
def test_metrics_are_for_nobody_else(more: dict[str, Any]) -> None:
    start, body = ask("/metrics", **more)

    assert start["status"] == 404
    assert b"python_info" not in body["body"]
