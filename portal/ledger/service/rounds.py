"""What is compared each minute: the whole once, at the start; from then on what changed, all money, and a slice.

So the cost of a minute does not grow with the ledger, and everything is compared again in time.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator

from portal.ledger.errors import LedgerUnavailable
from portal.ledger.models import WorldState
from portal.ledger.ports import LedgerReader
from portal.ledger.reconcile import MOST_LISTED, Survey, differing, mirrored_money, position, survey, surveyed

log = logging.getLogger(__name__)

#: The newest blocks of a minute whose keys are compared; what more there were is left to the slices.
MOST_BLOCKS = 32
#: A slice ends with whichever comes first; on Fabric each key is a call.
SLICE_KEYS = 20_000
SLICE_SECONDS = 5.0
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
        return surveyed(count, suspects, mirrored_money())

    def _changed(self, newest: int) -> Iterator[list[str]]:
        """Yield the keys that the newest blocks wrote, each once, in parts."""
        seen: set[str] = set()
        for number in range(max(self._block + 1, newest + 1 - MOST_BLOCKS), newest + 1):
            for block in self._ledger.blocks(number, 1):
                written = {key for record in block.transactions for key in record.writes} - seen
                seen |= written
                yield from _parts(sorted(written))

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


def _parts(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
