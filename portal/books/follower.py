"""The follower: applies blocks to the read model, with its checkpoint in the same database transaction."""

import logging
from collections.abc import Callable, Sequence

from ledger.errors import LedgerDamaged
from ledger.ports import LedgerReader
from portal.books.errors import CheckpointMoved
from portal.books.models import Checkpoint
from portal.books.read_model.blocks import apply_blocks
from portal.books.read_model.machines import follow_keys
from portal.books.read_model.outcomes import settle
from portal.books.read_model.reservations import lock_balances_of
from portal.outbox import leadership
from wire.ledger.blocks import Block

log = logging.getLogger(__name__)

#: Called with each block inside the transaction, once its outbox rows are closed; must be harmless when repeated.
Listener = Callable[[Block], None]
#: A block holds up to 1,000 operations.
MAX_BLOCKS = 8


class Follower:
    """The one reader of blocks into the read model."""

    def __init__(self, *, ledger: LedgerReader, epoch: int, listeners: Sequence[Listener] = ()) -> None:
        self._ledger = ledger
        self._epoch = epoch
        self._listeners = tuple(listeners)
        self._checkpoint: Checkpoint | None = None

    @property
    def block(self) -> int:
        """The newest block that this follower knows to be applied; -1 when it knows of none."""
        return self._checkpoint.block_number if self._checkpoint else -1

    def step(self) -> bool:
        """Apply the next blocks, at most `MAX_BLOCKS`; return whether there were any.

        :raises LedgerDamaged: when a block does not continue the one before.
        :raises Superseded: when another recorder and follower have taken over.
        """
        checkpoint = self._checkpoint or Checkpoint.objects.get_or_create(id=1)[0]
        blocks = self._ledger.blocks(checkpoint.block_number + 1, MAX_BLOCKS)
        if not blocks:
            self._checkpoint = checkpoint
            return False
        self._checkpoint = None
        check_chain(checkpoint, blocks)
        with leadership.held(leadership.RECORDER, self._epoch):
            advanced = _advance(checkpoint, blocks[-1])
            self._apply(blocks)
        self._checkpoint = advanced
        return True

    def _apply(self, blocks: Sequence[Block]) -> None:
        lock_balances_of(blocks)
        apply_blocks(blocks)
        settle(blocks)
        follow_keys(blocks)
        for block in blocks:
            for listener in self._listeners:
                listener(block)


def check_chain(checkpoint: Checkpoint, blocks: Sequence[Block]) -> None:
    """Refuse blocks that do not continue what was read before.

    :raises LedgerDamaged: with the number of the first that does not.
    """
    number, previous_hash = checkpoint.block_number, checkpoint.block_hash
    for block in blocks:
        if block.number != number + 1 or (number >= 0 and block.previous_hash != previous_hash):
            raise LedgerDamaged(f"block {block.number} does not continue block {number}")
        number, previous_hash = block.number, block.hash


def _advance(checkpoint: Checkpoint, block: Block) -> Checkpoint:
    moved = Checkpoint.objects.filter(id=checkpoint.id, block_number=checkpoint.block_number).update(
        block_number=block.number, block_hash=block.hash
    )
    if not moved:
        raise CheckpointMoved(f"the read model is no longer at block {checkpoint.block_number}")
    return Checkpoint(id=checkpoint.id, block_number=block.number, block_hash=block.hash)
