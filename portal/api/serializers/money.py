"""Money: moving it, asking for it, approving; fee policies."""

from typing import Any

from rest_framework import serializers

from portal.api.serializers.base import Order, RepeatIdField
from portal.governance.models import GovernedRequest
from wire.money import MAX_MICRO

REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z"


class NoticeView(serializers.Serializer[Any]):
    """A notice to take part of the deposit back."""

    amount_micro = serializers.IntegerField()
    due_at = serializers.DateTimeField(help_text="From then on it can be withdrawn.")


class ApprovalView(serializers.Serializer[Any]):
    """One organisation's approval."""

    organisation = serializers.CharField()
    at = serializers.DateTimeField()


class RequestView(serializers.ModelSerializer[GovernedRequest]):
    """A request as its owner sees it."""

    account_id = serializers.UUIDField(allow_null=True)
    kind = serializers.CharField(help_text="top_up, payout, fees, pin_key, revoke_key or decision.")
    state = serializers.CharField(help_text="docs/states.md")
    is_withdrawn = serializers.BooleanField(help_text="Its own owner ended it.")
    note = serializers.CharField(source="content.note")
    approvals = ApprovalView(many=True)

    class Meta:
        """All that is not the administrators' own business."""

        model = GovernedRequest
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "account_id",
            "amount_micro",
            "note",
            "reference",
            "state",
            "reason",
            "is_withdrawn",
            "asked_at",
            "approvals",
            "ended_at",
        )


class ApproverView(ApprovalView):
    """An approval as administrators see it."""

    by = serializers.CharField(source="by.username")


class SignatureView(serializers.Serializer[Any]):
    """That a signer signed an operation for it."""

    signer = serializers.CharField()
    operation_id = serializers.CharField()
    key_id = serializers.CharField()
    at = serializers.DateTimeField()


class WholeRequestView(RequestView):
    """A request as administrators see it."""

    account = serializers.CharField(source="account.username", allow_null=True, default=None)
    asked_by = serializers.CharField(source="asked_by.username")
    approvals = ApproverView(many=True)
    signatures = SignatureView(many=True)
    fee_version = serializers.IntegerField(source="content.version", allow_null=True, default=None)
    platform_ppm = serializers.IntegerField(source="content.platform_ppm", allow_null=True, default=None)
    peers_ppm = serializers.IntegerField(source="content.peers_ppm", allow_null=True, default=None)
    role = serializers.CharField(source="content.role", default="")
    holder = serializers.CharField(source="content.holder", default="")
    key_id = serializers.CharField(source="content.key_id", default="")
    public_key_pem = serializers.CharField(source="content.public_key_pem", default="")
    pay_ms = serializers.IntegerField(source="content.pay_ms", allow_null=True, default=None)
    digest = serializers.CharField(help_text="Of what is approved; an approval names it.")

    class Meta(RequestView.Meta):
        """Everything."""

        fields = (
            *RequestView.Meta.fields,
            "account",
            "asked_by",
            "fee_version",
            "platform_ppm",
            "peers_ppm",
            "role",
            "holder",
            "key_id",
            "public_key_pem",
            "job_id",
            "pay_ms",
            "payout_id",
            "signatures",
            "digest",
        )


class FeeView(serializers.Serializer[Any]):
    """A fee policy, in millionths of a job's cost."""

    version = serializers.IntegerField()
    platform_ppm = serializers.IntegerField()
    peers_ppm = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True, help_text="None: since the ledger's first block.")
    transaction_id = serializers.CharField()


class TransferOrder(Order):
    """Moves available money to another account."""

    to = serializers.CharField(max_length=39, help_text="The account's name.")
    amount_micro = serializers.IntegerField(min_value=1, max_value=MAX_MICRO)
    transfer_id = RepeatIdField()


class NoticeOrder(Order):
    """Says that part of the deposit is wanted back."""

    amount_micro = serializers.IntegerField(min_value=1, max_value=MAX_MICRO)
    notice_id = RepeatIdField()


class WithdrawalOrder(Order):
    """Takes back what the notice named."""

    withdrawal_id = RepeatIdField()


class RequestOrder(Order):
    """Asks for a top-up or a payout."""

    kind = serializers.ChoiceField(choices=["top_up", "payout"])
    amount_micro = serializers.IntegerField(min_value=1, max_value=MAX_MICRO)
    note = serializers.CharField(max_length=200, help_text="How it was paid, or where it is to be paid to.")
    request_id = RepeatIdField()


class ApprovalOrder(Order):
    """Approves exactly this."""

    digest = serializers.RegexField(r"^[0-9a-f]{64}\Z", help_text="Of the request as it was shown.")
    reference = serializers.RegexField(
        REFERENCE, required=False, default="", help_text="Of the payment outside; the first approval names it."
    )


class RefusalOrder(Order):
    """Refuses a request."""

    reason = serializers.CharField(max_length=200)


class FeesOrder(Order):
    """Proposes another fee policy."""

    platform_ppm = serializers.IntegerField(min_value=0, max_value=1_000_000)
    peers_ppm = serializers.IntegerField(min_value=0, max_value=1_000_000)
    request_id = RepeatIdField()


class MintOrder(Order):
    """Proposes to credit an account with what was paid outside."""

    username = serializers.CharField(max_length=39)
    amount_micro = serializers.IntegerField(min_value=1, max_value=MAX_MICRO)
    reference = serializers.RegexField(REFERENCE, help_text="Of the payment; it is credited once.")
    note = serializers.CharField(max_length=200, default="paid outside", help_text="How it was paid.")
    request_id = RepeatIdField()
