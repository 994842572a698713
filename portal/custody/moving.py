"""Owners move their money between accounts, and back from the deposit: by custody, or with a key of their own."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from portal.accounts import queries as accounts
from portal.accounts import throttle
from portal.accounts.models import Account
from portal.accounts.throttle import Attempt
from portal.books import queries, records
from portal.books.models import WorldState
from portal.custody.ownership import act, own_key_of
from portal.errors import Conflict, Invalid, NotThere
from portal.outbox.models import UNDONE, OutboxOperation
from wire.ledger import state_keys
from wire.ledger.operations import Arguments, Deposit, GiveNotice, Transfer, WithdrawDeposit, operation_id_of
from wire.money import MAX_MICRO, Micro


class NoNotice(Conflict):
    """Nothing can be withdrawn: no notice was given, or it is not over."""


class NoticeRuns(Conflict):
    """A notice is running already. Withdraw that first."""


def deposit(owner: Account, *, amount: Micro, deposit_id: UUID, now: datetime) -> str:
    """Move available money to the deposit, and return the operation's id; a repeat with the same id is harmless.

    :raises TooManyAttempts: when the owner has deposited too often.
    :raises Invalid: when the amount will not do.
    :raises OperationConflict: when the id was used for another deposit.
    :raises SignatureNeeded: when the account is its owner's own, who has not sent in the operation.
    """
    throttle.count(Attempt.DEPOSIT, owner.id, now)
    if not was_sent(Deposit, deposit_id, owner):
        check_amount(owner, amount)
    arguments = Deposit(account_id=str(owner.id), amount_micro=amount)
    return act(arguments, account_id=str(owner.id), subject=deposit_id, now=now)


def transfer(owner: Account, *, to: str, amount: Micro, transfer_id: UUID, now: datetime) -> str:
    """Move available money to the account of a name, and return the operation's id; a repeat of the id is harmless.

    :raises TooManyAttempts: when the owner has moved money too often.
    :raises Invalid: when the amount or the recipient will not do.
    :raises OperationConflict: when the id was used for another transfer.
    :raises SignatureNeeded: when the account is its owner's own, who has not sent in the operation.
    """
    throttle.count(Attempt.MOVE, owner.id, now)
    payee = recipient(to)
    if not was_sent(Transfer, transfer_id, owner):
        check_transfer(owner, to=payee, amount=amount)
    arguments = Transfer(account_id=str(owner.id), to_account_id=str(payee.id), amount_micro=amount)
    return act(arguments, account_id=str(owner.id), subject=transfer_id, now=now)


def recipient(name: str) -> Account:
    """Return the account of a name.

    :raises Invalid: when there is none.
    """
    try:
        return accounts.account_named(name.strip())
    except NotThere:
        raise Invalid.field("to", "There is no account of this name.") from None


def check_transfer(owner: Account, *, to: Account, amount: Micro) -> None:
    """Refuse transfers that the ledger would refuse.

    :raises Invalid: when the amount or the recipient will not do.
    """
    check_amount(owner, amount)
    if to == owner:
        raise Invalid.field("to", "Choose another account than your own.")
    if not WorldState.objects.filter(key=state_keys.account(str(to.id))).exists():
        raise Invalid.field("to", "The ledger does not know this account yet: it never had money.")


def give_notice(owner: Account, *, amount: Micro, notice_id: UUID, now: datetime) -> str:
    """Announce that part of the deposit is wanted back, and return the operation's id.

    :raises TooManyAttempts: when the owner has moved money too often.
    :raises Invalid: when the deposit is smaller.
    :raises NoticeRuns: when one was given before.
    :raises SignatureNeeded: when the account is its owner's own, who has not sent in the operation.
    """
    throttle.count(Attempt.MOVE, owner.id, now)
    if not 0 < amount <= queries.balance(owner.id).deposit_micro:
        raise Invalid.field("amount_micro", "Name more than nothing, and no more than your deposit.")
    if records.notice(owner.id) is not None:
        raise NoticeRuns
    arguments = GiveNotice(account_id=str(owner.id), amount_micro=amount)
    return act(arguments, account_id=str(owner.id), subject=notice_id, now=now)


def withdraw(owner: Account, *, withdrawal_id: UUID, now: datetime) -> str:
    """Take back what a notice named, once it is over, and return the operation's id.

    :raises TooManyAttempts: when the owner has moved money too often.
    :raises NoNotice: when none was given, or it is not over.
    :raises SignatureNeeded: when the account is its owner's own, who has not sent in the operation.
    """
    throttle.count(Attempt.MOVE, owner.id, now)
    notice = records.notice(owner.id)
    if notice is None or notice.due_at > now:
        raise NoNotice
    account_id = str(owner.id)
    return act(WithdrawDeposit(account_id=account_id), account_id=account_id, subject=withdrawal_id, now=now)


def check_amount(owner: Account, amount: int) -> None:
    """Refuse amounts that the ledger would refuse.

    :raises Invalid: when it is not more than nothing, or more than the account has available.
    """
    if not 0 < amount <= MAX_MICRO:
        raise Invalid.field("amount_micro", "Give more than nothing.")
    if amount > queries.balance(owner.id).available_micro:
        raise Invalid.field("amount_micro", "This is more than you have available.")


def is_in_custody(owner: Account) -> bool:
    """Return whether the portal acts for an account on the ledger."""
    return own_key_of(str(owner.id)) is None


def was_sent(kind: type[Arguments], subject_id: object, owner: Account) -> bool:
    """Return whether an operation that custody or the owner signed is on its way to the ledger, or there."""
    ids = Q(operation_id=operation_id_of(kind, subject_id)) | Q(
        operation_id__startswith=operation_id_of(kind, f"{owner.id}:{subject_id}")
    )
    return OutboxOperation.objects.filter(ids).exclude(state__in=UNDONE).exists()
