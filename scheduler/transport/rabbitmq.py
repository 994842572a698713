"""One connection to RabbitMQ, from its opening to its end: what scheduler and gateway need of pika."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.delivery_mode import DeliveryMode
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.spec import Basic, BasicProperties

from scheduler.errors import BrokerSilent, BrokerUnavailable, QueueFull, QueueMissing, SchedulerError, Undeliverable
from scheduler.transport.ports import Consumer
from wire import names
from wire.topology import CONTROLLER_QUEUES

log = logging.getLogger(__name__)

CONFIRM_SECONDS = 5.0
_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
#: A silent peer is given up after two missed heartbeats.
_HEARTBEAT_SECONDS = 10
_JSON = "application/json"
#: The body of a message that arrived, on the loop, without waiting.
OnBody = Callable[[bytes], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerLogin:
    """Where the broker is, and who we are there."""

    host: str
    port: int
    vhost: str
    user: str
    password: str = field(repr=False)

    def parameters(self, name: str) -> pika.ConnectionParameters:
        """Return them as pika wants them; the connection's name is what the broker shows of it."""
        return pika.ConnectionParameters(
            host=self.host,
            port=self.port,
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.user, self.password),
            heartbeat=_HEARTBEAT_SECONDS,
            connection_attempts=1,
            socket_timeout=5,
            stack_timeout=8,
            client_properties={"connection_name": name},
        )


class Session:
    """A connection with a channel that publishes, one that consumes, one that asks. Made by `open`."""

    def __init__(self, login: BrokerLogin, name: str) -> None:
        loop = asyncio.get_running_loop()
        #: Set as soon as nothing can be sent any more, with the cause.
        self.lost: asyncio.Future[object] = loop.create_future()
        #: Set once the connection is closed on both sides.
        self._closed: asyncio.Future[None] = loop.create_future()
        self._opened: asyncio.Future[None] = loop.create_future()
        #: Whether the broker takes nothing for now, because its memory or disk is full.
        self.blocked = False
        self._tag = 0
        self._unconfirmed: dict[int, asyncio.Future[None]] = {}
        self._returned: set[str] = set()
        self._publishing: Channel
        self._consuming: Channel
        self._asking: Channel | None = None
        self._ask_lock = asyncio.Lock()
        #: Set when a channel is closed, with the cause.
        self._gone: dict[Channel, asyncio.Future[Exception]] = {}
        self._consumer_tags: list[str] = []
        self._connection = AsyncioConnection(
            login.parameters(name),
            on_open_callback=lambda _: _resolve(self._opened, None),
            on_open_error_callback=lambda _, error: self._on_closed(error),
            on_close_callback=lambda _, error: self._on_closed(error),
        )

    @classmethod
    async def open(cls, login: BrokerLogin, *, name: str) -> "Session":
        """Connect and open the channels.

        :raises BrokerUnavailable: when the broker is away, or does not let us in.
        """
        session = cls(login, name)
        try:
            await session._answer_to(session._opened)
            await session._prepare()
        except BaseException:
            await session.close()
            raise
        return session

    async def _prepare(self) -> None:
        self._connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(blocked=True))
        self._connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(blocked=False))
        channel = self._publishing = await self._channel()
        channel.add_on_return_callback(self._on_return)
        await self._ask(channel, channel.confirm_delivery, self._on_confirm)
        self._consuming = await self._channel()
        self._consuming.add_on_cancel_callback(lambda _: self._break("the broker cancelled a consumer"))

    async def close(self) -> None:
        """Let go of the connection; what was not acknowledged comes back to its queue."""
        self._break("closed")
        await asyncio.wait([self._closed], timeout=_CLOSE_SECONDS)
        # The transport closes its socket in the loop's next turns.
        for _ in range(3):
            await asyncio.sleep(0)

    async def declare_topology(self) -> None:
        """Declare the controller's exchange and queues; what is there already is left as it is."""
        channel, events = self._consuming, names.PROVIDER_EVENTS
        await self._ask(channel, channel.exchange_declare, events, "topic", durable=True)
        for queue in CONTROLLER_QUEUES:
            await self._ask(channel, channel.queue_declare, queue.name, durable=True, arguments=queue.arguments)
            for key in queue.bindings:
                await self._ask(channel, channel.queue_bind, queue.name, events, key)

    async def hear(self, queue: str, on_body: OnBody) -> None:
        """Declare a queue of this connection's own, which vanishes with it, and hand out what arrives there.

        :raises Undeliverable: when another connection has a queue of this name.
        """
        channel = self._consuming
        await self._ask(channel, channel.queue_declare, queue, exclusive=True, auto_delete=True)

        def take(_channel: Channel, _delivery: Basic.Deliver, _properties: BasicProperties, body: bytes) -> None:
            on_body(body)

        await self._ask(channel, channel.basic_consume, queue, take, auto_ack=True)

    async def consume(self, consumer: Consumer, in_hand: set[asyncio.Task[None]]) -> None:
        """Hand out what arrives in a queue, within its prefetch; what is being handled is in `in_hand` meanwhile."""
        channel, loop = self._consuming, asyncio.get_running_loop()

        def take(_channel: Channel, delivery: Basic.Deliver, _properties: BasicProperties, body: bytes) -> None:
            task = loop.create_task(self._handle(consumer, delivery, body))
            in_hand.add(task)
            task.add_done_callback(in_hand.discard)

        await self._ask(channel, channel.basic_qos, prefetch_count=consumer.prefetch)
        answer = await self._ask(
            channel, channel.basic_consume, consumer.queue, take, arguments=names.CONSUMER_ARGUMENTS
        )
        self._consumer_tags.append(answer.method.consumer_tag)

    async def stop_consuming(self) -> None:
        """Take no more deliveries."""
        while self._consumer_tags and self._connection.is_open:
            await self._ask(self._consuming, self._consuming.basic_cancel, self._consumer_tags.pop())

    async def publish(self, queue: str, body: bytes, *, expires_ms: int | None = None) -> None:
        """Put a message into a queue and wait until the broker has it.

        :raises QueueMissing: when the queue is not there.
        :raises QueueFull: when the broker refused the message.
        :raises BrokerSilent: when nobody knows whether the broker has it.
        :raises BrokerUnavailable: when it was not sent.
        """
        properties = BasicProperties(
            content_type=_JSON,
            delivery_mode=DeliveryMode.Persistent,
            message_id=str(self._tag + 1),
            expiration=_expiration(expires_ms),
        )
        self._put(queue, body, properties, mandatory=True)
        tag, confirmed = self._tag, asyncio.get_running_loop().create_future()
        self._unconfirmed[tag] = confirmed
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await confirmed
        except TimeoutError:
            raise BrokerSilent(f"no confirmation in {CONFIRM_SECONDS:g} s") from None
        finally:
            del self._unconfirmed[tag]
            self._returned.discard(str(tag))

    def send(self, queue: str, body: bytes, *, expires_ms: int) -> None:
        """Put a message into a queue if it is there.

        :raises BrokerUnavailable: when it was not sent.
        """
        properties = BasicProperties(content_type=_JSON, expiration=_expiration(expires_ms))
        self._put(queue, body, properties, mandatory=False)

    def _put(self, queue: str, body: bytes, properties: BasicProperties, *, mandatory: bool) -> None:
        if self.lost.done():
            raise BrokerUnavailable(repr(self.lost.result()))
        try:
            self._publishing.basic_publish("", queue, body, properties, mandatory=mandatory)
        except AMQPError as error:
            raise BrokerUnavailable(repr(error)) from error
        self._tag += 1

    async def consumer_count(self, queue: str) -> int:
        """Return how many consumers a queue has; none when it is gone.

        :raises BrokerUnavailable: when the broker does not say.
        """
        async with self._ask_lock:
            if self._asking is None or not self._asking.is_open:
                self._asking = await self._channel()
            channel = self._asking
            try:
                answer = await self._ask(channel, channel.queue_declare, queue, passive=True)
            except Undeliverable:
                return 0
            return int(answer.method.consumer_count)

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
                _reject(confirmed, QueueMissing("the queue is not there"))
            elif isinstance(method, Basic.Nack):
                _reject(confirmed, QueueFull("the queue is full"))
            else:
                _resolve(confirmed, None)

    def _on_return(self, _: Channel, _method: Basic.Return, properties: BasicProperties, _body: bytes) -> None:
        # The broker confirms a returned message too, right after it has returned it.
        self._returned.add(properties.message_id or "")

    def _set_blocked(self, *, blocked: bool) -> None:
        self.blocked = blocked
        log.warning("broker.blocked" if blocked else "broker.unblocked")

    def _on_closed(self, why: object) -> None:
        self._lose(why)
        _resolve(self._closed, None)

    def _break(self, why: object) -> None:
        """End a connection that lost one of its parts; the next one has them all again."""
        self._lose(why)
        if not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()

    def _lose(self, why: object) -> None:
        _resolve(self.lost, why)
        for confirmed in self._unconfirmed.values():
            _reject(confirmed, BrokerSilent("the connection was lost before the broker confirmed"))

    async def _channel(self) -> Channel:
        opened = asyncio.get_running_loop().create_future()
        try:
            self._connection.channel(on_open_callback=lambda channel: _resolve(opened, channel))
        except AMQPError as error:
            raise BrokerUnavailable(repr(error)) from error
        channel: Channel = await self._answer_to(opened)
        self._gone[channel] = asyncio.get_running_loop().create_future()
        channel.add_on_close_callback(self._on_channel_closed)
        return channel

    def _on_channel_closed(self, channel: Channel, why: Exception) -> None:
        _resolve(self._gone.pop(channel), why)
        if channel is not self._asking:
            self._break(why)

    async def _ask(self, channel: Channel, method: Callable[..., object], *arguments: Any, **options: Any) -> Any:
        """Call a method of a channel and wait for the broker's answer.

        :raises Undeliverable: when the broker closed the channel instead of answering.
        :raises BrokerUnavailable: when the connection was lost meanwhile.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        gone = self._gone.get(channel)
        try:
            method(*arguments, **options, callback=lambda value: _resolve(answer, value))
        except AMQPError as error:
            raise BrokerUnavailable(repr(error)) from error
        return await self._answer_to(answer, gone)

    async def _answer_to(self, answer: asyncio.Future[Any], gone: asyncio.Future[Exception] | None = None) -> Any:
        ends = {answer, self.lost, gone or self.lost}
        await asyncio.wait(ends, timeout=_OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if gone and gone.done() and isinstance(gone.result(), ChannelClosedByBroker):
            raise Undeliverable(repr(gone.result()))
        raise BrokerUnavailable(repr(self.lost.result()) if self.lost.done() else "the broker does not answer")


def _expiration(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else str(milliseconds)


def _resolve(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
