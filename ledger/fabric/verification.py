"""The proof of a ledger on Fabric: blocks as the orderers signed them, and a replay from the first on.

The orderers' signatures are proved where blocks are read. Nothing has to stand still: what comes in meanwhile is
replayed as well.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from chaincode.embedded import store
from ledger.arriving import blocks_between
from ledger.ports import LedgerReader
from ledger.verification import Progress, Replay, Verified, differing, unheard
from wire.ledger.genesis import Genesis

#: A peer that answers may be a block behind the one that answered before.
_COMPARISONS = 3


class PagedReader(LedgerReader, Protocol):
    """A ledger whose keys can be read without holding all of them."""

    def pages(self, prefix: str) -> Iterable[tuple[str, str]]:
        """Return keys and values in order, each as of some moment between the first and the last."""


def verify(ledger: PagedReader, genesis: Genesis, progress: Progress = unheard) -> Verified:
    """Prove a ledger, and what comes in while that is done.

    :raises LedgerDamaged: naming the block and what is wrong with it.
    """
    with Replay(genesis) as replay:
        _catch_up(ledger, replay, progress)
        _compare(ledger, replay)
        return replay.end()


def _catch_up(
    ledger: LedgerReader, replay: Replay, progress: Progress = unheard, *, each: Callable[[], object] = lambda: None
) -> None:
    height = ledger.height
    for block in blocks_between(ledger, replay.height, height):
        replay.apply(block)
        each()
        progress(replay.height, height)


def _compare(ledger: PagedReader, replay: Replay) -> None:
    """Compare the world state with the replay.

    A value that was written while the state was read is right when it is the replay's at any of those blocks.
    """
    for _ in range(_COMPARISONS):
        found = differing(ledger.pages(""), store.state_items(replay.state, ""))

        def keep_wrong(found: dict[str, str | None] = found) -> None:
            replayed = store.read_state(replay.state, tuple(found))
            for key in [key for key, value in found.items() if replayed.get(key) == value]:
                del found[key]

        _catch_up(ledger, replay, each=keep_wrong)
        if not found:
            return
    raise replay.damage(f"the world state differs from the blocks at {min(found)}")
