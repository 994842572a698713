"""The example of ChainFaaS, implementation chapter, number for number, as its four people see it through the API.

Before JOB6 and JOB7 Bob, Alice, James and Kate have 600 each. JOB6, Bob's function on Alice's machine, ran 12 s, which
cost 12, and was received. JOB7, James' function on Kate's, has run and was not received yet.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
from django.test import Client

from ledger.embedded.ledger import EmbeddedWriter
from ledger.ports import Ledger
from portal.accounts import operations as accounts
from portal.accounts.models import Account, Role
from portal.books.follower import Follower
from portal.governance.settling import settle_requests
from portal.keys import KeyName
from portal.outbox import leadership
from portal.outbox.recorder import Recorder
from tests.support.fabric.network import running_network
from tests.support.outbox.market import CREDIT, ManualClock, Market, genesis, signing_keys
from tests.support.people import newcomer
from tests.support.waiting import wait_for
from wire.ledger.operations import Mint
from wire.ledger.records import FeePolicy

_EVERYBODY_HAS = 600
_NO_FEES = FeePolicy(version=1, platform_ppm=0, peers_ppm=0)


class Example:
    """The portal's database, a ledger without fees, and what brings the one to the other."""

    def __init__(self, ledger: Ledger, clock: ManualClock) -> None:
        self._ledger = ledger
        term = leadership.take_over(leadership.RECORDER, now=clock())
        self._recorder = Recorder(ledger=ledger, key=signing_keys()[KeyName.RECORDER], term=term, clock=clock)
        self._follower = Follower(ledger=ledger, term=term, listeners=[settle_requests])
        self._clock = clock
        self.people = {
            name: self._signs_up(name, role)
            for name, role in {
                "bob": Role.DEVELOPER,
                "alice": Role.PROVIDER,
                "james": Role.DEVELOPER,
                "kate": Role.PROVIDER,
            }.items()
        }

    def market_of(self, developer: str, provider: str) -> Market:
        """Let two people do business: 600 for each, the developer's in deposit."""
        market = Market(clock=self._clock, developer_id=self.people[developer].id, owner_id=self.people[provider].id)
        market.opens(deposit=_EVERYBODY_HAS * CREDIT)
        money = Mint(
            account_id=str(market.owner_id), amount_micro=_EVERYBODY_HAS * CREDIT, reference=f"bank-{provider}"
        )
        market.enqueue(money, money.reference, KeyName.TREASURY)
        market.approves(money.reference)
        return market

    def settle(self) -> None:
        """Bring everything to the ledger and back."""

        def done() -> bool:
            moved = self._recorder.step() or self._follower.step()
            return not moved and self._follower.block + 1 == self._ledger.height

        wait_for("everything to be on the ledger and back", done, 60)

    def asks(self, person: str, path: str) -> dict[str, Any]:
        """Return what the API answers to somebody."""
        token = accounts.make_token(self.people[person], name="test", now=self._clock()).text
        client = Client(headers={"Authorization": f"Bearer {token}"}, SERVER_NAME="localhost")
        answer: dict[str, Any] = client.get(f"/api/v1/{path}", secure=True).json()
        return answer

    def has(self, person: str) -> int:
        """Return all that somebody owns, in whole credits."""
        money = self.asks(person, "account/balance")
        owned, rest = divmod(money["available_micro"] + money["deposit_micro"] + money["held_micro"], CREDIT)
        assert rest == 0
        return int(owned)

    def _signs_up(self, name: str, role: Role) -> Account:
        return accounts.sign_up(newcomer(name, roles=[role], password=token_urlsafe()), now=self._clock())


class _Now(ManualClock):
    """The time: a network knows no other."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def ms(self) -> int:
        return int(self().timestamp() * 1000)


@contextmanager
def _example(ledger: str, directory: Path) -> Iterator[Example]:
    pinned = replace(genesis(), fee_policy=_NO_FEES)
    if ledger == "fabric":
        made = running_network(directory / "network", "--small", genesis=pinned.text())
        with made as network, network.ledger() as writer:
            yield Example(writer, _Now())
        return
    clock, path = ManualClock(), directory / "ledger.sqlite3"
    key = signing_keys()[KeyName.BLOCK]
    with EmbeddedWriter.open(path, block_key=key, genesis=pinned, clock=clock.ms) as writer:
        yield Example(writer, clock)


@pytest.fixture
def example(db: None, tmp_path: Path, ledger: str) -> Iterator[Example]:  # noqa: ARG001 - a fixture
    with _example(ledger, tmp_path) as made:
        yield made


# On Fabric it has a network of its own: its ledger is without fees.
@pytest.mark.timeout(300)
@pytest.mark.parametrize("ledger", ["embedded", pytest.param("fabric", marks=pytest.mark.long)], indirect=True)
def test_job6_is_paid_with_12_and_job7_waits_to_be_received(example: Example) -> None:
    first, second = example.market_of("bob", "alice"), example.market_of("james", "kate")
    example.settle()
    assert [example.has(person) for person in example.people] == [600, 600, 600, 600]

    job6, job7 = first.creates(), second.creates()
    first.receipts(job6, run_ms=12_000)
    first.confirms(job6, observed_ms=12_100)
    second.receipts(job7, run_ms=12_000)
    example.settle()

    assert {person: example.has(person) for person in example.people} == {
        "bob": 588,
        "alice": 612,
        "james": 600,
        "kate": 600,
    }
    paid, waiting = (
        example.asks(person, f"ledger/jobs/{job}")["record"] for person, job in (("alice", job6), ("james", job7))
    )
    assert (paid["billed_ms"], paid["cost_micro"]) == (12_000, 12 * CREDIT)
    assert (paid["received"], paid["payment_done"], paid["state"]) == (True, True, "settled")
    assert (waiting["received"], waiting["payment_done"], waiting["state"]) == (False, False, "receipted")

    second.confirms(job7, observed_ms=12_100)
    example.settle()

    assert {person: example.has(person) for person in ("james", "kate")} == {"james": 588, "kate": 612}
    paid = example.asks("kate", f"ledger/jobs/{job7}")["record"]
    assert (paid["received"], paid["payment_done"]) == (True, True)
