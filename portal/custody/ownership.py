"""Whose word moves an account: custody's, until the owner has a key of its own; then the owner's signed operations."""

from datetime import datetime

from portal.books.models import WorldState
from portal.errors import PortalError
from portal.keys import KeyName, signing_key
from portal.outbox.models import UNDONE, OutboxOperation
from portal.outbox.operations import enqueue
from wire.codec import decode, parse_object, to_plain
from wire.ledger import state_keys
from wire.ledger.operations import Arguments, operation_id_of, operation_text
from wire.ledger.records import Owner
from wire.problems import Reason
from wire.signing import payload_of


class SignatureNeeded(PortalError):
    """The account is its owner's own: sign the operation in `fields` with its key and send it in."""

    reason = Reason.SIGNATURE_NEEDED


def own_key_of(account_id: str) -> str | None:
    """Return the id of the newest key of an account that is not in custody; None when custody acts for it."""
    text = WorldState.objects.filter(key=state_keys.owner(account_id)).values_list("value", flat=True).first()
    return None if text is None else decode(Owner, text).key_id


def act(arguments: Arguments, *, account_id: str, subject: object, now: datetime) -> str:
    """Let an account's own word move it, and return the operation's id.

    :raises SignatureNeeded: when the account is its owner's own, who has not sent in the operation.
    :raises OperationConflict: when custody was asked for something else under the same id.
    :raises KeyMissing: when custody's key is not in the keys directory.
    """
    if own_key_of(account_id) is not None:
        return signed_by_owner(account_id, arguments, subject).operation_id
    operation_id, custody = operation_id_of(type(arguments), subject), signing_key(KeyName.CUSTODY)
    enqueue(operation_id=operation_id, arguments=arguments, subject=account_id, now=now, author=custody)
    return operation_id


def signed_by_owner(account_id: str, arguments: Arguments, subject: object) -> OutboxOperation:
    """Return the operation that the owner has signed and sent in with exactly these arguments.

    :raises SignatureNeeded: when it has not, or what it sent was refused; it holds the exact text to sign.
    """
    for row in _sent(account_id, arguments, subject):
        if row.state not in UNDONE and _arguments_of(row) == to_plain(arguments):
            return row
    raise SignatureNeeded(fields={"operation": [unsigned_text(account_id, arguments, subject)]})


def unsigned_text(account_id: str, arguments: Arguments, subject: object) -> str:
    """Return an operation as the owner has to sign it; each try that the ledger refused takes a new id."""
    tries = len(_sent(account_id, arguments, subject))
    base = operation_id_of(arguments, account_id, subject)
    return operation_text(f"{base}:{tries + 1}" if tries else base, arguments)


def _sent(account_id: str, arguments: Arguments, subject: object) -> list[OutboxOperation]:
    base = operation_id_of(arguments, account_id, subject)
    return list(OutboxOperation.objects.filter(operation_id__startswith=base).order_by("id"))


def _arguments_of(row: OutboxOperation) -> object:
    return parse_object(payload_of(row.body)).get("arguments")
