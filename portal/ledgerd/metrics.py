"""What the ledger's process counts and measures, for Prometheus."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Gauge

from portal.books.models import Reservation
from portal.books.read_model.outcomes import REFUSED
from portal.outbox import queries
from portal.outbox.models import OutboxOperation
from wire.ledger.operations import CreateJob, operation_id_of


class LedgerMetrics:
    """One process's metrics, in a registry of its own."""

    def __init__(self, clock: Callable[[], datetime] = timezone.now) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self.backlog = self._gauge("outbox_backlog", "Operations that wait for the ledger.")
        self.oldest = self._gauge("outbox_oldest_seconds", "Age of the oldest operation that waits.")
        self.set_aside = self._gauge("operations_set_aside", "Operations that raised and wait for the administrator.")
        self.block = self._gauge("block", "The newest block in the read model.")
        self.drift = self._gauge(
            "drift_micro", "Micro-credits by which books, ledger and read model differ; 0 is right."
        )
        self.differing_keys = self._gauge("differing_keys", "Keys of the world state that the read model has wrong.")
        self.reconciled_at = self._gauge("reconciled_timestamp_seconds", "When books were compared last.")
        self.reservations = self._gauge("reservations_lost", "Promises of deposit that no operation will end.")
        self.registry.register(REFUSED)
        self.failures = Counter(
            "chainfaas_ledger_failures",
            "Turns of the loop that failed and were tried again, by error.",
            ["error"],
            registry=self.registry,
        )

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"chainfaas_ledger_{name}", meaning, registry=self.registry)

    def measure_reservations(self) -> None:
        """Count what is promised to jobs whose creation is neither on its way nor set aside: 0 is right."""
        creation = OutboxOperation.objects.filter(
            operation_id=Concat(Value(operation_id_of(CreateJob, "")), OuterRef("job_id")), answered_at__isnull=True
        )
        self.reservations.set(Reservation.objects.filter(~Exists(creation)).count())

    def measure_outbox(self) -> None:
        """Count what waits."""
        backlog = queries.backlog()
        self.backlog.set(backlog.pending + backlog.submitted)
        self.oldest.set((self._clock() - backlog.oldest_at).total_seconds() if backlog.oldest_at else 0)
        self.set_aside.set(backlog.set_aside)
