"""Reads of what the ledger holds about money besides balances: notices, payouts, proposals, the fee policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from portal.books.models import LedgerEvent, WorldState
from portal.moments import moment
from wire.codec import decode, from_plain
from wire.ledger import events, state_keys
from wire.ledger.genesis import Genesis
from wire.ledger.records import FeePolicy, Notice, PayoutRecord, ProposalRecord

T = TypeVar("T")
_MOST_POLICIES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningNotice:
    """A notice to take part of a deposit back."""

    amount_micro: int
    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FeesSince:
    """A fee policy and since when it stands; none: since the ledger's first block."""

    version: int
    platform_ppm: int
    peers_ppm: int
    since: datetime | None
    transaction_id: str


def record(cls: type[T], key: str) -> T | None:
    """Return a record of the world state as the follower has it."""
    row = WorldState.objects.filter(key=key).first()
    return None if row is None else decode(cls, row.value)


def notice(account_id: UUID) -> RunningNotice | None:
    """Return the notice that runs on an account's deposit."""
    found = record(Notice, state_keys.notice(str(account_id)))
    return None if found is None else RunningNotice(amount_micro=found.amount, due_at=moment(found.due_at_ms))


def payout(payout_id: str) -> PayoutRecord | None:
    """Return a payout as the ledger has it."""
    return record(PayoutRecord, state_keys.payout(payout_id))


def proposal(proposal_id: str) -> ProposalRecord | None:
    """Return a proposal as the ledger has it."""
    return record(ProposalRecord, state_keys.proposal(proposal_id))


def reference_used(reference: str) -> bool:
    """Return whether the ledger knows an external reference."""
    return WorldState.objects.filter(key=state_keys.reference(reference)).exists()


def fee_policy() -> FeePolicy | None:
    """Return the policy for jobs created now; none before the ledger's first block was read."""
    return record(FeePolicy, state_keys.fee_policy())


def fee_history() -> Sequence[FeesSince]:
    """Return the newest fee policies, the newest first."""
    rows = LedgerEvent.objects.filter(subject=events.FEES, name=events.FEES_SET).order_by("-id")[:_MOST_POLICIES]
    found = [_fee_view(from_plain(FeePolicy, row.body), row) for row in rows]
    genesis = record(Genesis, state_keys.genesis())
    if genesis is not None and len(found) < _MOST_POLICIES:
        found.append(_fee_view(genesis.fee_policy, None))
    return found


def _fee_view(policy: FeePolicy, row: LedgerEvent | None) -> FeesSince:
    return FeesSince(
        version=policy.version,
        platform_ppm=policy.platform_ppm,
        peers_ppm=policy.peers_ppm,
        since=row.at if row else None,
        transaction_id=row.transaction_id if row else "",
    )
