"""Requests: two administrators of different organisations, signers, and what the ledger makes of it."""

from uuid import uuid4

import pytest

from portal.accounts.errors import AdministratorsOnly
from portal.accounts.models import Account
from portal.books import records
from portal.errors import Invalid
from portal.governance import approving, asking, proposing, storing
from portal.governance.errors import (
    ApprovedBefore,
    NoOrganisation,
    OwnMoney,
    ReferenceUsed,
    RequestMovedOn,
    TooManyRequests,
)
from portal.governance.models import GovernedRequest, RequestSignature, RequestState
from portal.outbox.models import OutboxOperation
from tests.support.outbox.bank import Bank, wish
from tests.support.outbox.market import CREDIT
from tests.support.people import People
from wire.money import MAX_MICRO

pytestmark = pytest.mark.django_db


def state_of(request: GovernedRequest) -> str:
    return GovernedRequest.objects.get(id=request.id).state


def test_a_top_up_is_minted_once_two_organisations_approved(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer, 5)
    bank.sign()
    assert state_of(request) == RequestState.ASKED

    assert bank.approve(request, people.administrator, "bank-1").state == RequestState.APPROVED_ONCE
    bank.sign()
    assert RequestSignature.objects.count() == 0
    assert bank.approve(request, people.peers_administrator).state == RequestState.APPROVED
    bank.sign()

    assert state_of(request) == RequestState.DONE
    assert bank.balance(people.developer).available_micro == 5 * CREDIT
    assert records.reference_used("bank-1")
    signed = RequestSignature.objects.filter(request=request).values_list("signer", flat=True)
    assert sorted(signed) == ["authority-controller", "authority-peers", "treasury"]


def test_a_payout_is_held_at_once_and_burned_once_approved(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)

    request = bank.asks_payout(people.developer, 4)
    assert request.state == RequestState.ASKED
    assert bank.balance(people.developer).held_micro == 4 * CREDIT
    bank.approve_twice(request)
    bank.sign()

    assert state_of(request) == RequestState.DONE
    money = bank.balance(people.developer)
    assert (money.available_micro, money.held_micro) == (6 * CREDIT, 0)


def test_fees_change_with_both_organisations(bank: Bank, people: People) -> None:
    request = proposing.propose_fees(
        people.peers_administrator, platform_ppm=10_000, peers_ppm=5_000, request_id=uuid4(), now=bank.clock()
    )
    assert request.state == RequestState.APPROVED_ONCE
    bank.approve(request, people.administrator)
    bank.sign()

    assert state_of(request) == RequestState.DONE
    policy = records.fee_policy()
    assert policy is not None
    assert (policy.version, policy.platform_ppm, policy.peers_ppm) == (2, 10_000, 5_000)
    assert [view.version for view in records.fee_history()] == [2, 1]


def test_a_second_fee_policy_for_the_same_version_is_refused_by_the_ledger(bank: Bank, people: People) -> None:
    requests = [
        proposing.propose_fees(
            people.administrator, platform_ppm=ppm, peers_ppm=0, request_id=uuid4(), now=bank.clock()
        )
        for ppm in (1, 2)
    ]
    for request in requests:
        bank.approve(request, people.peers_administrator)
        bank.sign()

    assert [state_of(request) for request in requests] == [RequestState.DONE, RequestState.FAILED]
    requests[1].refresh_from_db()
    assert "expected 3" in requests[1].reason


def test_one_administrator_alone_moves_nothing(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve(request, people.administrator)

    with pytest.raises(ApprovedBefore):
        bank.approve(request, people.administrator)
    bank.sign()

    assert state_of(request) == RequestState.APPROVED_ONCE
    assert bank.balance(people.developer).available_micro == 0


def test_two_of_the_same_organisation_are_one(bank: Bank, people: People) -> None:
    colleague = administrator("alan", "controller")
    request = bank.asks_top_up(people.developer)
    bank.approve(request, people.administrator)

    with pytest.raises(ApprovedBefore):
        bank.approve(request, colleague)


def test_an_administrator_of_no_organisation_approves_nothing(bank: Bank, people: People) -> None:
    with pytest.raises(NoOrganisation):
        bank.approve(bank.asks_top_up(people.developer), administrator("alan", ""))


def test_others_than_administrators_decide_nothing(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    for person in (people.developer, people.provider, people.peer, people.stranger):
        with pytest.raises(AdministratorsOnly):
            bank.approve(request, person)
        with pytest.raises(AdministratorsOnly):
            approving.refuse(request, by=person, reason="no", now=bank.clock())
        with pytest.raises(AdministratorsOnly):
            proposing.propose_fees(person, platform_ppm=0, peers_ppm=0, request_id=uuid4(), now=bank.clock())
        with pytest.raises(AdministratorsOnly):
            proposing.propose_top_up(person, account=people.provider, wish=wish(1), reference="r", now=bank.clock())
    assert state_of(request) == RequestState.ASKED


def test_nobody_decides_on_their_own_money(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.administrator)
    with pytest.raises(OwnMoney):
        bank.approve(request, people.administrator)
    with pytest.raises(OwnMoney):
        proposing.propose_top_up(
            people.administrator, account=people.administrator, wish=wish(1), reference="r", now=bank.clock()
        )
    assert GovernedRequest.objects.count() == 1


@pytest.mark.parametrize("altered", [{"amount_micro": 999}, {"note": "999"}, {"reference": "999"}])
def test_what_was_altered_between_approvals_is_not_approved(
    bank: Bank, people: People, altered: dict[str, object]
) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve(request, people.administrator)
    bank.tampers(request, **altered)

    with pytest.raises(RequestMovedOn):
        bank.approve(request, people.peers_administrator)


def test_an_approval_is_for_what_was_shown(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    seen = request.digest
    bank.tampers(request, amount_micro=999)
    request.refresh_from_db()

    with pytest.raises(RequestMovedOn):
        approving.approve(request, by=people.administrator, seen=seen, reference="r", now=bank.clock())


def test_a_payment_is_credited_once(bank: Bank, people: People) -> None:
    first, second = bank.asks_top_up(people.developer), bank.asks_top_up(people.developer)
    bank.approve(first, people.administrator, "bank-1")

    with pytest.raises(ReferenceUsed):
        bank.approve(second, people.administrator, "bank-1")


def test_asking_twice_with_the_same_id_is_one_request(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    same = uuid4()
    for _ in range(2):
        bank.asks_payout(people.developer, 4, same)

    assert GovernedRequest.objects.count() == 1
    assert bank.balance(people.developer).held_micro == 4 * CREDIT
    with pytest.raises(RequestMovedOn):
        bank.asks_payout(people.developer, 5, same)
    with pytest.raises(RequestMovedOn):
        bank.asks_payout(people.provider, 4, same)


def test_a_refused_top_up_ends_with_its_reason(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    bank.approve(request, people.administrator, "bank-1")

    approving.refuse(
        GovernedRequest.objects.get(id=request.id), by=people.peers_administrator, reason="no payment", now=bank.clock()
    )

    request.refresh_from_db()
    assert (request.state, request.reason) == (RequestState.REFUSED, "no payment")
    with pytest.raises(RequestMovedOn):
        bank.approve(request, people.peers_administrator)
    # The payment itself may still be credited.
    assert bank.approve(bank.asks_top_up(people.developer), people.administrator, "bank-1").reference == "bank-1"


def test_a_refused_payout_is_available_again(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    request = bank.asks_payout(people.developer, 4)

    approving.refuse(request, by=people.administrator, reason="wrong bank", now=bank.clock())
    assert state_of(request) == RequestState.REFUSING
    bank.sign()

    request.refresh_from_db()
    assert (request.state, request.reason) == (RequestState.REFUSED, "wrong bank")
    assert bank.balance(people.developer).available_micro == 10 * CREDIT


def test_a_payout_of_what_is_gone_meanwhile_is_refused_by_the_ledger(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    for _ in range(2):
        # Both are asked before a block shows the first.
        request = asking.ask_payout(people.developer, wish=wish(8), now=bank.clock())
    bank.sign()

    request.refresh_from_db()
    assert request.state == RequestState.REFUSED
    assert "available" in request.reason
    assert bank.balance(people.developer).held_micro == 8 * CREDIT


def test_more_than_is_available_is_not_paid_out(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    with pytest.raises(Invalid) as refused:
        bank.asks_payout(people.developer, 11)
    assert refused.value.fields == {"amount_micro": ["This is more than you have available."]}
    assert not OutboxOperation.objects.filter(kind="payout.ask").exists()


@pytest.mark.parametrize("amount", [0, -1, MAX_MICRO + 1, 2**63])
def test_an_amount_that_is_none_is_refused(bank: Bank, people: People, amount: int) -> None:
    bad = asking.Wish(request_id=uuid4(), amount=amount, note="x")  # type: ignore[arg-type] # as it came
    for ask in (asking.ask_top_up, asking.ask_payout):
        with pytest.raises(Invalid) as refused:
            ask(people.developer, wish=bad, now=bank.clock())
        assert "amount_micro" in refused.value.fields
    assert not GovernedRequest.objects.exists()


def test_nobody_floods_the_administrators(bank: Bank, people: People) -> None:
    for _ in range(storing.MOST_OPEN):
        bank.asks_top_up(people.developer)
    with pytest.raises(TooManyRequests):
        bank.asks_top_up(people.developer)
    assert bank.asks_top_up(people.provider).state == RequestState.ASKED


@pytest.mark.parametrize(("platform", "peers"), [(-1, 0), (1_000_001, 0), (600_000, 400_001)])
def test_fees_leave_the_provider_something(bank: Bank, people: People, platform: int, peers: int) -> None:
    with pytest.raises(Invalid) as refused:
        proposing.propose_fees(
            people.administrator, platform_ppm=platform, peers_ppm=peers, request_id=uuid4(), now=bank.clock()
        )
    assert refused.value.fields.keys() <= {"platform_ppm", "peers_ppm"}
    assert not GovernedRequest.objects.exists()


def administrator(name: str, organisation: str) -> Account:
    return Account.objects.create(username=name, email=f"{name}@example.org", is_staff=True, organisation=organisation)
