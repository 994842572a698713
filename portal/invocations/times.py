"""The five times that the ChainFaaS prototype measured, from the moments that a job records."""

from dataclasses import dataclass
from datetime import datetime

from portal.invocations.models import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class FiveTimes:
    """Milliseconds; None while the later moment has not come."""

    #: T_prc: from the request to the agent's acceptance.
    request_to_agent_ms: int | None
    #: T_prv: from the acceptance to the container's start, without the pull.
    agent_to_start_ms: int | None
    #: T_cmp: pull and run.
    pull_and_run_ms: int | None
    #: T_rsp: from the run's end to the stored result.
    end_to_stored_ms: int | None
    #: T_bil: from the run's end to the payment.
    end_to_paid_ms: int | None


def five_times(job: Job, requested_at: datetime) -> FiveTimes:
    """Return the five times of a job."""
    pull = job.pull_ms or 0
    preparing = _between(job.accepted_at, job.started_at)
    return FiveTimes(
        request_to_agent_ms=_between(requested_at, job.accepted_at),
        agent_to_start_ms=None if preparing is None else max(0, preparing - pull),
        pull_and_run_ms=None if job.claimed_ms is None else pull + job.claimed_ms,
        end_to_stored_ms=_between(job.finished_at, job.stored_at),
        end_to_paid_ms=_between(job.finished_at, job.paid_at),
    )


def _between(start: datetime | None, end: datetime | None) -> int | None:
    if start is None or end is None:
        return None
    # Agents' clocks may be behind: no time is negative.
    return max(0, round((end - start).total_seconds() * 1000))
