"""What developers publish: functions and their immutable versions."""

import uuid

from django.db import models

from portal.accounts.models import Account
from portal.accounts.names import validate_name
from wire.limits import BOUNDS, Limits


class FunctionState(models.TextChoices):
    """A function's life; docs/states.md."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    STOPPED = "stopped", "Stopped"
    DELETED = "deleted", "Deleted"


class Access(models.TextChoices):
    """Who may call a version."""

    OWNER = "owner", "Only me"
    TOKEN = "token", "Anyone with an account's token"
    PUBLIC = "public", "Everyone"


class Mode(models.TextChoices):
    """How the container is driven (docs/architecture.md, "The sandbox")."""

    COMMAND = "command", "Command: a new container a call, input on stdin, result on stdout"


class Function(models.Model):
    """A named endpoint: `/f/<developer>/<function>`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="functions")
    name = models.CharField(max_length=39, validators=[validate_name])
    description = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=16, choices=FunctionState.choices, default=FunctionState.DRAFT)
    live_version = models.ForeignKey("FunctionVersion", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        """A deleted function's name is free again."""

        constraints = (
            models.UniqueConstraint(
                fields=["owner", "name"], condition=models.Q(deleted_at__isnull=True), name="one_function_a_name"
            ),
        )

    def __str__(self) -> str:
        return self.name


class FunctionVersion(models.Model):
    """One immutable state of a function: image by digest, limits, price ceiling, who may call."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    function = models.ForeignKey(Function, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    #: As the developer wrote it: `registry/name:tag` or `registry/name@sha256:…`.
    image_link = models.CharField(max_length=300)
    #: `registry/name@sha256:…`, which is what runs.
    image = models.CharField(max_length=400)
    image_bytes = models.BigIntegerField(help_text="Compressed size of the layers.")
    architecture = models.CharField(max_length=16, help_text="As Docker names it: amd64, arm64.")
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.COMMAND)
    memory_mb = models.PositiveIntegerField()
    cpu_millis = models.PositiveIntegerField()
    timeout_ms = models.PositiveIntegerField()
    processes = models.PositiveIntegerField()
    input_bytes = models.PositiveIntegerField()
    output_bytes = models.PositiveIntegerField()
    environment = models.JSONField(default=dict)
    #: Content type of the result.
    output_type = models.CharField(max_length=100, default="application/octet-stream")
    #: No provider that asks more runs it.
    price_ceiling_nano_per_ms = models.BigIntegerField()
    access = models.CharField(max_length=16, choices=Access.choices, default=Access.OWNER)
    get_allowed = models.BooleanField(default=False)
    #: Calls a minute that the gateway lets through, all callers together.
    rate_per_minute = models.PositiveIntegerField(default=60)
    #: What calls may cost in one day (UTC).
    budget_micro_per_day = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        """Numbers count up from 1 in each function."""

        constraints = (models.UniqueConstraint(fields=["function", "number"], name="one_version_a_number"),)

    def __str__(self) -> str:
        return f"{self.function_id} v{self.number}"

    @property
    def limits(self) -> Limits:
        """The version's limits as they travel in a ticket."""
        return Limits(**{name: getattr(self, name) for name in BOUNDS})
