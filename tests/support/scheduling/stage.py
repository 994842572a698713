"""A scheduler on its stage: store, broker and clock are in memory, and the test plays gateway and agents."""

import asyncio
from collections.abc import MutableSequence
from types import TracebackType
from typing import Self
from uuid import UUID

from scheduler.group_commit import GroupCommit
from scheduler.loop.core import Core
from scheduler.loop.service import Scheduler
from scheduler.loop.watch import Watch
from scheduler.states import InvocationState, JobState
from scheduler.store.testing import InMemoryStore
from scheduler.tickets import TicketSigner
from scheduler.transport.testing import InMemorySchedulerBroker
from tests.support.scheduling.marketplace import (
    MAX_COST,
    REPLIES,
    FakeProvider,
    ManualClock,
    make_request,
    make_signer,
    make_version,
)
from tests.support.waiting import eventually
from wire import names
from wire.messages import Cancel, InvocationReply, InvocationRequest, JobOrder, Message, ResultAcknowledged

_SECONDS = 30.0


class Stage:
    """Used as `async with Stage(...) as stage`; providers are enrolled, connected and silent."""

    def __init__(
        self, providers: int = 1, *, store: InMemoryStore | None = None, signer: TicketSigner | None = None
    ) -> None:
        self.clock = ManualClock()
        self.store = store or InMemoryStore()
        self.broker = InMemorySchedulerBroker()
        self.version = make_version()
        self.providers = [FakeProvider() for _ in range(providers)]
        self.store.versions[self.version.version_id] = self.version
        self.store.deposits[self.version.developer_id] = 1_000 * MAX_COST
        self.broker.declare(REPLIES)
        for provider in self.providers:
            self.enrol(provider)
        self.core = Core(
            store=self.store,
            orders=self.broker,
            replies=self.broker,
            presence=self.broker,
            signer=signer or make_signer(),
            clock=self.clock,
            commit=GroupCommit(self.store),
        )
        self.scheduler = Scheduler(self.core, self.broker)
        self.watch = Watch(self.core)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.scheduler.take_over()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self.core.commit.run()),
            loop.create_task(self.broker.run(self.scheduler.consumers(), self.scheduler.connected)),
        ]
        await eventually("the broker", lambda: self.broker.connected, _SECONDS)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.core.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.core.commit.close()

    def enrol(self, provider: FakeProvider) -> None:
        """Enrol a provider whose agent is connected."""
        self.store.enrolled[provider.id] = provider.spec
        self.broker.declare(names.control_queue(provider.spec.queue_secret))
        jobs = names.jobs_queue(provider.spec.queue_secret)
        self.broker.declare(jobs)
        self.broker.read.add(jobs)

    def disconnect(self, provider: FakeProvider) -> None:
        self.broker.read.discard(names.jobs_queue(provider.spec.queue_secret))

    async def hear(self, *providers: FakeProvider, **changes: object) -> None:
        """Let providers send a heartbeat."""
        for provider in providers or self.providers:
            await self.say(provider, "heartbeat", provider.heartbeat(**changes))

    async def say(self, provider: FakeProvider, kind: str, message: Message | bytes) -> None:
        """Let a provider publish an event."""
        queue = next(queue for queue, kinds in names.EVENT_QUEUES.items() if kind in kinds)
        await self.broker.deliver(queue, message, names.event_key(provider.id, kind))

    async def call(self, **changes: object) -> InvocationRequest:
        """Let the gateway publish a request; return once the scheduler has taken it in."""
        request = make_request(self.version, **changes)
        await self.broker.deliver(names.INVOCATIONS, request, names.INVOCATIONS)
        return request

    async def tick(self, *, after_ms: int = 0) -> None:
        """Let time go by and the scheduler look around."""
        self.clock.forward(after_ms)
        await self.watch.tick()
        await self.core.settle(_SECONDS)

    async def pass_time(self, milliseconds: int, *, step_ms: int = 1_000) -> None:
        """Let time go by as it does, second by second."""
        for _ in range(0, milliseconds, step_ms):
            await self.tick(after_ms=step_ms)

    def orders(self, provider: FakeProvider) -> MutableSequence[Message]:
        return self.broker.queues[names.jobs_queue(provider.spec.queue_secret)]

    def ticket(self, provider: FakeProvider) -> str:
        """Take the next ticket out of a provider's queue."""
        order = self.orders(provider).pop(0)
        assert isinstance(order, JobOrder)
        return order.ticket

    def told(self, provider: FakeProvider) -> list[Cancel | ResultAcknowledged]:
        """Return what the provider was told on its control queue."""
        queue = self.broker.queues[names.control_queue(provider.spec.queue_secret)]
        return [message for message in queue if isinstance(message, Cancel | ResultAcknowledged)]

    def replies(self) -> list[InvocationReply]:
        """Return what the gateway was told."""
        return [message for message in self.broker.queues[REPLIES] if isinstance(message, InvocationReply)]

    def invocation_state(self, request: InvocationRequest) -> InvocationState:
        return self.store.invocations[UUID(request.invocation_id)].state

    def job_states(self, request: InvocationRequest) -> list[JobState]:
        jobs = (job for job in self.store.jobs.values() if str(job.place.invocation_id) == request.invocation_id)
        return [job.state for job in jobs]
