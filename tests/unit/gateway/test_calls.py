"""Calls of functions over ASGI, with a scheduler in memory."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from portal.functions.models import Access, FunctionState
from portal.gateway.ports import StoredInvocation
from scheduler.errors import BrokerSilent
from scheduler.states import InvocationState
from tests.support.waiting import eventually
from tests.unit.gateway.conftest import ALICE, Marketplace, impatient
from wire.messages import InvocationReply, InvocationRequest
from wire.problems import Reason

pytestmark = pytest.mark.anyio


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_call_is_answered_with_the_function_s_output(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    endpoint = marketplace.has("echo", output_type="text/html; charset=utf-8")

    answer = await client.post("/f/alice/echo", content=b"\x00hello\xff", headers={"Content-Type": "image/png"})

    assert answer.status_code == 200
    assert answer.content == b"\x00hello\xff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    invocation_id = answer.headers["x-invocation-id"]
    assert answer.headers["x-job-id"] == f"{UUID(invocation_id).hex}-1"
    assert (answer.headers["x-run-ms"], answer.headers["x-cost-micro"]) == ("3", "1")
    (sent,) = marketplace.broker.sent
    assert (sent.version_id, sent.caller_id, sent.input_type) == (str(endpoint.version_id), None, "image/png")
    assert sent.deadline_at_ms - sent.requested_at_ms == 30_000
    assert sent.replies_to == marketplace.broker.replies_to
    assert len(marketplace.waiting) == 0


async def test_get_is_answered_only_where_the_version_allows_it(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    marketplace.has("posted")
    marketplace.has("both", get_allowed=True)

    refused = await client.get("/f/alice/posted")
    answered = await client.get("/f/alice/both?a=1&b=%20x")

    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (answered.status_code, answered.content) == (200, b"a=1&b=%20x")
    assert marketplace.broker.sent[0].input_type == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PATCH"])
async def test_other_methods_are_refused_with_what_is_allowed(
    marketplace: Marketplace, client: httpx.AsyncClient, method: str
) -> None:
    marketplace.has("both", get_allowed=True)

    answer = await client.request(method, "/f/alice/both")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert marketplace.broker.sent == []


async def test_what_is_not_there_is_not_found(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    marketplace.has("stopped", state=FunctionState.STOPPED)

    missing = await client.post("/f/alice/nothing")
    stopped = await client.post("/f/alice/stopped")

    assert (missing.status_code, missing.json()["reason"]) == (404, "not_found")
    assert (stopped.status_code, stopped.json()["reason"]) == (404, "function_stopped")


async def test_an_error_names_part_reason_and_what_to_do(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    answer = await client.post("/f/alice/nothing")

    assert sorted(answer.json()) == ["component", "hint", "reason", "request_id", "retryable"]
    UUID(answer.json()["request_id"])
    assert marketplace.broker.sent == []


@pytest.mark.parametrize(
    ("access", "token", "status"),
    [
        (Access.PUBLIC, None, 200),
        (Access.PUBLIC, "made-up", 200),
        (Access.TOKEN, None, 401),
        (Access.TOKEN, "made-up", 401),
        (Access.TOKEN, "strangers-token", 200),
        (Access.TOKEN, "alices-token", 200),
        (Access.OWNER, None, 401),
        (Access.OWNER, "strangers-token", 403),
        (Access.OWNER, "alices-token", 200),
    ],
)
async def test_a_version_says_who_may_call(
    marketplace: Marketplace, client: httpx.AsyncClient, access: Access, token: str | None, status: int
) -> None:
    marketplace.has("echo", access=access)

    answer = await client.post("/f/alice/echo", headers=bearer(token) if token else {})

    assert answer.status_code == status
    assert len(marketplace.broker.sent) == (status == 200)


async def test_who_called_with_a_token_is_passed_on(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    marketplace.has("echo", access=Access.TOKEN)

    await client.post("/f/alice/echo", headers=bearer("alices-token"))

    assert marketplace.broker.sent[0].caller_id == str(ALICE)


async def test_calls_beyond_the_rate_are_told_when_to_come_back(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    marketplace.has("echo", rate_per_minute=2)

    begun = time.monotonic()
    answers = [await client.post("/f/alice/echo") for _ in range(3)]
    passed = time.monotonic() - begun

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["reason"] == "rate_limited"
    assert 29 - passed <= int(answers[2].headers["retry-after"]) <= 30


async def test_the_database_is_asked_once_for_calls_at_the_same_moment(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    marketplace.has("echo", access=Access.TOKEN)

    await asyncio.gather(*(client.post("/f/alice/echo", headers=bearer("alices-token")) for _ in range(3)))

    assert marketplace.records.asked == ["alice/echo", "token"]


@pytest.mark.parametrize("reason", [item for item in Reason if item.component in {"scheduler", "function"}])
async def test_why_a_call_failed_is_said_with_the_status_that_fits(
    marketplace: Marketplace, client: httpx.AsyncClient, reason: Reason
) -> None:
    marketplace.has("echo")
    marketplace.broker.scheduler = lambda request: [InvocationReply(invocation_id=request.invocation_id, reason=reason)]

    answer = await client.post("/f/alice/echo")

    assert answer.status_code == reason.http_status
    assert answer.json()["reason"] == reason.value
    assert answer.json()["invocation_id"] == answer.headers["x-invocation-id"]


async def test_respond_async_is_answered_once_the_invocation_is_committed(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    marketplace.has("echo")

    answer = await client.post("/f/alice/echo", headers={"Prefer": "wait=1, Respond-Async"})

    assert answer.status_code == 202
    invocation_id = answer.json()["invocation_id"]
    assert answer.headers["location"] == f"/i/{invocation_id}"
    assert answer.headers["preference-applied"] == "respond-async"
    assert marketplace.broker.sent[0].respond_async


async def test_without_a_broker_calls_are_refused_and_may_be_repeated(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    marketplace.has("echo")
    await marketplace.broker.stop()

    call, health = await client.post("/f/alice/echo"), await client.get("/healthz")

    assert (call.status_code, call.json()["reason"], call.json()["retryable"]) == (503, "unavailable", True)
    assert call.headers["retry-after"] == "2"
    assert health.status_code == 503


async def test_a_full_queue_is_an_overload(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    marketplace.has("echo")
    marketplace.broker.capacity = 0

    answer = await client.post("/f/alice/echo")

    assert (answer.status_code, answer.json()["reason"]) == (503, "overloaded")


async def test_callers_without_a_place_are_refused_at_once(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    marketplace.has("echo")
    held: list[InvocationRequest] = []
    marketplace.broker.scheduler = lambda request: (held.append(request), [])[1]  # type: ignore[func-returns-value]
    calls = [asyncio.ensure_future(client.post("/f/alice/echo")) for _ in range(3)]
    await eventually("three calls to wait", lambda: len(held) == 3, 30)

    refused = await client.post("/f/alice/echo")

    assert (refused.status_code, refused.json()["reason"]) == (503, "overloaded")
    for request in held:
        marketplace.broker.on_reply(InvocationReply(invocation_id=request.invocation_id, output=b"done"))
    assert {(await call).status_code for call in calls} == {200}


@impatient
async def test_a_call_that_gets_no_reply_says_where_to_ask_for_it(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    marketplace.has("echo")
    marketplace.broker.scheduler = lambda _request: []

    answer = await client.post("/f/alice/echo")

    assert (answer.status_code, answer.json()["reason"]) == (504, "no_answer")
    assert answer.headers["location"] == f"/i/{answer.json()['invocation_id']}"
    assert len(marketplace.waiting) == 0


async def test_a_call_that_the_broker_may_have_taken_says_where_to_ask_for_it(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    def lost(_request: InvocationRequest) -> list[InvocationReply]:
        raise BrokerSilent

    marketplace.has("echo")
    marketplace.broker.scheduler = lost

    answer = await client.post("/f/alice/echo")

    assert (answer.status_code, answer.json()["reason"]) == (504, "no_answer")
    assert answer.json()["retryable"] is False


@impatient
async def test_a_reply_that_was_lost_is_made_up_for_by_the_database(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    endpoint = marketplace.has("echo")

    def commit_and_lose_the_reply(request: InvocationRequest) -> list[InvocationReply]:
        invocation_id = UUID(request.invocation_id)
        marketplace.records.invocations[invocation_id] = stored(invocation_id, access=endpoint.access)
        marketplace.records.results[invocation_id] = InvocationReply(
            invocation_id=str(invocation_id), job_id="job", output=b"late", run_ms=7, cost_micro=9
        )
        return []

    marketplace.broker.scheduler = commit_and_lose_the_reply

    answer = await client.post("/f/alice/echo")

    assert (answer.status_code, answer.content, answer.headers["x-run-ms"]) == (200, b"late", "7")


async def test_a_reply_for_a_caller_that_was_answered_changes_nothing(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    marketplace.has("echo")
    await client.post("/f/alice/echo", content=b"first")
    (sent,) = marketplace.broker.sent

    marketplace.broker.on_reply(InvocationReply(invocation_id=sent.invocation_id, output=b"forged"))
    answer = await client.post("/f/alice/echo", content=b"second")

    assert answer.content == b"second"


async def test_an_unexpected_failure_is_an_error_with_an_id_and_no_detail(
    marketplace: Marketplace, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_address: tuple[str, str]) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(marketplace.gateway.calls.endpoints, "_load", broken)

    answer = await client.post("/f/alice/echo")

    assert (answer.status_code, answer.json()["reason"]) == (500, "internal")
    assert "secret" not in answer.text


def stored(invocation_id: UUID, *, access: Access) -> StoredInvocation:
    return StoredInvocation(
        invocation_id=invocation_id,
        state=InvocationState.SUCCEEDED,
        reason="",
        access=access,
        developer_id=ALICE,
        caller_id=None,
        output_type="text/plain",
        requested_at=datetime(2026, 11, 21, tzinfo=UTC),
        ended_at=None,
    )
