"""The four ports on RabbitMQ."""

import asyncio
from collections.abc import Callable, Sequence

from scheduler.specs import ProviderSpec
from scheduler.transport.connection import Connection
from scheduler.transport.ports import Consumer
from scheduler.transport.rabbitmq import BrokerLogin, Session
from wire import envelope, names
from wire.messages import Cancel, InvocationReply, JobOrder, ResultAcknowledged

#: How long deliveries in hand are waited for.
_FINISH_SECONDS = 5.0
#: How long an unread cancel or acknowledgement is worth keeping.
_CONTROL_MS = 24 * 3_600_000
_REPLY_MS = 60_000


class RabbitSchedulerBroker:
    """The scheduler's broker; stays connected, or says that it is not."""

    def __init__(self, login: BrokerLogin) -> None:
        self._connection = Connection(login, name="chainfaas scheduler")
        #: Deliveries that are being handled, of lost connections too.
        self._in_hand: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether messages can be sent and are received now."""
        return self._connection.connected

    async def run(self, consumers: Sequence[Consumer], on_connected: Callable[[int], None]) -> None:
        """Stay connected and hand out what arrives, until cancelled.

        What is in hand when a connection is lost goes on: half of it may be committed. It is not acknowledged, so it
        comes again, and its second delivery finds what the first one did.
        """

        async def prepare(session: Session) -> None:
            await session.declare_topology()
            for consumer in consumers:
                await session.consume(consumer, self._in_hand)

        try:
            await self._connection.stay(prepare, on_connected)
        finally:
            for task in self._in_hand:
                task.cancel()
            await asyncio.gather(*self._in_hand, return_exceptions=True)

    async def stop_consuming(self) -> None:
        """Take no more deliveries; wait a while for those in hand."""
        if self.connected:
            await self._connection.here.stop_consuming()
        if self._in_hand:
            await asyncio.wait(list(self._in_hand), timeout=_FINISH_SECONDS)

    async def send_order(self, provider: ProviderSpec, order: JobOrder) -> None:
        """Put a ticket into the provider's jobs queue."""
        await self._connection.here.publish(names.jobs_queue(provider.queue_secret), envelope.dump(order))

    async def send_control(self, provider: ProviderSpec, message: Cancel | ResultAcknowledged) -> None:
        """Put a message into the provider's control queue."""
        queue, body = names.control_queue(provider.queue_secret), envelope.dump(message)
        await self._connection.here.publish(queue, body, expires_ms=_CONTROL_MS)

    async def send_reply(self, replies_to: str, reply: InvocationReply) -> None:
        """Tell a gateway how its invocation ended; a gateway that is gone is no error."""
        self._connection.here.send(replies_to, envelope.dump(reply), expires_ms=_REPLY_MS)

    async def has_consumer(self, provider: ProviderSpec) -> bool:
        """Return whether the provider's agent is connected to its jobs queue."""
        return await self._connection.here.consumer_count(names.jobs_queue(provider.queue_secret)) > 0
