"""The reconciler: compares the read model with the ledger, and the sum of all money with what was minted.

It goes in two steps, so that nothing has to stand still: a survey, of everything or (rounds.py) of a part,
reads while blocks come in and notes what looks different; `confirm` reads only that again, at a moment when both are
at the same block.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import BigIntegerField, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from chaincode.contracts import supply
from ledger.ports import LedgerReader
from portal.books.models import Balance, Bookmark, Reservation, WorldState
from portal.books.read_model.balances import Money, money_by_account
from portal.errors import PortalError
from wire.ledger import state_keys

_AT_ONCE = 2000
#: More differences than these are not listed.
MOST_LISTED = 1000
_MONEY = (state_keys.account(""), state_keys.delta_prefix(), state_keys.supply())


class StillMoving(PortalError):
    """The read model and the ledger were not at the same block at any moment of the comparison."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What looked different while blocks came in."""

    keys: int
    #: By how much all money exceeds what was minted; exact, for it is of one moment.
    supply_drift_micro: int
    suspect_keys: tuple[str, ...]
    suspect_accounts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """What is different."""

    block: int
    keys: int
    #: Keys of the world state where the read model holds another value.
    differing_keys: tuple[str, ...]
    #: Accounts whose balance, or whose reserved part, is not what it should be, and by how much.
    differing_accounts: tuple[tuple[str, int], ...]
    supply_drift_micro: int

    @property
    def drift_micro(self) -> int:
        """All differences of money, added up without their signs; 0 when the books are right."""
        return abs(self.supply_drift_micro) + sum(amount for _, amount in self.differing_accounts)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is different."""
        return not (self.differing_keys or self.differing_accounts or self.supply_drift_micro)


def survey(ledger: LedgerReader, *, progress: Callable[[int], object] = lambda _compared: None) -> Survey:
    """Compare everything once; `progress` hears now and then how many keys are compared, and may take its time."""
    money: dict[str, str] = {}
    suspects: list[str] = []
    count = 0
    for chunk in _chunks(ledger.items("")):
        suspects += unlike(chunk.items())
        money.update((key, value) for key, value in chunk.items() if key.startswith(_MONEY))
        count += len(chunk)
        progress(count)
    if WorldState.objects.count() != count:
        suspects += itertools.islice(_superfluous(ledger), MOST_LISTED)
    return surveyed(count, suspects, money)


def surveyed(count: int, suspects: Sequence[str], money: Mapping[str, str]) -> Survey:
    """Return a survey of so many keys; `money` is all of it, as of one moment."""
    return Survey(
        keys=count,
        supply_drift_micro=supply.drift(money.items()),
        suspect_keys=tuple(suspects[:MOST_LISTED]),
        suspect_accounts=tuple(account_id for account_id, _ in _differing_balances(money_by_account(money))),
    )


def mirrored_money() -> dict[str, str]:
    """Return all money in the read model's copy of the world state: one statement, so of one moment."""
    rows = WorldState.objects.filter(functools.reduce(operator.or_, map(_beginning_with, _MONEY)))
    return dict(rows.values_list("key", "value"))


def differing(ledger: LedgerReader, wanted: Sequence[str]) -> list[str]:
    """Return those of some keys where the read model holds another value than the ledger."""
    state, mirror = ledger.get_many(wanted), _mirror(wanted)
    return [key for key in wanted if state.get(key) != mirror.get(key)]


def unlike(items: Iterable[tuple[str, str]]) -> list[str]:
    """Return those of some keys of the ledger where the read model holds another value, or none."""
    state = dict(items)
    mirror = _mirror(state)
    return [key for key, value in state.items() if mirror.get(key) != value]


def confirm(ledger: LedgerReader, found: Survey, *, tries: int, wait: Callable[[], object]) -> Reconciliation:
    """Read again what looked different, until read model and ledger are at the same block meanwhile.

    `wait` passes a moment, between two tries and before a difference is believed.

    :raises StillMoving: when they never were, in so many tries.
    """
    for attempt in range(tries):
        if attempt:
            wait()
        block = position()
        if ledger.height == block + 1:
            result = _look_again(ledger, found, block)
            if not result.is_clean:
                # A peer of a network counts a block a moment before its state has it.
                wait()
                result = _look_again(ledger, found, block)
            if ledger.height == block + 1 and position() == block:
                return result
    raise StillMoving(f"not at the same block in {tries} tries; last seen at block {position()} of {ledger.height - 1}")


def _look_again(ledger: LedgerReader, found: Survey, block: int) -> Reconciliation:
    state: dict[str, str | None] = {}
    for account_id in found.suspect_accounts:
        state[state_keys.account(account_id)] = ledger.get(state_keys.account(account_id))
        state.update(ledger.items(state_keys.delta_prefix(account_id)))
    expected = money_by_account(state)
    totals = {account_id: expected.get(account_id, Money()) for account_id in found.suspect_accounts}
    return Reconciliation(
        block=block,
        keys=found.keys,
        differing_keys=tuple(differing(ledger, found.suspect_keys)),
        differing_accounts=(*_differing_balances(totals, only=totals), *_differing_reservations()),
        supply_drift_micro=found.supply_drift_micro,
    )


def position() -> int:
    """Return the newest block in the read model; -1 when there is none."""
    bookmark = Bookmark.objects.filter(id=1).first()
    return -1 if bookmark is None else bookmark.block_number


def _chunks(items: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    iterator = iter(items)
    while chunk := dict(itertools.islice(iterator, _AT_ONCE)):
        yield chunk


def _beginning_with(prefix: str) -> Q:
    return Q(key__gte=prefix, key__lt=prefix[:-1] + chr(ord(prefix[-1]) + 1))


def _mirror(wanted: Iterable[str]) -> dict[str, str]:
    return dict(WorldState.objects.filter(key__in=list(wanted)).values_list("key", "value"))


def _superfluous(ledger: LedgerReader) -> Iterator[str]:
    """Yield keys that the read model holds and the ledger does not."""
    held = WorldState.objects.values_list("key", flat=True).iterator(_AT_ONCE)
    while wanted := list(itertools.islice(held, _AT_ONCE)):
        known = ledger.get_many(wanted)
        yield from (key for key in wanted if key not in known)


def _differing_balances(expected: dict[str, Money], only: Iterable[str] | None = None) -> Iterator[tuple[str, int]]:
    rows = Balance.objects.all() if only is None else Balance.objects.filter(account_id__in=list(only))
    found = {row.account_id: row for row in rows}
    for account_id in sorted({*expected, *found}):
        want, have = expected.get(account_id, Money()), found.get(account_id, Balance())
        difference = (
            abs(have.available_micro - want.available)
            + abs(have.deposit_micro - want.deposit)
            + abs(have.held_micro - want.held)
        )
        if difference:
            yield account_id, difference


def _differing_reservations() -> Iterator[tuple[str, int]]:
    """Yield accounts whose reserved part is not the sum of their reservations; one statement, so of one moment."""
    sums = (
        Reservation.objects.filter(account_id=OuterRef("account_id"))
        .order_by()
        .values("account_id")
        .annotate(total=Sum("amount_micro"))
        .values("total")
    )
    rows = Balance.objects.annotate(
        promised=Coalesce(Subquery(sums, output_field=BigIntegerField()), Value(0), output_field=BigIntegerField())
    ).exclude(reserved_micro=F("promised"))
    for account_id, reserved, promised in rows.values_list("account_id", "reserved_micro", "promised"):
        yield account_id, abs(reserved - promised)
