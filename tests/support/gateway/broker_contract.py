"""What every broker of the gateway has to do; the one in memory and RabbitMQ pass the same suite."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from portal.gateway.ports import GatewayBroker
from scheduler.errors import BrokerUnavailable, QueueFull
from tests.support.waiting import eventually
from wire.messages import InvocationReply, InvocationRequest


def request(broker: GatewayBroker, body: bytes = b"in") -> InvocationRequest:
    """Return an order as the gateway sends it."""
    return InvocationRequest(
        invocation_id=str(uuid4()),
        version_id=str(uuid4()),
        caller_id=None,
        input=body,
        input_type="text/plain",
        requested_at_ms=0,
        deadline_at_ms=1,
        replies_to=broker.replies_to,
    )


@dataclass(slots=True)
class Ends:
    """A gateway's broker and the scheduler at its other end."""

    broker: GatewayBroker
    #: What the scheduler took.
    taken: list[InvocationRequest] = field(default_factory=list)
    #: What the gateway heard.
    heard: list[InvocationReply] = field(default_factory=list)

    def answer(self, order: InvocationRequest) -> Iterable[InvocationReply]:
        """Take an order as the scheduler does, and answer it with its own input."""
        self.taken.append(order)
        yield InvocationReply(invocation_id=order.invocation_id, output=order.input)


class BrokerContract(ABC):
    """Sending orders and hearing replies."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    @abstractmethod
    def ends(self) -> Ends:
        """A broker that is started and ready."""

    @abstractmethod
    async def fill(self, ends: Ends) -> None:
        """Let the queue hold as much as it may, with nobody who takes it."""

    async def test_what_is_sent_is_taken_once_and_its_reply_is_heard(self, ends: Ends) -> None:
        order = request(ends.broker, b"\x00\xff")

        await ends.broker.send(order, expires_ms=10_000)
        await eventually("the reply", lambda: ends.heard, 60)

        assert ends.taken == [order]
        assert ends.heard == [InvocationReply(invocation_id=order.invocation_id, output=b"\x00\xff")]

    async def test_many_at_a_time_are_each_answered(self, ends: Ends) -> None:
        orders = [request(ends.broker) for _ in range(200)]

        for order in orders:
            await ends.broker.send(order, expires_ms=10_000)
        await eventually("all replies", lambda: len(ends.heard) == 200, 60)

        assert {reply.invocation_id for reply in ends.heard} == {order.invocation_id for order in orders}

    async def test_a_full_queue_refuses(self, ends: Ends) -> None:
        await self.fill(ends)

        with pytest.raises(QueueFull):
            await ends.broker.send(request(ends.broker), expires_ms=10_000)

    async def test_once_stopped_nothing_can_be_sent(self, ends: Ends) -> None:
        before = ends.broker.ready
        await ends.broker.stop()
        after = ends.broker.ready

        assert (before, after) == (True, False)
        with pytest.raises(BrokerUnavailable):
            await ends.broker.send(request(ends.broker), expires_ms=10_000)
