"""What the controller does for peers' operators: each epoch's checkpoint and end, and an alarm where peers disagree."""

import logging
from collections.abc import Iterator
from datetime import datetime

from ledger.ports import LedgerReader
from portal.books.models import Bookmark
from portal.outbox.operations import Outgoing
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.blocks import Block
from wire.ledger.clocks import EPOCH_GRACE_MS, EPOCH_MS
from wire.ledger.events import EPOCH_CONTRADICTED, epoch_is
from wire.ledger.operations import CheckpointEpoch, CloseEpoch, operation_id_of
from wire.ledger.records import Epoch
from wire.ledger.states import EpochState

log = logging.getLogger(__name__)

_ALARMS = frozenset({EPOCH_CONTRADICTED, epoch_is(EpochState.DISPUTED)})


def due(ledger: LedgerReader, now: datetime, *, margin_ms: int) -> Iterator[Outgoing]:
    """Yield what is due now, at most one operation: the end of the open epoch, else the checkpoint of this one.

    Operations are named by the minute: what is refused is tried again as another one.
    """
    if next(iter(ledger.items(state_keys.operator_prefix())), None) is None:
        return
    text, now_ms = ledger.get(state_keys.epoch()), int(now.timestamp() * 1000)
    epoch = decode(Epoch, text) if text else None
    if epoch and epoch.state is EpochState.OPEN:
        if now_ms >= (epoch.number + 1) * EPOCH_MS + EPOCH_GRACE_MS + margin_ms:
            yield Outgoing(
                operation_id=operation_id_of(CloseEpoch, f"{epoch.number}:{now:%Y%m%dT%H%M}"),
                arguments=CloseEpoch(epoch=epoch.number),
                subject=str(epoch.number),
            )
        return
    number, newest = now_ms // EPOCH_MS, Bookmark.objects.filter(block_number__gte=0).first()
    if newest and (epoch is None or (epoch.number < number and epoch.block_number < newest.block_number)):
        yield Outgoing(
            operation_id=operation_id_of(CheckpointEpoch, f"{number}:{now:%Y%m%dT%H%M}"),
            arguments=CheckpointEpoch(epoch=number, block_number=newest.block_number, block_hash=newest.block_hash),
            subject=str(number),
        )


def note_alarms(block: Block) -> None:
    """Log that an operator's peer has other blocks than the controller; for the follower."""
    for event in block.events():
        if event.name in _ALARMS:
            log.critical("epoch.alarm", extra={"event": event.name, "subject": event.subject, "body": dict(event.body)})
