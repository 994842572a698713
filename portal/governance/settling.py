"""What the ledger made of requests; called by the follower only, inside its database transaction."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from portal.accounts.models import Account
from portal.governance import life
from portal.governance.content import CONTENTS, PayoutContent, to_columns
from portal.governance.life import Move
from portal.governance.models import GovernedRequest, RequestState
from portal.moments import moment
from portal.outbox.models import UNDONE, OutboxOperation
from wire.ledger.blocks import Block, OperationResult, OperationStatus, TransactionRecord
from wire.ledger.events import PROPOSAL_ENACTED, PROPOSAL_REJECTED, payout_is
from wire.ledger.operations import Approve, AskPayout, RefusePayout
from wire.ledger.states import PayoutState

log = logging.getLogger(__name__)

_REASON_LENGTH = 300
#: Requests that no page made get their id from the payout's, so that a block read again finds the same one.
_PAYOUTS = UUID("0b7c7f0a-33c5-4f0f-8f5e-0e5b0a4a9a52")
_PROPOSALS = tuple(content.leads_to.kind for content in CONTENTS.values())
_WATCHED = frozenset({*_PROPOSALS, Approve.kind, AskPayout.kind, RefusePayout.kind})
#: An operation that was applied moves its request so.
_APPLIED = {RefusePayout.kind: Move.GIVE_BACK}
#: One that was refused for good, or set aside, moves it so.
_REFUSED = {
    AskPayout.kind: Move.HOLD_REFUSED,
    RefusePayout.kind: Move.GIVE_BACK_REFUSED,
    **dict.fromkeys((*_PROPOSALS, Approve.kind), Move.REJECT),
}
_ASKED = payout_is(PayoutState.ASKED)


def settle_requests(block: Block) -> None:
    """Move the requests that a block's operations belong to, once their outbox rows are closed."""
    at = moment(block.timestamp_ms)
    for record in block.transactions:
        _note_payouts((event.body for event in record.events if event.name == _ASKED), at)
        _end_proposals(((event.name, event.subject) for event in record.events), at)
        for result in _heeded(record):
            _follow(result, at)


def _heeded(record: TransactionRecord) -> list[OperationResult]:
    """Return what was applied, and refusals of what the recorder sent: anybody may be refused under any id."""
    results = [result for result in record.results if result.kind in _WATCHED]
    refused = [result.operation_id for result in results if result.status is OperationStatus.REFUSED]
    if not refused:
        return results
    rows = OutboxOperation.objects.filter(transaction_id=record.transaction_id, state__in=UNDONE)
    closed = set(rows.filter(operation_id__in=refused).values_list("operation_id", flat=True))
    return [item for item in results if item.status is not OperationStatus.REFUSED or item.operation_id in closed]


def _note_payouts(held: Iterable[Mapping[str, Any]], at: datetime) -> None:
    """Let administrators decide on what the ledger holds for payouts, asked for here or by an owner's own key alone."""
    for payout in held:
        asked = GovernedRequest.objects.filter(
            kind=PayoutContent.kind,
            payout_id=payout["payout_id"],
            account_id=payout["account_id"],
            amount_micro=payout["amount"],
        )
        if not life.moved(asked, Move.HOLD, at=at) and not asked.exists():
            _ask_for_owner(payout, at)


def _ask_for_owner(payout: Mapping[str, Any], at: datetime) -> None:
    """Store the request of an owner who signed it without the portal's help: it says nothing of where to pay to."""
    ids = {"payout_id": payout["payout_id"], "account_id": payout["account_id"]}
    owner = next((found for id_ in _identity(payout["account_id"]) for found in Account.objects.filter(id=id_)), None)
    if owner is None:
        log.warning("request.of_nobody", extra=ids)
        return
    content = PayoutContent(**ids, amount_micro=payout["amount"])
    columns = {**to_columns(content), "state": RequestState.ASKED, "asked_by": owner, "asked_at": at}
    GovernedRequest.objects.get_or_create(id=uuid5(_PAYOUTS, payout["payout_id"]), defaults=columns)
    log.info("request.found", extra=ids)


def _end_proposals(events: Iterable[tuple[str, str]], at: datetime) -> None:
    for name, subject in events:
        if name == PROPOSAL_ENACTED:
            _move(subject, Move.ENACT, at, reason="")
        elif name == PROPOSAL_REJECTED:
            _move(subject, Move.REJECT, at, reason="The proposal was rejected on the ledger.")


def _follow(result: OperationResult, at: datetime) -> None:
    refused = result.status is OperationStatus.REFUSED
    move = (_REFUSED if refused else _APPLIED).get(result.kind)
    if move is None:
        return
    said = {"reason": f"The ledger refused it: {result.detail or result.reason}"[:_REASON_LENGTH]} if refused else {}
    operation_id = result.operation_id
    if result.kind == Approve.kind:
        _, _, operation_id = operation_id.partition(":")[2].partition(":")
    _move(operation_id, move, at, **said)


def _move(operation_id: str, move: Move, at: datetime, **columns: str) -> None:
    """Move the request of an operation `<kind>:<request's id>`, or of a later try of it; others have none."""
    for request_id in _identity(operation_id.partition(":")[2].partition(":")[0]):
        if life.moved(GovernedRequest.objects.filter(id=request_id), move, at=at, **columns):
            log.info("request.moved", extra={"operation_id": operation_id, "move": move.name.lower()})


def _identity(text: str) -> Iterator[UUID]:
    try:
        yield UUID(text)
    except ValueError:
        return
