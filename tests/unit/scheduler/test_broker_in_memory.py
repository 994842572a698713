"""The broker in memory does what every broker does."""

from collections.abc import Sequence

import pytest

from scheduler.errors import SchedulerError
from scheduler.transport.testing import InMemorySchedulerBroker
from tests.support.scheduling.broker_contract import BrokerContract
from tests.support.scheduling.marketplace import REPLIES, FakeProvider
from wire import names
from wire.messages import Message


class InMemoryFarSide:
    def __init__(self) -> None:
        self._memory = self.broker = InMemorySchedulerBroker()

    def enrol(self, provider: FakeProvider) -> None:
        self._memory.declare(names.jobs_queue(provider.spec.queue_secret))
        self._memory.declare(names.control_queue(provider.spec.queue_secret))

    def attach(self, provider: FakeProvider) -> None:
        self._memory.read.add(names.jobs_queue(provider.spec.queue_secret))

    def detach(self, provider: FakeProvider) -> None:
        self._memory.read.discard(names.jobs_queue(provider.spec.queue_secret))

    def remove(self, provider: FakeProvider) -> None:
        del self._memory.queues[names.jobs_queue(provider.spec.queue_secret)]

    def open_replies(self) -> None:
        self._memory.declare(REPLIES)

    async def request(self, body: bytes) -> None:
        try:
            await self._memory.deliver(names.INVOCATIONS, body, names.INVOCATIONS)
        except SchedulerError:
            await self._memory.deliver(names.INVOCATIONS, body, names.INVOCATIONS)

    async def event(self, provider: FakeProvider, kind: str, body: bytes) -> None:
        queue = next(queue for queue, kinds in names.EVENT_QUEUES.items() if kind in kinds)
        await self._memory.deliver(queue, body, names.event_key(provider.id, kind))

    def received(self, queue: str) -> Sequence[Message]:
        return self._memory.queues[queue]


class TestInMemoryBroker(BrokerContract):
    @pytest.fixture
    def far(self) -> InMemoryFarSide:
        return InMemoryFarSide()
