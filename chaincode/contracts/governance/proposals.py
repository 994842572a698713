"""Operations that need an authority of each organisation: proposed, approved, enacted with the last approval."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.context import Context
from chaincode.contracts.transaction.contract import Contract, RegisteredTransaction, transaction
from wire.codec import from_plain, to_plain
from wire.ledger import events, state_keys
from wire.ledger.clocks import PROPOSAL_MS
from wire.ledger.genesis import Genesis
from wire.ledger.operations import Approve, Arguments, Reject
from wire.ledger.records import ProposalRecord
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole, ProposalState

LONGEST_REASON = 200


def propose(ctx: Context, governed: RegisteredTransaction, arguments: Arguments, digest: str) -> None:
    """Note an operation that waits for approval; one that could not be enacted now is refused now."""
    ctx.require(*governed.proposers)
    governed.apply(ctx, arguments)
    ctx.forget()
    by_authority = ctx.author.role is KeyRole.AUTHORITY
    proposal = ProposalRecord(
        proposal_id=ctx.operation_id,
        kind=arguments.kind,
        arguments=to_plain(arguments),
        digest=digest,
        proposer=ctx.author.role,
        organisation=ctx.author.holder if by_authority else "",
        opened_at_ms=ctx.timestamp_ms,
        # Who proposes approves.
        approved_by=(ctx.author.holder,) if by_authority else (),
    )
    _store(ctx, proposal, events.PROPOSAL_OPENED)


def _reads(arguments: Approve | Reject) -> Iterator[str]:
    yield state_keys.proposal(arguments.proposal_id)
    yield state_keys.genesis()


class ProposalContract(Contract):
    """Approve and reject."""

    def __init__(self, find: Callable[[str], RegisteredTransaction]) -> None:
        """Take how to find the transaction of a kind."""
        self._find = find

    @transaction(Approve, reads=_reads)
    def approve(self, ctx: Context, arguments: Approve) -> None:
        """Add an organisation's approval; the last one enacts the operation."""
        ctx.require(KeyRole.AUTHORITY)
        proposal = _open_proposal(ctx, arguments.proposal_id)
        if proposal.digest != arguments.digest:
            raise Refused(Refusal.WRONG_PROPOSAL)
        if ctx.timestamp_ms > proposal.opened_at_ms + PROPOSAL_MS:
            raise Refused(Refusal.TOO_LATE)
        if ctx.author.holder in proposal.approved_by:
            raise Refused(Refusal.APPROVED_ALREADY)
        approved = replace(proposal, approved_by=tuple(sorted((*proposal.approved_by, ctx.author.holder))))
        if not set(_genesis(ctx).organisations) <= set(approved.approved_by):
            _store(ctx, approved, events.PROPOSAL_APPROVED)
            return
        governed = self._find(proposal.kind)
        enacting = replace(ctx, operation_id=proposal.proposal_id)
        governed.apply(enacting, from_plain(governed.arguments, proposal.arguments))
        _store(ctx, replace(approved, state=ProposalState.ENACTED), events.PROPOSAL_ENACTED)

    @transaction(Reject, reads=_reads)
    def reject(self, ctx: Context, arguments: Reject) -> None:
        """End a proposal, with a reason."""
        ctx.require(KeyRole.AUTHORITY, KeyRole.TREASURY)
        checks.text("reason", arguments.reason, LONGEST_REASON)
        proposal = _open_proposal(ctx, arguments.proposal_id)
        if ctx.author.role is not KeyRole.AUTHORITY and ctx.author.role is not proposal.proposer:
            raise Refused(Refusal.NOT_AUTHORISED)
        rejected = replace(proposal, state=ProposalState.REJECTED, reason=arguments.reason)
        _store(ctx, rejected, events.PROPOSAL_REJECTED)


def _genesis(ctx: Context) -> Genesis:
    return ctx.record(Genesis, state_keys.genesis(), Refusal.RAISED)


def _open_proposal(ctx: Context, proposal_id: str) -> ProposalRecord:
    checks.operation_id("proposal_id", proposal_id)
    proposal = ctx.record(ProposalRecord, state_keys.proposal(proposal_id), Refusal.UNKNOWN_PROPOSAL)
    if proposal.state is not ProposalState.OPEN:
        raise Refused(Refusal.WRONG_STATE, f"proposal {proposal_id} is {proposal.state}")
    return proposal


def _store(ctx: Context, proposal: ProposalRecord, event: str) -> None:
    ctx.cache.put(state_keys.proposal(proposal.proposal_id), proposal)
    body: dict[str, Any] = to_plain(proposal)
    ctx.emit(event, proposal.proposal_id, body)
