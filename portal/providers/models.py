"""Machines that run jobs, and the one-time codes that enrol them."""

import uuid

from django.db import models

from portal.accounts.models import Account
from portal.providers.codes import OneTimeCode


class ProviderState(models.TextChoices):
    """A provider's life; docs/states.md."""

    ACTIVE = "active", "Active"
    REVOKED = "revoked", "Revoked"


class Provider(models.Model):
    """One enrolled machine. Its owner's account is paid for its jobs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="providers")
    name = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=ProviderState.choices, default=ProviderState.ACTIVE)
    signing_key_pem = models.TextField()
    #: Names the key. Unique for good, revoked providers included: the ledger pins a key to one provider, once.
    signing_key_id = models.CharField(max_length=64, unique=True)
    #: X25519, hexadecimal: secrets for this provider are sealed to it.
    sealing_key = models.CharField(max_length=64)
    certificate_pem = models.TextField()
    #: Random parts of its queues' names (wire.names).
    queue_secret = models.CharField(max_length=64, unique=True)
    #: Its broker user's password as RabbitMQ stores it (portal.providers.broker_admin.hash_password).
    broker_password_hash = models.CharField(max_length=64, blank=True)
    enrolled_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    #: When it was heard, and `wire.messages.MachineReport`: written by the scheduler now and then, for people to see.
    last_seen_at = models.DateTimeField(null=True)
    architecture = models.CharField(max_length=16, blank=True)
    slots = models.PositiveIntegerField(default=0)
    free_slots = models.PositiveIntegerField(default=0)
    cpu_millis = models.PositiveIntegerField(default=0)
    memory_mb = models.PositiveIntegerField(default=0)
    price_nano_per_ms = models.BigIntegerField(default=0)
    agent_version = models.CharField(max_length=32, blank=True)

    class Meta:
        """An owner tells machines apart by name; a revoked one's is free again."""

        constraints = (
            models.UniqueConstraint(
                fields=["owner", "name"], condition=models.Q(revoked_at__isnull=True), name="one_provider_a_name"
            ),
        )

    def __str__(self) -> str:
        return self.name


class EnrolmentCode(OneTimeCode):
    """A one-time code that turns a machine into a provider."""

    name = models.CharField(max_length=64, help_text="What the machine will be called.")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, null=True, related_name="+")

    def __str__(self) -> str:
        return self.name
