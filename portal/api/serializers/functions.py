"""Functions and versions."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.api.serializers.base import Order, RowView
from portal.functions.drafts import ARCHITECTURES, MAX_DESCRIPTION, FunctionDraft, VersionDraft
from portal.functions.images import MAX_LINK
from portal.functions.models import Access, Function, FunctionVersion, Mode
from wire.limits import BOUNDS, Limits

_LIMITS = Limits()


def _limit(name: str, help_text: str) -> serializers.IntegerField:
    low, high = BOUNDS[name]
    return serializers.IntegerField(default=getattr(_LIMITS, name), min_value=low, max_value=high, help_text=help_text)


class LimitsOrder(Order):
    """What one run may use."""

    memory_mb = _limit("memory_mb", "Memory, without swap.")
    cpu_millis = _limit("cpu_millis", "Thousandths of a processor.")
    timeout_ms = _limit("timeout_ms", "Wall time of one run.")
    processes = _limit("processes", "Processes and threads.")
    input_bytes = _limit("input_bytes", "Largest request body.")
    output_bytes = _limit("output_bytes", "Largest output.")


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


class VersionView(RowView[FunctionVersion]):
    """A version."""

    class Meta:
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


class FunctionView(RowView[Function]):
    """A function and the version that callers get."""

    live_version = VersionView(read_only=True, allow_null=True)
    address = serializers.SerializerMethodField(help_text="Where it is called.")

    class Meta:
        model = Function
        fields = ("id", "name", "description", "state", "address", "live_version", "created_at")

    @extend_schema_field(serializers.URLField())
    def get_address(self, function: Function) -> str:
        """Return where the function is called."""
        return f"{settings.FUNCTIONS_URL}/f/{function.owner.username}/{function.name}"
