"""The follower: applies blocks to the read model, with its bookmark in the same database transaction."""

import logging
from collections.abc import Callable, Sequence

from ledger.errors import LedgerDamaged
from ledger.ports import LedgerReader
from portal.books.errors import BookmarkMoved
from portal.books.models import Bookmark
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

    def __init__(self, *, ledger: LedgerReader, term: int, listeners: Sequence[Listener] = ()) -> None:
        self._ledger = ledger
        self._term = term
        self._listeners = tuple(listeners)
        self._bookmark: Bookmark | None = None

    @property
    def block(self) -> int:
        """The newest block that this follower knows to be applied; -1 when it knows of none."""
        return self._bookmark.block_number if self._bookmark else -1

    def step(self) -> bool:
        """Apply the next blocks, at most `MAX_BLOCKS`; return whether there were any.

        :raises LedgerDamaged: when a block does not continue the one before.
        :raises Superseded: when another recorder and follower have taken over.
        """
        bookmark = self._bookmark or Bookmark.objects.get_or_create(id=1)[0]
        blocks = self._ledger.blocks(bookmark.block_number + 1, MAX_BLOCKS)
        if not blocks:
            self._bookmark = bookmark
            return False
        self._bookmark = None
        check_chain(bookmark, blocks)
        with leadership.held(leadership.RECORDER, self._term):
            advanced = _advance(bookmark, blocks[-1])
            self._apply(blocks)
        self._bookmark = advanced
        return True

    def _apply(self, blocks: Sequence[Block]) -> None:
        lock_balances_of(blocks)
        apply_blocks(blocks)
        settle(blocks)
        follow_keys(blocks)
        for block in blocks:
            for listener in self._listeners:
                listener(block)


def check_chain(bookmark: Bookmark, blocks: Sequence[Block]) -> None:
    """Refuse blocks that do not continue what was read before.

    :raises LedgerDamaged: with the number of the first that does not.
    """
    number, previous_hash = bookmark.block_number, bookmark.block_hash
    for block in blocks:
        if block.number != number + 1 or (number >= 0 and block.previous_hash != previous_hash):
            raise LedgerDamaged(f"block {block.number} does not continue block {number}")
        number, previous_hash = block.number, block.hash


def _advance(bookmark: Bookmark, block: Block) -> Bookmark:
    moved = Bookmark.objects.filter(id=bookmark.id, block_number=bookmark.block_number).update(
        block_number=block.number, block_hash=block.hash
    )
    if not moved:
        raise BookmarkMoved(f"the read model is no longer at block {bookmark.block_number}")
    return Bookmark(id=bookmark.id, block_number=block.number, block_hash=block.hash)
