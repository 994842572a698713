"""Blocks that the ledger has and a reader is still fetching: waiting for them, with an end."""

import time
from collections.abc import Iterator

from ledger.errors import LedgerUnavailable
from ledger.ports import BlockSource
from wire.ledger.blocks import Block

_AT_ONCE = 32
_PAUSE_SECONDS = 0.005
_SILENT_SECONDS = 60


class Patience:
    """Waits for the next block until none has come for a minute."""

    def __init__(self) -> None:
        self._heard = time.monotonic()

    def came(self) -> None:
        """Note that one came."""
        self._heard = time.monotonic()

    def wait(self, number: int) -> None:
        """Wait a little for a block.

        :raises LedgerUnavailable: when there was none for too long.
        """
        if time.monotonic() - self._heard > _SILENT_SECONDS:
            raise LedgerUnavailable(f"block {number} did not come within {_SILENT_SECONDS} s")
        time.sleep(_PAUSE_SECONDS)


def blocks_between(ledger: BlockSource, first: int, end: int) -> Iterator[Block]:
    """Yield the blocks from `first` to before `end`, which the ledger has.

    :raises LedgerUnavailable: when one does not come.
    """
    number, patience = first, Patience()
    while number < end:
        if blocks := ledger.blocks(number, min(_AT_ONCE, end - number)):
            patience.came()
        else:
            patience.wait(number)
        yield from blocks
        number += len(blocks)
