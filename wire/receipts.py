"""The one check of what a receipt says: what the scheduler takes, the ledger's contracts take too."""

import re

from wire.errors import OutOfRange
from wire.messages import Receipt

#: Numbers stay within 53 bits, so that every JSON reader counts them exactly.
MOST_RUN_MS = 2**53
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_values(receipt: Receipt) -> None:
    """Check a receipt's run time and digest, however the run ended.

    :raises OutOfRange: naming the field.
    """
    if not 1 <= receipt.run_ms <= MOST_RUN_MS:
        raise OutOfRange(f"run_ms: expected a whole number from 1 to {MOST_RUN_MS}")
    if not _DIGEST.fullmatch(receipt.output_digest):
        raise OutOfRange("output_digest: expected a SHA-256 in lower-case hexadecimal")
