"""What Prometheus is told of the scheduler."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

REQUESTS = Counter("chainfaas_scheduler_requests_total", "Invocation requests taken.", registry=REGISTRY)
ENDED = Counter(
    "chainfaas_scheduler_invocations_total", "Invocations that ended, by reason.", ["reason"], registry=REGISTRY
)
JOBS = Counter("chainfaas_scheduler_jobs_total", "Jobs that ended, by state.", ["state"], registry=REGISTRY)
DROPPED = Counter(
    "chainfaas_scheduler_dropped_total", "Messages that were dropped, by queue.", ["queue"], registry=REGISTRY
)
WAITING = Gauge("chainfaas_scheduler_waiting", "Invocations that wait for a provider.", registry=REGISTRY)
OPEN_JOBS = Gauge("chainfaas_scheduler_open_jobs", "Jobs that have not ended.", registry=REGISTRY)
PROVIDERS = Gauge("chainfaas_scheduler_providers", "Providers that are alive.", registry=REGISTRY)
BATCH = Histogram(
    "chainfaas_scheduler_commit_changes",
    "Changes in one database transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
COMMIT_SECONDS = Histogram(
    "chainfaas_scheduler_commit_seconds",
    "Time of one database transaction.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
    registry=REGISTRY,
)
