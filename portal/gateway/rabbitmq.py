"""The gateway's broker on RabbitMQ: publishes with confirms, hears replies on its own queue."""

import asyncio
import logging
from uuid import uuid4

from portal.gateway.metrics import BROKER_READY, STRAY_REPLIES
from portal.gateway.ports import OnReply
from scheduler.errors import BrokerUnavailable, Undeliverable
from scheduler.transport.connection import Connection
from scheduler.transport.rabbitmq import BrokerLogin, Session
from wire import envelope, names
from wire.errors import WireError
from wire.messages import InvocationReply, InvocationRequest

log = logging.getLogger(__name__)


class RabbitGatewayBroker:
    """The gateway's broker on RabbitMQ. Keeps the name of its replies queue over reconnects, so late replies arrive."""

    def __init__(self, login: BrokerLogin, on_reply: OnReply, *, gateway_id: str) -> None:
        self._connection = Connection(login, name="gateway")
        self._on_reply = on_reply
        self._replies_to = names.replies_queue(gateway_id)
        self._task: asyncio.Task[None] | None = None

    @property
    def replies_to(self) -> str:
        return self._replies_to

    @property
    def ready(self) -> bool:
        return self._connection.connected and not self._connection.here.blocked

    async def start(self) -> None:
        self._task = asyncio.create_task(self._connection.stay(self._prepare, lambda _: BROKER_READY.set(1)))

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        self._task = None

    async def send(self, request: InvocationRequest, *, expires_ms: int) -> None:
        session = self._connection.here
        if session.blocked:
            raise BrokerUnavailable("the broker is blocked")
        await session.publish(names.INVOCATIONS, envelope.dump(request), expires_ms=expires_ms)

    async def _prepare(self, session: Session) -> None:
        try:
            await session.hear(self._replies_to, self._hear)
        except Undeliverable as error:
            # The broker still holds the queue for a connection of ours that it has not missed yet.
            self._replies_to = names.replies_queue(uuid4().hex)
            log.warning("gateway.replies_renamed", extra={"queue": self._replies_to, "cause": str(error)})
            raise
        session.lost.add_done_callback(lambda _: BROKER_READY.set(0))

    def _hear(self, body: bytes) -> None:
        try:
            reply = envelope.parse_as(InvocationReply, body)
        except WireError as error:
            STRAY_REPLIES.inc()
            log.warning("gateway.reply_malformed", extra={"cause": str(error)})
            return
        self._on_reply(reply)
