"""Status and result by id: what is said, and to whom."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from portal.functions.models import Access
from portal.gateway.ports import StoredInvocation
from scheduler.states import InvocationState
from tests.unit.gateway.conftest import ALICE, STRANGER, Marketplace
from wire.messages import InvocationReply

pytestmark = pytest.mark.anyio

BOB = UUID("00000000-0000-4000-8000-000000000b0b")
AT = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)


def keep(marketplace: Marketplace, **columns: object) -> UUID:
    invocation = StoredInvocation(
        invocation_id=uuid4(),
        state=InvocationState.SUCCEEDED,
        reason="",
        access=Access.PUBLIC,
        developer_id=ALICE,
        caller_id=None,
        output_type="text/plain",
        requested_at=AT,
        ended_at=AT,
    )
    invocation = replace(invocation, **columns)  # type: ignore[arg-type]
    marketplace.records.accounts["bobs-token"] = BOB
    marketplace.records.invocations[invocation.invocation_id] = invocation
    marketplace.records.results[invocation.invocation_id] = InvocationReply(
        invocation_id=str(invocation.invocation_id), job_id="job-1", output=b"<b>out</b>", run_ms=5, cost_micro=2
    )
    return invocation.invocation_id


async def test_an_invocation_s_status_is_told_with_its_times(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    invocation_id = keep(marketplace, state=InvocationState.FAILED, reason="timed_out")

    answer = await client.get(f"/i/{invocation_id}")

    assert answer.status_code == 200
    assert answer.json() == {
        "invocation_id": str(invocation_id),
        "state": "failed",
        "reason": "timed_out",
        "requested_at": "2026-11-21T06:30:00+00:00",
        "ended_at": "2026-11-21T06:30:00+00:00",
        "status": f"/i/{invocation_id}",
        "result": f"/i/{invocation_id}/result",
    }


async def test_a_result_is_given_as_it_was_to_the_first_caller(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    invocation_id = keep(marketplace)

    answer = await client.get(f"/i/{invocation_id}/result")

    assert (answer.status_code, answer.content) == (200, b"<b>out</b>")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-job-id"] == "job-1"


async def test_a_pending_result_says_to_come_back(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    invocation_id = keep(marketplace, state=InvocationState.PENDING, ended_at=None)

    answer = await client.get(f"/i/{invocation_id}/result")

    assert (answer.status_code, answer.json()["state"], answer.headers["retry-after"]) == (202, "pending", "1")


async def test_a_failed_invocation_s_result_is_its_error(marketplace: Marketplace, client: httpx.AsyncClient) -> None:
    invocation_id = keep(marketplace, state=InvocationState.FAILED, reason="function_error")

    answer = await client.get(f"/i/{invocation_id}/result")

    assert (answer.status_code, answer.json()["reason"]) == (502, "function_error")


async def test_a_result_that_is_no_longer_kept_is_not_found(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    invocation_id = keep(marketplace)
    del marketplace.records.results[invocation_id]

    answer = await client.get(f"/i/{invocation_id}/result")

    assert (answer.status_code, answer.json()["hint"]) == (404, "The result is no longer kept.")


@pytest.mark.parametrize(
    ("access", "token", "status"),
    [
        (Access.PUBLIC, None, 200),
        (Access.TOKEN, None, 401),
        (Access.TOKEN, "strangers-token", 404),
        (Access.TOKEN, "bobs-token", 200),
        (Access.TOKEN, "alices-token", 200),
        (Access.OWNER, None, 401),
        (Access.OWNER, "bobs-token", 404),
        (Access.OWNER, "alices-token", 200),
    ],
)
async def test_only_who_called_and_the_developer_may_ask(
    marketplace: Marketplace, client: httpx.AsyncClient, access: Access, token: str | None, status: int
) -> None:
    invocation_id = keep(marketplace, access=access, caller_id=BOB)

    headers = {"Authorization": f"bearer {token}"} if token else {}
    answers = [await client.get(f"/i/{invocation_id}{path}", headers=headers) for path in ("", "/result")]

    assert [answer.status_code for answer in answers] == [status, status]


async def test_an_unknown_id_is_not_found_and_only_get_is_answered(
    marketplace: Marketplace, client: httpx.AsyncClient
) -> None:
    known = keep(marketplace, caller_id=STRANGER)

    assert (await client.get(f"/i/{uuid4()}")).status_code == 404
    assert (await client.post(f"/i/{known}")).status_code == 405
    assert (await client.delete(f"/i/{known}/result")).headers["allow"] == "GET"
