"""What hostile callers send: bodies, headers and hang-ups that a client library would not make."""

import asyncio

import httpx
import pytest

from portal.functions.models import Access
from portal.gateway.errors import CallRefused
from portal.gateway.gateway import deliver_to
from portal.gateway.http.answers import success
from portal.gateway.records import MAX_PENDING, DatabaseRecords
from portal.gateway.waiting import WaitingCallers
from tests.support.gateway.asgi import Exchange, json_of, pieces
from tests.support.waiting import eventually
from tests.unit.gateway.conftest import Marketplace, impatient
from wire.limits import Limits
from wire.messages import InvocationReply
from wire.problems import Reason

pytestmark = pytest.mark.anyio

PATH = "/f/alice/echo"


async def test_a_body_that_is_declared_too_large_is_refused_unread(marketplace: Marketplace) -> None:
    marketplace.has("echo")
    exchange = Exchange(PATH, headers=[(b"content-length", b"1001")])

    await exchange.run(marketplace.gateway)

    assert exchange.status == 413
    assert exchange.received == 0
    assert exchange.answer_headers["connection"] == "close"


async def test_a_body_that_lies_about_its_length_is_refused_as_soon_as_it_is_too_large(
    marketplace: Marketplace,
) -> None:
    marketplace.has("echo")
    exchange = Exchange(PATH, headers=[(b"content-length", b"5")])
    for _ in range(50):
        exchange.feed(b"x" * 300, more=True)

    await exchange.run(marketplace.gateway)

    assert exchange.status == 413
    assert exchange.received == 4


async def test_a_chunked_body_without_end_is_refused(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    marketplace.has("echo")

    answer = await client.post(PATH, content=pieces(10_000, b"x" * 100))

    assert (answer.status_code, answer.json()["reason"]) == (413, "input_too_large")
    assert marketplace.broker.sent == []


async def test_a_body_of_exactly_the_limit_passes(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    marketplace.has("echo", limits=Limits(input_bytes=256 * 1024))

    answer = await client.post(PATH, content=pieces(256, b"x" * 1024))
    larger = await client.post(PATH, content=pieces(257, b"x" * 1024))

    assert (answer.status_code, len(answer.content)) == (200, 256 * 1024)
    assert larger.status_code == 413


@impatient
async def test_a_body_that_trickles_is_given_up(marketplace: Marketplace) -> None:
    marketplace.has("echo")
    exchange = Exchange(PATH)
    exchange.feed(b"a", more=True)

    await asyncio.wait_for(exchange.run(marketplace.gateway), 30)

    assert (exchange.status, json_of(exchange)["reason"]) == (408, "input_too_slow")
    assert len(marketplace.waiting) == 0


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"3"), (b"content-length", b"30")],
        [(b"content-length", b"-3")],
        [(b"content-length", b"+3")],
        [(b"content-length", b"3, 3")],
        [(b"content-length", "\u0663".encode())],
        [(b"content-type", b"x" * 101)],
        [(b"content-type", b"text/\x00plain")],
        [(b"content-type", b"text/pl\xc3\xa4in")],
        [(b"content-type", b"text/plain"), (b"Content-Type", b"text/html")],
    ],
)
async def test_headers_that_parts_could_read_differently_are_refused(
    marketplace: Marketplace, headers: list[tuple[bytes, bytes]]
) -> None:
    marketplace.has("echo")
    exchange = Exchange(PATH, headers=headers)
    exchange.feed(b"abc")

    await exchange.run(marketplace.gateway)

    assert (exchange.status, json_of(exchange)["reason"]) == (400, "invalid")
    assert marketplace.broker.sent == []


@pytest.mark.parametrize(
    "authorization",
    [
        [b"Bearer alices-token", b"Bearer strangers-token"],
    ],
)
async def test_two_tokens_are_none(marketplace: Marketplace, authorization: list[bytes]) -> None:
    marketplace.has("echo", access=Access.TOKEN)
    exchange = Exchange(PATH, headers=[(b"authorization", value) for value in authorization])

    await exchange.run(marketplace.gateway)

    assert exchange.status == 400


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic alices-token", "alices-token", "Bearer " + "x" * 201]
)
async def test_what_is_no_token_is_not_looked_up(
    marketplace: Marketplace, client: httpx.AsyncClient, value: str
) -> None:
    marketplace.has("echo", access=Access.TOKEN)

    answer = await client.post(PATH, headers={"Authorization": value})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "token" not in marketplace.records.asked


@pytest.mark.parametrize("output_type", ["text/html\r\nSet-Cookie: a=b", "text/html\nX: y", "", "x", "text/plain\x00"])
def test_a_content_type_cannot_carry_another_header(output_type: str) -> None:
    answer = success(InvocationReply(invocation_id="1"), output_type)

    assert answer.content_type == "application/octet-stream"


async def test_a_caller_that_hangs_up_leaves_nothing_behind(marketplace: Marketplace) -> None:
    marketplace.has("echo", limits=Limits(timeout_ms=60_000))
    marketplace.broker.scheduler = lambda _request: []
    exchange = Exchange(PATH)
    exchange.feed(b"abc")
    running = asyncio.ensure_future(exchange.run(marketplace.gateway))
    await eventually("the call to wait", lambda: len(marketplace.broker.sent) == 1, 30)

    exchange.hang_up()
    await asyncio.wait_for(running, 30)

    assert exchange.sent == []
    assert len(marketplace.waiting) == 0
    marketplace.broker.on_reply(InvocationReply(invocation_id=marketplace.broker.sent[0].invocation_id))


async def test_a_caller_that_hangs_up_in_its_body_leaves_nothing_behind(marketplace: Marketplace) -> None:
    marketplace.has("echo")
    exchange = Exchange(PATH)
    exchange.feed(b"abc", more=True)
    exchange.hang_up()

    await asyncio.wait_for(exchange.run(marketplace.gateway), 30)

    assert (exchange.sent, marketplace.broker.sent, len(marketplace.waiting)) == ([], [], 0)


async def test_replies_for_ids_that_nobody_waits_for_are_dropped() -> None:
    waiting = WaitingCallers(1)
    deliver = deliver_to(waiting)

    for invocation_id in ("", "x" * 10_000, "00000000-0000-4000-8000-000000000000"):
        deliver(InvocationReply(invocation_id=invocation_id, output=b"forged"))

    assert len(waiting) == 0


@pytest.mark.parametrize("path", ["/sign-in", "/static/site.css", "/api/v1/functions", "/metrics", "/admin", "/"])
async def test_nothing_else_of_the_portal_answers_here(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")


async def test_a_get_with_a_body_is_refused(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    marketplace.has("echo", get_allowed=True)

    answer = await client.request("GET", PATH, content=b"body")
    long_query = await client.get(PATH + "?" + "q" * 1001)

    assert (answer.status_code, long_query.status_code) == (413, 413)


async def test_a_flood_of_made_up_names_is_refused_before_it_queues_for_the_database() -> None:
    records = DatabaseRecords()
    records._pending = MAX_PENDING

    with pytest.raises(CallRefused) as refused:
        await records.endpoint(("alice", "made-up"))

    assert refused.value.reason == Reason.OVERLOADED
    await records.close()


async def test_a_websocket_is_closed(marketplace: Marketplace) -> None:
    exchange = Exchange(PATH)
    scope = {**exchange.scope(), "type": "websocket"}

    await marketplace.gateway(scope, exchange._receive, exchange._send)

    assert exchange.sent == [{"type": "websocket.close", "code": 1002}]
