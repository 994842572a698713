"""What a function version may use, and the marketplace's own bounds on that."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from wire.codec import canonical_json
from wire.errors import OutOfRange

KIB = 1024
MIB = 1024 * KIB
#: Larger inputs and outputs do not travel inside a message.
INLINE_MAX_BYTES = 256 * KIB
#: Of a function's environment as JSON, escapes and all: with it the largest ticket still fits into a claim.
ENVIRONMENT_MAX_BYTES = 16 * KIB

#: Smallest and largest value of each limit.
BOUNDS: dict[str, tuple[int, int]] = {
    "memory_mb": (16, 16_384),
    "cpu_millis": (50, 16_000),
    "timeout_ms": (100, 900_000),
    "processes": (1, 1_024),
    "input_bytes": (0, INLINE_MAX_BYTES),
    "output_bytes": (1, INLINE_MAX_BYTES),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds on one run, enforced by the provider's Docker Engine and agent."""

    #: Memory without swap.
    memory_mb: int = 128
    #: Thousandths of a processor.
    cpu_millis: int = 1_000
    #: Wall time from the container's start to its end.
    timeout_ms: int = 30_000
    #: Processes and threads in the container.
    processes: int = 64
    #: Largest request body.
    input_bytes: int = INLINE_MAX_BYTES
    #: Largest output.
    output_bytes: int = INLINE_MAX_BYTES

    def checked(self) -> "Limits":
        """Return the limits themselves when each is within its bounds.

        :raises OutOfRange: when one is not; the message names it and its range.
        """
        for field in fields(self):
            low, high = BOUNDS[field.name]
            if not low <= getattr(self, field.name) <= high:
                raise OutOfRange(f"{field.name}: expected {low} to {high}, got {getattr(self, field.name)}")
        return self


def check_environment(environment: Mapping[str, str]) -> None:
    """Check how much room an environment takes in a ticket.

    :raises OutOfRange: when it is too much, or not Unicode text.
    """
    try:
        size = len(canonical_json(dict(environment)))
    except UnicodeEncodeError as error:
        raise OutOfRange("environment: expected Unicode text") from error
    if size > ENVIRONMENT_MAX_BYTES:
        raise OutOfRange(f"environment: expected at most {ENVIRONMENT_MAX_BYTES} bytes as JSON, got {size}")
