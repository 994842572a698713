"""Everything between a request and the ledger in one place: recorder, follower and signers, turned by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ledger.testing import InMemoryLedger
from portal.accounts.models import Account
from portal.books import queries
from portal.books.follower import Follower
from portal.books.queries import AccountBalance
from portal.custody import submissions
from portal.custody.handing_over import hand_over
from portal.custody.topping_up import top_up
from portal.governance import approving, asking
from portal.governance.content import to_columns
from portal.governance.models import GovernedRequest
from portal.governance.settling import settle_requests
from portal.governance.signers.signer import SIGNERS, Signer
from portal.keys import KeyName, load_genesis, load_signing_key
from portal.outbox import leadership
from portal.outbox.recorder import Recorder
from tests.support.outbox.market import CREDIT, ManualClock, Market
from tests.support.people import People
from wire import signing
from wire.ledger.operations import ConfirmResult
from wire.money import Micro
from wire.signing import SigningKey


class Bank:
    """A ledger in memory with the keys of a keys directory, and the processes around it."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.clock = ManualClock()
        self.ledger = InMemoryLedger(
            genesis=load_genesis(), block_key=load_signing_key(KeyName.BLOCK), clock=self.clock.ms
        )
        term = leadership.take_over(leadership.RECORDER, now=self.clock())
        key = load_signing_key(KeyName.RECORDER)
        self._recorder = Recorder(ledger=self.ledger, key=key, term=term, clock=self.clock)
        self._follower = Follower(ledger=self.ledger, term=term, listeners=[settle_requests])
        self.signers = {name: self.signer(name) for name in SIGNERS}
        self.settle()

    def signer(self, name: str) -> Signer:
        """Return a signer as its process makes it."""
        return Signer(name=name, key=load_signing_key(SIGNERS[name]), clock=self.clock)

    def settle(self) -> None:
        """Turn recorder and follower until neither finds anything to do."""
        while self._recorder.step() or self._follower.step():
            pass

    def follow(self) -> None:
        """Turn the follower alone until it has read all blocks."""
        while self._follower.step():
            pass

    def sign(self) -> None:
        """Turn everything until nobody finds anything to do."""
        for _ in range(20):
            self.settle()
            if not sum(signer.step() for signer in self.signers.values()):
                return
        raise AssertionError("the signers never come to rest")

    def give(self, account: Account, credits_: int) -> None:
        """Put available credits on an account, as who holds all keys does."""
        top_up(
            account.id,
            amount=Micro(credits_ * CREDIT),
            reference=f"gift-{uuid4().hex}",
            now=self.clock(),
            to_deposit=False,
        )
        self.settle()

    def balance(self, account: Account) -> AccountBalance:
        return queries.balance(account.id)

    def asks_top_up(self, account: Account, credits_: int = 5, request_id: UUID | None = None) -> GovernedRequest:
        return asking.ask_top_up(account, wish=wish(credits_, request_id), now=self.clock())

    def asks_payout(self, account: Account, credits_: int = 5, request_id: UUID | None = None) -> GovernedRequest:
        request = asking.ask_payout(account, wish=wish(credits_, request_id), now=self.clock())
        self.settle()
        request.refresh_from_db()
        return request

    def approve(self, request: GovernedRequest, by: Account, reference: str = "") -> GovernedRequest:
        """Let an administrator approve what they see now."""
        seen = GovernedRequest.objects.get(id=request.id)
        named = reference or f"bank-{request.id.hex[:12]}"
        return approving.approve(seen, by=by, seen=seen.digest, reference=named, now=self.clock())

    def tampers(self, request: GovernedRequest, **fields: Any) -> None:
        """Write other content into a request's row, as nobody may."""
        altered = to_columns(replace(GovernedRequest.objects.get(id=request.id).content, **fields))
        GovernedRequest.objects.filter(id=request.id).update(**altered)

    def owns(self, account: Account) -> SigningKey:
        """Hand an account over to a key of its owner's, and return that."""
        key = SigningKey.generate()
        proof = key.sign(str(account.id).encode(), signing.ENROLMENT)
        hand_over(account.id, public_key_pem=key.public.pem, proof=proof, now=self.clock())
        self.settle()
        return key

    def send(self, key: SigningKey, text: str) -> None:
        """Let an owner sign an operation and send it in, and bring it to the ledger."""
        submissions.store(submissions.verified(key.sign(text.encode(), signing.OPERATION)), now=self.clock())
        self.settle()

    def market(self, provider_id: UUID | None = None) -> Market:
        """Return a market that is open, of the developer's version on the provider's machine."""
        market = Market(
            clock=self.clock,
            keys={name: load_signing_key(name) for name in KeyName},
            developer_id=self.people.developer.id,
            owner_id=self.people.provider.id,
            provider_id=provider_id or uuid4(),
        )
        market.opens()
        self.settle()
        return market

    def mismatch(self, *, run_ms: int = 12_000, observed_ms: int = 11_000) -> str:
        """Run a job whose receipt and confirmation name different outputs, and return its id."""
        market = self.market()
        job_id = market.creates()
        market.receipts(job_id, run_ms=run_ms)
        other = ConfirmResult(job_id=job_id, output_digest="b" * 64, observed_ms=observed_ms)
        market.enqueue(other, job_id)
        self.settle()
        return job_id

    def approve_twice(self, request: GovernedRequest, reference: str = "") -> GovernedRequest:
        """Let an administrator of each organisation approve."""
        self.approve(request, self.people.administrator, reference)
        return self.approve(request, self.people.peers_administrator)


def wish(credits_: float, request_id: UUID | None = None) -> asking.Wish:
    return asking.Wish(
        request_id=request_id or uuid4(), amount=Micro(int(credits_ * CREDIT)), note="bank transfer of 20 November"
    )


@pytest.fixture
def bank(people: People, controller_keys: Path) -> Bank:  # noqa: ARG001 - a fixture
    """The way to the ledger, with the keys of this test's own directory."""
    return Bank(people)
