"""What administrators of both organisations have to decide."""

import uuid

from django.conf import settings
from django.db import models

from portal.governance.content import Content, RequestKind, from_columns
from portal.identifiers import IdentifierField
from wire.codec import canonical_json, to_plain
from wire.ledger.operations import operation_id_of, operation_text
from wire.signing import sha256_hex


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


class GovernedRequest(models.Model):
    """What both organisations have to decide, on its way to two approvals, to the signers and to the ledger."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=RequestKind.choices)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    amount_micro = models.BigIntegerField(default=0)
    payout_id = models.CharField(max_length=80, null=True)  # noqa: DJ001 - SQLite sees from `= x` that it is not NULL
    job_id = models.CharField(max_length=80, blank=True)
    reference = models.CharField(max_length=64, blank=True)
    #: All else that it says, as its kind has it.
    content_json = models.TextField()
    state = models.CharField(max_length=16, choices=RequestState.choices)
    #: Why it was refused or not done.
    reason = models.CharField(max_length=300, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
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
    def content(self) -> Content:
        """What it says, as the class of its kind.

        :raises Malformed: when the row is not as it was stored.
        """
        return from_columns(self)

    @property
    def digest(self) -> str:
        """The SHA-256 of what an administrator approves."""
        return sha256_hex(canonical_json({"id": str(self.id), "kind": self.kind, **to_plain(self.content)}))

    @property
    def operation_id(self) -> str:
        """The id of the operation that needs both organisations; the proposal on the ledger has the same."""
        return operation_id_of(self.content.leads_to, self.id)

    @property
    def operation_text(self) -> str:
        """The operation as it is signed."""
        return operation_text(self.operation_id, self.content.operation())

    @property
    def is_withdrawn(self) -> bool:
        """Whether its own owner ended it."""
        return self.refused_by_id is not None and self.refused_by_id == self.account_id


class Approval(models.Model):
    """One administrator's word on a request, for an organisation."""

    request = models.ForeignKey(GovernedRequest, on_delete=models.CASCADE, related_name="approvals")
    organisation = models.CharField(max_length=16)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    #: SHA-256 of what was approved: a signer compares it with the row.
    digest = models.CharField(max_length=64)

    class Meta:
        """In the order in which they were given, one of each person and each organisation."""

        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["request", "organisation"], name="approval_of_organisation"),
            models.UniqueConstraint(fields=["request", "by"], name="approval_of_person"),
        )

    def __str__(self) -> str:
        return f"{self.request_id} {self.organisation}"


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
