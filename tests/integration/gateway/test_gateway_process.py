"""The gateway as it runs: uvicorn on a socket, Django's database, a real RabbitMQ, a scheduler that echoes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import httpx
import pytest
import uvicorn
from django.db import connections
from django.utils import timezone

from portal.accounts.models import Account, Role
from portal.accounts.operations import make_token, sign_up
from portal.functions.models import Access, Function, FunctionState, FunctionVersion
from portal.gateway.app import assemble
from portal.gateway.calls import Bounds
from portal.gateway.gateway import deliver_to
from portal.gateway.rabbitmq import RabbitGatewayBroker
from portal.gateway.records import DatabaseRecords
from portal.gateway.testing import echo
from portal.gateway.waiting import WaitingCallers
from portal.invocations.models import Invocation
from scheduler.transport.rabbitmq import BrokerLogin
from tests.support.gateway.rabbit_scheduler import RabbitScheduler
from tests.support.people import newcomer
from tests.support.servers import Broker
from tests.support.waiting import eventually
from wire.messages import InvocationReply, InvocationRequest

T = TypeVar("T")

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


@dataclass(slots=True)
class Running:
    """A gateway that listens, and the one function behind it."""

    url: str
    port: int
    version: FunctionVersion
    token: str
    #: What the scheduler does with an order.
    answer: Callable[[InvocationRequest], Iterable[InvocationReply]] = echo
    taken: list[InvocationRequest] = field(default_factory=list)
    waiting: WaitingCallers = field(default_factory=lambda: WaitingCallers(100))

    def scheduler(self, order: InvocationRequest) -> Iterable[InvocationReply]:
        """Answer as the test wants it."""
        self.taken.append(order)
        return self.answer(order)


def publish_function(owner: Account) -> FunctionVersion:
    function = Function.objects.create(
        owner=owner, name="echo", state=FunctionState.PUBLISHED, created_at=timezone.now()
    )
    version = FunctionVersion.objects.create(
        function=function,
        number=1,
        image_link="registry.test/echo:1",
        image="registry.test/echo@sha256:0",
        image_bytes=1,
        architecture="amd64",
        memory_mb=64,
        cpu_millis=500,
        timeout_ms=1000,
        processes=8,
        input_bytes=1000,
        output_bytes=1000,
        output_type="text/plain",
        price_ceiling_nano_per_ms=1,
        access=Access.TOKEN,
        rate_per_minute=10_000,
        budget_micro_per_day=1,
        created_at=timezone.now(),
    )
    Function.objects.filter(id=function.id).update(live_version=version)
    return version


@pytest.fixture
def alice(transactional_db: None) -> Account:  # noqa: ARG001 - the database
    return sign_up(newcomer("alice", roles=[Role.DEVELOPER]), now=timezone.now())


#: For a test that waits until they are over.
impatient = pytest.mark.parametrize(
    "bounds", [Bounds(body_seconds=0.5, placing_seconds=1, grace_seconds=0)], ids=["impatient"]
)


@asynccontextmanager
async def listening(app: object) -> AsyncIterator[int]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    server.capture_signals = contextmanager(lambda: iter([None]))  # type: ignore[method-assign]
    serving = asyncio.ensure_future(server.serve())
    await eventually("uvicorn", lambda: server.started, 60)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def in_a_thread(query: Callable[[], T]) -> T:
    """Ask the database outside the event loop, and leave no connection behind."""

    def ask() -> T:
        try:
            return query()
        finally:
            connections.close_all()

    return await asyncio.to_thread(ask)


@pytest.fixture
def bounds() -> Bounds:
    """Bounds that a slow machine keeps as well."""
    return Bounds()


@pytest.fixture
async def running(alice: Account, broker: Broker, login: BrokerLogin, bounds: Bounds) -> AsyncIterator[Running]:
    version = await in_a_thread(lambda: publish_function(alice))
    token = await in_a_thread(lambda: make_token(alice, name="test", now=timezone.now()))
    state = Running(url="", port=0, version=version, token=token.text)
    scheduler = RabbitScheduler(broker, state.scheduler)
    rabbit = RabbitGatewayBroker(login, deliver_to(state.waiting), gateway_id="test")
    gateway = assemble(DatabaseRecords(), broker=rabbit, waiting=state.waiting, bounds=bounds)
    async with listening(gateway) as port:
        await eventually("the broker", lambda: rabbit.ready, 60)
        state.url, state.port = f"http://127.0.0.1:{port}", port
        yield state
    scheduler.stop()


@pytest.fixture
async def client(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {running.token}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=60) as opened:
        yield opened


async def test_a_call_goes_through_the_broker_and_back(
    running: Running, client: httpx.AsyncClient, alice: Account
) -> None:
    answer = await client.post("/f/alice/echo", content=b"hello")

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"hello", "text/plain")
    assert running.taken[0].version_id == str(running.version.id)
    assert running.taken[0].caller_id == str(alice.id)
    assert answer.headers.get_list("server") == ["uvicorn"]


async def test_calls_at_the_same_time_each_get_their_own_answer(running: Running, client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.post("/f/alice/echo", content=str(number).encode()) for number in range(50))
    )

    assert [answer.text for answer in answers] == [str(number) for number in range(50)]
    assert len(running.waiting) == 0


async def test_a_stranger_s_call_is_refused(running: Running, client: httpx.AsyncClient) -> None:
    made_up = {"Authorization": f"Bearer cf_abcdefgh_{'x' * 43}"}

    answer = await client.post("/f/alice/echo", headers=made_up)

    assert (answer.status_code, answer.json()["reason"]) == (401, "unauthenticated")
    assert running.taken == []


async def test_a_stop_takes_effect_within_the_cache_s_second(running: Running, client: httpx.AsyncClient) -> None:
    assert (await client.post("/f/alice/echo")).status_code == 200
    await in_a_thread(
        lambda: Function.objects.filter(id=running.version.function_id).update(state=FunctionState.STOPPED)
    )

    statuses: list[int] = []

    async def call() -> None:
        statuses.append((await client.post("/f/alice/echo")).status_code)

    async with asyncio.timeout(60):
        while 404 not in statuses:
            await call()


@impatient
async def test_a_reply_that_never_comes_is_found_in_the_database(running: Running, client: httpx.AsyncClient) -> None:
    def fail_silently(order: InvocationRequest) -> Iterable[InvocationReply]:
        Invocation.objects.create(
            id=UUID(order.invocation_id),
            version=running.version,
            state="failed",
            reason="function_error",
            input_digest="",
            replies_to=order.replies_to,
            requested_at=timezone.now(),
            deadline_at=timezone.now() + timedelta(seconds=1),
            ended_at=timezone.now(),
        )
        connections.close_all()
        return []

    running.answer = fail_silently

    answer = await client.post("/f/alice/echo")
    status = await client.get(f"/i/{answer.json()['invocation_id']}")

    assert (answer.status_code, answer.json()["reason"]) == (502, "function_error")
    assert (status.status_code, status.json()["state"]) == (200, "failed")


async def speak(port: int, *parts: bytes) -> bytes:
    """Send raw bytes and return everything that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    await writer.drain()
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


def head(running: Running, *lines: str) -> bytes:
    first = ("POST /f/alice/echo HTTP/1.1", "Host: functions.test", f"Authorization: Bearer {running.token}")
    return "\r\n".join((*first, *lines, "", "")).encode()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 3", "Content-Length: 40"),
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip, identity",),
        ("Content-Length: -1",),
        ("Content-Type: a", " folded"),
    ],
)
async def test_requests_that_read_in_two_ways_reach_no_function(running: Running, lines: tuple[str, ...]) -> None:
    answer = await speak(running.port, head(running, *lines), b"abc", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert running.taken == []


async def test_after_a_body_that_is_too_large_the_connection_is_closed(running: Running) -> None:
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    answer = await speak(running.port, head(running, "Content-Length: 1001"), b"x" * 1001, smuggled)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1") == 1


@impatient
async def test_a_body_that_stops_in_the_middle_is_given_up(running: Running) -> None:
    answer = await speak(running.port, head(running, "Content-Length: 10"), b"x")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["reason"] == "input_too_slow"


async def test_a_caller_that_hangs_up_leaves_its_place(running: Running) -> None:
    running.answer = lambda _order: []
    _reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(head(running, "Content-Length: 1") + b"x")
    await eventually("the call to wait", lambda: len(running.taken) == 1 and len(running.waiting) == 1, 60)

    writer.close()

    await eventually("its place to be free", lambda: len(running.waiting) == 0, 30)
