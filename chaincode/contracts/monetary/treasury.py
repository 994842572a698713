"""Money comes in."""

from collections.abc import Iterator
from dataclasses import replace

from chaincode.contracts import accounts, checks, keys
from chaincode.contracts.errors import Refusal, Refused
from chaincode.contracts.execution.context import Context
from chaincode.contracts.execution.contract import Contract, transaction
from chaincode.contracts.operations import Mint
from chaincode.contracts.records import Reference, Role, Supply
from wire.money import MAX_MICRO


def _mint_reads(arguments: Mint) -> Iterator[str]:
    yield keys.supply()
    yield keys.reference(arguments.reference)


class TreasuryContract(Contract):
    """Mint."""

    @transaction(Mint, reads=_mint_reads)
    def mint(self, ctx: Context, arguments: Mint) -> None:
        """Create money against an external reference, once."""
        ctx.require(Role.TREASURY)
        checks.identifiers(account_id=arguments.account_id, reference=arguments.reference)
        checks.amounts(amount_micro=arguments.amount_micro)
        if ctx.cache.get(Reference, keys.reference(arguments.reference)):
            raise Refused(Refusal.REFERENCE_USED)
        supply = ctx.record(Supply, keys.supply(), Refusal.RAISED)
        if supply.minted + arguments.amount_micro > MAX_MICRO:
            raise Refused(Refusal.SUPPLY_TOO_LARGE)
        ctx.cache.put(keys.supply(), replace(supply, minted=supply.minted + arguments.amount_micro))
        ctx.cache.put(keys.reference(arguments.reference), Reference(operation_id=ctx.operation_id))
        owner = accounts.add(ctx, arguments.account_id, arguments.amount_micro)
        ctx.emit(
            "account.minted.v1",
            arguments.account_id,
            {"amount_micro": arguments.amount_micro, "reference": arguments.reference, **accounts.plain(owner)},
        )
