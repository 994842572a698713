"""Others submit operations under ids that are not theirs, and are refused: nothing of ours is closed by that."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from chaincode.contracts.errors import Refused
from chaincode.contracts.execution import registered
from portal.books import records
from portal.books.models import Balance, Reservation
from portal.custody.ownership import SignatureNeeded
from portal.governance import approving, asking
from portal.governance.models import GovernedRequest, RequestState
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.operations import text_of
from tests.support.outbox.bank import Bank, wish
from tests.support.outbox.market import CREDIT
from tests.support.people import People
from wire import signing
from wire.codec import encode
from wire.ledger.blocks import TransactionBody
from wire.ledger.operations import AskPayout, CreateJob, Mint, RefusePayout, operation_text
from wire.ledger.refusals import Refusal
from wire.ledger.states import PayoutState
from wire.signing import SigningKey

pytestmark = pytest.mark.django_db


def submit(bank: Bank, by: SigningKey, text: str) -> str:
    """Submit an operation without the recorder, and return the ledger's reason."""
    body = TransactionBody(transaction_id=uuid4().hex, timestamp_ms=bank.clock.ms(), operations=(text,))
    (result,) = bank.ledger.submit(by.sign(encode(body), signing.TRANSACTION)).results
    return result.reason


def refusals(monkeypatch: pytest.MonkeyPatch, kind: str, code: Refusal) -> Callable[[], None]:
    """Let the contract refuse a kind until what is returned is called."""

    def refuse(_ctx: object, _arguments: object) -> None:
        raise Refused(code)

    known = registered.TRANSACTIONS[kind]
    broken = type(known)(arguments=known.arguments, reads=known.reads, apply=refuse)
    monkeypatch.setitem(registered.TRANSACTIONS, kind, broken)
    return lambda: monkeypatch.setitem(registered.TRANSACTIONS, kind, known)


def reserve(people: People, job_id: str) -> Balance:
    rows = Balance.objects.filter(account_id=str(people.developer.id))
    Reservation.objects.create(job_id=job_id, account_id=str(people.developer.id), amount_micro=10 * CREDIT)
    rows.update(reserved_micro=10 * CREDIT)
    return rows.get()


def test_a_participant_s_refusal_closes_no_row_of_the_controller_s(bank: Bank, people: People) -> None:
    market = bank.market()
    thief = bank.owns(people.stranger)
    job_id = market.creates()
    balance = reserve(people, job_id)
    row = OutboxOperation.objects.get(operation_id=f"job.create:{job_id}")

    assert submit(bank, thief, text_of(row.body)) == "not_authorised"
    bank.follow()

    row.refresh_from_db()
    balance.refresh_from_db()
    assert (row.state, balance.reserved_micro) == (OutboxState.PENDING, 10 * CREDIT)
    bank.settle()
    row.refresh_from_db()
    balance.refresh_from_db()
    assert (row.state, balance.reserved_micro) == (OutboxState.COMMITTED, 0)


def test_a_participant_s_refusal_closes_no_request(bank: Bank, people: People) -> None:
    thief = bank.owns(people.stranger)
    request = bank.approve_twice(bank.asks_top_up(people.developer))
    bank.signers["treasury"].step()
    mint = Mint(account_id=str(people.stranger.id), amount_micro=1, reference="mine")

    assert submit(bank, thief, operation_text(f"account.mint:{request.id}", mint)) == "not_authorised"
    bank.follow()

    request.refresh_from_db()
    assert request.state == RequestState.PROPOSED
    bank.sign()
    request.refresh_from_db()
    assert request.state == RequestState.DONE


def test_a_creation_that_waits_for_another_attempt_keeps_its_reservation(
    bank: Bank, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = bank.market()
    job_id = market.creates()
    balance = reserve(people, job_id)
    allow = refusals(monkeypatch, CreateJob.kind, Refusal.EARLIER_ATTEMPT_OPEN)
    bank.settle()

    balance.refresh_from_db()
    assert OutboxOperation.objects.get(operation_id=f"job.create:{job_id}").state == OutboxState.PENDING
    assert balance.reserved_micro == 10 * CREDIT

    allow()
    bank.clock.forward(minutes=1)
    bank.settle()
    balance.refresh_from_db()
    assert balance.reserved_micro == 0


def test_a_payout_whose_refusal_failed_is_refused_again(
    bank: Bank, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.give(people.developer, 10)
    request = bank.asks_payout(people.developer, 4)
    allow = refusals(monkeypatch, RefusePayout.kind, Refusal.NOT_AUTHORISED)
    refuse(bank, request, people)
    assert request.state == RequestState.FAILED
    assert bank.balance(people.developer).held_micro == 4 * CREDIT

    allow()
    refuse(bank, request, people)

    assert request.state == RequestState.REFUSED
    assert bank.balance(people.developer).available_micro == 10 * CREDIT
    held = records.payout(request.payout_id or "")
    assert held is not None
    assert held.state is PayoutState.REFUSED
    assert sorted(request.signatures.values_list("operation_id", flat=True)) == [
        f"payout.refuse:{request.id}",
        f"payout.refuse:{request.id}:2",
    ]


def refuse(bank: Bank, request: GovernedRequest, people: People) -> None:
    request.refresh_from_db()
    approving.refuse(request, by=people.administrator, reason="no such account", now=bank.clock())
    bank.sign()
    request.refresh_from_db()


def test_a_payout_whose_operation_was_set_aside_is_withdrawn(
    bank: Bank, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.give(people.developer, 10)
    key = bank.owns(people.developer)
    order = wish(4)
    with pytest.raises(SignatureNeeded) as needed:
        asking.ask_payout(people.developer, wish=order, now=bank.clock())
    refusals(monkeypatch, AskPayout.kind, Refusal.RAISED)
    bank.send(key, needed.value.fields["operation"][0])

    request = GovernedRequest.objects.get()
    assert OutboxOperation.objects.get(kind=AskPayout.kind).state == OutboxState.SET_ASIDE
    assert request.state == RequestState.OPENING
    assert asking.needs_signature(request)
    asking.withdraw(request, by=people.developer, now=bank.clock())
    assert request.state == RequestState.REFUSED
