"""Writes to the outbox: what has to reach the ledger is committed together with what makes it true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.outbox.errors import OperationConflict
from portal.outbox.models import OutboxOperation
from wire import signing
from wire.ledger.operations import Arguments, operation_text
from wire.signing import SigningKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One operation on its way into the outbox."""

    operation_id: str
    arguments: Arguments
    #: What it is about: a job, an account, a version, a provider.
    subject: str
    #: Who signs it; none: the recorder's signature on the transaction is enough.
    author: SigningKey | None = None


def enqueue(
    *, operation_id: str, arguments: Arguments, subject: str, now: datetime, author: SigningKey | None = None
) -> None:
    """Put one operation into the outbox, inside the caller's database transaction.

    :raises OperationConflict: when an operation of this id with other content is there; the same content is harmless.
    """
    outgoing = Outgoing(operation_id=operation_id, arguments=arguments, subject=subject, author=author)
    enqueue_all([outgoing], now=now)


def enqueue_all(outgoing: Sequence[Outgoing], *, now: datetime) -> None:
    """Put several operations into the outbox, in this order, with two statements.

    :raises OperationConflict: when one of these ids is there with other content.
    """
    texts = {item.operation_id: operation_text(item.operation_id, item.arguments) for item in outgoing}
    rows = [_row(item, texts[item.operation_id], now) for item in outgoing]
    OutboxOperation.objects.bulk_create(rows, ignore_conflicts=True)
    stored = OutboxOperation.objects.filter(operation_id__in=texts).values_list("operation_id", "body")
    _refuse_conflicts(texts, stored)


def _row(item: Outgoing, text: str, now: datetime) -> OutboxOperation:
    return OutboxOperation(
        operation_id=item.operation_id,
        kind=item.arguments.kind,
        subject=item.subject,
        body=item.author.sign(text.encode(), signing.OPERATION) if item.author else text,
        created_at=now,
    )


def _refuse_conflicts(texts: dict[str, str], stored: Iterable[tuple[str, str]]) -> None:
    for operation_id, body in stored:
        if text_of(body) != texts[operation_id]:
            raise OperationConflict(f"This was sent before, with other content: {operation_id}.")


def text_of(body: str) -> str:
    """Return the operation's text: an outbox row or a transaction holds it as it is, or inside its author's JWS."""
    return body if body.startswith("{") else signing.payload_of(body).decode()
