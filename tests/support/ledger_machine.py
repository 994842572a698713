"""All operations of the ledger in any order, with repeats, forgeries and foreign input: a Hypothesis state machine."""

import json
import re
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chaincode.contracts.execution import batch
from chaincode.contracts.execution.registered import TRANSACTIONS
from chaincode.contracts.testing import InMemoryState
from tests.support.claims import acknowledgement, claim, digest_of, ticket
from tests.support.ledger import CREDIT, KEYS, MINUTE, OUTPUT, World, job_arguments, marketplace, receipt_jws
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.clocks import CLAIM_MS, EPOCH_GRACE_MS, EPOCH_MS, NOTICE_MS
from wire.ledger.operations import (
    Approve,
    Arguments,
    AskPayout,
    AttestEpoch,
    BurnPayout,
    CancelJob,
    CheckpointEpoch,
    CloseEpoch,
    ConfirmResult,
    DecideJob,
    Deposit,
    ExpireJob,
    Fold,
    GiveNotice,
    Mint,
    OwnAccount,
    PayClaim,
    PinKey,
    RefuseClaim,
    RefusePayout,
    RegisterOperator,
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
from wire.ledger.records import AccountRecord, Epoch, FeePolicy, InvocationRecord, JobRecord, Supply
from wire.ledger.states import EpochState, JobRecordState
from wire.outcomes import ExitState
from wire.signing import ENROLMENT, OPERATION, SigningKey, sha256_hex

FEES = FeePolicy(version=1, platform_ppm=100_003, peers_ppm=50_001)
GENESIS = KEYS.genesis(FEES)
SPARE = tuple(SigningKey.generate() for _ in range(3))
#: Of operators, by the account that is paid.
OPERATORS = {name: SigningKey.generate() for name in ("alice", "peter", "paula")}
EVERY_KEY = tuple(getattr(KEYS, name) for name in KEYS.__dataclass_fields__)
ACTING = (KEYS.controller, KEYS.custody, KEYS.treasury, KEYS.ours, KEYS.peers, KEYS.alice, KEYS.kate, KEYS.bob)
#: Jobs in these states never change again.
OVER = frozenset(
    {
        JobRecordState.SETTLED,
        JobRecordState.FAILED,
        JobRecordState.EXPIRED,
        JobRecordState.CANCELLED,
        JobRecordState.REFUSED,
    }
)

PEOPLE = st.sampled_from(["bob", "alice", "james", "kate", "bond", "platform", "peers", "nobody"])
JOBS = st.sampled_from([f"{call}-{attempt}" for call in "abcdef" for attempt in (1, 2)])
MILLISECONDS = st.integers(-1, 40_000)
MICRO = st.one_of(st.integers(-1, 700 * CREDIT), st.sampled_from([0, 2**62, -(2**63)]))
SMALL = st.integers(1, 4)
SIGNERS = st.sampled_from([*ACTING, *SPARE])

ticket = lru_cache(maxsize=None)(ticket)
acknowledgement = lru_cache(maxsize=None)(acknowledgement)
receipt_jws = lru_cache(maxsize=None)(receipt_jws)


class LedgerMachine(RuleBasedStateMachine):
    """One ledger in memory and everything that anybody might send to it."""

    @initialize()
    def open(self) -> None:
        """Begin with the four people of the ChainFaaS example."""
        self.world = World(ledger=InMemoryState(GENESIS))
        self.proposed: list[tuple[str, str]] = []
        self.over: dict[str, JobRecord] = {}
        self.transactions: list[tuple[str, int, tuple[str, ...]]] = []
        marketplace(self.world)
        for operator_id, key in OPERATORS.items():
            registration = RegisterOperator(operator_id=operator_id, public_key_pem=key.public.pem)
            assert self.world.enact(registration) == "applied"
        self.began = dict(self.memory.state), self.memory.count

    @property
    def memory(self) -> InMemoryState:
        """The world's ledger."""
        assert isinstance(self.world.ledger, InMemoryState)
        return self.world.ledger

    def send(self, arguments: Arguments, author: SigningKey, name: object) -> None:
        """Sign and run one operation; remember it, to repeat it later."""
        operation_id = self.world.own_id(arguments.kind, author, re.sub("[^A-Za-z0-9-]+", ".", str(name)))
        text = operation_text(operation_id, arguments)
        if TRANSACTIONS[arguments.kind].proposers:
            self.proposed.append((operation_id, sha256_hex(text.encode())))
        self.run(KEYS.controller, author.sign(text.encode(), OPERATION))

    def run(self, creator: SigningKey, *texts: str) -> None:
        """Run a transaction."""
        self.transactions.append((creator.public.key_id, self.world.now_ms, texts))
        for result in self.world.run(*texts, by=creator):
            assert result.reason != "raised", result

    @rule(job_id=JOBS, steps=st.permutations(["receipt", "confirm", "claim", "wait", "pay"]), most=st.integers(1, 5))
    def serve(self, job_id: str, steps: list[str], most: int) -> None:
        """Do what honest people do for a job, in some order, and perhaps not all of it."""
        jws = ticket(job_id, invocation_id=job_id[0])
        digest, now = digest_of(jws), f"{job_id}.{self.world.now_ms}"
        placed = {"ticket_digest": digest, "placed_at_ms": self.world.now_ms}
        self.send(job_arguments(job_id, invocation_id=job_id[0], **placed), KEYS.controller, now)
        for step in steps[:most]:
            match step:
                case "receipt":
                    receipt = receipt_jws(job_id, KEYS.alice, ticket_digest=digest)
                    self.send(SubmitReceipt(job_id=job_id, receipt=receipt), KEYS.controller, now)
                case "confirm":
                    said = ConfirmResult(job_id=job_id, output_digest=OUTPUT, observed_ms=11_000)
                    self.send(said, KEYS.controller, now)
                case "claim":
                    self.send(claim(jws, job_id), KEYS.alice, now)
                case "wait":
                    self.world.now_ms += 2 * MINUTE
                case "pay":
                    self.send(PayClaim(job_id=job_id), KEYS.alice, f"{job_id}.{self.world.now_ms}")

    @rule(data=st.data(), number=SMALL, both=st.booleans())
    def enact(self, data: st.DataObject, number: int, *, both: bool) -> None:
        """Let the right people propose and approve something."""
        arguments, author = data.draw(
            st.sampled_from(
                [
                    (Mint(account_id="bond", amount_micro=50 * CREDIT, reference=f"in-{number}"), KEYS.treasury),
                    (Mint(account_id="bob", amount_micro=number, reference=f"in-{number}"), KEYS.treasury),
                    (BurnPayout(payout_id=f"p{number}", reference=f"out-{number}"), KEYS.treasury),
                    (SetFees(version=number, platform_ppm=number, peers_ppm=999_996), KEYS.ours),
                    (DecideJob(job_id="a-1", pay_ms=number, reason="seen"), KEYS.ours),
                    (DecideJob(job_id="b-1", pay_ms=0, reason="seen"), KEYS.ours),
                    (RevokeKey(key_id=SPARE[0].public.key_id), KEYS.ours),
                ]
            )
        )
        self.send(arguments, author, len(self.transactions))
        proposal_id, digest = self.proposed[-1]
        for key in (KEYS.ours, KEYS.peers)[: 1 + both]:
            self.send(Approve(proposal_id=proposal_id, digest=digest), key, len(self.transactions))

    @rule(job_id=JOBS, max_ms=MILLISECONDS, replicas=st.integers(0, 3), author=SIGNERS, real=st.booleans())
    def create(self, job_id: str, max_ms: int, replicas: int, author: SigningKey, *, real: bool) -> None:
        """Create a job, mostly as the controller does."""
        jws = ticket(job_id, invocation_id=job_id[0])
        arguments = job_arguments(
            job_id,
            invocation_id=job_id[0],
            max_ms=20_000 if real else max_ms,
            replicas=1 if real else replicas,
            ticket_digest=digest_of(jws),
        )
        self.send(arguments, KEYS.controller if real else author, (job_id, max_ms, real))

    @rule(job_id=JOBS, run_ms=MILLISECONDS, state=st.sampled_from(ExitState), key=st.sampled_from([*SPARE, KEYS.alice]))
    def receipt(self, job_id: str, run_ms: int, state: ExitState, key: SigningKey) -> None:
        """Hand in a receipt."""
        digest = digest_of(ticket(job_id, invocation_id=job_id[0]))
        jws = receipt_jws(job_id, key, run_ms=run_ms, exit_state=state, ticket_digest=digest)
        self.send(SubmitReceipt(job_id=job_id, receipt=jws), KEYS.controller, (job_id, run_ms, state.value))

    @rule(job_id=JOBS, observed_ms=MILLISECONDS, output=st.sampled_from([OUTPUT, OUTPUT, "b" * 64]))
    def confirm(self, job_id: str, observed_ms: int, output: str) -> None:
        """Confirm a result, sometimes another one."""
        arguments = ConfirmResult(job_id=job_id, output_digest=output, observed_ms=observed_ms)
        self.send(arguments, KEYS.controller, (job_id, observed_ms, output[:1]))

    @rule(job_id=JOBS, acknowledged=st.booleans(), author=st.sampled_from([KEYS.alice, *SPARE, KEYS.kate]))
    def claim(self, job_id: str, author: SigningKey, *, acknowledged: bool) -> None:
        """Claim a job's pay."""
        jws = ticket(job_id, invocation_id=job_id[0])
        changes = {"acknowledgement": acknowledgement(jws, job_id)} if acknowledged else {}
        self.send(claim(jws, job_id, **changes), author, (job_id, acknowledged))

    @rule(job_id=JOBS, kind=st.sampled_from([SupersedeJob, ExpireJob, PayClaim]), author=SIGNERS, own=st.booleans())
    def end(self, job_id: str, kind: Any, author: SigningKey, *, own: bool) -> None:
        """Supersede or expire a job, or pay its claim."""
        self.send(kind(job_id=job_id), KEYS.controller if own else author, f"{job_id}.{self.world.now_ms}")

    @rule(job_id=JOBS, used_ms=MILLISECONDS, refuse=st.booleans())
    def cancel_or_refuse(self, job_id: str, used_ms: int, *, refuse: bool) -> None:
        """Cancel a job, or refuse its claim."""
        arguments = RefuseClaim(job_id=job_id, reason="no") if refuse else CancelJob(job_id=job_id, used_ms=used_ms)
        self.send(arguments, KEYS.controller, f"{job_id}.{self.world.now_ms}.{used_ms}")

    @rule(between=st.tuples(PEOPLE, PEOPLE), amount=MICRO, author=SIGNERS, custody=st.booleans())
    def transfer(self, between: tuple[str, str], amount: int, author: SigningKey, *, custody: bool) -> None:
        """Transfer money, one's own or another's."""
        arguments = Transfer(account_id=between[0], to_account_id=between[1], amount_micro=amount)
        self.send(arguments, KEYS.custody if custody else author, len(self.transactions))

    @rule(account_id=PEOPLE, amount=MICRO, kind=st.sampled_from([Deposit, GiveNotice]), custody=st.booleans())
    def deposit(self, account_id: str, amount: int, kind: Any, *, custody: bool) -> None:
        """Deposit, or give notice of a withdrawal."""
        author = KEYS.custody if custody else KEYS.bob
        self.send(kind(account_id=account_id, amount_micro=amount), author, len(self.transactions))

    @rule(account_id=PEOPLE, kind=st.sampled_from([WithdrawDeposit, Fold]), custody=st.booleans())
    def withdraw_or_fold(self, account_id: str, kind: Any, *, custody: bool) -> None:
        """Take a deposit back, or fold credits."""
        author = KEYS.custody if custody else KEYS.controller
        self.send(kind(account_id=account_id), author, len(self.transactions))

    @rule(account_id=PEOPLE, amount=MICRO, number=SMALL)
    def ask_payout(self, account_id: str, amount: int, number: int) -> None:
        """Ask for a payout."""
        arguments = AskPayout(payout_id=f"p{number}", account_id=account_id, amount_micro=amount)
        self.send(arguments, KEYS.custody, len(self.transactions))

    @rule(number=SMALL, burn=st.booleans(), author=st.sampled_from([KEYS.treasury, KEYS.treasury, KEYS.ours]))
    def end_payout(self, number: int, author: SigningKey, *, burn: bool) -> None:
        """Burn or refuse a payout."""
        payout_id = f"p{number}"
        refusal = RefusePayout(payout_id=payout_id, reason="no")
        arguments = BurnPayout(payout_id=payout_id, reference=f"out-{number}") if burn else refusal
        self.send(arguments, author, len(self.transactions))

    @rule(account_id=PEOPLE, amount=MICRO, number=SMALL, author=st.sampled_from([KEYS.treasury, KEYS.ours]))
    def propose_mint(self, account_id: str, amount: int, number: int, author: SigningKey) -> None:
        """Propose new money."""
        arguments = Mint(account_id=account_id, amount_micro=amount, reference=f"in-{number}")
        self.send(arguments, author, f"{number}.{account_id}.{amount}")

    @rule(version=st.integers(1, 4), ppm=st.integers(-1, 1_000_001), author=st.sampled_from([KEYS.ours, KEYS.treasury]))
    def propose_fees(self, version: int, ppm: int, author: SigningKey) -> None:
        """Propose fees."""
        self.send(SetFees(version=version, platform_ppm=ppm, peers_ppm=ppm), author, (version, ppm))

    @rule(job_id=JOBS, pay_ms=MILLISECONDS)
    def propose_decision(self, job_id: str, pay_ms: int) -> None:
        """Propose how a mismatch ends."""
        self.send(DecideJob(job_id=job_id, pay_ms=pay_ms, reason="seen"), KEYS.peers, (job_id, pay_ms))

    @rule(role=st.sampled_from(["provider", "owner", "authority", "custody"]), key=st.sampled_from(SPARE))
    def propose_pin(self, role: str, key: SigningKey) -> None:
        """Propose a new key."""
        holder = {"provider": "alice-pc", "owner": "bob", "authority": "peers", "custody": ""}[role]
        arguments = PinKey(role=role, holder=holder, public_key_pem=key.public.pem)
        self.send(arguments, KEYS.ours, (role, key.public.key_id))

    @rule(key=st.sampled_from([*EVERY_KEY, *SPARE]))
    def propose_revocation(self, key: SigningKey) -> None:
        """Propose to end a key."""
        self.send(RevokeKey(key_id=key.public.key_id), KEYS.ours, key.public.key_id)

    @precondition(lambda self: self.proposed)
    @rule(data=st.data(), author=st.sampled_from([KEYS.ours, KEYS.peers, KEYS.peers, KEYS.treasury]))
    def approve(self, data: st.DataObject, author: SigningKey) -> None:
        """Approve something that was proposed."""
        proposal_id, digest = data.draw(st.sampled_from(self.proposed))
        self.send(Approve(proposal_id=proposal_id, digest=digest), author, len(self.transactions))

    @precondition(lambda self: self.proposed)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        """Reject something that was proposed."""
        proposal_id, _ = data.draw(st.sampled_from(self.proposed))
        self.send(Reject(proposal_id=proposal_id, reason="no"), KEYS.peers, len(self.transactions))

    @rule(author=st.sampled_from([KEYS.alice, KEYS.bob, *SPARE, KEYS.controller]), key=st.sampled_from(SPARE))
    def rotate(self, author: SigningKey, key: SigningKey) -> None:
        """Replace one's key."""
        self.send(RotateKey(public_key_pem=key.public.pem), author, len(self.transactions))

    @rule(author=st.sampled_from([KEYS.bob, *SPARE]), key=st.sampled_from([KEYS.alice, *SPARE]))
    def renounce(self, author: SigningKey, key: SigningKey) -> None:
        """Renounce a key."""
        self.send(RenounceKey(key_id=key.public.key_id), author, len(self.transactions))

    @rule(operator_id=PEOPLE, key=st.sampled_from([*SPARE, *OPERATORS.values()]), author=SIGNERS, ours=st.booleans())
    def propose_operator(self, operator_id: str, key: SigningKey, author: SigningKey, *, ours: bool) -> None:
        """Propose somebody who runs peers."""
        arguments = RegisterOperator(operator_id=operator_id, public_key_pem=key.public.pem)
        self.send(arguments, KEYS.ours if ours else author, len(self.transactions))

    @rule(block_number=SMALL, author=SIGNERS, real=st.booleans())
    def checkpoint(self, block_number: int, author: SigningKey, *, real: bool) -> None:
        """Begin an epoch, mostly as the controller does."""
        block = self.world.now_ms if real else block_number
        arguments = CheckpointEpoch(epoch=self.world.now_ms // EPOCH_MS, block_number=block, block_hash=OUTPUT)
        self.send(arguments, KEYS.controller if real else author, len(self.transactions))

    @rule(
        epoch=st.integers(-1, 1),
        author=st.sampled_from([*OPERATORS.values(), *SPARE, KEYS.controller]),
        block_hash=st.sampled_from([OUTPUT, OUTPUT, "b" * 64]),
    )
    def attest(self, epoch: int, author: SigningKey, block_hash: str) -> None:
        """Attest, sometimes another epoch or another hash."""
        number = self.world.now_ms // EPOCH_MS + epoch
        arguments = AttestEpoch(epoch=number, height=self.world.now_ms + 1, block_hash=block_hash)
        self.send(arguments, author, len(self.transactions))

    @rule(author=SIGNERS, wait=st.booleans(), attest=st.booleans())
    def close(self, author: SigningKey, *, wait: bool, attest: bool) -> None:
        """Close the newest epoch, or try to; before that let all operators attest, perhaps."""
        found = dict(self.memory.items(state_keys.epoch())).get(state_keys.epoch())
        epoch = decode(Epoch, found) if found else None
        number = epoch.number if epoch else 0
        for key in OPERATORS.values() if attest else ():
            said = AttestEpoch(epoch=number, height=self.world.now_ms + 1, block_hash=OUTPUT)
            self.send(said, key, len(self.transactions))
        if wait and epoch and epoch.state is EpochState.OPEN:
            self.world.now_ms = max(self.world.now_ms, (number + 1) * EPOCH_MS + EPOCH_GRACE_MS)
        pool = self.world.owns("peers")
        self.send(CloseEpoch(epoch=number), author, len(self.transactions))
        assert 0 <= self.world.owns("peers") <= pool

    @rule(account_id=st.sampled_from(["bob", "james", "platform"]))
    def own(self, account_id: str) -> None:
        """Take an account out of custody."""
        proof = KEYS.bob.sign(account_id.encode(), ENROLMENT)
        arguments = OwnAccount(account_id=account_id, public_key_pem=KEYS.bob.public.pem, proof=proof)
        self.send(arguments, KEYS.custody, len(self.transactions))

    @rule(step=st.sampled_from([1, MINUTE, 5 * MINUTE, 71 * MINUTE, CLAIM_MS, NOTICE_MS]))
    def wait(self, step: int) -> None:
        """Let time pass."""
        self.world.now_ms += step

    @precondition(lambda self: self.transactions)
    @rule(data=st.data(), creator=st.sampled_from(ACTING))
    def repeat(self, data: st.DataObject, creator: SigningKey) -> None:
        """Send operations of before again, in any order and by anybody, in one batch."""
        texts = [text for _, _, texts in self.transactions for text in texts]
        self.run(creator, *data.draw(st.lists(st.sampled_from(texts), min_size=1, max_size=5)))

    @precondition(lambda self: self.transactions)
    @rule(data=st.data(), junk=st.text(max_size=3))
    def forge(self, data: st.DataObject, junk: str) -> None:
        """Alter an operation of before."""
        texts = [text for _, _, texts in self.transactions for text in texts]
        text = data.draw(st.sampled_from(texts))
        at = data.draw(st.integers(0, len(text)))
        self.run(KEYS.alice, text[:at] + junk + text[at + 1 :])

    @rule(
        kind=st.sampled_from(sorted(TRANSACTIONS)), value=st.sampled_from(["", "a-1", -1, 0, 1, None, 2**70, [], 1.5])
    )
    def foreign(self, kind: str, value: Any) -> None:
        """Send something of the right kind and of no sense."""
        plain = dict.fromkeys(TRANSACTIONS[kind].arguments.__slots__, value)
        text = json.dumps({"operation_id": f"{kind}:x", "kind": kind, "arguments": plain})
        self.run(KEYS.controller, text)

    @invariant()
    def the_books_are_right(self) -> None:
        """No money appears or vanishes, none is held for nothing, and no account is negative."""
        if not hasattr(self, "world"):
            return
        assert self.world.books() == (0, {})
        for _, value in self.memory.items("account~"):
            account = decode(AccountRecord, value)
            assert min(account.available, account.deposit, account.held) >= 0
        supply = self.world.get(Supply, state_keys.supply())
        assert supply.minted >= supply.burned >= 0

    @invariant()
    def what_is_over_stays_over(self) -> None:
        """A job that ended never changes, and no invocation is paid for more often than it says."""
        if not hasattr(self, "world"):
            return
        for _, value in self.memory.items("job~"):
            job = decode(JobRecord, value)
            assert self.over.get(job.job_id, job) == job
            if job.state in OVER:
                self.over[job.job_id] = job
            assert (job.cost_micro or 0) <= job.max_cost_micro
        for _, value in self.memory.items("invocation~"):
            invocation = decode(InvocationRecord, value)
            assert 0 <= invocation.settled <= invocation.replicas
            assert invocation.open >= 0

    def teardown(self) -> None:
        """Replay everything: the same operations give the same world state."""
        if not hasattr(self, "world"):
            return
        state, count = self.began
        replayed = InMemoryState(GENESIS)
        replayed.state, replayed.count = dict(state), count
        for creator, timestamp_ms, texts in self.transactions:
            replayed.run(creator, timestamp_ms, texts)
        assert replayed.state == self.memory.state
        assert batch.run(replayed.stub(KEYS.controller.public.key_id, self.world.now_ms), []).writes == {}
