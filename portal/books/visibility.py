"""Who may see what of the ledger: participants their own part, peers and administrators all of it."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from portal.accounts.models import Account, Role
from portal.books import queries
from portal.books.models import LedgerEvent
from portal.books.queries import AccountBalance, BlockDetail, JobHistory, TransactionDetail
from portal.errors import NotThere
from portal.outbox import queries as outbox
from portal.outbox.models import OutboxOperation
from portal.providers.queries import providers_of
from wire.ledger.operations import subject_in


class RecordMissing(NotThere):
    """The ledger has nothing of this name that you may see."""


def sees_all(viewer: Account) -> bool:
    """Return whether the viewer may see every participant's part: a peer's node has it anyway."""
    return viewer.is_staff or viewer.has_role(Role.PEER)


def concerns(viewer: Account, event: LedgerEvent) -> bool:
    """Return whether a change is of the viewer's account, functions, providers or jobs."""
    parties = (event.subject, event.body.get("developer_id"), event.body.get("account_id"))
    return str(viewer.id) in parties


def job_for(viewer: Account, job_id: str) -> JobHistory:
    """Return a job's record, to its developer, the account that it pays, peers and administrators.

    :raises RecordMissing: when there is none.
    """
    found = queries.job(job_id)
    if found is None:
        raise RecordMissing
    parties = (found.record.get("developer_id"), found.record.get("account_id"))
    if str(viewer.id) not in parties and not sees_all(viewer):
        raise RecordMissing
    return found


def balance_for(viewer: Account, account_id: str) -> AccountBalance:
    """Return the money of an account, to its owner, peers and administrators.

    :raises RecordMissing: when it is another's.
    """
    if account_id != str(viewer.id) and not sees_all(viewer):
        raise RecordMissing
    return queries.balance(account_id)


def block_for(_viewer: Account, number: int) -> BlockDetail:
    """Return a block with its transactions, which say nothing of participants: to every account.

    :raises RecordMissing: when there is none.
    """
    found = queries.block(number)
    if found is None:
        raise RecordMissing
    return found


def transaction_for(viewer: Account, transaction_id: str) -> TransactionDetail:
    """Return a transaction, with those of its operations and changes that the viewer may see.

    :raises RecordMissing: when there is none.
    """
    found = queries.transaction(transaction_id)
    if found is None:
        raise RecordMissing
    if sees_all(viewer):
        return found
    events = tuple(event for event in found.events if concerns(viewer, event))
    return replace(found, events=events, operations=_of(found.operations, viewer.id, events))


def _of(
    operations: Iterable[OutboxOperation], viewer_id: UUID, events: Iterable[LedgerEvent]
) -> tuple[OutboxOperation, ...]:
    subjects = {str(viewer_id), *(event.subject for event in events)}
    return tuple(operation for operation in operations if operation.subject in subjects)


def operation_for(viewer: Account, operation_id: str) -> OutboxOperation:
    """Return where an operation stands, to who authored it or is its subject, peers and administrators.

    :raises RecordMissing: when there is none.
    """
    found = outbox.operation(operation_id)
    if found is None or not (sees_all(viewer) or _is_of(viewer, found)):
        raise RecordMissing
    return found


def _is_of(viewer: Account, found: OutboxOperation) -> bool:
    """Return whether the viewer is its subject or, by a key of its own or of a machine of its own, its author."""
    if found.subject == str(viewer.id):
        return True
    author = subject_in(found.operation_id).partition(":")[0]
    return author in {str(viewer.id), *(str(provider.id) for provider in providers_of(viewer))}
