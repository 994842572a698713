"""The scheduler's side of RabbitMQ: pika's asyncio connection, publisher confirms, reconnecting."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.delivery_mode import DeliveryMode
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from scheduler.errors import BrokerUnavailable, SchedulerError, Undeliverable
from scheduler.ports import Consumer, ProviderSpec
from wire import envelope, names
from wire.messages import Cancel, InvocationReply, JobOrder, Message, ResultAcknowledged
from wire.names import PROVIDER_EVENTS as EVENTS
from wire.topology import CONTROLLER_QUEUES, QueueSpec

log = logging.getLogger(__name__)

_CONFIRM_SECONDS = 5.0
_OPEN_SECONDS = 10.0
_HEARTBEAT_SECONDS = 20
_RETRY_SECONDS = (0.1, 5.0)
_PERSISTENT = DeliveryMode.Persistent
#: How long an unread cancel or acknowledgement is worth keeping.
_CONTROL_MS = str(24 * 3_600_000)
_REPLY_MS = str(60_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerLogin:
    """Where the broker is, and who we are there."""

    host: str
    port: int
    vhost: str
    user: str
    password: str = field(repr=False)

    def parameters(self) -> pika.ConnectionParameters:
        """Return them as pika wants them."""
        return pika.ConnectionParameters(
            host=self.host,
            port=self.port,
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.user, self.password),
            heartbeat=_HEARTBEAT_SECONDS,
            client_properties={"connection_name": "chainfaas scheduler"},
        )


class RabbitBroker:
    """The broker; stays connected, or says that it is not."""

    def __init__(self, login: BrokerLogin) -> None:
        self._login = login
        self._session: _Session | None = None
        self._lost_at: float | None = None
        #: Deliveries that are being handled, of lost connections too.
        self._in_hand: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether messages can be sent and are received now."""
        return self._session is not None

    async def run(self, consumers: Sequence[Consumer], on_connected: Callable[[int], None]) -> None:
        """Stay connected and hand out what arrives, until cancelled.

        What is in hand when a connection is lost goes on: half of it may be committed. It is not acknowledged, so it
        comes again, and its second delivery finds what the first one did.
        """
        try:
            await self._keep_connected(consumers, on_connected)
        finally:
            for task in self._in_hand:
                task.cancel()
            await asyncio.gather(*self._in_hand, return_exceptions=True)

    async def _keep_connected(self, consumers: Sequence[Consumer], on_connected: Callable[[int], None]) -> None:
        delay, longest = _RETRY_SECONDS
        while True:
            try:
                session = await _Session.open(self._login, consumers, self._in_hand)
            except (AMQPError, OSError, BrokerUnavailable, TimeoutError) as error:
                log.warning("broker.unavailable", extra={"why": repr(error)})
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
                delay = min(delay * 2, longest)
                continue
            delay = _RETRY_SECONDS[0]
            await self._stay(session, on_connected)

    async def _stay(self, session: "_Session", on_connected: Callable[[int], None]) -> None:
        self._session = session
        log.info("broker.connected")
        on_connected(int((time.monotonic() - self._lost_at) * 1000) if self._lost_at else 0)
        try:
            # Shielded: a cancelled wait must not pass for a closed connection.
            why = await asyncio.shield(session.closed)
            log.warning("broker.lost", extra={"why": repr(why)})
        finally:
            self._session, self._lost_at = None, time.monotonic()
            await session.close()

    async def stop_consuming(self) -> None:
        """Take no more deliveries; wait a while for those in hand."""
        if self._session:
            await self._session.stop_consuming()
        if self._in_hand:
            await asyncio.wait(list(self._in_hand), timeout=_CONFIRM_SECONDS)

    async def send_order(self, provider: ProviderSpec, order: JobOrder) -> None:
        """Put a ticket into the provider's jobs queue."""
        properties = BasicProperties(delivery_mode=_PERSISTENT)
        await self._here().publish(names.jobs_queue(provider.queue_secret), order, properties)

    async def send_control(self, provider: ProviderSpec, message: Cancel | ResultAcknowledged) -> None:
        """Put a message into the provider's control queue."""
        properties = BasicProperties(delivery_mode=_PERSISTENT, expiration=_CONTROL_MS)
        await self._here().publish(names.control_queue(provider.queue_secret), message, properties)

    async def send_reply(self, replies_to: str, reply: InvocationReply) -> None:
        """Tell a gateway how its invocation ended; a gateway that is gone is no error."""
        self._here().send(replies_to, reply, BasicProperties(expiration=_REPLY_MS))

    async def has_consumer(self, provider: ProviderSpec) -> bool:
        """Return whether the provider's agent is connected to its jobs queue."""
        return await self._here().consumer_count(names.jobs_queue(provider.queue_secret)) > 0

    def _here(self) -> "_Session":
        if self._session is None:
            raise BrokerUnavailable("not connected to the broker")
        return self._session


class _Session:
    """One connection, from its opening to its end: a channel that publishes, one that consumes, one that asks."""

    def __init__(
        self, connection: AsyncioConnection, closed: asyncio.Future[BaseException], in_hand: set[asyncio.Task[None]]
    ) -> None:
        self._connection = connection
        self.closed = closed
        self._in_hand = in_hand
        self._publishing: Channel
        self._consuming: Channel
        self._asking: Channel | None = None
        self._ask = asyncio.Lock()
        self._tag = 0
        self._unconfirmed: dict[int, asyncio.Future[None]] = {}
        self._returned: set[str] = set()
        self._consumer_tags: list[str] = []
        #: Who waits for an answer on which channel.
        self._answers: dict[int, set[asyncio.Future[Any]]] = {}

    @classmethod
    async def open(
        cls, login: BrokerLogin, consumers: Sequence[Consumer], in_hand: set[asyncio.Task[None]]
    ) -> "_Session":
        """Connect, declare what has to be there, and begin to consume.

        :raises AMQPError: when the broker refuses.
        """
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        closed: asyncio.Future[BaseException] = loop.create_future()
        connection = AsyncioConnection(
            login.parameters(),
            on_open_callback=lambda _: _resolve(opened, None),
            on_open_error_callback=lambda _, error: _reject(opened, _as_error(error)),
            on_close_callback=lambda _, error: _resolve(closed, error),
        )
        session = cls(connection, closed, in_hand)
        try:
            await asyncio.wait_for(opened, _OPEN_SECONDS)
            await session._prepare()
            await session._declare_topology()
            await session._consume_all(consumers)
        except BaseException:
            await session.close()
            raise
        return session

    async def _prepare(self) -> None:
        """Open the channels and take the broker's confirmations."""
        self.closed.add_done_callback(self._fail_unconfirmed)
        self._publishing = await self._channel()
        await self._call(
            self._publishing, lambda done: self._publishing.confirm_delivery(self._on_confirm, callback=done)
        )
        self._publishing.add_on_return_callback(self._on_return)
        self._consuming = await self._channel()

    async def close(self) -> None:
        """Let go of the connection; what was not acknowledged comes back to its queue."""
        if self._connection.is_open:
            self._connection.close()
            await asyncio.wait([self.closed], timeout=_CONFIRM_SECONDS)
        # The transport closes its socket in the loop's next turns.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _declare_topology(self) -> None:
        """Declare the controller's exchange and queues; what is there already is left as it is."""
        channel = self._consuming
        await self._call(channel, lambda done: channel.exchange_declare(EVENTS, "topic", durable=True, callback=done))
        for queue in CONTROLLER_QUEUES:
            await self._declare(channel, queue)
            for key in queue.bindings:
                await self._bind(channel, queue, key)

    async def _declare(self, channel: Channel, queue: QueueSpec) -> None:
        await self._call(
            channel,
            lambda done: channel.queue_declare(queue.name, durable=True, arguments=queue.arguments, callback=done),
        )

    async def _bind(self, channel: Channel, queue: QueueSpec, key: str) -> None:
        await self._call(channel, lambda done: channel.queue_bind(queue.name, EVENTS, key, callback=done))

    async def _consume_all(self, consumers: Sequence[Consumer]) -> None:
        """Hand out what arrives, each queue within its own prefetch."""
        self._consuming.add_on_cancel_callback(lambda _: self._break())
        for consumer in consumers:
            await self._consume(self._consuming, consumer)

    async def _consume(self, channel: Channel, consumer: Consumer) -> None:
        await self._call(channel, lambda done: channel.basic_qos(prefetch_count=consumer.prefetch, callback=done))
        take = self._taker(consumer)
        answer = await self._call(
            channel,
            lambda done: channel.basic_consume(consumer.queue, take, arguments=names.CONSUMER_ARGUMENTS, callback=done),
        )
        self._consumer_tags.append(answer.method.consumer_tag)

    async def stop_consuming(self) -> None:
        """Take no more deliveries."""
        for tag in self._consumer_tags if self._connection.is_open else ():
            await self._cancel(self._consuming, tag)
        self._consumer_tags.clear()

    async def _cancel(self, channel: Channel, tag: str) -> None:
        await self._call(channel, lambda done: channel.basic_cancel(tag, callback=done))

    async def publish(self, queue: str, message: Message, properties: BasicProperties) -> None:
        """Put a message into a queue and wait until the broker has it.

        :raises Undeliverable: when the queue is gone or full.
        :raises BrokerUnavailable: when the broker did not say so in time.
        """
        confirmed = asyncio.get_running_loop().create_future()
        properties.message_id = str(self._tag + 1)
        self._publish(queue, message, properties, mandatory=True)
        tag = self._tag
        self._unconfirmed[tag] = confirmed
        try:
            await asyncio.wait_for(confirmed, _CONFIRM_SECONDS)
        except TimeoutError as error:
            raise BrokerUnavailable(f"the broker has not confirmed {message.kind}") from error
        finally:
            self._unconfirmed.pop(tag, None)
            self._returned.discard(str(tag))

    def send(self, queue: str, message: Message, properties: BasicProperties) -> None:
        """Put a message into a queue if it is there."""
        self._publish(queue, message, properties, mandatory=False)

    async def consumer_count(self, queue: str) -> int:
        """Return how many consumers a queue has; none when it is gone."""
        async with self._ask:
            if self._asking is None or not self._asking.is_open:
                self._asking = await self._channel()
            channel = self._asking
            try:
                answer = await self._call(
                    channel, lambda done: channel.queue_declare(queue, passive=True, callback=done)
                )
            except Undeliverable:
                return 0
            return int(answer.method.consumer_count)

    def _publish(self, queue: str, message: Message, properties: BasicProperties, *, mandatory: bool) -> None:
        properties.content_type = "application/json"
        try:
            self._publishing.basic_publish("", queue, envelope.dump(message), properties, mandatory=mandatory)
        except AMQPError as error:
            raise BrokerUnavailable(repr(error)) from error
        self._tag += 1

    def _taker(self, consumer: Consumer) -> Callable[[Channel, Basic.Deliver, BasicProperties, bytes], None]:
        loop = asyncio.get_running_loop()

        def take(_: Channel, delivery: Basic.Deliver, _properties: BasicProperties, body: bytes) -> None:
            task = loop.create_task(self._handle(consumer, delivery, body))
            self._in_hand.add(task)
            task.add_done_callback(self._in_hand.discard)

        return take

    async def _handle(self, consumer: Consumer, delivery: Basic.Deliver, body: bytes) -> None:
        tag, ids = int(delivery.delivery_tag or 0), {"queue": consumer.queue, "key": delivery.routing_key}
        try:
            await consumer.handler(body, delivery.routing_key)
        except SchedulerError as error:
            log.info("delivery.returned", extra=ids | {"why": repr(error)})
            self._give_back(tag)
        except Exception:
            log.exception("delivery.returned", extra=ids)
            self._give_back(tag)
        else:
            if self._consuming.is_open:
                self._consuming.basic_ack(tag)

    def _give_back(self, tag: int) -> None:
        if self._consuming.is_open:
            self._consuming.basic_nack(tag, requeue=True)

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tags = [tag for tag in self._unconfirmed if tag <= method.delivery_tag] if method.multiple else []
        for tag in tags or [method.delivery_tag]:
            confirmed = self._unconfirmed.get(tag)
            if confirmed is None:
                continue
            if str(tag) in self._returned:
                _reject(confirmed, Undeliverable("the queue is gone"))
            elif isinstance(method, Basic.Nack):
                _reject(confirmed, Undeliverable("the queue is full"))
            else:
                _resolve(confirmed, None)

    def _on_return(self, _: Channel, _method: Basic.Return, properties: BasicProperties, _body: bytes) -> None:
        self._returned.add(properties.message_id or "")

    def _fail_unconfirmed(self, _: asyncio.Future[BaseException]) -> None:
        for confirmed in self._unconfirmed.values():
            _reject(confirmed, BrokerUnavailable("the connection was lost before the broker confirmed"))

    async def _channel(self) -> Channel:
        channel: Channel = await self._call(None, lambda done: self._connection.channel(on_open_callback=done))
        self._answers[channel.channel_number] = set()
        channel.add_on_close_callback(self._on_channel_closed)
        return channel

    def _on_channel_closed(self, channel: Channel, why: Exception) -> None:
        for answered in self._answers.pop(channel.channel_number, ()):
            _reject(answered, Undeliverable(repr(why)))
        if channel is not self._asking:
            self._break()

    def _break(self) -> None:
        """End a connection that lost one of its parts; the next one has them all again."""
        if self._connection.is_open:
            self._connection.close()

    async def _call(self, channel: Channel | None, request: Callable[[Callable[[Any], None]], object]) -> Any:
        """Send a request and wait for its answer.

        :raises Undeliverable: when the broker closed the channel instead of answering.
        :raises BrokerUnavailable: when the connection was lost meanwhile.
        """
        answered = asyncio.get_running_loop().create_future()
        answers = self._answers.get(channel.channel_number, set()) if channel else set()
        answers.add(answered)
        try:
            request(lambda answer: _resolve(answered, answer))
            await asyncio.wait([answered, self.closed], timeout=_OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        except AMQPError as error:
            raise BrokerUnavailable(repr(error)) from error
        finally:
            answers.discard(answered)
        if not answered.done():
            answered.cancel()
            raise BrokerUnavailable("the broker does not answer")
        return answered.result()


def _as_error(error: BaseException | str) -> BaseException:
    return error if isinstance(error, BaseException) else BrokerUnavailable(error)


def _resolve(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
