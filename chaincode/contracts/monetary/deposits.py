"""Deposits: money that only jobs spend."""

from collections.abc import Iterator

from chaincode.contracts import accounts, checks, keys
from chaincode.contracts.execution.context import Context
from chaincode.contracts.execution.contract import Contract, transaction
from chaincode.contracts.operations import Deposit
from chaincode.contracts.records import Role


def _deposit_reads(arguments: Deposit) -> Iterator[str]:
    yield keys.account(arguments.account_id)


class DepositContract(Contract):
    """Deposit."""

    @transaction(Deposit, reads=_deposit_reads)
    def deposit(self, ctx: Context, arguments: Deposit) -> None:
        """Move money from available to deposit."""
        ctx.require(Role.CUSTODY)
        checks.identifiers(account_id=arguments.account_id)
        checks.amounts(amount_micro=arguments.amount_micro)
        owner = accounts.deposit(ctx, arguments.account_id, arguments.amount_micro)
        body = {"amount_micro": arguments.amount_micro, **accounts.plain(owner)}
        ctx.emit("account.deposited.v1", arguments.account_id, body)
