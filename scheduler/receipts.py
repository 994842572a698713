"""What a provider says of a run, checked before it is believed. Pure."""

from dataclasses import dataclass

from scheduler.errors import ReceiptRefused
from wire import envelope, signing
from wire.errors import WireError
from wire.messages import Receipt
from wire.outcomes import ExitState

_LOG_TAIL = 8_192


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a receipt has to fit."""

    job_id: str
    ticket_digest: str
    #: The provider's pinned key.
    signing_key_pem: str


def verified(jws: str, expected: Expected) -> Receipt:
    """Return a receipt that the job's provider signed for this ticket, and that the ledger can take.

    :raises ReceiptRefused: when it did not.
    """
    try:
        key = signing.PublicKey.from_pem(expected.signing_key_pem)
        receipt = envelope.parse_as(Receipt, key.verify(jws, signing.RECEIPT))
        receipt.check_values()
    except WireError as error:
        raise ReceiptRefused(f"job {expected.job_id}: {error}") from error
    if receipt.job_id != expected.job_id:
        raise ReceiptRefused(f"job {expected.job_id}: the receipt is job {receipt.job_id}'s")
    if receipt.ticket_digest != expected.ticket_digest:
        raise ReceiptRefused(f"job {expected.job_id}: the receipt is for another ticket")
    return receipt


def check_output(receipt: Receipt, output: bytes, *, limit: int) -> None:
    """Compare an output with its receipt.

    :raises ReceiptRefused: when it was altered or is larger than the version allows.
    """
    if signing.sha256_hex(output) != receipt.output_digest:
        raise ReceiptRefused(f"job {receipt.job_id}: the output is not the one that the receipt names")
    if len(output) > limit:
        raise ReceiptRefused(f"job {receipt.job_id}: the output has {len(output)} bytes, {limit} are allowed")


def check_refusal(receipt: Receipt) -> None:
    """Compare a refusal with its receipt.

    :raises ReceiptRefused: when the receipt says something else.
    """
    if receipt.exit_state is not ExitState.REFUSED:
        raise ReceiptRefused(f"job {receipt.job_id}: refused, but the receipt says {receipt.exit_state}")


def storable(text: str) -> str:
    """Return the end of a provider's text without what no database takes: NUL and lone surrogates."""
    return text[-_LOG_TAIL:].replace("\0", "").encode("utf-8", "replace").decode()
