"""Money comes in and goes out, by the treasury's proposal and both organisations' approval."""

from collections.abc import Iterator
from dataclasses import replace

from chaincode.contracts import accounts, checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.monetary import payouts
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, governed, transaction
from wire.ledger import events, state_keys
from wire.ledger.operations import BurnPayout, Mint, RefusePayout
from wire.ledger.records import Reference, Supply
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole, PayoutState
from wire.money import MAX_MICRO


def _refuse_reads(arguments: RefusePayout) -> Iterator[str]:
    yield state_keys.payout(arguments.payout_id)


class TreasuryContract(Contract):
    """Mint, burn, and payouts that are not paid."""

    @governed(Mint, by=(KeyRole.TREASURY,))
    def mint(self, ctx: Context, arguments: Mint) -> None:
        """Create money against an external reference, once."""
        checks.identifiers(account_id=arguments.account_id)
        checks.amounts(amount_micro=arguments.amount_micro)
        _use_reference(ctx, arguments.reference)
        supply = ctx.record(Supply, state_keys.supply(), Refusal.RAISED)
        if supply.minted + arguments.amount_micro > MAX_MICRO:
            raise Refused(Refusal.SUPPLY_TOO_LARGE)
        ctx.cache.put(state_keys.supply(), replace(supply, minted=supply.minted + arguments.amount_micro))
        owner = accounts.account(ctx, arguments.account_id)
        richer = replace(owner, available=owner.available + arguments.amount_micro)
        accounts.store(ctx, arguments.account_id, richer)
        body = {"amount_micro": arguments.amount_micro, "reference": arguments.reference, **accounts.plain(richer)}
        ctx.emit(events.ACCOUNT_MINTED, arguments.account_id, body)

    @governed(BurnPayout, by=(KeyRole.TREASURY,))
    def burn(self, ctx: Context, arguments: BurnPayout) -> None:
        """Destroy what a payout held, once it was paid outside."""
        payout = payouts.asked(ctx, arguments.payout_id)
        _use_reference(ctx, arguments.reference)
        supply = ctx.record(Supply, state_keys.supply(), Refusal.RAISED)
        ctx.cache.put(state_keys.supply(), replace(supply, burned=supply.burned + payout.amount))
        accounts.take(ctx, payout.account_id, payout.amount)
        payouts.store(ctx, replace(payout, state=PayoutState.BURNED, reference=arguments.reference))

    @transaction(RefusePayout, reads=_refuse_reads)
    def refuse(self, ctx: Context, arguments: RefusePayout) -> None:
        """Give back what a payout held, with a reason."""
        ctx.require(KeyRole.TREASURY)
        checks.text("reason", arguments.reason, 200)
        payout = payouts.asked(ctx, arguments.payout_id)
        owner = accounts.account(ctx, payout.account_id)
        back = replace(owner, held=owner.held - payout.amount, available=owner.available + payout.amount)
        accounts.store(ctx, payout.account_id, back)
        payouts.store(ctx, replace(payout, state=PayoutState.REFUSED, reason=arguments.reason))


def _use_reference(ctx: Context, reference: str) -> None:
    checks.identifiers(reference=reference)
    if ctx.cache.get(Reference, state_keys.reference(reference)):
        raise Refused(Refusal.REFERENCE_USED)
    ctx.cache.put(state_keys.reference(reference), Reference(operation_id=ctx.operation_id))
