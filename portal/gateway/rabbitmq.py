"""The broker over AMQP: one connection, stays connected, publishes with confirms, hears replies on its own queue."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from portal.gateway.metrics import BROKER_READY, STRAY_REPLIES
from portal.gateway.ports import OnReply
from portal.invocations.errors import BrokerError, BrokerSilent, BrokerUnavailable, QueueFull
from wire import envelope, names
from wire.errors import WireError
from wire.messages import InvocationReply, InvocationRequest

log = logging.getLogger(__name__)

CONFIRM_SECONDS = 5.0
OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0
_BACKOFF_SECONDS = (0.1, 5.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where the broker is and who we are there."""

    host: str
    port: int
    vhost: str
    user: str
    password: str

    def __repr__(self) -> str:
        """Return it without the password."""
        return f"{self.user}@{self.host}:{self.port}/{self.vhost}"

    def parameters(self) -> pika.ConnectionParameters:
        """Return it as pika wants it; a silent peer is given up after two missed heartbeats."""
        return pika.ConnectionParameters(
            host=self.host,
            port=self.port,
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.user, self.password),
            heartbeat=10,
            connection_attempts=1,
            socket_timeout=5,
            stack_timeout=8,
            client_properties={"connection_name": "gateway"},
        )


class _Session:
    """One connection with its channel, from open to close."""

    def __init__(self, connection: AsyncioConnection, closed: asyncio.Future[BaseException]) -> None:
        self._connection = connection
        #: Set once the connection is closed on both sides.
        self._closed = closed
        #: Set as soon as nothing can be sent any more, with the cause.
        self.lost: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        closed.add_done_callback(lambda done: self._lose(done.result()))
        self.blocked = False
        self._channel: Channel | None = None
        self._tag = 0
        self._unconfirmed: dict[int, asyncio.Future[None]] = {}
        self._returned: set[str] = set()

    async def prepare(self, replies_to: str, on_body: Callable[[bytes], None]) -> None:
        """Open the channel, declare the replies queue and begin to hear it."""
        channel: Channel = await self._asked(lambda done: self._connection.channel(on_open_callback=done))
        self._channel = channel
        channel.add_on_close_callback(lambda _channel, reason: self._lose(reason))
        channel.add_on_return_callback(self._on_return)
        self._connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(blocked=True))
        self._connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(blocked=False))
        await self._asked(lambda done: channel.confirm_delivery(self._on_confirm, callback=done))
        await self._asked(
            lambda done: channel.queue_declare(replies_to, exclusive=True, auto_delete=True, callback=done)
        )
        await self._asked(
            lambda done: channel.basic_consume(
                replies_to, lambda _channel, _method, _properties, body: on_body(body), auto_ack=True, callback=done
            )
        )

    async def _asked(self, ask: Callable[[Callable[[Any], None]], object]) -> Any:
        """Return the broker's answer to one request, or raise what closed the connection meanwhile."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        ask(lambda value: None if answer.done() else answer.set_result(value))
        await asyncio.wait({answer, self.lost}, timeout=OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if self.lost.done():
            raise self.lost.result()
        raise BrokerUnavailable(f"no answer in {OPEN_SECONDS:g} s")

    def _set_blocked(self, *, blocked: bool) -> None:
        self.blocked = blocked
        log.warning("gateway.broker_blocked" if blocked else "gateway.broker_unblocked")

    async def publish(self, body: bytes, *, message_id: str, expires_ms: int) -> None:
        """Publish to the invocations queue and wait for the broker's confirmation."""
        if self._channel is None or self.lost.done() or self.blocked:
            raise BrokerUnavailable
        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=message_id,
            expiration=str(expires_ms),
        )
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._channel.basic_publish("", names.INVOCATIONS, body, properties, mandatory=True)
        self._tag += 1
        tag = self._tag
        self._unconfirmed[tag] = confirmed
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await confirmed
        except TimeoutError:
            raise BrokerSilent(f"no confirmation in {CONFIRM_SECONDS:g} s") from None
        finally:
            self._unconfirmed.pop(tag, None)
        if message_id in self._returned:
            self._returned.discard(message_id)
            raise BrokerUnavailable("no scheduler has declared the invocations queue")

    def _on_return(self, _channel: Channel, _method: Basic.Return, properties: BasicProperties, _body: bytes) -> None:
        # The broker confirms a returned message too, right after it has returned it.
        self._returned.add(properties.message_id or "")

    def _on_confirm(self, frame: Method[Any]) -> None:
        method: Basic.Ack | Basic.Nack = frame.method
        tags = [tag for tag in self._unconfirmed if tag <= method.delivery_tag] if method.multiple else []
        for tag in tags or [method.delivery_tag]:
            future = self._unconfirmed.get(tag)
            if future is None or future.done():
                continue
            if isinstance(method, Basic.Nack):
                future.set_exception(QueueFull())
            else:
                future.set_result(None)

    def _lose(self, reason: BaseException) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        for future in self._unconfirmed.values():
            if not future.done():
                future.set_exception(BrokerSilent("the connection was lost"))

    async def close(self) -> None:
        """Close the connection, and wait for that as long as it is decent."""
        if self._connection.is_open:
            self._connection.close()
        await asyncio.wait({self._closed}, timeout=CLOSE_SECONDS)


class RabbitBroker:
    """The gateway's broker on RabbitMQ. Keeps the name of its replies queue over reconnects, so late replies arrive."""

    def __init__(self, address: Address, on_reply: OnReply, *, gateway_id: str) -> None:
        self._address = address
        self._on_reply = on_reply
        self._replies_to = names.replies_queue(gateway_id)
        self._session: _Session | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def replies_to(self) -> str:
        """The queue on which this gateway hears replies."""
        return self._replies_to

    @property
    def ready(self) -> bool:
        """Whether an invocation can be sent now."""
        return self._session is not None and not self._session.lost.done() and not self._session.blocked

    async def start(self) -> None:
        """Begin to connect, and stay connected until stopped; does not wait for it."""
        self._task = asyncio.create_task(self._stay_connected())

    async def stop(self) -> None:
        """Close the connection."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        self._task = None

    async def send(self, request: InvocationRequest, *, expires_ms: int) -> None:
        """Put a request into the invocations queue; return once the broker has it."""
        session = self._session
        if session is None:
            raise BrokerUnavailable
        try:
            await session.publish(envelope.dump(request), message_id=request.invocation_id, expires_ms=expires_ms)
        except AMQPError as error:
            raise BrokerUnavailable(str(error)) from error

    async def _stay_connected(self) -> None:
        first, longest = _BACKOFF_SECONDS
        pause = first
        while True:
            try:
                await self._serve()
                pause = first
            except ChannelClosedByBroker as error:
                # The broker still holds the queue for a connection of ours that it has not missed yet.
                self._replies_to = names.replies_queue(uuid4().hex)
                log.warning("gateway.replies_renamed", extra={"queue": self._replies_to, "cause": str(error)})
            except (AMQPError, OSError, BrokerError) as error:
                log.warning("gateway.broker_unreachable", extra={"broker": repr(self._address), "cause": repr(error)})
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads reconnects, guards nothing
            pause = min(longest, pause * 2)

    async def _serve(self) -> None:
        """Connect, and return once the connection is lost."""
        session = await _open(self._address)
        try:
            await session.prepare(self._replies_to, self._hear)
            self._session = session
            BROKER_READY.set(1)
            log.info("gateway.broker_connected", extra={"queue": self._replies_to})
            reason = await asyncio.shield(session.lost)
            log.warning("gateway.broker_lost", extra={"cause": repr(reason)})
        finally:
            self._session = None
            BROKER_READY.set(0)
            await session.close()

    def _hear(self, body: bytes) -> None:
        try:
            reply = envelope.parse_as(InvocationReply, body)
        except WireError as error:
            STRAY_REPLIES.inc()
            log.warning("gateway.reply_malformed", extra={"cause": str(error)})
            return
        self._on_reply(reply)


async def _open(address: Address) -> _Session:
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[AsyncioConnection] = loop.create_future()
    closed: asyncio.Future[BaseException] = loop.create_future()

    def settle(future: asyncio.Future[Any], value: Any) -> None:
        if not future.done():
            future.set_result(value)

    def fail(_connection: object, error: BaseException | str) -> None:
        if not opened.done():
            opened.set_exception(BrokerUnavailable(repr(error)))

    connection = AsyncioConnection(
        address.parameters(),
        on_open_callback=lambda connection: settle(opened, connection),
        on_open_error_callback=fail,
        on_close_callback=lambda _connection, reason: settle(closed, reason),
    )
    try:
        await opened
    except asyncio.CancelledError:
        connection.close()
        raise
    return _Session(connection, closed)
