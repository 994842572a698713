"""What every step of the scheduler shares: its memory, and its ways to the database and the broker."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from uuid import UUID

from scheduler.clocks import Clock
from scheduler.errors import BrokerUnavailable, TermSuperseded
from scheduler.fleet import Fleet
from scheduler.group_commit import GroupCommit
from scheduler.loop.live import Live
from scheduler.specs import ProviderSpec, VersionSpec
from scheduler.store.ports import JobStore
from scheduler.tickets import TicketSigner
from scheduler.transport.ports import Orders, Presence, Replies
from wire.messages import Cancel, ResultAcknowledged

log = logging.getLogger(__name__)

_VERSIONS = 10_000
_REFRESH_MS = 1_000


@dataclass(slots=True, kw_only=True)
class Core:
    """One scheduler's memory and tools."""

    store: JobStore
    orders: Orders
    replies: Replies
    presence: Presence
    signer: TicketSigner
    clock: Clock
    commit: GroupCommit
    #: Returns the working key when it was renewed.
    renewed: Callable[[], TicketSigner | None] = lambda: None
    fleet: Fleet = field(default_factory=Fleet)
    live: Live = field(default_factory=Live)
    _versions: dict[UUID, VersionSpec] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _refreshed_at_ms: int = 0

    @property
    def term(self) -> int:
        """The term under which this scheduler writes."""
        return self.commit.term

    async def version(self, version_id: UUID) -> VersionSpec | None:
        """Return a version; it never changes, so it is asked for once."""
        known = self._versions.get(version_id) or await self.commit.call(lambda: self.store.version(version_id))
        if known and len(self._versions) < _VERSIONS:
            self._versions[version_id] = known
        return known

    async def provider(self, provider_id: UUID) -> ProviderSpec | None:
        """Return an enrolled provider; a new one is asked for, at most once a second."""
        now_ms = self.clock()
        if self.fleet.spec(provider_id) is None and now_ms - self._refreshed_at_ms >= _REFRESH_MS:
            await self.refresh_providers()
        return self.fleet.spec(provider_id)

    async def refresh_providers(self) -> None:
        """Learn who is enrolled now and who was revoked."""
        self._refreshed_at_ms = self.clock()
        self.fleet.enrol(await self.commit.call(self.store.providers))

    async def tell(self, provider_id: UUID, message: Cancel | ResultAcknowledged) -> None:
        """Send a provider a word that it can do without: an agent that misses it asks again by sending again."""
        provider = self.fleet.spec(provider_id)
        if provider is None:
            return
        try:
            await self.orders.send_control(provider, message)
        except BrokerUnavailable as error:
            ids = {"job_id": message.job_id, "provider_id": provider_id}
            log.warning("control.not_sent", extra=ids | {"kind": message.kind, "why": str(error)})

    def spawn(self, step: Coroutine[None, None, None]) -> None:
        """Let a step run on its own; the scheduler's stop waits for it."""
        task = asyncio.get_running_loop().create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def settle(self, seconds: float) -> None:
        """Wait until the steps that were spawned have ended."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)

    def cancel(self) -> None:
        """Let go of the steps that have not ended; their messages come back to their queues."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and not isinstance(error, TermSuperseded):
            log.error("step.failed", exc_info=error)
