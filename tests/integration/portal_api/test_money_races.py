"""Two administrators, signers or owners at the same moment: each thing happens once; on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from portal.errors import PortalError
from portal.governance import approving, asking
from portal.governance.models import GovernedRequest, RequestSignature, RequestState
from portal.outbox.models import OutboxOperation
from tests.support.environment import on_postgresql
from tests.support.outbox.bank import Bank, wish
from tests.support.outbox.market import CREDIT
from tests.support.people import People

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not on_postgresql(), reason="SQLite has one writer at a time"),
]
THREADS = 6


def at_once(*acts: Any) -> list[Any]:
    """Return what each of some acts came to: a value, or the error's type."""
    together = Barrier(len(acts))

    def one(act: Any) -> Any:
        together.wait()
        try:
            return act()
        except PortalError as error:
            return type(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def approval(bank: Bank, request: GovernedRequest, by: Any) -> Any:
    mine = GovernedRequest.objects.get(id=request.id)
    seen = mine.digest
    return lambda: (
        approving.approve(mine, by=by, seen=seen, reference=f"bank-{mine.id.hex[:8]}", now=bank.clock()).state
    )


def test_two_first_approvals_at_once_are_one(bank: Bank, people: People) -> None:
    request = bank.asks_top_up(people.developer)
    acts = [approval(bank, request, by) for by in (people.administrator, people.peers_administrator) * 3]

    results = at_once(*acts)

    assert results.count(RequestState.APPROVED_ONCE) == 1
    request.refresh_from_db()
    assert request.state == RequestState.APPROVED_ONCE
    assert request.approvals.count() == 1


def test_an_approval_and_a_refusal_at_once_are_one_of_both(bank: Bank, people: People) -> None:
    for _ in range(5):
        request = bank.asks_top_up(people.developer)
        bank.approve(request, people.administrator)
        mine = GovernedRequest.objects.get(id=request.id)

        results = at_once(
            approval(bank, request, people.peers_administrator),
            lambda mine=mine: approving.refuse(mine, by=people.administrator, reason="no", now=bank.clock()).state,
        )

        request.refresh_from_db()
        assert sorted(map(str, results)).count(str(request.state)) == 1
        assert sum(isinstance(result, type) for result in results) == 1


def test_signers_of_the_same_key_at_once_sign_once(bank: Bank, people: People) -> None:
    bank.approve_twice(bank.asks_top_up(people.developer))

    results = at_once(*[bank.signer("treasury").step for _ in range(THREADS)])

    assert sum(results) == 1
    assert RequestSignature.objects.count() == 1
    assert OutboxOperation.objects.filter(kind="account.mint").count() == 1
    bank.sign()
    assert GovernedRequest.objects.get().state == RequestState.DONE


def test_a_payout_asked_for_again_and_again_at_once_is_held_once(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    same = uuid4()

    at_once(
        *[lambda: asking.ask_payout(people.developer, wish=wish(4, same), now=bank.clock()).state] * THREADS,
    )

    assert GovernedRequest.objects.count() == 1
    bank.settle()
    assert bank.balance(people.developer).held_micro == 4 * CREDIT


def test_an_approval_and_a_withdrawal_of_a_payout_at_once_are_one_of_both(bank: Bank, people: People) -> None:
    bank.give(people.developer, 10)
    for _ in range(5):
        request = bank.asks_payout(people.developer, 1)
        mine = GovernedRequest.objects.get(id=request.id)

        results = at_once(
            approval(bank, request, people.administrator),
            lambda mine=mine: asking.withdraw(mine, by=people.developer, now=bank.clock()).state,
        )

        request.refresh_from_db()
        assert request.state in {RequestState.APPROVED_ONCE, RequestState.REFUSING}
        assert sum(isinstance(result, type) for result in results) == 1
        assert request.is_withdrawn == (not request.approvals.exists())
