"""Invocations and their jobs."""

from typing import Any, ClassVar

from rest_framework import serializers

from portal.api.serializers.base import RowView
from portal.invocations.models import Invocation, Job
from portal.invocations.times import FiveTimes, five_times


class TimesView(serializers.Serializer[FiveTimes]):
    """The five times of a job, in milliseconds."""

    request_to_agent_ms = serializers.IntegerField(allow_null=True, help_text="T_prc")
    agent_to_start_ms = serializers.IntegerField(allow_null=True, help_text="T_prv, without the pull")
    pull_and_run_ms = serializers.IntegerField(allow_null=True, help_text="T_cmp")
    end_to_stored_ms = serializers.IntegerField(allow_null=True, help_text="T_rsp")
    end_to_paid_ms = serializers.IntegerField(allow_null=True, help_text="T_bil")


class JobView(RowView[Job]):
    """One attempt on one provider."""

    times = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = (
            "id",
            "attempt",
            "provider",
            "state",
            "exit_state",
            "exit_code",
            "refusal",
            "price_nano_per_ms",
            "max_ms",
            "max_cost_micro",
            "claimed_ms",
            "observed_ms",
            "pull_ms",
            "cost_micro",
            "output_digest",
            "placed_at",
            "accepted_at",
            "started_at",
            "finished_at",
            "stored_at",
            "paid_at",
            "times",
        )

    def get_times(self, job: Job) -> TimesView:
        """Return the five times."""
        return TimesView(five_times(job, job.invocation.requested_at)).data  # type: ignore[return-value] # the hint is for the schema


class InvocationView(RowView[Invocation]):
    """One request of an end user."""

    developer = serializers.CharField(source="version.function.owner.username")
    function = serializers.CharField(source="version.function.name")
    version = serializers.IntegerField(source="version.number")

    class Meta:
        model = Invocation
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "developer",
            "function",
            "version",
            "state",
            "reason",
            "requested_at",
            "ended_at",
        )


class InvocationWithJobsView(InvocationView):
    """One request of an end user, with its jobs."""

    jobs = JobView(many=True, read_only=True)
    log_tail = serializers.SerializerMethodField(help_text="What the function wrote last, for its developer only.")

    class Meta(InvocationView.Meta):
        fields = (*InvocationView.Meta.fields, "jobs", "log_tail")

    def get_log_tail(self, invocation: Invocation) -> str:
        """Return the last attempt's log, to the developer."""
        viewer: Any = self.context.get("viewer")
        if viewer is None or viewer.id != invocation.version.function.owner_id:
            return ""
        return next((job.log_tail for job in reversed(invocation.jobs.all()) if job.log_tail), "")
