"""The lives of invocations and jobs in the controller's database; the ledger's states are in wire.ledger.states."""

from collections.abc import Mapping
from enum import StrEnum


class InvocationState(StrEnum):
    """An invocation's life; docs/states.md."""

    #: Committed; waits for a provider or is being tried on one.
    PENDING = "pending"
    #: A result is stored.
    SUCCEEDED = "succeeded"
    #: Ended without a result; `reason` says why.
    FAILED = "failed"


class JobState(StrEnum):
    """A job's life; docs/states.md."""

    #: Committed and ticketed.
    PLACED = "placed"
    #: In the agent's journal.
    ACCEPTED = "accepted"
    #: Its container runs.
    STARTED = "started"
    #: Receipt and output are stored.
    FINISHED = "finished"
    #: The provider did not take it, or failed at its own fault.
    FAILED = "failed"
    #: Its provider fell silent; another attempt replaces it.
    LOST = "lost"


OPEN_JOB_STATES = (JobState.PLACED, JobState.ACCEPTED, JobState.STARTED)

#: From which states a job moves to each of the others; it begins as placed.
JOB_MOVES: Mapping[JobState, tuple[JobState, ...]] = {
    JobState.ACCEPTED: (JobState.PLACED,),
    JobState.STARTED: (JobState.PLACED, JobState.ACCEPTED),
    JobState.FINISHED: OPEN_JOB_STATES,
    JobState.FAILED: OPEN_JOB_STATES,
    JobState.LOST: OPEN_JOB_STATES,
}
