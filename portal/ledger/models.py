"""What waits for the ledger (outbox), and what its blocks say (read model)."""

import uuid
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import models

from portal.identifiers import IdentifierField

if TYPE_CHECKING:
    from datetime import datetime

    from portal.accounts.models import Account


class OutboxState(models.TextChoices):
    """Where an operation stands on its way to the ledger; docs/states.md."""

    PENDING = "pending", "Waiting"
    SUBMITTED = "submitted", "Submitted"
    COMMITTED = "committed", "Committed"
    REFUSED = "refused", "Refused by the contract"
    SET_ASIDE = "set_aside", "Set aside: raised an unexpected error"


class OutboxOperation(models.Model):
    """One operation for the ledger, written in the database transaction that makes it true; sent in order of id."""

    id = models.BigAutoField(primary_key=True)
    #: Its identity on the ledger: the same id twice changes nothing.
    operation_id = IdentifierField(max_length=160, unique=True)
    #: `kind` of the operation (chaincode.contracts.operations).
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
    settled_at = models.DateTimeField(null=True)

    class Meta:
        """The recorder asks, up to two hundred times a second, for what is not settled, oldest first.

        SQLite takes a partial index only where the query repeats its condition word by word: `IS NULL` has no
        parameter that would hide it.
        """

        indexes = (
            models.Index(fields=["id"], name="outbox_open", condition=models.Q(settled_at__isnull=True)),
            models.Index(
                fields=["transaction_id"], name="outbox_transaction", condition=models.Q(settled_at__isnull=False)
            ),
            models.Index(
                fields=["due_at"],
                name="outbox_postponed",
                condition=models.Q(due_at__isnull=False, settled_at__isnull=True),
            ),
            models.Index(
                fields=["author"],
                name="outbox_of_author",
                condition=models.Q(author__isnull=False, settled_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.operation_id} {self.state}"

    @classmethod
    def sent_in(cls, transaction_id: str) -> "list[OutboxOperation]":
        """Return a transaction's operations, in their order; one index has the open ones, another one the others."""
        rows = cls.objects.filter(transaction_id=transaction_id)
        # One that is settled in between is in both.
        found = {row.id: row for part in (True, False) for row in rows.filter(settled_at__isnull=part)}
        return [found[row_id] for row_id in sorted(found)]


class LedgerBlock(models.Model):
    """One block, as it was read."""

    number = models.BigIntegerField(primary_key=True)
    hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    at = models.DateTimeField()
    transaction_count = models.PositiveIntegerField()

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


class LedgerJob(models.Model):
    """A job's record on the ledger: what document 002 calls the monitoring ledger."""

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


class Checkpoint(models.Model):
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


class Leadership(models.Model):
    """Who is in charge: a process that was replaced holds an older epoch and changes nothing (design §6)."""

    #: `scheduler` or `recorder`.
    name = IdentifierField(primary_key=True, max_length=16)
    epoch = models.BigIntegerField(default=0)
    #: Random, of the process that holds it.
    holder = models.UUIDField(default=uuid.uuid4)
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.epoch}"


class RequestKind(models.TextChoices):
    """What needs two administrators of different organisations."""

    TOP_UP = "top_up", "Top-up"
    PAYOUT = "payout", "Payout"
    FEES = "fees", "Fee policy"
    PIN_KEY = "pin_key", "New key"
    REVOKE_KEY = "revoke_key", "End of a key"
    DECISION = "decision", "Decision on a job"
    OPERATOR = "operator", "Peer operator"


#: Whose money comes from outside or goes there: the treasury proposes them, all others an authority does.
OF_MONEY = (RequestKind.TOP_UP, RequestKind.PAYOUT)


class RequestState(models.TextChoices):
    """Where a request stands; docs/states.md."""

    OPENING = "opening", "On its way: the ledger holds the money first"
    ASKED = "asked", "Waits for two approvals"
    APPROVED_ONCE = "approved_once", "Waits for the second approval"
    APPROVED = "approved", "Approved, to be signed"
    PROPOSED = "proposed", "On its way through the ledger"
    DONE = "done", "Done"
    REFUSING = "refusing", "Refused, the money is on its way back"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Not done"


class Approval(NamedTuple):
    """One administrator's word on a request, for an organisation."""

    by: "Account | None"
    organisation: str
    at: "datetime | None"


class GovernedRequest(models.Model):
    """What both organisations have to decide, on its way to two approvals, to the signers and to the ledger."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=RequestKind.choices)
    #: Whose money or key it is; none for what belongs to an organisation or to all.
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    amount_micro = models.BigIntegerField(default=0)
    #: How it was paid, or where it is to be paid to; why, for keys and jobs.
    note = models.CharField(max_length=200, blank=True)
    #: Of a payout on the ledger; one that was asked for outside the portal has an id of its owner's choice.
    payout_id = models.CharField(max_length=80, null=True)  # noqa: DJ001 - SQLite sees from `= x` that it is not NULL
    #: Of the payment outside; the first administrator to approve names it.
    reference = models.CharField(max_length=64, blank=True)
    fee_version = models.PositiveIntegerField(null=True)
    platform_ppm = models.PositiveIntegerField(null=True)
    peers_ppm = models.PositiveIntegerField(null=True)
    #: Of a key: what it is pinned for, for whom, and its thumbprint.
    role = models.CharField(max_length=16, blank=True)
    holder = models.CharField(max_length=80, blank=True)
    key_id = models.CharField(max_length=64, blank=True)
    public_key_pem = models.TextField(blank=True)
    #: Of a decision: the job, and for how many milliseconds it is paid; 0 releases all.
    job_id = models.CharField(max_length=80, blank=True)
    pay_ms = models.BigIntegerField(null=True)
    state = models.CharField(max_length=16, choices=RequestState.choices)
    #: Why it was refused or not done.
    reason = models.CharField(max_length=300, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    first_approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    first_approved_at = models.DateTimeField(null=True)
    first_organisation = models.CharField(max_length=16, blank=True)
    #: SHA-256 of what was approved: a signer compares it with the row.
    first_digest = models.CharField(max_length=64, blank=True)
    second_approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    second_approved_at = models.DateTimeField(null=True)
    second_organisation = models.CharField(max_length=16, blank=True)
    second_digest = models.CharField(max_length=64, blank=True)
    refused_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    #: None while it moves by itself or waits for somebody.
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """Signers ask for what is open; owners and administrators for the newest."""

        indexes = (
            models.Index(fields=["state"], name="request_open", condition=models.Q(ended_at__isnull=True)),
            models.Index(fields=["account", "-asked_at"], name="request_of_account"),
            models.Index(fields=["payout_id"], name="request_payout", condition=models.Q(payout_id__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.state}"

    @property
    def is_withdrawn(self) -> bool:
        """Whether its own owner ended it."""
        return self.refused_by_id is not None and self.refused_by_id == self.account_id

    @property
    def approvals(self) -> list[Approval]:
        """Who approved it, in order."""
        first = Approval(self.first_approved_by, self.first_organisation, self.first_approved_at)
        second = Approval(self.second_approved_by, self.second_organisation, self.second_approved_at)
        return [item for item in (first, second) if item.by is not None]


class RequestSignature(models.Model):
    """That a signer signed an operation for a request."""

    request = models.ForeignKey(GovernedRequest, on_delete=models.CASCADE, related_name="signatures")
    #: `treasury` or `authority-…`.
    signer = models.CharField(max_length=32)
    #: Of the operation; each is signed once.
    operation_id = IdentifierField(max_length=160, unique=True)
    key_id = models.CharField(max_length=64)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.signer} {self.operation_id}"
