"""The scheduler's broker on a real RabbitMQ does what every broker does, and comes back after a loss."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scheduler.errors import BrokerUnavailable, QueueFull
from scheduler.transport.broker import RabbitSchedulerBroker
from scheduler.transport.ports import Consumer
from tests.support import servers
from tests.support.gateway.tcp_proxy import TcpProxy
from tests.support.scheduling.broker_contract import ORDER, BrokerContract, running
from tests.support.scheduling.marketplace import FakeProvider
from tests.support.scheduling.rabbit_far_side import RabbitFarSide
from tests.support.waiting import eventually
from wire import names

_SECONDS = 60.0


@pytest.fixture
def far(broker: servers.Broker) -> Iterator[RabbitFarSide]:
    side = RabbitFarSide(broker)
    yield side
    side.close()


class TestRabbitBroker(BrokerContract):
    pass


def test_a_lost_connection_is_made_again_and_its_absence_told(broker: servers.Broker, far: RabbitFarSide) -> None:
    async def play() -> None:
        provider = FakeProvider()
        far.enrol(provider)
        async with running(far) as here:
            await _close_scheduler_connection(broker)
            await eventually("the next connection", lambda: len(here.connections) == 2, _SECONDS)

            assert here.connections[0] == 0
            assert here.connections[1] > 0
            await far.broker.send_order(provider.spec, ORDER)
            await far.request(b"request")
            await eventually("the request", lambda: here.taken[names.INVOCATIONS].bodies, _SECONDS)

    asyncio.run(play())


def test_what_was_in_hand_when_the_connection_was_lost_comes_again(broker: servers.Broker, far: RabbitFarSide) -> None:
    async def play() -> None:
        hands: list[bytes] = []

        async def hold(body: bytes, _: str | None) -> None:
            hands.append(body)
            if len(hands) == 1:
                await asyncio.Event().wait()

        consumer = Consumer(queue=names.INVOCATIONS, prefetch=1, handler=hold)
        task = asyncio.create_task(far.broker.run([consumer], lambda _: None))
        await eventually("the broker", lambda: far.broker.connected, _SECONDS)
        await far.request(b"request")
        await eventually("the first delivery", lambda: hands, _SECONDS)

        await _close_scheduler_connection(broker)
        await eventually("the second delivery", lambda: hands == [b"request"] * 2, _SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())


def test_what_is_in_hand_is_finished_though_the_connection_was_lost(broker: servers.Broker, far: RabbitFarSide) -> None:
    """What a handler has committed it also has to tell, and to forget; the second delivery finds it done."""

    async def play() -> None:
        hands: list[bytes] = []
        finished: list[int] = []
        committed = asyncio.Event()

        async def hold(body: bytes, _: str | None) -> None:
            hands.append(body)
            number = len(hands)
            if number == 1:
                await committed.wait()
            finished.append(number)

        consumer = Consumer(queue=names.INVOCATIONS, prefetch=1, handler=hold)
        task = asyncio.create_task(far.broker.run([consumer], lambda _: None))
        await eventually("the broker", lambda: far.broker.connected, _SECONDS)
        await far.request(b"request")
        await eventually("the first delivery", lambda: hands, _SECONDS)

        await _close_scheduler_connection(broker)
        await eventually("the second delivery", lambda: finished == [2], _SECONDS)
        stopping = asyncio.create_task(far.broker.stop_consuming())
        committed.set()
        await asyncio.wait_for(stopping, _SECONDS)

        assert finished == [2, 1]
        assert hands == [b"request"] * 2, "an acknowledgement of the lost connection is none of the new one's"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())


def test_a_full_queue_makes_a_ticket_undeliverable(broker: servers.Broker, far: RabbitFarSide) -> None:
    async def play() -> None:
        provider = FakeProvider()
        far.enrol(provider)
        pattern = {"pattern": r"^jobs\.", "definition": {"max-length": 1, "overflow": "reject-publish"}}
        broker.admin("PUT", f"policies/{broker.vhost}/small", {**pattern, "apply-to": "queues"})
        async with running(far):
            sending = [far.broker.send_order(provider.spec, ORDER) for _ in range(3)]
            answers = await asyncio.gather(*sending, return_exceptions=True)

            assert [type(answer) for answer in answers] == [type(None), QueueFull, QueueFull]

    asyncio.run(play())


def test_a_deleted_queue_of_the_controller_is_declared_again(broker: servers.Broker, far: RabbitFarSide) -> None:
    async def play() -> None:
        async with running(far) as here:
            broker.admin("DELETE", f"queues/{broker.vhost}/{names.INVOCATIONS}")
            await eventually("the next connection", lambda: len(here.connections) == 2, _SECONDS)

            await far.request(b"request")

            await eventually("the request", lambda: here.taken[names.INVOCATIONS].bodies, _SECONDS)

    asyncio.run(play())


def test_an_agent_is_not_gone_because_the_connection_was_lost_while_asking(
    broker: servers.Broker, far: RabbitFarSide
) -> None:
    async def play() -> None:
        provider = FakeProvider()
        far.enrol(provider)
        far.attach(provider)
        async with TcpProxy(broker.port).running() as proxy:
            scheduler = RabbitSchedulerBroker(replace(broker.login, port=proxy.port))
            task = asyncio.create_task(scheduler.run([], lambda _: None))
            await eventually("the broker", lambda: scheduler.connected, _SECONDS)
            assert await scheduler.has_consumer(provider.spec)

            asking = asyncio.create_task(scheduler.has_consumer(provider.spec))
            asyncio.get_running_loop().call_soon(proxy.cut)
            with pytest.raises(BrokerUnavailable):
                await asking
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())


async def _close_scheduler_connection(broker: servers.Broker) -> None:
    """Close the scheduler's connection from the broker's side, once the broker's statistics know of it."""

    def is_ours(item: dict[str, Any]) -> bool:
        return bool(item.get("client_properties", {}).get("connection_name") == "chainfaas scheduler")

    await eventually("the connection to close", lambda: broker.close_connections(is_ours), _SECONDS)
