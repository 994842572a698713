"""A scheduler starts when its database is there, and stops when it is told to."""

import asyncio
import time

import pytest

from scheduler.errors import TermSuperseded
from scheduler.group_commit import GroupCommit
from scheduler.loop.core import Core
from scheduler.loop.service import Scheduler
from scheduler.store.ports import TakeOver
from scheduler.store.testing import InMemoryStore
from scheduler.transport.testing import InMemorySchedulerBroker
from tests.support.scheduling.marketplace import NOW_MS, make_signer
from tests.support.waiting import eventually

_SECONDS = 30.0


class ShyStore(InMemoryStore):
    """Cannot be reached for a take-over either while it is not available."""

    def take_over(self, *, now_ms: int) -> TakeOver:
        self._fence(self.term)
        return super().take_over(now_ms=now_ms)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def scheduler_on(store: InMemoryStore) -> Scheduler:
    broker = InMemorySchedulerBroker()
    core = Core(
        store=store,
        orders=broker,
        replies=broker,
        presence=broker,
        signer=make_signer(),
        clock=now_ms,
        commit=GroupCommit(store),
    )
    return Scheduler(core, broker)


def test_it_waits_for_its_database_and_then_leads() -> None:
    async def play() -> None:
        store, stop = ShyStore(available=False), asyncio.Event()
        scheduler = scheduler_on(store)
        running = asyncio.create_task(scheduler.run(stop))
        await eventually("the missed database", lambda: not scheduler.core.commit.available, _SECONDS)
        assert not scheduler.leads

        store.available = True
        await eventually("the take-over", lambda: scheduler.leads, _SECONDS)
        stop.set()
        await running

        assert not scheduler.leads

    asyncio.run(play())


def test_it_can_be_stopped_while_it_waits_for_its_database() -> None:
    async def play() -> None:
        store, stop = ShyStore(available=False), asyncio.Event()
        scheduler = scheduler_on(store)
        running = asyncio.create_task(scheduler.run(stop))
        await eventually("the missed database", lambda: not scheduler.core.commit.available, _SECONDS)

        stop.set()

        await asyncio.wait_for(running, _SECONDS)

    asyncio.run(play())


def test_it_ends_when_another_one_has_taken_over_though_nothing_happens() -> None:
    async def play() -> None:
        store = InMemoryStore()
        scheduler = scheduler_on(store)
        running = asyncio.create_task(scheduler.run(asyncio.Event()))
        await eventually("the take-over", lambda: scheduler.leads, _SECONDS)

        store.take_over(now_ms=NOW_MS)

        with pytest.raises(TermSuperseded):
            await asyncio.wait_for(running, _SECONDS)
        assert not scheduler.leads

    asyncio.run(play())
