"""An operator's page and the administrators': before anything happened, and with epochs behind them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal import composition
from portal.accounts.models import Account
from portal.books.models import LedgerBlock, LedgerEvent, LedgerTransaction, WorldState
from portal.membership.testing import InMemoryRegistrar
from portal.peers import operations
from portal.peers.models import JoinCode
from portal.peers.statements import read_join_application
from tests.integration.web.conftest import Browser
from tests.support.people import NOW, People
from tests.support.portal.joining import JoiningMachine, known_network
from wire.codec import encode
from wire.ledger import state_keys
from wire.ledger.clocks import EPOCH_MS
from wire.ledger.records import Epoch, OperatorRecord

pytestmark = pytest.mark.django_db
EPOCH = int(NOW.timestamp() * 1000) // EPOCH_MS


@pytest.fixture
def petra(people: People, browser: Callable[[Account], Browser]) -> Browser:
    return browser(people.peer)


def joins(people: People) -> JoiningMachine:
    machine, code = JoiningMachine(), operations.create_join_code(people.peer, now=NOW).text
    application = read_join_application(code, machine.statement(code))
    operations.join(application, network=known_network(InMemoryRegistrar()), now=NOW)
    return machine


def ledger_says(people: People, *events: tuple[str, dict[str, object]]) -> None:
    """Let the ledger have taken the operator in, and told of these events."""
    started = int((NOW - timedelta(days=1)).timestamp() * 1000)
    operator = OperatorRecord(operator_id=str(people.peer.id), key_id="k", registered_at_ms=started)
    epoch = Epoch(number=EPOCH, block_number=7, block_hash="a" * 64, checkpointed_at_ms=started + 1)
    for key, record in ((state_keys.operator(str(people.peer.id)), operator), (state_keys.epoch(), epoch)):
        WorldState.objects.create(key=key, value=encode(record).decode())
    block = LedgerBlock.objects.create(
        number=1, hash="b" * 64, previous_hash="", at=NOW, transaction_count=1, operation_count=1
    )
    transaction = LedgerTransaction.objects.create(
        id="tx", block=block, position=0, creator="c", at=NOW, operation_count=1
    )
    for name, body in events:
        LedgerEvent.objects.create(transaction=transaction, name=name, subject=str(people.peer.id), body=body, at=NOW)


def test_a_new_operator_is_told_how_to_begin(petra: Browser, people: People) -> None:
    page = petra.text("/peers")
    assert "You have no peer yet." in page
    assert "Not an operator yet" in page
    assert "Get a code" in petra.text("/new-peer")

    made = petra.post("/new-peer")

    command = made.content.decode()
    assert "fabric-network/join " in command
    assert JoinCode.objects.get().owner == people.peer
    assert "Codes that are not used yet" in petra.text("/peers")


def test_nobody_but_a_peer_gets_a_code(browser: Callable[[Account], Browser], people: People) -> None:
    for account in (people.developer, people.stranger, people.administrator):
        assert browser(account).get("/new-peer").status_code == 403
        assert browser(account).post("/new-peer").status_code == 403
    assert not JoinCode.objects.exists()


def test_an_operator_that_joined_waits_for_both_organisations(petra: Browser, people: People) -> None:
    joins(people)

    page = petra.text("/peers")

    assert "An administrator of each organisation has to take you in" in page
    assert "peer.example" in page


def test_an_administrator_expels_an_operator(
    people: People, browser: Callable[[Account], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    registrar, address = InMemoryRegistrar(), f"/administration/peers/{people.peer.id}/expel"
    monkeypatch.setattr(composition, "registrar", lambda: registrar)
    joins(people)
    administrator = browser(people.administrator)
    assert address in administrator.text("/administration/peers")
    for account in (people.peer, people.developer, people.stranger):
        assert browser(account).post(address).status_code == 403
    assert not registrar.expelled

    assert administrator.post(address).status_code == 302

    assert len(registrar.expelled) == 2
    page = administrator.text("/administration/peers")
    assert "is expelled" in page
    assert "No peer has joined yet" in page


def test_epochs_show_height_and_share(petra: Browser, people: People, browser: Callable[[Account], Browser]) -> None:
    joins(people)
    said = {"epoch": EPOCH, "height": 4711, "block_hash": "a" * 64, "agrees": True}
    ledger_says(people, ("epoch.attested.v1", said), ("epoch.paid.v1", {"epoch": EPOCH, "amount_micro": 1_250_000}))

    page = petra.text("/peers")
    everything = browser(people.administrator).text("/administration/peers")

    for text in (page, everything):
        assert "4711" in text
        assert "attested" in text
        assert "1.25" in text
    assert "Share of the commission" in petra.text("/money")
    assert "Alarms" not in everything


def test_a_contradiction_is_an_alarm_for_administrators(
    petra: Browser, people: People, browser: Callable[[Account], Browser]
) -> None:
    joins(people)
    said = {"epoch": EPOCH, "height": 9, "block_hash": "f" * 64, "agrees": False}
    ledger_says(people, ("epoch.contradicted.v1", said))

    everything = browser(people.administrator).text("/administration/peers")

    assert "Alarms" in everything
    assert "f" * 64 in everything
    assert "contradicted" in everything
    assert "another block than the controller" in petra.text("/peers")


def test_administrators_see_that_there_are_no_peers(browser: Callable[[Account], Browser], people: People) -> None:
    page = browser(people.administrator).text("/administration/peers")

    assert "No peer has joined yet." in page
    assert "No epoch has begun" in page


def test_the_request_shows_what_both_organisations_decide(
    browser: Callable[[Account], Browser], people: People
) -> None:
    machine = joins(people)

    page = browser(people.administrator).text("/administration/requests")

    assert "Peer operator" in page
    assert machine.operator.public.key_id in page
