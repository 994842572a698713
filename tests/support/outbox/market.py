"""A small market on the outbox: keys, genesis, a clock that is set by hand, and jobs from creation to confirmation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol
from uuid import UUID, uuid4

from portal.custody.topping_up import approve_as_all
from portal.keys import AUTHORITIES, KeyName
from portal.outbox.operations import enqueue
from wire import envelope, signing
from wire.ledger.genesis import Genesis
from wire.ledger.operations import (
    Arguments,
    ConfirmResult,
    CreateJob,
    Deposit,
    Mint,
    PublishVersion,
    RegisterProvider,
    SubmitReceipt,
    operation_id_of,
)
from wire.ledger.records import FeePolicy
from wire.messages import Receipt
from wire.money import cost_of
from wire.outcomes import ExitState
from wire.signing import SigningKey, sha256_hex

CREDIT = 1_000_000
#: One credit a second.
PRICE = 1_000_000
MAX_MS = 20_000
OUTPUT = sha256_hex(b"output")


class Clock(Protocol):
    """Tells the time, also in milliseconds."""

    def __call__(self) -> datetime: ...

    def ms(self) -> int: ...


class ManualClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@cache
def signing_keys() -> dict[KeyName, SigningKey]:
    return {name: SigningKey.generate() for name in KeyName}


def genesis() -> Genesis:
    pem = {name: key.public.pem for name, key in signing_keys().items()}
    return Genesis(
        controller_key_pem=pem[KeyName.RECORDER],
        ticket_root_key_pem=pem[KeyName.ROOT],
        custody_key_pem=pem[KeyName.CUSTODY],
        treasury_key_pem=pem[KeyName.TREASURY],
        organisations={"controller": pem[KeyName.AUTHORITY_CONTROLLER], "peers": pem[KeyName.AUTHORITY_PEERS]},
        fee_policy=FeePolicy(version=1, platform_ppm=20_000, peers_ppm=30_000),
        block_key_pem=pem[KeyName.BLOCK],
    )


@dataclass(kw_only=True)
class Market:
    """One developer with a version, one provider, and jobs between them; everything goes into the outbox."""

    clock: Clock
    keys: Mapping[KeyName, SigningKey] = field(default_factory=signing_keys)
    developer_id: UUID = field(default_factory=uuid4)
    owner_id: UUID = field(default_factory=uuid4)
    provider_id: UUID = field(default_factory=uuid4)
    version_id: UUID = field(default_factory=uuid4)
    provider_key: SigningKey = field(default_factory=SigningKey.generate)

    def opens(self, *, deposit: int = 600 * CREDIT) -> None:
        """Mint and deposit money, register the provider and publish the version."""
        account = str(self.developer_id)
        self.approves(self.mints(deposit))
        self.enqueue(Deposit(account_id=account, amount_micro=deposit), uuid4(), KeyName.CUSTODY)
        self.enqueue(
            RegisterProvider(
                provider_id=str(self.provider_id),
                account_id=str(self.owner_id),
                public_key_pem=self.provider_key.public.pem,
            ),
            self.provider_id,
        )
        self.enqueue(
            PublishVersion(
                version_id=str(self.version_id),
                developer_id=account,
                image=f"localhost:5000/demo@sha256:{'a' * 64}",
                price_ceiling_nano_per_ms=PRICE,
                timeout_ms=MAX_MS,
                memory_mb=128,
                cpu_millis=1000,
                budget_micro_per_day=10**15,
            ),
            self.version_id,
            KeyName.CUSTODY,
        )

    def mints(self, amount: int) -> str:
        """Enqueue the proposal of a mint for the developer and return its reference."""
        reference = f"bank-{uuid4().hex}"
        arguments = Mint(account_id=str(self.developer_id), amount_micro=amount, reference=reference)
        self.enqueue(arguments, reference, KeyName.TREASURY)
        return reference

    def approves(self, reference: str) -> None:
        """Enqueue both organisations' approvals of a mint."""
        keys = {organisation: self.keys[name] for organisation, name in AUTHORITIES.items()}
        approve_as_all(operation_id_of(Mint, reference), keys=keys, now=self.clock())

    def enqueue(self, arguments: Arguments, subject: object, author: KeyName | None = None) -> None:
        enqueue(
            operation_id=operation_id_of(type(arguments), subject),
            arguments=arguments,
            subject=str(subject),
            now=self.clock(),
            author=self.keys[author] if author else None,
        )

    def creates(self, *, max_ms: int = MAX_MS) -> str:
        """Enqueue a job's creation and return the job's id."""
        invocation_id = uuid4()
        job_id = f"{invocation_id.hex}-1"
        self.enqueue(
            CreateJob(
                job_id=job_id,
                invocation_id=str(invocation_id),
                replicas=1,
                developer_id=str(self.developer_id),
                provider_id=str(self.provider_id),
                version_id=str(self.version_id),
                price_nano_per_ms=PRICE,
                max_ms=max_ms,
                max_cost_micro=cost_of(run_ms=max_ms, price_nano_per_ms=PRICE),
                ticket_digest=sha256_hex(job_id.encode()),
                pay_until_ms=self.clock.ms() + 3_600_000,
                placed_at_ms=self.clock.ms(),
            ),
            job_id,
        )
        return job_id

    def receipts(self, job_id: str, *, run_ms: int = 12_000, exit_state: ExitState = ExitState.SUCCEEDED) -> None:
        receipt = Receipt(
            job_id=job_id,
            ticket_digest=sha256_hex(job_id.encode()),
            run_ms=run_ms,
            exit_state=exit_state,
            output_digest=OUTPUT,
            finished_at_ms=self.clock.ms(),
        )
        jws = self.provider_key.sign(envelope.dump(receipt), signing.RECEIPT)
        self.enqueue(SubmitReceipt(job_id=job_id, receipt=jws), job_id)

    def confirms(self, job_id: str, *, observed_ms: int = 12_500) -> None:
        self.enqueue(ConfirmResult(job_id=job_id, output_digest=OUTPUT, observed_ms=observed_ms), job_id)

    def runs(self, jobs: int = 1, *, run_ms: int = 12_000) -> list[str]:
        """Enqueue whole jobs: created, receipted, confirmed."""
        ids = []
        for _ in range(jobs):
            job_id = self.creates()
            self.receipts(job_id, run_ms=run_ms)
            self.confirms(job_id, observed_ms=run_ms + 100)
            ids.append(job_id)
        return ids
