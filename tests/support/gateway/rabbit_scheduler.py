"""A scheduler's end of RabbitMQ: declares the queue, takes orders on a thread of its own, sends replies."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.support.servers import Broker
from wire import envelope, names
from wire.messages import InvocationReply, InvocationRequest
from wire.topology import CONTROLLER_QUEUES

Answer = Callable[[InvocationRequest], Iterable[InvocationReply]]


def connect(broker: Broker) -> pika.BlockingConnection:
    """Return a connection of the controller's."""
    credentials = pika.PlainCredentials(broker.user, broker.password)
    return pika.BlockingConnection(
        pika.ConnectionParameters(broker.host, broker.port, broker.vhost, credentials, heartbeat=60)
    )


def declare_invocations(broker: Broker, **arguments: Any) -> None:
    """Declare the queue of orders as the scheduler does, or with other bounds."""
    (spec,) = (spec for spec in CONTROLLER_QUEUES if spec.name == names.INVOCATIONS)
    with connect(broker) as connection:
        connection.channel().queue_declare(spec.name, durable=True, arguments=spec.arguments | arguments)


class RabbitScheduler:
    """Answers orders until it is stopped."""

    def __init__(self, broker: Broker, answer: Answer) -> None:
        self._answer = answer
        declare_invocations(broker)
        self._connection = connect(broker)
        self._channel = self._connection.channel()
        self._channel.basic_consume(names.INVOCATIONS, self._take)
        self._thread = threading.Thread(target=self._channel.start_consuming)
        self._thread.start()

    def _take(self, channel: BlockingChannel, method: Any, _properties: object, body: bytes) -> None:
        order = envelope.parse_as(InvocationRequest, body)
        for reply in self._answer(order):
            channel.basic_publish("", order.replies_to, envelope.dump(reply))
        channel.basic_ack(method.delivery_tag)

    def stop(self) -> None:
        """Stop and disconnect."""
        self._connection.add_callback_threadsafe(self._channel.stop_consuming)
        self._thread.join()
        self._connection.close()
