"""What the scheduler looks after by itself, a few times a second: silent jobs, deadlines, agents that are gone."""

import logging
from dataclasses import dataclass, field
from itertools import islice

from scheduler import clocks, metrics
from scheduler.errors import BrokerUnavailable
from scheduler.loop import endings, placing, retries
from scheduler.loop.core import Core
from scheduler.specs import ProviderSpec
from wire.problems import Reason

log = logging.getLogger(__name__)

#: A tick that comes so late means that this process did not run.
_SLEPT_MS = 3_000
_CONSUMERS_MS = 1_000
_PEOPLE_MS = 3_000
_CLEAN_UP_MS = 60_000
_KEY_MS = 60_000
_KEY_WARNING_MS = 3_600_000
#: So many providers without open jobs are looked at each second, in turn.
_SAMPLE = 20


@dataclass(slots=True)
class Watch:
    """Called a few times a second with nothing else to do than to look."""

    core: Core
    _ticked_at_ms: int = 0
    _due_at_ms: dict[str, int] = field(default_factory=dict)
    _turn: int = 0

    async def tick(self) -> None:
        """Look at everything once."""
        core, now_ms = self.core, self.core.clock()
        slept_ms = now_ms - self._ticked_at_ms if self._ticked_at_ms else 0
        self._ticked_at_ms = now_ms
        if slept_ms > _SLEPT_MS:
            log.warning("watch.slept", extra={"milliseconds": slept_ms})
            core.live.extend_silence(now_ms=now_ms, away_ms=slept_ms)
        if core.presence.connected:
            await self._judge(now_ms)
        if core.fleet.resumed(since_ms=now_ms - slept_ms, now_ms=now_ms):
            placing.place_waiting(core)
        self._end_what_waited_too_long(now_ms)
        if self._due("people", now_ms, _PEOPLE_MS):
            await self._tell_people(now_ms)
        if self._due("clean_up", now_ms, _CLEAN_UP_MS):
            await core.commit.call(lambda: core.store.clean_up(core.term, now_ms=now_ms))
        self._look_after_the_working_key(now_ms)
        metrics.WAITING.set(len(core.live.waiting))
        metrics.OPEN_JOBS.set(core.live.open_jobs)
        metrics.PROVIDERS.set(len(core.fleet.capacities(now_ms=now_ms)))

    async def _judge(self, now_ms: int) -> None:
        if self._due("consumers", now_ms, _CONSUMERS_MS):
            await self._look_for_agents(now_ms)
        for job_id in self.core.live.silent(now_ms=now_ms):
            self.core.spawn(retries.lose(self.core, job_id))

    async def _look_for_agents(self, now_ms: int) -> None:
        core, lost = self.core, False
        for provider in self._whom_to_look_for():
            try:
                there = await core.presence.has_consumer(provider)
            except BrokerUnavailable:
                return
            gone_ms = core.fleet.note_connection(provider.provider_id, connected=there, now_ms=now_ms)
            lost = lost or gone_ms >= clocks.GONE_MS
        if lost:
            self._give_up_jobs_of_the_gone(now_ms)

    def _give_up_jobs_of_the_gone(self, now_ms: int) -> None:
        for _, job in self.core.live.jobs():
            if self.core.fleet.gone_ms(job.provider_id, now_ms=now_ms) >= clocks.GONE_MS:
                log.info("provider.gone", extra={"job_id": job.job_id, "provider_id": job.provider_id})
                job.silence.end(now_ms=now_ms)

    def _whom_to_look_for(self) -> list[ProviderSpec]:
        core = self.core
        busy = {job.provider_id for _, job in core.live.jobs()} | core.fleet.awaited
        others = [spec for spec in core.fleet.specs() if spec.provider_id not in busy]
        start = self._turn % max(len(others), 1)
        self._turn += _SAMPLE
        sample = list(islice(others[start:] + others[:start], _SAMPLE))
        return [spec for provider_id in busy if (spec := core.fleet.spec(provider_id))] + sample

    def _end_what_waited_too_long(self, now_ms: int) -> None:
        for invocation in self.core.live.waiting:
            if now_ms >= invocation.request.deadline_at_ms:
                choice = placing.choose(self.core, invocation)
                reason = choice if isinstance(choice, Reason) else Reason.PROVIDERS_BUSY
                self.core.live.stop_waiting(invocation)
                ended = Reason.PROVIDERS_FAILED if invocation.attempts else reason
                self.core.spawn(endings.end(self.core, invocation, ended))

    async def _tell_people(self, now_ms: int) -> None:
        """Show what heartbeats said, learn who is enrolled, and notice a scheduler that has taken over."""
        core = self.core
        seen = core.fleet.heard()
        await core.commit.commit()
        await core.commit.call(lambda: core.store.seen(core.term, seen))
        await core.refresh_providers()
        for _, job in core.live.jobs():
            if core.fleet.spec(job.provider_id) is None:
                log.info("provider.revoked", extra={"job_id": job.job_id, "provider_id": job.provider_id})
                job.silence.end(now_ms=now_ms)

    def _look_after_the_working_key(self, now_ms: int) -> None:
        """Take over a renewed key, and say aloud when the one in use ends soon: without it no agent takes a ticket."""
        core = self.core
        if self._due("key", now_ms, _KEY_MS) and (signer := core.renewed()):
            core.signer = core.signer.followed_by(signer)
            log.info("working_key.renewed", extra={"key_id": signer.key.public.key_id})
        left_ms = core.signer.left_ms(now_ms=now_ms)
        if left_ms < clocks.WORKING_KEY_LEFT_MS and self._due("key_warning", now_ms, _KEY_WARNING_MS):
            hours = left_ms // 3_600_000
            log.critical("working_key.expires", extra={"hours_left": hours, "hint": "run 'manage.py make_keys'"})

    def _due(self, what: str, now_ms: int, every_ms: int) -> bool:
        if now_ms < self._due_at_ms.get(what, 0):
            return False
        self._due_at_ms[what] = now_ms + every_ms
        return True
