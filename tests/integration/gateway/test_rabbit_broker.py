"""The gateway's broker on a real RabbitMQ: the suite of the port, and what only a real broker can do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from portal.gateway.rabbitmq import RabbitGatewayBroker
from scheduler.errors import BrokerSilent, BrokerUnavailable, QueueMissing
from scheduler.transport import rabbitmq
from scheduler.transport.rabbitmq import BrokerLogin
from tests.support.gateway.broker_contract import BrokerContract, Ends, request
from tests.support.gateway.rabbit_scheduler import RabbitScheduler, connect, declare_invocations
from tests.support.gateway.tcp_proxy import TcpProxy
from tests.support.servers import Broker
from tests.support.waiting import eventually
from wire import envelope, names
from wire.messages import InvocationReply

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def started(login: BrokerLogin, heard: list[InvocationReply]) -> AsyncIterator[RabbitGatewayBroker]:
    broker = RabbitGatewayBroker(login, heard.append, gateway_id="test")
    await broker.start()
    try:
        await eventually("the gateway's connection", lambda: broker.ready, 60)
        yield broker
    finally:
        await broker.stop()


class TestRabbitBroker(BrokerContract):
    @pytest.fixture
    async def ends(self, anyio_backend: str, broker: Broker, login: BrokerLogin) -> AsyncIterator[Ends]:  # noqa: ARG002
        heard: list[InvocationReply] = []
        async with started(login, heard) as real:
            ends = Ends(broker=real, heard=heard)
            self.server = broker
            self.scheduler: RabbitScheduler | None = RabbitScheduler(broker, ends.answer)
            yield ends
            if self.scheduler is not None:
                self.scheduler.stop()

    async def fill(self, ends: Ends) -> None:
        assert self.scheduler is not None
        self.scheduler.stop()
        self.scheduler = None
        with connect(self.server) as connection:
            connection.channel().queue_delete(names.INVOCATIONS)
        declare_invocations(self.server, **{"x-max-length": 1})
        await ends.broker.send(request(ends.broker), expires_ms=60_000)


async def test_before_a_scheduler_declared_its_queue_nothing_is_taken(broker: Broker, login: BrokerLogin) -> None:
    async with started(login, []) as gateway:
        with pytest.raises(QueueMissing):
            await gateway.send(request(gateway), expires_ms=1000)

        declare_invocations(broker)
        await gateway.send(request(gateway), expires_ms=1000)


async def test_an_order_is_persistent_and_expires_with_its_deadline(broker: Broker, login: BrokerLogin) -> None:
    declare_invocations(broker)
    async with started(login, []) as gateway:
        order = request(gateway)
        await gateway.send(order, expires_ms=12_345)

        with connect(broker) as connection:
            _method, properties, body = connection.channel().basic_get(names.INVOCATIONS)

    assert properties is not None
    assert body is not None
    assert (properties.delivery_mode, properties.expiration) == (2, "12345")
    assert envelope.parse(body) == order


async def test_after_a_lost_connection_replies_arrive_on_the_same_queue(broker: Broker, login: BrokerLogin) -> None:
    declare_invocations(broker)
    heard: list[InvocationReply] = []
    async with TcpProxy(broker.port).running() as proxy, started(replace(login, port=proxy.port), heard) as gateway:
        queue = gateway.replies_to
        proxy.cut()
        await eventually("the loss to be noticed", lambda: not gateway.ready, 60)
        with pytest.raises(BrokerUnavailable):
            await gateway.send(request(gateway), expires_ms=1000)
        await eventually("the connection to come back", lambda: gateway.ready, 60)

        with connect(broker) as connection:
            connection.channel().basic_publish("", queue, envelope.dump(InvocationReply(invocation_id="late")))
        await eventually("the late reply", lambda: heard, 60)

    assert [reply.invocation_id for reply in heard] == ["late"]


async def test_a_replies_queue_that_another_connection_holds_is_given_up_for_a_new_one(
    broker: Broker, login: BrokerLogin
) -> None:
    declare_invocations(broker)
    with connect(broker) as other:
        other.channel().queue_declare(names.replies_queue("test"), exclusive=True)
        async with started(login, []) as gateway:
            assert gateway.replies_to != names.replies_queue("test")
            await gateway.send(request(gateway), expires_ms=1000)


async def test_a_broker_that_takes_nothing_for_now_is_sent_nothing(broker: Broker, login: BrokerLogin) -> None:
    declare_invocations(broker)
    async with started(login, []) as gateway:
        gateway._connection.here._set_blocked(blocked=True)
        assert not gateway.ready
        with pytest.raises(BrokerUnavailable):
            await gateway.send(request(gateway), expires_ms=1000)

        gateway._connection.here._set_blocked(blocked=False)
        await gateway.send(request(gateway), expires_ms=1000)


async def test_a_confirmation_that_does_not_come_is_told_apart_from_a_refusal(
    broker: Broker, login: BrokerLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_invocations(broker)
    monkeypatch.setattr(rabbitmq, "CONFIRM_SECONDS", 0.0)
    async with started(login, []) as gateway:
        with pytest.raises(BrokerSilent):
            await gateway.send(request(gateway), expires_ms=1000)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b'{"kind":"reply.v1"}', b'{"kind":"heartbeat.v1"}', b"{" * 100_000]
)
async def test_what_is_no_reply_is_dropped_and_the_next_one_is_heard(
    broker: Broker, login: BrokerLogin, body: bytes
) -> None:
    heard: list[InvocationReply] = []
    async with started(login, heard) as gateway:
        with connect(broker) as connection:
            channel = connection.channel()
            channel.basic_publish("", gateway.replies_to, body)
            channel.basic_publish("", gateway.replies_to, envelope.dump(InvocationReply(invocation_id="next")))
        await eventually("the next reply", lambda: heard, 60)

    assert [reply.invocation_id for reply in heard] == ["next"]


async def test_a_broker_that_is_away_is_waited_for_without_blocking(login: BrokerLogin) -> None:
    nowhere = BrokerLogin(host="127.0.0.1", port=1, vhost=login.vhost, user=login.user, password="wrong")  # noqa: S106
    broker = RabbitGatewayBroker(nowhere, lambda _reply: None, gateway_id="test")

    await asyncio.wait_for(broker.start(), 30)
    with pytest.raises(BrokerUnavailable):
        await broker.send(request(broker), expires_ms=1000)
    await asyncio.wait_for(broker.stop(), 30)

    assert not broker.ready
    assert "wrong" not in repr(nowhere)
