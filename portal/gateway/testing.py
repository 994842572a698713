"""Stand-ins for the database and the broker, held to the same suites as the real ones."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from portal.functions.queries import Endpoint
from portal.gateway.ports import OnReply, StoredInvocation
from scheduler.errors import BrokerUnavailable, QueueFull
from wire import names
from wire.messages import InvocationReply, InvocationRequest

#: What a scheduler would answer, in order.
Scheduler = Callable[[InvocationRequest], Iterable[InvocationReply]]


def echo(request: InvocationRequest) -> Iterable[InvocationReply]:
    """Answer each call with its own input."""
    if request.respond_async:
        yield InvocationReply(invocation_id=request.invocation_id, pending=True)
    job_id = f"{UUID(request.invocation_id).hex}-1"
    yield InvocationReply(
        invocation_id=request.invocation_id, job_id=job_id, output=request.input, run_ms=3, cost_micro=1
    )


@dataclass(slots=True)
class InMemoryGatewayBroker:
    """A broker with a scheduler behind it, in this process."""

    on_reply: OnReply
    scheduler: Scheduler = echo
    capacity: int = 10_000
    replies_to: str = field(default_factory=lambda: names.replies_queue("memory"))
    ready: bool = False
    sent: list[InvocationRequest] = field(default_factory=list)

    async def start(self) -> None:
        self.ready = True

    async def stop(self) -> None:
        self.ready = False

    async def send(self, request: InvocationRequest, *, expires_ms: int) -> None:
        if not self.ready or expires_ms <= 0:
            raise BrokerUnavailable
        if len(self.sent) >= self.capacity:
            raise QueueFull
        self.sent.append(request)
        for reply in self.scheduler(request):
            asyncio.get_running_loop().call_soon(self.on_reply, reply)


@dataclass(slots=True)
class InMemoryRecords:
    """A database in dictionaries."""

    endpoints: dict[tuple[str, str], Endpoint] = field(default_factory=dict)
    accounts: dict[str, UUID] = field(default_factory=dict)
    invocations: dict[UUID, StoredInvocation] = field(default_factory=dict)
    results: dict[UUID, InvocationReply] = field(default_factory=dict)
    #: Every look-up that was made.
    asked: list[str] = field(default_factory=list)

    async def endpoint(self, address: tuple[str, str]) -> Endpoint | None:
        self.asked.append("/".join(address))
        return self.endpoints.get(address)

    async def account_of(self, token: str) -> UUID | None:
        self.asked.append("token")
        return self.accounts.get(token)

    async def invocation(self, invocation_id: UUID) -> StoredInvocation | None:
        return self.invocations.get(invocation_id)

    async def result(self, invocation_id: UUID) -> InvocationReply | None:
        return self.results.get(invocation_id)

    async def close(self) -> None:
        """Close all connections."""
