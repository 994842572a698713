"""Balances: what accounts and the credits that wait to be folded into them add up to."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from portal.books.models import Balance, WorldState
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.records import AccountRecord, Delta

_ACCOUNT = state_keys.account("")
_DELTA = state_keys.delta_prefix()


@dataclass(slots=True)
class Money:
    """The three parts of an account, or a change of them."""

    available: int = 0
    deposit: int = 0
    held: int = 0


def money_by_account(state: Mapping[str, str | None]) -> dict[str, Money]:
    """Return what accounts and credits not folded yet add up to; keys of anything else are passed over."""
    totals: dict[str, Money] = defaultdict(Money)
    for key, value in state.items():
        if value is None:
            continue
        if key.startswith(_ACCOUNT):
            account, total = decode(AccountRecord, value), totals[state_keys.account_of(key)]
            total.available += account.available
            total.deposit += account.deposit
            total.held += account.held
        elif key.startswith(_DELTA):
            totals[state_keys.account_of(key)].available += decode(Delta, value).amount
    return totals


def move_balances(writes: Mapping[str, str | None]) -> None:
    """Change balances by the difference that the writes make to the mirror, which still holds the values before."""
    money = {key: value for key, value in writes.items() if key.startswith((_ACCOUNT, _DELTA))}
    before = money_by_account(dict(WorldState.objects.filter(key__in=money).values_list("key", "value")))
    after = money_by_account(money)
    touched = sorted({*before, *after})
    rows = {row.account_id: row for row in Balance.objects.filter(account_id__in=touched)}
    for account_id in touched:
        old, new = before.get(account_id, Money()), after.get(account_id, Money())
        row = rows.setdefault(account_id, Balance(account_id=account_id))
        row.available_micro += new.available - old.available
        row.deposit_micro += new.deposit - old.deposit
        row.held_micro += new.held - old.held
    Balance.objects.bulk_create(
        [rows[account_id] for account_id in touched],
        update_conflicts=True,
        unique_fields=["account_id"],
        update_fields=["available_micro", "deposit_micro", "held_micro"],
    )
