"""Measures the ledger on a Fabric network of its own: `benchmarks/run fabric [--small] [--json]`.

Whole jobs (create, receipt, confirm; settled by the contracts, each receipt's signature checked by both organisations)
in batches, against one transaction per operation in the same run.
"""

import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from benchmarks.summary import machine, summary
from chaincode.blocks import TransactionBody, TransactionRecord
from chaincode.contracts.genesis import Genesis
from chaincode.contracts.operations import (
    Approve,
    Arguments,
    ConfirmResult,
    CreateJob,
    Deposit,
    Mint,
    PublishVersion,
    RegisterProvider,
    SubmitReceipt,
    operation_text,
)
from chaincode.contracts.records import FeePolicy
from deploy.fabric import topology
from deploy.fabric.network import plan
from deploy.fabric.operator import Operator
from deploy.fabric.profiles import profile
from deploy.fabric.tools import NETWORK_DIRECTORY, Tools
from deploy.servers.ports import free_ports
from portal.ledger.fabric.ledger import FabricLedger
from wire import envelope
from wire.codec import encode
from wire.messages import Receipt
from wire.outcomes import ExitState
from wire.signing import OPERATION, RECEIPT, TRANSACTION, SigningKey, sha256_hex

_DIGEST = sha256_hex(b"benchmark")
_PRICE, _MAX_MS, _CREDIT = 1_000_000, 100, 1_000_000
_PER_JOB = 3


@dataclass(frozen=True, kw_only=True)
class Market:
    """One developer with one provider, and everybody's keys."""

    recorder: SigningKey = field(default_factory=SigningKey.generate)
    custody: SigningKey = field(default_factory=SigningKey.generate)
    treasury: SigningKey = field(default_factory=SigningKey.generate)
    provider: SigningKey = field(default_factory=SigningKey.generate)
    controller: SigningKey = field(default_factory=SigningKey.generate)
    peers: SigningKey = field(default_factory=SigningKey.generate)

    def genesis(self) -> Genesis:
        """Return what the ledger begins with."""
        return Genesis(
            controller_key_pem=self.recorder.public.pem,
            ticket_root_key_pem=SigningKey.generate().public.pem,
            custody_key_pem=self.custody.public.pem,
            treasury_key_pem=self.treasury.public.pem,
            organisations={"controller": self.controller.public.pem, "peers": self.peers.public.pem},
            fee_policy=FeePolicy(version=1, platform_ppm=50_000, peers_ppm=20_000),
            block_key_pem=SigningKey.generate().public.pem,
        )

    def opening(self) -> list[str]:
        """Return the operations that come before any job."""
        amount = 1_000_000 * _CREDIT
        version = PublishVersion(
            version_id="v",
            developer_id="dev",
            image=f"registry.example/demo@sha256:{_DIGEST}",
            price_ceiling_nano_per_ms=_PRICE,
            timeout_ms=_MAX_MS,
            memory_mb=64,
            cpu_millis=500,
            budget_micro_per_day=amount,
        )
        mint = operation_text("account.mint:1", Mint(account_id="dev", amount_micro=amount, reference="r"))
        approval = Approve(proposal_id="account.mint:1", digest=sha256_hex(mint.encode()))
        return [
            self.treasury.sign(mint.encode(), OPERATION),
            *(self._by(authority, approval, name) for name, authority in (("1", self.controller), ("2", self.peers))),
            self._by(self.custody, Deposit(account_id="dev", amount_micro=amount)),
            self._by(self.custody, version),
            operation_text(
                "provider.register:p",
                RegisterProvider(provider_id="p", account_id="pay", public_key_pem=self.provider.public.pem),
            ),
        ]

    def job(self) -> list[str]:
        """Return the operations of one whole job."""
        job_id = secrets.token_hex(12)
        now = now_ms()
        create = CreateJob(
            job_id=job_id,
            invocation_id=job_id,
            replicas=1,
            developer_id="dev",
            provider_id="p",
            version_id="v",
            price_nano_per_ms=_PRICE,
            max_ms=_MAX_MS,
            max_cost_micro=_MAX_MS * _PRICE // 1000,
            ticket_digest=_DIGEST,
            pay_until_ms=now + 3_600_000,
            placed_at_ms=now,
        )
        receipt = Receipt(
            job_id=job_id,
            ticket_digest=_DIGEST,
            run_ms=_MAX_MS // 2,
            exit_state=ExitState.SUCCEEDED,
            output_digest=_DIGEST,
            finished_at_ms=now,
        )
        signed = self.provider.sign(envelope.dump(receipt), RECEIPT)
        confirm = ConfirmResult(job_id=job_id, output_digest=_DIGEST, observed_ms=_MAX_MS // 2)
        return [
            operation_text(f"job.create:{job_id}", create),
            operation_text(f"job.receipt:{job_id}", SubmitReceipt(job_id=job_id, receipt=signed)),
            operation_text(f"job.confirm:{job_id}", confirm),
        ]

    def submit(self, ledger: FabricLedger, operations: Sequence[str]) -> float:
        """Commit a transaction and return how many milliseconds that took.

        :raises SystemExit: when an operation is refused: the measurement would be worth nothing.
        """
        body = TransactionBody(
            transaction_id=secrets.token_hex(16), timestamp_ms=now_ms(), operations=tuple(operations)
        )
        signed = self.recorder.sign(encode(body), TRANSACTION)
        begun = time.perf_counter()
        record = ledger.submit(signed)
        took = 1000 * (time.perf_counter() - begun)
        _all_applied(record)
        return took

    @staticmethod
    def _by(author: SigningKey, arguments: Arguments, name: str = "1") -> str:
        return author.sign(operation_text(f"{arguments.kind}:{name}", arguments).encode(), OPERATION)


def _all_applied(record: TransactionRecord) -> None:
    for result in record.results:
        if result.status != "applied":
            sys.exit(f"benchmark: {result.operation_id} was {result.status}: {result.reason} {result.detail}")


def now_ms() -> int:
    """Return the machine's time."""
    return time.time_ns() // 1_000_000


@contextmanager
def network(directory: Path, genesis: Genesis, *, small: bool) -> Iterator[Operator]:
    """Yield a new network whose ledger has begun."""
    operator = Operator(directory / "network", Tools(directory=NETWORK_DIRECTORY.parent / "var" / "fabric-bin"), _say)
    path = directory / "genesis.json"
    path.write_text(genesis.text())
    wanted = topology.read(NETWORK_DIRECTORY / "topology.toml", small=small)
    try:
        operator.up(lambda: plan(wanted, free_ports), path)
        yield operator
    finally:
        operator.down()


def measure(ledger: FabricLedger, market: Market, operator: Operator, rounds: int) -> dict[str, object]:
    """Return all figures of one network."""
    market.submit(ledger, market.opening())
    single = [market.submit(ledger, [operation]) for _ in range(rounds) for operation in market.job()]
    whole = [market.submit(ledger, market.job()) for _ in range(rounds)]
    evaluate = [_timed(lambda: ledger.get("fees")) for _ in range(rounds)]
    rows: list[dict[str, object]] = []
    for size in (10, 100, 333):
        batches = [_jobs(market, size) for _ in range(max(rounds // 8, 3))]
        before = _processor_ms(operator)
        took = [market.submit(ledger, batch) for batch in batches]
        jobs = size * len(took)
        used = {name: round((ms - before[name]) / jobs, 2) for name, ms in _processor_ms(operator).items()}
        rows.append(
            {
                "jobs": size,
                "jobs_a_second": round(1000 * jobs / sum(took)),
                "milliseconds": asdict(summary(took)),
                "processor_ms_a_job": used,
            }
        )
    return {
        "evaluate": asdict(summary(evaluate)),
        "one_operation": asdict(summary(single)),
        "one_job": asdict(summary(whole)),
        "jobs_a_second_by_single_operations": round(1000 * len(single) / _PER_JOB / sum(single), 1),
        "batches": rows,
    }


def _jobs(market: Market, count: int) -> list[str]:
    return [operation for _ in range(count) for operation in market.job()]


def _timed(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - begun)


def _processor_ms(operator: Operator) -> dict[str, float]:
    """Return how much processor time each process, this one as well, has used."""
    pids = {**operator.daemons.running(), "submitter": os.getpid()}
    return {name: _ticks(pid) * 1000 / os.sysconf("SC_CLK_TCK") for name, pid in sorted(pids.items())}


def _ticks(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def _memory(operator: Operator) -> dict[str, int]:
    """Return the resident memory of each process in MiB."""
    found = {}
    for name, pid in sorted(operator.daemons.running().items()):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        found[name] = pages * 4096 // 2**20
    return found


def _say(words: str) -> None:
    click.echo(words, err=True)


@click.command()
@click.option("--small", is_flag=True, help="One orderer, and one peer an organisation.")
@click.option("--rounds", default=40, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, on one line.")
def main(*, small: bool, rounds: int, as_json: bool) -> None:
    """Measure submit to committed on a Fabric network."""
    before, market = machine(), Market()
    with tempfile.TemporaryDirectory(prefix="chainfaas-") as directory:  # noqa: SIM117 - too long for one line
        with network(Path(directory), market.genesis(), small=small) as operator:
            made = operator.network()
            with FabricLedger(profile(operator.places, made, "controller", "recorder")) as ledger:
                found = measure(ledger, market, operator, rounds)
            found |= {"memory_mib": _memory(operator), "nodes": len(made.nodes), "machine": before.plain()}
    click.echo(json.dumps(found, indent=None if as_json else 2))


if __name__ == "__main__":
    main()
