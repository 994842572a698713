"""Reads of peers, their operators, and what epochs brought."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from portal.accounts.models import Account
from portal.books.models import LedgerEvent
from portal.books.queries import balance
from portal.books.records import record
from portal.governance.operators import open_request
from portal.moments import moment
from portal.peers.models import JoinCode, Peer
from portal.providers.codes import open_codes
from wire.ledger import state_keys
from wire.ledger.clocks import EPOCH_MS
from wire.ledger.events import EPOCH_ATTESTED, EPOCH_CONTRADICTED, EPOCH_PAID
from wire.ledger.records import Epoch, OperatorRecord
from wire.ledger.states import EpochState

_SHOWN_EPOCHS = 24
_MOST_EVENTS = 2 * _SHOWN_EPOCHS
_MOST_OPERATORS = 500
_MOST_ALARMS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochLine:
    """What an operator did in an epoch, and what it was paid for it."""

    epoch: int
    began_at: datetime
    #: attested or contradicted.
    said: str
    height: int | None = None
    at: datetime | None = None
    share_micro: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorView:
    """Somebody who runs peers, and how that goes."""

    account: Account
    #: none, asked, waiting (taken in, and no epoch since), attested, contradicted or silent (in the newest epoch).
    state: str
    peers: int
    registered_at: datetime | None
    key_id: str
    #: Newest first.
    epochs: tuple[EpochLine, ...]

    @property
    def last(self) -> EpochLine | None:
        """The newest epoch in which it attested."""
        return next((line for line in self.epochs if line.at is not None), None)

    @property
    def earned_micro(self) -> int:
        """What the epochs shown brought."""
        return sum(line.share_micro for line in self.epochs)


def peers_of(owner: Account) -> QuerySet[Peer]:
    """Return an owner's peers, newest first."""
    return Peer.objects.filter(owner=owner).order_by("-joined_at")


def open_join_codes(owner: Account, now: datetime) -> QuerySet[JoinCode]:
    """Return the owner's join codes that a machine can still use, newest first."""
    return open_codes(JoinCode.objects.all(), owner, now).order_by("-created_at")


def newest_epoch() -> Epoch | None:
    """Return the newest epoch; none before there was one."""
    return record(Epoch, state_keys.epoch())


def pool_micro() -> int:
    """Return what waits to be shared."""
    return balance(state_keys.PEERS_ACCOUNT).available_micro


def operator(account: Account) -> OperatorView:
    """Return how it goes with an account's peers."""
    registered, newest = record(OperatorRecord, state_keys.operator(str(account.id))), newest_epoch()
    epochs = tuple(_epochs(account.id))
    return OperatorView(
        account=account,
        state=_state(account, registered, newest, epochs),
        peers=peers_of(account).count(),
        registered_at=moment(registered.registered_at_ms) if registered else None,
        key_id=registered.key_id if registered else "",
        epochs=epochs,
    )


def operators() -> list[OperatorView]:
    """Return everybody who has joined with a peer: for administrators."""
    accounts = Account.objects.filter(id__in=Peer.objects.values("owner")).order_by("username")
    return [operator(account) for account in accounts[:_MOST_OPERATORS]]


def alarms() -> QuerySet[LedgerEvent]:
    """Return where operators' peers had other blocks than the controller, newest first: for administrators."""
    owners = [str(owner) for owner in Peer.objects.values_list("owner_id", flat=True).distinct()[:_MOST_OPERATORS]]
    return LedgerEvent.objects.filter(subject__in=owners, name=EPOCH_CONTRADICTED).order_by("-id")[:_MOST_ALARMS]


def _state(
    account: Account, registered: OperatorRecord | None, newest: Epoch | None, epochs: Sequence[EpochLine]
) -> str:
    if registered is None:
        return "asked" if open_request(account) else "none"
    if newest is None or registered.registered_at_ms > newest.checkpointed_at_ms:
        return "waiting"
    line = next((line for line in epochs if line.epoch == newest.number), None)
    if line is not None:
        return line.said
    return "waiting" if newest.state is EpochState.OPEN else "silent"


def _epochs(account_id: UUID) -> Iterator[EpochLine]:
    """Yield the newest epochs in which an account attested or was paid."""
    names = (EPOCH_ATTESTED, EPOCH_CONTRADICTED, EPOCH_PAID)
    events = LedgerEvent.objects.filter(subject=str(account_id), name__in=names).order_by("-id")[:_MOST_EVENTS]
    paid: dict[int, int] = {}
    for event in events:
        epoch = int(event.body["epoch"])
        if event.name == EPOCH_PAID:
            paid[epoch] = int(event.body["amount_micro"])
            continue
        yield EpochLine(
            epoch=epoch,
            began_at=moment(epoch * EPOCH_MS),
            said="attested" if event.name == EPOCH_ATTESTED else "contradicted",
            height=int(event.body["height"]),
            at=event.at,
            share_micro=paid.get(epoch, 0),
        )
