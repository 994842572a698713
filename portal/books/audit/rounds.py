"""What is compared each minute: the whole once, at the start; then what changed, all money, and a slice of both sides.

So the cost of a minute does not grow with the ledger, and everything is compared again in time.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from ledger.arriving import blocks_between
from ledger.errors import LedgerUnavailable
from ledger.ports import LedgerReader
from portal.books.audit.reconcile import (
    MOST_LISTED,
    Survey,
    differing,
    mirrored_money,
    position,
    survey,
    surveyed,
    unlike,
)
from portal.books.models import WorldState

log = logging.getLogger(__name__)

#: The newest blocks of a minute whose keys are compared; what more there were is left to the slices.
MOST_BLOCKS = 32
#: A slice of the read model ends with whichever comes first.
SLICE_KEYS = 20_000
SLICE_SECONDS = 5.0
#: So long the keys that changed are compared; what more there are is left to the slices.
CHANGED_SECONDS = 20.0
_AT_ONCE = 500


class Rounds:
    """One survey after another."""

    def __init__(
        self, ledger: LedgerReader, *, breathe: Callable[[], object], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._breathe = breathe
        self._monotonic = monotonic
        self._is_first = True
        #: The newest block whose keys were compared.
        self._block = -1
        #: The last key of the slice before, in the database's own order; empty begins anew.
        self._after = ""
        #: The last key of the ledger's page before, in the ledger's order; empty begins anew.
        self._page_after = ""

    def next(self, again: Iterable[str]) -> Survey:
        """Return the next survey; `again` are keys that looked different before, and stay suspect until they do not.

        :raises LedgerError: when the ledger does not answer.
        """
        newest = position()
        found = (self._whole() if self._is_first else None) or self._part(newest, again)
        self._is_first = False
        self._block = newest
        return found

    def _whole(self) -> Survey | None:
        """Return a survey of everything; None when a large ledger does not stand still for that."""
        try:
            return survey(self._ledger, progress=lambda _compared: self._breathe())
        except LedgerUnavailable as error:
            log.warning("ledger.survey_in_parts", extra={"error": str(error)})
            return None

    def _part(self, newest: int, again: Iterable[str]) -> Survey:
        suspects = list(dict.fromkeys(again))[:MOST_LISTED]
        count = 0
        for keys in itertools.chain(self._changed(newest), self._slice()):
            suspects += differing(self._ledger, keys)
            count += len(keys)
            self._breathe()
        page = self._page()
        suspects += unlike(page)
        return surveyed(count + len(page), suspects, mirrored_money())

    def _changed(self, newest: int) -> Iterator[list[str]]:
        """Yield the keys that the newest blocks wrote, each once, in parts."""
        seen: set[str] = set()
        until = self._monotonic() + CHANGED_SECONDS
        for block in blocks_between(self._ledger, max(self._block + 1, newest + 1 - MOST_BLOCKS), newest + 1):
            written = {key for record in block.transactions for key in record.writes} - seen
            seen |= written
            for part in _parts(sorted(written)):
                yield part
                if self._monotonic() > until:
                    log.warning("ledger.survey_cut_short", extra={"block": block.number, "newest": newest})
                    return

    def _slice(self) -> Iterator[list[str]]:
        """Yield the next keys of the read model, in parts."""
        until = self._monotonic() + SLICE_SECONDS
        for _ in range(SLICE_KEYS // _AT_ONCE):
            rows = WorldState.objects.filter(key__gt=self._after).order_by("key")
            keys = list(rows.values_list("key", flat=True)[:_AT_ONCE])
            self._after = keys[-1] if len(keys) == _AT_ONCE else ""
            yield keys
            if not self._after or self._monotonic() > until:
                return

    def _page(self) -> Sequence[tuple[str, str]]:
        """Return the ledger's next page: what it has and the read model lacks is in no slice of the read model."""
        page = self._ledger.page(self._page_after)
        self._page_after = page[-1][0] if page else ""
        return page


def _parts(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
