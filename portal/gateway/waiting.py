"""Callers that wait for a reply: one future an invocation, and no more of them than allowed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from portal.gateway.errors import CallRefused
from portal.gateway.metrics import WAITING
from wire.messages import InvocationReply
from wire.problems import Reason


@dataclass(frozen=True, slots=True)
class _Waiter:
    reply: asyncio.Future[InvocationReply]
    #: Whether the word that it is committed is enough.
    commit_only: bool


class WaitingCallers:
    """The waiting callers of this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiters: dict[str, _Waiter] = {}

    def __len__(self) -> int:
        return len(self._waiters)

    @contextmanager
    def place(self, invocation_id: str, *, commit_only: bool) -> Iterator[asyncio.Future[InvocationReply]]:
        """Hold a place while a caller waits; its future gets the reply.

        :raises CallRefused: as overloaded, when all places are taken.
        """
        if len(self._waiters) >= self._limit:
            raise CallRefused(Reason.OVERLOADED, headers={"Retry-After": "1"})
        future: asyncio.Future[InvocationReply] = asyncio.get_running_loop().create_future()
        self._waiters[invocation_id] = _Waiter(future, commit_only)
        WAITING.inc()
        try:
            yield future
        finally:
            WAITING.dec()
            del self._waiters[invocation_id]
            future.cancel()

    def deliver(self, reply: InvocationReply) -> bool:
        """Hand a reply to who waits for it; return whether somebody did."""
        waiter = self._waiters.get(reply.invocation_id)
        if waiter is None or waiter.reply.done() or (reply.pending and not waiter.commit_only):
            return False
        waiter.reply.set_result(reply)
        return True
