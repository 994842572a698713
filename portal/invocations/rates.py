"""How many calls a minute a function gets through: a token bucket for each. Pure; the time arrives as an argument.

Each gateway process has its own buckets and lets through its share, so that all together keep to what was promised.
A process whose share is less than one call a minute still holds one call.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Rates:
    """One bucket a function version, holding a minute's calls; at most `capacity` buckets, the longest unused go."""

    def __init__(self, capacity: int = 10_000, *, workers: int = 1) -> None:
        self._capacity = capacity
        #: How many processes share the calls.
        self._workers = max(1, workers)
        self._buckets: OrderedDict[UUID, _Bucket] = OrderedDict()

    def take(self, version_id: UUID, *, per_minute: int, now: float) -> int:
        """Let one call through and return 0, or return the whole seconds after which to try again."""
        share = per_minute / self._workers
        holds = max(share, 1) if per_minute else 0
        bucket = self._buckets.get(version_id)
        if bucket is None:
            bucket = self._buckets[version_id] = _Bucket(tokens=holds, filled_at=now)
        self._buckets.move_to_end(version_id)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        bucket.tokens = min(holds, bucket.tokens + (now - bucket.filled_at) * share / 60)
        bucket.filled_at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, math.ceil((1 - bucket.tokens) * 60 / share)) if per_minute else 60
