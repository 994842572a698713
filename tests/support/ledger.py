"""A small marketplace on a ledger: keys, people, and one call for each thing that they do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from chaincode.contracts import supply
from chaincode.contracts.execution.registered import TRANSACTIONS
from chaincode.contracts.testing import InMemoryState
from wire import envelope
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.blocks import Event, OperationResult, OperationStatus
from wire.ledger.genesis import Genesis
from wire.ledger.operations import (
    Approve,
    Arguments,
    ConfirmResult,
    CreateJob,
    Deposit,
    ExpireJob,
    Mint,
    PublishVersion,
    RegisterProvider,
    SubmitReceipt,
    SupersedeJob,
    operation_text,
)
from wire.ledger.records import AccountRecord, Delta, FeePolicy, JobRecord, PinnedKey
from wire.messages import Receipt
from wire.money import MICRO_PER_CREDIT, cost_of
from wire.outcomes import ExitState
from wire.signing import OPERATION, RECEIPT, SigningKey, sha256_hex

T = TypeVar("T")
NOON = 1_780_000_000_000 // state_keys.DAY_MS * state_keys.DAY_MS + state_keys.DAY_MS // 2
MINUTE = 60_000
CREDIT = MICRO_PER_CREDIT
#: One credit a second.
PRICE = 1_000_000
IMAGE = f"registry.example/demo@sha256:{'a' * 64}"
TICKET = sha256_hex(b"ticket")
OUTPUT = sha256_hex(b"output")
NO_FEES = FeePolicy(version=1, platform_ppm=0, peers_ppm=0)


@dataclass(frozen=True, kw_only=True)
class Keys:
    """One key for each part that somebody plays."""

    controller: SigningKey = field(default_factory=SigningKey.generate)
    root: SigningKey = field(default_factory=SigningKey.generate)
    custody: SigningKey = field(default_factory=SigningKey.generate)
    treasury: SigningKey = field(default_factory=SigningKey.generate)
    ours: SigningKey = field(default_factory=SigningKey.generate)
    peers: SigningKey = field(default_factory=SigningKey.generate)
    block: SigningKey = field(default_factory=SigningKey.generate)
    alice: SigningKey = field(default_factory=SigningKey.generate)
    kate: SigningKey = field(default_factory=SigningKey.generate)
    bob: SigningKey = field(default_factory=SigningKey.generate)
    olga: SigningKey = field(default_factory=SigningKey.generate)
    working: SigningKey = field(default_factory=SigningKey.generate)
    stranger: SigningKey = field(default_factory=SigningKey.generate)

    def genesis(self, fees: FeePolicy = NO_FEES) -> Genesis:
        """Return the genesis that pins the first of them."""
        return Genesis(
            controller_key_pem=self.controller.public.pem,
            ticket_root_key_pem=self.root.public.pem,
            custody_key_pem=self.custody.public.pem,
            treasury_key_pem=self.treasury.public.pem,
            organisations={"controller": self.ours.public.pem, "peers": self.peers.public.pem},
            fee_policy=fees,
            block_key_pem=self.block.public.pem,
        )


KEYS = Keys()


class Runs(Protocol):
    """What `World` needs of a ledger."""

    def run(self, creator: str, timestamp_ms: int, operations: Sequence[str]) -> Any:
        """Run one transaction; its outcome has results, writes and events."""

    def items(self, prefix: str) -> Any:
        """Return keys and values."""


def job_arguments(job_id: str = "job6", **changes: Any) -> CreateJob:
    """Return a job of Bob's on Alice's machine, at most 20 s at one credit a second."""
    values: dict[str, Any] = {
        "job_id": job_id,
        "invocation_id": f"call-of-{job_id}",
        "replicas": 1,
        "developer_id": "bob",
        "provider_id": "alice-pc",
        "version_id": "bob-v1",
        "price_nano_per_ms": PRICE,
        "max_ms": 20_000,
        "ticket_digest": TICKET,
        "pay_until_ms": NOON + 60 * MINUTE,
        "placed_at_ms": NOON,
        **changes,
    }
    cost = cost_of(run_ms=values["max_ms"], price_nano_per_ms=values["price_nano_per_ms"])
    return CreateJob(**{"max_cost_micro": cost, **values})


def receipt_jws(job_id: str = "job6", key: SigningKey = KEYS.alice, **changes: Any) -> str:
    """Return Alice's receipt for 12 s."""
    values: dict[str, Any] = {
        "job_id": job_id,
        "ticket_digest": TICKET,
        "run_ms": 12_000,
        "exit_state": ExitState.SUCCEEDED,
        "output_digest": OUTPUT,
        "finished_at_ms": NOON,
        **changes,
    }
    return key.sign(envelope.dump(Receipt(**values)), RECEIPT)


@dataclass
class World:
    """A ledger, its clock, and what people do on it."""

    ledger: Runs = field(default_factory=lambda: InMemoryState(KEYS.genesis()))
    now_ms: int = NOON
    events: list[Event] = field(default_factory=list)
    _ids: int = 0

    def run(self, *operations: str, by: SigningKey = KEYS.controller) -> tuple[OperationResult, ...]:
        """Run a transaction; its results come back in order."""
        outcome = self.ledger.run(by.public.key_id, self.now_ms, operations)
        self.events.extend(outcome.events)
        results: tuple[OperationResult, ...] = outcome.results
        return results

    def do(
        self,
        arguments: Arguments,
        *,
        author: SigningKey | None = None,
        by: SigningKey = KEYS.controller,
        name: str = "",
    ) -> str:
        """Run one operation alone; return `applied`, `repeated` or why it was refused."""
        self._ids += 1
        text = operation_text(self.own_id(arguments.kind, author or by, name or str(self._ids)), arguments)
        return self.send(author.sign(text.encode(), OPERATION) if author else text, by=by)

    def own_id(self, kind: str, author: SigningKey, name: str) -> str:
        """Return an id that the author may use."""
        place = state_keys.key(author.public.key_id)
        pinned = dict(self.ledger.items(place)).get(place)
        holder = decode(PinnedKey, pinned).holder if pinned and not TRANSACTIONS[kind].proposers else ""
        return f"{kind}:{holder}:{name}" if holder else f"{kind}:{name}"

    def send(self, text: str, *, by: SigningKey = KEYS.controller) -> str:
        """Run one operation as it is."""
        (result,) = self.run(text, by=by)
        # No input may make a contract fail by mistake.
        assert result.reason != "raised", result
        return result.reason if result.status is OperationStatus.REFUSED else result.status.value

    def detail(self, text: str) -> str:
        """Run one operation and return the sentence of its refusal."""
        return self.run(text)[0].detail

    def mint(self, account_id: str, credits_: int, reference: str = "") -> str:
        """Let the treasury create credits, with both organisations' approval."""
        self._ids += 1
        arguments = Mint(
            account_id=account_id, amount_micro=credits_ * CREDIT, reference=reference or f"wire-{self._ids}"
        )
        return self.enact(arguments, by=KEYS.treasury)

    def deposit(self, account_id: str, credits_: int) -> str:
        """Let custody move credits into an account's deposit."""
        return self.do(Deposit(account_id=account_id, amount_micro=credits_ * CREDIT), author=KEYS.custody)

    def register(self, provider_id: str, account_id: str, key: SigningKey) -> str:
        """Pin a provider."""
        arguments = RegisterProvider(provider_id=provider_id, account_id=account_id, public_key_pem=key.public.pem)
        return self.do(arguments)

    def publish(self, version_id: str, developer_id: str, **changes: Any) -> str:
        """Publish a version of at most 30 s, up to 2 credits a second, 10,000 credits a day."""
        values: dict[str, Any] = {
            "version_id": version_id,
            "developer_id": developer_id,
            "image": IMAGE,
            "price_ceiling_nano_per_ms": 2 * PRICE,
            "timeout_ms": 30_000,
            "memory_mb": 128,
            "cpu_millis": 1000,
            "budget_micro_per_day": 10_000 * CREDIT,
            **changes,
        }
        return self.do(PublishVersion(**values), author=KEYS.custody)

    def create(self, job_id: str = "job6", **changes: Any) -> str:
        """Create a job."""
        return self.do(job_arguments(job_id, **{"placed_at_ms": self.now_ms, **changes}))

    def receipt(self, job_id: str = "job6", key: SigningKey = KEYS.alice, **changes: Any) -> str:
        """Hand in a receipt."""
        return self.do(SubmitReceipt(job_id=job_id, receipt=receipt_jws(job_id, key, **changes)))

    def confirm(self, job_id: str = "job6", observed_ms: int = 12_500, output_digest: str = OUTPUT) -> str:
        """Confirm a result."""
        return self.do(ConfirmResult(job_id=job_id, output_digest=output_digest, observed_ms=observed_ms))

    def approve(self, proposal_id: str, text: str, *authorities: SigningKey) -> list[str]:
        """Let authorities approve an operation; by default one of each organisation."""
        approval = Approve(proposal_id=proposal_id, digest=sha256_hex(text.encode()))
        return [self.do(approval, author=key) for key in authorities or (KEYS.ours, KEYS.peers)]

    def enact(self, arguments: Arguments, *, by: SigningKey = KEYS.ours) -> str:
        """Propose an operation and let both organisations approve it; return the first refusal, else `applied`."""
        self._ids += 1
        operation_id = f"{arguments.kind}:{self._ids}"
        text = operation_text(operation_id, arguments)
        others = [key for key in (KEYS.ours, KEYS.peers) if key is not by]
        told = [self.send(by.sign(text.encode(), OPERATION))]
        if told == ["applied"]:
            told += self.approve(operation_id, text, *others)
        return next((answer for answer in told if answer != "applied"), "applied")

    def supersede(self, job_id: str = "job6") -> str:
        """Give up on a job."""
        return self.do(SupersedeJob(job_id=job_id))

    def expire(self, job_id: str = "job6") -> str:
        """Release a job after its time."""
        return self.do(ExpireJob(job_id=job_id))

    def get(self, cls: type[T], key: str) -> T:
        """Return a record that has to be there."""
        return decode(cls, dict(self.ledger.items(key))[key])

    def job(self, job_id: str = "job6") -> JobRecord:
        """Return a job's record."""
        return self.get(JobRecord, state_keys.job(job_id))

    def account(self, account_id: str) -> AccountRecord:
        """Return an account; deltas are not in it."""
        text = dict(self.ledger.items(state_keys.account(account_id))).get(state_keys.account(account_id))
        return decode(AccountRecord, text) if text else AccountRecord()

    def owns(self, account_id: str) -> int:
        """Return all money of an account: available, deposit, held and deltas."""
        deltas = self.ledger.items(state_keys.delta_prefix(account_id))
        account = self.account(account_id)
        return account.available + account.deposit + account.held + sum(decode(Delta, v).amount for _, v in deltas)

    def books(self) -> tuple[int, dict[str, int]]:
        """Return the drift of the money and the holds without a job: `(0, {})` when all is right."""
        items = list(self.ledger.items(""))
        return supply.drift(items), supply.unexplained_holds(items)


def marketplace(world: World | None = None) -> World:
    """Return the ChainFaaS example's people with 600 credits each: Bob and James develop, Alice and Kate provide."""
    made = world or World()
    for person in ("bob", "alice", "james", "kate"):
        assert made.mint(person, 600) == "applied"
    assert made.register("alice-pc", "alice", KEYS.alice) == "applied"
    assert made.register("kate-pc", "kate", KEYS.kate) == "applied"
    for developer in ("bob", "james"):
        assert made.publish(f"{developer}-v1", developer) == "applied"
        assert made.deposit(developer, 100) == "applied"
    return made
