"""How far a provider is trusted after what it did lately. Pure: the time arrives as an argument.

Everything else that placement knows of a provider it knows from the provider itself; this alone is what was seen.

- Each failure and each lost job counts 1, and half of that after `clocks.FAILURE_HALF_LIFE_MS`. Placement asks for the
  rounded sum first, before images, price and load: one who fails gets work only when no better one is free.
- After `FAILURES_IN_A_ROW` without a success between them it is paused, for `clocks.PAUSE_MS` and twice as long each
  next time, up to `clocks.LONGEST_PAUSE_MS`. After a pause it is on trial: one job at a time, and one more failure
  begins the next pause.
- A result that is accepted ends pause and trial; what was counted fades as before.

A failure that the image alone may have caused (it cannot be pulled, it does not start) counts against the provider
for that image only: a developer whose image is broken must not take providers away from everybody else.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from scheduler import clocks

FAILURES_IN_A_ROW = 3
#: So many images are remembered for each provider; the one that failed longest ago is forgotten.
_IMAGES = 64
_MOST_DOUBLINGS = 16


@dataclass(slots=True)
class Record:
    """What was seen of a provider, altogether or with one image."""

    _weight: float = 0.0
    _weighed_at_ms: int = 0
    _in_a_row: int = 0
    _pauses: int = 0
    paused_until_ms: int = 0

    def fail(self, *, now_ms: int) -> None:
        """Count a failure or a lost job; what fails during a pause was placed before it and does not prolong it."""
        self._weight, self._weighed_at_ms = self._faded(now_ms) + 1, now_ms
        self._in_a_row += 1
        if self._in_a_row >= FAILURES_IN_A_ROW and not self.paused(now_ms=now_ms):
            pause_ms = clocks.PAUSE_MS << min(self._pauses, _MOST_DOUBLINGS)
            self.paused_until_ms = now_ms + min(pause_ms, clocks.LONGEST_PAUSE_MS)
            self._pauses += 1

    def succeed(self) -> None:
        """Note an accepted result."""
        self._in_a_row = self._pauses = self.paused_until_ms = 0

    def failures(self, *, now_ms: int) -> int:
        """Return how many failures count now."""
        return round(self._faded(now_ms))

    def paused(self, *, now_ms: int) -> bool:
        """Return whether nothing is placed."""
        return now_ms < self.paused_until_ms

    @property
    def on_trial(self) -> bool:
        """Whether it has failed so often that one job at a time is enough to see how it does."""
        return self._in_a_row >= FAILURES_IN_A_ROW

    def _faded(self, now_ms: int) -> float:
        return self._weight * 0.5 ** (max(now_ms - self._weighed_at_ms, 0) / clocks.FAILURE_HALF_LIFE_MS)


@dataclass(slots=True)
class Reliability:
    """A provider's record, and its records with images that failed there."""

    _own: Record = field(default_factory=Record)
    _with_image: OrderedDict[str, Record] = field(default_factory=OrderedDict)

    def fail(self, *, now_ms: int, image: str = "") -> None:
        """Count a failure: of the provider, or, when an image is named, of the provider with that image."""
        if not image:
            self._own.fail(now_ms=now_ms)
            return
        self._with_image.setdefault(image, Record()).fail(now_ms=now_ms)
        self._with_image.move_to_end(image)
        if len(self._with_image) > _IMAGES:
            self._with_image.popitem(last=False)

    def succeed(self, image: str) -> None:
        """Note an accepted result."""
        for record in self._records(image):
            record.succeed()

    def failures(self, image: str, *, now_ms: int) -> int:
        """Return how many failures count against it for a job of this image."""
        return sum(record.failures(now_ms=now_ms) for record in self._records(image))

    def paused(self, image: str, *, now_ms: int) -> bool:
        """Return whether it gets no job of this image."""
        return any(record.paused(now_ms=now_ms) for record in self._records(image))

    def on_trial(self, image: str) -> bool:
        """Return whether it gets one job at a time."""
        return any(record.on_trial for record in self._records(image))

    def resumed(self, *, since_ms: int, now_ms: int) -> bool:
        """Return whether a pause ended after `since_ms`."""
        records = (self._own, *self._with_image.values())
        return any(since_ms < record.paused_until_ms <= now_ms for record in records)

    def _records(self, image: str) -> list[Record]:
        known = self._with_image.get(image)
        return [self._own, known] if known else [self._own]
