"""Whose word moves an account: custody's, until the owner has a key of its own; then the owner's signed operations."""

from portal.books.models import WorldState
from portal.errors import Conflict, PortalError
from portal.outbox.models import OutboxOperation, OutboxState
from wire.codec import decode, parse_object, to_plain
from wire.ledger import keys
from wire.ledger.operations import Arguments, operation_id_of, operation_text
from wire.ledger.records import Owner
from wire.problems import Reason
from wire.signing import payload_of

_REFUSED = (OutboxState.REFUSED, OutboxState.SET_ASIDE)


class SignatureNeeded(PortalError):
    """The account is its owner's own: sign the operation in `fields` with its key and send it in."""

    reason = Reason.SIGNATURE_NEEDED


class NotOnLedgerYet(Conflict):
    """The signed operation is on its way to the ledger. Ask again in a moment."""


def own_key_of(account_id: str) -> str | None:
    """Return the id of the newest key of an account that is not in custody; None when custody acts for it."""
    text = WorldState.objects.filter(key=keys.owner(account_id)).values_list("value", flat=True).first()
    return None if text is None else decode(Owner, text).key_id


def signed_by_owner(account_id: str, arguments: Arguments, subject: object) -> OutboxOperation:
    """Return the operation that the owner has signed and sent in with exactly these arguments.

    :raises SignatureNeeded: when it has not, or what it sent was refused; it holds the exact text to sign.
    """
    for row in _sent(account_id, arguments, subject):
        if row.state not in _REFUSED and _arguments_of(row) == to_plain(arguments):
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


def publication_by_owner(account_id: str, arguments: Arguments, subject: object) -> None:
    """Let a version of an owner's go live only once the ledger has it: the platform's bond answers for its jobs.

    :raises SignatureNeeded: when the owner has not signed it, or what it sent was refused.
    :raises NotOnLedgerYet: when the ledger has not answered.
    """
    if signed_by_owner(account_id, arguments, subject).state != OutboxState.COMMITTED:
        raise NotOnLedgerYet


def _arguments_of(row: OutboxOperation) -> object:
    return parse_object(payload_of(row.body)).get("arguments")
