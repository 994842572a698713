"""What the scheduler needs of a broker, in four parts: each step asks for those that it uses."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from scheduler.specs import ProviderSpec
from wire.messages import Cancel, InvocationReply, JobOrder, ResultAcknowledged

#: Called with a delivery's body and routing key; returning acknowledges it to the broker, raising returns it to its
#: queue. The broker let the sender use that routing key: for an event it says which provider sent it.
Handler = Callable[[bytes, str | None], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """Who takes what arrives in one queue."""

    queue: str
    #: How many deliveries may be in hand at once.
    prefetch: int
    handler: Handler


class Requests(Protocol):
    """What arrives: gateways' requests and agents' events."""

    async def run(self, consumers: Sequence[Consumer], on_connected: Callable[[int], None]) -> None:
        """Stay connected and hand out what arrives, until cancelled.

        `on_connected` is called each time the connection is there, with the milliseconds for which it was not.
        """

    async def stop_consuming(self) -> None:
        """Take no more deliveries; what is in hand may still be acknowledged."""


class Orders(Protocol):
    """What providers are told. Sending returns once the broker has confirmed."""

    async def send_order(self, provider: ProviderSpec, order: JobOrder) -> None:
        """Put a ticket into the provider's jobs queue.

        :raises Undeliverable: when the queue is gone or full.
        :raises BrokerUnavailable: when the broker did not confirm in time; a retry can help.
        """

    async def send_control(self, provider: ProviderSpec, message: Cancel | ResultAcknowledged) -> None:
        """Put a message into the provider's control queue.

        :raises BrokerUnavailable: as above.
        """


class Replies(Protocol):
    """What gateways are told."""

    async def send_reply(self, replies_to: str, reply: InvocationReply) -> None:
        """Tell a gateway how its invocation ended; a gateway that is gone is no error.

        :raises BrokerUnavailable: when there is no connection.
        """


class Presence(Protocol):
    """Who is there."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent and are received now."""

    async def has_consumer(self, provider: ProviderSpec) -> bool:
        """Return whether the provider's agent is connected to its jobs queue.

        :raises BrokerUnavailable: when the broker does not say.
        """
