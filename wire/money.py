"""Money: whole micro-credits, and the one place where it is computed, shown and read."""

import re
from decimal import Decimal
from typing import NewType, Protocol

from wire.errors import Malformed

Micro = NewType("Micro", int)

MICRO_PER_CREDIT = 1_000_000
#: No amount is larger than this, so that sums of many stay within 64 bits everywhere.
MAX_MICRO = Micro(10**15)
_CREDITS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


def cost_of(*, run_ms: int, price_nano_per_ms: int) -> Micro:
    """Return what a run costs: at least one millisecond is billed, and the cost is rounded up.

    A price is nano-credits per millisecond; a provider never works for free (docs/architecture.md, "Money").
    """
    return Micro(-(-max(run_ms, 1) * price_nano_per_ms // 1000))


def billed_ms(*, claimed_ms: int | None, observed_ms: int | None, max_ms: int) -> int:
    """Return the run time that is billed: the least of what provider, controller and version say, at least 1.

    What nobody has said yet bounds nothing.
    """
    told = (claimed_ms, observed_ms, max_ms)
    return max(1, min(value for value in told if value is not None))


class JobTerms(Protocol):
    """What a job was placed at."""

    @property
    def max_ms(self) -> int:
        """The longest run that is paid."""

    @property
    def price_nano_per_ms(self) -> int:
        """Its provider's price."""


def bill(job: JobTerms, *, claimed_ms: int | None, observed_ms: int | None) -> Micro:
    """Return what a job costs by what provider and controller have said so far."""
    run_ms = billed_ms(claimed_ms=claimed_ms, observed_ms=observed_ms, max_ms=job.max_ms)
    return cost_of(run_ms=run_ms, price_nano_per_ms=job.price_nano_per_ms)


def credits_text(amount: int) -> str:
    """Return an amount in credits as people read it: `12`, `0.5`, `-3.000001`."""
    text = f"{Decimal(amount) / MICRO_PER_CREDIT:.6f}"
    return text.rstrip("0").rstrip(".")


def micro_from_text(text: str) -> Micro:
    """Read an amount in credits with at most six decimals.

    :raises Malformed: when it is not such a number.
    """
    if not _CREDITS.fullmatch(text.strip()):
        raise Malformed(f"amount {text!r}: expected credits such as 12 or 0.5, at most 6 decimals")
    return Micro(int(Decimal(text.strip()) * MICRO_PER_CREDIT))
