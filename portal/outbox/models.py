"""What waits for the ledger, and who may bring it there."""

import uuid

from django.db import models

from portal.identifiers import IdentifierField


class OutboxState(models.TextChoices):
    """Where an operation stands on its way to the ledger; docs/states.md."""

    PENDING = "pending", "Waiting"
    SUBMITTED = "submitted", "Submitted"
    COMMITTED = "committed", "Committed"
    REFUSED = "refused", "Refused by the contract"
    SET_ASIDE = "set_aside", "Set aside: raised an unexpected error"


#: Of operations that the ledger is still to answer.
WAITING = (OutboxState.PENDING, OutboxState.SUBMITTED)
#: The ledger did not do it; what was set aside may yet go again.
UNDONE = (OutboxState.REFUSED, OutboxState.SET_ASIDE)


class OutboxOperation(models.Model):
    """One operation for the ledger, written in the database transaction that makes it true; sent in order of id."""

    id = models.BigAutoField(primary_key=True)
    #: Its identity on the ledger: the same id twice changes nothing.
    operation_id = IdentifierField(max_length=160, unique=True)
    #: `kind` of the operation (wire.ledger.operations).
    kind = models.CharField(max_length=48)
    #: What it is about (a job, an account, a version), to find it again.
    subject = IdentifierField(max_length=80, db_index=True)
    #: Canonical JSON of the operation, or the compact JWS of its author.
    body = models.TextField()
    #: The provider or account that sent it in; none for the controller's own, which the index then leaves out.
    author = models.CharField(max_length=48, null=True)  # noqa: DJ001 - SQLite sees from `= x` that it is not NULL
    state = models.CharField(max_length=16, choices=OutboxState.choices, default=OutboxState.PENDING)
    transaction_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    #: Not sent again before this: the ledger refused it for something that may still come.
    due_at = models.DateTimeField(null=True)
    #: When the ledger's answer was read; none while it is on its way, or set aside.
    answered_at = models.DateTimeField(null=True)

    class Meta:
        """The recorder asks, up to two hundred times a second, for what is not answered, oldest first.

        SQLite takes a partial index only where the query repeats its condition word by word: `IS NULL` has no
        parameter that would hide it.
        """

        indexes = (
            models.Index(fields=["id"], name="outbox_open", condition=models.Q(answered_at__isnull=True)),
            models.Index(
                fields=["transaction_id"], name="outbox_transaction", condition=models.Q(answered_at__isnull=False)
            ),
            models.Index(
                fields=["due_at"],
                name="outbox_postponed",
                condition=models.Q(due_at__isnull=False, answered_at__isnull=True),
            ),
            models.Index(
                fields=["author"],
                name="outbox_of_author",
                condition=models.Q(author__isnull=False, answered_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.operation_id} {self.state}"

    @property
    def waits(self) -> bool:
        """Whether the ledger is still to answer it."""
        return self.state in WAITING

    @classmethod
    def sent_in(cls, transaction_id: str) -> "list[OutboxOperation]":
        """Return a transaction's operations, in their order; one index has the open ones, another one the others."""
        rows = cls.objects.filter(transaction_id=transaction_id)
        # One that is answered in between is in both.
        found = {row.id: row for part in (True, False) for row in rows.filter(answered_at__isnull=part)}
        return [found[row_id] for row_id in sorted(found)]


class Leadership(models.Model):
    """Who is in charge: a process that was replaced holds an older term and changes nothing.

    See docs/architecture.md, "Who is in charge".
    """

    #: `scheduler` or `recorder`.
    name = IdentifierField(primary_key=True, max_length=16)
    term = models.BigIntegerField(default=0)
    #: Random, of the process that holds it.
    holder = models.UUIDField(default=uuid.uuid4)
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.term}"
