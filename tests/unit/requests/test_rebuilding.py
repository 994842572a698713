"""A request whose block is read while the read model is rebuilt is there afterwards."""

from contextlib import nullcontext

import pytest
from django.core.management import call_command

from portal.governance.models import GovernedRequest
from tests.support.outbox.bank import Bank
from tests.support.outbox.market import CREDIT
from tests.support.people import People
from wire.ledger.operations import AskPayout, operation_text

pytestmark = pytest.mark.django_db


def test_a_rebuild_finds_what_an_owner_asked_for_outside_the_portal(
    bank: Bank, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.give(people.developer, 10)
    owner = str(people.developer.id)
    ask = AskPayout(payout_id="rent-november", account_id=owner, amount_micro=4 * CREDIT)
    bank.send(bank.owns(people.developer), operation_text(f"payout.ask:{owner}:1", ask))
    GovernedRequest.objects.all().delete()
    monkeypatch.setattr("portal.ledgerd.management.commands.ledger.open_writer", lambda: nullcontext(bank.ledger))

    call_command("ledger", "rebuild")

    assert GovernedRequest.objects.get().payout_id == "rent-november"
