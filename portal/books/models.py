"""What the ledger's blocks say (read model), and what tickets have promised of deposits."""

from django.db import models

from portal.identifiers import IdentifierField


class LedgerBlock(models.Model):
    """One block, as it was read."""

    number = models.BigIntegerField(primary_key=True)
    hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    at = models.DateTimeField()
    transaction_count = models.PositiveIntegerField()
    #: Of all its transactions.
    operation_count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"block {self.number}"


class LedgerTransaction(models.Model):
    """One transaction of a block."""

    id = IdentifierField(primary_key=True, max_length=64)
    block = models.ForeignKey(LedgerBlock, on_delete=models.CASCADE, related_name="transactions")
    position = models.PositiveIntegerField()
    creator = models.CharField(max_length=64)
    at = models.DateTimeField()
    operation_count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.id


class LedgerEvent(models.Model):
    """One change that a transaction made: what histories show."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.ForeignKey(LedgerTransaction, on_delete=models.CASCADE, related_name="events")
    #: Named and versioned, as `job.settled.v1`.
    name = models.CharField(max_length=48)
    #: The job, account or version that changed.
    subject = IdentifierField(max_length=80, db_index=True)
    #: The account that a transfer went to; none for all other changes, which the index then leaves out.
    recipient = models.CharField(max_length=80, null=True)  # noqa: DJ001 - SQLite sees from `= x` that it is not NULL
    body = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        """A statement shows what came in by transfer, too."""

        indexes = (
            models.Index(fields=["recipient"], name="event_recipient", condition=models.Q(recipient__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"

    @property
    def block_number(self) -> int:
        """Of its transaction's block."""
        return self.transaction.block_id


class LedgerJob(models.Model):
    """A job's record on the ledger: what the ChainFaaS prototype calls the monitoring ledger."""

    id = IdentifierField(primary_key=True, max_length=48)
    invocation_id = models.UUIDField(db_index=True)
    developer_id = models.UUIDField(db_index=True)
    provider_id = models.UUIDField(db_index=True)
    version_id = models.UUIDField()
    state = models.CharField(max_length=16)
    price_nano_per_ms = models.BigIntegerField()
    max_ms = models.BigIntegerField()
    max_cost_micro = models.BigIntegerField()
    claimed_ms = models.BigIntegerField(null=True)
    observed_ms = models.BigIntegerField(null=True)
    billed_ms = models.BigIntegerField(null=True)
    cost_micro = models.BigIntegerField(null=True)
    #: What the provider's account got of the cost, once it is paid.
    provider_share_micro = models.BigIntegerField(null=True)
    output_digest = models.CharField(max_length=64, blank=True)
    received = models.BooleanField(default=False)
    payment_done = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    #: When the clock ends it: it can no longer be paid, or its claim has stood for its time; none: never.
    due_at = models.DateTimeField(null=True)
    #: The whole record in canonical JSON.
    record = models.JSONField()

    class Meta:
        """Each minute the chores ask for what is due; few jobs are at any time."""

        indexes = (models.Index(fields=["due_at"], name="ledger_job_due", condition=models.Q(due_at__isnull=False)),)

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Balance(models.Model):
    """An account's money as of the last block, and what tickets have reserved that no block shows yet."""

    #: The account's id; on the ledger the platform and the peers' pool are accounts too.
    account_id = IdentifierField(primary_key=True, max_length=48)
    available_micro = models.BigIntegerField(default=0)
    deposit_micro = models.BigIntegerField(default=0)
    held_micro = models.BigIntegerField(default=0)
    #: Part of `deposit_micro` promised to jobs that are not created on the ledger yet.
    reserved_micro = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.account_id


class Reservation(models.Model):
    """The part of `Balance.reserved_micro` of one job; gone once the ledger created or refused the job."""

    job_id = IdentifierField(primary_key=True, max_length=48)
    account_id = models.CharField(max_length=48)
    amount_micro = models.BigIntegerField()

    def __str__(self) -> str:
        return self.job_id


class WorldState(models.Model):
    """The ledger's key-value state as the follower rebuilt it; compared with the ledger's own by the reconciler."""

    key = IdentifierField(primary_key=True, max_length=200)
    value = models.TextField()

    def __str__(self) -> str:
        return self.key


class Rebuilding(models.TextChoices):
    """How far `manage.py ledger rebuild` is."""

    NOT = "", "The read model is whole"
    EMPTYING = "emptying", "What the read model held is being deleted"
    APPLYING = "applying", "The blocks are being applied again"


class Bookmark(models.Model):
    """How far the follower has read; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    block_number = models.BigIntegerField(default=-1)
    block_hash = models.CharField(max_length=64, blank=True)
    #: While it is rebuilt, nobody else follows.
    rebuilding = models.CharField(max_length=16, choices=Rebuilding.choices, default=Rebuilding.NOT, blank=True)

    def __str__(self) -> str:
        return f"block {self.block_number}"


class Audit(models.Model):
    """What the last comparison of books, ledger and read model found; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()
    block_number = models.BigIntegerField()
    #: Keys of the world state that were compared.
    key_count = models.BigIntegerField()
    #: All differences of money without their signs, and by how much all money exceeds what was minted.
    drift_micro = models.BigIntegerField()
    supply_drift_micro = models.BigIntegerField()
    #: How many keys differ, and the first of those and of the accounts that do.
    differing_count = models.BigIntegerField()
    differing = models.JSONField()

    def __str__(self) -> str:
        return f"audit at block {self.block_number}"
