"""Who takes part: accounts, the roles they hold, and tokens that act for them."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models

from portal.accounts.names import validate_account_name


class Role(models.TextChoices):
    """What an account may do. Administrators are `is_staff` accounts, made by command only."""

    DEVELOPER = "developer", "Developer"
    PROVIDER = "provider", "Provider"
    PEER = "peer", "Peer"


class RoleState(models.TextChoices):
    """Where a role grant stands: `active` may act, `pending` waits for an administrator, `refused` was turned down."""

    ACTIVE = "active", "Active"
    PENDING = "pending", "Awaiting approval"
    REFUSED = "refused", "Refused"


class Organisation(models.TextChoices):
    """Whose administrator somebody is; the ledger asks for a word of each."""

    CONTROLLER = "controller", "Controller"
    PEERS = "peers", "Peers"


class Account(AbstractUser):
    """A participant. Its id, and nothing else of it, appears on the ledger."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(
        max_length=39,
        unique=True,
        validators=[validate_account_name],
        help_text="Lower-case letters, digits and hyphens; it is part of your functions' addresses.",
        error_messages={"unique": "This name is taken."},
    )
    email = models.EmailField(unique=True, error_messages={"unique": "An account with this address exists."})
    time_zone = models.CharField(max_length=64, default="UTC", help_text="In which times are shown to you.")
    #: Of an administrator: whose approval theirs is. Set by command only.
    organisation = models.CharField(max_length=16, choices=Organisation.choices, blank=True)

    REQUIRED_FIELDS = ["email"]  # noqa: RUF012 - Django types it as a list

    def has_role(self, role: Role) -> bool:
        """Return whether the account holds a role that is active."""
        return self.roles.filter(role=role, state=RoleState.ACTIVE).exists()


class RoleGrant(models.Model):
    """One role of one account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=16, choices=Role.choices)
    state = models.CharField(max_length=16, choices=RoleState.choices)
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        """One grant a role."""

        constraints = (models.UniqueConstraint(fields=["account", "role"], name="one_grant_a_role"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.role} {self.state}"


class ApiToken(models.Model):
    """A secret that acts for an account; only its SHA-256 is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=64)
    #: The first characters, so that an owner can tell tokens apart.
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}…"


class Throttle(models.Model):
    """Attempts in a window of time: of an account, of an address, or both (portal.accounts.throttle)."""

    #: SHA-256 of what is counted.
    key = models.CharField(primary_key=True, max_length=64)
    attempts = models.PositiveIntegerField()
    resets_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.attempts}"
