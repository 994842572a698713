"""The far sides of a real broker: what gateways and agents do, by a plain connection of their own."""

import pika

from scheduler.transport.broker import RabbitSchedulerBroker
from tests.support import servers
from tests.support.scheduling.marketplace import REPLIES, FakeProvider
from wire import envelope, names
from wire.messages import Message
from wire.topology import provider_queues


class RabbitFarSide:
    def __init__(self, access: servers.Broker) -> None:
        parameters = access.login.parameters("far side")
        # A test may take longer than a heartbeat before it looks here again.
        parameters.heartbeat = 0
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._tags: dict[str, str] = {}
        self._received: dict[str, list[Message]] = {}
        self.broker = RabbitSchedulerBroker(access.login)

    def close(self) -> None:
        self._connection.close()

    def enrol(self, provider: FakeProvider) -> None:
        for queue in provider_queues(provider.spec.queue_secret):
            self._channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)

    def attach(self, provider: FakeProvider) -> None:
        queue = names.jobs_queue(provider.spec.queue_secret)
        taken = self._received.setdefault(queue, [])
        self._tags[queue] = self._channel.basic_consume(
            queue, lambda _channel, _method, _properties, body: taken.append(envelope.parse(body)), auto_ack=True
        )

    def detach(self, provider: FakeProvider) -> None:
        self._channel.basic_cancel(self._tags.pop(names.jobs_queue(provider.spec.queue_secret)))

    def remove(self, provider: FakeProvider) -> None:
        self._channel.queue_delete(names.jobs_queue(provider.spec.queue_secret))

    def open_replies(self) -> None:
        self._channel.queue_declare(REPLIES, exclusive=True)

    async def request(self, body: bytes) -> None:
        self.publish_request(body)

    async def event(self, provider: FakeProvider, kind: str, body: bytes) -> None:
        self.publish(provider, kind, body)

    def publish_request(self, body: bytes) -> None:
        self._channel.basic_publish("", names.INVOCATIONS, body)

    def publish(self, provider: FakeProvider, kind: str, body: bytes) -> None:
        self._channel.basic_publish(names.PROVIDER_EVENTS, names.event_key(provider.id, kind), body)

    def orders(self, provider: FakeProvider) -> list[Message]:
        """Return the tickets that an attached provider got and that were not taken out."""
        self._connection.process_data_events(0)
        return self._received[names.jobs_queue(provider.spec.queue_secret)]

    def received(self, queue: str) -> list[Message]:
        """Return everything that came into a queue so far."""
        messages = self._received.setdefault(queue, [])
        while True:
            delivery, _, body = self._channel.basic_get(queue, auto_ack=True)
            if delivery is None or body is None:
                return messages
            messages.append(envelope.parse(body))
