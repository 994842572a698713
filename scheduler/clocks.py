"""Every time span that the scheduler judges by, in milliseconds, in one place."""

from collections.abc import Callable

#: Milliseconds since 1970 UTC.
Clock = Callable[[], int]

#: An agent sends a heartbeat this often, and at once when it starts or its free slots change.
HEARTBEAT_MS = 15_000
#: A provider that was not heard for so long gets no jobs, and the jobs that it runs are given up.
SILENCE_MS = 3 * HEARTBEAT_MS
#: An agent accepts a ticket within this time or not at all.
ACCEPT_MS = 5_000
#: What the word that it accepted may take to arrive.
ACCEPT_GRACE_MS = 2_000
#: What pulling an image may take.
PULL_MS = 120_000
#: What starting and removing a container, and sending the result, may take beyond the function's own timeout.
RUN_GRACE_MS = 30_000
#: An agent that is not connected for so long is taken for gone.
GONE_MS = 5_000
#: After the broker or the scheduler was away nobody is judged for so long: every agent can be heard once by then.
AWAY_GRACE_MS = HEARTBEAT_MS + 5_000
#: How long after a job's last moment its provider can demand its pay.
PAY_WINDOW_MS = 24 * 3_600_000
#: What a failure counts against its provider is half of it after this time (scheduler/reliability.py).
FAILURE_HALF_LIFE_MS = 5 * 60_000
#: How long a provider that fails again and again gets nothing at first, and at most.
PAUSE_MS = 10_000
LONGEST_PAUSE_MS = 10 * 60_000
#: With less left of the root key's word for the working key the scheduler is not healthy.
WORKING_KEY_LEFT_MS = 7 * 24 * 3_600_000
#: How many providers are tried for one invocation.
MAX_ATTEMPTS = 3


def run_limit_ms(timeout_ms: int) -> int:
    """Return how long an accepted job may take until its result is here."""
    return PULL_MS + timeout_ms + RUN_GRACE_MS


def pay_window_ms(timeout_ms: int) -> int:
    """Return how long after its ticket was issued a job can be paid."""
    return ACCEPT_MS + run_limit_ms(timeout_ms) + PAY_WINDOW_MS
