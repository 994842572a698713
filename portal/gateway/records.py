"""The database, read on threads of its own so that the event loop never waits for it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from django.db import Error, close_old_connections, connections
from django.utils import timezone

from portal.accounts.errors import TokenRefused
from portal.accounts.operations import authenticate_token
from portal.functions.models import Access
from portal.functions.queries import Endpoint, find_endpoint
from portal.gateway.errors import CallRefused
from portal.gateway.ports import StoredInvocation
from portal.invocations.models import Invocation
from portal.invocations.queries import find_result
from scheduler.states import InvocationState
from wire.messages import InvocationReply
from wire.money import bill
from wire.problems import Reason

T = TypeVar("T")

THREADS = 4
#: Look-ups that run or wait; more are refused, so that a flood of made-up names delays nobody for long.
MAX_PENDING = 256


class DatabaseRecords:
    """Short reads, each on one of a few threads; a thread keeps its connection."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway-database")
        self._pending = 0

    async def endpoint(self, address: tuple[str, str]) -> Endpoint | None:
        return await self._read(lambda: find_endpoint(*address))

    async def account_of(self, token: str) -> UUID | None:
        return await self._read(lambda: _account_of(token))

    async def invocation(self, invocation_id: UUID) -> StoredInvocation | None:
        return await self._read(lambda: _invocation(invocation_id))

    async def result(self, invocation_id: UUID) -> InvocationReply | None:
        return await self._read(lambda: _result(invocation_id))

    async def close(self) -> None:
        """Close all connections: each thread its own, which only it can."""
        together = threading.Barrier(THREADS)
        closing = [self._threads.submit(_close_connections, together) for _ in range(THREADS)]
        await asyncio.gather(*(asyncio.wrap_future(item) for item in closing))
        self._threads.shutdown()

    async def _read(self, query: Callable[[], T]) -> T:
        if self._pending >= MAX_PENDING:
            raise CallRefused(Reason.OVERLOADED, headers={"Retry-After": "1"})
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _run, query)
        except Error as error:
            raise CallRefused(Reason.UNAVAILABLE, headers={"Retry-After": "2"}) from error
        finally:
            self._pending -= 1


def _run(query: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return query()
    finally:
        close_old_connections()


def _close_connections(together: threading.Barrier) -> None:
    together.wait(timeout=10)
    connections.close_all()


def _account_of(token: str) -> UUID | None:
    try:
        return authenticate_token(token, now=timezone.now()).id
    except TokenRefused:
        return None


def _invocation(invocation_id: UUID) -> StoredInvocation | None:
    found = Invocation.objects.filter(id=invocation_id).defer("input")
    invocation = found.select_related("version__function").first()
    if invocation is None:
        return None
    return StoredInvocation(
        invocation_id=invocation.id,
        state=InvocationState(invocation.state),
        reason=invocation.reason,
        access=Access(invocation.version.access),
        developer_id=invocation.version.function.owner_id,
        caller_id=invocation.caller_id,
        output_type=invocation.version.output_type,
        requested_at=invocation.requested_at,
        ended_at=invocation.ended_at,
    )


def _result(invocation_id: UUID) -> InvocationReply | None:
    found = find_result(invocation_id)
    if found is None:
        return None
    result, job = found
    owed = bill(job, claimed_ms=job.claimed_ms, observed_ms=job.observed_ms)
    return InvocationReply(
        invocation_id=str(invocation_id),
        job_id=job.id,
        output=bytes(result.output),
        run_ms=job.claimed_ms or 0,
        cost_micro=owed if job.cost_micro is None else job.cost_micro,
    )
