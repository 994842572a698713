"""Many calls at once: every result is right, every balance exact to the micro-credit, and the ledger proves it."""

import pytest

from deploy.demo import money
from deploy.demo.function import NAME, expected_answer, publish, push_demo_image
from deploy.demo.people import DEVELOPER, PROVIDER
from tests.acceptance.conftest import Towns
from tests.acceptance.town import Town

_CALLS = 200
_CALLERS = 8


@pytest.mark.timeout(300)
def test_two_hundred_calls_by_eight_callers_are_answered_and_paid_exactly(town: Town) -> None:
    _call_and_check(town)


@pytest.mark.timeout(300)
def test_two_hundred_calls_are_answered_and_paid_exactly_on_postgresql(towns: Towns) -> None:
    _call_and_check(towns.on("postgresql", "embedded"))


def _call_and_check(town: Town) -> None:
    publish(town.developer, push_demo_image(town.market))
    bodies = [f"call {number} of many: {'word ' * (number % 50)}".encode() for number in range(_CALLS)]
    before = town.balances()

    answers = town.call_all(NAME, bodies, callers=_CALLERS)

    wrong = [answer for answer, body in zip(answers, bodies, strict=True) if answer.body != expected_answer(body)]
    assert wrong == []
    records = [town.settled(answer.job_id) for answer in answers]
    assert {record["provider_id"] for record in records} == set(town.agents)
    money.check_exact(
        town.balances(),
        money.expected_balances(before, records, developer=DEVELOPER.name, provider=PROVIDER.name),
    )
    audit = town.market.audit()
    assert audit["reconciled"]["drift_micro"] == 0
    assert audit["reconciled"]["clean"] is True
