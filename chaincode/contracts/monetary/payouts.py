"""Payouts: money that its owner wants outside the ledger, held until it is burned or refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chaincode.contracts import accounts, checks, ownership
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, transaction
from wire.codec import to_plain
from wire.ledger import events, state_keys
from wire.ledger.operations import AskPayout
from wire.ledger.records import PayoutRecord
from wire.ledger.refusals import Refusal
from wire.ledger.states import PayoutState


def asked(ctx: Context, payout_id: str) -> PayoutRecord:
    """Return a payout that was asked for and is neither burned nor refused."""
    checks.identifiers(payout_id=payout_id)
    payout = ctx.record(PayoutRecord, state_keys.payout(payout_id), Refusal.UNKNOWN_PAYOUT)
    if payout.state is not PayoutState.ASKED:
        raise Refused(Refusal.WRONG_STATE, f"payout {payout_id} is {payout.state}")
    return payout


def store(ctx: Context, payout: PayoutRecord) -> None:
    """Write a payout and tell followers which state it reached."""
    ctx.cache.put(state_keys.payout(payout.payout_id), payout)
    body: dict[str, Any] = to_plain(payout)
    ctx.emit(events.payout_is(payout.state), payout.account_id, body)


def _ask_reads(arguments: AskPayout) -> Iterator[str]:
    yield state_keys.payout(arguments.payout_id)
    yield from ownership.reads(arguments.account_id)


class PayoutContract(Contract):
    """Payouts."""

    @transaction(AskPayout, reads=_ask_reads)
    def ask(self, ctx: Context, arguments: AskPayout) -> None:
        """Hold money for a payout."""
        ownership.require_owner(ctx, arguments.account_id)
        checks.identifiers(payout_id=arguments.payout_id, account_id=arguments.account_id)
        checks.amounts(amount_micro=arguments.amount_micro)
        if ctx.cache.get(PayoutRecord, state_keys.payout(arguments.payout_id)):
            raise Refused(Refusal.PAYOUT_EXISTS)
        amount = arguments.amount_micro
        owner = accounts.with_available(ctx, arguments.account_id, amount)
        less = replace(owner, available=owner.available - amount, held=owner.held + amount)
        accounts.store(ctx, arguments.account_id, less)
        payout = PayoutRecord(
            payout_id=arguments.payout_id,
            account_id=arguments.account_id,
            amount=amount,
            state=PayoutState.ASKED,
            asked_at_ms=ctx.timestamp_ms,
        )
        store(ctx, payout)
