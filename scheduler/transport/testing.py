"""The broker in memory; it passes the same suite as the real one (tests/support)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from scheduler.errors import BrokerUnavailable, Undeliverable
from scheduler.specs import ProviderSpec
from scheduler.transport.ports import Consumer
from wire import envelope, names
from wire.messages import Cancel, InvocationReply, JobOrder, Message, ResultAcknowledged


class InMemorySchedulerBroker:
    """A broker without a network: what is sent can be read from `queues`, what arrives is handed in by `deliver`."""

    def __init__(self) -> None:
        self.queues: dict[str, list[Message]] = {}
        #: Queues that somebody reads.
        self.read: set[str] = set()
        self._consumers: Mapping[str, Consumer] = {}
        self._on_connected: Callable[[int], None] | None = None

    @property
    def connected(self) -> bool:
        """Whether messages can be sent and are received now."""
        return self._on_connected is not None

    def declare(self, queue: str) -> list[Message]:
        """Make a queue, if it is not there."""
        return self.queues.setdefault(queue, [])

    async def run(self, consumers: Sequence[Consumer], on_connected: Callable[[int], None]) -> None:
        """Stay connected until cancelled."""
        self._consumers = {item.queue: item for item in consumers}
        self._on_connected = on_connected
        on_connected(0)
        try:
            await asyncio.Event().wait()
        finally:
            self._on_connected, self._consumers = None, {}

    async def stop_consuming(self) -> None:
        """Take no more deliveries."""
        self._consumers = {}

    async def deliver(self, queue: str, message: Message | bytes, routing_key: str) -> None:
        """Hand a message to whoever consumes a queue; return once it was acknowledged."""
        body = message if isinstance(message, bytes) else envelope.dump(message)
        await self._consumers[queue].handler(body, routing_key)

    async def send_order(self, provider: ProviderSpec, order: JobOrder) -> None:
        """Put a ticket into the provider's jobs queue."""
        self._put(names.jobs_queue(provider.queue_secret), order)

    async def send_control(self, provider: ProviderSpec, message: Cancel | ResultAcknowledged) -> None:
        """Put a message into the provider's control queue."""
        self._put(names.control_queue(provider.queue_secret), message)

    async def send_reply(self, replies_to: str, reply: InvocationReply) -> None:
        """Tell a gateway how its invocation ended."""
        if not self.connected:
            raise BrokerUnavailable("not connected to the broker")
        if replies_to in self.queues:
            self.queues[replies_to].append(reply)

    async def has_consumer(self, provider: ProviderSpec) -> bool:
        """Return whether somebody reads the provider's jobs queue."""
        return names.jobs_queue(provider.queue_secret) in self.read

    def _put(self, queue: str, message: Message) -> None:
        if not self.connected:
            raise BrokerUnavailable("not connected to the broker")
        if queue not in self.queues:
            raise Undeliverable(f"no queue {queue}")
        self.queues[queue].append(message)
