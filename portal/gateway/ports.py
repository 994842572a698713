"""What the gateway needs from outside: the database's records and the way to the scheduler."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from portal.functions.models import Access
from portal.functions.queries import Endpoint
from portal.invocations.starting import RequestSender
from scheduler.states import InvocationState
from wire.messages import InvocationReply

OnReply = Callable[[InvocationReply], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredInvocation:
    """What the database says of an invocation, and who may ask for it."""

    invocation_id: UUID
    state: InvocationState
    #: A `wire.problems.Reason`, when it failed.
    reason: str
    #: Who may call its version, and so who may ask for this.
    access: Access
    developer_id: UUID
    caller_id: UUID | None
    output_type: str
    requested_at: datetime
    ended_at: datetime | None


class Records(Protocol):
    """The database, as the gateway sees it. Each call may raise `CallRefused`: overloaded or unavailable."""

    async def endpoint(self, address: tuple[str, str]) -> Endpoint | None:
        """Return what answers at `/f/<developer>/<function>`; None when nothing does."""

    async def account_of(self, token: str) -> UUID | None:
        """Return the account that a token acts for; None when it acts for nobody."""

    async def invocation(self, invocation_id: UUID) -> StoredInvocation | None:
        """Return an invocation; None when there is none."""

    async def result(self, invocation_id: UUID) -> InvocationReply | None:
        """Return the reply of an invocation that succeeded; None when it has none, or none any more."""

    async def close(self) -> None:
        """Close all connections."""


class GatewayBroker(RequestSender, Protocol):
    """RabbitMQ, as the gateway sees it. Replies arrive at the `OnReply` that the broker was made with."""

    @property
    def ready(self) -> bool:
        """Whether an invocation can be sent now."""

    async def start(self) -> None:
        """Begin to connect, and stay connected until stopped; does not wait for it."""

    async def stop(self) -> None:
        """Close the connection."""
