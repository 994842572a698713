"""A random but repeatable sequence of transactions with every kind of operation: what two ledgers have to agree on."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaincode.contracts.execution.registered import TRANSACTIONS
from chaincode.contracts.testing import InMemoryState
from tests.support.claims import acknowledgement, claim, digest_of, ticket, working_key
from tests.support.ledger import CREDIT, IMAGE, KEYS, MINUTE, OUTPUT, PRICE, World, job_arguments, marketplace
from tests.support.ledger import receipt_jws as receipt
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.clocks import CLAIM_MS, EPOCH_MS, NOTICE_MS
from wire.ledger.operations import (
    Approve,
    Arguments,
    AskPayout,
    AttestEpoch,
    BurnPayout,
    CancelJob,
    CheckpointEpoch,
    ClaimJob,
    CloseEpoch,
    ConfirmResult,
    CreateJob,
    DecideJob,
    Deposit,
    ExpireJob,
    Fold,
    GiveNotice,
    Mint,
    OwnAccount,
    PayClaim,
    PinKey,
    PublishVersion,
    RefuseClaim,
    RefusePayout,
    RegisterOperator,
    RegisterProvider,
    Reject,
    RenounceKey,
    RevokeKey,
    RotateKey,
    SetFees,
    SubmitReceipt,
    SupersedeJob,
    Transfer,
    WithdrawDeposit,
    operation_text,
)
from wire.ledger.records import Epoch, FeePolicy, JobRecord
from wire.ledger.states import JobRecordState
from wire.outcomes import ExitState
from wire.signing import ENROLMENT, OPERATION, SigningKey, sha256_hex

GENESIS = KEYS.genesis(FeePolicy(version=1, platform_ppm=100_003, peers_ppm=50_001))
_PEOPLE = ("bob", "alice", "james", "kate", "bond", "platform", "peers", "nobody")
_OPERATORS = {name: SigningKey.generate() for name in ("alice", "paula")}
#: Not a provider: with its key replaced, nothing would work from then on.
_ANYBODY = (KEYS.controller, KEYS.custody, KEYS.treasury, KEYS.ours, KEYS.stranger)
#: How many jobs are played with at a time, and after how many steps the next one takes the place of the oldest.
_JOBS, _STEPS_A_JOB = 6, 12
#: After so many steps a day or more passes at once: claims and notices wait for that.
_STEPS_A_LEAP = 120
#: So many jobs are looked at for one in a certain state.
_JOBS_BACK = 30
_OFTEN = (*([CreateJob] * 6), *([SubmitReceipt] * 6), *([ConfirmResult] * 6), *([Approve] * 5), ClaimJob, AttestEpoch)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A transaction, and what the ledger in memory made of it."""

    creator: str
    timestamp_ms: int
    operations: tuple[str, ...]
    results: tuple[Any, ...]


class _Noting:
    """A ledger in memory that keeps what it was sent."""

    def __init__(self) -> None:
        self.memory = InMemoryState(GENESIS)
        self.sent: list[Sent] = []

    def run(self, creator: str, timestamp_ms: int, operations: Sequence[str]) -> Any:
        outcome = self.memory.run(creator, timestamp_ms, operations)
        self.sent.append(
            Sent(creator=creator, timestamp_ms=timestamp_ms, operations=tuple(operations), results=outcome.results)
        )
        return outcome

    def items(self, prefix: str) -> list[tuple[str, str]]:
        return self.memory.items(prefix)


class Play:
    """People on a ledger who do anything, in any order, again and again."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - repeatable
        self._ledger = _Noting()
        self._world = World(ledger=self._ledger)
        self._steps = 0
        self._tickets: dict[str, str] = {}
        #: Keys that came up on the way, the newest last.
        self.keys = [SigningKey.generate()]
        self._proposed: list[tuple[str, str]] = []
        marketplace(self._world)
        assert self._world.mint("bob", 100_000) == "applied"
        assert self._world.deposit("bob", 90_000) == "applied"
        for operator_id, key in _OPERATORS.items():
            registration = RegisterOperator(operator_id=operator_id, public_key_pem=key.public.pem)
            assert self._world.enact(registration) == "applied"

    @property
    def sent(self) -> list[Sent]:
        """All transactions, in order."""
        return self._ledger.sent

    @property
    def state(self) -> list[tuple[str, str]]:
        """The world state after them."""
        return self._ledger.items("")

    def step(self) -> None:
        """Send one transaction: mostly a new operation, by who may or may not; sometimes old or altered ones."""
        self._steps += 1
        leap = self.dice.choice((CLAIM_MS, NOTICE_MS)) if self._steps % _STEPS_A_LEAP == 0 else 0
        self._world.now_ms += leap + self.dice.choice((0, 1_000, 1_000, 1_000, MINUTE, 5 * MINUTE))
        match self.dice.randrange(20):
            case 0:
                texts = [text for sent in self.sent[-40:] for text in sent.operations]
                self._run(*self.dice.sample(texts, min(3, len(texts))))
            case 1:
                text = self.dice.choice(self.sent).operations[0]
                at = self.dice.randrange(len(text))
                self._run(text[:at] + self.dice.choice(("", "x", "0")) + text[at + 1 :])
            case _:
                kind = self.dice.choice((*MAKERS, *_OFTEN))
                arguments, authors = MAKERS[kind](self)
                self._send(arguments, self.dice.choice(_ANYBODY if self.dice.randrange(12) == 0 else authors))

    @property
    def now_ms(self) -> int:
        """The time on this ledger."""
        return self._world.now_ms

    def person(self) -> str:
        """Return somebody's account."""
        return self.dice.choice(_PEOPLE)

    def amount(self) -> int:
        """Return an amount of money, seldom a senseless one."""
        return self.dice.choice((-1, 0, 2**63, *[self.dice.randrange(50 * CREDIT) for _ in range(9)]))

    def number(self) -> int:
        """Return a number that grows slowly: of payouts, references and the like."""
        return self._steps // 60 + self.dice.randrange(2)

    def job_id(self) -> str:
        """Return one of the jobs that are played with now; two attempts belong to one invocation."""
        number = self._steps // _STEPS_A_JOB + self.dice.randrange(_JOBS)
        return f"call{number // 2}-{number % 2 + 1}"

    def ticket(self, job_id: str) -> str:
        """Return a job's ticket, made when it is first asked for."""
        if job_id not in self._tickets:
            now = self.now_ms
            self._tickets[job_id] = ticket(
                job_id,
                invocation_id=job_id.partition("-")[0],
                issued_at_ms=now,
                accept_by_ms=now + 5_000,
                pull_by_ms=now + MINUTE,
                pay_until_ms=now + 60 * MINUTE,
            )
        return self._tickets[job_id]

    def job_in(self, *states: JobRecordState) -> str:
        """Return one of the latest jobs that is in one of these states; any when there is none."""
        newest = self._steps // _STEPS_A_JOB + _JOBS
        names = [f"call{number // 2}-{number % 2 + 1}" for number in range(max(0, newest - _JOBS_BACK), newest)]
        records = {name: self._ledger.memory.state.get(state_keys.job(name)) for name in names}
        found = [name for name, record in records.items() if record and decode(JobRecord, record).state in states]
        return self.dice.choice(found or [self.job_id()])

    def key(self) -> SigningKey:
        """Return a key of somebody's, new or not."""
        if self.dice.randrange(2):
            self.keys.append(SigningKey.generate())
        return self.dice.choice(self.keys[-4:])

    def proposal(self) -> tuple[str, str]:
        """Return id and digest of something that was proposed lately."""
        return self.dice.choice(self._proposed[-4:] or [("nothing", "0" * 64)])

    def epoch(self) -> int:
        """Return the number of the newest epoch on the ledger, or of this one."""
        record = self._ledger.memory.state.get(state_keys.epoch())
        newest = decode(Epoch, record).number if record else 0
        return self.dice.choice((newest, newest, newest, self.now_ms // EPOCH_MS))

    def next_fees(self) -> int:
        """Return the version that the next fee policy has to have."""
        return decode(FeePolicy, dict(self._ledger.items(state_keys.fee_policy()))[state_keys.fee_policy()]).version + 1

    def _send(self, arguments: Arguments, author: SigningKey) -> None:
        operation_id = self._world.own_id(arguments.kind, author, str(self._steps))
        text = operation_text(operation_id, arguments)
        if TRANSACTIONS[arguments.kind].proposers:
            self._proposed.append((operation_id, sha256_hex(text.encode())))
        self._run(author.sign(text.encode(), OPERATION))

    def _run(self, *texts: str) -> None:
        for result in self._world.run(*texts):
            assert result.reason != "raised", result


Made = tuple[Arguments, tuple[SigningKey, ...]]
_US, _CUSTODY = (KEYS.controller,), (KEYS.custody,)


def _register(play: Play) -> Made:
    pem = play.key().public.pem
    return RegisterProvider(provider_id=f"pc{play.number()}", account_id=play.person(), public_key_pem=pem), _US


def _publish(play: Play) -> Made:
    values: dict[str, Any] = {
        "version_id": f"v{play.number()}",
        "developer_id": play.person(),
        "image": IMAGE,
        "price_ceiling_nano_per_ms": play.dice.randrange(3) * PRICE,
        "timeout_ms": 30_000,
        "memory_mb": 128,
        "cpu_millis": 1_000,
        "budget_micro_per_day": play.amount(),
    }
    return PublishVersion(**values), _CUSTODY


def _create(play: Play) -> Made:
    job_id = play.job_id()
    digest = digest_of(play.ticket(job_id))
    changes = {"max_ms": play.dice.choice((20_000, 20_000, 20_000, 1, 0)), "replicas": play.dice.choice((1, 1, 2))}
    times = {"placed_at_ms": play.now_ms, "pay_until_ms": play.now_ms + 60 * MINUTE}
    invocation = job_id.partition("-")[0]
    return job_arguments(job_id, invocation_id=invocation, ticket_digest=digest, **changes, **times), _US


def _receipt(play: Play) -> Made:
    job_id = play.job_in(JobRecordState.CREATED, JobRecordState.CONFIRMED)
    run_ms, key = play.dice.randrange(1, 25_000), play.dice.choice((KEYS.alice, KEYS.alice, KEYS.alice, KEYS.kate))
    state = play.dice.choice((*[ExitState.SUCCEEDED] * 9, *ExitState))
    digest = digest_of(play.ticket(job_id))
    jws = receipt(job_id, key, run_ms=run_ms, exit_state=state, ticket_digest=digest)
    return SubmitReceipt(job_id=job_id, receipt=jws), _US


def _confirm(play: Play) -> Made:
    output = play.dice.choice((OUTPUT, OUTPUT, OUTPUT, OUTPUT, "b" * 64))
    observed = play.dice.randrange(25_000)
    job_id = play.job_in(JobRecordState.CREATED, JobRecordState.RECEIPTED)
    return ConfirmResult(job_id=job_id, output_digest=output, observed_ms=observed), _US


def _claim(play: Play) -> Made:
    job_id = play.job_in(JobRecordState.CREATED, JobRecordState.RECEIPTED)
    jws = play.ticket(job_id)
    changes: dict[str, Any] = {"working_keys": (working_key(not_after_ms=play.now_ms + MINUTE),)}
    if play.dice.randrange(2):
        changes["acknowledgement"] = acknowledgement(jws, job_id)
    return claim(jws, job_id, **changes), (KEYS.alice,)


def _pin(play: Play) -> Made:
    role, holder = play.dice.choice((("provider", "kate-pc"), ("owner", "kate"), ("authority", "peers")))
    return PinKey(role=role, holder=holder, public_key_pem=play.key().public.pem), (KEYS.ours,)


def _own(play: Play) -> Made:
    account_id, key = play.dice.choice(("kate", "nobody", "platform")), play.key()
    proof = key.sign(account_id.encode(), ENROLMENT)
    return OwnAccount(account_id=account_id, public_key_pem=key.public.pem, proof=proof), _CUSTODY


def _approve(play: Play) -> Made:
    proposal_id, digest = play.proposal()
    return Approve(proposal_id=proposal_id, digest=digest), (KEYS.ours, KEYS.peers, KEYS.peers)


def _attest(play: Play) -> Made:
    block_hash = play.dice.choice((OUTPUT, OUTPUT, "c" * 64))
    arguments = AttestEpoch(epoch=play.epoch(), height=play.dice.randrange(1, 500), block_hash=block_hash)
    return arguments, tuple(_OPERATORS.values())


#: For each kind of operation what somebody might send, and who may.
MAKERS: Mapping[type[Arguments], Callable[[Play], Made]] = {
    RegisterProvider: _register,
    PublishVersion: _publish,
    CreateJob: _create,
    SubmitReceipt: _receipt,
    ConfirmResult: _confirm,
    SupersedeJob: lambda play: (SupersedeJob(job_id=play.job_in(JobRecordState.CREATED)), _US),
    ExpireJob: lambda play: (ExpireJob(job_id=play.job_in(JobRecordState.CREATED, JobRecordState.CONFIRMED)), _US),
    CancelJob: lambda play: (
        CancelJob(job_id=play.job_in(JobRecordState.CREATED), used_ms=play.dice.choice((0, 5_000))),
        _US,
    ),
    ClaimJob: _claim,
    PayClaim: lambda play: (PayClaim(job_id=play.job_in(JobRecordState.CLAIMED)), (KEYS.alice,)),
    RefuseClaim: lambda play: (RefuseClaim(job_id=play.job_in(JobRecordState.CLAIMED), reason="no"), _US),
    DecideJob: lambda play: (
        DecideJob(job_id=play.job_in(JobRecordState.MISMATCH), pay_ms=play.dice.choice((0, 5_000)), reason="seen"),
        (KEYS.ours,),
    ),
    Mint: lambda play: (
        Mint(account_id=play.person(), amount_micro=play.amount(), reference=f"in{play.number()}"),
        (KEYS.treasury,),
    ),
    Deposit: lambda play: (Deposit(account_id=play.person(), amount_micro=play.amount()), _CUSTODY),
    Transfer: lambda play: (
        Transfer(account_id=play.person(), to_account_id=play.person(), amount_micro=play.amount()),
        _CUSTODY,
    ),
    Fold: lambda play: (Fold(account_id=play.person()), _US),
    GiveNotice: lambda play: (GiveNotice(account_id=play.person(), amount_micro=play.amount()), _CUSTODY),
    WithdrawDeposit: lambda play: (WithdrawDeposit(account_id=play.person()), _CUSTODY),
    AskPayout: lambda play: (
        AskPayout(payout_id=f"p{play.number()}", account_id=play.person(), amount_micro=play.amount()),
        _CUSTODY,
    ),
    BurnPayout: lambda play: (
        BurnPayout(payout_id=f"p{play.number()}", reference=f"out{play.number()}"),
        (KEYS.treasury,),
    ),
    RefusePayout: lambda play: (RefusePayout(payout_id=f"p{play.number()}", reason="no"), (KEYS.treasury,)),
    SetFees: lambda play: (
        SetFees(version=play.next_fees(), platform_ppm=play.dice.randrange(200_000), peers_ppm=50_000),
        (KEYS.ours,),
    ),
    PinKey: _pin,
    RevokeKey: lambda play: (RevokeKey(key_id=play.key().public.key_id), (KEYS.ours,)),
    RotateKey: lambda play: (
        RotateKey(public_key_pem=play.key().public.pem),
        (KEYS.kate, *play.keys[-3:]),
    ),
    RenounceKey: lambda play: (RenounceKey(key_id=play.key().public.key_id), tuple(play.keys[-4:])),
    OwnAccount: _own,
    RegisterOperator: lambda play: (
        RegisterOperator(operator_id=play.person(), public_key_pem=play.key().public.pem),
        (KEYS.ours,),
    ),
    CheckpointEpoch: lambda play: (
        CheckpointEpoch(epoch=play.now_ms // EPOCH_MS, block_number=play.dice.randrange(100), block_hash=OUTPUT),
        _US,
    ),
    AttestEpoch: _attest,
    CloseEpoch: lambda play: (CloseEpoch(epoch=play.epoch()), _US),
    Approve: _approve,
    Reject: lambda play: (Reject(proposal_id=play.proposal()[0], reason="no"), (KEYS.peers,)),
}
