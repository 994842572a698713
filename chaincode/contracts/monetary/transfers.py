"""Money between accounts, and credits that wait."""

from collections.abc import Iterator
from dataclasses import replace

from chaincode.contracts import accounts, checks, ownership
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire.ledger import events, state_keys
from wire.ledger.operations import Fold, Transfer
from wire.ledger.records import AccountRecord
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole


def _transfer_reads(arguments: Transfer) -> Iterator[str]:
    yield from ownership.reads(arguments.account_id)
    yield state_keys.account(arguments.to_account_id)


def _fold_reads(arguments: Fold) -> Iterator[str]:
    yield state_keys.account(arguments.account_id)


class TransferContract(Contract):
    """Transfers and folding."""

    @transaction(Transfer, reads=_transfer_reads)
    def transfer(self, ctx: Context, arguments: Transfer) -> None:
        """Move money from one account's available to another's."""
        ownership.require_owner(ctx, arguments.account_id)
        source, target, amount = arguments.account_id, arguments.to_account_id, arguments.amount_micro
        checks.identifiers(account_id=source, to_account_id=target)
        checks.amounts(amount_micro=amount)
        if source == target:
            raise checks.refuse("to_account_id", "another account")
        if target != state_keys.BOND_ACCOUNT:
            checks.participant("to_account_id", target)
            ctx.record(AccountRecord, state_keys.account(target), Refusal.UNKNOWN_ACCOUNT)
        owner = accounts.with_available(ctx, source, amount)
        accounts.store(ctx, source, replace(owner, available=owner.available - amount))
        accounts.credit(ctx, target, amount)
        body = {"account_id": source, "to_account_id": target, "amount_micro": amount}
        ctx.emit(events.ACCOUNT_TRANSFERRED, source, body)

    @transaction(Fold, reads=_fold_reads)
    def fold(self, ctx: Context, arguments: Fold) -> None:
        """Add waiting credits to an account's available; nobody's money changes."""
        ctx.require(KeyRole.CONTROLLER)
        checks.identifiers(account_id=arguments.account_id)
        owner = accounts.fold(ctx, arguments.account_id)
        ctx.emit(events.ACCOUNT_FOLDED, arguments.account_id, dict(accounts.plain(owner)))
