"""What gathers while one transaction runs goes into the next; a poison change is alone."""

import asyncio
import threading
from collections.abc import Sequence
from uuid import uuid4

import pytest

from scheduler.errors import ChangeFailed, TermSuperseded
from scheduler.group_commit import GroupCommit
from scheduler.store.changes import Change, EndInvocation, Verdict
from scheduler.store.testing import InMemoryStore
from tests.support.waiting import eventually
from wire.problems import Reason


class SlowStore(InMemoryStore):
    """Holds each transaction until it is let go, and raises for changes that are poison."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[Change]] = []
        self.threads: set[int] = set()
        self.go = threading.Semaphore(0)
        self.poison: set[Change] = set()

    def apply(self, term: int, changes: Sequence[Change]) -> Sequence[Verdict]:
        self._fence(term)
        self.batches.append(list(changes))
        self.threads.add(threading.get_ident())
        self.go.acquire()
        if self.poison.intersection(changes):
            raise ZeroDivisionError
        return [Verdict.DONE for _ in changes]


def change() -> EndInvocation:
    return EndInvocation(invocation_id=uuid4(), reason=Reason.INTERNAL, at_ms=0)


def test_what_gathers_goes_into_one_transaction() -> None:
    async def play() -> None:
        store = SlowStore()
        commit = GroupCommit(store)
        running = asyncio.create_task(commit.run())
        first = asyncio.create_task(commit.commit(change()))
        await eventually("the first transaction", lambda: len(store.batches) == 1, 30)
        others = [asyncio.create_task(commit.commit(change(), change())) for _ in range(5)]
        store.go.release(2)

        assert await first == [Verdict.DONE]
        assert await asyncio.gather(*others) == [[Verdict.DONE] * 2] * 5
        assert [len(batch) for batch in store.batches] == [1, 10]
        assert len(store.threads) == 1
        assert threading.get_ident() not in store.threads
        await _end(commit, running)

    asyncio.run(play())


def test_a_poison_change_is_alone() -> None:
    async def play() -> None:
        store = SlowStore()
        store.go.release(100)
        commit = GroupCommit(store)
        changes = [change() for _ in range(4)]
        store.poison = {changes[2]}
        waiting = [asyncio.create_task(commit.commit(item)) for item in changes]
        await asyncio.sleep(0)
        running = asyncio.create_task(commit.run())

        answers = await asyncio.gather(*waiting, return_exceptions=True)

        assert [type(answer) for answer in answers] == [list, list, ChangeFailed, list]
        await _end(commit, running)

    asyncio.run(play())


def test_what_nobody_waits_for_rides_along() -> None:
    async def play() -> None:
        store = SlowStore()
        store.go.release(100)
        commit = GroupCommit(store)
        running = asyncio.create_task(commit.run())
        soon = asyncio.create_task(commit.commit_soon(change()))
        await asyncio.sleep(0)
        await commit.commit(change())
        await soon
        assert [len(batch) for batch in store.batches] == [2]

        assert await commit.commit_soon(change()) == [Verdict.DONE]
        await _end(commit, running)

    asyncio.run(play())


def test_a_superseded_term_is_told_to_everyone_and_ends_the_writing() -> None:
    async def play() -> None:
        store = SlowStore()
        store.go.release(100)
        store.term = 1
        commit = GroupCommit(store)
        waiting = [asyncio.create_task(commit.commit(change())) for _ in range(3)]
        await asyncio.sleep(0)

        with pytest.raises(TermSuperseded):
            await commit.run()

        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [TermSuperseded] * 3
        with pytest.raises(TermSuperseded):
            await commit.commit(change())
        commit.close()

    asyncio.run(play())


async def _end(commit: GroupCommit, running: "asyncio.Task[None]") -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    commit.close()
