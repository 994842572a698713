"""Answers of the database, kept for a moment so that a call need not ask again."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from portal.invocations.starting import Monotonic

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Keeps each answer, also a negative one, for `seconds`; who asks for the same meanwhile shares one look-up.

    At most `capacity` answers are kept: the oldest go, so that a stranger who makes up names fills no memory.
    """

    def __init__(
        self, load: Callable[[K], Awaitable[V]], *, seconds: float, clock: Monotonic, capacity: int = 10_000
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._clock = clock
        self._capacity = capacity
        self._kept: OrderedDict[K, tuple[float, asyncio.Future[V]]] = OrderedDict()

    async def get(self, key: K) -> V:
        """Return the answer, asking the database when none is fresh."""
        kept = self._kept.get(key)
        if kept is None or kept[0] <= self._clock():
            kept = self._keep(key)
        # One caller that leaves must not take the answer from the others who wait for it.
        return await asyncio.shield(kept[1])

    def _keep(self, key: K) -> tuple[float, asyncio.Future[V]]:
        answer = asyncio.ensure_future(self._load(key))
        kept = self._kept[key] = (self._clock() + self._seconds, answer)
        self._kept.move_to_end(key)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        answer.add_done_callback(lambda done: self._drop_failed(key, done))
        return kept

    def _drop_failed(self, key: K, answer: asyncio.Future[V]) -> None:
        failed = answer.cancelled() or answer.exception() is not None
        if failed and self._kept.get(key, (0, None))[1] is answer:
            del self._kept[key]
