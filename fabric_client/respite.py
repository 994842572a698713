"""For how long the Gateway endorses alone after the peers that a client knows have failed."""

import threading
import time
from collections.abc import Callable

#: After two failures in a row; twice as long with each further one.
FIRST_SECONDS = 30.0
_LONGEST_SECONDS = 600.0
_MOST_DOUBLED = 10


class Respite:
    """After one failure the known peers are asked again, for another one of an organisation may be better."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._failures = 0
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the known peers are left in peace now."""
        return self._monotonic() < self._until

    def failed(self, *, spoilt: bool = False) -> None:
        """Take note that they did not endorse; or, worse, that they spoilt a transaction."""
        with self._mutex:
            self._failures = max(self._failures + 1, 2 if spoilt else 1)
            doubled = min(self._failures - 2, _MOST_DOUBLED)
            if doubled >= 0:
                self._until = self._monotonic() + min(FIRST_SECONDS * 2**doubled, _LONGEST_SECONDS)

    def succeeded(self) -> None:
        """Take note of a transaction of theirs that was committed."""
        with self._mutex:
            self._failures = 0
