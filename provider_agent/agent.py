"""The running agent: its loops, how they start, and how they end without losing a job."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from provider_agent import __version__
from provider_agent.containers.registries import listed
from provider_agent.containers.running import ContainerRunner
from provider_agent.jobs.heartbeat import HeartbeatLoop
from provider_agent.jobs.intake import Intake
from provider_agent.jobs.journal import Journal, JournalUnusable
from provider_agent.jobs.metrics import AgentMetrics
from provider_agent.jobs.policy import ProviderTerms
from provider_agent.jobs.pool import JobTools, RunnerPool
from provider_agent.jobs.receipts import ReceiptWriter
from provider_agent.jobs.slots import Slots
from provider_agent.jobs.spool import Spool
from provider_agent.jobs.tickets import TicketVerifier
from provider_agent.machine.config import Config, architecture
from provider_agent.ports import AgentBroker, Clock
from wire.messages import Heartbeat
from wire.signing import PublicKey, SigningKey

log = logging.getLogger(__name__)

#: After the last job: how long to wait for the controller to acknowledge results. The journal keeps the rest.
_LAST_WORDS_SECONDS = 3.0
#: How long killed containers may take to be gone.
_KILL_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What an agent is made of; all adapters come from outside."""

    config: Config
    signing_key: SigningKey
    journal: Journal
    broker: AgentBroker
    runner: ContainerRunner
    clock: Clock


class Agent:
    """Takes tickets until it is told to drain."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        offer = parts.config.offer
        self.metrics = AgentMetrics()
        self._started_at_ms = parts.clock()
        self._heartbeat = HeartbeatLoop(
            parts.broker, self._beat, interval_seconds=max(parts.config.heartbeat_seconds, 1)
        )
        self._slots = Slots(offer.slots, self._heartbeat.beat_soon)
        self._spool = Spool(parts.journal, parts.broker, parts.clock)
        self._receipts = ReceiptWriter(parts.signing_key, parts.clock)
        tools = JobTools(
            runner=parts.runner,
            broker=parts.broker,
            journal=parts.journal,
            slots=self._slots,
            spool=self._spool,
            receipts=self._receipts,
            metrics=self.metrics,
            clock=parts.clock,
        )
        self._pool = RunnerPool(tools)
        self._intake = self._made_intake(tools)
        self._watch()

    def start(self) -> None:
        """Report what an earlier process left open, then begin."""
        removed = self._parts.runner.remove_leftovers()
        open_jobs = self._parts.journal.accepted()
        for entry in open_jobs:
            if entry.ticket:
                self._spool.report(self._receipts.crashed(entry.job_id, entry.ticket))
        log.info(
            "agent.started",
            extra={
                "provider_id": self._parts.config.provider_id,
                "version": __version__,
                "containers_removed": removed,
                "jobs_crashed": [entry.job_id for entry in open_jobs],
            },
        )
        self._intake.start()
        self._parts.broker.start(self._intake)
        self._spool.start()
        self._heartbeat.start()

    def drain(self) -> None:
        """Refuse new tickets from now on; what runs goes on."""
        log.info("agent.draining", extra={"running": list(self._slots.running)})
        self._slots.drain()

    def is_idle(self, *, within_seconds: float) -> bool:
        """Wait at most so long for the last job to end; return whether it has."""
        return self._slots.wait_until_empty(within_seconds)

    def stop(self) -> bool:
        """Stop what runs (it is reported as crashed) and end all loops; return whether all came to an end."""
        self._slots.drain()
        self._slots.cancel_all()
        is_clean = self._slots.wait_until_empty(_KILL_SECONDS)
        if is_clean:
            self._pool.stop()
        self._wait_for_acknowledgements()
        self._heartbeat.stop()
        self._spool.stop()
        self._parts.broker.stop()
        self._intake.stop()
        if is_clean:
            self._parts.journal.close()
        log.info("agent.stopped", extra={"clean": is_clean})
        return is_clean

    def status(self) -> dict[str, Any]:
        """Return what `chainfaas-agent status` shows; no secret is in it."""
        config, slots = self._parts.config, self._slots
        return {
            "name": config.name,
            "provider_id": config.provider_id,
            "portal": config.portal_url,
            "version": __version__,
            "started_at_ms": self._started_at_ms,
            "broker_connected": self._parts.broker.is_connected,
            "docker_ready": self._parts.runner.is_ready(),
            "draining": slots.is_draining,
            "slots": slots.count,
            "free_slots": self._free(),
            "running": list(slots.running),
            "results_waiting": self._waiting(),
            "price_nano_per_ms": config.offer.price_nano_per_ms,
        }

    def is_healthy(self) -> bool:
        """Return whether jobs could come and run."""
        return self._parts.broker.is_connected and self._parts.runner.is_ready()

    def _made_intake(self, tools: JobTools) -> Intake:
        config = self._parts.config
        registries = listed(config.allowed_registries)
        return Intake(
            tools,
            self._pool,
            terms=ProviderTerms(provider_id=config.provider_id, offer=config.offer, allowed_registries=registries),
            verifier=TicketVerifier(PublicKey.from_pem(config.root_key_pem)),
            tell_offer=self._heartbeat.beat_soon,
        )

    def _beat(self) -> Heartbeat:
        config, offer = self._parts.config, self._parts.config.offer
        self._slots.close(closed=not self._parts.runner.is_ready())
        return Heartbeat(
            provider_id=config.provider_id,
            sent_at_ms=self._parts.clock(),
            agent_version=__version__,
            architecture=architecture(),
            slots=offer.slots,
            free_slots=self._free(),
            cpu_millis=offer.cpu_millis,
            memory_mb=offer.memory_mb,
            price_nano_per_ms=offer.price_nano_per_ms,
            draining=self._slots.is_draining,
            images=self._parts.runner.images(),
            running=self._slots.running,
        )

    def _free(self) -> int:
        try:
            return 0 if self._intake.is_stuck or self._spool.is_full() else self._slots.free
        except JournalUnusable:
            return 0

    def _waiting(self) -> int:
        try:
            return self._parts.journal.waiting()[0]
        except JournalUnusable:
            return -1

    def _wait_for_acknowledgements(self) -> None:
        until = time.monotonic() + _LAST_WORDS_SECONDS
        while self._parts.broker.is_connected and self._waiting() > 0 and time.monotonic() < until:
            time.sleep(0.05)

    def _watch(self) -> None:
        self.metrics.watch("running_jobs", "Jobs that run now.", lambda: len(self._slots.running))
        self.metrics.watch("free_slots", "Jobs that could be taken now.", self._free)
        self.metrics.watch("results_waiting", "Reports that are not acknowledged.", self._waiting)
        self.metrics.watch("broker_connected", "1 while connected.", lambda: int(self._parts.broker.is_connected))
