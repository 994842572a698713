"""A job whose digests differ ends as both organisations say, and not before."""

from uuid import UUID, uuid4

import pytest

from portal.accounts.errors import AdministratorsOnly
from portal.accounts.models import Account
from portal.books.models import LedgerJob
from portal.errors import Invalid, NotThere
from portal.governance import mismatches
from portal.governance.content import Decision
from portal.governance.errors import DecisionWaits, OwnMoney
from portal.governance.models import GovernedRequest, RequestState
from tests.support.outbox.bank import Bank
from tests.support.outbox.market import CREDIT, OUTPUT
from tests.support.people import People

pytestmark = pytest.mark.django_db


def decision(job_id: str, pay_ms: int = 11_000, reason: str = "the log shows it") -> Decision:
    return Decision(job_id=job_id, pay_ms=pay_ms, note=reason)


def decide(by: Account, said: Decision, bank: Bank, request_id: UUID | None = None) -> GovernedRequest:
    return mismatches.propose_decision(by, decision=said, request_id=request_id or uuid4(), now=bank.clock())


def state_of(job_id: str) -> str:
    return LedgerJob.objects.get(id=job_id).state


def test_a_mismatch_shows_what_speaks_for_either_side(bank: Bank) -> None:
    job_id = bank.mismatch()

    shown = mismatches.mismatch(job_id)

    assert [row.id for row in mismatches.open_mismatches()] == [job_id]
    assert (shown.job.record["receipt_digest"], shown.job.record["confirm_digest"]) == (OUTPUT, "b" * 64)
    assert (shown.receipt["run_ms"], shown.receipt["output_digest"]) == (12_000, OUTPUT)
    assert (shown.as_claimed.cost_micro, shown.as_billed.cost_micro) == (12 * CREDIT, 11 * CREDIT)
    assert shown.as_billed.released_micro == 9 * CREDIT
    assert shown.as_billed.provider_micro + shown.as_billed.fees_micro == 11 * CREDIT


@pytest.mark.parametrize(("pay_ms", "state", "deposit"), [(11_000, "settled", 589), (0, "failed", 600)])
def test_a_decision_pays_or_releases_once_two_organisations_approved(
    bank: Bank, people: People, pay_ms: int, state: str, deposit: int
) -> None:
    job_id = bank.mismatch()

    request = decide(people.administrator, decision(job_id, pay_ms), bank)
    bank.sign()
    assert state_of(job_id) == "mismatch"
    assert bank.balance(people.developer).held_micro == 20 * CREDIT
    bank.approve(request, people.peers_administrator)
    bank.sign()

    assert state_of(job_id) == state
    money = bank.balance(people.developer)
    assert (money.deposit_micro, money.held_micro) == (deposit * CREDIT, 0)
    assert LedgerJob.objects.get(id=job_id).record["reason"] == "the log shows it"
    assert not mismatches.open_mismatches().exists()


def test_one_decision_waits_at_a_time_and_a_refused_one_makes_room(bank: Bank, people: People) -> None:
    job_id = bank.mismatch()
    same = uuid4()
    first = decide(people.administrator, decision(job_id), bank, same)
    assert decide(people.administrator, decision(job_id), bank, same) == first
    shown = mismatches.mismatch(job_id).decision
    assert shown == first

    with pytest.raises(DecisionWaits):
        decide(people.peers_administrator, decision(job_id, 0), bank)
    GovernedRequest.objects.filter(id=first.id).update(state=RequestState.REFUSED, ended_at=bank.clock())
    assert decide(people.peers_administrator, decision(job_id, 0), bank)


@pytest.mark.parametrize(
    ("pay_ms", "reason", "field"), [(12_001, "x", "pay_ms"), (-1, "x", "pay_ms"), (0, " ", "reason")]
)
def test_a_decision_makes_sense(bank: Bank, people: People, pay_ms: int, reason: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        decide(people.administrator, decision(bank.mismatch(), pay_ms, reason), bank)
    assert list(refused.value.fields) == [field]


def test_only_administrators_decide_and_only_on_jobs_of_others(bank: Bank, people: People) -> None:
    job_id = bank.mismatch()
    for person in (people.developer, people.provider, people.peer, people.stranger):
        with pytest.raises(AdministratorsOnly):
            decide(person, decision(job_id), bank)
    for party in (people.developer, people.provider):
        Account.objects.filter(id=party.id).update(is_staff=True, organisation="controller")
        party.refresh_from_db()
        with pytest.raises(OwnMoney):
            decide(party, decision(job_id), bank)
    assert not GovernedRequest.objects.exists()


def test_what_is_no_mismatch_is_not_decided(bank: Bank, people: People) -> None:
    market = bank.market()
    (settled,) = market.runs()
    bank.settle()
    for job_id in (settled, "none"):
        with pytest.raises(NotThere):
            mismatches.mismatch(job_id)
        with pytest.raises(NotThere):
            decide(people.administrator, decision(job_id), bank)


def test_a_decision_that_was_altered_is_not_signed(bank: Bank, people: People) -> None:
    job_id = bank.mismatch()
    request = decide(people.administrator, decision(job_id, 0), bank)
    bank.approve(request, people.peers_administrator)
    bank.tampers(request, pay_ms=12_000)
    bank.sign()

    request.refresh_from_db()
    assert (request.state, state_of(job_id)) == (RequestState.FAILED, "mismatch")
