"""Counters of this agent, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from provider_agent.ports import RunReport
from wire.outcomes import RefusalReason

_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30, 60, 300, 900)


class AgentMetrics:
    """What this process has done since it started."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._jobs = Counter("chainfaas_agent_jobs", "Jobs that ended.", ["exit_state"], registry=self._registry)
        self._refused = Counter("chainfaas_agent_refused", "Tickets not taken.", ["reason"], registry=self._registry)
        self._run = Histogram(
            "chainfaas_agent_run_seconds", "Wall time of containers.", buckets=_SECONDS, registry=self._registry
        )
        self._pull = Histogram(
            "chainfaas_agent_pull_seconds", "Time of pulls.", buckets=_SECONDS, registry=self._registry
        )

    def finished(self, report: RunReport) -> None:
        """Count a job that ended."""
        self._jobs.labels(report.exit_state.value).inc()
        self._run.observe(report.run_ms / 1000)
        if report.pull_ms:
            self._pull.observe(report.pull_ms / 1000)

    def refused(self, reason: RefusalReason) -> None:
        """Count a ticket that was not taken."""
        self._refused.labels(reason.value).inc()

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a value as it is at each reading."""
        Gauge(f"chainfaas_agent_{name}", meaning, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
