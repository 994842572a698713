"""Functions and versions."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.api.serializers.base import Order
from portal.functions.drafts import ARCHITECTURES, MAX_DESCRIPTION, FunctionDraft, VersionDraft
from portal.functions.images import MAX_LINK
from portal.functions.models import Access, Function, FunctionVersion, Mode
from wire.limits import BOUNDS, Limits

_LIMITS = Limits()


class LimitsOrder(Order):
    """What one run may use."""

    memory_mb = serializers.IntegerField(default=_LIMITS.memory_mb, help_text="Memory, without swap.")
    cpu_millis = serializers.IntegerField(default=_LIMITS.cpu_millis, help_text="Thousandths of a processor.")
    timeout_ms = serializers.IntegerField(default=_LIMITS.timeout_ms, help_text="Wall time of one run.")
    processes = serializers.IntegerField(default=_LIMITS.processes, help_text="Processes and threads.")
    input_bytes = serializers.IntegerField(default=_LIMITS.input_bytes, help_text="Largest request body.")
    output_bytes = serializers.IntegerField(default=_LIMITS.output_bytes, help_text="Largest output.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, each with its bounds."""
        found = super().get_fields()
        for name, (low, high) in BOUNDS.items():
            found[name] = serializers.IntegerField(
                default=getattr(_LIMITS, name), min_value=low, max_value=high, help_text=found[name].help_text
            )
        return found


class VersionOrder(Order):
    """Asks for a version."""

    image_link = serializers.CharField(max_length=MAX_LINK, help_text="registry/name:tag or registry/name@sha256:…")
    architecture = serializers.ChoiceField(choices=ARCHITECTURES, default="amd64")
    mode = serializers.ChoiceField(choices=Mode.choices, default=Mode.COMMAND)
    limits = LimitsOrder(required=False)
    environment = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False), default=dict, help_text="Not for secrets."
    )
    output_type = serializers.CharField(max_length=100, default="application/octet-stream")
    price_ceiling_nano_per_ms = serializers.IntegerField(help_text="Nano-credits a millisecond.")
    access = serializers.ChoiceField(choices=Access.choices, default=Access.OWNER)
    get_allowed = serializers.BooleanField(default=False)
    rate_per_minute = serializers.IntegerField(default=60)
    budget_micro_per_day = serializers.IntegerField(help_text="Micro-credits a day (UTC).")

    @staticmethod
    def draft(values: dict[str, Any]) -> VersionDraft:
        """Return what was asked for."""
        limits = values.pop("limits", None)
        return VersionDraft(**values, limits=Limits(**limits) if limits else _LIMITS)


class FunctionOrder(Order):
    """Asks for a function with its first version."""

    name = serializers.CharField(max_length=39)
    description = serializers.CharField(max_length=MAX_DESCRIPTION, default="", allow_blank=True)
    version = VersionOrder()

    @staticmethod
    def draft(values: dict[str, Any]) -> FunctionDraft:
        """Return what was asked for."""
        return FunctionDraft(**(values | {"version": VersionOrder.draft(values["version"])}))


class NumberOrder(Order):
    """Names a version."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, help_text="The version's number.")


class VersionView(serializers.ModelSerializer[FunctionVersion]):
    """A version."""

    class Meta:
        """What is shown."""

        model = FunctionVersion
        fields = (
            "id",
            "number",
            "image_link",
            "image",
            "image_bytes",
            "architecture",
            "mode",
            *BOUNDS,
            "environment",
            "output_type",
            "price_ceiling_nano_per_ms",
            "access",
            "get_allowed",
            "rate_per_minute",
            "budget_micro_per_day",
            "created_at",
        )
        read_only_fields = fields


class FunctionView(serializers.ModelSerializer[Function]):
    """A function and the version that callers get."""

    live_version = VersionView(read_only=True, allow_null=True)
    address = serializers.SerializerMethodField(help_text="Where it is called.")

    class Meta:
        """What is shown."""

        model = Function
        fields = ("id", "name", "description", "state", "address", "live_version", "created_at")
        read_only_fields = fields

    @extend_schema_field(serializers.URLField())
    def get_address(self, function: Function) -> str:
        """Return where the function is called."""
        return f"{settings.FUNCTIONS_URL}/f/{function.owner.username}/{function.name}"
