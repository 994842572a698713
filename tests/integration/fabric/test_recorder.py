"""The recorder on a real network: it crashes, it is replaced, and others write to the accounts of its batches."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from ledger.errors import LedgerError, Retry
from ledger.fabric.ledger import FabricLedger
from portal.books.read_model.outcomes import settle
from portal.outbox import leadership
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.recorder import Recorder
from tests.support import environment
from tests.support.fabric.network import FabricNetwork, transaction
from tests.support.fabric.proposals import now_ms
from tests.support.fabric.report import Report
from tests.support.ledger import KEYS, MINUTE, OUTPUT, World, job_arguments, receipt_jws
from tests.support.waiting import wait_for
from wire.ledger.blocks import TransactionRecord
from wire.ledger.operations import Arguments, ConfirmResult, Fold, OwnAccount, SubmitReceipt, Transfer, operation_text
from wire.signing import ENROLMENT, SigningKey

pytestmark = [
    pytest.mark.django_db,
    # What the recorder does with its database is tested on both in tests/unit/ledger.
    pytest.mark.skipif(environment.on_postgresql(), reason="one network a session is enough"),
]
JOBS = 500
PER_JOB = 3
#: Of a job here: 12 ms at one credit a second.
PAY = 12_000


class Crash(Exception):
    """The recorder's process ends here."""


@dataclass(frozen=True)
class CrashesAfterSubmitting:
    """A ledger that takes a transaction, and whose answer nobody hears."""

    ledger: FabricLedger

    def submit(self, envelope: str) -> TransactionRecord:
        self.ledger.submit(envelope)
        raise Crash

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


@dataclass
class Followed:
    """What the follower does with the outbox, from now on."""

    ledger: FabricLedger
    place: int

    def step(self) -> None:
        """Close the rows of what has been committed meanwhile."""
        blocks = self.ledger.blocks(self.place, 32)
        self.place += len(blocks)
        settle(blocks)

    def until(self, what: str, ready: Callable[[], bool], recorder: Recorder | None = None, seconds: int = 60) -> None:
        """Let a recorder work and follow it until something is so."""

        def turn() -> bool:
            try:
                if recorder:
                    recorder.step()
            except LedgerError as error:
                if error.retry is Retry.NEVER:
                    raise
            self.step()
            return ready()

        wait_for(what, turn, seconds)


@pytest.fixture
def followed(ledger: FabricLedger) -> Followed:
    return Followed(ledger=ledger, place=ledger.height)


def recorder_on(ledger: Any) -> Recorder:
    term = leadership.take_over(leadership.RECORDER, now=timezone.now())
    return Recorder(ledger=ledger, key=KEYS.controller, term=term, clock=timezone.now)


def put(operations: list[Arguments]) -> None:
    """Put operations into the outbox."""
    rows = []
    for operation in operations:
        subject = str(getattr(operation, "job_id", "") or getattr(operation, "account_id", ""))
        operation_id = f"{operation.kind}:{subject}"
        body = operation_text(operation_id, operation)
        rows.append(
            OutboxOperation(
                operation_id=operation_id, kind=operation.kind, subject=subject, body=body, created_at=timezone.now()
            )
        )
    OutboxOperation.objects.bulk_create(rows)


def jobs(
    count: int, developer: str = "bob", provider: str = "alice-pc", key: SigningKey = KEYS.alice
) -> list[Arguments]:
    """Return what becomes of so many jobs, from the first to the last operation."""
    made: list[Arguments] = []
    now = now_ms()
    for _ in range(count):
        job_id = f"{developer}-{secrets.token_hex(6)}"
        made += [
            job_arguments(
                job_id,
                developer_id=developer,
                version_id=f"{developer}-v1",
                provider_id=provider,
                max_ms=20,
                placed_at_ms=now,
                pay_until_ms=now + 60 * MINUTE,
            ),
            SubmitReceipt(job_id=job_id, receipt=receipt_jws(job_id, key, run_ms=12)),
            ConfirmResult(job_id=job_id, output_digest=OUTPUT, observed_ms=12),
        ]
    return made


def states(**which: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in OutboxOperation.objects.filter(**which).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def test_a_recorder_that_crashes_between_submit_and_store_loses_and_doubles_nothing(
    world: World, ledger: FabricLedger, followed: Followed
) -> None:
    put(jobs(1))
    before = world.owns("alice")

    with pytest.raises(Crash):
        recorder_on(CrashesAfterSubmitting(ledger)).step()
    assert states() == {OutboxState.SUBMITTED: PER_JOB}
    again = recorder_on(ledger)

    # It finds the transaction on the ledger, and sends nothing again.
    assert not again.step()
    followed.until("the payment", lambda: states() == {OutboxState.COMMITTED: PER_JOB}, again)
    assert world.owns("alice") == before + PAY
    assert world.books() == (0, {})


def test_of_two_recorders_the_older_one_changes_nothing(world: World, ledger: FabricLedger, followed: Followed) -> None:
    older = recorder_on(ledger)
    put(jobs(1))
    newer = recorder_on(ledger)
    before, height = world.owns("alice"), ledger.height

    with pytest.raises(Superseded):
        older.step()

    assert ledger.height == height
    assert states() == {OutboxState.PENDING: PER_JOB}
    followed.until("the payment", lambda: states() == {OutboxState.COMMITTED: PER_JOB}, newer)
    assert world.owns("alice") == before + PAY


def settle_down(world: World, name: str) -> tuple[SigningKey, SigningKey]:
    """Let somebody develop and provide; return the key of her account and her machine's."""
    key, machine = SigningKey.generate(), SigningKey.generate()
    assert world.mint(name, 100) == "applied"
    assert world.publish(f"{name}-v1", name) == "applied"
    assert world.deposit(name, 50) == "applied"
    assert world.register(f"{name}-pc", name, machine) == "applied"
    proof = key.sign(name.encode(), ENROLMENT)
    hand_over = OwnAccount(account_id=name, public_key_pem=key.public.pem, proof=proof)
    assert world.do(hand_over, author=KEYS.custody) == "applied"
    return key, machine


@contextmanager
def transferring(network: FabricNetwork, name: str, key: SigningKey) -> Iterator[list[str]]:
    """Let somebody move one micro-credit after the other; yield the transfers that were made so far."""
    ended, made, failed = threading.Event(), [], []

    def transfer() -> None:
        with network.ledger("peers", "operator") as ledger:
            while not ended.is_set():
                operation_id = f"account.transfer:{name}:{secrets.token_hex(8)}"
                text = operation_text(operation_id, Transfer(account_id=name, to_account_id="kate", amount_micro=1))
                try:
                    (result,) = ledger.submit(transaction(key, [text])).results
                    made.append(result.status.value)
                except LedgerError as error:
                    failed.append(error)

    thread = threading.Thread(target=transfer, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        ended.set()
        thread.join(60)


@pytest.mark.timeout(300)
def test_who_transfers_one_micro_credit_in_a_loop_holds_up_nobody_else(
    fabric_network: FabricNetwork, world: World, followed: Followed, report: Report
) -> None:
    key, machine = settle_down(world, "rita")
    # She moves her own money all the time: what she is paid, what is folded for her, and her own jobs.
    put([*jobs(JOBS, "bob", "rita-pc", machine), Fold(account_id="rita")])
    put([*jobs(5, "rita"), *jobs(JOBS, "james")])
    others, hers = 2 * JOBS * PER_JOB, 5 * PER_JOB + 1
    before = {name: world.owns(name) for name in ("bob", "james")}
    recorder = recorder_on(followed.ledger)

    with transferring(fabric_network, "rita", key) as transfers:
        wait_for("her first transfer", lambda: transfers, 60)
        begun = time.monotonic()
        followed.until("the others", lambda: committed() - committed("rita") == others, recorder, 60)
        report(
            f"{2 * JOBS} jobs of others settled {time.monotonic() - begun:.1f} s after she began; meanwhile she made "
            f"{len(transfers)} transfers, and {committed('rita')} of {hers} operations on her account went through"
        )
    followed.until("hers as well", lambda: committed("rita") == hers, recorder, 60)

    assert set(transfers) == {"applied"}
    assert {name: before[name] - world.owns(name) for name in before} == dict.fromkeys(before, JOBS * PAY)
    assert world.books() == (0, {})


def committed(subject: str = "") -> int:
    return states(subject__startswith=subject).get(OutboxState.COMMITTED, 0)
