"""Which provider gets a job. Pure: what is known of the providers, and the tie-break, arrive as arguments.

A provider is asked five questions, in this order; the first "no" ends it:
is it there (heard lately, not draining), does the image's architecture fit, has it the memory and processors,
does it ask no more than the ceiling, has it a free slot. Of those that remain the best is the one with the image
already there, then the cheapest, then the least loaded; what is still equal the tie-break spreads evenly.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from wire.problems import Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a job asks of its provider."""

    architecture: str
    memory_mb: int
    cpu_millis: int
    price_ceiling_nano_per_ms: int
    #: `sha256:…`
    image_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What a provider that is alive offers at this moment."""

    provider_id: UUID
    architecture: str
    memory_mb: int
    cpu_millis: int
    price_nano_per_ms: int
    slots: int
    free_slots: int
    draining: bool
    images: Collection[str]


def choose(
    need: Need, capacities: Iterable[Capacity], *, tried: Collection[UUID] = (), tie_break: str = ""
) -> Capacity | Reason:
    """Return the best provider for a job; `NO_PROVIDER` when none fits, `PROVIDERS_BUSY` when those that fit are full.

    A provider in `tried` is none.
    """
    fitting = [item for item in capacities if item.provider_id not in tried and fits(need, item)]
    free = [item for item in fitting if item.free_slots > 0]
    if not free:
        return Reason.PROVIDERS_BUSY if fitting else Reason.NO_PROVIDER
    best = min(_score(need, item) for item in free)
    equals = [item for item in free if _score(need, item) == best]
    return min(equals, key=lambda item: _lot(tie_break, item.provider_id)) if len(equals) > 1 else equals[0]


def fits(need: Need, capacity: Capacity) -> bool:
    """Return whether a provider could run the job if it had a free slot."""
    return (
        not capacity.draining
        and capacity.architecture == need.architecture
        and capacity.memory_mb >= need.memory_mb
        and capacity.cpu_millis >= need.cpu_millis
        and capacity.price_nano_per_ms <= need.price_ceiling_nano_per_ms
    )


def _score(need: Need, capacity: Capacity) -> tuple[bool, int, float]:
    """Smaller is better."""
    load = 1 - capacity.free_slots / max(capacity.slots, 1)
    return need.image_digest not in capacity.images, capacity.price_nano_per_ms, load


def _lot(tie_break: str, provider_id: UUID) -> bytes:
    return hashlib.blake2b(provider_id.bytes, key=tie_break.encode()[:64], digest_size=8).digest()
