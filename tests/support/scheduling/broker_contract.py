"""What every broker of the scheduler has to do: the one in memory and RabbitMQ pass the same suite."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import uuid4

import pytest

from scheduler.errors import BrokerUnavailable, TermSuperseded, Undeliverable
from scheduler.transport.ports import Consumer, Orders, Presence, Replies, Requests
from tests.support.scheduling.marketplace import REPLIES, FakeProvider, make_request, make_version
from tests.support.waiting import eventually
from wire import envelope, names
from wire.messages import Cancel, InvocationReply, JobOrder, Message, ResultAcknowledged

_SECONDS = 60.0
ORDER = JobOrder(ticket="ticket", working_key="word", input=b"question")


class Broker(Requests, Orders, Replies, Presence, Protocol):
    """All four ports, as one adapter has them."""


class FarSide(Protocol):
    """The other ends of the broker: gateways and agents."""

    @property
    def broker(self) -> Broker: ...
    def enrol(self, provider: FakeProvider) -> None: ...
    def attach(self, provider: FakeProvider) -> None: ...
    def detach(self, provider: FakeProvider) -> None: ...
    def remove(self, provider: FakeProvider) -> None: ...
    def open_replies(self) -> None: ...
    async def request(self, body: bytes) -> None: ...
    async def event(self, provider: FakeProvider, kind: str, body: bytes) -> None: ...
    def received(self, queue: str) -> Sequence[Message]: ...


class Taken:
    """Collects what a queue's consumer gets."""

    def __init__(self) -> None:
        self.bodies: list[tuple[bytes, str | None]] = []
        #: Raised by the next delivery.
        self.trouble: Exception | None = None

    async def __call__(self, body: bytes, routing_key: str | None) -> None:
        self.bodies.append((body, routing_key))
        if self.trouble:
            trouble, self.trouble = self.trouble, None
            raise trouble


class Running:
    """A broker with its consumers."""

    def __init__(self) -> None:
        self.taken = {queue: Taken() for queue in (names.INVOCATIONS, *names.EVENT_QUEUES)}
        self.connections: list[int] = []


@asynccontextmanager
async def running(far: FarSide) -> AsyncIterator[Running]:
    here = Running()
    consumers = [Consumer(queue=queue, prefetch=10, handler=taken) for queue, taken in here.taken.items()]
    task = asyncio.create_task(far.broker.run(consumers, here.connections.append))
    try:
        await eventually("the broker", lambda: far.broker.connected, _SECONDS)
        yield here
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def play(steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(steps())


class BrokerContract:
    def test_a_ticket_lies_in_its_providers_queue(self, far: FarSide) -> None:
        async def steps() -> None:
            one, two = FakeProvider(), FakeProvider()
            far.enrol(one)
            far.enrol(two)
            async with running(far):
                await far.broker.send_order(one.spec, ORDER)

                assert far.received(names.jobs_queue(one.spec.queue_secret)) == [ORDER]
                assert far.received(names.jobs_queue(two.spec.queue_secret)) == []

        play(steps)

    def test_cancels_and_acknowledgements_come_in_order(self, far: FarSide) -> None:
        async def steps() -> None:
            provider = FakeProvider()
            far.enrol(provider)
            words: list[Cancel | ResultAcknowledged] = [Cancel(job_id="1"), ResultAcknowledged(job_id="2")]
            async with running(far):
                for word in words:
                    await far.broker.send_control(provider.spec, word)

                assert far.received(names.control_queue(provider.spec.queue_secret)) == words

        play(steps)

    def test_a_queue_that_is_gone_makes_a_ticket_undeliverable(self, far: FarSide) -> None:
        async def steps() -> None:
            provider = FakeProvider()
            async with running(far):
                with pytest.raises(Undeliverable):
                    await far.broker.send_order(provider.spec, ORDER)
                far.enrol(provider)
                await far.broker.send_order(provider.spec, ORDER)

                assert far.received(names.jobs_queue(provider.spec.queue_secret)) == [ORDER]

        play(steps)

    def test_many_tickets_at_once_are_each_confirmed(self, far: FarSide) -> None:
        async def steps() -> None:
            provider = FakeProvider()
            far.enrol(provider)
            async with running(far):
                await asyncio.gather(*(far.broker.send_order(provider.spec, ORDER) for _ in range(200)))

                assert len(far.received(names.jobs_queue(provider.spec.queue_secret))) == 200

        play(steps)

    def test_a_gateway_that_is_gone_is_no_error(self, far: FarSide) -> None:
        async def steps() -> None:
            async with running(far):
                await far.broker.send_reply("replies.gone", InvocationReply(invocation_id="1"))

        play(steps)

    def test_a_gateway_hears_its_reply(self, far: FarSide) -> None:
        async def steps() -> None:
            reply = InvocationReply(invocation_id=str(uuid4()), output=b"answer")
            far.open_replies()
            async with running(far):
                await far.broker.send_reply(REPLIES, reply)

                await eventually("the reply", lambda: list(far.received(REPLIES)) == [reply], _SECONDS)

        play(steps)

    def test_requests_and_events_reach_their_consumers_with_their_sender(self, far: FarSide) -> None:
        async def steps() -> None:
            provider = FakeProvider()
            far.enrol(provider)
            request = envelope.dump(make_request(make_version()))
            heartbeat = envelope.dump(provider.heartbeat())
            async with running(far) as here:
                await far.request(request)
                await far.event(provider, "heartbeat", heartbeat)
                await far.event(provider, "finished", b"finished")
                await far.event(provider, "started", b"started")

                for queue, body, key in (
                    (names.INVOCATIONS, request, names.INVOCATIONS),
                    (names.HEARTBEATS, heartbeat, names.event_key(provider.id, "heartbeat")),
                    (names.RESULTS, b"finished", names.event_key(provider.id, "finished")),
                    (names.PROGRESS, b"started", names.event_key(provider.id, "started")),
                ):
                    taken = here.taken[queue]
                    await eventually(queue, taken.bodies.copy, _SECONDS)
                    assert taken.bodies == [(body, key)]

        play(steps)

    def test_a_delivery_whose_handler_raises_comes_again(self, far: FarSide) -> None:
        async def steps() -> None:
            async with running(far) as here:
                taken = here.taken[names.INVOCATIONS]
                taken.trouble = TermSuperseded("replaced")
                await far.request(b"request")

                await eventually("the second delivery", lambda: len(taken.bodies) == 2, _SECONDS)

        play(steps)

    def test_an_agent_is_there_while_it_reads_its_queue(self, far: FarSide) -> None:
        async def steps() -> None:
            provider = FakeProvider()
            async with running(far):
                assert not await far.broker.has_consumer(provider.spec)
                far.enrol(provider)
                assert not await far.broker.has_consumer(provider.spec)

                far.attach(provider)
                assert await far.broker.has_consumer(provider.spec)
                far.detach(provider)
                assert not await far.broker.has_consumer(provider.spec)
                far.remove(provider)
                assert not await far.broker.has_consumer(provider.spec)

        play(steps)

    def test_after_it_stopped_consuming_it_still_sends(self, far: FarSide) -> None:
        async def steps() -> None:
            provider = FakeProvider()
            far.enrol(provider)
            async with running(far):
                await far.broker.stop_consuming()
                await far.broker.send_order(provider.spec, ORDER)

                assert far.received(names.jobs_queue(provider.spec.queue_secret)) == [ORDER]

        play(steps)

    def test_before_it_is_connected_nothing_is_sent(self, far: FarSide) -> None:
        async def steps() -> None:
            provider = FakeProvider()
            far.enrol(provider)
            assert not far.broker.connected

            with pytest.raises(BrokerUnavailable):
                await far.broker.send_order(provider.spec, ORDER)

        play(steps)
