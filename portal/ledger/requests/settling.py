"""What the ledger made of requests; called by the follower only, inside its database transaction."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from chaincode.blocks import Block, OperationResult, OperationStatus
from chaincode.contracts.operations import Approve, AskPayout, BurnPayout, Mint, RefusePayout, SetFees
from portal.ledger.models import GovernedRequest, RequestState
from portal.ledger.read_model.moments import moment

log = logging.getLogger(__name__)

_REASON_LENGTH = 300
_PROPOSALS = (Mint.kind, BurnPayout.kind, SetFees.kind)
_WATCHED = frozenset({*_PROPOSALS, Approve.kind, AskPayout.kind, RefusePayout.kind})
#: An operation that was applied moves its request so.
_APPLIED = {
    AskPayout.kind: (RequestState.OPENING, RequestState.ASKED),
    RefusePayout.kind: (RequestState.REFUSING, RequestState.REFUSED),
}
#: One that was refused moves it so.
_REFUSED = {
    AskPayout.kind: (RequestState.OPENING, RequestState.REFUSED),
    RefusePayout.kind: (RequestState.REFUSING, RequestState.FAILED),
    Approve.kind: (RequestState.PROPOSED, RequestState.FAILED),
    **dict.fromkeys(_PROPOSALS, (RequestState.PROPOSED, RequestState.FAILED)),
}
_ENACTED = "proposal.enacted.v1"
_REJECTED = "proposal.rejected.v1"
_ENDED = (RequestState.REFUSED, RequestState.FAILED)


def settle_requests(blocks: Sequence[Block]) -> None:
    """Move the requests that operations of these blocks belong to."""
    for block in blocks:
        at = moment(block.timestamp_ms)
        for record in block.transactions:
            _end_proposals(((event.name, event.subject) for event in record.events), at)
            _follow_all((result for result in record.results if result.kind in _WATCHED), at)


def _end_proposals(events: Iterable[tuple[str, str]], at: datetime) -> None:
    for name, subject in events:
        if name == _ENACTED:
            open_or_failed = (RequestState.PROPOSED, RequestState.FAILED)
            if _move(subject, open_or_failed, {"state": RequestState.DONE, "reason": "", "ended_at": at}):
                log.info("request.moved", extra={"operation_id": subject, "state": RequestState.DONE.value})
        elif name == _REJECTED:
            reason = "The proposal was rejected on the ledger."
            _move(subject, (RequestState.PROPOSED,), {"state": RequestState.FAILED, "reason": reason, "ended_at": at})


def _follow_all(results: Iterable[OperationResult], at: datetime) -> None:
    for result in results:
        _follow(result, at)


def _follow(result: OperationResult, at: datetime) -> None:
    refused = result.status is OperationStatus.REFUSED
    moves = (_REFUSED if refused else _APPLIED).get(result.kind)
    if moves is None:
        return
    old, new = moves
    columns: dict[str, object] = {"state": new}
    if new in _ENDED:
        columns["ended_at"] = at
    if refused:
        columns["reason"] = f"The ledger refused it: {result.detail or result.reason}"[:_REASON_LENGTH]
    operation_id = result.operation_id
    if result.kind == Approve.kind:
        operation_id = operation_id.partition(":")[2].rpartition(":")[0]
    if _move(operation_id, (old,), columns):
        log.info("request.moved", extra={"operation_id": result.operation_id, "state": new.value})


def _move(operation_id: str, old: tuple[RequestState, ...], columns: dict[str, object]) -> bool:
    """Move the request that an operation `<kind>:<request's id>` belongs to; others have none."""
    for request_id in _identity(operation_id.partition(":")[2]):
        return bool(GovernedRequest.objects.filter(id=request_id, state__in=old).update(**columns))
    return False


def _identity(text: str) -> Iterator[UUID]:
    try:
        yield UUID(text)
    except ValueError:
        return
