"""What administrators of both organisations have to decide."""

import uuid
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import models

from portal.identifiers import IdentifierField

if TYPE_CHECKING:
    from datetime import datetime

    from portal.accounts.models import Account


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
