"""Owners take back what they asked for, and ask with keys of their own."""

from uuid import uuid4

import pytest

from portal.custody.ownership import SignatureNeeded
from portal.governance import asking
from portal.governance.content import RequestKind
from portal.governance.errors import NotWithdrawable, RequestMovedOn
from portal.governance.models import GovernedRequest, RequestState
from tests.support.outbox.bank import Bank, wish
from tests.support.outbox.market import CREDIT
from tests.support.people import People
from wire.ledger.operations import AskPayout, operation_text

pytestmark = pytest.mark.django_db


def test_a_top_up_is_withdrawn_until_both_approved(bank: Bank, people: People) -> None:
    first, second, third = (bank.asks_top_up(people.developer) for _ in range(3))
    bank.approve(second, people.administrator)
    bank.approve_twice(third)

    for request in (first, second):
        request.refresh_from_db()
        asking.withdraw(request, by=people.developer, now=bank.clock())
        assert (request.state, request.reason) == (RequestState.REFUSED, asking.WITHDRAWN)
        assert request.is_withdrawn
    third.refresh_from_db()
    with pytest.raises(NotWithdrawable):
        asking.withdraw(third, by=people.developer, now=bank.clock())
    with pytest.raises(RequestMovedOn):
        bank.approve(second, people.peers_administrator)


def test_a_withdrawn_payout_is_available_again(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    request = bank.asks_payout(people.developer, 4)

    asking.withdraw(request, by=people.developer, now=bank.clock())
    assert request.state == RequestState.REFUSING
    bank.sign()

    request.refresh_from_db()
    assert request.is_withdrawn
    assert bank.balance(people.developer).available_micro == 10 * CREDIT


def test_a_payout_that_an_administrator_may_have_paid_is_not_withdrawn(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    request = bank.asks_payout(people.developer, 4)
    bank.approve(request, people.administrator)

    request.refresh_from_db()
    with pytest.raises(NotWithdrawable):
        asking.withdraw(request, by=people.developer, now=bank.clock())
    assert bank.balance(people.developer).held_micro == 4 * CREDIT


def test_an_approval_between_reading_and_withdrawing_wins(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    request = bank.asks_payout(people.developer, 4)
    bank.approve(request, people.administrator)

    # As it was read before.
    with pytest.raises(RequestMovedOn):
        asking.withdraw(request, by=people.developer, now=bank.clock())


def test_nobody_withdraws_what_others_asked_for(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    for person in (people.stranger, people.provider, people.administrator):
        with pytest.raises(RequestMovedOn):
            asking.withdraw(request, by=person, now=bank.clock())
    request.refresh_from_db()
    assert request.state == RequestState.ASKED


def text_to_sign(needed: SignatureNeeded) -> str:
    return needed.fields["operation"][0]


def test_an_owner_with_a_key_of_its_own_signs_the_payout_that_it_asks_for(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    key = bank.owns(people.developer)
    order = wish(4)
    with pytest.raises(SignatureNeeded) as needed:
        asking.ask_payout(people.developer, wish=order, now=bank.clock())
    request = GovernedRequest.objects.get()
    assert request.state == RequestState.OPENING

    bank.send(key, text_to_sign(needed.value))

    again = asking.ask_payout(people.developer, wish=order, now=bank.clock())
    assert (again.id, again.state, again.content.note) == (request.id, RequestState.ASKED, order.note)
    bank.approve_twice(again)
    bank.sign()
    again.refresh_from_db()
    assert again.state == RequestState.DONE


def test_a_payout_that_was_never_signed_is_withdrawn_and_asked_anew_when_it_is(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    key = bank.owns(people.developer)
    with pytest.raises(SignatureNeeded) as needed:
        asking.ask_payout(people.developer, wish=wish(4), now=bank.clock())
    request = asking.withdraw(GovernedRequest.objects.get(), by=people.developer, now=bank.clock())
    assert request.is_withdrawn

    bank.send(key, text_to_sign(needed.value))

    found = GovernedRequest.objects.get(state=RequestState.ASKED)
    assert (found.amount_micro, found.account) == (4 * CREDIT, people.developer)


@pytest.mark.parametrize("payout_id", [str(uuid4()), "rent-november"])
def test_a_payout_that_was_signed_outside_has_its_request(bank: Bank, people: People, payout_id: str) -> None:
    bank.give(people.developer, 10)
    key = bank.owns(people.developer)
    owner = str(people.developer.id)
    ask = AskPayout(payout_id=payout_id, account_id=owner, amount_micro=4 * CREDIT)
    bank.send(key, operation_text(f"payout.ask:{owner}:1", ask))

    request = GovernedRequest.objects.get()
    assert (request.kind, request.state, request.amount_micro, request.content.note) == (
        RequestKind.PAYOUT,
        RequestState.ASKED,
        4 * CREDIT,
        "",
    )
    bank.approve_twice(request)
    bank.sign()
    request.refresh_from_db()
    assert request.state == RequestState.DONE, request.reason
    assert bank.balance(people.developer).held_micro == 0


def test_who_takes_another_s_payout_id_takes_nothing_else(bank: Bank, people: People) -> None:
    for person in (people.developer, people.stranger):
        bank.give(person, 10)
    key, thief = bank.owns(people.stranger), str(people.stranger.id)
    bank.owns(people.developer)
    with pytest.raises(SignatureNeeded):
        asking.ask_payout(people.developer, wish=wish(4), now=bank.clock())
    request = GovernedRequest.objects.get()

    ask = AskPayout(payout_id=str(request.id), account_id=thief, amount_micro=4 * CREDIT)
    bank.send(key, operation_text(f"payout.ask:{thief}:1", ask))

    assert GovernedRequest.objects.get(account=people.stranger).state == RequestState.ASKED
    request.refresh_from_db()
    assert request.state == RequestState.OPENING
