"""Owners move their money between accounts, and back from the deposit: by custody, or with a key of their own."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from portal.accounts import throttle
from portal.accounts.models import Account
from portal.accounts.throttle import Attempt
from portal.books import queries, records
from portal.books.models import WorldState
from portal.custody import topping_up
from portal.custody.ownership import own_key_of, signed_by_owner
from portal.errors import Conflict, Invalid
from portal.keys import KeyName, signing_key
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.operations import enqueue
from wire.ledger import keys
from wire.ledger.operations import Arguments, AskPayout, Deposit, GiveNotice, Transfer, WithdrawDeposit, operation_id_of
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
    return topping_up.deposit(owner.id, amount=amount, deposit_id=deposit_id, now=now)


def transfer(owner: Account, *, to: Account, amount: Micro, transfer_id: UUID, now: datetime) -> str:
    """Move available money to another account, and return the operation's id; a repeat with the same id is harmless.

    :raises TooManyAttempts: when the owner has moved money too often.
    :raises Invalid: when the amount or the recipient will not do.
    :raises OperationConflict: when the id was used for another transfer.
    :raises SignatureNeeded: when the account is its owner's own, who has not sent in the operation.
    """
    throttle.count(Attempt.MOVE, owner.id, now)
    if not was_sent(Transfer, transfer_id, owner):
        check_transfer(owner, to=to, amount=amount)
    return _move(
        owner,
        Transfer(account_id=str(owner.id), to_account_id=str(to.id), amount_micro=amount),
        subject_id=transfer_id,
        now=now,
    )


def check_transfer(owner: Account, *, to: Account, amount: Micro) -> None:
    """Refuse transfers that the ledger would refuse.

    :raises Invalid: when the amount or the recipient will not do.
    """
    check_amount(owner, amount)
    if to == owner:
        raise Invalid.field("to", "Choose another account than your own.")
    if not WorldState.objects.filter(key=keys.account(str(to.id))).exists():
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
    return _move(owner, GiveNotice(account_id=str(owner.id), amount_micro=amount), subject_id=notice_id, now=now)


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
    return _move(owner, WithdrawDeposit(account_id=str(owner.id)), subject_id=withdrawal_id, now=now)


def ask_to_hold(owner: Account, *, amount: Micro, payout_id: UUID, now: datetime) -> str:
    """Let the ledger hold money for a payout, and return the operation's id."""
    return _move(
        owner,
        AskPayout(payout_id=str(payout_id), account_id=str(owner.id), amount_micro=amount),
        subject_id=payout_id,
        now=now,
    )


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
    ended = (OutboxState.REFUSED, OutboxState.SET_ASIDE)
    return OutboxOperation.objects.filter(ids).exclude(state__in=ended).exists()


def _move(owner: Account, arguments: Arguments, *, subject_id: UUID, now: datetime) -> str:
    if not is_in_custody(owner):
        return signed_by_owner(str(owner.id), arguments, subject_id).operation_id
    operation_id = operation_id_of(type(arguments), subject_id)
    with transaction.atomic():
        enqueue(
            operation_id=operation_id,
            arguments=arguments,
            subject=str(owner.id),
            now=now,
            author=signing_key(KeyName.CUSTODY),
        )
    return operation_id
