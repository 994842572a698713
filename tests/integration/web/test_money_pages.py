"""Money by hand: asking, approving, transferring, the deposit and back, fees, the statement as a file."""

import csv
import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from portal.accounts import operations as accounts
from portal.accounts.models import Account
from portal.books import statement_csv
from portal.books.models import LedgerEvent
from portal.governance.models import GovernedRequest, RequestState
from portal.outbox.models import OutboxOperation
from tests.integration.web.conftest import Browser
from tests.support.outbox.bank import Bank
from tests.support.outbox.market import CREDIT
from tests.support.people import People


def fields(browser: Browser, name: str, **values: str) -> dict[str, str]:
    form = browser.get("/money").context["forms"][name]
    return {"move_id": str(form["move_id"].value()), **values}


def told(browser: Browser, response: Any) -> str:
    return " ".join(browser.messages(response))


@pytest.fixture
def administrators(browser: Callable[[Account], Browser], people: People) -> tuple[Browser, Browser]:
    return browser(people.administrator), browser(people.peers_administrator)


def decide(administrator: Browser, request: GovernedRequest, **values: str) -> str:
    shown = {"digest": GovernedRequest.objects.get(id=request.id).digest, **values}
    return told(administrator, administrator.post(f"/administration/requests/{request.id}/approve", **shown))


def test_a_top_up_is_asked_for_approved_twice_and_available(
    bank: Bank, dora: Browser, administrators: tuple[Browser, Browser]
) -> None:
    ada, pia = administrators
    order = fields(dora, "top_up", amount="12.5", note="bank transfer")
    for _ in range(2):
        assert "You asked for 12.5 credits" in told(dora, dora.post("/money/top-up", **order))
    request = GovernedRequest.objects.get()
    assert "bank transfer" in ada.text("/administration/requests")

    assert "controller organisation" in decide(ada, request, reference="bank-1")
    assert "approve it, too" not in ada.text("/administration/requests")
    assert f"{request.id}/approve" not in ada.text("/administration/requests")
    assert "approved this before" in decide(ada, request)
    assert "peers organisation" in decide(pia, request)
    bank.sign()

    text = dora.text("/money")
    assert "12.5 <small>credits</small>" in text
    assert "bank-1" in text
    assert "controller, peers" in text
    assert "Nothing waits for you" in ada.text("/administration/requests")


def test_a_payout_is_held_and_given_back_with_the_reason_when_it_is_refused(
    bank: Bank, dora: Browser, people: People, administrators: tuple[Browser, Browser]
) -> None:
    bank.give(people.developer, 10)
    dora.post("/money/payout", **fields(dora, "payout", amount="4", note="DE02 1203 0000"))
    bank.settle()
    assert bank.balance(people.developer).held_micro == 4 * CREDIT
    request = GovernedRequest.objects.get()

    refused = administrators[0].post(f"/administration/requests/{request.id}/refuse", reason="unknown <bank>")
    assert "Refused" in told(administrators[0], refused)
    bank.sign()

    assert bank.balance(people.developer).available_micro == 10 * CREDIT
    text = dora.text("/money")
    assert "unknown &lt;bank&gt;" in text
    assert "Payout of 4 refused" in text


@pytest.mark.parametrize("form", ["payout", "transfer", "deposit"])
@pytest.mark.parametrize("amount", ["10.000001", "0", "-1", "", "1e3", "9223372036854.775808", "9223372036855"])
def test_what_is_not_there_does_not_move(bank: Bank, dora: Browser, people: People, form: str, amount: str) -> None:
    bank.give(people.developer, 10)
    bank.give(people.provider, 1)
    before = OutboxOperation.objects.count()
    values = {"note": "x", "to": "paul", "confirmed": "yes"}

    response = dora.post(f"/money/{form}", **fields(dora, form, amount=amount, **values))

    assert response.status_code == 422
    assert response.context["forms"][form].errors["amount"]
    assert OutboxOperation.objects.count() == before
    assert not GovernedRequest.objects.exists()


def test_a_transfer_moves_once_and_only_after_it_is_confirmed(bank: Bank, dora: Browser, people: People) -> None:
    bank.give(people.developer, 10)
    bank.give(people.provider, 1)
    order = fields(dora, "transfer", to="paul", amount="2.5")

    shown = dora.post("/money/transfer", **order)
    assert "Transfer 2.5 credits" in shown.content.decode()
    assert not OutboxOperation.objects.filter(kind="account.transfer").exists()
    for _ in range(2):
        assert "2.5 credits on the way" in told(dora, dora.post("/money/transfer", **order, confirmed="yes"))
        bank.settle()

    assert bank.balance(people.developer).available_micro == 7_500_000
    assert bank.balance(people.provider).available_micro == 3_500_000
    assert "Transferred to another account" in dora.text("/money")


def test_what_was_received_is_in_the_statement(bank: Bank, dora: Browser, paul: Browser, people: People) -> None:
    bank.give(people.developer, 10)
    bank.give(people.provider, 1)
    dora.post("/money/transfer", **fields(dora, "transfer", to="paul", amount="2.5", confirmed="yes"))
    bank.settle()

    text = paul.text("/money")
    assert "Transferred from another account" in text
    assert "+2.5" in text


@pytest.mark.parametrize(("to", "why"), [("nobody", "no account"), ("dora", "your own"), ("quinn", "never had money")])
def test_a_transfer_goes_to_an_account_that_there_is(
    bank: Bank, dora: Browser, people: People, to: str, why: str
) -> None:
    bank.give(people.developer, 10)

    response = dora.post("/money/transfer", **fields(dora, "transfer", to=to, amount="1"))

    assert response.status_code == 422
    assert why in response.content.decode()


def test_a_deposit_comes_back_after_its_notice(
    bank: Bank, dora: Browser, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.give(people.developer, 10)
    monkeypatch.setattr("django.utils.timezone.now", bank.clock)
    dora.post("/money/deposit", **fields(dora, "deposit", amount="6"))
    bank.settle()
    dora.post("/money/notice", **fields(dora, "notice", amount="4"))
    bank.settle()
    assert "You gave notice of 4 credits" in dora.text("/money")
    early = dora.post("/money/withdraw", move_id=str(uuid4()))
    assert "not over" in told(dora, early)

    bank.clock.forward(days=9, seconds=1)
    again = dora.post("/money/notice", **fields(dora, "notice", amount="1"))
    assert "running already" in told(dora, again)
    assert "on the way" in told(dora, dora.post("/money/withdraw", move_id=str(uuid4())))
    bank.settle()

    money = bank.balance(people.developer)
    assert (money.available_micro, money.deposit_micro) == (8 * CREDIT, 2 * CREDIT)
    assert "Took 4 back from the deposit" in dora.text("/money")


def test_fees_are_proposed_in_percent_and_stand_once_both_approved(
    bank: Bank, administrators: tuple[Browser, Browser]
) -> None:
    ada, pia = administrators
    order = {"platform": "2.5", "peers": "1", "move_id": str(uuid4())}

    assert "Proposed" in told(ada, ada.post("/administration/fees/propose", **order))
    assert "2.5 %" in pia.text("/administration/requests")
    decide(pia, GovernedRequest.objects.get())
    bank.sign()

    text = ada.text("/administration/fees")
    assert "2.5 %" in text
    assert "the first block" in text
    response = ada.post("/administration/fees/propose", **order | {"platform": "99.5", "move_id": str(uuid4())})
    assert response.status_code == 422
    assert "more than the whole cost" in response.content.decode()


def test_a_statement_is_a_file_that_no_spreadsheet_runs(bank: Bank, dora: Browser, people: People) -> None:
    accounts.set_time_zone(people.developer, time_zone="Europe/Berlin")
    bank.give(people.developer, 10)
    event = LedgerEvent.objects.get(name="account.minted.v1")
    event.body |= {"reference": '=HYPERLINK("https://evil.example")'}
    event.save()

    answer = dora.get("/money/statement.csv")

    assert answer.streaming
    assert answer.headers["Content-Disposition"] == 'attachment; filename="statement.csv"'
    (row,) = csv.DictReader(io.StringIO(b"".join(answer).decode()))
    assert row["about"].startswith("'=HYPERLINK")
    assert (row["what"], row["credits"]) == ("minted", "10")
    assert row["time_utc"] == "2026-11-21T12:00:00.000+00:00"
    assert row["time_local"] == "2026-11-21T13:00:00.000+01:00"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert statement_csv.harmless(text) == f"'{text}"
    assert statement_csv.harmless("bank-1") == "bank-1"


def test_a_statement_has_every_movement_once_and_an_end(
    bank: Bank, dora: Browser, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        bank.give(people.developer, 1)
    monkeypatch.setattr("portal.books.statement_csv.MOST_AT_ONCE", 2)
    rows = b"".join(dora.get("/money/statement.csv")).decode().splitlines()
    assert len(set(rows)) == len(rows) == 6

    monkeypatch.setattr(statement_csv, "MOST_LINES", 3)
    assert len(b"".join(dora.get("/money/statement.csv")).splitlines()) == 5
    before = rows[3].rpartition(",")[2]
    assert len(b"".join(dora.get(f"/money/statement.csv?before={before}")).splitlines()) == 3


def test_a_refused_payout_that_could_not_be_done_is_given_back(
    bank: Bank, people: People, administrators: tuple[Browser, Browser]
) -> None:
    bank.give(people.developer, 10)
    request = bank.asks_payout(people.developer, 4)
    GovernedRequest.objects.filter(id=request.id).update(state=RequestState.FAILED, ended_at=bank.clock())
    ada, _ = administrators
    assert "Give it back" in ada.text("/administration/decided")

    ada.post(f"/administration/requests/{request.id}/refuse", reason="It could not be done.")
    bank.sign()

    assert bank.balance(people.developer).available_micro == 10 * CREDIT
