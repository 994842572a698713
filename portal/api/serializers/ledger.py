"""The ledger: jobs, blocks, transactions, and accounts' money in micro-credits."""

from typing import Any

from rest_framework import serializers

from portal.api.serializers.base import Order, RepeatIdField
from wire.money import MAX_MICRO


class BalanceView(serializers.Serializer[Any]):
    """An account's money, as of the last block."""

    account_id = serializers.CharField()
    available_micro = serializers.IntegerField()
    deposit_micro = serializers.IntegerField(help_text="Only jobs spend it.")
    held_micro = serializers.IntegerField(help_text="For jobs that run.")
    reserved_micro = serializers.IntegerField(help_text="Part of the deposit, for jobs that no block shows yet.")
    free_micro = serializers.IntegerField(help_text="What new jobs may still cost.")


class StatementLineView(serializers.Serializer[Any]):
    """One movement of an account's money."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.CharField(
        help_text="minted, deposited, withdrawn, spent, earned, shared, sent, received, payout_asked, paid_out or "
        "payout_refused."
    )
    amount_micro = serializers.IntegerField()
    moved_micro = serializers.IntegerField()
    reference = serializers.CharField()
    transaction_id = serializers.CharField()
    block_number = serializers.IntegerField()


class EventView(serializers.Serializer[Any]):
    """One change on the ledger."""

    name = serializers.CharField()
    subject = serializers.CharField()
    at = serializers.DateTimeField()
    transaction_id = serializers.CharField()
    block_number = serializers.IntegerField()
    body = serializers.DictField(child=serializers.JSONField())


class LedgerJobView(serializers.Serializer[Any]):
    """A job's record with all that happened to it, oldest first."""

    job_id = serializers.CharField()
    state = serializers.CharField()
    record = serializers.DictField(child=serializers.JSONField())
    events = EventView(many=True)


class BlockView(serializers.Serializer[Any]):
    """A block."""

    number = serializers.IntegerField()
    hash = serializers.CharField()
    previous_hash = serializers.CharField()
    at = serializers.DateTimeField()
    transaction_count = serializers.IntegerField()
    operation_count = serializers.IntegerField()


class TransactionView(serializers.Serializer[Any]):
    """A transaction."""

    transaction_id = serializers.CharField(source="id")
    block_number = serializers.IntegerField(source="block_id")
    position = serializers.IntegerField()
    creator = serializers.CharField(help_text="Key id of the submitter.")
    at = serializers.DateTimeField()
    operation_count = serializers.IntegerField()


class BlockDetailView(serializers.Serializer[Any]):
    """A block with its transactions."""

    block = BlockView()
    transactions = TransactionView(many=True)


class OperationView(serializers.Serializer[Any]):
    """Where an operation stands on its way to the ledger."""

    operation_id = serializers.CharField()
    kind = serializers.CharField()
    subject = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField(help_text="Why it was refused or set aside.")
    transaction_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)


class SubmissionView(OperationView):
    """Where a participant's own operation stands; sending it in once more asks again."""

    job_state = serializers.CharField(help_text="Of the job that it is about, as the newest block has it; or empty.")


class TransactionDetailView(serializers.Serializer[Any]):
    """A transaction, with those of its operations and changes that concern the account that asks."""

    transaction = TransactionView()
    operations = OperationView(many=True)
    events = EventView(many=True)


class PageOrder(Order):
    """Which part of a list, newest first."""

    before = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, help_text="Only what comes before this id or number."
    )
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)


class DepositOrder(Order):
    """Moves money from available to deposit."""

    amount_micro = serializers.IntegerField(min_value=1, max_value=MAX_MICRO)
    deposit_id = RepeatIdField()


class OperationOrder(Order):
    """An operation that a provider or the owner of an account signed with its own key."""

    operation = serializers.CharField(
        trim_whitespace=False, help_text="JWS (ES256) of the operation's JSON, of type `chainfaas-operation`."
    )


class OwnKeyOrder(Order):
    """Hands the account over to a key of its owner's."""

    public_key_pem = serializers.CharField(max_length=400, trim_whitespace=False)
    proof = serializers.CharField(
        max_length=1000, help_text="JWS (ES256) of the account's id, of type `chainfaas-enrolment`, by that key."
    )
    password = serializers.CharField(max_length=256, trim_whitespace=False, help_text="Of the account that asks.")
