"""Requests of end users, the jobs that served them, and their results."""

import uuid

from django.db import models

from portal.accounts.models import Account
from portal.functions.models import Function, FunctionVersion
from portal.providers.models import Provider
from scheduler.states import InvocationState, JobState
from wire.outcomes import ExitState

INVOCATION_STATES = [(state.value, state.value) for state in InvocationState]
JOB_STATES = [(state.value, state.value) for state in JobState]
_EXIT_STATES = [(state.value, state.value) for state in ExitState]


class Invocation(models.Model):
    """One request of an end user to a function version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    version = models.ForeignKey(FunctionVersion, on_delete=models.PROTECT, related_name="invocations")
    caller = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="invocations")
    state = models.CharField(max_length=16, choices=INVOCATION_STATES, default=InvocationState.PENDING.value)
    #: A `wire.problems.Reason`, when it failed.
    reason = models.CharField(max_length=32, blank=True)
    #: Dropped when it has ended: only retries need it.
    input = models.BinaryField(null=True)
    input_type = models.CharField(max_length=100, blank=True)
    input_digest = models.CharField(max_length=64)
    #: Where its gateway listens.
    replies_to = models.CharField(max_length=80)
    requested_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """What is pending is asked for at each take-over; a developer sees the newest first."""

        indexes = (
            models.Index(fields=["requested_at"], name="invocation_pending", condition=models.Q(ended_at__isnull=True)),
            models.Index(fields=["version", "-requested_at"], name="invocation_newest"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Result(models.Model):
    """An invocation's output; kept for a limited time."""

    invocation = models.OneToOneField(Invocation, on_delete=models.CASCADE, primary_key=True, related_name="result")
    job_id = models.CharField(max_length=48)
    output = models.BinaryField()
    output_digest = models.CharField(max_length=64)
    stored_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.invocation_id)


class Job(models.Model):
    """One attempt to serve an invocation on one provider: `<invocation id, hex>-<attempt>`."""

    id = models.CharField(primary_key=True, max_length=48)
    invocation = models.ForeignKey(Invocation, on_delete=models.CASCADE, related_name="jobs")
    attempt = models.PositiveSmallIntegerField()
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="jobs")
    state = models.CharField(max_length=16, choices=JOB_STATES, default=JobState.PLACED.value)
    term = models.BigIntegerField()
    ticket = models.TextField()
    ticket_digest = models.CharField(max_length=64)
    price_nano_per_ms = models.BigIntegerField()
    max_ms = models.BigIntegerField()
    max_cost_micro = models.BigIntegerField()
    receipt = models.TextField(blank=True)
    exit_state = models.CharField(max_length=20, choices=_EXIT_STATES, blank=True)
    exit_code = models.IntegerField(null=True)
    refusal = models.CharField(max_length=24, blank=True)
    log_tail = models.TextField(blank=True)
    claimed_ms = models.BigIntegerField(null=True)
    observed_ms = models.BigIntegerField(null=True)
    pull_ms = models.BigIntegerField(null=True)
    output_digest = models.CharField(max_length=64, blank=True)
    #: The five times of the ChainFaaS prototype start and end at these (docs/one-invocation.md).
    placed_at = models.DateTimeField()
    accept_by = models.DateTimeField()
    pay_until = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stored_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    cost_micro = models.BigIntegerField(null=True)

    class Meta:
        """Open jobs are asked for at each take-over; a provider sees its newest first."""

        constraints = (models.UniqueConstraint(fields=["invocation", "attempt"], name="one_job_an_attempt"),)
        indexes = (
            models.Index(
                fields=["placed_at"],
                name="job_open",
                condition=models.Q(finished_at__isnull=True),
            ),
            models.Index(fields=["provider", "-placed_at"], name="job_newest"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class DailySpending(models.Model):
    """What a function's jobs of one day (UTC) cost or may still cost, against its version's daily budget."""

    function = models.ForeignKey(Function, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    spent_micro = models.BigIntegerField(default=0)

    class Meta:
        """One row a function and day: a conditional UPDATE of it is the lock."""

        constraints = (models.UniqueConstraint(fields=["function", "day"], name="one_spending_a_day"),)

    def __str__(self) -> str:
        return f"{self.function_id} {self.day}"
