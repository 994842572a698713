"""Deposits: money that only jobs spend. It comes back after a notice longer than the longest claim."""

from collections.abc import Iterator
from dataclasses import replace

from chaincode.contracts import accounts, checks, ownership
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire.ledger import events, state_keys
from wire.ledger.clocks import NOTICE_MS
from wire.ledger.operations import Deposit, GiveNotice, WithdrawDeposit
from wire.ledger.records import Notice
from wire.ledger.refusals import Refusal


def _reads(arguments: Deposit | GiveNotice | WithdrawDeposit) -> Iterator[str]:
    yield from ownership.reads(arguments.account_id)
    yield state_keys.notice(arguments.account_id)


class DepositContract(Contract):
    """Deposits."""

    @transaction(Deposit, reads=_reads)
    def deposit(self, ctx: Context, arguments: Deposit) -> None:
        """Move money from available to deposit."""
        ownership.require_owner(ctx, arguments.account_id)
        checks.identifiers(account_id=arguments.account_id)
        checks.amounts(amount_micro=arguments.amount_micro)
        owner = accounts.deposit(ctx, arguments.account_id, arguments.amount_micro)
        body = {"amount_micro": arguments.amount_micro, **accounts.plain(owner)}
        ctx.emit(events.ACCOUNT_DEPOSITED, arguments.account_id, body)

    @transaction(GiveNotice, reads=_reads)
    def notice(self, ctx: Context, arguments: GiveNotice) -> None:
        """Announce that part of a deposit is wanted back; jobs may spend it meanwhile."""
        ownership.require_owner(ctx, arguments.account_id)
        checks.identifiers(account_id=arguments.account_id)
        checks.amounts(amount_micro=arguments.amount_micro)
        if ctx.cache.get(Notice, state_keys.notice(arguments.account_id)):
            raise Refused(Refusal.NOTICE_GIVEN)
        notice = Notice(amount=arguments.amount_micro, due_at_ms=ctx.timestamp_ms + NOTICE_MS)
        ctx.cache.put(state_keys.notice(arguments.account_id), notice)
        body = {"amount_micro": notice.amount, "due_at_ms": notice.due_at_ms}
        ctx.emit(events.DEPOSIT_NOTICE, arguments.account_id, body)

    @transaction(WithdrawDeposit, reads=_reads)
    def withdraw(self, ctx: Context, arguments: WithdrawDeposit) -> None:
        """Move what a notice named, or what is left of it, back to available."""
        ownership.require_owner(ctx, arguments.account_id)
        checks.identifiers(account_id=arguments.account_id)
        notice = ctx.record(Notice, state_keys.notice(arguments.account_id), Refusal.NO_NOTICE)
        if ctx.timestamp_ms < notice.due_at_ms:
            raise Refused(Refusal.TOO_EARLY, f"the notice ends at {notice.due_at_ms}")
        owner = accounts.account(ctx, arguments.account_id)
        amount = min(notice.amount, owner.deposit)
        back = replace(owner, deposit=owner.deposit - amount, available=owner.available + amount)
        accounts.store(ctx, arguments.account_id, back)
        ctx.cache.delete(state_keys.notice(arguments.account_id))
        ctx.emit(events.DEPOSIT_WITHDRAWN, arguments.account_id, {"amount_micro": amount, **accounts.plain(back)})
