"""Whatever a provider says, once its invocation has ended nothing of the developer's money stays held on the ledger.

The scheduler's own logic, the store in the database, the outbox and the contracts; only the broker is in memory.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone

from ledger.testing import InMemoryLedger
from portal.accounts.models import Account as Person
from portal.books.follower import Follower
from portal.governance.settling import settle_requests
from portal.invocations.store import DjangoStore
from portal.keys import KeyName
from portal.moments import moment
from portal.outbox import leadership
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.recorder import Recorder
from portal.providers.models import Provider
from scheduler.specs import ProviderSpec, VersionSpec
from scheduler.store.changes import Change, Verdict
from scheduler.store.ports import SeenProvider, TakeOver
from scheduler.store.testing import InMemoryStore
from tests.integration.invocations.test_store_in_database import InsideDatabase
from tests.support.outbox.market import CREDIT, Market, genesis, signing_keys
from tests.support.scheduling.marketplace import FakeProvider, ManualClock
from tests.support.scheduling.stage import Stage
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.operations import RegisterProvider
from wire.ledger.records import AccountRecord, InvocationRecord, JobRecord
from wire.messages import Finished, InvocationReply, InvocationRequest, JobRefused
from wire.outcomes import ExitState, RefusalReason
from wire.signing import SigningKey

T = TypeVar("T")
pytestmark = pytest.mark.django_db(transaction=True)

#: What a hostile provider answers to a ticket; None: nothing.
Lie = Callable[[FakeProvider, str], Finished | JobRefused | None]
LIES: dict[str, Lie] = {
    "crashed in no time": lambda who, ticket: who.finished(ticket, exit_state=ExitState.CRASHED, run_ms=0),
    "crashed for ever": lambda who, ticket: who.finished(ticket, exit_state=ExitState.CRASHED, run_ms=2**60),
    "crashed, no digest": lambda who, ticket: who.finished(ticket, exit_state=ExitState.CRASHED, output_digest="x"),
    "crashed, wrong ticket": lambda who, ticket: who.finished(
        ticket, exit_state=ExitState.CRASHED, ticket_digest="b" * 64
    ),
    "crashed, signed by another": lambda _, ticket: FakeProvider().finished(ticket, exit_state=ExitState.CRASHED),
    "crashed, truly": lambda who, ticket: who.finished(ticket, exit_state=ExitState.CRASHED),
    "done in no time": lambda who, ticket: who.finished(ticket, run_ms=0),
    "done after ages": lambda who, ticket: who.finished(ticket, run_ms=2**60),
    "done, longest": lambda who, ticket: who.finished(ticket, run_ms=2**53),
    "done, other output": lambda who, ticket: who.finished(ticket, output_digest="c" * 64),
    "done, finished long ago": lambda who, ticket: who.finished(ticket, finished_at_ms=-1),
    "refused in no time": lambda who, ticket: JobRefused(
        job_id=who.finished(ticket).job_id,
        reason=RefusalReason.DRAINING,
        receipt=who.receipt(ticket, exit_state=ExitState.REFUSED, run_ms=0),
    ),
    "refused, but done": lambda who, ticket: JobRefused(
        job_id=who.finished(ticket).job_id, reason=RefusalReason.DRAINING, receipt=who.receipt(ticket)
    ),
    "silence": lambda _who, _ticket: None,
}


@dataclass(slots=True)
class KeptInDatabase(InMemoryStore):
    """The stage's store; everything that the scheduler asks of it is asked of the database."""

    database: DjangoStore = field(default_factory=DjangoStore)

    def take_over(self, *, now_ms: int) -> TakeOver:
        return self._asked(lambda: self.database.take_over(now_ms=now_ms))

    def version(self, version_id: UUID) -> VersionSpec | None:
        return self._asked(lambda: self.database.version(version_id))

    def providers(self) -> Sequence[ProviderSpec]:
        return self._asked(self.database.providers)

    def apply(self, term: int, changes: Sequence[Change]) -> Sequence[Verdict]:
        return self._asked(lambda: self.database.apply(term, changes))

    def job_invocation(self, job_id: str) -> UUID | None:
        return self._asked(lambda: self.database.job_invocation(job_id))

    def outcome(self, invocation_id: UUID) -> InvocationReply | None:
        return self._asked(lambda: self.database.outcome(invocation_id))

    def seen(self, term: int, providers: Sequence[SeenProvider]) -> None:
        self._asked(lambda: self.database.seen(term, providers))

    def clean_up(self, term: int, *, now_ms: int) -> int:
        return self._asked(lambda: self.database.clean_up(term, now_ms=now_ms))

    def _asked(self, question: Callable[[], T]) -> T:
        """Ask on the scheduler's thread, and leave no connection of that thread behind."""
        try:
            return question()
        finally:
            connections.close_all()


class Exchange:
    """A stage with two providers, and the ledger behind its outbox."""

    def __init__(self, *, ledger_keys: Sequence[SigningKey] = ()) -> None:
        self.store = KeptInDatabase()
        self.stage = Stage(2, store=self.store)
        self._market(ledger_keys or [provider.key for provider in self.stage.providers])
        clock = LedgerClock(self.stage.clock)
        self.ledger = InMemoryLedger(genesis=genesis(), block_key=signing_keys()[KeyName.BLOCK], clock=clock.ms)
        term = leadership.take_over(leadership.RECORDER, now=clock())
        key = signing_keys()[KeyName.RECORDER]
        self._recorder = Recorder(ledger=self.ledger, key=key, term=term, clock=clock)
        self._follower = Follower(ledger=self.ledger, term=term, listeners=[settle_requests])
        self.record()

    def record(self) -> None:
        """Turn recorder and follower until neither finds anything to do."""
        while any([self._recorder.step(), self._follower.step()]):
            pass

    async def play(self, lie: Lie) -> InvocationRequest:
        """Call once; who gets the first ticket lies, the other one is honest."""
        async with self.stage as stage:
            await stage.hear()
            request = await stage.call()
            liar = next(provider for provider in stage.providers if stage.orders(provider))
            said = lie(liar, stage.ticket(liar))
            if said is not None:
                await stage.say(liar, "refused" if isinstance(said, JobRefused) else "finished", said)
            while not stage.replies():
                for provider in [item for item in stage.providers if item is not liar and stage.orders(item)]:
                    await stage.say(provider, "finished", provider.finished(stage.ticket(provider)))
                await stage.tick(after_ms=1_000)
            return request

    def jobs(self) -> list[JobRecord]:
        return [decode(JobRecord, value) for _, value in self.ledger.items("job~")]

    def _market(self, ledger_keys: Sequence[SigningKey]) -> None:
        first, second = self.stage.providers
        InsideDatabase().add(self.stage.version, first, deposit=0)
        Provider.objects.create(
            id=second.id,
            owner=Person.objects.get(username="bob"),
            name="second",
            signing_key_pem=second.spec.signing_key_pem,
            sealing_key="",
            certificate_pem="",
            queue_secret=second.spec.queue_secret,
            enrolled_at=timezone.now(),
        )
        market = Market(
            clock=LedgerClock(self.stage.clock),
            developer_id=self.stage.version.developer_id,
            version_id=self.stage.version.version_id,
            provider_id=first.id,
            provider_key=ledger_keys[0],
        )
        market.opens()
        registration = RegisterProvider(
            provider_id=str(second.id), account_id="kate", public_key_pem=ledger_keys[1].public.pem
        )
        market.enqueue(registration, second.id)


@dataclass
class LedgerClock:
    """The stage's clock as the outbox reads it."""

    clock: ManualClock

    def __call__(self) -> datetime:
        return moment(self.clock())

    def ms(self) -> int:
        return self.clock()


def check_nothing_is_held(exchange: Exchange, request: InvocationRequest) -> None:
    assert exchange.store.outcome(UUID(request.invocation_id)) is not None
    assert not OutboxOperation.objects.filter(state__in=[OutboxState.PENDING, OutboxState.SUBMITTED]).exists()
    assert exchange.jobs()
    assert all(job.settled_at_ms is not None for job in exchange.jobs()), exchange.jobs()
    developer = exchange.ledger.get(state_keys.account(str(exchange.stage.version.developer_id)))
    account = decode(AccountRecord, developer or "")
    assert account.held == 0
    assert account.deposit == 600 * CREDIT - sum(job.cost_micro or 0 for job in exchange.jobs())
    counted = decode(InvocationRecord, exchange.ledger.get(state_keys.invocation(request.invocation_id)) or "")
    assert counted.open == 0


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_nothing_stays_held_whatever_a_provider_says(lie: Lie, caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange()

    request = asyncio.run(exchange.play(lie))
    exchange.record()

    check_nothing_is_held(exchange, request)
    assert "ledger.operation_refused" not in [record.getMessage() for record in caplog.records]
    # Whoever has an answer has it because a job was paid for it.
    outcome = exchange.store.outcome(UUID(request.invocation_id))
    assert outcome is not None
    assert outcome.cost_micro == sum(job.cost_micro or 0 for job in exchange.jobs())


def test_a_receipt_that_only_the_ledger_can_refuse_holds_nothing_and_hinders_no_second_attempt() -> None:
    exchange = Exchange(ledger_keys=[SigningKey.generate(), SigningKey.generate()])

    def crash(who: FakeProvider, ticket: str) -> Finished:
        return who.finished(ticket, exit_state=ExitState.CRASHED)

    asyncio.run(exchange.play(crash))
    exchange.record()

    assert sorted(job.state for job in exchange.jobs()) == ["confirmed", "superseded"]
