"""Group commit: what gathers while one transaction runs goes into the next, so that a sync serves many changes."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from scheduler import metrics
from scheduler.errors import ChangeFailed, StoreUnavailable, TermSuperseded
from scheduler.store.changes import Change, Verdict
from scheduler.store.ports import JobStore

T = TypeVar("T")
log = logging.getLogger(__name__)

_BATCH = 256
_SOON_SECONDS = 0.1
_RETRY_SECONDS = (0.05, 2.0)


@dataclass(frozen=True, slots=True)
class _Unit:
    """Changes that are made together or not at all."""

    changes: tuple[Change, ...]
    verdicts: asyncio.Future[Sequence[Verdict]]


class GroupCommit:
    """The one way to the database: all calls are made on one thread, one after the other."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._waiting: deque[_Unit] = deque()
        self._wake = asyncio.Event()
        self.term = 0
        #: How it was learned that another scheduler has taken over; empty before.
        self._superseded = ""
        #: Whether the last call reached the database.
        self.available = True

    async def call(self, function: Callable[[], T]) -> T:
        """Make a blocking call to the store on its thread; while the database is away it is tried again."""
        loop, (delay, longest) = asyncio.get_running_loop(), _RETRY_SECONDS
        while True:
            try:
                answer = await loop.run_in_executor(self._thread, function)
            except StoreUnavailable as error:
                log.warning("store.unavailable", extra={"why": str(error)})
                self.available = False
            else:
                self.available = True
                return answer
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            delay = min(delay * 2, longest)

    async def commit(self, *changes: Change) -> Sequence[Verdict]:
        """Make some changes in one transaction; return once they are on disk.

        :raises TermSuperseded: when another scheduler has taken over.
        :raises ChangeFailed: when they raised something unexpected.
        """
        unit = self._join(changes)
        self._wake.set()
        return await unit.verdicts

    async def commit_soon(self, *changes: Change) -> Sequence[Verdict]:
        """Make changes that nobody waits for: with the next transaction, or after a while in one of their own.

        :raises TermSuperseded: when another scheduler has taken over.
        :raises ChangeFailed: when they raised something unexpected.
        """
        unit = self._join(changes)
        if len(self._waiting) >= _BATCH // 2:
            self._wake.set()
        asyncio.get_running_loop().call_later(_SOON_SECONDS, self._wake.set)
        return await unit.verdicts

    def _join(self, changes: tuple[Change, ...]) -> _Unit:
        if self._superseded:
            raise TermSuperseded(self._superseded)
        unit = _Unit(changes, asyncio.get_running_loop().create_future())
        self._waiting.append(unit)
        return unit

    async def run(self) -> None:
        """Write until cancelled.

        :raises TermSuperseded: when another scheduler has taken over.
        """
        while True:
            await self._wake.wait()
            units = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            if not self._waiting:
                self._wake.clear()
            if units:
                await self._write(units)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _write(self, units: Sequence[_Unit]) -> None:
        changes = [change for unit in units for change in unit.changes]
        try:
            verdicts = iter(await self._apply(changes))
        except TermSuperseded as error:
            self._superseded = str(error)
            self._fail([*units, *self._waiting], error)
            raise
        except Exception:
            # Whatever one change raised must not take the others with it.
            log.exception("commit.failed", extra={"changes": [_named(change) for change in changes]})
            await self._write_apart(units)
        else:
            for unit in units:
                answer = [next(verdicts) for _ in unit.changes]
                if not unit.verdicts.done():
                    unit.verdicts.set_result(answer)

    async def _write_apart(self, units: Sequence[_Unit]) -> None:
        if len(units) == 1:
            self._fail(units, ChangeFailed(", ".join(_named(change) for change in units[0].changes)))
            return
        for unit in units:
            await self._write([unit])

    async def _apply(self, changes: Sequence[Change]) -> Sequence[Verdict]:
        with metrics.COMMIT_SECONDS.time():
            verdicts = await self.call(lambda: self._store.apply(self.term, changes))
        metrics.BATCH.observe(len(changes))
        return verdicts

    @staticmethod
    def _fail(units: Sequence[_Unit], error: Exception) -> None:
        for unit in units:
            if not unit.verdicts.done():
                unit.verdicts.set_exception(error)


def _named(change: Change) -> str:
    subject = getattr(change, "job_id", None) or getattr(change, "invocation_id", None)
    if subject is None:
        subject = getattr(change, "request").invocation_id  # noqa: B009
    return f"{type(change).__name__} {subject}"
