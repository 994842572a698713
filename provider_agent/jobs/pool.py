"""Threads that run accepted jobs, one a slot: container, receipt, report."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event as Flag

from provider_agent.containers.running import ContainerRunner
from provider_agent.jobs.journal import Journal
from provider_agent.jobs.metrics import AgentMetrics
from provider_agent.jobs.receipts import ReceiptWriter
from provider_agent.jobs.slots import Slots
from provider_agent.jobs.spool import Spool
from provider_agent.ports import AgentBroker, Clock, Work
from wire.messages import Started

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobTools:
    """What tickets are judged and run with."""

    runner: ContainerRunner
    broker: AgentBroker
    journal: Journal
    slots: Slots
    spool: Spool
    receipts: ReceiptWriter
    metrics: AgentMetrics
    clock: Clock


class RunnerPool:
    """Runs each job in a thread of its own."""

    def __init__(self, tools: JobTools) -> None:
        self._tools = tools
        self._threads = ThreadPoolExecutor(max_workers=tools.slots.count, thread_name_prefix="job")

    def submit(self, work: Work) -> None:
        """Take a slot for a job and run it."""
        cancelled = self._tools.slots.take(work.job_id)
        self._threads.submit(self._run, work, cancelled)

    def stop(self) -> None:
        """Wait for what runs; nothing may be submitted any more."""
        self._threads.shutdown(wait=True)

    def _run(self, work: Work, cancelled: Flag) -> None:
        """Run a job to its report. An error nobody foresaw ends the job as crashed: it must not stay open."""
        job_id = work.job_id
        try:
            self._finish(work, cancelled)
        except Exception:
            log.exception("job.unforeseen", extra={"job_id": job_id})
            self._tools.slots.leave(job_id)
            self._tools.spool.report(self._tools.receipts.crashed(job_id, work.jws))
        finally:
            self._tools.runner.remove(job_id)

    def _finish(self, work: Work, cancelled: Flag) -> None:
        tools, job_id = self._tools, work.job_id
        report = tools.runner.run(work, cancelled=cancelled, started=lambda pull_ms: self._started(job_id, pull_ms))
        self._tools.slots.leave(job_id)
        tools.spool.report(tools.receipts.finished(job_id, work.jws, report=report))
        tools.metrics.finished(report)
        log.info(
            "job.finished",
            extra={"job_id": job_id, "exit_state": report.exit_state.value, "run_ms": report.run_ms},
        )

    def _started(self, job_id: str, pull_ms: int) -> None:
        self._tools.broker.publish(Started(job_id=job_id, started_at_ms=self._tools.clock(), pull_ms=pull_ms))
        log.info("job.started", extra={"job_id": job_id, "pull_ms": pull_ms})
