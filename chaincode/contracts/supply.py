"""The sum of all money: it changes only by mint and burn (docs/architecture.md, "Money")."""

from collections.abc import Iterable

from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.records import AccountRecord, Delta, JobRecord, PayoutRecord, Supply
from wire.ledger.states import HOLDING, PayoutState

_ACCOUNT, _DELTA, _JOB, _PAYOUT = (
    state_keys.account(""),
    state_keys.delta_prefix(),
    state_keys.job(""),
    state_keys.payout(""),
)


def drift(items: Iterable[tuple[str, str]]) -> int:
    """Return by how much all accounts, holds and deltas exceed minted minus burned; 0 when the books are right."""
    total = 0
    for key, value in items:
        if key.startswith(_ACCOUNT):
            account = decode(AccountRecord, value)
            total += account.available + account.deposit + account.held
        elif key.startswith(_DELTA):
            total += decode(Delta, value).amount
        elif key == state_keys.supply():
            supply = decode(Supply, value)
            total -= supply.minted - supply.burned
    return total


def unexplained_holds(items: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return, for each account where it is not 0, by how much `held` exceeds what open jobs and payouts hold."""
    excess: dict[str, int] = {}
    for key, value in items:
        if key.startswith(_ACCOUNT):
            account_id = state_keys.account_of(key)
            excess[account_id] = excess.get(account_id, 0) + decode(AccountRecord, value).held
        elif key.startswith(_JOB):
            job = decode(JobRecord, value)
            if job.state in HOLDING:
                excess[job.payer] = excess.get(job.payer, 0) - job.max_cost_micro
        elif key.startswith(_PAYOUT):
            payout = decode(PayoutRecord, value)
            if payout.state is PayoutState.ASKED:
                excess[payout.account_id] = excess.get(payout.account_id, 0) - payout.amount
    return {account_id: amount for account_id, amount in sorted(excess.items()) if amount}
