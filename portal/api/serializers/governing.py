"""What administrators propose besides money: keys, and how jobs end whose digests differ."""

from typing import Any

from rest_framework import serializers

from portal.api.serializers.base import Order, RepeatIdField
from portal.api.serializers.ledger import LedgerJobView
from wire.ledger.states import KeyRole


class KeyView(serializers.Serializer[Any]):
    """A key that may act on the ledger."""

    key_id = serializers.CharField(help_text="RFC 7638 thumbprint.")
    role = serializers.CharField()
    holder = serializers.CharField(help_text="The organisation of an authority; else empty.")
    is_last = serializers.BooleanField(help_text="It cannot be ended before another one is pinned.")


class PinOrder(Order):
    """Proposes to pin a key."""

    role = serializers.CharField(max_length=16, help_text=f"One of {', '.join(KeyRole)}.")
    holder = serializers.CharField(
        max_length=80,
        default="",
        allow_blank=True,
        help_text="The organisation of an authority, the provider's id, the owner's account id; else nothing.",
    )
    public_key_pem = serializers.CharField(max_length=400, trim_whitespace=False)
    note = serializers.CharField(max_length=200, help_text="Why.")
    request_id = RepeatIdField()


class RevocationOrder(Order):
    """Proposes to end a key."""

    key_id = serializers.CharField(max_length=64)
    note = serializers.CharField(max_length=200, help_text="Why.")
    request_id = RepeatIdField()


class PaymentView(serializers.Serializer[Any]):
    """What a decision would pay."""

    pay_ms = serializers.IntegerField()
    cost_micro = serializers.IntegerField()
    provider_micro = serializers.IntegerField()
    fees_micro = serializers.IntegerField()
    released_micro = serializers.IntegerField(help_text="Back to the developer's deposit.")


class MismatchView(serializers.Serializer[Any]):
    """A job that waits for a decision."""

    job = LedgerJobView()
    receipt = serializers.DictField(child=serializers.JSONField(), help_text="What the provider signed.")
    receipt_jws = serializers.CharField()
    as_claimed = PaymentView()
    as_billed = PaymentView()
    decision_id = serializers.UUIDField(source="decision.id", default=None, allow_null=True)


class MismatchLineView(serializers.Serializer[Any]):
    """A job that waits for a decision, as lists show it."""

    job_id = serializers.CharField(source="id")
    developer_id = serializers.UUIDField()
    provider_id = serializers.UUIDField()
    claimed_ms = serializers.IntegerField(allow_null=True)
    observed_ms = serializers.IntegerField(allow_null=True)
    max_cost_micro = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class MismatchOrder(Order):
    """Proposes how a mismatch ends."""

    pay_ms = serializers.IntegerField(
        min_value=0, max_value=2**53, help_text="For so long the provider is paid; 0 releases all."
    )
    reason = serializers.CharField(max_length=200, help_text="It stands on the ledger, for everybody to read.")
    request_id = RepeatIdField()
